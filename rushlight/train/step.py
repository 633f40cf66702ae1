"""One step of training: forward, backward, update."""

from collections.abc import Callable
from typing import Any

from rushlight.core.errors import DataError, UsageError
from rushlight.nn.module import Module
from rushlight.optim.clip import clip_grad_norm
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Schedule
from rushlight.tensor import Tensor

Loss = Callable[[Any, Tensor], Tensor]
Step = Callable[..., tuple[Tensor, Any]]


def make_step(
    model: Module,
    loss: Loss,
    optimizer: Optimizer,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
) -> Step:
    """Return the function `step(*inputs, labels)` that trains a model on a batch.

    It returns the loss and what the model gave. `rl.compile` takes it as it is.

    >>> import rushlight as rl
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    >>> step = make_step(model, rl.nn.functional.mse_loss, optimizer)
    >>> before, after = [step(rl.ones(4, 1), rl.zeros(4, 1))[0] for _ in range(2)]
    >>> after.item() < before.item()
    True
    """
    parameters = optimizer.parameters

    def step(*batch: Tensor) -> tuple[Tensor, Any]:
        optimizer.zero_grad()
        output, value = forward(model, loss, batch)
        value.backward()
        if clip_norm is not None:
            clip_grad_norm(parameters, clip_norm)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        return value, output

    return step


def forward(model: Module, loss: Loss, batch: tuple[Tensor, ...]) -> tuple[Any, Tensor]:
    """Return what the model makes of a batch, whose last tensor is the labels, and the loss.

    Raises:
        DataError: the batch has no labels beside its inputs.
        UsageError: the loss is no tensor.
    """
    if len(batch) < 2:
        raise DataError(
            f"a batch is inputs and labels, this has {len(batch)} array",
            hint="Dataset(inputs, labels)",
        )
    output = model(*batch[:-1])
    value = loss(output, batch[-1])
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise UsageError(f"the loss function gave no tensor but {kind}")
    return output, value
