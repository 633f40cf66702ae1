"""Checkpoints: all that training needs to go on as if it had never stopped, in one file.

A checkpoint is a safetensors file: the tensors of the model, the optimiser, the schedule, the
average and the random generator, and as metadata (JSON) what they belong to, where the loader is,
the sums of the unfinished epoch and the history.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.core.dtypes import BY_CODE
from rushlight.core.errors import FormatError, RushlightError, UsageError
from rushlight.core.primitive import Array
from rushlight.data.loader import DataLoader
from rushlight.formats.atomic import check_path
from rushlight.formats.safetensors import SafetensorsFile, StoredTensor, load_file, save_file
from rushlight.formats.safetensors_header import MAX_HEADER_OF_FORMAT
from rushlight.nn.module import Module
from rushlight.optim.average import Average
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Schedule
from rushlight.random import default_generator
from rushlight.tensor import Tensor
from rushlight.train.checks import check_parts
from rushlight.train.history import History, is_number
from rushlight.train.tally import Tally

FORMAT = "rushlight.checkpoint.1"
LAST = "last.safetensors"
BEST = "best.safetensors"


@dataclass
class Training:
    """All that changes while a model is trained.

    Raises:
        UsageError: the parts are of other kinds, or not of this model.
    """

    model: Module
    optimizer: Optimizer
    schedule: Schedule | None
    loader: DataLoader
    average: Average | None = None
    history: History = field(default_factory=History)
    # The epoch that is not over yet:
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    trained: bool = False  # whether all batches had their step, and only validation is left
    # What is not part of a checkpoint:
    folder: Path | None = None  # where checkpoints are kept
    measures: dict[str, float] = field(default_factory=dict)  # of the last epoch, by callbacks

    def __post_init__(self) -> None:
        check_parts(self.model, self.optimizer, self.schedule, self.average)

    @property
    def epoch(self) -> int:
        """The number of the epoch that is not over yet, from 1."""
        return len(self.history) + 1

    def begin_epoch(self) -> None:
        """Forget the sums of the epoch before."""
        self.tally, self.seconds, self.trained = Tally(), 0.0, False

    def judged(self) -> AbstractContextManager[None]:
        """Give the model, for a block, the weights that it is judged by: averages, if any."""
        return nullcontext() if self.average is None else self.average.swapped()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the state by name; they are the parts' own."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": {} if self.schedule is None else self.schedule.state_dict(),
            "average": {} if self.average is None else self._averages(self.average),
            "random": {"state": default_generator.state},
        }
        return {f"{part}.{name}": t for part, named in parts.items() for name, t in named.items()}

    def _averages(self, average: Average) -> dict[str, Tensor]:
        """Return the averages by the names that the model has for the weights."""
        names = {id(weight): name for name, weight in self.model.named_parameters()}
        named = {
            f"weights.{names[id(weight)]}": average.averages[name]
            for name, weight in average.weights.items()
        }
        return {"count": average.count} | named

    def parts(self) -> dict[str, str]:
        """Return what the state belongs to: layers, optimiser, schedule and average as text."""
        texts = {
            f"model.{path}" if path else "model": _describe(module, module.arguments)
            for path, module in self.model.named_modules()
        }
        for number, group in enumerate(self.optimizer.groups):
            name = f"optimizer.group.{number}" if number else "optimizer"
            texts[name] = _describe(self.optimizer, vars(self.optimizer) | group.settings())
        if self.schedule is not None:
            texts |= _describe_schedules("schedule", self.schedule)
        if self.average is not None:
            texts["average"] = _describe(self.average, vars(self.average))
        return texts


def prepare_folder(folder: str | Path, what: str = "checkpoints") -> Path:
    """Return the folder for checkpoints, or what else, made if there is none.

    Raises:
        UsageError: it cannot be made, or `folder` is no path.
    """
    check_path(folder)
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise UsageError(f"no folder for {what} can be made at {path}: {reason}") from None
    return path


def save(path: Path, training: Training) -> None:
    """Write a checkpoint: the old file stays until the new one is whole.

    Raises:
        FormatError: the file cannot be written.
    """
    stored, orders = {}, {}
    for name, tensor in training.tensors().items():
        stored[name] = StoredTensor(tensor.dtype.code, tensor.shape, tensor.data)
        if not tensor.data.flags.c_contiguous:
            orders[name] = _order(tensor.data)
    tally = training.tally
    state = {
        "parts": training.parts(),
        "loader": training.loader.state_dict(),
        "epoch": {
            "batches": tally.batches,
            "samples": tally.samples,
            "loss_sum": tally.loss_sum,
            "right": tally.right,
            "seconds": training.seconds,
            "trained": training.trained,
        },
        "orders": orders,
    }
    metadata = {
        "format": FORMAT,
        "training": json.dumps(state),
        "history": training.history.to_json(),
    }
    save_file(path, stored, metadata, max_header=MAX_HEADER_OF_FORMAT)


def load(path: Path, training: Training) -> None:
    """Take over the state in a checkpoint; nothing changes if anything is wrong.

    Raises:
        FormatError: the file is no checkpoint, broken, or of another model, optimiser, schedule
            or loader.
    """
    with load_file(path, max_header=MAX_HEADER_OF_FORMAT) as file:
        try:
            state = _state(file.metadata)
            _check_parts(state["parts"], training.parts())
            own = training.tensors()
            values = _values(file, own, state["orders"])
            tally, seconds, trained = _epoch(state["epoch"])
            history = History.from_json(file.metadata["history"])
            training.loader.load_state_dict(state["loader"])  # the last that may fail
        except RushlightError as error:
            if isinstance(error, FormatError) and error.path is not None:
                raise
            raise FormatError(error.fact, path=path, hint=error.hint) from None
    for name, tensor in own.items():
        tensor.assign(values[name])
    training.history = history
    training.tally, training.seconds, training.trained = tally, seconds, trained


def load_weights(path: str | Path, model: Module) -> None:
    """Give a model the weights, and buffers, in a checkpoint such as best.safetensors.

    Where training kept averages of the weights, it was judged by them, and they are the weights.

    Raises:
        FormatError: the file is no checkpoint.
        ModuleError, ShapeError, DTypeError: it is of another model, which keeps its weights.
    """
    with load_file(path, max_header=MAX_HEADER_OF_FORMAT) as file:
        if file.metadata.get("format") != FORMAT:
            raise FormatError("is no checkpoint of Rushlight", path=path)
        stored = {
            name.removeprefix(prefix): name
            for prefix in ("model.", "average.weights.")
            for name in file.names
            if name.startswith(prefix)
        }
        model.load_state_dict({name: _read(file, place) for name, place in stored.items()})


# What a state belongs to


def _describe(thing: object, values: Mapping[str, Any]) -> str:
    """Return the class and its plain settings, which do not change while it is used."""
    plain = {
        name: value
        for name, value in values.items()
        if not name.startswith("_") and _is_plain(value)
    }
    settings = ", ".join(f"{name}={value!r}" for name, value in plain.items())
    return f"{type(thing).__name__}({settings})"


def _describe_schedules(name: str, schedule: Schedule) -> dict[str, str]:
    """Return a schedule, and those that it is composed of, as text."""
    texts = {name: _describe(schedule, vars(schedule))}
    for position, one in enumerate(schedule.schedules):
        texts |= _describe_schedules(f"{name}.{position}", one)
    return texts


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(one) for one in value)
    return type(value) in (bool, int, float, str)


def _check_parts(there: Any, here: dict[str, str]) -> None:
    if not isinstance(there, dict):
        raise FormatError("is broken: its parts are not an object")
    for name in [*here, *there]:
        if there.get(name) != here.get(name):
            was, now = str(there.get(name, "absent")), here.get(name, "absent")
            raise FormatError(
                f"is a checkpoint of something else: {name} is {was:.200} there, {now} here",
                hint="resume with what was saved, or train into another folder",
            )


# Tensors, in the order of memory that they had: BLAS may round otherwise for another one


def _order(array: Array) -> list[int]:
    """Return the axes from the one of the widest stride to the one of the narrowest."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def _in_order(array: Array, order: list[int]) -> Array:
    """Return a copy whose memory has its axes in this order."""
    return array.transpose(order).copy(order="C").transpose(np.argsort(order))


def _values(file: SafetensorsFile, own: dict[str, Tensor], orders: Any) -> dict[str, Tensor]:
    differing = sorted(own.keys() ^ set(file.names))
    if differing:
        where = "here only" if differing[0] in own else "there only"
        raise FormatError(f"is a checkpoint of something else: {differing[0]:.200} is {where}")
    values = {}
    for name, tensor in own.items():
        value = _read(file, name)
        if value.spec != tensor.spec:
            raise FormatError(
                f"is a checkpoint of something else: {name} is {value.spec} there, "
                f"{tensor.spec} here"
            )
        values[name] = value
    if not isinstance(orders, dict) or not set(orders) <= set(values):
        raise FormatError("is broken: its orders of memory are not those of its tensors")
    for name, order in orders.items():
        whole = isinstance(order, list) and all(type(axis) is int for axis in order)
        if not whole or sorted(order) != list(range(values[name].ndim)):
            raise FormatError(f"is broken: the order of memory of {name}")
        values[name].data = _in_order(values[name].data, order)
    return values


def _read(file: SafetensorsFile, name: str) -> Tensor:
    """Return a copy of a tensor, so that the file can go."""
    stored = file.tensor(name)
    dtype = BY_CODE[stored.dtype]
    return Tensor.wrap(stored.array.copy(), dtype if dtype.is_half else None)


# The metadata


def _state(metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != FORMAT or not {"training", "history"} <= metadata.keys():
        raise FormatError("is no checkpoint of Rushlight")
    try:
        state = json.loads(metadata["training"])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"is broken: its state is not JSON: {error}") from None
    if not isinstance(state, dict) or set(state) != {"parts", "loader", "epoch", "orders"}:
        raise FormatError("is broken: its state is not an object of parts, loader, epoch, orders")
    if not isinstance(state["loader"], dict):
        raise FormatError("is broken: its loader is not an object")
    return state


def _epoch(saved: Any) -> tuple[Tally, float, bool]:
    names = ["batches", "samples", "loss_sum", "right", "seconds", "trained"]
    if not isinstance(saved, dict) or set(saved) != set(names):
        raise FormatError(f"is broken: its epoch is not an object of {', '.join(names)}")
    tally = Tally()
    for name in ("batches", "samples", "right"):
        value = saved[name]
        good = type(value) is int and 0 <= value < 2**63
        if not good and not (name == "right" and value is None):
            raise FormatError(f"is broken: {name} of its epoch is {value!r:.40}")
        setattr(tally, name, value)
    for name in ("loss_sum", "seconds"):
        if not is_number(saved[name]):
            raise FormatError(f"is broken: {name} of its epoch is {saved[name]!r:.40}")
    if type(saved["trained"]) is not bool:
        raise FormatError(f"is broken: trained of its epoch is {saved['trained']!r:.40}")
    tally.loss_sum = float(saved["loss_sum"])
    return tally, float(saved["seconds"]), saved["trained"]
