"""The training step of an exported model: what it takes, what it changes, where that lies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from rushlight.compile.function import compile as compiled
from rushlight.core.dtypes import int64
from rushlight.core.errors import UsageError
from rushlight.core.primitive import Array
from rushlight.creation import zeros
from rushlight.export.subject import Buffer, Subject
from rushlight.graph.ir import Graph
from rushlight.graph.trace import trace
from rushlight.nn.module import Module, Parameter
from rushlight.ops.losses import cross_entropy, mse_loss
from rushlight.optim.adam import Adam, AdamW
from rushlight.optim.lion import Lion
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.rmsprop import RMSprop
from rushlight.optim.sgd import SGD
from rushlight.tensor import Tensor

OPTIMIZERS: dict[str, Callable[[list[Parameter]], Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "lion": Lion,
}
TEST_RATE = 0.01
TEST_STEPS = 3


@dataclass(frozen=True, eq=False)
class Learner:
    """A model that goes on learning.

    Attributes:
        subject: the model, asked about as many inputs as a step takes.
        optimizer: over its parameters.
        labels: the buffer of what is right.
    """

    subject: Subject
    optimizer: Optimizer
    labels: Buffer

    def step(self, *batch: Tensor) -> Tensor:
        """Train on a batch of inputs and labels; return the loss."""
        loss = self._loss()
        self.optimizer.zero_grad()
        value = loss(self.subject.scores(*batch[:-1]), batch[-1])
        value.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return value

    def graph(self) -> Graph:
        """Return the graph of a step, in training mode."""
        model = self.subject.model
        buffers = (*self.subject.inputs, self.labels)
        model.train()
        try:
            return trace(self.step, *(one.example() for one in buffers))
        finally:
            model.eval()

    def samples(self) -> list[Array]:
        """Return inputs and labels to test a step with, the same ones each time."""
        random = np.random.default_rng(1)
        labels: Any
        if self.labels.dtype is int64:
            labels = random.integers(0, len(self.subject.labels), self.labels.shape)
        else:
            labels = random.standard_normal(self.labels.shape).astype(self.labels.dtype.storage)
        return [*self.subject.samples(), labels]

    def expected(self, samples: list[Array]) -> Array:
        """Return the losses of some compiled steps; the model is changed."""
        step = compiled(self.step)
        self.optimizer.lr.assign(zeros((), dtype=self.optimizer.lr.dtype) + TEST_RATE)
        self.subject.model.train()
        losses = [step(*map(Tensor.wrap, samples)).numpy() for _ in range(TEST_STEPS)]
        self.subject.model.eval()
        return np.array(losses)

    def _loss(self) -> Callable[[Any, Any], Tensor]:
        own = getattr(self.subject.model, "loss", None)
        if callable(own):
            return own  # type: ignore[no-any-return]
        return cross_entropy if self.subject.labels else mse_loss


def learner_of(subject: Subject, optimizer: str, batch: int) -> Learner:
    """Return the learner of a subject, which trains on so many inputs a step.

    Raises:
        UsageError: there is no such optimizer, or nothing to train.
    """
    if subject.words:
        if batch != 1:
            raise UsageError("a text classifier learns from one text a step, so there is no batch")
    else:
        subject = replace(
            subject,
            batch=batch,
            inputs=tuple(_resized(one, batch) for one in subject.inputs),
            output=_resized(subject.output, batch),
        )
    kind = int64 if subject.labels else subject.output.dtype
    labels = Buffer("labels", (batch,) if subject.labels else subject.output.shape, kind)
    return Learner(subject, _optimizer(optimizer, subject.model), labels)


def _resized(buffer: Buffer, batch: int) -> Buffer:
    return replace(buffer, shape=(batch, *buffer.shape[1:]))


def _optimizer(name: str, model: Module) -> Optimizer:
    parameters = [x for x in model.parameters() if x.requires_grad]
    if not parameters:
        raise UsageError("the model has no parameter to train")
    if name not in OPTIMIZERS:
        raise UsageError(f"there is no optimizer {name!r}", hint=f"one of {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name](parameters)
