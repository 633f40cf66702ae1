"""Operands that do not fit: one error, the same text eager and traced, that says what and where."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.core.dtypes import bool_, float16, float32, int64, uint8, uint32
from rushlight.core.primitive import PRIMITIVES
from rushlight.nn import functional as F
from rushlight.ops.matmul import matmul_t
from rushlight.ops.pointwise import Pointwise
from rushlight.tensor import Tensor

Call = Callable[..., Any]


def t(*shape: int, dtype: rl.DType = float32) -> Tensor:
    return Tensor.wrap(np.ones(shape, dtype.storage), dtype)


def ints(*values: int) -> Tensor:
    return rl.tensor(list(values), dtype="int64")


WINDOW = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False}


def along(rank: int) -> dict[str, Any]:
    """Return the params of a window that slides along so many axes."""
    return {name: values[:1] * rank for name, values in WINDOW.items()} | {"groups": 1}


PLAIN = {"scale": 1.0, "causal": False, "dropout": 0.0, "options": ()}
POINTWISE = [p for p in PRIMITIVES.values() if isinstance(p, Pointwise)]
BINARY = [p for p in POINTWISE if len(p.labels) == 2]

# The primitive, a call that goes wrong, its operands, and what the error must say.
ROWS: list[tuple[str, Call, list[Tensor], str]] = [
    ("where", rl.where, [t(2), t(2), t(2)], "the condition is bool, not float32"),
    ("where", rl.where, [t(2, dtype=bool_), t(3), t(3)], "sizes differ at axis -1: 2 and 3"),
    ("where", rl.where, [t(2, dtype=bool_), t(2, dtype=float16), t(2)], "float16 can only be cast"),
    ("cast", lambda x: x.cast("float33"), [t(2)], "unknown dtype 'float33'"),
    ("cast", lambda x: x.cast(np.complex64), [t(2)], "no tensor holds NumPy dtype complex64"),
    ("reshape", lambda x: x.reshape(4), [t(2, 3)], r"6 elements do not fill the shape \(4,\)"),
    ("reshape", lambda x: x.reshape(-1, 4), [t(2, 3)], "6 elements do not fill"),
    ("reshape", lambda x: x.reshape(-1, -1), [t(2, 3)], "one size may be -1"),
    ("reshape", lambda x: x.reshape(2, -3), [t(2, 3)], "sizes cannot be negative"),
    ("reshape", lambda x: x.reshape("six"), [t(2, 3)], "a shape is made of ints"),
    ("reshape", lambda x: x.squeeze(0), [t(2, 3)], "axis 0 has size 2, not 1"),
    ("reshape", lambda x: x.unsqueeze(4), [t(2, 3)], "axis 4 does not exist in 3 dimensions"),
    ("reshape", lambda x: x.flatten(2), [t(2, 3)], "axis 2 does not exist in 2 dimensions"),
    ("permute", lambda x: x.permute(0, 0), [t(2, 3)], r"\(0, 0\) is not an order of the 2 axes"),
    ("permute", lambda x: x.permute(0), [t(2, 3)], "not an order of the 2 axes"),
    ("permute", lambda x: x.permute(0, 2), [t(2, 3)], "axis 2 does not exist in 2 dimensions"),
    ("permute", lambda x: x.T, [t(3)], "axis -2 does not exist in 1 dimensions; axes are -1 to 0"),
    ("permute", lambda x: x.transpose(0, 1), [t()], "there are no axes"),
    ("broadcast_to", lambda x: x.broadcast_to(4), [t(3)], "sizes differ at axis -1: 3 and 4"),
    ("broadcast_to", lambda x: x.broadcast_to(3), [t(2, 3)], r"does not broadcast to \(3,\)"),
    ("broadcast_to", lambda x: x.broadcast_to(1), [t(3)], r"does not broadcast to \(1,\)"),
    ("broadcast_to", lambda x: x.broadcast_to(-1), [t(1)], "sizes cannot be negative"),
    ("slice", lambda x: x[3], [t(3)], "index 3 is outside of axis 0 of size 3"),
    ("slice", lambda x: x[0, -4], [t(2, 3)], "index -4 is outside of axis 1 of size 3"),
    ("slice", lambda x: x[0, 0], [t(3)], "2 indices for 1 dimensions"),
    ("slice", lambda x: x[..., ...], [t(3)], "an index takes `...` once"),
    ("slice", lambda x: x["a"], [t(3)], "cannot index with 'a'"),
    ("slice", lambda x: x[1.0], [t(3)], "cannot index with 1.0"),
    ("slice", lambda x: x[True], [t(3)], "cannot index with True"),
    ("slice", lambda x: x[::0], [t(3)], "the step of a slice cannot be 0"),
    ("slice", lambda x: x["a":], [t(3)], "a slice is made of ints"),
    ("slice", lambda x: x[x], [t(3)], "an index is made of integers, not float32"),
    ("cumsum", lambda x: x.cumsum(2), [t(2, 3)], "axis 2 does not exist in 2 dimensions"),
    ("cumprod", lambda x: x.cumprod(0), [t(2, dtype=float16)], "does not take float16"),
    ("recurrence", lambda a, b: rl.recurrence(a, b, 1), [t(2), t(2)], "axis 1 does not exist"),
    ("argsort", lambda x: x.argsort(1), [t(3)], "axis 1 does not exist in 1 dimensions"),
    ("prod", lambda x: x.prod((0, 0)), [t(3)], "axis named twice"),
    ("place", lambda x: x.pad([(0, 1)]), [t(2, 3)], "pad takes 2 pairs of widths"),
    ("place", lambda x: x.pad([(0, 1), (-1, 0)]), [t(2, 3)], "widths that are not negative"),
    ("place", lambda x: x.pad([1, 2]), [t(2, 3)], "pad takes 2 pairs of widths"),
    ("place", lambda x: x.pad(3), [t(2, 3)], "pad takes 2 pairs of widths"),
    ("concat", lambda x, y: rl.concat([x, y]), [t(2, 3), t(2, 4)], "differ outside of axis 0"),
    ("concat", lambda x, y: rl.concat([x, y], 1), [t(2, 3), t(3)], "differ outside of axis 1"),
    ("concat", lambda x: rl.concat([x, x], 2), [t(2, 3)], "axis 2 does not exist"),
    ("concat", lambda x: rl.concat([x, x]), [t()], "there are no axes"),
    ("concat", lambda: rl.concat([]), [], "there is nothing to concatenate"),
    ("concat", lambda x, y: rl.concat([x, y]), [t(2), ints(1)], "dtypes differ: float32 and int64"),
    (
        "concat",
        lambda x, y: rl.concat([x, y]),
        [t(2), t(2, dtype=float16)],
        "dtypes differ: float32 and float16",
    ),
    ("concat", lambda x, y: rl.stack([x, y]), [t(2), t(3)], "differ outside of axis 0"),
    ("matmul", lambda x, y: x @ y, [t(2, 3), t(4, 3)], "inner sizes differ: 3 .* and 4 "),
    ("matmul", lambda x, y: x @ y, [t(2, 3), t(4)], "inner sizes differ: 3 .* and 4 "),
    ("matmul", lambda x, y: x @ y, [t(3), t(4, 2)], "inner sizes differ: 3 .* and 4 "),
    ("matmul", lambda x, y: x @ y, [t(), t(2, 2)], "a scalar has no matrix product"),
    ("matmul", lambda x, y: x @ y, [t(2, 1, 3), t(3, 3, 2)], "sizes differ at axis -1: 2 and 3"),
    ("matmul", lambda x: x @ x, [t(2, 2, dtype=int64)], "does not take int64"),
    ("matmul", lambda x: x @ x, [t(2, 2, dtype=bool_)], "does not take bool"),
    ("matmul", lambda x: x @ x, [t(2, 2, dtype=float16)], "does not take float16"),
    ("matmul", lambda x, y: x @ y, [t(2, 2, dtype=float16), t(2, 2)], "float16 can only be cast"),
    ("matmul_t", matmul_t, [t(2, 3), t(4, 2)], "rows differ in length: 3 and 2"),
    ("matmul_t", matmul_t, [t(2, 1, 3), t(3, 4, 3)], "sizes differ at axis -1: 2 and 3"),
    ("matmul_t", lambda x: matmul_t(x, x), [t(2, 2, dtype=int64)], "does not take int64"),
    ("matmul_t", lambda x: matmul_t(x, x), [t(2, 2, dtype=float16)], "does not take float16"),
    ("attention", F.attention, [t(2, 3)] * 3, r"values are \(..., heads, length, size\)"),
    ("attention", F.attention, [t(3, 2, 4), t(2, 5, 4), t(2, 5, 4)], "3 heads of queries cannot"),
    ("attention", F.attention, [t(1, 2, 4), t(1, 5, 3), t(1, 5, 4)], "size 4, keys 3"),
    ("attention", F.attention, [t(1, 2, 4), t(1, 5, 4), t(1, 4, 4)], "keys are .* values"),
    ("attention", F.attention, [t(1, 2, 4, dtype=float16)] * 3, "does not take float16"),
    ("attention", F.attention, [t(1, 2, 4)] * 3 + [ints(1, 0)], "bools or floats, not int64"),
    ("attention", lambda q: F.attention(q, q, q, scale="x"), [t(1, 2, 4)], "scale is a number"),
    ("attention", F.attention, [t(1, 2, 4)] * 3 + [t(2, 3)], "sizes differ at axis -1: 2 and 3"),
    (
        "attention",
        lambda q, n: F.attention(q, q, q, lengths=n),
        [t(1, 2, 4), t()],
        "lengths are integers, not float32",
    ),
    (
        "attention",
        lambda q: F.attention(q, q, q, dropout=1.0, state=np.zeros(4, np.uint32)),
        [t(1, 2, 4)],
        "dropout is a share of at least 0 and below 1, not 1.0",
    ),
    (
        "attention",
        lambda q: F.attention(q, q, q, dropout=0.5),
        [t(1, 2, 4)],
        "dropout needs the state of a random generator",
    ),
    (
        "attention",
        lambda q, state: F.attention(q, q, q, dropout=0.5, state=state),
        [t(1, 2, 4), ints(1, 2, 3, 4)],
        r"the state should be uint32 \(4,\)",
    ),
    (
        "attention_grad",
        lambda q, rows: bind(PRIMITIVES["attention_grad"], q, q, q, q, rows, q, **PLAIN),
        [t(1, 2, 4), t(1, 2)],
        r"the drift should be float32 \(1, 2\)",
    ),
    (
        "attention_grad",
        lambda q, rows: bind(PRIMITIVES["attention_grad"], rows, q, q, q, rows, rows, **PLAIN),
        [t(1, 2, 4), t(1, 2)],
        r"the gradient should be float32 \(1, 2, 4\)",
    ),
    ("take", rl.take, [t(3, 2), t(2)], "indices are integers, not float32"),
    ("take", rl.take, [t(3, 2), t(2, dtype=bool_)], "indices are integers, not bool"),
    ("take", rl.take, [t(), ints(0)], "a scalar has no rows to take"),
    ("gather", lambda x, i: x.gather(1, i), [t(3), ints(0)], "axis 1 does not exist"),
    ("gather", lambda x, i: x.gather(0, i), [t(3, 2), ints(0)], "differ outside of axis 0"),
    ("gather", lambda x, i: x.gather(0, i), [t(3), t(1)], "indices are integers, not float32"),
    ("gather", lambda x, i: x.gather(0, i), [t(3), t(1, dtype=bool_)], "integers, not bool"),
    (
        "scatter_add",
        lambda x, i, u: x.scatter_add(0, i, u),
        [t(3), ints(0), t(2)],
        r"indices \(1,\) and updates \(2,\) differ",
    ),
    (
        "scatter_add",
        lambda x, i, u: x.scatter_add(0, i, u),
        [t(3), t(1, dtype=bool_), t(1)],
        "indices are integers, not bool",
    ),
    (
        "scatter_add",
        lambda x, i, u: x.scatter_add(0, i, u),
        [t(3, dtype=float16), ints(0), t(1, dtype=float16)],
        "does not take float16",
    ),
    (
        "scatter_add",
        lambda x, i, u: x.scatter_add(0, i, u),
        [t(2, 3), t(1, 2, dtype=int64), t(1, 2)],
        "differ outside of axis 0",
    ),
    (
        "take_add",
        lambda i, u: bind(PRIMITIVES["take_add"], i, u, rows=2),
        [ints(0, 1), t(3)],
        r"rows \(3,\) do not begin with indices \(2,\)",
    ),
    (
        "rows_added",
        lambda x, i, u: bind(PRIMITIVES["rows_added"], x, i, u),
        [t(2, 3), ints(0, 1), t(2, 4)],
        r"a table float32 \(2, 4\), the base is float32 \(2, 3\)",
    ),
    (
        "rows_added",
        lambda x, i, u: bind(PRIMITIVES["rows_added"], x, i, u),
        [t(), ints(0), t(1)],
        "a scalar has no rows to add to",
    ),
    (
        "random_bits",
        lambda x: bind(PRIMITIVES["random_bits"], x, shape=(2,)),
        [t(3, dtype=uint32)],
        r"a random state is uint32 \(4,\), not uint32 \(3,\)",
    ),
    ("after", lambda x, y: bind(PRIMITIVES["after"], x, y), [t(2), t(1)], "is one number"),
    ("conv2d", lambda x, w: F.conv2d(x, w), [t(1, 2, 4, 4), t(3, 1, 2, 2)], "x has 2 channels"),
    ("conv2d", lambda x, w: F.conv2d(x, w), [t(1, 1, 2, 2), t(1, 1, 3, 3)], "does not fit"),
    (
        "conv2d_input",
        lambda g, w: bind(PRIMITIVES["conv2d_input"], g, w, size=(3, 3), **along(2)),
        [t(1, 1, 3, 3), t(1, 1, 2, 2)],
        "the gradient of an image has shape",
    ),
    (
        "conv2d_weight",
        lambda x, g: bind(PRIMITIVES["conv2d_weight"], x, g, kernel=(2, 2), **along(2)),
        [t(2, 1, 3, 3), t(1, 1, 2, 2)],
        "x is a batch of 2, the gradient one of 1",
    ),
    ("conv1d", lambda x, w: F.conv1d(x, w), [t(1, 2, 4), t(3, 1, 2)], "x has 2 channels"),
    (
        "conv1d_input",
        lambda g, w: bind(PRIMITIVES["conv1d_input"], g, w, size=(3,), **along(1)),
        [t(1, 1, 3), t(1, 1, 2)],
        "the gradient of a signal has shape",
    ),
    (
        "conv1d_weight",
        lambda x, g: bind(PRIMITIVES["conv1d_weight"], x, g, kernel=(2,), **along(1)),
        [t(2, 1, 3), t(1, 1, 2)],
        "x is a batch of 2, the gradient one of 1",
    ),
    (
        "conv3d",
        lambda x, w: F.conv3d(x, w),
        [t(1, 1, 2, 2, 2), t(1, 1, 3, 2, 2)],
        "does not fit the depth",
    ),
    (
        "conv3d_input",
        lambda g, w: bind(PRIMITIVES["conv3d_input"], g, w, size=(3, 3, 3), **along(3)),
        [t(1, 1, 3, 3, 3), t(1, 1, 2, 2, 2)],
        "the gradient of a volume has shape",
    ),
    (
        "conv3d_weight",
        lambda x, g: bind(PRIMITIVES["conv3d_weight"], x, g, kernel=(2, 2, 2), **along(3)),
        [t(2, 1, 3, 3, 3), t(1, 1, 2, 2, 2)],
        "x is a batch of 2, the gradient one of 1",
    ),
    ("max_pool2d", lambda x: F.max_pool2d(x, 2), [t(1, 1, 1, 4)], "does not fit"),
    ("max_pool2d", lambda x: F.max_pool2d(x, 1), [t(1, 1, 2, 2, dtype=float16)], "float16"),
    ("sum_pool2d", lambda x: F.avg_pool2d(x, 2), [t(1, 1, 1, 4)], "does not fit"),
    (
        "sum_unpool2d",
        lambda g: bind(PRIMITIVES["sum_unpool2d"], g, size=(4, 4), **POOL),
        [t(1, 1, 3, 3)],
        "the gradient of a plane has shape",
    ),
    (
        "max_unpool2d",
        lambda taps, g: bind(
            PRIMITIVES["max_unpool2d"], taps, g, size=(4, 4), dilation=(1, 1), **POOL
        ),
        [t(1, 1, 2, 2, dtype=uint8), t(1, 1, 3, 3)],
        "the gradient of a plane has shape",
    ),
    ("argmax", lambda x: x.argmax(), [t(0)], "there is no argmax of no elements"),
    ("argmax", lambda x: x.argmax(1), [t(2, 0)], "there is no argmax of no elements"),
    ("argmax", lambda x: x.argmax(2), [t(2, 3)], "axis 2 does not exist"),
    ("argmax", lambda x: x.argmax(), [t(2, dtype=float16)], "does not take float16"),
    ("argmin", lambda x: x.argmin(), [t(0)], "there is no argmin of no elements"),
    ("argmin", lambda x: x.argmin(), [t(2, dtype=float16)], "does not take float16"),
    ("max", lambda x: x.max(), [t(0)], "there is no max of no elements"),
    ("max", lambda x: x.max(), [t(2, dtype=bool_)], "does not take bool"),
    ("min", lambda x: x.min(1), [t(2, 0)], "there is no min of no elements"),
    ("min", lambda x: x.min(), [t(2, dtype=bool_)], "does not take bool"),
    ("sum", lambda x: x.sum((0, 0)), [t(2, 3)], "axis named twice"),
    ("sum", lambda x: x.sum("rows"), [t(2, 3)], "an axis is an int, not 'rows'"),
    ("sum", lambda x: x.sum(1.0), [t(2, 3)], "an axis is an int, not 1.0"),
    *[
        (name, lambda x, name=name: getattr(x, name)(2), [t(2, 3)], "axis 2 does not exist in 2")
        for name in ("sum", "mean", "max", "min", "logsumexp", "all", "any")
    ],
    *[
        (name, lambda x, name=name: getattr(x, name)(), [t(2, dtype=float16)], "float16")
        for name in ("sum", "mean", "max", "min", "logsumexp")
    ],
    *[
        (
            op.name,
            op.function,
            [t(2, 3, dtype=dtype), t(4, dtype=dtype)],
            "sizes differ at axis -1: 3 and 4",
        )
        for op in BINARY
        for dtype in [next(one for one in (float32, bool_, int64) if op.takes(one))]
    ],
    *[
        (op.name, op.function, [t(2, dtype=float16)] * len(op.labels), "float16 can only be cast")
        for op in POINTWISE
        if op.name != "where"
    ],
    *[
        (op.name, op.function, operands, "float16 can only be cast")
        for op in BINARY
        if "float" in op.kinds
        for operands in ([t(2), t(2, dtype=float16)], [t(2, dtype=float16), t(2)])
    ],
    *[
        (op.name, op.function, [t(2, dtype=dtype)] * len(op.labels), f"does not take {dtype}, only")
        for op in POINTWISE
        if op.name != "where" and op.kinds != ("float",)
        for dtype in (float32, int64, uint8, bool_)
        if dtype.kind not in op.kinds
    ],
]

# The same for what only the values make wrong, so that a graph notices it when it runs.
VALUES: list[tuple[str, Call, list[Tensor], str]] = [
    ("slice", lambda x, i: x[i], [t(2, 3), ints(-3)], "index -3 is outside of axis 0 of size 2"),
    ("slice", lambda x, i: x[i, i], [t(2, 3), ints(2)], "index 2 is outside of axis 0 of size 2"),
    ("slice", lambda x, i: x[[0], i], [t(2, 3), ints(5)], "index 5 is outside of axis 1 of size 3"),
    ("slice", lambda x, i: x[i, [0]], [t(2, 3), ints(-3)], "index -3 is outside of axis 0"),
    ("take", lambda x, i: rl.take(x, i), [t(3, 2), ints(0, 3)], "index 3 is outside of 0 to 2"),
    ("take", lambda x, i: rl.take(x, i), [t(3, 2), ints(-1)], "index -1 is outside of 0 to 2"),
    (
        "take",
        lambda x, i: rl.take(x, i),
        [t(0, 2), ints(0)],
        "there is no index into an axis of size 0",
    ),
    ("gather", lambda x, i: x.gather(0, i), [t(3), ints(3)], "index 3 is outside of 0 to 2"),
    (
        "scatter_add",
        lambda x, i, u: x.scatter_add(0, i, u),
        [t(3), ints(3), t(1)],
        "index 3 is outside of 0 to 2",
    ),
    (
        "take_add",
        lambda i, u: bind(PRIMITIVES["take_add"], i, u, rows=2),
        [ints(2), t(1)],
        "index 2 is outside of 0 to 1",
    ),
    (
        "rows_added",
        lambda x, i, u: bind(PRIMITIVES["rows_added"], x, i, u),
        [t(2), ints(2), t(1)],
        "index 2 is outside of 0 to 1",
    ),
]


def identity(row: tuple[str, Call, list[Tensor], str]) -> str:
    name, _, operands, _ = row
    return f"{name} " + ", ".join(str(x.spec) for x in operands)


def message(call: Call, operands: list[Tensor]) -> str:
    with pytest.raises(rl.RushlightError) as caught:
        call(*operands)
    return str(caught.value)


@pytest.mark.parametrize("row", ROWS + VALUES, ids=identity)
def test_the_error_states_the_fact_the_op_the_operands_and_the_users_line(row) -> None:
    _, call, operands, fact = row
    text = message(call, operands)
    first, *rest = text.splitlines()
    assert re.search(fact, text)
    assert re.match(r"\w+: ", first)
    for x in operands:
        assert re.search(rf"^  \w+( \d)? +{re.escape(str(x.spec))}$", text, re.MULTILINE)
    assert sum("  at test_bad_operands.py:" in line for line in rest) == 1


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_the_error_is_the_same_when_traced(row) -> None:
    _, call, operands, _ = row
    assert message(rl.compile(call), operands) == message(call, operands)


@pytest.mark.parametrize("row", VALUES, ids=identity)
def test_a_graph_that_is_run_on_wrong_values_names_the_op_and_the_same_line(row) -> None:
    _, call, operands, _ = row
    with pytest.raises(rl.BoundsError) as caught:
        rl.compile(call)(*operands)
    eager = message(call, operands)
    assert re.match(r"\w+: (index -?\d+ is outside of|there is no index)", str(caught.value))
    assert caught.value.op == eager.partition(":")[0]
    assert f"  at {caught.value.source}" in eager.splitlines()
    assert caught.value.operands


def test_every_primitive_is_in_the_table() -> None:
    takes_anything = {"detach"}
    assert set(PRIMITIVES) - takes_anything == {name for name, *_ in ROWS}


def test_the_whole_layout() -> None:
    text = message(lambda x, y: x @ y, [t(2, 3), t(4, 3)])
    line = re.search(r"test_bad_operands.py:\d+", text)
    assert line is not None
    assert text == (
        "matmul: inner sizes differ: 3 (left axis -1) and 4 (right axis -2)\n"
        "  left   float32 (2, 3)\n"
        "  right  float32 (4, 3)\n"
        f"  at {line[0]}\n"
        "  hint: left @ right.T is valid and gives (2, 4)"
    )
