"""The running sums of an epoch: its losses, and how many answers were right."""

from typing import Any

import numpy as np

from rushlight.core.errors import DataError, ShapeError
from rushlight.tensor import Tensor


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
