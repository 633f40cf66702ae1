"""Whole programs that could go wrong: states, results that are inputs or views, indices."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.ops.random import random_bits_p
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.graphs import inputs_of
from rushlight.testing.native import Built, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized


def numbers(*shape: int, dtype: Any = np.float32) -> Array:
    random = np.random.default_rng(int(np.prod(shape)) + len(shape))
    return random.uniform(-2.0, 2.0, shape).astype(dtype)


def tensor(*shape: int) -> rl.Tensor:
    return rl.tensor(numbers(*shape))


PROGRAMS: dict[str, Callable[[], tuple[Any, ...]]] = {}


def program(make: Callable[[], tuple[Any, ...]]) -> Callable[[], tuple[Any, ...]]:
    PROGRAMS[make.__name__.replace("_", " ")] = make
    return make


@program
def two_states_swapped() -> tuple[Any, ...]:
    a, b = tensor(300), rl.tensor(numbers(300) + 1)

    def function() -> None:
        first, second = a.detach(), b.detach()
        a.assign(second)
        b.assign(first)

    return (function,)


@program
def two_states_swapped_and_changed() -> tuple[Any, ...]:
    a, b = tensor(300), rl.tensor(numbers(300) + 1)

    def function() -> None:
        first, second = a * 2.0, b * 3.0
        a.assign(second + first)
        b.assign(first - second)

    return (function,)


@program
def three_states_in_a_ring() -> tuple[Any, ...]:
    states = [rl.tensor(numbers(7, 9) + i) for i in range(3)]

    def function() -> None:
        held = [x.detach() for x in states]
        for x, other in zip(states, [*held[1:], held[0]], strict=True):
            x.assign(other)

    return (function,)


@program
def a_state_assigned_twice() -> tuple[Any, ...]:
    w = tensor(300)

    def function(x: rl.Tensor) -> rl.Tensor:
        w.assign(w + x)
        between = w * 2.0
        w.assign(w * x)
        return between + w

    return function, tensor(300)


@program
def the_old_state_read_after_the_new_one_in_the_same_loop() -> tuple[Any, ...]:
    w = tensor(300)

    def function(x: rl.Tensor) -> rl.Tensor:
        old = w.detach()
        new = (x * 3.0).exp()
        w.assign(new)
        return new + old

    return function, tensor(300)


@program
def the_old_state_read_in_a_later_loop() -> tuple[Any, ...]:
    w = tensor(40, 30)

    def function(x: rl.Tensor) -> rl.Tensor:
        old = w.detach()
        w.assign(w - x)
        return (old.T @ x).sum(0)

    return function, tensor(40, 30)


@program
def the_old_state_read_backwards() -> tuple[Any, ...]:
    w = tensor(300)

    def function(x: rl.Tensor) -> None:
        w.assign(w + w[::-1] * x)

    return function, tensor(300)


@program
def the_old_state_read_transposed() -> tuple[Any, ...]:
    w = tensor(20, 20)

    def function() -> None:
        w.assign(w + w.T)

    return (function,)


@program
def the_old_state_read_one_further_on() -> tuple[Any, ...]:
    w = tensor(300)

    def function() -> None:
        w.assign(w + rl.concat([w[1:], w[:1]]))

    return (function,)


@program
def the_old_state_read_in_another_shape() -> tuple[Any, ...]:
    w = tensor(12, 12)

    def function() -> rl.Tensor:
        other = w.reshape(144)
        w.assign(w * 2.0)
        return other + 1.0

    return (function,)


@program
def a_state_from_its_own_row_sums() -> tuple[Any, ...]:
    w = tensor(30, 20)

    def function() -> None:
        w.assign(w.softmax(1) + w)

    return (function,)


@program
def row_sums_of_a_new_state_and_the_old_one() -> tuple[Any, ...]:
    w = tensor(30, 20)

    def function(x: rl.Tensor) -> rl.Tensor:
        old = w.detach()
        new = x * 2.0
        w.assign(new)
        return (new - new.mean(1, keepdims=True)) * old

    return function, tensor(30, 20)


@program
def one_number_of_state_and_its_new_value() -> tuple[Any, ...]:
    count = rl.tensor(3.0)

    def function(x: rl.Tensor) -> rl.Tensor:
        count.assign(count + x.sum())
        return x * count

    return function, tensor(300)


@program
def a_product_that_is_the_new_state() -> tuple[Any, ...]:
    w = tensor(30, 20)

    def function(x: rl.Tensor, y: rl.Tensor) -> None:
        w.assign(x @ y)

    return function, tensor(30, 8), tensor(8, 20)


@program
def a_product_with_the_state_that_it_changes() -> tuple[Any, ...]:
    w = tensor(20, 20)

    def function(x: rl.Tensor) -> None:
        w.assign(w - x @ w)

    return function, tensor(20, 20)


@program
def a_state_that_is_only_written() -> tuple[Any, ...]:
    w = tensor(30)

    def function(x: rl.Tensor) -> None:
        w.assign(x.tanh())

    return function, tensor(30)


@program
def a_state_that_becomes_an_argument() -> tuple[Any, ...]:
    w = tensor(30)

    def function(x: rl.Tensor) -> None:
        w.assign(x)

    return function, tensor(30)


@program
def a_state_that_becomes_a_number() -> tuple[Any, ...]:
    w = tensor(30)

    def function() -> None:
        w.assign(rl.zeros(30))

    return (function,)


@program
def a_state_that_stays_what_it_is() -> tuple[Any, ...]:
    w = tensor(30)

    def function() -> rl.Tensor:
        w.assign(w.detach())
        return w * 1.0

    return (function,)


@program
def the_same_result_twice_and_views_of_it() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> tuple[rl.Tensor, ...]:
        y = x.exp()
        return y, y, y.T, y[1:], y.reshape(-1), x, x.T, x

    return function, tensor(6, 7)


@program
def results_that_are_constants() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> tuple[rl.Tensor, ...]:
        return rl.ones(2, 3), rl.tensor(5.0), rl.tensor([True, False]), x * 0.0

    return function, tensor(3)


@program
def a_result_that_is_a_state_and_its_new_value() -> tuple[Any, ...]:
    w = tensor(30)

    def function(x: rl.Tensor) -> tuple[rl.Tensor, ...]:
        old = w.detach()
        w.assign(w + x)
        return old, w.detach(), w.reshape(5, 6)

    return function, tensor(30)


@program
def no_nodes_at_all() -> tuple[Any, ...]:
    return (lambda x: x), tensor(4)


@program
def nothing_of_nothing() -> tuple[Any, ...]:
    return (lambda x: (x * 2.0, x.sum(0), x @ x.T, x.T @ x)), tensor(0, 5)


@program
def gradients_added_to_those_that_are_held() -> tuple[Any, ...]:
    w = rl.tensor(numbers(9, 5), requires_grad=True)
    w.grad = rl.tensor(numbers(9, 5))

    def function(x: rl.Tensor) -> None:
        (x @ w).tanh().sum().backward()

    return function, tensor(4, 9)


@program
def random_numbers_drawn_twice() -> tuple[Any, ...]:
    state = rl.tensor(np.array([1, 2, 0, 0], np.uint32))

    def function() -> list[rl.Tensor]:
        drawn = []
        for count in (5, 300):
            bits, following = bind(random_bits_p, state, shape=(count,))
            state.assign(following)
            drawn.append(bits)
        return drawn

    return (function,)


@program
def halves_cast_to_and_fro() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> list[rl.Tensor]:
        return [x.cast(kind) for kind in ("float16", "bfloat16", "float64")] + [
            x.cast("bfloat16").cast("float32") + 1.0,
            x.cast("float16").reshape(-1)[::2],
        ]

    return function, tensor(7, 20)


@program
def whole_numbers_that_overflow() -> tuple[Any, ...]:
    def function(x: rl.Tensor, y: rl.Tensor) -> list[rl.Tensor]:
        return [x * x, x + x, x - (-x) * 3, x.sum(), y * y, y + y, (y * y).sum(), y * y > y]

    whole = np.array([2**62, -(2**63), 2**63 - 1, -1, 3], np.int64)
    return function, rl.tensor(whole), rl.tensor(np.array([200, 255, 3, 0, 16], np.uint8))


@program
def truth_counted_and_compared() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> list[rl.Tensor]:
        positive = x > 0.0
        return [
            positive.sum(1),
            positive.logical_and(positive.logical_not()),
            positive == (x < 1.0),
            positive.cast("float32") * x,
            rl.where(positive, x, -x),
        ]

    return function, tensor(6, 50)


@program
def an_epilogue_with_operands_of_every_shape() -> tuple[Any, ...]:
    shapes = [(), (1,), (19,), (1, 19), (18, 1), (1, 1), (18, 19)]
    others = [tensor(*shape) for shape in shapes]

    def function(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        result = x @ y
        for other in others:
            result = (result + other).tanh()
        return result

    return function, tensor(18, 7), tensor(7, 19)


@program
def an_epilogue_read_from_a_transposed_and_a_reversed_state() -> tuple[Any, ...]:
    one, other = tensor(19, 18), tensor(18, 19)

    def function(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        result = (x @ y + one.T) * other[::-1, ::-1]
        one.assign(one - result.T)
        return result

    return function, tensor(18, 7), tensor(7, 19)


@program
def folds_of_one_and_of_no_element() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> list[rl.Tensor]:
        one = x.reshape(6, 1, 7)
        none = x[:, :0]
        return [
            one.sum(1),
            one.max(1),
            one.argmax(1),
            one.softmax(1),
            one.mean((0, 1)),
            none.sum(1),
            none.mean(1),
            none.sum(0),
            none.logsumexp(1),
            (none.sum(1, keepdims=True) + x).max(0),
        ]

    return function, tensor(6, 7)


@program
def folds_over_axes_that_are_permuted() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> list[rl.Tensor]:
        turned = x.permute(2, 0, 1)
        return [
            turned.softmax(0),
            turned.softmax(2) * x.permute(2, 0, 1).sum((1, 2), keepdims=True),
            (turned - turned.mean((0, 2), keepdims=True)).sum(1),
            x.sum((0, 2)) + turned.sum((0, 1)),
            turned.max((0, 1)) - x.min((0, 2)),
        ]

    return function, tensor(5, 6, 40)


@program
def rows_taken_at_indices_that_are_computed() -> tuple[Any, ...]:
    table = rl.tensor(numbers(20, 6), requires_grad=True)

    def function(ids: rl.Tensor) -> rl.Tensor:
        found = rl.take(table, (ids + 3).abs())
        loss = (found[::-1].tanh() * found).sum()
        table.grad = None
        loss.backward()
        table.assign(table - table.grad * 0.1)
        return loss

    return function, rl.tensor(np.array([3, 1, 3, 16, 0]))


@program
def a_table_changed_at_the_rows_that_were_read() -> tuple[Any, ...]:
    table = rl.tensor(numbers(200, 6), requires_grad=True)

    def function(ids: rl.Tensor) -> rl.Tensor:
        loss = (rl.take(table, ids) ** 2).sum()
        table.grad = None
        loss.backward()
        with rl.no_grad():
            table.assign(table - table.grad * 0.1)
        table.grad = None
        return loss

    return function, rl.tensor(np.array([3, 1, 3, 199, 0]))


@program
def one_element_of_each_row_and_its_gradient() -> tuple[Any, ...]:
    def function(x: rl.Tensor, labels: rl.Tensor) -> tuple[rl.Tensor, ...]:
        def loss(x: rl.Tensor) -> rl.Tensor:
            return -x.log_softmax(1).gather(1, labels.unsqueeze(1)).mean()

        return rl.value_and_grad(loss)(x)

    labels = np.random.default_rng(1).integers(0, 10, 128)
    return function, tensor(128, 10), rl.tensor(labels)


@program
def an_epilogue_of_a_product_without_inner_axis() -> tuple[Any, ...]:
    return (lambda x, y: (x @ y + 1.0).exp()), tensor(4, 0), tensor(0, 5)


@program
def a_step_of_convolutions_and_pools() -> tuple[Any, ...]:
    rl.manual_seed(3)
    layers = [rl.nn.Conv2d(2, 16, 3), rl.nn.MaxPool2d(2), rl.nn.ReLU(), rl.nn.Conv2d(16, 8, 3)]
    model = rl.nn.Sequential(
        *layers, rl.nn.MaxPool2d(3, 2, 1), rl.nn.Flatten(), rl.nn.Linear(32, 5)
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)

    def step(x: rl.Tensor) -> rl.Tensor:
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step, tensor(9, 2, 12, 12)


@program
def a_row_of_one_number_that_is_centred() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> rl.Tensor:
        row = (x.tanh() * 3.0).broadcast_to(4) * 1.0
        row = row.exp() + row.exp()
        return (row - row.mean()) + row

    return function, tensor(1)


@program
def the_largest_of_what_was_scattered() -> tuple[Any, ...]:
    places = rl.tensor([[0], [3], [2]])
    return (lambda u: rl.zeros(3, 5).scatter_add(1, places, u).max(1)), tensor(3, 1)


def folds(*shape: int) -> Callable[[], tuple[Any, ...]]:
    """Return a program of folds over all sets of axes, alone and followed by more."""

    def function(x: rl.Tensor, y: rl.Tensor) -> list[rl.Tensor]:
        found = []
        for count in range(1, len(shape) + 1):
            for axes in itertools.combinations(range(len(shape)), count):
                found += [(x * y + x).sum(axes), x.max(axes), x.logsumexp(axes)]
                found.append((x - x.mean(axes, keepdims=True)) * y)
        for axis in range(len(shape)):
            found += [x.softmax(axis), x.argmax(axis), (x.log_softmax(axis) * y).sum(axis)]
        return found

    return lambda: (function, tensor(*shape), rl.tensor(numbers(*shape)[::-1].copy()))


@program
def scans_and_orders() -> tuple[Any, ...]:
    def function(x: rl.Tensor) -> list[rl.Tensor]:
        found = []
        for axis in range(3):
            found += [x.cumsum(axis), x.cumprod(axis, reverse=True), x.prod(axis), *x.sort(axis)]
            found += [rl.recurrence(x.sin(), x, axis), x.topk(2, axis, largest=False)[1]]
            found.append(x.permute(1, 2, 0)[::-1].cumsum(axis))
        return found

    return function, tensor(3, 70, 33)


@program
def parts_assigned_to() -> tuple[Any, ...]:
    table = tensor(20, 3)

    def function(x: rl.Tensor, rows: rl.Tensor) -> rl.Tensor:
        table[rows] = x
        table[::2, 1:] = 5.0
        table[table > x[0]] = -1.0
        return table * 1.0

    return function, tensor(5, 3), rl.tensor([7, 0, 7, 19, -1])


SHAPES = [
    (3000,),
    (70, 130),
    (130, 3),
    (3, 130),
    (2, 2500),
    (3, 70, 33),
    (65, 3, 20),
    (2, 5, 3, 67),
]
PROGRAMS |= {f"folds of {' x '.join(map(str, shape))}": folds(*shape) for shape in SHAPES}


class Traced:
    """A program's graph and what it is called with."""

    def __init__(self, make: Callable[[], tuple[Any, ...]]) -> None:
        function, *arguments = make()
        self.graph = rl.trace(function, *arguments)
        self.inputs = inputs_of(self.graph, [x.data for x in arguments])


TRACED = {name: Traced(make) for name, make in PROGRAMS.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    graphs = [traced.graph for traced in TRACED.values()]
    folder = tmp_path_factory.mktemp("graphs")
    return dict(zip(TRACED, build_graphs(graphs, folder, unit=64), strict=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_numpy_gives_on_any_number_of_threads(
    name: str, built: dict[str, Built]
) -> None:
    traced = TRACED[name]
    with np.errstate(all="ignore"):
        wanted = Interpreter(traced.graph).run(traced.inputs)
    got = built[name].run(traced.inputs)
    for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
        loose = 2e-5 if one.dtype == np.float32 else None
        assert_close(one, np.asarray(other), rtol=loose, atol=loose, what=f"result {position}")
    for threads in (2, 3, 4):
        for one, other in zip(built[name].run(traced.inputs, threads), got, strict=True):
            assert_identical(one, other, what=f"{threads} threads")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_no_sanitizer_complains(sanitizer: str, tmp_path: Path) -> None:
    flags = SANITIZERS[sanitizer]
    if not can_sanitize(tmp_path, flags):
        pytest.skip(f"no library here for {flags[0]}")
    few = {name for name in TRACED if not name.startswith("folds of ")} | {"folds of 70 x 130"}
    some = [traced for name, traced in TRACED.items() if name in few]
    said = run_sanitized([t.graph for t in some], [t.inputs for t in some], tmp_path, flags)
    assert said == "done\n"
