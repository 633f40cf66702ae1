"""A model file whose metadata is wrong or hostile ends in one clear `FormatError`, soon and small.

Nothing that a file says is run or imported, and no memory is spent on sizes that it only claims.
"""

import copy
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import FormatError
from rushlight.formats.safetensors import StoredTensor
from rushlight.formats.safetensors_header import build_header
from rushlight.nn.module import Module, register

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
TENSORS = {
    "weight": StoredTensor.of(np.ones((2, 4), np.float32)),
    "bias": StoredTensor.of(np.ones(2, np.float32)),
}


@register
class Annotated(Module):
    """A registered layer that takes every kind of argument, and may refuse in its own way."""

    def __init__(
        self,
        *sizes: int,
        share: float = 0.5,
        names: list[str] | None = None,
        table: dict[str, int] | None = None,
        pair: tuple[int, int] = (1, 2),
        layer: Module | None = None,
        raises: str = "",
        **more: Any,
    ) -> None:
        if raises:
            raise {"overflow": OverflowError, "silence": KeyError}[raises]()


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


def layers(name: str, fact: str, *steps: Any, tensors: Any = TENSORS) -> Any:
    return case(name, edited(LAYERS, *steps), fact, tensors)


def layer(name: str, fact: str, kind: Any, arguments: Any, tensors: Any = None) -> Any:
    record = edited(LAYERS, "model", {"module": kind, "arguments": arguments})
    return case(name, record, fact, {} if tensors is None else tensors)


def graph(name: str, fact: str, *steps: Any, tensors: Any = TENSORS) -> Any:
    return case(name, edited(GRAPH, "graph", *steps), fact, tensors)


def without(record: Any, name: str) -> Any:
    return {key: value for key, value in record.items() if key != name}


def nested(depth: int) -> Any:
    made: Any = {"module": "ReLU", "arguments": {}}
    for _ in range(depth):
        made = {"module": "Sequential", "arguments": {"layers": [made]}}
    return made


def of(*shape: int, dtype: str = "float32") -> StoredTensor:
    return StoredTensor.of(np.ones(shape, dtype))


JSON = [
    case("metadata that is no JSON", "{", "metadata rushlight: not JSON"),
    case("empty metadata", "", "metadata rushlight: not JSON"),
    case("Python instead of JSON", "{'format': 1}", "metadata rushlight: not JSON"),
    case("a list", "[1]", "metadata rushlight: [1] is no object"),
    case("a NaN", '{"format": NaN}', "NaN is no JSON"),
    case("an infinity", '{"format": -Infinity}', "-Infinity is no JSON"),
    case("a number beyond all floats", '{"format": 1e999}', "the number 1e999 is too large"),
    case("a name twice", '{"format": 1, "format": 1}', "the name 'format' appears twice"),
    case("an integer of 65 bits", '{"format": 18446744073709551616}', "has more than 64 bits"),
    case("an integer of a million digits", '{"a": ' + "9" * MIB + "}", "has more than 64 bits"),
    case("lists 101 deep", '{"a":' + "[" * 101 + "]" * 101 + "}", "more than 100 levels deep"),
    case("a million open lists", "[" * MIB, "more than 100 levels deep"),
    case("a million objects", '{"a":' * MIB, "more than 100 levels deep"),
    case("half a surrogate pair", '{"a": "\\ud800"}', "has half a surrogate pair"),
    case("half a surrogate pair as a name", '{"\\ud800": 1}', "has half a surrogate pair"),
    case("a text after the object", '{"format": 1} {}', "metadata rushlight: not JSON"),
]

HEADS = [
    case("no format", without(LAYERS, "format"), "format is None"),
    layers("a format that is text", "format is '1'", "format", "1"),
    layers("a format that is true", "format is True", "format", True),
    layers("format zero", "format is 0", "format", 0),
    case(
        "a later format",
        {"format": 2, "version": "9.1"},
        "it is of format 2, written by Rushlight '9.1'\n  hint: this is Rushlight 0.",
    ),
    layers("a version that is a number", "version is 1", "version", 1),
    case("no model", without(LAYERS, "model"), "neither model nor graph is there"),
    case("no list of frozen parameters", without(LAYERS, "frozen"), "frozen is None"),
    layers("a frozen parameter that is not there", "no parameter 'wieght'", "frozen", ["wieght"]),
    layers("a frozen number", "frozen is [1], no list of names", "frozen", [1]),
]

MODULES = [
    layers("a model that is a list", "the model: [] is no object", "model", []),
    layers(
        "a model without arguments", "the model: arguments is missing", "model", {"module": "ReLU"}
    ),
    layers(
        "a model with a field more",
        "the model: 'code' has no meaning here",
        "model",
        {**LINEAR, "code": "import os"},
    ),
    layers(
        "a misspelt layer",
        "no layer 'Liner'\n  hint: did you mean Linear?",
        "model",
        "module",
        "Liner",
    ),
    layers(
        "a layer of the user's",
        "hint: a layer of your own must be registered",
        "model",
        "module",
        "MyTransformer",
    ),
    layers("a module path as layer", "no layer 'os.system'", "model", "module", "os.system"),
    layers("the base class as layer", "no layer 'Module'", "model", "module", "Module"),
    layers("a number as layer", "there is no layer 3", "model", "module", 3),
    layers("a list as layer", "there is no layer ['Linear']", "model", "module", ["Linear"]),
    layers("arguments that are a list", "its arguments are [4, 2]", "model", "arguments", [4, 2]),
    layer(
        "an argument that is missing", "Linear needs the argument outputs", "Linear", {"inputs": 4}
    ),
    layers(
        "an argument that is misspelt",
        "Linear takes no argument 'input'\n  hint: did you mean inputs?",
        *("model", "arguments", {"inputs": 4, "outputs": 2, "input": 3}),
    ),
    layer("an argument of a layer that takes none", "ReLU takes no argument 'x'", "ReLU", {"x": 1}),
    layer(
        "a size that is text",
        "argument inputs of Linear is '4', not int",
        "Linear",
        {"inputs": "4", "outputs": 2},
    ),
    layer(
        "a size that is true",
        "inputs of Linear is True, not int",
        "Linear",
        {"inputs": True, "outputs": 2},
    ),
    layer(
        "a size that is a float",
        "inputs of Linear is 4.0, not int",
        "Linear",
        {"inputs": 4.0, "outputs": 2},
    ),
    layer(
        "a size of zero",
        "inputs must be an int of at least 1",
        "Linear",
        {"inputs": 0, "outputs": 2},
    ),
    layer("a size that is negative", "at least 1, not -4", "Linear", {"inputs": -4, "outputs": 2}),
    layer(
        "a flag that is text",
        "bias of Linear is 'no', not bool",
        "Linear",
        {"inputs": 4, "outputs": 2, "bias": "no"},
    ),
    layer(
        "an initialiser that is not there",
        "no initialiser 'eval'",
        "Linear",
        {"inputs": 4, "outputs": 2, "init": "eval"},
    ),
    layer(
        "a share that is text", "argument p of Dropout is '0.5', not float", "Dropout", {"p": "0.5"}
    ),
    layer("a share above 1", "Dropout cannot be made", "Dropout", {"p": 1.5}),
    layer(
        "a NaN among the arguments", "Dropout cannot be made", "Dropout", {"p": {"float": "nan"}}
    ),
    layer("a float of another name", "module is missing", "Dropout", {"p": {"float": "1"}}),
    layer(
        "a dtype that is not there", "no dtype 'float33'", "Dropout", {"p": {"dtype": "float33"}}
    ),
    layer("a dtype as a number", "there is no dtype 3", "Dropout", {"p": {"dtype": 3}}),
    layer(
        "a list of numbers as layers",
        "layers of Sequential is (1, 2)",
        "Sequential",
        {"layers": [1, 2]},
    ),
    layer(
        "one layer instead of a list",
        "argument layers of Sequential is module ReLU",
        "Sequential",
        {"layers": {"module": "ReLU", "arguments": {}}},
    ),
    layer(
        "a fault deep inside",
        "the model.layers[0].layers[0]: there is no layer 'Evil'",
        *(
            "Sequential",
            {
                "layers": [
                    {
                        "module": "Sequential",
                        "arguments": {"layers": [{"module": "Evil", "arguments": {}}]},
                    }
                ]
            },
        ),
    ),
    layers("modules nested 40 deep", "more than 100 levels deep", "model", nested(40)),
    layer(
        "a constructor that overflows",
        "Annotated cannot be made: OverflowError",
        "Annotated",
        {"raises": "overflow"},
    ),
    layer(
        "a constructor that fails without a word",
        "Annotated cannot be made",
        "Annotated",
        {"raises": "silence"},
    ),
    layer(
        "a wrong item of *args",
        "argument sizes of Annotated is (1, '2'), not tuple[int, ...]",
        "Annotated",
        {"sizes": [1, "2"]},
    ),
    layer(
        "a wrong item of a list",
        "argument names of Annotated is ('a', 1)",
        "Annotated",
        {"names": ["a", 1]},
    ),
    layer(
        "a wrong value of a dict",
        "argument table of Annotated is {'a': 'b'}",
        "Annotated",
        {"table": {"dict": {"a": "b"}}},
    ),
    layer(
        "a pair of three",
        "argument pair of Annotated is (1, 2, 3)",
        "Annotated",
        {"pair": [1, 2, 3]},
    ),
    layer(
        "a number as layer argument", "argument layer of Annotated is 1", "Annotated", {"layer": 1}
    ),
    layer(
        "an object with two keys",
        "the model.share: module is missing",
        "Annotated",
        {"share": {"a": 1, "b": 2}},
    ),
]

SIZES = [
    layer(
        "a layer of 10^18 weights",
        "the model needs float32 (1000000000, 1000000000)",
        "Linear",
        {"inputs": 10**9, "outputs": 10**9},
        TENSORS,
    ),
    layer(
        "a layer of more weights than addresses",
        "Linear cannot be made",
        "Linear",
        {"inputs": 2**62, "outputs": 2**62},
        TENSORS,
    ),
    layer(
        "an orthogonal start of 10^10 weights",
        "a tensor of 10,000,000,000 elements, the file holds fewer",
        "Linear",
        {"inputs": 10**5, "outputs": 10**5, "init": "orthogonal"},
        TENSORS,
    ),
    layer(
        "an embedding of 10^12 numbers",
        "the model needs float32 (1000000000, 1000)",
        "Embedding",
        {"count": 10**9, "width": 1000},
        {"weight": of(2, 2)},
    ),
    layer(
        "one bias too many",
        "the model needs tensor 'bias', which the file does not hold",
        "Linear",
        LINEAR["arguments"],
        without(TENSORS, "bias"),
    ),
    layer(
        "a tensor too many",
        "the file holds tensor 'more', which the model has no place for",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "more": of(1)},
    ),
    layer(
        "tensors of no model",
        "the model needs tensors 'weight', 'bias'",
        "Linear",
        LINEAR["arguments"],
        {"w": of(1)},
    ),
    layer(
        "no tensors at all",
        "the model needs tensors 'weight', 'bias'",
        "Linear",
        LINEAR["arguments"],
        {},
    ),
    layer(
        "a tensor of another shape",
        "tensor 'weight' is float32 (4, 2), the model needs float32 (2, 4)",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "weight": of(4, 2)},
    ),
    layer(
        "a tensor of another rank",
        "is float32 (8,), the model needs",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "weight": of(8)},
    ),
    layer(
        "a tensor of another dtype",
        "is float64 (2, 4), the model needs float32 (2, 4)",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "weight": of(2, 4, dtype="float64")},
    ),
    layer(
        "many tensors too many",
        "and 15 more, which the model has no place for",
        "ReLU",
        {},
        {f"t{i}": of(1) for i in range(20)},
    ),
]

NODE = ("nodes", 3)
GRAPHS = [
    case("a graph that is a list", {**GRAPH, "graph": []}, "the graph: [] is no object", TENSORS),
    case("a graph that is null", {**GRAPH, "graph": None}, "the graph: None is no object"),
    case(
        "a graph without nodes",
        {**GRAPH, "graph": without(NET, "nodes")},
        "the graph: nodes is missing",
    ),
    case(
        "a graph without states",
        {**GRAPH, "graph": without(NET, "states")},
        "the graph: states is missing",
    ),
    graph("a graph with a field more", "'code' has no meaning here", "code", "x"),
    graph("a name that is a number", "the graph's name: 3 is no text", "name", 3),
    graph("arguments that are no list", "the arguments: {} is no list", "arguments", {}),
    graph(
        "an argument without a dtype",
        "argument 0: dtype is missing",
        "arguments",
        0,
        {"shape": [4]},
    ),
    graph(
        "an argument of an unknown dtype",
        "argument 0: there is no dtype 'object'",
        "arguments",
        0,
        "dtype",
        "object",
    ),
    graph(
        "an argument of a negative size",
        "argument 0: -4 is no size of an axis",
        "arguments",
        0,
        "shape",
        1,
        -4,
    ),
    graph(
        "an argument of a size that is true",
        "argument 0: True is no size",
        "arguments",
        0,
        "shape",
        1,
        True,
    ),
    graph(
        "an argument of a size that is text",
        "argument 0: '4' is no size",
        "arguments",
        0,
        "shape",
        1,
        "4",
    ),
    graph(
        "an argument of nine axes",
        "argument 0: 9 axes, more than 8",
        "arguments",
        0,
        "shape",
        [1] * 9,
    ),
    graph(
        "an argument of 10^18 elements",
        "argument 0: 1000000000 is no size",
        "arguments",
        0,
        "shape",
        [10**9, 10**9],
    ),
    graph(
        "an argument of 2^32 elements",
        "argument 0: (65536, 65536) is too large",
        "arguments",
        0,
        "shape",
        [2**16, 2**16],
    ),
    graph(
        "a shape that is one number", "argument 0: shape: 4 is no list", "arguments", 0, "shape", 4
    ),
    graph(
        "a batch that counts double",
        "argument 0: {'batch': 2, 'plus': 0} is no size of an axis",
        "arguments",
        0,
        "shape",
        0,
        {"batch": 2, "plus": 0},
    ),
    graph(
        "a batch that is text",
        "is no size of an axis",
        "arguments",
        0,
        "shape",
        0,
        {"batch": "1", "plus": 0},
    ),
    graph("a state that the file lacks", "state 0: the file holds no tensor 'w'", "states", ["w"]),
    graph("a state that is a number", "state 0: the file holds no tensor 3", "states", [3]),
    graph("a constant as a state", "the graph needs tensor 'x'", "constants", [{"tensor": "x"}]),
    graph(
        "a constant that is a parameter too",
        "tensor 'weight' is named twice",
        "constants",
        [{"tensor": "weight"}],
    ),
    graph(
        "a constant of too few values",
        "constant 0: 1 values do not fill [2]",
        "constants",
        0,
        "shape",
        [2],
    ),
    graph(
        "a constant of 10^15 values",
        "constant 0: 1000000000000000 is no size",
        "constants",
        0,
        "shape",
        [10**15],
    ),
    graph(
        "a constant that is text",
        "constant 0: ['2'] are no float32 values",
        "constants",
        0,
        "values",
        ["2"],
    ),
    graph(
        "a constant that is an int",
        "constant 0: [2] are no float32 values",
        "constants",
        0,
        "values",
        [2],
    ),
    graph(
        "a constant that is null",
        "constant 0: [None] are no float32",
        "constants",
        0,
        "values",
        [None],
    ),
    graph(
        "a constant beyond its dtype",
        "constant 0: [1e+39] are no float32",
        "constants",
        0,
        "values",
        [1e39],
    ),
    graph(
        "a byte of 256",
        "constant 0: [256] are no uint8",
        "constants",
        0,
        {"dtype": "uint8", "shape": [], "values": [256]},
    ),
    graph(
        "a bool of 1",
        "constant 0: [1] are no bool",
        "constants",
        0,
        {"dtype": "bool", "shape": [], "values": [1]},
    ),
    graph("a half float in line", "are no float16 values", "constants", 0, "dtype", "float16"),
    graph("constants that are no list", "the constants: 'x' is no list", "constants", "x"),
    graph("nodes that are no list", "the nodes: {} is no list", "nodes", {}),
    graph("a node that is null", "node 3: None is no object", *NODE, None),
    graph("a node with a field more", "node 3: 'eval' has no meaning", *NODE, "eval", "1"),
    graph(
        "a misspelt primitive",
        "node 3: there is no primitive 'som'\n  hint: did you mean sum?",
        *NODE,
        "op",
        "som",
    ),
    graph(
        "a primitive that is a list", "node 3: there is no primitive ['sum']", *NODE, "op", ["sum"]
    ),
    graph(
        "an input that is not made yet",
        "node 3 (sum): there is no value 6; 6 are made by then",
        *NODE,
        "inputs",
        [6],
    ),
    graph("a negative input", "node 3 (sum): there is no value -1", *NODE, "inputs", [-1]),
    graph("an input that is true", "node 3 (sum): there is no value True", *NODE, "inputs", [True]),
    graph(
        "an input that is a float", "node 3 (sum): there is no value 5.0", *NODE, "inputs", [5.0]
    ),
    graph("inputs that are text", "node 3 (sum): inputs: '5' is no list", *NODE, "inputs", "5"),
    graph("no inputs", "node 3 (sum): ", *NODE, "inputs", []),
    graph("an input too many", "node 3 (sum): ", *NODE, "inputs", [5, 5]),
    graph("params that are a list", "node 3 (sum): params are [], no object", *NODE, "params", []),
    graph(
        "a param that is missing",
        "node 3 (sum): keepdims is missing",
        *NODE,
        "params",
        {"axes": [1]},
    ),
    graph(
        "a param too many", "node 3 (sum): 'out' is none of its params", *NODE, "params", "out", [1]
    ),
    graph(
        "NumPy's where",
        "node 2 (mul): 'where' is none of its params",
        "nodes",
        2,
        "params",
        {"where": False},
    ),
    graph(
        "a param that is text",
        "node 3 (sum): keepdims is 'yes', not made of bools",
        *NODE,
        "params",
        "keepdims",
        "yes",
    ),
    graph(
        "a param that is a float",
        "node 3 (sum): axes is (1.0,), not made of ints",
        *NODE,
        "params",
        "axes",
        [1.0],
    ),
    graph("a param of one axis where a list belongs", "node 3 (sum): ", *NODE, "params", "axes", 1),
    graph(
        "a param that is a dict", "node 3 (sum): axes is {}", *NODE, "params", "axes", {"dict": {}}
    ),
    graph(
        "a param that is nothing known",
        "node 3 (sum): axes: {'code': 'x'} is no value",
        *NODE,
        "params",
        "axes",
        {"code": "x"},
    ),
    graph(
        "a param of a size that never grows",
        "node 3 (sum): axes[0]: {'batch': 'x', 'plus': 0} is no value",
        *NODE,
        "params",
        "axes",
        [{"batch": "x", "plus": 0}],
    ),
    graph(
        "an order of axes that is none",
        "node 0 (permute): (1, 1) is not an order of the 2 axes",
        "nodes",
        0,
        "params",
        "order",
        [1, 1],
    ),
    graph(
        "operands that do not fit",
        "node 1 (matmul): inner sizes differ: 4 (left axis -1) and 2",
        "nodes",
        1,
        "inputs",
        [0, 1],
    ),
    graph(
        "dtypes that do not fit",
        "node 2 (mul): dtypes differ: float32 and int8",
        "constants",
        0,
        {"dtype": "int8", "shape": [], "values": [2]},
    ),
    graph(
        "a value of 2^40 elements",
        "node 3 (broadcast_to): (1048576, 1048576) is too large",
        *NODE,
        {"op": "broadcast_to", "inputs": [2], "params": {"shape": [2**20, 2**20]}, "module": ""},
    ),
    graph(
        "a value of negative size",
        "node 3 (reshape): ",
        *NODE,
        {"op": "reshape", "inputs": [5], "params": {"shape": [-37, -2]}, "module": ""},
    ),
    graph(
        "a cast to no dtype",
        "no dtype 'complex64'",
        *NODE,
        {
            "op": "cast",
            "inputs": [5],
            "params": {"source": {"dtype": "float32"}, "dtype": {"dtype": "complex64"}},
            "module": "",
        },
    ),
    graph("a module path that is a number", "node 3 (sum): 7 is no text", *NODE, "module", 7),
    graph(
        "a result that is not made",
        "the result: there is no value 7; 7 are made by then",
        "result",
        {"value": 7},
    ),
    graph(
        "a result that is nothing known",
        "the result: {'code': 'x'} is no value",
        "result",
        {"code": "x"},
    ),
    graph("a result of a wrong list", "the result: 6 is no list", "result", {"list": 6}),
]

TENSORS_OF_GRAPHS = [
    case("a graph without parameters", without(GRAPH, "parameters"), "parameters is None"),
    case("parameters that are a dict", {**GRAPH, "parameters": {}}, "parameters is {}"),
    case("a buffer that is a number", {**GRAPH, "buffers": [1]}, "buffers is [1]"),
    case(
        "a parameter and buffer of one name",
        {**GRAPH, "buffers": ["bias"]},
        "tensor 'bias' is named twice",
    ),
    case(
        "a parameter twice",
        {**GRAPH, "parameters": ["weight", "bias", "bias"]},
        "'bias' is named twice",
    ),
    case(
        "a tensor that nothing names",
        {**GRAPH, "parameters": ["weight"]},
        "the file holds tensor 'bias', which the graph has no place for",
    ),
    case(
        "a parameter that the file lacks", {**GRAPH, "buffers": ["b"]}, "the graph needs tensor 'b'"
    ),
    case(
        "a parameter of integers",
        GRAPH,
        "parameter 'bias' is int64, which cannot be trained",
        {**TENSORS, "bias": of(2, dtype="int64")},
    ),
]


def named(name: str, *others: str) -> Any:
    """Return a case with a further tensor of the graph, and more, under names that cannot be."""
    names = ["weight", "bias", name, *others]
    tensors = {**TENSORS, **{one: of(1) for one in (name, *others)}}
    return case(
        f"tensors called {' and '.join(repr(one)[:30] for one in (name, *others))}",
        {**GRAPH, "parameters": names},
        "",
        tensors,
    )


NAMES = [
    named("a", "a.b"),
    named("a.b", "a"),
    named("weight.x"),
    named(".a"),
    named("a."),
    named("a..b"),
    named("."),
    named("__class__"),
    named("__dict__.x"),
    named("_buffers"),
    named("_training"),
    named("training"),
    named("forward"),
    named("a.eval"),
    named("_record"),
    named(".".join("a" * 500)),
]

CASES = [*JSON, *HEADS, *MODULES, *SIZES, *GRAPHS, *TENSORS_OF_GRAPHS, *NAMES]


@pytest.mark.parametrize(("metadata", "tensors", "fact"), CASES)
def test_wrong_metadata_is_refused_with_the_file_and_the_fact(
    tmp_path: Path, metadata: dict[str, Any], tensors: Any, fact: str
) -> None:
    path = write(tmp_path / "m.safetensors", metadata, tensors)
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


def test_a_norm_of_10_to_the_15_features_is_refused(tmp_path: Path) -> None:
    model = {"module": "BatchNorm", "arguments": {"features": 10**15}}
    path = write(tmp_path / "m.safetensors", {"rushlight": {**LAYERS, "model": model}})
    with pytest.raises(FormatError, match="BatchNorm cannot be made"):
        rl.load(path)


@pytest.mark.parametrize("record", [LAYERS, GRAPH], ids=["layers", "graph"])
def test_what_the_cases_are_made_from_is_read(tmp_path: Path, record: Any) -> None:
    loaded = rl.load(write(tmp_path / "m.safetensors", {"rushlight": record}))
    assert loaded.model(rl.ones(3, 4)).shape[0] == 3


@pytest.mark.parametrize("name", ["task", "training"])
@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("[]", "[] is no object"),
        ("3", "3 is no object"),
        ("", "not JSON"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": 1, "a": 2}', "the name 'a' appears twice"),
        ('{"a":' + "[" * 200 + "]" * 200 + "}", "more than 100 levels deep"),
    ],
    ids=["a list", "a number", "nothing", "a NaN", "a name twice", "200 levels"],
)
def test_wrong_facts_are_refused(tmp_path: Path, name: str, text: str, fact: str) -> None:
    path = write(tmp_path / "m.safetensors", {"rushlight": LAYERS, name: text})
    with pytest.raises(FormatError) as caught:
        rl.load(path)
    assert f"{path}: metadata {name}: " in str(caught.value)
    assert fact in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "fact"),
    [
        (TENSORS, "it holds tensors 'weight', 'bias'"),
        ({}, "it holds no tensors"),
        ({f"t{i}": of(1) for i in range(8)}, "'t0', 't1', 't2', 't3', 't4' and 3 more"),
        ({"a\u202eb": of(1)}, "it holds tensor 'a\\u202eb'"),
    ],
    ids=["two", "none", "many", "a name that turns the text around"],
)
def test_a_file_of_tensors_alone_is_no_model(tmp_path: Path, tensors: Any, fact: str) -> None:
    path = write(tmp_path / "m.safetensors", {"format": "pt"}, tensors)
    with pytest.raises(FormatError) as caught:
        rl.load(path)
    assert f"{path}: it has no Rushlight model inside; " in str(caught.value)
    assert fact in str(caught.value)


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(FormatError, match="no safetensors file"):
        rl.load(path)


def test_a_bool_tensor_that_is_none_is_refused(tmp_path: Path) -> None:
    tensors = {**TENSORS, "flag": StoredTensor.of(np.array([True]))}
    record = {**GRAPH, "buffers": ["flag"]}
    path = write(tmp_path / "m.safetensors", {"rushlight": record}, tensors)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x02")
    with pytest.raises(FormatError, match="a BOOL is 2, neither 0 nor 1"):
        rl.load(path)


def test_a_graph_whose_axis_lies_outside_says_so_when_it_is_called(tmp_path: Path) -> None:
    record = edited(GRAPH, "graph", "nodes", 3, "params", "axes", [-1])
    path = write(tmp_path / "m.safetensors", {"rushlight": record})
    with pytest.raises(rl.RushlightError):
        rl.load(path).model(rl.ones(3, 4))


def test_any_single_edit_of_a_record_is_read_or_refused(tmp_path: Path) -> None:
    """Put odd values at every place of both records; nothing but FormatError may come of it."""
    odd = [None, True, -1, 0, 10**12, 0.5, "", "x", [], [[]], {}, {"batch": 9, "plus": 9}]
    refused = read = 0
    for record in (LAYERS, GRAPH):
        for way in places(record):
            for value in odd:
                made = edited(record, *way, value)
                path = write(tmp_path / "m.safetensors", {"rushlight": made})
                try:
                    model = rl.load(path).model
                except FormatError:
                    refused += 1
                    continue
                read += 1
                try:
                    model(rl.ones(3, 4))
                except rl.RushlightError:
                    continue
    assert refused > 600
    assert read < 150


def places(record: Any) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a record."""
    items = record.items() if isinstance(record, dict) else enumerate(record)
    found: list[tuple[Any, ...]] = []
    for key, value in items:
        found.append((key,))
        if isinstance(value, (dict, list)):
            found += [(key, *way) for way in places(value)]
    return found
