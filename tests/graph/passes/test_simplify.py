"""What computes nothing goes; what would change a bit stays."""

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.core.primitive import PRIMITIVES
from rushlight.graph.passes.rewrite import copied
from rushlight.graph.passes.simplify import simplify
from rushlight.testing.compare import assert_identical
from tests.graph.passes.evaluate import evaluate, names

SPECIAL = np.array([0.0, -0.0, 1.5, -1.5, np.inf, -np.inf, np.nan, 3e38], np.float32)

Function = Callable[..., rl.Tensor]


def apply(name: str, *inputs: rl.Tensor, **params: object) -> rl.Tensor:
    return bind(PRIMITIVES[name], *inputs, **params)


GONE: list[tuple[str, Function]] = [
    ("x times 1", lambda x: x * 1.0),
    ("1 times x", lambda x: 1.0 * x),
    ("x divided by 1", lambda x: x / 1.0),
    ("x less 0", lambda x: x - 0.0),
    ("x and -0", lambda x: x + -0.0),
    ("-0 and x", lambda x: -0.0 + x),
    ("the opposite of the opposite", lambda x: x.neg().neg()),
    ("a reshape to the same shape", lambda x: apply("reshape", x, shape=(2, 4))),
    ("a reshape there and back", lambda x: x.reshape(8).reshape(4, 2).reshape(2, 4)),
    ("an order of axes that is theirs", lambda x: x.permute(0, 1)),
    ("two turns", lambda x: x.transpose(0, 1).transpose(0, 1)),
    ("an expansion to the same shape", lambda x: apply("broadcast_to", x, shape=(2, 4))),
    ("a slice of all", lambda x: apply("slice", x, start=(0, 0), count=(2, 4), step=(1, 1))),
    ("two reversals", lambda x: x[::-1, ::-1][::-1, ::-1]),
    ("a slice of what was padded", lambda x: x.pad([(1, 2), (0, 3)])[1:3, :4]),
    ("no padding", lambda x: x.pad([(0, 0), (0, 0)])),
    ("one part joined", lambda x: rl.concat([x], 1)),
    ("parts without elements", lambda x: rl.concat([x[:, :0], x, x[:, 4:]], 1)),
    ("a cast to its own dtype", lambda x: apply("cast", x, source=rl.float32, dtype=rl.float32)),
    ("a cast there and back", lambda x: x.cast("float64").cast("float32")),
    ("a choice between x and x", lambda x: rl.where(x > 0.0, x, x)),
    ("the largest of one", lambda x: x.unsqueeze(1).max(1)),
]

KEPT: list[tuple[str, Function]] = [
    ("x and 0, which makes 0 of -0", lambda x: x + 0.0),
    ("x less -0", lambda x: x - -0.0),
    ("x times -1", lambda x: x * -1.0),
    ("0 less x", lambda x: 0.0 - x),
    ("1 divided by x", lambda x: 1.0 / x),
    ("a lossy cast there and back", lambda x: x.tanh().cast("float16").cast("float32")),
    ("a reversal", lambda x: x[::-1]),
    ("a shorter slice of what was padded", lambda x: x.pad([(1, 1), (0, 0)])[1:2]),
    ("an expansion", lambda x: x.broadcast_to(3, 2, 4)),
]


@pytest.mark.parametrize(("what", "function"), GONE, ids=[what for what, _ in GONE])
def test_nothing_is_left_of(what: str, function: Function) -> None:
    x = SPECIAL.reshape(2, 4)
    graph = rl.trace(function, rl.tensor(x))
    after = simplify(copied(graph))
    assert graph.nodes != []
    assert names(after) == []
    assert_identical(evaluate(after, x)[0], evaluate(graph, x)[0])


@pytest.mark.parametrize(("what", "function"), KEPT, ids=[what for what, _ in KEPT])
def test_nothing_is_taken_from(what: str, function: Function) -> None:
    graph = rl.trace(function, rl.tensor(SPECIAL.reshape(2, 4)))
    assert str(simplify(copied(graph))) == str(graph)


FEWER: list[tuple[str, Function, list[str]]] = [
    ("permutes become one", lambda x: x.permute(1, 2, 0).permute(1, 2, 0), ["permute"]),
    ("slices become one", lambda x: x[1:, ::-1][:, ::2], ["slice"]),
    (
        "expansions become one",
        lambda x: x.broadcast_to(2, 3, 4, 5).broadcast_to(3, 2, 3, 4, 5),
        ["broadcast_to"],
    ),
    (
        "a pointwise op expands its operands",
        lambda x: x + x[:1].broadcast_to(3, 4, 5),
        ["slice", "add"],
    ),
    (
        "but the last operand that has the shape",
        lambda x: x[:1].broadcast_to(3, 4, 5).exp(),
        ["slice", "broadcast_to", "exp"],
    ),
    (
        "a number is expanded once",
        lambda x: rl.tensor(2.0).broadcast_to(5, 4).transpose(0, 1)[1:].reshape(5, 3),
        ["broadcast_to"],
    ),
    (
        "a cast comes before an expansion",
        lambda x: x.broadcast_to(2, 3, 4, 5).cast("float64"),
        ["cast", "broadcast_to"],
    ),
    ("less the opposite is plus", lambda x: x - -x, ["add"]),
    ("plus the opposite is less", lambda x: -x + x.exp(), ["exp", "sub"]),
    ("a sum of one is no sum", lambda x: x[:1].sum(0), ["slice", "reshape", "add"]),
    (
        "a sum of one integer is the integer",
        lambda x: x.cast("int64")[:1].sum(0),
        ["cast", "slice", "reshape"],
    ),
    ("an opposite bool of an opposite", lambda x: ~~(x > 0.0), ["gt"]),
]


@pytest.mark.parametrize(("what", "function", "left"), FEWER, ids=[what for what, *_ in FEWER])
def test_fewer_are_left_where(what: str, function: Function, left: list[str]) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x[0] = np.resize(SPECIAL, (4, 5))
    graph = rl.trace(function, rl.tensor(x))
    after = simplify(copied(graph))
    assert names(after) == left
    assert_identical(evaluate(after, x)[0], evaluate(graph, x)[0])


@pytest.mark.parametrize("narrow", ["bool", "uint8", "int8", "int16", "int32", "uint32", "float32"])
@pytest.mark.parametrize("wide", ["float32", "float64", "int32", "int64", "uint8", "float16"])
def test_a_cast_there_and_back_goes_only_if_every_number_survives_it(
    narrow: str, wide: str
) -> None:
    graph = rl.trace(lambda x: x.cast(wide).cast(narrow), rl.zeros(3, dtype=narrow))
    if names(simplify(copied(graph))) != []:
        return
    kind = graph.arguments[0].dtype.storage
    ends = [np.finfo(kind).max, -2.5] if kind.kind == "f" else [0, 1]
    ends = [np.iinfo(kind).min, np.iinfo(kind).max] if kind.kind in "iu" else ends
    x = np.array([*ends, 1], kind)
    if kind.kind in "iu":
        x[2] = np.iinfo(kind).max - 1
    assert_identical(evaluate(graph, x)[0], x)


def test_a_cast_there_and_back_between_integers_goes() -> None:
    graph = rl.trace(lambda x: x.cast("int64").cast("uint8"), rl.zeros(3, dtype="uint8"))
    assert names(simplify(copied(graph))) == []


def test_an_argument_returned_as_it_is_stays_a_result() -> None:
    after = simplify(rl.trace(lambda x: (x * 1.0, x.neg().neg()), rl.ones(2)))
    assert after.outputs == [after.arguments[0], after.arguments[0]]
