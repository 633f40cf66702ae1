"""A model file whose graph is wrong or hostile ends in one clear `FormatError`, soon and small."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.formats.model_files import (
    BRANCH,
    GRAPH,
    LOOP,
    NET,
    TENSORS,
    TURN,
    case,
    edited,
    every_edit,
    of,
    read_or_refuse,
    refuse,
    without,
    write,
)


def graph(name: str, fact: str, *steps: Any, tensors: Any = TENSORS) -> Any:
    return case(name, edited(GRAPH, "graph", *steps), fact, tensors)


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
        "constant 0: 2 values do not fill [3]",
        "constants",
        0,
        {"dtype": "float32", "shape": [3], "values": [1.0, 2.0]},
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
        "a param of 2^62",
        "node 3 (sum): axes is (4611686018427387904,), beyond all sizes",
        *(*NODE, "params", "axes", [2**62]),
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

SCAN = ("nodes", 0, "params")
BODY = (*SCAN, "body", "body")
CHOICE = (*BODY, "nodes", 2, "params")


def loop(name: str, fact: str, *steps: Any) -> Any:
    return case(name, edited(LOOP, "graph", *steps), fact)


def deep(levels: int) -> Any:
    """Return a branch with branches inside."""
    made: Any = BRANCH
    for _ in range(levels):
        inner = {"bodies": [{"body": BRANCH}, {"body": made}]}
        node = {"op": "cond", "inputs": [1, 0], "params": inner, "module": ""}
        true = {"dtype": "bool", "shape": [], "values": [True]}
        made = {**BRANCH, "constants": [true], "nodes": [node], "results": [2]}
    return made


def turning(levels: int) -> Any:
    """Return a branch with loops inside of loops, each of 2^16 turns."""
    made: Any = BRANCH
    for _ in range(levels):
        params = {"body": {"body": made}, "carries": 1, "length": 2**16}
        params |= {"reverse": False, "counted": False}
        node = {"op": "scan", "inputs": [0], "params": params, "module": ""}
        made = {**BRANCH, "nodes": [node]}
    return made


LOOPS = [
    loop("a body that is a number", "node 0 (scan): body is 3, no Body", *SCAN, "body", 3),
    loop("a body that is an object", "body: body is missing", *SCAN, "body", {"code": 1}),
    loop("params of another op", "params: 'axes' has no meaning", *SCAN, "axes", 1),
    loop("a loop without params", "params: body is missing", "nodes", 0, "params", {}),
    loop("a body without a name", "the name: 3 is no text", *BODY, "name", 3),
    loop("a body with a field more", "'code' has no meaning here", *BODY, "code", 3),
    loop("a length of text", "length is 'x', no int", *SCAN, "length", "x"),
    loop("a negative length", "-1 is no size of an axis", *SCAN, "length", -1),
    loop("a huge length", "is no size of an axis", *SCAN, "length", 2**40),
    loop("another length", "operands of the loop: number 1 is", *SCAN, "length", 4),
    loop("a negative number of states", "cannot carry -1 states", *SCAN, "carries", -1),
    loop("too many states", "cannot carry 3 states", *SCAN, "carries", 3),
    loop("a bool of states", "carries is True, no int", *SCAN, "carries", True),
    loop("a number as a bool", "reverse is 1, no bool", *SCAN, "reverse", 1),
    loop("a count that is not there", "the count is float32", *SCAN, "counted", True),
    loop(
        "operands missing", "operands of the loop: 2 of them, not 3", "nodes", 0, "inputs", [2, 0]
    ),
    loop("fewer results", "cannot carry 1 states", *BODY, "results", []),
    loop("a result that is not there", "there is no value 99", *BODY, "results", [99]),
    loop("a state of another shape", "states after a turn: number 0", *BODY, "results", [3, 0]),
    loop("a huge row", "is no size of an axis", *BODY, "arguments", 1, "shape", [2**40]),
    loop(
        "a primitive that is none", "there is no primitive 'eval'", *BODY, "nodes", 0, "op", "eval"
    ),
    loop("a while loop", "there is no primitive 'while_loop'", "nodes", 0, "op", "while_loop"),
    loop(
        "a constant of another file",
        "the graph needs tensor 'x'",
        *BODY,
        "constants",
        0,
        {"tensor": "x"},
    ),
    loop("one branch", "no two bodies", *CHOICE, "bodies", [{"body": BRANCH}]),
    loop("branches that are numbers", "no two bodies", *CHOICE, "bodies", [1, 2]),
    loop(
        "loops that would never end",
        "loops within loops turn",
        *CHOICE,
        "bodies",
        0,
        {"body": turning(2)},
    ),
    loop("no branches", "bodies is None, no tuple", *CHOICE, "bodies", None),
    loop(
        "unlike branches",
        "results of the branches: 2 of them, not 1",
        *CHOICE,
        "bodies",
        1,
        {"body": {**BRANCH, "results": [0, 1]}},
    ),
    loop("a choice by a float", "the choice is float32", *BODY, "nodes", 2, "inputs", [4, 0]),
    loop(
        "a body in place of an axis",
        "is no value",
        *BODY,
        "nodes",
        0,
        "params",
        "axes",
        {"body": TURN},
    ),
]

CASES = [*GRAPHS, *TENSORS_OF_GRAPHS, *NAMES, *LOOPS]


@pytest.mark.parametrize(("metadata", "tensors", "fact"), CASES)
def test_a_wrong_graph_is_refused_with_the_file_and_the_fact(
    tmp_path: Path, metadata: dict[str, Any], tensors: Any, fact: str
) -> None:
    refuse(tmp_path / "m.safetensors", metadata, tensors, fact)


def test_what_the_cases_are_made_from_is_read(tmp_path: Path) -> None:
    loaded = rl.load(write(tmp_path / "m.safetensors", {"rushlight": GRAPH}))
    np.testing.assert_array_equal(loaded.model(rl.ones(3, 4)).numpy(), np.full(3, 16.0))


def test_a_graph_whose_axis_lies_outside_says_so_when_it_is_called(tmp_path: Path) -> None:
    record = edited(GRAPH, "graph", "nodes", 3, "params", "axes", [-1])
    path = write(tmp_path / "m.safetensors", {"rushlight": record})
    with pytest.raises(rl.RushlightError):
        rl.load(path).model(rl.ones(3, 4))


def test_any_single_edit_of_a_graph_is_read_or_refused(tmp_path: Path) -> None:
    outcomes = [read_or_refuse(tmp_path / "m", record) for record in every_edit(GRAPH)]
    assert outcomes.count(False) > 500
    assert 0 < outcomes.count(True) < 120


def test_the_loop_that_the_cases_are_made_from_is_read(tmp_path: Path) -> None:
    loaded = rl.load(write(tmp_path / "m.safetensors", {"rushlight": LOOP}))
    state, rows = loaded.model(rl.ones(3, 2))
    np.testing.assert_array_equal(state.numpy(), np.zeros(2))
    np.testing.assert_array_equal(rows.numpy(), [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])


def test_any_single_edit_of_a_loop_is_read_or_refused(tmp_path: Path) -> None:
    outcomes = [read_or_refuse(tmp_path / "m", record) for record in every_edit(LOOP)]
    assert outcomes.count(False) > 1000
    assert outcomes.count(True) > 0


def test_branches_in_branches_are_read_up_to_the_depth_of_json(tmp_path: Path) -> None:
    few = edited(LOOP, "graph", *CHOICE, "bodies", 1, "body", deep(3))
    assert read_or_refuse(tmp_path / "few", few)
    many = edited(LOOP, "graph", *CHOICE, "bodies", 1, "body", deep(40))
    refuse(tmp_path / "many", {"rushlight": many}, TENSORS, "levels deep")
