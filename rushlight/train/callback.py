"""What is told of a training while it goes on."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rushlight.core.errors import UsageError
from rushlight.tensor import Tensor
from rushlight.train.checkpoint import BEST, Training, load_weights
from rushlight.train.history import History

PAUSE_S = 0.1  # between two calls of `on_progress`


class Callback:
    """Is told when a training begins, goes on and ends; override what you need.

    Each method is given the training: its `model`, `optimizer`, `schedule`, `loader`, `history`,
    the sums of the running epoch in `tally`, and the `folder` of its checkpoints. An error raised
    in one ends training as it is, with everything saved, if there is a folder.

    >>> import rushlight as rl
    >>> class Losses(rl.train.Callback):
    ...     def on_epoch(self, training):
    ...         print(f"{training.history.last.loss:.3f}")
    >>> data, model = rl.data.Dataset([[0.0], [1.0]], [[1.0], [3.0]]), rl.nn.Linear(1, 1)
    >>> _ = model.weight.assign(rl.zeros(1, 1)), model.bias.assign(rl.zeros(1))
    >>> sgd, mse = rl.optim.SGD(model.parameters(), lr=0.5), rl.nn.functional.mse_loss
    >>> watch = {"callbacks": [Losses()], "progress": False}
    >>> _ = rl.fit(model, data, loss=mse, optimizer=sgd, epochs=2, **watch)
    5.000
    0.625
    """

    def on_begin(self, training: Training) -> None:
        """Note that training begins, or goes on after a resume."""

    def on_progress(self, training: Training) -> None:
        """Note, some ten times a second, how far an epoch is: always between two steps."""

    def on_epoch(self, training: Training) -> object:
        """Note that an epoch is over, and saved; return True to stop training."""

    def on_end(self, training: Training) -> None:
        """Note that training has ended, be it by an error or Ctrl-C."""


class Callbacks(Callback):
    """Several callbacks as one; they are called in their order, at the end in the reverse one.

    Raises:
        UsageError: one is no callback.
    """

    def __init__(self, given: Sequence[Callback], own: Sequence[Callback] = ()) -> None:
        self._all = (*_checked(given), *own)
        self.watches_epochs = any(_overrides(one, "on_epoch") for one in self._all)
        self._watching = [one for one in self._all if _overrides(one, "on_progress")]
        self.due = 0.0 if self._watching else math.inf  # when `on_progress` wants to be called

    @contextlib.contextmanager
    def during(self, training: Training) -> Iterator[None]:
        """Call `on_begin` of each before a block, and `on_end` of those that began after it."""
        with contextlib.ExitStack() as stack:
            for one in self._all:
                one.on_begin(training)
                stack.callback(one.on_end, training)
            yield

    def on_progress(self, training: Training) -> None:
        for one in self._watching:
            one.on_progress(training)
        self.due = time.perf_counter() + PAUSE_S

    def on_epoch(self, training: Training) -> bool:
        return any([one.on_epoch(training) is True for one in self._all])


class OnEpoch(Callback):
    """Calls a function with the history after each epoch."""

    def __init__(self, function: Callable[[History], object]) -> None:
        if not callable(function):
            raise UsageError(f"on_epoch is a function of the history, not {function!r:.60}")
        self._function = function

    def on_epoch(self, training: Training) -> object:
        return self._function(training.history)


class RestoreBest(Callback):
    """Gives the model the weights of its best epoch when training ends, however it ends.

    They come from the checkpoint of that epoch, or from memory where there are no checkpoints.
    Where training keeps an average of the weights, it is the average that is judged, and restored.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] | None = None

    def on_epoch(self, training: Training) -> None:
        history = training.history
        if training.folder is None and history.best is history.last:
            with training.judged():
                state = training.model.state_dict()
                self._kept = {name: tensor.detach() for name, tensor in state.items()}

    def on_end(self, training: Training) -> None:
        if self._kept is not None:
            training.model.load_state_dict(self._kept)
        elif training.folder is not None and training.history:
            load_weights(training.folder / BEST, training.model)


def _checked(callbacks: Any) -> list[Callback]:
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Sequence):
        raise UsageError(f"callbacks are a list, not {callbacks!r:.60}")
    for one in callbacks:
        if not isinstance(one, Callback):
            hint = "callbacks=[rl.train.JsonLines(path)]; for a function there is on_epoch"
            raise UsageError(f"a callback is a train.Callback, not {one!r:.60}", hint=hint)
    return list(callbacks)


def _overrides(callback: Callback, method: str) -> bool:
    return getattr(type(callback), method) is not getattr(Callback, method)
