"""Loops and choices in a trace: what Python gives, gradients of it too; and what is refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph.interpret import Interpreter
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.gradcheck import check_gradients
from rushlight.testing.graphs import inputs_of
from tests.graph.loop_forms import FORMS

float32, float64 = np.float32, np.float64


@pytest.mark.parametrize("name", FORMS)
def test_a_trace_gives_what_python_gives_and_its_gradients(name: str) -> None:
    form = FORMS[name]
    wanted = form.with_gradients(*form.tensors())
    graph = rl.trace(form.with_gradients, *form.tensors())
    got = Interpreter(graph).run(inputs_of(graph, form.inputs))
    for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
        assert_close(rl.Tensor.wrap(one, other.dtype), other, what=f"result {position}")


@pytest.mark.parametrize("name", FORMS)
def test_what_a_body_captures_may_come_from_outside_of_the_trace(name: str) -> None:
    form = FORMS[name]
    held = form.tensors()
    wanted = form.with_gradients(*form.tensors())
    got = rl.compile(lambda: form.with_gradients(*held), native=False)()
    for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
        assert_close(one, other, what=f"result {position}")


def steep(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = (h @ w + x * x).tanh()
        return h, h * w[0]

    return list(rl.scan(turn, h, xs))


def chosen(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = rl.cond(x[0] > 0.1, lambda h: (h @ w).tanh(), lambda h: h * h + w[1], h)
        return h, (h * x).sum()

    return list(rl.scan(turn, h, xs, reverse=True))


def counted(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        return (h * w[2] + x).sigmoid(), h.exp() * x

    return list(rl.scan(turn, h, xs, count=rl.tensor(2)))


def nested(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        return rl.scan(lambda s, row: ((s * row + x).tanh(), s.sum() * x[1]), h, w)

    return list(rl.scan(turn, h, xs))


@pytest.mark.parametrize("function", [steep, chosen, counted, nested])
@pytest.mark.parametrize("traced", [False, True])
def test_gradients_of_two_orders_are_what_small_steps_show(
    function: Callable[..., Any], traced: bool
) -> None:
    random = np.random.default_rng(2)
    h, xs, w = (
        rl.tensor(random.uniform(-0.9, 0.9, shape), requires_grad=True)
        for shape in ((3,), (4, 3), (3, 3))
    )
    if not traced:
        check_gradients(function, h, xs, w, order=2)
        return
    seeds = [rl.tensor(random.standard_normal(y.shape)) for y in function(h, xs, w)]

    def second(*inputs: rl.Tensor) -> list[rl.Tensor]:
        """Return the gradients of the gradients."""
        made = function(*inputs)
        first = rl.gradients_of(made, inputs, seeds, create_graph=True)
        total = sum((g * g.cos()).sum() for g in first)
        return [*made, *first, *rl.gradients_of([total], inputs)]

    wanted = second(h, xs, w)
    got = rl.compile(second, native=False)(h, xs, w)
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other, rtol=1e-9, atol=1e-9)


def scans(graph: rl.Graph) -> list[Any]:
    return [node for node in graph.nodes if node.primitive.name == "scan"]


@pytest.mark.parametrize("loop", ["scan", "cond"])
def test_going_back_twice_from_the_same_gradient_finds_the_same(loop: str) -> None:
    def function(w: rl.Tensor, seed: rl.Tensor) -> list[rl.Tensor]:
        h = rl.ones(3)
        if loop == "scan":
            y, _ = rl.scan(lambda h, _: ((h * w).tanh(), None), h, length=4)
        else:
            y = rl.cond(w[0] > 0.0, lambda h: h * w, lambda h: h - w, h)
        found = []
        for last in (False, True):
            y.backward(seed, retain_graph=not last)
            found.append(w.grad)
            w.grad = None
        return found

    def inputs() -> list[rl.Tensor]:
        return [rl.tensor([0.5, 2.0, -1.0], requires_grad=True), rl.tensor([1.0, 2.0, 3.0])]

    wanted = function(*inputs())
    got = rl.compile(function, native=False)(*inputs())
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other)


def test_a_body_is_there_once_whatever_the_length() -> None:
    def loss(h: rl.Tensor, xs: rl.Tensor) -> rl.Tensor:
        return rl.scan(lambda h, x: ((h * x).tanh(), h), h, xs)[1].sum()

    graphs = [rl.trace(rl.value_and_grad(loss), rl.ones(3), rl.ones(n, 3)) for n in (2, 50)]
    counts = [[len(node.params["body"].graph.nodes) for node in scans(g)] for g in graphs]
    assert counts[0] == counts[1] != []
    assert len(graphs[0].nodes) == len(graphs[1].nodes)


def test_random_numbers_drawn_in_a_body_are_those_that_python_draws() -> None:
    dropped = rl.nn.Dropout(0.4)

    def loss(h: rl.Tensor, xs: rl.Tensor) -> Any:
        return rl.scan(lambda h, x: (dropped(h + x), h), h, xs)

    h, xs = rl.ones(5), rl.ones(4, 5)
    results = []
    for function in (loss, rl.compile(loss, native=False), rl.compile(loss)):
        rl.manual_seed(3)
        results.append([*function(h, xs), rl.rand(2)])
    for other in results[1:]:
        for one, wanted in zip(other, results[0], strict=True):
            assert_identical(one, wanted)
    assert 0.0 in results[0][0].tolist()


def test_a_body_may_change_what_it_captured() -> None:
    def run(native: bool | None) -> list[rl.Tensor]:
        norm, seen = rl.nn.BatchNorm(3), rl.tensor(np.zeros(3, np.float32))

        def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
            seen.assign(seen + x.sum(0).detach())
            h = norm(h + x) * 0.5
            return h, h.sum() + seen.sum()

        function = lambda h, xs: rl.scan(turn, h, xs)  # noqa: E731
        if native is not None:
            function = rl.compile(function, native)
        made = []
        for _ in range(2):
            made += function(
                rl.ones(4, 3), rl.tensor(np.linspace(-1, 1, 60, dtype=float32).reshape(5, 4, 3))
            )
        return [*made, seen, *norm.state_dict().values()]

    wanted = run(None)
    for native in (False, True):
        for one, other in zip(run(native), wanted, strict=True):
            assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_body_may_be_a_training_step() -> None:
    def run(native: bool | None) -> list[rl.Tensor]:
        w = rl.tensor([0.5, -0.5], requires_grad=True)
        momentum = rl.tensor([0.0, 0.0])

        def turn(_: None, x: rl.Tensor) -> Any:
            loss, g = rl.value_and_grad(lambda w: ((w * x).sum() - 1.0) ** 2)(w)
            with rl.no_grad():
                momentum.assign(momentum * 0.9 + g)
                w.assign(w - momentum * 0.1)
            return None, loss

        def train(xs: rl.Tensor) -> rl.Tensor:
            return rl.scan(turn, None, xs)[1]

        function = train if native is None else rl.compile(train, native)
        return [function(rl.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]])), w, momentum]

    wanted = run(None)
    for native in (False, True):
        for one, other in zip(run(native), wanted, strict=True):
            assert_close(one, other)


def test_a_choice_may_change_what_it_captured() -> None:
    def run(native: bool | None) -> list[float]:
        calls, others = rl.tensor(0.0), rl.tensor(0.0)

        def one(x: rl.Tensor) -> rl.Tensor:
            calls.assign(calls + x)
            return x * 2.0

        def other(x: rl.Tensor) -> rl.Tensor:
            others.assign(others - 1.0)
            return x + others

        choose = lambda x: rl.cond(x > 0.0, one, other, x)  # noqa: E731
        function = choose if native is None else rl.compile(choose, native)
        made = [function(rl.tensor(x)).item() for x in (3.0, -1.0, 2.0, -5.0)]
        return [*made, calls.item(), others.item()]

    assert run(None) == run(False) == run(True) == [6.0, -2.0, 4.0, -7.0, 5.0, -2.0]


def test_a_while_loop_may_change_what_it_captured() -> None:
    def run(native: bool | None) -> list[float]:
        turns = rl.tensor(0.0)

        def turn(x: rl.Tensor) -> rl.Tensor:
            turns.assign(turns + 1.0)
            return x * 2.0

        def double(x: rl.Tensor) -> rl.Tensor:
            return rl.while_loop(lambda x: x + turns < 50.0, turn, x)

        function = double if native is None else rl.compile(double, native)
        return [function(rl.tensor(x)).item() for x in (1.0, 90.0, 3.0)] + [turns.item()]

    assert run(None) == run(False) == run(True)


def turn_of(make: Callable[[rl.Tensor, rl.Tensor], Any]) -> Callable[[], Any]:
    """Return a loop whose turns are of one function, traced."""
    return lambda: rl.trace(lambda h, xs: rl.scan(make, h, xs), rl.ones(3), rl.ones(4, 3))


def leaking() -> None:
    kept: list[rl.Tensor] = []

    def function(h: rl.Tensor, xs: rl.Tensor) -> rl.Tensor:
        rl.scan(lambda h, x: (kept.append(h * x) or h, None), h, xs)
        return kept[0] + 1.0

    rl.trace(function, rl.ones(3), rl.ones(4, 3))


def grad_of_a_while_loop() -> None:
    def loss(x: rl.Tensor) -> rl.Tensor:
        return rl.while_loop(lambda x: x < 9.0, lambda x: x * 2.0, x)

    rl.trace(rl.grad(loss), rl.tensor(1.0))


def backward_inside() -> None:
    w = rl.ones(3, requires_grad=True)

    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        (w * x).sum().backward()
        return h, None

    rl.trace(lambda h, xs: rl.scan(turn, h, xs)[0], rl.ones(3), rl.ones(4, 3))


def condition_that_assigns() -> None:
    w = rl.tensor(1.0)
    rl.trace(lambda x: rl.while_loop(lambda x: x < w.assign(w + 1.0), lambda x: x, x), rl.ones())


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "shape of the state": (turn_of(lambda h, x: (h.sum(), x)), rl.ShapeError, r"\(3,\).*\(\)"),
    "shape in python": (
        lambda: rl.scan(lambda h, x: (h.sum(), x), rl.ones(3), rl.ones(4, 3)),
        rl.ShapeError,
        r"the shape of the state was \(3,\) and became \(\)",
    ),
    "dtype of the state": (
        turn_of(lambda h, x: (h > 0.0, x)),
        rl.DTypeError,
        "the state was float32 and became bool",
    ),
    "form of the state": (turn_of(lambda h, x: ((h, h), x)), rl.UsageError, "the state was"),
    "an array as the state": (
        lambda: rl.scan(lambda h, x: (h, x), np.zeros(3), rl.ones(4)),
        rl.UsageError,
        "the state was",
    ),
    "no pair": (turn_of(lambda h, x: h), rl.UsageError, "the next state and a result, not Tensor"),
    "no result": (turn_of(lambda h, x: None), rl.UsageError, "not NoneType"),
    "if": (turn_of(lambda h, x: (h if x[0] > 0.0 else x, x)), rl.TraceError, "if, while, and"),
    "float": (turn_of(lambda h, x: (h * float(x[0]), x)), rl.TraceError, "asks for the value"),
    "a leaked tensor": (leaking, rl.TraceError, "is used outside of it"),
    "grad of a while loop": (grad_of_a_while_loop, rl.GradientError, "no gradient goes through"),
    "backward to the outside": (backward_inside, rl.TraceError, "the gradient of a tensor from"),
    "no length": (lambda: rl.scan(lambda h, x: (h, x), rl.ones()), rl.UsageError, "how many turns"),
    "two lengths": (
        lambda: rl.scan(lambda h, x: (h, x), None, (rl.ones(3), rl.ones(4))),
        rl.ShapeError,
        "the lengths differ: 3, 4",
    ),
    "another length": (
        lambda: rl.scan(lambda h, x: (h, x), None, rl.ones(3), length=5),
        rl.ShapeError,
        "the lengths differ: 3, 5",
    ),
    "a scalar as rows": (
        lambda: rl.scan(lambda h, x: (h, x), None, rl.ones()),
        rl.ShapeError,
        "a scalar has none",
    ),
    "fewer turns than none": (
        lambda: rl.scan(lambda h, x: (h, x), None, length=-1),
        rl.ShapeError,
        "there cannot be -1 turns",
    ),
    "no function": (lambda: rl.scan(3, None, rl.ones(3)), rl.UsageError, "3 is no function"),
    "no condition": (
        lambda: rl.while_loop(None, lambda x: x, rl.ones()),
        rl.UsageError,
        "None is no function",
    ),
    "no branch": (
        lambda: rl.cond(rl.tensor(True), lambda: 1, 2),
        rl.UsageError,
        "2 is no function",
    ),
    "a length of floats": (
        lambda: rl.scan(lambda h, x: (h, x), None, length=2.0),
        rl.UsageError,
        "length is an int, not 2.0",
    ),
    "a length that is a bool": (
        lambda: rl.scan(lambda h, x: (h, x), None, length=True),
        rl.UsageError,
        "length is an int, not True",
    ),
    "results of two forms": (
        lambda: rl.scan(lambda h, x: (h, x.item()), None, rl.tensor([1.0, 2.0])),
        rl.UsageError,
        "the result of a turn was 1.0 and became 2.0",
    ),
    "a count of floats": (
        lambda: rl.scan(lambda h, x: (h, x), None, rl.ones(3), count=2.0),
        rl.DTypeError,
        "count is an int tensor",
    ),
    "a choice of shapes": (
        lambda: rl.trace(lambda x: rl.cond(x[0] > 0.0, lambda: x, lambda: x[0]), rl.ones(3)),
        rl.ShapeError,
        r"returns shape \(3,\), the other \(\)",
    ),
    "a choice of dtypes": (
        lambda: rl.trace(lambda x: rl.cond(x[0] > 0.0, lambda: x, lambda: x > 0), rl.ones(3)),
        rl.DTypeError,
        "returns float32, the other bool",
    ),
    "a choice of forms": (
        lambda: rl.trace(lambda x: rl.cond(x[0] > 0.0, lambda: x, lambda: [x]), rl.ones(3)),
        rl.UsageError,
        "trees of the same form",
    ),
    "a choice by a number": (
        lambda: rl.cond(rl.tensor(1.0), lambda: 1, lambda: 2),
        rl.DTypeError,
        "a condition is a bool tensor, not float32",
    ),
    "a choice by many": (
        lambda: rl.cond(rl.ones(3) > 0.0, lambda: 1, lambda: 2),
        rl.ShapeError,
        "a condition has no axes",
    ),
    "a condition that assigns": (condition_that_assigns, rl.UsageError, "the condition assigns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_loop_is_refused_with_the_line_and_a_remedy(name: str) -> None:
    make, kind, fact = REFUSED[name]
    with pytest.raises(kind) as caught:
        make()
    assert re.search(fact, str(caught.value))
    assert re.fullmatch(r"test_loops.py:\d+", str(caught.value.source))
    assert caught.value.hint


def test_a_python_bool_chooses_once_and_for_all() -> None:
    graph = rl.trace(lambda x: rl.cond(True, lambda x: x * 2.0, lambda x: x + 1.0, x), rl.ones(2))
    assert [node.primitive.name for node in graph.nodes] == ["mul"]


def test_a_refused_loop_leaves_captured_tensors_as_they_were() -> None:
    seen = rl.tensor(1.0)

    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        seen.assign(seen + 1.0)
        return h.sum(), None

    with pytest.raises(rl.ShapeError):
        rl.trace(lambda h, xs: rl.scan(turn, h, xs)[0], rl.ones(3), rl.ones(4, 3))
    assert seen.item() == 1.0
