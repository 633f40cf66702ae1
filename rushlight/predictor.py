"""Asking a model file: words, a picture, a signal or numbers in, labels with probabilities out."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.core.mode import no_grad
from rushlight.data.pictures import read_digit
from rushlight.data.signals import read_signal
from rushlight.data.text import Vocabulary
from rushlight.formats.model import load_model
from rushlight.tensor import Tensor

KINDS = {
    "text-classifier": "text",
    "image-classifier": "a picture",
    "signal-classifier": "a CSV file",
    "regressor": "numbers",
}


@dataclass(frozen=True)
class Prediction:
    """What a network answered to one input.

    `probabilities` has one entry per label, in the labels' order; a regressor has none, but
    `values`. `notes` say what was done to the input first; `signal` is the one that was asked
    about, float32 (channels, length), where it was one.
    """

    label: str
    probabilities: dict[str, float]
    values: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    signal: Any = field(default=None, repr=False, compare=False)

    @property
    def confidence(self) -> float:
        """The probability of the label."""
        return self.probabilities[self.label]


class Predictor:
    """A model file made ready to answer; the file alone holds all that it takes.

    Raises:
        FormatError: for a file that is no model, or of a kind that this version does not know.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        loaded = load_model(path)
        self.path = path
        self.model = loaded.model
        self.task = loaded.task or {}
        self.training = loaded.training or {}
        self.kind = str(self.task.get("kind"))
        if self.kind not in KINDS:
            known = ", ".join(KINDS)
            raise FormatError(f"its task is {self.kind}, not one of {known}", path=path)
        self._check_task()

    def _check_task(self) -> None:
        """Raise unless the task has what its kind needs."""
        task = self.task
        if self.kind != "regressor":
            labels = task.get("labels")
            if not _is_list_of(labels, str) or not labels:
                raise FormatError("its task has no list of labels", path=self.path)
            self.labels: list[str] = list(labels)
        if self.kind == "text-classifier":
            try:
                self.vocabulary = Vocabulary.from_task(task)
            except FormatError as error:
                raise FormatError(error.fact, path=self.path) from None
        if self.kind == "image-classifier" and not (
            _is_list_of(task.get("shape"), int) and isinstance(task.get("scale"), float)
        ):
            raise FormatError("its task has no shape and scale of pictures", path=self.path)
        if self.kind == "signal-classifier" and not (
            _is_list_of(task.get("channels"), str)
            and task["channels"]
            and type(task.get("length")) is int
        ):
            raise FormatError("its task has no channels and length of signals", path=self.path)

    def ask(self, given: str) -> Prediction:
        """Answer a sentence, the path of a picture or signal, or numbers, as the network takes."""
        ways = {
            "text-classifier": self.text,
            "image-classifier": self.picture,
            "signal-classifier": self.signal,
            "regressor": self.numbers,
        }
        return ways[self.kind](given)

    def text(self, text: str) -> Prediction:
        """Answer a sentence."""
        self._expect("text-classifier")
        ids = self.vocabulary.encode(text)
        if len(ids) == 0:
            raise DataError(f"there is no word in {text!r:.60}", hint="write a sentence")
        unknown = int((ids == 0).sum())
        notes: tuple[str, ...] = ()
        if unknown == len(ids):
            notes = ("none of these words was seen in training",)
        elif unknown:
            words = len(self.vocabulary.tokenizer.pieces(text))
            notes = (f"{unknown} of {words} words were not seen in training",)
        return self._classify(ids[None], notes)

    def picture(self, path: str | os.PathLike[str]) -> Prediction:
        """Answer the picture in a file."""
        self._expect("image-classifier")
        picture = read_digit(path)
        return self.pixels(picture.pixels, picture.notes)

    def pixels(self, pixels: Any, notes: tuple[str, ...] = ()) -> Prediction:
        """Answer a uint8 picture that already looks as those in training did."""
        self._expect("image-classifier")
        scaled = pixels.astype(np.float32) * np.float32(self.task["scale"])
        return self._classify(scaled.reshape(1, *self.task["shape"]), notes)

    def signal(self, path: str | os.PathLike[str]) -> Prediction:
        """Answer the signal in a CSV file, whose columns are its channels."""
        self._expect("signal-classifier")
        signal = read_signal(path, self.task["channels"], self.task["length"])
        return replace(self._classify(signal[None], ()), signal=signal)

    def numbers(self, text: str) -> Prediction:
        """Answer numbers written with spaces or commas between."""
        self._expect("regressor")
        try:
            numbers = [float(word) for word in text.replace(",", " ").split()]
        except ValueError:
            raise DataError(f"{text!r:.60} is not made of numbers", hint='write "0 1"') from None
        if not all(map(math.isfinite, numbers)):
            raise DataError(f"{text!r:.60} has a number that is not finite")
        wanted = self.task.get("inputs")
        if wanted is not None and len(numbers) != wanted:
            raise DataError(f"the network takes {wanted} numbers, got {len(numbers)}")
        x = Tensor([numbers], dtype=next(self.model.parameters()).dtype)
        with no_grad():
            values = tuple(self.model(x).reshape(-1).tolist())
        self._check_finite(values)
        return Prediction(" ".join(f"{value:.4f}" for value in values), {}, values)

    def _classify(self, x: Any, notes: tuple[str, ...]) -> Prediction:
        with no_grad():
            scores = self.model(Tensor(x))
        if scores.shape != (1, len(self.labels)):
            fact = f"the network gives {scores.shape} scores for {len(self.labels)} labels"
            raise FormatError(fact, path=self.path)
        shares = scores.softmax().tolist()[0]
        self._check_finite(shares)
        probabilities = dict(zip(self.labels, shares, strict=True))
        return Prediction(max(self.labels, key=probabilities.__getitem__), probabilities, (), notes)

    def _check_finite(self, values: Iterable[float]) -> None:
        for value in values:
            if not math.isfinite(value):
                raise DataError(f"the network answers {value}, which is no finite number")

    def _expect(self, kind: str) -> None:
        if self.kind != kind:
            takes = KINDS[self.kind]
            raise UsageError(f"{os.fspath(self.path)} takes {takes}, not {KINDS[kind]}")


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)
