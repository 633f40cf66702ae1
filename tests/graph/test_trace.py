"""The tracer: what it captures, what it refuses, and that it changes nothing outside."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.mode import mode
from rushlight.core.primitive import PRIMITIVES
from rushlight.graph.interpret import Interpreter
from rushlight.testing.cases import Case, cases
from rushlight.testing.compare import assert_identical


def kinds(graph: rl.Graph) -> list[str]:
    return [node.primitive.name for node in graph.nodes]


def refusal(function: Callable[..., Any], *args: Any) -> rl.TraceError:
    with pytest.raises(rl.TraceError) as caught:
        rl.trace(function, *args)
    return caught.value


def test_a_function_becomes_the_primitives_that_it_applies_in_order() -> None:
    graph = rl.trace(lambda x: (x.exp() + 1.0).sum(), rl.ones(2, 3))
    assert kinds(graph) == ["exp", "add", "sum"]
    assert [value.spec for value in graph.arguments] == [rl.ones(2, 3).spec]
    assert [value.shape for value in graph.outputs] == [()]


def test_each_node_knows_the_users_line_and_its_layer() -> None:
    model = rl.nn.Sequential(rl.nn.Linear(3, 2), rl.nn.ReLU())

    def forward(x: rl.Tensor) -> rl.Tensor:
        return model(x) * 2.0

    graph = rl.trace(forward, rl.ones(1, 3))
    line = forward.__code__.co_firstlineno + 1
    assert {node.source for node in graph.nodes} == {f"test_trace.py:{line}"}
    assert [node.module for node in graph.nodes][-2:] == ["1", None]
    assert graph.nodes[0].module == "0"


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda x: 1 if x.sum() > 0.0 else 2, "if, while, and, or, not or bool()"),
        (lambda x: x.sum().item(), "item()"),
        (lambda x: float(x.sum()), "item()"),
        (lambda x: int(x.sum()), "item()"),
        (lambda x: range(x.cast("int64").sum()), "item()"),
        (lambda x: x.numpy(), "numpy()"),
        (lambda x: x.tolist(), "numpy()"),
        (lambda x: np.asarray(x), "numpy()"),
        (lambda x: np.exp(x), "numpy()"),
        (lambda x: rl.tensor([x.sum(), 1.0]), "numpy()"),
        (lambda x: 1.0 in x, "numpy()"),
        (lambda x: x.sum() > 0.0 and x, "if, while, and, or, not or bool()"),
        (lambda x: not x.sum(), "if, while, and, or, not or bool()"),
    ],
)
def test_asking_for_a_value_is_refused_with_both_lines_and_the_remedy(
    read: Callable[[rl.Tensor], Any], what: str
) -> None:
    error = refusal(read, rl.ones(2))
    assert error.fact.startswith(f"{what} asks for the value of a ")
    assert error.fact.endswith("is being traced, so it has none yet")
    assert re.search(r"tensor, made at test_trace.py:\d+, but <lambda> is", error.fact)
    assert re.fullmatch(r"test_trace.py:\d+", str(error.source))
    assert "rl.where" in str(error.hint)


def test_the_value_of_a_captured_tensor_is_refused_too() -> None:
    w = rl.ones(2)
    assert refusal(lambda x: x * w.sum().item(), rl.ones(2)).fact.startswith("item() asks")
    assert refusal(lambda x: x * float(w[0]), rl.ones(2)).fact.startswith("item() asks")


def test_shapes_and_dtypes_are_known_while_tracing() -> None:
    seen = []

    def function(x: rl.Tensor) -> rl.Tensor:
        seen.append((x.shape, x.dtype, x.ndim, x.size, len(x), repr(x)))
        return x.reshape(x.size) if x.ndim > 1 else x

    rl.trace(function, rl.ones(2, 3))
    assert seen == [((2, 3), rl.float32, 2, 6, 2, "tensor(traced, float32 (2, 3))")]


def test_a_traced_tensor_can_be_iterated_over() -> None:
    graph = rl.trace(lambda x: sum(row.sum() for row in x), rl.ones(2, 3))
    (got,) = Interpreter(graph).run([np.ones((2, 3), np.float32)])
    assert got == 6.0


def leaked(dtype: str = "float32") -> rl.Tensor:
    kept = []

    def keeper(x: rl.Tensor) -> rl.Tensor:
        kept.append(x * 2)
        return x

    rl.trace(keeper, rl.ones(2, dtype=dtype))
    return kept[0]


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x + 1.0,
        lambda x: 1.0 + x,
        lambda x: rl.ones(2) * x,
        lambda x: np.ones(2, np.float32) * x,
        lambda x: rl.where(x > 0.0, x, 0.0),
        lambda x: rl.where(rl.tensor([True, False]), x, 0.0),
        lambda x: rl.concat([rl.ones(2), x]),
        lambda x: rl.stack([x, x]),
        lambda x: x.broadcast_to(3, 2),
        lambda x: x.argmax(),
        lambda x: x.max(),
        lambda x: x.logsumexp(),
        lambda x: x.reshape(1, 2) @ rl.ones(2, 1),
        lambda x: rl.take(x, [0]),
        lambda x: x.gather(0, [0]),
        lambda x: rl.zeros(2).scatter_add(0, [0, 1], x),
        lambda x: x[0],
        lambda x: x[[0, 1]],
        lambda x: x.pad([(1, 1)]),
        lambda x: x.cast("int64"),
        lambda x: x.numpy(),
        lambda x: x.item(),
        lambda x: bool(x),
        lambda x: x.tolist(),
        lambda x: np.asarray(x),
        lambda x: rl.ones(2).assign(x) + 1.0,
        lambda x: rl.nn.functional.conv2d(x.reshape(1, 1, 1, 2), rl.ones(1, 1, 1, 1)),
        lambda x: rl.nn.functional.max_pool2d(x.reshape(1, 1, 1, 2), (1, 2)),
        lambda x: rl.compile(lambda y: y * 2.0)(x),
        lambda x: rl.compile(lambda y: y * x)(rl.ones(2)),
        lambda x: rl.trace(lambda y: y * x, rl.ones(2)),
    ],
)
def test_a_tensor_that_outlived_its_trace_is_refused_by_name_and_line(use: Any) -> None:
    x = leaked()
    line = re.compile(r"a tensor \(made at test_trace.py:\d+\) of the finished trace of keeper")
    with pytest.raises(rl.TraceError, match=line) as caught:
        use(x)
    assert "return it from the traced function" in str(caught.value.hint)


@pytest.mark.parametrize("name", [p.name for p in PRIMITIVES.values()])
def test_every_primitive_refuses_a_leaked_operand(name: str) -> None:
    case: Case = next(iter(cases(PRIMITIVES[name], rl.float32)))
    for position in range(len(case.arrays)):
        inputs = case.inputs()
        kept: list[rl.Tensor] = []
        rl.trace(lambda x, kept=kept: kept.append(x.reshape(x.shape)), inputs[position])
        inputs[position] = kept[0]
        with pytest.raises(rl.TraceError, match="of the finished trace of <lambda>"):
            case(*inputs)


def test_captured_tensors_are_inputs_by_reference_in_the_order_of_their_use() -> None:
    a, b = rl.tensor([1.0]), rl.tensor([2.0])
    a.name, b.name = "a", "b"
    graph = rl.trace(lambda x: x * b + a + b, rl.ones(1))
    assert [tensor.name for tensor, _ in graph.states] == ["b", "a"]
    assert graph.updates == []


def test_a_python_number_is_one_constant_however_often_it_is_used() -> None:
    graph = rl.trace(lambda x: x * 2.0 + 2.0 + 3.0, rl.ones(1))
    assert sorted(float(array) for array, _ in graph.constants) == [2.0, 3.0]
    graph = rl.trace(lambda x: x * 0.0 + -0.0, rl.ones(1))
    assert len(graph.constants) == 2


def test_an_array_given_to_the_trace_is_copied_into_the_graph() -> None:
    array = np.array([1.0, 2.0], np.float32)
    graph = rl.trace(lambda x: x + array, rl.ones(2))
    array[:] = 100.0
    (got,) = Interpreter(graph).run([np.zeros(2, np.float32)])
    assert got.tolist() == [1.0, 2.0]


def test_assigning_twice_leaves_one_update_with_the_last_value() -> None:
    w = rl.tensor([1.0])

    def step(x: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        before = w * 1.0
        w.assign(w + x)
        between = w * 1.0
        w.assign(w * 10.0)
        return before, between

    graph = rl.trace(step, rl.ones(1))
    assert [tensor for tensor, _ in graph.updates] == [w]
    before, between, after = Interpreter(graph).run([np.full(1, 2.0, np.float32), w.data])
    assert (before.item(), between.item(), after.item()) == (1.0, 3.0, 30.0)


def test_what_was_taken_from_a_state_before_an_assignment_keeps_its_value() -> None:
    w = rl.tensor([1.0])

    def swap(x: rl.Tensor) -> rl.Tensor:
        old = w.detach()
        w.assign(x)
        return old

    graph = rl.trace(swap, rl.ones(1))
    got = Interpreter(graph).run([np.full(1, 5.0, np.float32), w.data])
    assert [array.item() for array in got] == [1.0, 5.0]


def test_states_may_be_swapped() -> None:
    a, b = rl.tensor([1.0]), rl.tensor([2.0])

    @rl.compile
    def swap() -> None:
        old = a.detach()
        a.assign(b)
        b.assign(old)

    for _ in range(3):
        swap()
    assert (a.item(), b.item()) == (2.0, 1.0)


def test_an_argument_cannot_be_assigned_to() -> None:
    def step(x: rl.Tensor) -> None:
        x.assign(x + 1.0)

    error = refusal(step, rl.ones(2))
    assert error.fact == (
        "argument 0 of step is assigned to, which the caller's tensor would not see"
    )
    assert error.hint == "return the new value, or let the function capture the tensor"


def test_the_gradient_of_an_argument_is_returned_or_refused() -> None:
    x = rl.ones(2, requires_grad=True)

    def lost(x: rl.Tensor) -> rl.Tensor:
        loss = (x * x).sum()
        loss.backward()
        return loss

    def returned(x: rl.Tensor) -> rl.Tensor:
        (x * x).sum().backward()
        return x.grad

    assert "argument 0 of lost gets a gradient" in refusal(lost, x).fact
    assert rl.compile(returned)(x).tolist() == [2.0, 2.0]


def test_a_value_assigned_after_its_use_cannot_go_backward_in_a_trace_either() -> None:
    w = rl.tensor([2.0], requires_grad=True)

    def step(x: rl.Tensor) -> None:
        loss = (w * x * w).sum()
        w.assign(w * 2.0)
        loss.backward()

    with pytest.raises(rl.GradientError, match="that mul needs was assigned to since"):
        rl.trace(step, rl.ones(1))


def test_a_trace_changes_nothing_outside() -> None:
    w = rl.tensor([2.0], requires_grad=True)
    w.grad = rl.tensor([3.0])
    held = w.grad
    alive = (w * w).sum()

    def step(x: rl.Tensor) -> rl.Tensor:
        loss = (w * x).sum()
        loss.backward()
        w.assign(w - w.grad)
        w.grad = None
        return loss

    rl.trace(step, rl.ones(1))
    assert (w.tolist(), w.grad is held, held.tolist()) == ([2.0], True, [3.0])
    alive.backward()
    assert w.grad.tolist() == [7.0]


def test_an_exception_in_a_trace_leaves_eager_mode_as_it_was() -> None:
    w = rl.tensor([2.0], requires_grad=True)
    evaluator = mode.evaluator
    alive = (w * w).sum()

    def fails(x: rl.Tensor) -> None:
        w.assign(w + x)
        w.grad = x
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rl.trace(fails, rl.ones(1))
    with pytest.raises(KeyError, match="mine"):
        rl.compile(fails)(rl.ones(1))
    assert mode.evaluator is evaluator
    assert (w.tolist(), w.grad, w.is_leaf) == ([2.0], None, True)
    alive.backward()
    assert w.grad.tolist() == [4.0]


def test_a_trace_inside_of_a_trace_has_a_graph_of_its_own() -> None:
    inner: list[rl.Graph] = []

    def outer(x: rl.Tensor) -> rl.Tensor:
        inner.append(rl.trace(lambda y: y.exp(), rl.ones(3)))
        return x.sin()

    graph = rl.trace(outer, rl.ones(2))
    assert (kinds(graph), kinds(inner[0])) == (["sin"], ["exp"])


def test_a_compiled_function_called_in_a_trace_becomes_part_of_it() -> None:
    w = rl.tensor([2.0])
    inner = rl.compile(lambda y: y.exp() * w)
    graph = rl.trace(lambda x: inner(x) + 1.0, rl.ones(1))
    assert kinds(graph) == ["exp", "mul", "add"]
    assert inner.graph is None
    assert rl.compile(lambda x: inner(x) + 1.0)(rl.zeros(1)).tolist() == [3.0]


def test_arguments_and_results_are_trees() -> None:
    def function(pair: tuple[rl.Tensor, Any], named: dict[str, rl.Tensor]) -> dict[str, Any]:
        return {"sum": pair[0] + named["b"], "rest": [pair[1], None, named["b"]]}

    graph = rl.trace(function, (rl.ones(2), "text"), named={"b": rl.ones(2)})
    assert len(graph.arguments) == 2
    assert len(graph.outputs) == 2


def test_a_graph_says_for_which_arguments_it_was_traced() -> None:
    graph = rl.trace(lambda x, y: x + y, rl.ones(2), rl.ones(2))
    spec = rl.ones(2).spec
    graph.check_arguments([spec, spec])
    with pytest.raises(rl.TraceError, match="was traced for 2 tensors, got 1"):
        graph.check_arguments([spec])
    with pytest.raises(rl.TraceError) as caught:
        graph.check_arguments([spec, rl.ones(3).spec])
    assert caught.value.fact == "argument 1 of <lambda> is float32 (3,), traced as float32 (2,)"
    assert "rl.compile" in str(caught.value.hint)


def test_gradients_in_a_trace_are_nodes_of_the_graph() -> None:
    w = rl.tensor([[1.0, 2.0]], requires_grad=True)

    def step(x: rl.Tensor) -> rl.Tensor:
        loss = (x @ w).sum()
        loss.backward()
        return loss

    graph = rl.trace(step, rl.ones(3, 1))
    assert [tensor for tensor, _ in graph.grad_updates] == [w]
    assert kinds(graph).count("matmul") == 2
    loss, grad = Interpreter(graph).run([np.ones((3, 1), np.float32), w.data])
    assert loss == 9.0
    assert_identical(grad, np.array([[3.0, 3.0]], np.float32))
