"""What is exported: the function that a model computes, traced for inputs of one shape."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.compile.function import compile as compiled
from rushlight.core.dtypes import DType, float32, int64
from rushlight.core.errors import RushlightError, UsageError
from rushlight.core.mode import no_grad
from rushlight.core.primitive import Array
from rushlight.creation import zeros
from rushlight.data.text import Vocabulary
from rushlight.export.names import identifier
from rushlight.graph.ir import Graph
from rushlight.graph.trace import trace
from rushlight.nn.containers import Sequential
from rushlight.nn.dropout import WordDropout
from rushlight.nn.embedding import EmbeddingBag, shared
from rushlight.nn.module import Module
from rushlight.ops.elementwise import where
from rushlight.ops.gather import take
from rushlight.predictor import Predictor
from rushlight.tensor import Tensor, as_tensor

Forward = Callable[..., Tensor]

WORDS = 256  # at most in a text, unless told otherwise


@dataclass(frozen=True)
class Buffer:
    """One argument of the exported function, or its result.

    Attributes:
        name: its name in C.
        shape: its shape; a scalar is passed by value.
        dtype: of its elements.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType

    def example(self) -> Tensor:
        """Return zeros like it."""
        return zeros(self.shape, dtype=self.dtype)

    @property
    def parameter(self) -> str:
        """The parameter of a C function that it is."""
        if not self.shape:
            return f"{self.dtype.c} {self.name}"
        return f"const {self.dtype.c} *{self.name}"


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and how it is asked.

    Attributes:
        name: what it is called in C.
        title: the name of its file, for people.
        kind: of its task, as in the model file.
        task: all facts of the task.
        model: in evaluation mode.
        batch: how many inputs a call takes.
        inputs: the arguments of `answer`.
        scores: tensors to what the network itself gives.
        answer: tensors to probabilities, or for a regressor to values; traced it is what is
            exported.
        output: what it gives.
        labels: of the probabilities; none for a regressor.
    """

    name: str
    title: str
    kind: str
    task: dict[str, Any]
    model: Module
    batch: int
    inputs: tuple[Buffer, ...]
    scores: Forward
    answer: Forward
    output: Buffer
    labels: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """How many words of a text the exported function takes at most; 0 where it takes none."""
        return self.inputs[0].shape[0] if self.kind == "text-classifier" else 0

    def graph(self) -> Graph:
        """Return the graph of `answer`. Raises UsageError where it cannot be exported."""
        with no_grad():
            graph = trace(self.answer, *(one.example() for one in self.inputs))
        if graph.updates:
            raise UsageError("the model changes tensors when it is asked, so it cannot be exported")
        return graph

    def samples(self) -> list[Array]:
        """Return arguments to test the exported function with, the same ones each time."""
        random = np.random.default_rng(0)
        if self.kind == "text-classifier":
            rows = len(self.task["vocabulary"])
            count = min(8, self.words)
            ids = np.zeros(self.words, np.int64)
            ids[:count] = random.integers(0, rows, count)
            return [ids, np.array(count, np.int64)]
        (one,) = self.inputs
        if self.kind == "image-classifier":
            pixels = random.integers(0, 256, one.shape).astype(np.float32)
            return [pixels * np.float32(self.task["scale"])]
        return [random.standard_normal(one.shape).astype(one.dtype.storage)]

    def expected(self, samples: list[Array]) -> Array:
        """Return what the compiled function answers here."""
        with no_grad():
            found: Array = compiled(self.answer)(*map(Tensor.wrap, samples)).numpy()
        return found


def subject_of(path: str | os.PathLike[str], batch: int = 1, words: int = WORDS) -> Subject:
    """Return the subject of a model file.

    Args:
        path: the file.
        batch: how many inputs each call takes.
        words: how many words a text has at most.

    Raises:
        FormatError: the file is no model, or none that `rushlight predict` could ask.
        UsageError: the model cannot be exported like this.
    """
    predictor = Predictor(path)
    model, kind, task = predictor.model, predictor.kind, predictor.task
    inputs = _inputs(predictor, batch, words)
    scores = _text_scores(model) if kind == "text-classifier" else model
    labels = tuple(predictor.labels) if kind != "regressor" else ()
    answer = _probabilities(scores) if labels else scores
    output = _output(answer, inputs, (batch, len(labels)) if labels else (batch,))
    title = Path(path).name
    name = identifier(Path(path))
    return Subject(name, title, kind, task, model, batch, inputs, scores, answer, output, labels)


def _inputs(predictor: Predictor, batch: int, words: int) -> tuple[Buffer, ...]:
    task = predictor.task
    if predictor.kind == "text-classifier":
        vocabulary = predictor.vocabulary
        if not isinstance(vocabulary, Vocabulary) or not vocabulary.is_plain:
            raise UsageError(
                "the model's tokenizer cannot be exported: the C cuts texts into plain words only",
                hint="train with Vocabulary.build(texts), or ask the model in Python",
            )
        if batch != 1:
            raise UsageError("a text classifier answers one text a call, so there is no batch")
        return Buffer("ids", (words,), int64), Buffer("count", (), int64)
    if predictor.kind == "image-classifier":
        return (Buffer("input", (batch, *task["shape"]), float32),)
    if predictor.kind == "signal-classifier":
        return (Buffer("input", (batch, len(task["channels"]), task["length"]), float32),)
    if predictor.kind == "text-to-text":
        raise UsageError("a network that answers texts by texts cannot be exported")
    if type(task.get("inputs")) is not int:
        raise UsageError("the model file does not say how many numbers the network takes")
    dtype = next(predictor.model.parameters()).dtype
    return (Buffer("input", (batch, task["inputs"]), dtype),)


def _output(answer: Forward, inputs: Sequence[Buffer], wanted: tuple[int, ...]) -> Buffer:
    """Return what a network gives. Raises UsageError if that is not as wanted."""
    try:
        with no_grad():
            outputs = trace(answer, *(one.example() for one in inputs)).outputs
    except RushlightError as error:
        raise UsageError(f"the network cannot be asked as its task says: {error.fact}") from None
    if len(outputs) != 1:
        raise UsageError(f"the network gives {len(outputs)} results, not one")
    spec = outputs[0].spec
    if spec.shape[: len(wanted)] != wanted:
        raise UsageError(f"the network answers {spec.shape}, its task needs {wanted}")
    return Buffer("output", spec.shape, spec.dtype)


def _probabilities(scores: Forward) -> Forward:
    def probabilities(*inputs: Tensor) -> Tensor:
        return scores(*inputs).softmax()

    return probabilities


def _text_scores(model: Module) -> Forward:
    """Return the function of ids (words,), of which the first `count` are a text."""
    before, bag, after = split_bag(model)

    def scores(ids: Tensor, count: Tensor) -> Tensor:
        rows: Any = ids.unsqueeze(0)
        for layer in before:
            rows = layer(rows)
        x = pooled(bag, rows.squeeze(0), count)
        for layer in after:
            x = layer(x)
        return x

    return scores


def split_bag(model: Module) -> tuple[list[Module], EmbeddingBag, list[Module]]:
    """Return the layers before the EmbeddingBag of a text classifier, the bag, those after it."""
    layers = _layers(model)
    for number, layer in enumerate(layers):
        if isinstance(layer, EmbeddingBag):
            return layers[:number], layer, layers[number + 1 :]
        if not isinstance(layer, WordDropout):
            break
    fact = "a text classifier is exported if its first layer is an EmbeddingBag"
    raise UsageError(f"{fact}, this one begins with {type(layers[0]).__name__}")


def _layers(module: Module) -> list[Module]:
    """Return what is computed one after another, without the containers."""
    if isinstance(module, Sequential) and len(module) > 0:
        return [layer for part in module for layer in _layers(part)]
    return [module]


def pooled(bag: EmbeddingBag, ids: Tensor, count: Tensor) -> Tensor:
    """Return the bag (1, width) of the first `count` of ids (words,)."""
    words = ids.shape[0]
    rows: Any = take(bag.weight, ids)
    used: Any = as_tensor(np.arange(words)) < count
    if bag.padding is not None:
        used = used & (ids != bag.padding)
    total: Tensor = where(used.unsqueeze(1), rows, 0.0).sum(0, keepdims=True)
    return shared(total, used.cast(rows.dtype).sum(), bag.mode)
