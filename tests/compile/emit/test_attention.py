"""The C of attention against NumPy, and what must hold of its bits and of its memory."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.emit.program import compile_graph
from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.nn import functional as F
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.native import Built, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized

Options = dict[str, Any]

RANDOM = np.random.default_rng(0)
STATE = np.array([1, 2, 0xFFFFFFF0, 7], np.uint32)
INT_MAX = np.iinfo(np.int64).max


def normal(*shape: int, dtype: str = "float32") -> Array:
    return RANDOM.standard_normal(shape).astype(dtype)


def operands(
    batch: int, heads: int, groups: int, queries: int, keys: int, size: int, value_size: int
) -> list[Array]:
    """Queries, keys and values, and a gradient."""
    own = (batch, heads, queries), (batch, groups, keys)
    sizes = (own[0], size), (own[1], size), (own[1], value_size), (own[0], value_size)
    return [normal(*shape, last) for shape, last in sizes]


def traced(arrays: list[Array], options: Options) -> tuple[Graph, list[Array]]:
    """The graph of attention with its gradients, and what it is run on."""
    given = {name: x for name, x in options.items() if isinstance(x, np.ndarray)}
    fixed = {name: x for name, x in options.items() if name not in given}

    def function(q: Any, k: Any, v: Any, g: Any, *more: Any) -> Any:
        y = F.attention(q, k, v, **fixed, **dict(zip(given, more, strict=True)))
        return (y, *rl.gradients_of((y * g).sum(), [q, k, v]))

    inputs = [rl.tensor(x) for x in (*arrays, *given.values())]
    for x in inputs[:3]:
        x.requires_grad_()
    return rl.trace(function, *inputs), [x.data for x in inputs]


def slopes(heads: int) -> Array:
    return (2.0 ** -np.arange(1.0, heads + 1)).astype(np.float32)


# batch, heads, heads of keys, queries, keys, size, size of values; and options.
CASES: dict[str, tuple[tuple[int, ...], Options]] = {
    "one tile": ((2, 2, 2, 64, 64, 32, 32), {"causal": True}),
    "odd sizes": ((1, 3, 3, 37, 53, 5, 7), {}),
    "tiles in part": ((2, 2, 1, 130, 150, 20, 36), {"causal": True, "scale": 0.2}),
    "one query": ((2, 4, 2, 1, 100, 16, 16), {"causal": True, "start": np.array([99, 30])}),
    "few queries": ((1, 2, 2, 4, 70, 12, 3), {"lengths": np.array([66])}),
    "one key": ((1, 2, 2, 20, 1, 4, 4), {}),
    "one of everything": ((1, 1, 1, 1, 1, 1, 1), {"causal": True}),
    "starts": ((3, 2, 2, 70, 90, 8, 8), {"causal": True, "start": np.array([-70, 15, INT_MAX])}),
    "lengths": ((4, 1, 1, 33, 100, 8, 8), {"lengths": np.array([100, 0, -5, 65])}),
    "bools": ((2, 2, 2, 70, 80, 8, 8), {"mask": RANDOM.random((2, 1, 70, 80)) < 0.4}),
    "padding": ((2, 2, 2, 70, 80, 8, 8), {"mask": np.arange(80) < np.array([[[[70]]], [[[3]]]])}),
    "floats": ((1, 2, 2, 70, 80, 8, 8), {"mask": normal(2, 1, 80)}),
    "slopes": ((1, 4, 2, 70, 80, 8, 8), {"slopes": slopes(4), "start": np.array(10)}),
    "dropped": ((2, 2, 2, 70, 83, 8, 8), {"dropout": 0.3, "state": STATE, "causal": True}),
    "dropped few": ((2, 2, 2, 3, 83, 8, 8), {"dropout": 0.3, "state": STATE}),
    "all": (
        (2, 4, 2, 100, 120, 16, 24),
        {
            "mask": RANDOM.random((100, 120)) < 0.8,
            "lengths": np.array([120, 77]),
            "start": np.array([20, 3]),
            "slopes": slopes(4),
            "state": STATE,
            "dropout": 0.2,
            "causal": True,
        },
    ),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Built, list[Array]]]:
    pairs = {name: traced(operands(*sizes), options) for name, (sizes, options) in CASES.items()}
    wide = [x.astype(np.float64) for x in operands(2, 4, 2, 9, 11, 4, 3)]
    options = {"causal": True, "dropout": 0.3, "state": STATE, "lengths": np.array([11, 6])}
    pairs["float64"] = traced(wide, options)
    graphs = [graph for graph, _ in pairs.values()]
    made = build_graphs(graphs, tmp_path_factory.mktemp("attention"))
    return {name: (one, pair[1]) for (name, pair), one in zip(pairs.items(), made, strict=True)}


@pytest.mark.parametrize("name", [*CASES, "float64"])
def test_c_gives_what_numpy_gives_with_the_same_bits_on_any_number_of_threads(
    name: str, built: dict[str, tuple[Built, list[Array]]]
) -> None:
    program, arrays = built[name]
    got = program.run(arrays)
    for one, other in zip(got, Interpreter(program.graph).run(arrays), strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-5 if one.dtype == np.float32 else 1e-12)
    for threads in (2, 3, 4):
        for one, other in zip(program.run(arrays, threads), got, strict=True):
            assert_identical(one, other, what=f"{threads} threads")


def test_operands_are_read_where_they_lie_and_results_lie_as_the_next_layer_wants_them() -> None:
    def layer(x: rl.Tensor) -> rl.Tensor:
        heads = x.reshape(2, 50, 3, 4, 16).permute(2, 0, 3, 1, 4)
        y = F.attention(heads[0], heads[1], heads[2], causal=True)
        return y.permute(0, 2, 1, 3).reshape(2, 50, 64) @ rl.eye(64)

    x = rl.tensor(normal(2, 50, 192))
    fast = rl.compile(layer)
    assert_close(fast(x), layer(x), rtol=1e-5)
    assert compile_graph(fast.graph).kernels == 2  # attention and the product


def results(folder: Path, *calls: tuple[list[Array], Options]) -> list[list[Array]]:
    """What C gives for attention on some arrays, with options: means and gradients."""
    pairs = [traced(*call) for call in calls]
    made = build_graphs([graph for graph, _ in pairs], folder)
    return [one.run(arrays) for one, (_, arrays) in zip(made, pairs, strict=True)]


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_padding_changes_no_bit_of_what_is_real(causal: bool, tmp_path: Path) -> None:
    lengths = np.array([90, 65, 7])
    q, k, v, g = operands(3, 2, 1, 90, 90, 16, 16)
    for item, length in enumerate(lengths):
        g[item, :, length:] = 0
    cut = [[x[i : i + 1, :, :n] for x in (q, k, v, g)] for i, n in enumerate(lengths)]
    calls = [(cut[item], {"causal": causal}) for item in range(3)]
    real = np.arange(90) < lengths[:, None, None, None]
    calls.append(([q, k, v, g], {"causal": causal, "mask": real}))
    hidden_k, hidden_v = np.where(real.mT, k, np.nan), np.where(real.mT, v, np.nan)
    calls.append(([q, hidden_k, hidden_v, g], {"causal": causal, "lengths": lengths}))
    *alone, by_mask, by_length = results(tmp_path, *calls)
    # The gradients of queries and keys begin with a sum that is a loop of its own.
    checks = assert_identical, assert_close, assert_close, assert_identical
    for item, length in enumerate(lengths):
        for check, wanted, *others in zip(checks, alone[item], by_mask, by_length, strict=True):
            for got in others:
                check(got[item : item + 1, :, :length], wanted)


def test_a_decoded_row_is_that_row_of_the_full_pass(tmp_path: Path) -> None:
    q, k, v, g = operands(2, 4, 2, 150, 150, 16, 16)
    ((full, *_),) = results(tmp_path, ([q, k, v, g], {"causal": True}))

    def step(q: Any, k: Any, v: Any, start: Any) -> Any:
        return F.attention(q, k, v, causal=True, start=start)

    fast = rl.compile(step)
    for start, count in itertools.chain(((t, 1) for t in (0, 63, 64, 149)), [(0, 10), (133, 10)]):
        part = rl.tensor(q[:, :, start : start + count])
        got = fast(part, rl.tensor(k), rl.tensor(v), rl.tensor(start)).numpy()
        wanted = full[:, :, start : start + count]
        if count > 1:  # by tiles, as the full pass
            assert_identical(got, wanted)
        else:
            assert_close(got, wanted)
    assert fast.fallbacks == []
    assert len(fast.graphs) == 2  # one for all places


def test_numbers_that_are_not_finite_stay_in_their_row(tmp_path: Path) -> None:
    q, k, v, g = operands(1, 1, 1, 70, 70, 8, 8)
    strange_q, strange_k, strange_v = q.copy(), k.copy(), v.copy()
    strange_q[0, 0, 3, 0] = np.nan
    strange_k[0, 0, 69] = strange_v[0, 0, 69] = np.inf
    calls = [q, k, v, g], [strange_q, strange_k, strange_v, g]
    (plain, *_), (got, *_) = results(tmp_path, *((one, {"causal": True}) for one in calls))
    assert np.isnan(got[0, 0, 3]).all()
    assert not np.isfinite(got[0, 0, 69]).any()
    same = [row for row in range(64) if row != 3]
    assert_identical(got[0, 0, same], plain[0, 0, same])


def test_scores_far_apart_neither_overflow_nor_vanish(tmp_path: Path) -> None:
    q = np.array([1e4, 1.0, -1e4, 60.0, 0.0, 1e-3], np.float32).reshape(1, 1, 6, 1)
    k, v = np.array([[1.0], [2.0], [-1.0]], np.float32)[None, None], normal(1, 1, 3, 4)
    ((got, *_),) = results(tmp_path, ([q, k, v, normal(1, 1, 6, 4)], {"scale": 1.0}))
    assert_close(got[0, 0, 0], v[0, 0, 1])
    assert_close(got[0, 0, 2], v[0, 0, 2])
    assert_close(got, F.attention(q, k, v, scale=1.0).numpy())


def test_memory_grows_with_the_length_and_not_with_its_square() -> None:
    def memory(length: int) -> int:
        shape = (1, 2, length, 16)
        graph, _ = traced([np.zeros(shape, np.float32)] * 4, {"causal": True})
        program = compile_graph(graph)
        return program.arena + program.scratch

    assert memory(4096) <= 2.1 * memory(2048) <= 4.2 * memory(1024)
    assert memory(4096) < 4096 * 4096


def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    flags = SANITIZERS["address and undefined"]
    if not can_sanitize(tmp_path, flags):
        pytest.skip("the compiler's sanitizers are not here")
    pairs = [traced(operands(*CASES[one][0]), CASES[one][1]) for one in ("all", "dropped few")]
    graphs, inputs = zip(*pairs, strict=True)
    assert run_sanitized(graphs, inputs, tmp_path, flags) == "done\n"
