"""How good a model is: loss and accuracy, over an epoch or a whole data set."""

import copy
from typing import Any

import numpy as np

from rushlight.core.errors import DataError, ShapeError
from rushlight.core.mode import no_grad
from rushlight.data.dataset import Dataset
from rushlight.data.items import Items
from rushlight.data.loader import DataLoader
from rushlight.nn.module import Module
from rushlight.random import default_generator
from rushlight.tensor import Tensor
from rushlight.train.batches import as_loader
from rushlight.train.step import Loss, check_model, forward, loss_of


def accuracy(output: Tensor, labels: Tensor) -> float:
    """Return the share of rows of scores (n, classes) that are largest at their label (n,).

    Raises:
        ShapeError: the shapes or dtypes are others, or there are no rows.

    >>> from rushlight.tensor import tensor
    >>> accuracy(tensor([[0.1, 0.9], [0.8, 0.2]]), tensor([1, 1]))
    0.5
    """
    if not are_classes(output, labels) or not len(labels):
        raise ShapeError(
            f"accuracy takes scores (n, classes) and integer labels (n,), "
            f"not {output.spec} and {labels.spec}"
        )
    return count_right(output, labels) / len(labels)


def are_classes(output: Any, labels: Tensor) -> bool:
    """Return whether these are scores (n, classes) and integer labels (n,)."""
    return (
        isinstance(output, Tensor)
        and output.ndim == 2
        and output.shape[1] > 0
        and output.dtype.is_float
        and not output.dtype.is_half
        and labels.dtype.kind in ("int", "uint")
        and labels.shape == output.shape[:1]
    )


def count_right(output: Tensor, labels: Tensor) -> int:
    """Return how many rows of `output` are largest at their label."""
    return int(np.count_nonzero(output.data.argmax(1) == labels.data))


class Tally:
    """The running sums of an epoch.

    >>> from rushlight.tensor import tensor
    >>> tally = Tally()
    >>> tally.add(0.5, tensor([[0.1, 0.9], [0.8, 0.2]]), tensor([1, 1]))
    >>> tally.loss, tally.accuracy, tally.samples
    (0.5, 0.5, 2)
    """

    __slots__ = ("batches", "loss_sum", "right", "samples")

    def __init__(self) -> None:
        self.batches = 0
        self.samples = 0
        self.loss_sum = 0.0
        self.right: int | None = 0  # None where the labels are no classes

    def add(self, loss: float, output: Any, labels: Tensor) -> None:
        """Count a batch whose mean loss is `loss`."""
        if self.batches == 0:
            self._begin(output, labels)
        count = labels.data.shape[0]
        self.batches += 1
        self.samples += count
        self.loss_sum += loss * count
        if self.right is not None:
            self.right += count_right(output, labels)

    def add_many(self, losses: Any, counts: Any, right: Any) -> None:
        """Count batches by their mean losses, sizes and right answers (None: no classes).

        >>> tally = Tally()
        >>> tally.add_many(np.array([0.5, 0.25]), np.array([2, 2]), np.array([1, 2]))
        >>> tally.loss, tally.accuracy
        (0.375, 0.75)
        """
        self.batches += len(losses)
        self.samples += int(counts.sum())
        total = np.cumsum(np.concatenate([[self.loss_sum], losses * counts]))  # one by one
        self.loss_sum = float(total[-1])
        if right is None:
            self.right = None
        elif self.right is not None:
            self.right += int(right.sum())

    def _begin(self, output: Any, labels: Tensor) -> None:
        if labels.ndim == 0:
            raise ShapeError("labels need a batch axis, these are a single number")
        if not are_classes(output, labels):
            self.right = None

    @property
    def loss(self) -> float:
        """The mean loss of a sample."""
        if self.samples == 0:
            raise DataError("the data has no samples")
        return self.loss_sum / self.samples

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, None where the labels are no classes."""
        if self.right is None or self.samples == 0:
            return None
        return self.right / self.samples


def evaluate(
    model: Module, data: DataLoader | Dataset | Items, loss: Loss | None = None
) -> tuple[float, float | None]:
    """Return the mean loss of a model on data, and its accuracy where the labels are classes.

    The model is in evaluation mode meanwhile. Nothing is left changed: not the model, its mode
    or the random state, nor the position of a loader, which is read from its first batch on.

    Args:
        model: called with all arrays of a batch but the last.
        data: batches that end in the labels; a data set is read in batches of 256.
        loss: of output and labels, a scalar, the mean over the batch; None for the model's own.

    Raises UsageError for arguments of other kinds.

    >>> import rushlight as rl
    >>> model = rl.nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.assign(rl.ones(1, 1))
    >>> evaluate(model, Dataset([[1.0], [2.0]], [[1.0], [4.0]]), rl.nn.functional.mse_loss)
    (2.0, None)
    """
    check_model(model)
    loss_function = loss_of(model, loss)
    loader = copy.copy(as_loader(data, train=False))
    loader.epoch = 0
    tally = Tally()
    modes = [(module, module.training) for module in model.modules()]
    state = default_generator.state
    before = state.detach()
    try:
        model.eval()
        with no_grad():
            for batch in loader:
                output, value = forward(model, loss_function, batch)
                tally.add(value.item(), output, batch[-1])
    finally:
        state.assign(before)
        for module, training in modes:  # outermost first, so that each has the last word on itself
            module.train(training)
    return tally.loss, tally.accuracy
