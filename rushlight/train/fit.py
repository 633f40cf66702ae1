"""`fit`: trains a model, and can be stopped and resumed at any moment without a trace."""

import math
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.compile.function import compile
from rushlight.core.errors import TrainingError, UsageError
from rushlight.data.dataset import Dataset
from rushlight.data.items import Items
from rushlight.data.loader import DataLoader
from rushlight.nn.module import Module
from rushlight.optim.average import Average
from rushlight.optim.groups import check_number
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Schedule
from rushlight.train.batches import as_loader
from rushlight.train.callback import Callback, Callbacks, OnEpoch, RestoreBest
from rushlight.train.checkpoint import BEST, LAST, Training, load, prepare_folder, save
from rushlight.train.driven import Driven, Stretch
from rushlight.train.evaluate import evaluate
from rushlight.train.history import Epoch, History
from rushlight.train.interrupts import Interrupted, Interrupts
from rushlight.train.progress import Progress, make_progress
from rushlight.train.step import Loss, Step, make_step

NOTICEABLE_S = 0.3


def fit(
    model: Module,
    data: DataLoader | Dataset | Items,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer,
    epochs: int,
    schedule: Schedule | None = None,
    validation: DataLoader | Dataset | Items | None = None,
    patience: int | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    average: Average | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    restore_best: bool = False,
    progress: bool = True,
    compiled: bool = True,
    callbacks: Sequence[Callback] = (),
    on_epoch: Callable[[History], object] | None = None,
) -> History:
    """Train a model in place, leave it in evaluation mode, and return what happened.

    Args:
        model: called with all arrays of a batch but the last.
        data: batches that end in the labels; a data set is shuffled into batches of 32.
        loss: of output and labels, a scalar, the mean over the batch; None for the model's own.
        optimizer: of the model's parameters.
        epochs: passes over the data in all, those before a resume among them.
        schedule: makes a step after each step of the optimiser, and is told each epoch's loss.
        validation: data to evaluate on after each epoch, never to train on.
        patience: epochs without a lower validation (or training) loss after which to stop.
        clip_norm: the most that the common norm of all gradients may be.
        accumulate: parts in which to work out the gradient of a batch, to take less memory.
        average: of the weights, which is what is validated; `copy_to` makes it the weights.
        checkpoint: a folder for last.safetensors (each epoch, Ctrl-C) and best.safetensors.
        resume: go on from the last checkpoint, if any, bit for bit as without the stop.
        restore_best: leave the model with the weights of its best epoch, not the last ones.
        progress: show a bar on a terminal, lines elsewhere, on standard error.
        compiled: run C where there is a compiler, else a graph in NumPy, not the step's Python.
        callbacks: told of what happens, such as `train.JsonLines("log.jsonl")`.
        on_epoch: called with the history after each epoch; training stops when it returns True.

    Raises TrainingError for a loss that is NaN or infinite, FormatError for a checkpoint that is
    broken or of something else, KeyboardInterrupt on Ctrl-C, when the step is done and all saved.

    >>> import rushlight as rl
    >>> data, model = Dataset([[0.0], [1.0]], [[1.0], [3.0]]), rl.nn.Linear(1, 1)
    >>> sgd, mse = rl.optim.SGD(model.parameters(), lr=0.5), rl.nn.functional.mse_loss
    >>> fit(model, data, loss=mse, optimizer=sgd, epochs=100, progress=False).last.loss < 1e-6
    True
    """
    _check_numbers(epochs, accumulate, patience, clip_norm)
    training = Training(model, optimizer, schedule, as_loader(data, train=True), average)
    step = make_step(model, loss, optimizer, schedule, clip_norm, average, accumulate)
    heard = _callbacks(callbacks, on_epoch, restore_best)
    held_out = None if validation is None else as_loader(validation, train=False)
    ways = _ways_to_step(training.loader, step, compiled)
    plan = _Plan(*ways, loss, held_out, heard, epochs, patience)
    return _fit(training, plan, checkpoint, resume, progress)


@dataclass(frozen=True)
class _Plan:
    """What `fit` was asked to do."""

    step: Step
    driven: Driven | None
    loss: Loss | None
    validation: DataLoader | None
    callbacks: Callbacks
    epochs: int
    patience: int | None

    def is_plain(self, training: Training) -> bool:
        """Return whether nothing is to be done between two epochs."""
        after = (self.validation, self.patience, training.folder)
        told = training.schedule is not None and training.schedule.watches
        return all(one is None for one in after) and not (told or self.callbacks.watches_epochs)


def _ways_to_step(loader: DataLoader, step: Step, compiled: bool) -> tuple[Step, Driven | None]:
    """Return the step for one batch, and what does many at a time."""
    return (compile(step), Driven(loader, step)) if compiled else (step, None)


def _callbacks(
    given: Sequence[Callback], on_epoch: Callable[[History], object] | None, restore_best: bool
) -> Callbacks:
    """Return all callbacks as one; the best weights are there when the given ones are ended."""
    own = [] if on_epoch is None else [OnEpoch(on_epoch)]
    return Callbacks(given, [*own, *([RestoreBest()] if restore_best else [])])


def _open_folder(checkpoint: str | Path | None, resume: bool, training: Training) -> None:
    """Prepare the folder for checkpoints, and load the last one if that is wanted."""
    if checkpoint is None:
        if resume:
            hint = 'checkpoint="runs/digits"'
            raise UsageError("resume needs the folder to resume from", hint=hint)
        return
    training.folder = prepare_folder(checkpoint)
    if resume and (training.folder / LAST).exists():
        load(training.folder / LAST, training)


def _fit(
    training: Training, plan: _Plan, checkpoint: str | Path | None, resume: bool, progress: bool
) -> History:
    _open_folder(checkpoint, resume, training)
    with (
        Interrupts() as interrupts,
        make_progress(progress, plan.epochs) as shown,
        plan.callbacks.during(training),
    ):
        _run(training, plan, shown, interrupts)
    return training.history


def _run(training: Training, plan: _Plan, shown: Progress, interrupts: Interrupts) -> None:
    if training.history or training.tally.batches:
        shown.note(f"going on after {_place(training)} from {training.folder}")
    try:
        while not _is_over(training.history, plan, shown):
            _train(training, plan, shown, interrupts)
            validated = _validate(training, plan, interrupts)
            _close_epoch(training, validated)
            _save_epoch(training)
            shown.end(training.history.last)
            training.measures = {}
            if plan.callbacks.on_epoch(training):
                break
            interrupts.check()
    except Interrupted:
        raise KeyboardInterrupt(_leave(training, shown)) from None
    finally:
        training.model.eval()


def _train(training: Training, plan: _Plan, shown: Progress, interrupts: Interrupts) -> None:
    """Do the steps of an epoch, or those that are left of it."""
    if training.trained:
        return
    shown.begin(training.epoch, len(training.loader), training.tally)
    training.model.train()
    if plan.driven is not None and _is_ready(plan.driven, shown):
        _train_driven(training, plan.driven, plan, shown, interrupts)
    else:
        _train_by_batches(training, plan, shown, interrupts)


def _is_ready(driven: Driven, shown: Progress) -> bool:
    """Return whether steps can be driven; say so where that took a noticeable time to compile."""
    started = time.perf_counter()
    ready = driven.is_ready()
    seconds = time.perf_counter() - started
    if ready and seconds > NOTICEABLE_S:
        shown.note(f"compiled in {seconds:.1f} s; kept for the next time")
    return ready


@np.errstate(all="ignore")  # a loss that overflows gets an error of its own
def _train_by_batches(
    training: Training, plan: _Plan, shown: Progress, interrupts: Interrupts
) -> None:
    tally = training.tally
    clock = time.perf_counter
    started = clock()
    try:
        for batch in training.loader:
            value, output = plan.step(*batch)
            loss = value.item()
            if not -math.inf < loss < math.inf:
                raise _not_finite(training, loss)
            tally.add(loss, output, batch[-1])
            _look_up(training, plan, shown, interrupts)
        training.trained = True
    finally:
        training.seconds += clock() - started


def _train_driven(
    training: Training, driven: Driven, plan: _Plan, shown: Progress, interrupts: Interrupts
) -> None:
    """Do the same in native calls, and several epochs where nothing is to be done between them."""
    loader = training.loader
    epochs = plan.epochs - len(training.history) if plan.is_plain(training) else 1
    while True:
        each, first = len(loader), loader.batch
        ahead = min(epochs, 1 + (first + driven.most_steps()) // each)
        count = min(driven.most_steps(), ahead * each - first)
        started = time.perf_counter()
        orders = loader.orders(range(loader.epoch, loader.epoch + ahead))
        stretch = driven.run(orders, first, count)
        seconds = time.perf_counter() - started
        epochs -= _count(training, stretch, seconds, plan, shown)
        if training.trained:
            return
        _look_up(training, plan, shown, interrupts)


def _look_up(training: Training, plan: _Plan, shown: Progress, interrupts: Interrupts) -> None:
    """Between two steps, show where training is, and see whether it is to be stopped."""
    now = time.perf_counter()
    if now >= shown.due:
        shown.update(training.tally, now)
    if now >= plan.callbacks.due:
        try:
            plan.callbacks.on_progress(training)
        except BaseException:
            _save_last(training)
            raise
    if interrupts.pending:
        raise Interrupted


def _count(
    training: Training, stretch: Stretch, seconds: float, plan: _Plan, shown: Progress
) -> int:
    """Take over what steps gave, closing the epochs that they end; return how many those are.

    The last epoch of all, and every one that something is to be done after, is left to be closed.
    """
    loader, each = training.loader, len(training.loader)
    finite = np.isfinite(stretch.losses)
    good = len(finite) if finite.all() else int(finite.argmin())
    a_step = seconds / len(finite)
    closed, done = 0, 0
    while done < good:
        if loader.batch == 0 and good - done > each and plan.is_plain(training):
            whole = (good - done - 1) // each
            _close_epochs(training, stretch.part(done, done + whole * each), a_step, shown)
            closed, done = closed + whole, done + whole * each
            continue
        part = stretch.part(done, min(good, done + each - loader.batch))
        training.tally.add_many(part.losses, part.counts, part.right)
        training.seconds += a_step * len(part.losses)
        done += len(part.losses)
        loader.seek(loader.epoch, loader.batch + len(part.losses))
        if loader.batch == each:
            loader.epoch += 1
            training.trained = True
            if done < good:
                _close_epoch(training, (None, None))
                shown.end(training.history.last)
                shown.begin(training.epoch, each, training.tally)
                closed += 1
    if good < len(finite):
        training.trained = False
        raise _not_finite(training, float(stretch.losses[good]))
    return closed


def _close_epochs(training: Training, stretch: Stretch, a_step: float, shown: Progress) -> None:
    """Close whole epochs, of which the stretch has all steps."""
    loader, each = training.loader, len(training.loader)
    epochs = len(stretch.losses) // each
    weighted = (stretch.losses * stretch.counts).reshape(epochs, each)
    sums = np.cumsum(weighted, axis=1)[:, -1].tolist()  # one by one, as a tally does
    samples = int(stretch.counts[:each].sum())
    right = None if stretch.right is None else stretch.right.reshape(epochs, each).sum(1).tolist()
    for number, total in enumerate(sums):
        accuracy = None if right is None else right[number] / samples
        epoch = Epoch(training.epoch, total / samples, accuracy, None, None, a_step * each)
        training.history.append(epoch)
        shown.end(epoch)
    loader.epoch += epochs
    training.begin_epoch()
    shown.begin(training.epoch, each, training.tally)


def _validate(
    training: Training, plan: _Plan, interrupts: Interrupts
) -> tuple[float | None, float | None]:
    """Return the loss and accuracy on the validation data, if there is any."""
    if plan.validation is None:
        return None, None
    started = time.perf_counter()
    with training.judged(), interrupts.at_once(), np.errstate(all="ignore"):
        value, accuracy = evaluate(training.model, plan.validation, plan.loss)
    training.seconds += time.perf_counter() - started
    if not math.isfinite(value):
        raise TrainingError(f"the validation loss is {value} in epoch {training.epoch}")
    return value, accuracy


def _close_epoch(training: Training, validated: tuple[float | None, float | None]) -> None:
    tally = training.tally
    epoch = Epoch(training.epoch, tally.loss, tally.accuracy, *validated, training.seconds)
    training.history.append(epoch)
    if training.schedule is not None:
        training.schedule.observe(epoch.score)
    training.begin_epoch()


def _save_epoch(training: Training) -> None:
    """Write the best checkpoint first: if only the last one were there, it would not come again."""
    if training.folder is not None and training.history.best is training.history.last:
        save(training.folder / BEST, training)
    _save_last(training)


def _save_last(training: Training) -> None:
    if training.folder is not None:
        save(training.folder / LAST, training)


def _is_over(history: History, plan: _Plan, shown: Progress) -> bool:
    if len(history) >= plan.epochs:
        return True
    if plan.patience is None or not history:
        return False
    if history.last.epoch - history.best.epoch < plan.patience:
        return False
    shown.note(f"stopped early: epoch {history.best.epoch} is still the best")
    return True


def _leave(training: Training, shown: Progress) -> str:
    """Save on Ctrl-C, and return the line that says so."""
    line = f"stopped after {_place(training)}"
    if training.folder is not None:
        _save_last(training)
        line += f"; fit goes on from {training.folder / LAST} with resume=True"
        shown.note(line)
    return line


def _place(training: Training) -> str:
    """Return how far training is, such as "epoch 2" or "batch 17 of epoch 3"."""
    if training.tally.batches:
        return f"batch {training.tally.batches} of epoch {training.epoch}"
    return f"epoch {len(training.history)}"


def _not_finite(training: Training, loss: float) -> TrainingError:
    batch, batches = training.tally.batches + 1, len(training.loader)
    return TrainingError(
        f"the loss is {loss} in epoch {training.epoch}, batch {batch} of {batches}",
        hint="try a lower learning rate or clip_norm; rl.detect_anomaly() names the first NaN",
    )


def _check_numbers(epochs: Any, accumulate: Any, patience: Any, clip_norm: Any) -> None:
    _check_count("epochs", epochs)
    _check_count("accumulate", accumulate)
    if patience is not None:
        _check_count("patience", patience)
    if clip_norm is not None:
        check_number("clip_norm", clip_norm, low=0.0)


def _check_count(name: str, value: Any) -> None:
    try:
        good = operator.index(value) >= 1
    except TypeError:
        good = False
    if not good:
        raise UsageError(f"{name} is an int of at least 1, not {value!r}")
