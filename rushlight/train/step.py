"""One step of training: forward, backward, update."""

import functools
import itertools
import operator
from collections.abc import Callable
from typing import Any

from rushlight.core.errors import DataError, UsageError
from rushlight.nn.module import Module
from rushlight.ops.movement import concat
from rushlight.optim.average import Average
from rushlight.optim.clip import clip_grad_norm
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Schedule
from rushlight.tensor import Tensor

Loss = Callable[[Any, Tensor], Tensor]
Step = Callable[..., tuple[Tensor, Any]]


def make_step(
    model: Module,
    loss: Loss | None,
    optimizer: Optimizer,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    average: Average | None = None,
    accumulate: int = 1,
) -> Step:
    """Return the function `step(*inputs, labels)` that trains a model on a batch.

    It returns the loss and what the model gave, and leaves no gradients; `rl.compile` takes it as
    it is. Without a `loss` the model's own is used. With `accumulate`, it goes forward and back
    for so many parts of the batch one after another, then updates once by the sum of their
    gradients, each weighted by its share of the rows: for a loss that is a mean over the rows, the
    gradient of the whole batch, in the memory of a part.

    >>> import rushlight as rl
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    >>> step = make_step(model, rl.nn.functional.mse_loss, optimizer)
    >>> before, after = [step(rl.ones(4, 1), rl.zeros(4, 1))[0] for _ in range(2)]
    >>> after.item() < before.item()
    True
    """
    parameters = optimizer.parameters
    loss_function = loss_of(model, loss)

    def step(*batch: Tensor) -> tuple[Tensor, Any]:
        optimizer.zero_grad()
        output, value = _forth_and_back(model, loss_function, batch, accumulate)
        if clip_norm is not None:
            clip_grad_norm(parameters, clip_norm)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        if average is not None:
            average.update()
        optimizer.zero_grad()
        return value, output

    return step


def check_model(model: Any) -> None:
    """Raise UsageError unless `model` is a Module."""
    if not isinstance(model, Module):
        raise UsageError(f"model is no Module but a {type(model).__name__}")


def loss_of(model: Module, loss: Any) -> Loss:
    """Return `loss`, or the model's own where it is None.

    Raises:
        UsageError: there is neither, or it cannot be called.

    >>> import rushlight as rl
    >>> loss_of(rl.nn.build().input(2).linear(1).mse(), None)(rl.ones(1, 1), rl.zeros(1, 1))
    tensor(1.)
    """
    found = getattr(model, "loss", None) if loss is None else loss
    if found is None:
        hint = "loss=rl.nn.functional.cross_entropy"
        raise UsageError(f"{type(model).__name__} has no loss of its own, so give one", hint=hint)
    if isinstance(found, type):
        raise UsageError(f"the loss is a class, {found.__name__}", hint=f"{found.__name__}()")
    if not callable(found):
        hint = "loss=rl.nn.functional.cross_entropy"
        fact = f"loss is a function of output and labels, not {found!r:.60}"
        raise UsageError(fact, hint=hint if isinstance(found, str) else None)
    return found  # type: ignore[no-any-return]


def forward(model: Module, loss: Loss, batch: tuple[Tensor, ...]) -> tuple[Any, Tensor]:
    """Return what the model makes of a batch, whose last tensor is the labels, and the loss.

    Raises:
        DataError: the batch has no labels beside its inputs.
        UsageError: the loss is no tensor.
    """
    if len(batch) < 2:
        raise DataError(
            f"a batch is inputs and labels, this has {len(batch)} array",
            hint="Dataset(inputs, labels); for an autoencoder Dataset(inputs, inputs)",
        )
    output = model(*batch[:-1])
    value = loss(output, batch[-1])
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise UsageError(f"the loss function gave no tensor but {kind}")
    return output, value


def _forth_and_back(
    model: Module, loss: Loss, batch: tuple[Tensor, ...], parts: int
) -> tuple[Any, Tensor]:
    """Add the gradients of a batch to those of the parameters; return the output and the loss."""
    if parts == 1:
        output, value = forward(model, loss, batch)
        value.backward()
        return output, value
    outputs, losses = [], []
    for part in _divided(batch, parts):
        output, value = forward(model, loss, part)
        share = value * (len(part[-1]) / len(batch[-1]))
        share.backward()
        outputs.append(output.detach() if isinstance(output, Tensor) else output)
        losses.append(share.detach())
    joined = all(isinstance(output, Tensor) and output.ndim for output in outputs)
    return concat(outputs) if joined else outputs, functools.reduce(operator.add, losses)


def _divided(batch: tuple[Tensor, ...], parts: int) -> list[tuple[Tensor, ...]]:
    """Return parts of a batch whose sizes differ by one row at most; fewer where rows are few."""
    rows = len(batch[-1]) if batch[-1].ndim else 0
    for place, x in enumerate(batch):
        if not x.ndim or len(x) != rows:
            raise DataError(
                f"accumulate divides a batch by its rows, but array {place} of it is {x.spec} "
                f"and the labels are {batch[-1].spec}",
                hint="texts are not divided: choose a smaller batch_size",
            )
    count = min(parts, rows)
    ends = [rows * number // count for number in range(count + 1)]
    return [tuple(x[a:b] for x in batch) for a, b in itertools.pairwise(ends)]
