"""The model file: weights, and all that it takes to use them again, in one safetensors file.

The file's metadata holds JSON under three names: `rushlight` (how the model is made), `task` (what
it takes to use it) and `training` (how it came about). Any safetensors reader opens the file.
Nothing in it is ever run, imported or unpickled.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rushlight._version import __version__
from rushlight.core.dtypes import BY_CODE, BY_NAME, DType, float32
from rushlight.core.errors import FormatError, ModuleError, UsageError
from rushlight.core.mode import mode, no_grad
from rushlight.formats.graph_json import constant_names
from rushlight.formats.module_json import difference, module_from_json, module_to_json
from rushlight.formats.plain import brief, check_plain, fields, read_json, read_object, write_json
from rushlight.formats.safetensors import SafetensorsFile, StoredTensor, load_file, save_file
from rushlight.formats.safetensors_header import shown
from rushlight.formats.traced import TracedModule, record_of, trace_module, traced_module
from rushlight.nn.hooks import unhooked
from rushlight.nn.module import Module
from rushlight.nn.state import copied
from rushlight.nn.summary import evaluated
from rushlight.tensor import Tensor
from rushlight.tree import flatten

FORMAT = 1  # what this version writes and reads
NAMES_SHOWN = 5
TOLERANCE = 1e-4  # between a model and its graph, relative to the largest value

Record = dict[str, Any]
Tensors = dict[str, Tensor]
Path_ = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """What a model file holds: the model in evaluation mode, its task, its training facts."""

    model: Module
    task: dict[str, Any]
    training: dict[str, Any]
    path: Path


def save_model(
    path: Path_,
    model: Module,
    *,
    task: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    example: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Write a model to one safetensors file, which takes the place of an old one as a whole.

    A model of registered layers is kept as their names and arguments. Any other, such as a class
    of your own, is traced in evaluation mode and kept as its graph, for which `example` is
    needed. The model itself stays as it is: its mode, and the state of random numbers.

    Args:
        path: the file, usually `*.safetensors`.
        model: any module.
        task: what it takes to use the model, such as {"kind": "text-classifier", "labels": [...]}.
        training: facts about how it was trained.
        example: the tensor, or the tensors, to trace the model with. Where only the size of the
            batch (the first axis) makes no other difference, the loaded model takes any batch.

    Raises:
        ModuleError: the model cannot be kept as layers and there is no example, or it changes
            tensors or draws random numbers in evaluation mode.
        UsageError: `task` or `training` is not made of plain JSON values.
        FormatError: the file cannot be written; an old one is untouched then.

    >>> import tempfile
    >>> import rushlight as rl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rl.save(f"{folder}/xor.safetensors", rl.nn.Linear(2, 1), task={"kind": "xor"})
    ...     loaded = rl.load(f"{folder}/xor.safetensors")
    >>> loaded.model, loaded.task
    (Linear(2, 1), {'kind': 'xor'})
    """
    if not isinstance(model, Module):
        hint = "rl.save(path, model): the path first, and the model itself"
        raise UsageError(f"a model is a Module, not {type(model).__name__}", hint=hint)
    metadata = {
        name: write_json(_facts(value, name))
        for name, value in (("task", task), ("training", training))
        if value is not None
    }
    state = model.state_dict()
    stored = {name: _store(tensor) for name, tensor in state.items()}
    record, constants = _describe(model, state, example)
    frozen = [name for name, x in model.named_parameters() if not x.requires_grad]
    header = {"format": FORMAT, "version": __version__, "frozen": frozen, **record}
    still = [name for name, module in model.named_modules() if module.frozen]
    if still and "model" in record:
        header["frozen_layers"] = still
    stored.update({name: _store(tensor) for name, tensor in constants.items()})
    save_file(path, stored, {"rushlight": write_json(header), **metadata})


def load_model(path: Path_) -> LoadedModel:
    """Read a file that `save_model` wrote.

    Raises:
        FormatError: the file is missing, broken, hostile, of a later format or holds no model;
            the error says what is wrong.

    >>> load_model("nowhere.safetensors")
    Traceback (most recent call last):
    ...
    rushlight.FormatError: nowhere.safetensors: no such file
    """
    with load_file(path) as file:
        try:
            model = _model(file)
            task = read_object(file.metadata.get("task", "{}"), "metadata task")
            training = read_object(file.metadata.get("training", "{}"), "metadata training")
        except FormatError as error:
            if error.path is not None:
                raise
            raise FormatError(error.fact, path=path, hint=error.hint) from None
    return LoadedModel(model.eval(), task, training, Path(path))


def _facts(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is a dict, not {type(value).__name__}")
    facts = dict(value)
    check_plain(facts, name)
    return facts


def _store(tensor: Tensor) -> StoredTensor:
    array = mode.evaluator.read(tensor, "saving a model")
    return StoredTensor(tensor.dtype.code, array.shape, array)


def _describe(model: Module, state: Tensors, example: Any) -> tuple[Record, Tensors]:
    """Return how the model can be made again, and the tensors this needs beside the state."""
    if isinstance(model, TracedModule):
        graph, constants = record_of(model)
        return _graph_record(model, graph), constants
    try:
        return _as_layers(model, state), {}
    except (ModuleError, FormatError) as error:
        reason = error.fact
    if example is None:
        hint = "pass example=, a tensor such as the model takes: its graph is saved then"
        raise ModuleError(f"the model cannot be saved as layers: {reason}", hint=hint)
    return _as_graph(model, state, example)


def _as_layers(model: Module, state: Tensors) -> Record:
    """Return the layers as JSON, having checked that they make the same model again."""
    record = module_to_json(model)
    read = read_json(write_json(record), "the layers")
    elements = sum(tensor.size for tensor in state.values())
    dtype = next((x.dtype for x in state.values() if x.dtype.is_float), float32)
    found = difference(model, module_from_json(read, elements, len(state), dtype))
    if found:
        raise ModuleError(found)
    return {"model": record, "dtype": dtype.name}


def _as_graph(model: Module, state: Tensors, example: Any) -> tuple[Record, Tensors]:
    """Return the graph as JSON, having checked that it gives what the model gives."""
    tensors = [example] if isinstance(example, Tensor) else example
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(x, Tensor) for x in tensors):
        raise UsageError(f"an example is a tensor, or several, not {brief(example)}")
    names = {id(tensor): name for name, tensor in state.items()}
    with evaluated(model), unhooked(model), no_grad():
        wanted, _ = flatten(model(*tensors))
        for graph, constants in trace_module(model, tensors, names):
            record = _graph_record(model, graph)
            read = read_json(write_json(record), "the graph")
            try:
                traced = _traced(read, {**state, **constants})
            except FormatError as error:
                raise ModuleError(f"the graph cannot be saved: {error.fact}") from error
            got, _ = flatten(traced(*tensors))
            if len(got) == len(wanted) and all(map(_alike, got, wanted)):
                return record, constants
    raise ModuleError(
        "the model's graph does not give what the model itself gives for the example",
        hint="forward must compute with tensors alone, the same each time",
    )


def _graph_record(model: Module, graph: Record) -> Record:
    parameters = [name for name, _ in model.named_parameters()]
    buffers = [name for name, _ in model.named_buffers()]
    return {"graph": graph, "parameters": parameters, "buffers": buffers}


def _alike(one: Tensor, other: Tensor) -> bool:
    if one.spec != other.spec:
        return False
    if not one.dtype.is_float:
        return bool(np.array_equal(one.numpy(), other.numpy()))
    a, b = one.numpy().astype(np.float64), other.numpy().astype(np.float64)
    largest = np.abs(a[np.isfinite(a)]).max(initial=0.0)
    return bool(np.allclose(a, b, rtol=0.0, atol=TOLERANCE * largest, equal_nan=True))


def _model(file: SafetensorsFile) -> Module:
    text = file.metadata.get("rushlight")
    if text is None and ".checkpoint." in file.metadata.get("format", ""):
        hint = "rl.train.load_weights(path, model) gives a model the weights in it"
        raise FormatError("it is a checkpoint of a training, not a model file", hint=hint)
    if text is None:
        hint = "rl.load reads what rl.save wrote; give these tensors to model.load_state_dict"
        raise FormatError(
            f"it has no Rushlight model inside; it holds {_list(file.names)}", hint=hint
        )
    record = read_object(text, "metadata rushlight")
    _check_format(record)
    frozen = set(_names(record.get("frozen"), "frozen"))
    arrays = {name: file.tensor(name) for name in file.names}
    if "graph" in record:
        about = {name: record.get(name) for name in ("graph", "parameters", "buffers")}
        tensors = {name: copied(_tensor(stored)) for name, stored in arrays.items()}
        model: Module = _traced(about, tensors)
    elif "model" in record:
        model = _layers(record["model"], arrays, _float_dtype(record.get("dtype", "float32")))
    else:
        raise FormatError("metadata rushlight: neither model nor graph is there")
    _freeze(model, frozen)
    layers = dict(model.named_modules())
    for name in _names(record.get("frozen_layers", []), "frozen_layers"):
        if name not in layers:
            raise FormatError(f"frozen_layers: there is no layer {shown(name)}")
        layers[name].frozen = True
    return model


def _check_format(record: Record) -> None:
    number, version = record.get("format"), record.get("version")
    if type(number) is not int or number < 1:
        raise FormatError(f"metadata rushlight: format is {brief(number)}, not a number from 1 on")
    if number > FORMAT:
        fact = f"it is of format {number}, written by Rushlight {brief(version)}"
        hint = (
            f"this is Rushlight {__version__}, which reads format {FORMAT}; a later one is needed"
        )
        raise FormatError(fact, hint=hint)
    if not isinstance(version, str):
        raise FormatError(f"metadata rushlight: version is {brief(version)}, not a text")


def _float_dtype(name: Any) -> DType:
    if not isinstance(name, str) or name not in BY_NAME or not BY_NAME[name].is_float:
        raise FormatError(f"metadata rushlight: dtype is {brief(name)}, no float dtype")
    return BY_NAME[name]


def _layers(record: Any, arrays: Mapping[str, StoredTensor], dtype: DType) -> Module:
    """Return the layers with the tensors of the file, which must be exactly theirs."""
    elements = sum(stored.array.size for stored in arrays.values())
    model = module_from_json(record, elements, len(arrays), dtype)
    own = model.state_dict()
    _check_names(own, arrays, "the model")
    for name, tensor in own.items():
        got = f"{BY_CODE[arrays[name].dtype]} {arrays[name].shape}"
        if got != str(tensor.spec):
            raise FormatError(f"tensor {shown(name)} is {got}, the model needs {tensor.spec}")
    model.load_state_dict({name: _tensor(stored) for name, stored in arrays.items()})  # copies
    return model


def _traced(record: Record, tensors: Tensors) -> TracedModule:
    """Return the traced module with the tensors of the file, which must be exactly its own."""
    graph, parameters, buffers = fields(
        record, "metadata rushlight", "graph", "parameters", "buffers"
    )
    groups = [_names(parameters, "parameters"), _names(buffers, "buffers"), constant_names(graph)]
    wanted = [name for group in groups for name in group]
    for name, count in Counter(wanted).items():
        if count > 1:
            raise FormatError(f"tensor {shown(name)} is named twice")
    _check_names(wanted, tensors, "the graph")
    return traced_module(graph, *({name: tensors[name] for name in group} for group in groups))


def _check_names(wanted: Iterable[str], arrays: Mapping[str, Any], who: str) -> None:
    needed = dict.fromkeys(wanted)
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise FormatError(f"{who} needs {_list(missing)}, which the file does not hold")
    unexpected = [name for name in arrays if name not in needed]
    if unexpected:
        raise FormatError(f"the file holds {_list(unexpected)}, which {who} has no place for")


def _tensor(stored: StoredTensor) -> Tensor:
    """Return a tensor of what a file holds, in the memory of the file."""
    return Tensor.wrap(stored.array, BY_CODE[stored.dtype])


def _freeze(model: Module, frozen: set[str]) -> None:
    """Let all parameters be trained but those named."""
    parameters = dict(model.named_parameters())
    for name in sorted(frozen):
        if name not in parameters:
            raise FormatError(f"frozen: there is no parameter {shown(name)}")
    for name, parameter in parameters.items():
        trained = name not in frozen
        if trained and not parameter.dtype.is_float:
            raise FormatError(
                f"parameter {shown(name)} is {parameter.dtype}, which cannot be trained"
            )
        parameter.requires_grad_(trained)


def _names(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise FormatError(f"metadata rushlight: {what} is {brief(value)}, no list of names")
    return value


def _list(names: Sequence[str]) -> str:
    if not names:
        return "no tensors"
    some = ", ".join(shown(name) for name in names[:NAMES_SHOWN])
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return f"{'tensor' if len(names) == 1 else 'tensors'} {some}{more}"
