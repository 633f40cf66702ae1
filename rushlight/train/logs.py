"""Logs of a training, for programs to read: JSON lines, and what TensorBoard shows."""

import json
import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rushlight.core.errors import UsageError
from rushlight.formats.atomic import append, atomic_write, check_path
from rushlight.formats.tfevents import record, scalars_event, start_event, version_event
from rushlight.tensor import Tensor
from rushlight.train.batches import Data
from rushlight.train.callback import Callback
from rushlight.train.checkpoint import Training, prepare_folder
from rushlight.train.evaluate import predict
from rushlight.train.history import Epoch

Measuring = Callable[[Tensor, Tensor | None], Any]


class Measure(Callback):
    """Measures the model on data after each epoch, for the logs that stand behind it in the list.

    Args:
        data: what to measure on, such as the validation data.
        metrics: functions of the outputs and labels that `rl.predict` gives, by name.

    Raises UsageError for what are no functions by name, or a name that the epochs themselves use.

    >>> import rushlight as rl
    >>> data, model = rl.data.Dataset([[0.0], [1.0]], [[1.0], [3.0]]), rl.nn.Linear(1, 1)
    >>> measure = Measure(data, {"mae": rl.metrics.mean_absolute_error})
    >>> sgd, mse = rl.optim.SGD(model.parameters(), lr=0.1), rl.nn.functional.mse_loss
    >>> options = {"epochs": 3, "callbacks": [measure], "progress": False}
    >>> _ = rl.fit(model, data, loss=mse, optimizer=sgd, **options)
    >>> list(measure.values), len(measure.values["mae"])
    (['mae'], 3)
    """

    def __init__(self, data: Data, metrics: Mapping[str, Measuring]) -> None:
        taken = [*_EPOCH, "learning_rate", ""]
        if not isinstance(metrics, Mapping):
            hint = 'Measure(data, {"f1": rl.metrics.f1})'
            raise UsageError(f"metrics are functions by name, not {metrics!r:.60}", hint=hint)
        for name, metric in metrics.items():
            if not isinstance(name, str) or name in taken:
                raise UsageError(f"a metric cannot be called {name!r}", hint="not as an epoch has")
            if not callable(metric):
                raise UsageError(f"the metric {name} is no function, but {metric!r:.60}")
        self.data = data
        self.metrics = dict(metrics)
        self.values: dict[str, list[float]] = {name: [] for name in metrics}

    def on_epoch(self, training: Training) -> None:
        with training.judged():
            outputs, labels = predict(training.model, self.data)
        for name, metric in self.metrics.items():
            training.measures[name] = float(metric(outputs, labels))
            self.values[name].append(training.measures[name])


class JsonLines(Callback):
    """Writes one JSON object a line for each epoch: its figures, learning rate and measures.

    A line is appended in one piece. When training begins, the file is made to hold the epochs
    that are over, each once: a training that is resumed goes on with its log, also where the last
    line was torn or is missing; one that begins anew begins a new log.

    Args:
        path: the file.

    Raises UsageError for what is no path; OSError, when training begins, where nothing can be
    written.

    >>> import tempfile
    >>> import rushlight as rl
    >>> data, model = rl.data.Dataset([[0.0], [1.0]], [[1.0], [3.0]]), rl.nn.Linear(1, 1)
    >>> sgd, mse = rl.optim.SGD(model.parameters(), lr=0.5), rl.nn.functional.mse_loss
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = {"callbacks": [rl.train.JsonLines(f"{folder}/log.jsonl")], "progress": False}
    ...     history = rl.fit(model, data, loss=mse, optimizer=sgd, epochs=2, **log)
    ...     lines = Path(folder, "log.jsonl").read_text().splitlines()
    >>> [json.loads(line)["loss"] for line in lines] == [epoch.loss for epoch in history]
    True
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        check_path(path)
        self.path = Path(path)

    def on_begin(self, training: Training) -> None:
        there = self._lines() if training.history else []
        lines = []
        for place, epoch in enumerate(training.history):
            old = there[place] if place < len(there) else b""
            lines.append(old if _is_of(old, epoch) else _line(asdict(epoch)))
        atomic_write(self.path, lambda file: file.writelines(lines))

    def on_epoch(self, training: Training) -> None:
        append(self.path, _line({**asdict(training.history.last), **_beside(training)}))

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []


class TensorBoard(Callback):
    """Writes event files with the same figures, of which TensorBoard draws curves over the epochs.

    Each training writes a file of its own into the folder, and voids what earlier ones say of the
    epochs that it does anew.

    Args:
        folder: of the run; made if there is none. `tensorboard --logdir` takes it, or one above.

    Raises UsageError for what is no path, or, when training begins, a folder that cannot be made;
    OSError where nothing can be written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        check_path(folder)
        self.folder = Path(folder)
        self.path: Path | None = None  # of the file, once training has begun

    def on_begin(self, training: Training) -> None:
        prepare_folder(self.folder, "event files")
        now = time.time()
        name = f"events.out.tfevents.{int(now):010}.{socket.gethostname()}.{os.getpid()}"
        number = len(list(self.folder.glob(f"{name}.*")))
        self.path = self.folder / f"{name}.{number}"
        self.path.touch(exist_ok=False)
        first = start_event(now, len(training.history) + 1)
        append(self.path, record(version_event(now)) + record(first))

    def on_epoch(self, training: Training) -> None:
        epoch = asdict(training.history.last)
        figures = {name: value for name, value in epoch.items() if value is not None}
        step = figures.pop("epoch")
        event = scalars_event(time.time(), step, figures | _beside(training))
        if self.path is not None:
            append(self.path, record(event))


_EPOCH = [one.name for one in fields(Epoch)]


def _beside(training: Training) -> dict[str, float]:
    """Return what is logged of an epoch beside its own figures."""
    return {"learning_rate": training.optimizer.lr.item(), **training.measures}


def _line(figures: dict[str, Any]) -> bytes:
    """Return figures as a line of JSON, which has no word for NaN and infinity but null."""
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }
    return json.dumps(plain, allow_nan=False).encode() + b"\n"


def _is_of(line: bytes, epoch: Epoch) -> bool:
    """Return whether a line is whole, and tells of this epoch."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    whole = line.endswith(b"\n") and isinstance(found, dict)
    return whole and all(found.get(name) == value for name, value in asdict(epoch).items())
