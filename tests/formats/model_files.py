"""Model files made by hand: right ones to begin with, and what may be wrong with them."""

import copy
import json
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import FormatError, RushlightError
from rushlight.formats.safetensors import StoredTensor
from rushlight.formats.safetensors_header import build_header

rl.load  # noqa: B018 - imported now, so that the tests see what loading a file imports

MIB = 2**20
BATCH = {"batch": 1, "plus": 0}

LINEAR = {"module": "Linear", "arguments": {"inputs": 4, "outputs": 2, "bias": True}}
LAYERS = {"format": 1, "version": "0.1.0", "frozen": [], "model": LINEAR}
NET = {
    "name": "Net",
    "arguments": [{"dtype": "float32", "shape": [BATCH, 4]}],
    "states": ["weight"],
    "constants": [{"dtype": "float32", "shape": [], "values": [2.0]}],
    "nodes": [
        {"op": "permute", "inputs": [1], "params": {"order": [1, 0]}, "module": "layer"},
        {"op": "matmul", "inputs": [0, 3], "params": {}, "module": "layer"},
        {"op": "mul", "inputs": [4, 2], "params": {}, "module": ""},
        {"op": "sum", "inputs": [5], "params": {"axes": [1], "keepdims": False}, "module": ""},
    ],
    "result": {"value": 6},
}
GRAPH = {
    **{name: LAYERS[name] for name in ("format", "version", "frozen")},
    "graph": NET,
    "parameters": ["weight", "bias"],
    "buffers": [],
}
ROW = {"dtype": "float32", "shape": [2]}
BRANCH = {
    "name": "branch",
    "arguments": [ROW],
    "captured": [],
    "constants": [],
    "nodes": [{"op": "neg", "inputs": [0], "params": {}, "module": ""}],
    "results": [1],
}
TURN = {
    "name": "turn",
    "arguments": [ROW, ROW],
    "captured": [{"dtype": "float32", "shape": [2, 4]}],
    "constants": [{"dtype": "float32", "shape": [], "values": [0.5]}],
    "nodes": [
        {"op": "sum", "inputs": [2], "params": {"axes": [0, 1], "keepdims": False}, "module": ""},
        {"op": "gt", "inputs": [4, 3], "params": {}, "module": ""},
        {
            "op": "cond",
            "inputs": [5, 0],
            "params": {"bodies": [{"body": BRANCH}, {"body": BRANCH}]},
            "module": "layer",
        },
        {"op": "add", "inputs": [6, 1], "params": {}, "module": ""},
    ],
    "results": [7, 0],
}
TURNS = {
    "name": "Turns",
    "arguments": [{"dtype": "float32", "shape": [3, 2]}],
    "states": ["weight", "bias"],
    "constants": [],
    "nodes": [
        {
            "op": "scan",
            "inputs": [2, 0, 1],
            "params": {
                "body": {"body": TURN},
                "carries": 1,
                "length": 3,
                "reverse": False,
                "counted": False,
            },
            "module": "",
        }
    ],
    "result": {"tuple": [{"value": 3}, {"value": 4}]},
}
LOOP = {**GRAPH, "graph": TURNS}
TENSORS = {
    "weight": StoredTensor.of(np.ones((2, 4), np.float32)),
    "bias": StoredTensor.of(np.ones(2, np.float32)),
}


def write(path: Path, metadata: dict[str, Any], tensors: Any = TENSORS) -> Path:
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    layout = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    header, order = build_header(layout, texts)
    path.write_bytes(header + b"".join(tensors[name].array.tobytes() for name in order))
    return path


def edited(record: Any, *steps: Any) -> Any:
    """Return a copy of a record in which what lies at the end of `steps` is the last of them."""
    *way, last, value = steps
    made = copy.deepcopy(record)
    part = made
    for step in way:
        part = part[step]
    part[last] = value
    return made


def case(name: str, record: Any, fact: str, tensors: Any = TENSORS) -> Any:
    return pytest.param({"rushlight": record}, tensors, fact, id=name)


def without(record: Any, name: str) -> Any:
    return {key: value for key, value in record.items() if key != name}


def of(*shape: int, dtype: str = "float32") -> StoredTensor:
    return StoredTensor.of(np.ones(shape, dtype))


def refuse(path: Path, metadata: dict[str, Any], tensors: Any, fact: str) -> None:
    """Assert that a file is refused with this fact, in little memory, and nothing is imported."""
    write(path, metadata, tensors)
    loaded = set(sys.modules)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as caught:
            rl.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: ")
    assert fact in str(caught.value)
    assert len(str(caught.value).splitlines()[0]) < 400
    assert caught.value.path == path
    assert peak < 64 * MIB
    assert set(sys.modules) == loaded


def read_or_refuse(path: Path, record: Any) -> bool:
    """Load a file, and call its model; return whether it was read. Only our own errors may rise."""
    write(path, {"rushlight": record})
    try:
        model = rl.load(path).model
    except FormatError:
        return False
    try:
        model(rl.ones(3, 4))
    except RushlightError:
        return True
    return True


ODD = [None, True, -1, 0, 10**12, 0.5, "", "x", [], [[]], {}, {"batch": 9, "plus": 9}]


def every_edit(record: Any) -> Iterator[Any]:
    """Yield the record with an odd value in place of each value in it, one at a time."""
    for way in places(record):
        for value in ODD:
            yield edited(record, *way, value)


def places(record: Any) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a record."""
    items = record.items() if isinstance(record, dict) else enumerate(record)
    found: list[tuple[Any, ...]] = []
    for key, value in items:
        found.append((key,))
        if isinstance(value, (dict, list)):
            found += [(key, *way) for way in places(value)]
    return found
