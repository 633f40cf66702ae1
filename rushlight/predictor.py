"""Asking a model file: words, a picture, a signal or numbers in, labels with probabilities out."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.core.dtypes import DType, float32, int64
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.core.mode import no_grad
from rushlight.data.dataset import Dataset
from rushlight.data.exchange import Exchange
from rushlight.data.folders import fitted
from rushlight.data.ink import Pixels
from rushlight.data.loader import DataLoader
from rushlight.data.pictures import read_digit, read_picture
from rushlight.data.signals import read_signal
from rushlight.data.tokenizers import tokenizer_of
from rushlight.formats.model import load_model
from rushlight.nn.module import Module
from rushlight.tensor import Tensor
from rushlight.train.evaluate import predict
from rushlight.train.explain import Explanation, explain

AT_ONCE = 250  # pictures
DIGIT = 28 * 28  # pixels
MOST_INPUTS = 1 << 31  # numbers in an item

KINDS = {
    "text-classifier": "text",
    "image-classifier": "a picture",
    "signal-classifier": "a signal in a CSV file",
    "number-classifier": "numbers",
    "regressor": "numbers",
    "text-to-text": "text",
}
UNLABELLED = ("regressor", "text-to-text")


@dataclass(frozen=True)
class Prediction:
    """What a network answered to one input.

    `probabilities` has one entry per label, in the labels' order; a regressor has none, but
    `values`. `notes` say what was done to the input first; `signal` is the one that was asked
    about, float32 (channels, length), where it was one; `why` is what `explain` tells.
    """

    label: str
    probabilities: dict[str, float]
    values: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    signal: Any = field(default=None, repr=False, compare=False)
    why: Explanation | None = field(default=None, repr=False)

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
            given = f"its task is {self.kind}" if loaded.task else "it has no task"
            known = ", ".join(KINDS)
            hint = 'rl.save(path, model, task={"kind": ...}) says how it is asked'
            if self.kind == "text-generator":
                hint = "rushlight generate lets it write"
            raise FormatError(f"{given}, not one of {known}", path=path, hint=hint)
        self._check_task()

    def _check_task(self) -> None:
        """Raise unless the task has what its kind needs."""
        task = self.task
        self.labels: list[str] = []
        if self.kind not in UNLABELLED:
            labels = task.get("labels")
            if not _is_list_of(labels, str) or not labels:
                raise FormatError("its task has no list of labels", path=self.path)
            self.labels = list(labels)
        try:
            if self.kind == "text-classifier":
                self.vocabulary = tokenizer_of(task)
            if self.kind == "text-to-text":
                self.exchange = Exchange.from_task(task)
        except FormatError as error:
            raise FormatError(error.fact, path=self.path) from None
        if self.kind == "image-classifier":
            scale, shape = task.get("scale"), task.get("shape", [])
            known = isinstance(scale, float) and abs(scale) <= float(np.finfo(np.float32).max)
            if not known or not _is_list_of(shape, int) or min(shape, default=0) < 1:
                raise FormatError("its task has no shape and scale of pictures", path=self.path)
        if self.kind == "signal-classifier" and not (
            _is_list_of(task.get("channels"), str)
            and task["channels"]
            and type(task.get("length")) is int
        ):
            raise FormatError("its task has no channels and length of signals", path=self.path)
        if self.kind == "number-classifier" and not (
            type(task.get("inputs")) is int and task["inputs"] > 0
        ):
            raise FormatError("its task has no count of inputs", path=self.path)

    def ask(self, given: str) -> Prediction:
        """Answer a sentence, the path of a picture or signal, or numbers, as the network takes."""
        ways = {
            "text-classifier": self.text,
            "image-classifier": self.picture,
            "signal-classifier": self.signal,
            "number-classifier": self.numbers,
            "regressor": self.numbers,
            "text-to-text": self.answer,
        }
        return ways[self.kind](given)

    def text(self, text: str) -> Prediction:
        """Answer a sentence."""
        self._expect("text-classifier")
        ids = self.vocabulary.encode(text)
        if len(ids) == 0:
            raise DataError(f"there is no word in {text!r:.60}", hint="write a sentence")
        unknown = sum(map(self.vocabulary.is_unknown, ids.tolist()))
        notes: tuple[str, ...] = ()
        if unknown == len(ids):
            notes = ("none of these words was seen in training",)
        elif unknown:
            words, _ = self.vocabulary.spans(text)
            notes = (f"{unknown} of {len(words)} words were not seen in training",)
        return self._classify(Tensor(ids[None]), notes)

    def explain(self, text: str) -> Prediction:
        """Answer a sentence and tell which of its words decided: `why` of the prediction.

        Raises UsageError for a network that takes no texts, or looks no word up in a table.

        >>> Predictor("spam.safetensors").explain("Win money").why.words  # doctest: +SKIP
        (Reason(text='win', score=5.1, ...), Reason(text='money', score=4.9, ...))
        """
        if self.kind != "text-classifier":
            fact = f"{os.fspath(self.path)} is of kind {self.kind}"
            raise UsageError(f"{fact}, and why is told of a text-classifier alone")
        prediction = self.text(text)
        why = explain(self.model, self.vocabulary, text, self.labels.index(prediction.label))
        self._check_finite(reason.score for reason in why.tokens)
        return replace(prediction, why=why)

    def picture(self, path: str | os.PathLike[str]) -> Prediction:
        """Answer the picture in a file."""
        return self.pixels(*self.read_picture(path))

    def read_picture(self, path: str | os.PathLike[str]) -> tuple[Pixels, tuple[str, ...]]:
        """Return the pixels of a picture as those in training looked, and what was done to it.

        Where the network takes 28x28 pixels, the picture is one of a digit, and becomes one of
        MNIST. Others are read as `image_folder` reads them.
        """
        self._expect("image-classifier")
        shape = self.task["shape"]
        if math.prod(shape) == DIGIT:
            digit = read_digit(path)
            return digit.pixels, digit.notes
        if len(shape) != 3 or shape[0] not in (1, 3):
            fact = f"a file of a picture does not become {tuple(shape)}, the shape in its task"
            raise FormatError(fact, path=self.path, hint="(channels, height, width)")
        pixels = read_picture(path)
        height, width = pixels.shape[:2]
        resized = [] if [height, width] == shape[1:] else [f"resized from {width}x{height}"]
        return fitted(pixels, (shape[1], shape[2]), shape[0]), tuple(resized)

    def pixels(self, pixels: Any, notes: tuple[str, ...] = ()) -> Prediction:
        """Answer a uint8 picture that already looks as those in training did."""
        self._expect("image-classifier")
        self._check_pixels(pixels.shape)
        scaled = Tensor(pixels.astype(np.float32) * np.float32(self.task["scale"]))
        return self._classify(scaled.reshape(1, *self.task["shape"]), notes)

    def signal(self, path: str | os.PathLike[str]) -> Prediction:
        """Answer the signal in a CSV file, whose columns are its channels."""
        self._expect("signal-classifier")
        signal = read_signal(path, self.task["channels"], self.task["length"])
        return replace(self._classify(Tensor(signal[None]), ()), signal=signal)

    def numbers(self, text: str) -> Prediction:
        """Answer numbers written with spaces or commas between."""
        self._expect("regressor", "number-classifier")
        try:
            numbers = [float(word) for word in text.replace(",", " ").split()]
        except ValueError:
            raise DataError(f"{text!r:.60} is not made of numbers", hint='write "0 1"') from None
        if not all(map(math.isfinite, numbers)):
            raise DataError(f"{text!r:.60} has a number that is not finite")
        wanted = self.task.get("inputs")
        if wanted is not None and len(numbers) != wanted:
            hint = 'all of them are one input: "1 2 3"' if len(numbers) == 1 else None
            raise DataError(f"the network takes {wanted} numbers, got {len(numbers)}", hint=hint)
        x = Tensor([numbers], dtype=_dtype_of(self.model))
        if self.kind == "number-classifier":
            return self._classify(x, ())
        values = tuple(self._answer(x).reshape(-1).tolist())
        self._check_finite(values)
        return Prediction(" ".join(f"{value:.4f}" for value in values), {}, values)

    def answer(self, question: str) -> Prediction:
        """Answer a text by another, whose chance is that of all its characters together."""
        self._expect("text-to-text")
        ids = self.exchange.asked([question])
        scores = self._answer(Tensor(ids))
        if scores.shape != (*ids.shape, len(self.exchange.tokenizer)):
            fact = f"the network gives {scores.shape} scores for {ids.size} characters"
            raise FormatError(fact, path=self.path)
        chances = scores[0, -self.exchange.answer :].softmax().numpy()
        self._check_finite(chances.ravel())
        text = self.exchange.read(chances.argmax(-1))
        return Prediction(text, {text: float(chances.max(-1).prod())})

    def outputs(self, given: Any) -> Tensor:
        """Return what the network gives for many inputs, a row each.

        Args:
            given: sentences with a word in each; questions; pictures as `pixels` takes them, uint8
                (n, ...); signals, float32 (n, channels, length); or rows of numbers (n, inputs).

        Raises FormatError where the network gives other than a row an input, or a classifier
        another number of scores than it has labels.
        """
        with np.errstate(all="ignore"):
            if self.kind == "text-classifier":
                outputs = self._outputs_of_texts([self.vocabulary.encode(text) for text in given])
            elif self.kind == "text-to-text":
                outputs = predict(self.model, Dataset(self.exchange.asked(given))).outputs
            elif self.kind == "image-classifier":
                shape, scale = self.task["shape"], self.task["scale"]
                self._check_pixels(given.shape[1:])
                loader = DataLoader(
                    Dataset(given), AT_ONCE, prepare=lambda x: x.reshape(len(x), *shape) * scale
                )
                outputs = predict(self.model, loader).outputs
            else:
                rows = np.asarray(given).astype(_dtype_of(self.model).storage)
                outputs = predict(self.model, Dataset(rows)).outputs
        if len(outputs) != len(given):
            fact = f"the network gives {len(outputs)} answers to {len(given)} inputs"
            raise FormatError(fact, path=self.path)
        if self.labels and outputs.shape[1:] != (len(self.labels),):
            fact = f"the network gives {outputs.shape[1:]} scores for {len(self.labels)} labels"
            raise FormatError(fact, path=self.path)
        return outputs

    def _outputs_of_texts(self, encoded: list[Any]) -> Tensor:
        """Return the outputs of texts: those of one length at once, so that none is filled up."""
        places: dict[int, list[int]] = {}
        for place, ids in enumerate(encoded):
            places.setdefault(len(ids), []).append(place)
        rows: dict[int, Any] = {}
        for same in places.values():
            ids = Dataset(np.stack([encoded[place] for place in same]))
            found = predict(self.model, ids, compiled=False).outputs.numpy()
            rows.update(zip(same, found, strict=True))
        return Tensor(np.stack([rows[place] for place in range(len(encoded))]))

    def _answer(self, x: Tensor) -> Tensor:
        with no_grad(), np.errstate(all="ignore"):
            found = self.model(x)
        if not isinstance(found, Tensor):
            fact = f"the network gives {type(found).__name__}, not one tensor"
            raise FormatError(fact, path=self.path)
        return found

    def _classify(self, x: Tensor, notes: tuple[str, ...]) -> Prediction:
        scores = self._answer(x)
        if scores.shape != (1, len(self.labels)):
            fact = f"the network gives {scores.shape} scores for {len(self.labels)} labels"
            raise FormatError(fact, path=self.path)
        shares = scores.softmax().tolist()[0]
        self._check_finite(shares)
        probabilities = dict(zip(self.labels, shares, strict=True))
        return Prediction(max(self.labels, key=probabilities.__getitem__), probabilities, (), notes)

    def _check_pixels(self, shape: tuple[int, ...]) -> None:
        wanted = tuple(self.task["shape"])
        if math.prod(shape) != math.prod(wanted):
            raise DataError(f"the network takes pictures of {wanted}, these are {shape}")

    def _check_finite(self, values: Iterable[float]) -> None:
        for value in values:
            if not math.isfinite(value):
                raise DataError(f"the network answers {value}, which is no finite number")

    def _expect(self, *kinds: str) -> None:
        if self.kind not in kinds:
            takes = KINDS[self.kind]
            raise UsageError(f"{os.fspath(self.path)} takes {takes}, not {KINDS[kinds[0]]}")


def example_input(model: Module, task: Mapping[str, Any]) -> Tensor | None:
    """Return zeros such as a network takes for one item, for texts four words.

    None where its task does not say what it takes.

    >>> from rushlight.nn.linear import Linear
    >>> example_input(Linear(2, 1), {"kind": "regressor", "inputs": 2})
    tensor([[0., 0.]])
    """
    shape: Any
    kind, dtype = task.get("kind"), float32
    if kind == "text-classifier":
        shape, dtype = [4], int64
    elif kind == "text-to-text":
        lengths = [task.get("question"), task.get("answer")]
        shape, dtype = [sum(lengths) if _is_list_of(lengths, int) else 0], int64
    elif kind == "image-classifier":
        shape = task.get("shape")
    elif kind == "signal-classifier":
        channels = task.get("channels")
        shape = [len(channels) if isinstance(channels, list) else 0, task.get("length")]
    else:
        shape = [task.get("inputs")]
        dtype = _dtype_of(model)
    if kind not in KINDS or not _is_list_of(shape, int) or min(shape, default=0) < 1:
        return None
    if math.prod(shape) > MOST_INPUTS:
        return None
    zero = np.zeros((), dtype.storage)
    return Tensor.wrap(np.broadcast_to(zero, (1, *shape)), dtype)  # of one element's memory


def _dtype_of(model: Module) -> DType:
    """Return the dtype that a network computes with."""
    return next((parameter.dtype for parameter in model.parameters()), float32)


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)
