"""What a trained model makes of data: its loss and accuracy, or all that it answers."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from rushlight.compile.function import compile
from rushlight.core.errors import UsageError
from rushlight.core.mode import no_grad
from rushlight.data.dataset import Dataset
from rushlight.data.loader import DataLoader
from rushlight.data.ragged import Ragged
from rushlight.nn.module import Module
from rushlight.random import default_generator
from rushlight.tensor import Tensor
from rushlight.train.batches import Data, as_loader
from rushlight.train.step import Loss, check_model, forward, loss_of
from rushlight.train.tally import Tally

FEW_BATCHES = 4  # of one shape: quicker op by op than compiled first


class Predictions(NamedTuple):
    """What a model answered to data, in the order in which it was given.

    Attributes:
        outputs: (n, ...).
        labels: (n, ...); None for data without.
    """

    outputs: Tensor
    labels: Tensor | None


def evaluate(model: Module, data: Data, loss: Loss | None = None) -> tuple[float, float | None]:
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
    tally = Tally()
    with undisturbed(model):
        for batch in _from_the_first(data):
            output, value = forward(model, loss_function, batch)
            tally.add(value.item(), output, batch[-1])
    return tally.loss, tally.accuracy


def predict(model: Module, data: Data, compiled: bool = True) -> Predictions:
    """Return what a model answers to data, and the labels: what `rl.metrics` take.

    The model is in evaluation mode meanwhile, and nothing is left changed, as with `evaluate`.

    Args:
        model: called with all arrays of a batch but the last; gives a tensor, a row an item.
        data: batches that end in the labels, or a data set of one array, which has none. A data
            set is read in batches of 256.
        compiled: run C where there is a compiler and there are many batches of one shape.

    Raises UsageError for arguments of other kinds, or a model that gives something else.

    >>> import rushlight as rl
    >>> model = rl.nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.assign(rl.ones(1, 1))
    >>> outputs, labels = predict(model, Dataset([[1.0], [2.0]], [[1.0], [4.0]]))
    >>> outputs.tolist(), rl.metrics.mean_absolute_error(outputs, labels)
    ([[1.0], [2.0]], 1.0)
    """
    check_model(model)
    loader = _from_the_first(data)
    labelled = len(loader.dataset[0]) > 1
    pays = compiled and len(loader) > FEW_BATCHES * _shapes(loader)
    answer = compile(model) if pays else model
    outputs, labels = [], []
    with undisturbed(model):
        for batch in loader:
            output = answer(*(batch[:-1] if labelled else batch))
            if not isinstance(output, Tensor) or output.ndim == 0:
                kind = output.spec if isinstance(output, Tensor) else type(output).__name__
                raise UsageError(f"predict takes a model that gives a row an item, not {kind}")
            outputs.append(output)
            labels += [batch[-1]] if labelled else []
    return Predictions(_joined(outputs), _joined(labels) if labelled else None)


@contextmanager
def undisturbed(model: Module) -> Iterator[None]:
    """Put a model into evaluation mode for a block; then its mode and the random state are back."""
    modes = [(module, module.training) for module in model.modules()]
    state = default_generator.state
    before = state.detach()
    try:
        model.eval()
        with no_grad():
            yield
    finally:
        state.assign(before)
        for module, training in modes:  # outermost first, so that each has the last word on itself
            module.train(training)


def _from_the_first(data: Data) -> DataLoader:
    """Return a loader that begins with the first batch, and leaves that of the caller alone."""
    loader = copy.copy(as_loader(data, train=False))
    loader.epoch = 0
    return loader


def _shapes(loader: DataLoader) -> float:
    """Return how many shapes batches have, but for a smaller last one."""
    if not isinstance(loader.dataset, Dataset):
        return math.inf
    if loader.buckets is not None:
        return len(loader.buckets.widths)
    texts = any(isinstance(array, Ragged) for array in loader.dataset.arrays)
    return math.inf if texts else 1


def _joined(parts: list[Any]) -> Tensor:
    dtype = parts[0].dtype
    joined = np.concatenate([part.data for part in parts])
    return Tensor.wrap(joined, dtype if dtype.is_half else None)
