"""The learning-rate finder: a short training at a rate that rises, and what its losses tell."""

import contextlib
import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rushlight.compile.function import compile
from rushlight.core.errors import TrainingError, UsageError
from rushlight.data.loader import DataLoader
from rushlight.nn.module import Module
from rushlight.optim.groups import check_number
from rushlight.optim.optimizer import Optimizer
from rushlight.tensor import Tensor
from rushlight.train.batches import Data, as_loader
from rushlight.train.checkpoint import Training
from rushlight.train.plot import draw_curves, save_figure
from rushlight.train.step import Loss, Step, make_step

DIVERGED = 3.0  # above the lowest smoothed loss, in sizes of it
SMOOTHING = 0.9  # how much of the running mean a step keeps
FEWEST = 10  # steps


@dataclass(frozen=True)
class RateCurve:
    """The losses of steps at rising learning rates.

    Attributes:
        rates: of each step, rising.
        losses: of each step's batch, before the step.
        smoothed: their running mean.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]

    @property
    def suggestion(self) -> float | None:
        """The rate at which the smoothed loss falls most steeply over the logarithm of the rate.

        None where it never falls.
        """
        slopes = np.gradient(np.array(self.smoothed))  # the rates rise by equal factors
        steepest = int(np.argmin(slopes))
        return self.rates[steepest] if slopes[steepest] < 0 else None

    def plot(self, width: int = 72, height: int = 12, encoding: str | None = "utf-8") -> str:
        """Return the smoothed losses over the rates, drawn as text; as `History.plot`."""
        curve = {"smoothed loss": (self.rates, self.smoothed)}
        return draw_curves(curve, width, height, encoding, "learning rate", log_x=True)

    def save_plot(self, path: str | Path) -> None:
        """Draw the losses over the rates into a picture file; as `History.save_plot`."""
        curves = {"loss": (self.rates, self.losses), "smoothed": (self.rates, self.smoothed)}
        save_figure(path, {"loss": curves}, "learning rate", log_x=True)


def find_lr(
    model: Module,
    data: Data,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    compiled: bool = True,
) -> RateCurve:
    """Train for a few steps at a learning rate that rises from `low` to `high`; say how it went.

    It ends early where the loss diverges. Afterwards the model, the optimiser, the random state
    and the loader are as they were. A good rate to train with is the suggestion, or a few times
    less; with a schedule that falls, it is a good one to begin with.

    Args:
        model: as `fit` takes it; so are `data`, `loss` and `optimizer`.
        data: batches that end in the labels; a data set is shuffled into batches of 32.
        loss: of output and labels, a scalar; None for the model's own.
        optimizer: of the model's parameters; all its groups get the same rate.
        low: the first rate.
        high: the last rate.
        steps: how many batches; the data is begun anew where it has fewer.
        compiled: run C where there is a compiler, else a graph in NumPy.

    Raises UsageError for numbers that are no such range, TrainingError where the loss is not
    finite from the first.

    Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks" (2015), 3.3; the
    rise by equal factors and the stop as in fast.ai's `lr_find`.

    >>> import rushlight as rl
    >>> rl.manual_seed(0)
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> data, model = rl.data.Dataset(x, 3 * x), rl.nn.Linear(1, 1)
    >>> sgd, mse = rl.optim.SGD(model.parameters(), lr=0.1), rl.nn.functional.mse_loss
    >>> curve = find_lr(model, data, loss=mse, optimizer=sgd)
    >>> 0.01 < curve.suggestion < 3, sgd.lr.item()
    (True, 0.1)
    """
    rates = _rates(low, high, steps)
    loader = copy.copy(as_loader(data, train=True))
    training = Training(model, optimizer, None, loader)
    step = make_step(model, loss, optimizer)
    with _restored(training), np.errstate(all="ignore"):
        model.train()
        losses, smoothed = _sweep(compile(step) if compiled else step, optimizer, rates, loader)
    if len(losses) < 2:
        raise TrainingError(
            f"the loss is not finite from step {len(losses) + 1} on",
            hint="try a lower `low`; rl.detect_anomaly() names the first NaN",
        )
    return RateCurve(tuple(rates[: len(losses)]), tuple(losses), tuple(smoothed))


def _sweep(
    step: Step, optimizer: Optimizer, rates: list[float], loader: DataLoader
) -> tuple[list[float], list[float]]:
    """Do a step at each rate, until the loss diverges; return the losses, plain and smoothed."""
    losses: list[float] = []
    smoothed: list[float] = []
    level = 0.0
    for rate, batch in zip(rates, _endless(loader), strict=False):
        optimizer.lr = rate
        value = step(*batch)[0].item()
        weight = (1 - SMOOTHING) / (1 - SMOOTHING ** (len(losses) + 1))  # 1 at first
        level += (value - level) * weight
        if not math.isfinite(level):
            break
        losses.append(value)
        smoothed.append(level)
        lowest = min(smoothed)
        if level - lowest > DIVERGED * abs(lowest):
            break
    return losses, smoothed


def _rates(low: float, high: float, steps: int) -> list[float]:
    check_number("low", low, low=0.0)
    check_number("high", high, low=0.0)
    if not 0 < low < high:
        raise UsageError(f"rates rise from low to high, above 0: not from {low:g} to {high:g}")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < FEWEST:
        raise UsageError(f"steps is an int of at least {FEWEST}, not {steps!r:.40}")
    return np.geomspace(low, high, steps).tolist()  # type: ignore[no-any-return]


def _endless(loader: DataLoader) -> Iterator[tuple[Tensor, ...]]:
    """Yield the batches of one epoch after another."""
    for epoch in itertools.count():
        loader.epoch = epoch
        yield from loader


@contextlib.contextmanager
def _restored(training: Training) -> Iterator[None]:
    """Give a training the state back after a block that it had before, gradients included."""
    own = training.tensors()
    before = {name: tensor.detach() for name, tensor in own.items()}
    gradients = [(p, p.grad) for p in training.optimizer.parameters]
    modes = [(module, module.training) for module in training.model.modules()]
    try:
        yield
    finally:
        for name, tensor in own.items():
            tensor.assign(before[name])
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, mode in modes:  # outermost first
            module.train(mode)
