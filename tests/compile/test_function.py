"""`rl.compile`: the same meaning as the function, call after call."""

import gc
import threading
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import MOST_COMPILED, MOST_KEPT
from rushlight.testing.compare import assert_close, assert_identical


@pytest.mark.parametrize("native", [True, False])
def test_a_compiled_function_gives_what_the_function_gives(native: bool) -> None:
    def function(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        return (x @ y).softmax()

    random = np.random.default_rng(0)
    compiled = rl.compile(function, native=native)
    compare = assert_close if native else assert_identical
    for _ in range(3):
        x, y = (rl.tensor(random.standard_normal(shape)) for shape in ((3, 4), (4, 2)))
        compare(compiled(x, y), function(x, y))
    assert len(compiled.graphs) == 1


def test_each_shape_dtype_and_fixed_argument_is_traced_once() -> None:
    traces = []

    @rl.compile
    def function(x: rl.Tensor, scale: float = 1.0, *, negate: bool = False) -> rl.Tensor:
        traces.append((x.shape, x.dtype.name, scale, negate))
        return -(x * scale) if negate else x * scale

    for _ in range(2):
        assert function(rl.ones(2)).tolist() == [1.0, 1.0]
        assert function(rl.ones(1)).tolist() == [1.0]
        assert function(rl.ones(2, dtype="float64")).dtype is rl.float64
        assert function(rl.ones(2), 3.0).tolist() == [3.0, 3.0]
        assert function(rl.ones(2), 3.0, negate=True).tolist() == [-3.0, -3.0]
    assert len(traces) == len(function.graphs) == 5
    assert function.graph is function.graphs[-1]


def test_fixed_arguments_that_are_equal_but_not_alike_are_told_apart() -> None:
    @rl.compile
    def kind(x: rl.Tensor, number: Any) -> tuple[rl.Tensor, str]:
        return x, repr(number)

    x = rl.ones(1)
    numbers = [1, 1.0, True, 0.0, -0.0, 0, float("nan"), "1", None, (1,), [1]]
    assert [kind(x, number)[1] for number in numbers] == [repr(number) for number in numbers]
    assert len(kind.graphs) == len(numbers)
    kind(x, float("nan"))
    assert len(kind.graphs) == len(numbers)


def test_two_models_that_look_alike_are_told_apart() -> None:
    first, second = rl.nn.Linear(1, 1, bias=False), rl.nn.Linear(1, 1, bias=False)
    first.weight.assign([[2.0]])
    second.weight.assign([[3.0]])
    apply = rl.compile(lambda model, x: model(x))
    assert apply(first, rl.ones(1)).tolist() == [2.0]
    assert apply(second, rl.ones(1)).tolist() == [3.0]
    assert apply(first, rl.ones(1)).tolist() == [2.0]


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor


def test_an_object_at_the_address_of_one_that_is_gone_is_another() -> None:
    apply = rl.compile(lambda scale, x: x * scale.factor)
    for number in range(20):
        assert apply(Scale(float(number)), rl.ones(1)).item() == number


def test_arrays_and_other_unhashable_arguments_are_refused_with_the_remedy() -> None:
    compiled = rl.compile(lambda x, y: x)
    for wrong in (np.zeros(2000), {1, 2}, [np.zeros(1)]):
        with pytest.raises(rl.TraceError, match="takes tensors and what can be hashed") as caught:
            compiled(rl.ones(1), wrong)
        assert "make it a tensor" in str(caught.value.hint)


def test_arguments_are_trees_of_tensors() -> None:
    @rl.compile
    def function(batch: dict[str, Any], pair: tuple[rl.Tensor, int]) -> dict[str, Any]:
        return {"sum": batch["x"] + pair[0] * pair[1], "same": [batch["x"], None, "text"]}

    got = function({"x": rl.ones(2)}, (rl.ones(2), 3))
    assert got["sum"].tolist() == [4.0, 4.0]
    assert (got["same"][0].tolist(), got["same"][1:]) == ([1.0, 1.0], [None, "text"])
    keys = rl.compile(lambda d: next(iter(d.values())) * 1.0)
    assert keys({"a": rl.ones(1), "b": rl.zeros(1)}).item() == 1.0
    assert keys({"b": rl.zeros(1), "a": rl.ones(1)}).item() == 0.0


def test_calls_of_several_kinds_in_turn_are_told_apart() -> None:
    def twice(x: rl.Tensor, name: str = "") -> tuple[rl.Tensor, str]:
        return x.broadcast_to(2, *x.shape), name

    compiled = rl.compile(twice)
    half = rl.tensor([1.5], dtype="float16")
    calls: list[tuple[Any, ...]] = [
        (rl.ones(2),),
        (rl.ones(2), "name"),
        (rl.ones(1, 2),),
        (rl.ones(2, dtype="float64"),),
        (rl.ones(2, requires_grad=True),),
        (half,),
        (rl.Tensor.wrap(half.data),),
        (rl.Tensor.wrap(np.ones(2, np.float32), rl.float32),),
    ]
    for _ in range(3):
        for args in calls:
            (got, name), (wanted, same) = compiled(*args), twice(*args)
            assert (got.spec, got.tolist(), name) == (wanted.spec, wanted.tolist(), same)
    assert len(compiled.graphs) == len(calls) - 1
    with pytest.raises(TypeError, match="positional argument"):
        compiled()


def test_large_arguments_and_results_of_any_layout_are_taken() -> None:
    random = np.random.default_rng(0)
    large = random.standard_normal((60, 50)).astype(np.float32)
    compiled = rl.compile(lambda x: (x * 2.0, x.sum()))
    strange = np.lib.stride_tricks.as_strided(np.zeros(4 * 3000 + 1, np.uint8)[1:], (12000,), (1,))
    strange = strange.view(np.float32).reshape(60, 50)
    strange[...] = large
    arrays = [large, large.T, large[::-1, ::-1], np.broadcast_to(large[:1], (60, 50)), strange]
    results = [(array, compiled(rl.Tensor.wrap(array))) for array in arrays]
    for array, (double, total) in results:
        np.testing.assert_array_equal(double.numpy(), array * 2.0)
        np.testing.assert_allclose(total.item(), array.sum(), rtol=1e-3, atol=1e-2)


def test_captured_tensors_are_read_at_each_call() -> None:
    w = rl.tensor([1.0])
    compiled = rl.compile(lambda x: x * w)
    assert compiled(rl.ones(1)).item() == 1.0
    w.assign([5.0])
    assert compiled(rl.ones(1)).item() == 5.0
    assert len(compiled.graphs) == 1


def test_assigned_tensors_are_updated_by_each_call() -> None:
    total = rl.tensor([0.0])

    @rl.compile
    def add(x: rl.Tensor) -> rl.Tensor:
        total.assign(total + x)
        return total * 1.0

    assert [add(rl.tensor([2.0])).item() for _ in range(3)] == [2.0, 4.0, 6.0]
    assert total.item() == 6.0


def test_a_graph_made_before_an_update_cannot_go_back_through_it() -> None:
    w = rl.tensor([2.0], requires_grad=True)
    double = rl.compile(lambda: w.assign(w * 2.0))
    loss = (w * w).sum()
    double()
    with pytest.raises(rl.GradientError, match="was assigned to since"):
        loss.backward()


def test_gradients_appear_add_up_and_vanish_as_in_eager_mode() -> None:
    def make() -> tuple[rl.Tensor, Any, Any]:
        w = rl.tensor([2.0], requires_grad=True)

        def accumulate(x: rl.Tensor) -> None:
            (w * x).sum().backward()

        def clear() -> None:
            w.grad = None

        return w, accumulate, clear

    w, accumulate, clear = make()
    w2, *functions = make()
    accumulate2, clear2 = (rl.compile(function) for function in functions)
    for call in ("ax", "ax", "c", "ax", "c", "c", "ax", "ax", "ax"):
        if call == "ax":
            accumulate(rl.ones(1))
            accumulate2(rl.ones(1))
        else:
            clear()
            clear2()
        assert str(w.grad) == str(w2.grad)


def test_a_gradient_that_is_assigned_to_keeps_its_new_value() -> None:
    w = rl.tensor([2.0], requires_grad=True)

    @rl.compile
    def halve() -> None:
        w.grad.assign(w.grad * 0.5)

    w.grad = rl.tensor([8.0])
    halve()
    halve()
    assert w.grad.tolist() == [2.0]


def test_gradients_of_half_tensors_keep_their_dtype() -> None:
    w = rl.tensor([1.0, 2.0], dtype="bfloat16", requires_grad=True)
    rl.compile(lambda: (w.cast("float32") * 3.0).sum().backward())()
    assert (w.grad.dtype, w.grad.tolist()) == (rl.bfloat16, [3.0, 3.0])
    same = rl.compile(lambda x: x.T)(rl.tensor([[1.5]], dtype="float16"))
    assert (same.dtype, same.tolist()) == (rl.float16, [[1.5]])


def test_what_the_function_took_for_granted_is_looked_at_again() -> None:
    model = rl.nn.Dropout(0.5)
    compiled = rl.compile(lambda x: model(x))
    x = rl.ones(100)
    assert 0.0 in compiled(x)
    model.eval()
    assert 0.0 not in compiled(x)
    model.train()
    assert 0.0 in compiled(x)
    assert len(compiled.graphs) == 2


def test_a_weight_that_is_frozen_later_gets_no_more_gradient() -> None:
    w, v = (rl.tensor([number], requires_grad=True) for number in (2.0, 3.0))
    step = rl.compile(lambda: (w * v).sum().backward())
    step()
    w.grad = v.grad = None
    w.requires_grad_(False)
    step()
    assert (w.grad, v.grad.tolist()) == (None, [2.0])
    w.requires_grad_()
    v.grad = None
    step()
    assert (w.grad.tolist(), v.grad.tolist()) == ([3.0], [2.0])
    assert len(step.graphs) == 2


def test_no_grad_outside_counts() -> None:
    w = rl.tensor([2.0], requires_grad=True)

    @rl.compile
    def wants_gradient() -> tuple[rl.Tensor, bool]:
        y = w * 2.0
        return y, y.requires_grad

    assert wants_gradient()[1] is True
    with rl.no_grad():
        assert wants_gradient()[1] is False


def test_detect_anomaly_runs_the_function_op_by_op() -> None:
    compiled = rl.compile(lambda x: x.log())
    compiled(rl.ones(1))
    with rl.detect_anomaly(), pytest.raises(rl.AnomalyError, match="log: the result has a NaN"):
        compiled(rl.tensor([-1.0]))


def test_a_compiled_function_may_call_another_and_itself() -> None:
    w = rl.tensor([1.0])

    @rl.compile
    def inner(x: rl.Tensor) -> rl.Tensor:
        w.assign(w + x)
        return w * 2.0

    @rl.compile
    def power(x: rl.Tensor, n: int) -> rl.Tensor:
        return x if n == 1 else x * power(x, n - 1)

    outer = rl.compile(lambda x: inner(x) + inner(x))
    assert outer(rl.ones(1)).tolist() == [10.0]
    assert w.tolist() == [3.0]
    assert power(rl.tensor([2.0]), 5).tolist() == [32.0]


def test_calls_from_many_threads_take_turns() -> None:
    total = rl.tensor([0.0])

    @rl.compile
    def add(x: rl.Tensor) -> rl.Tensor:
        total.assign(total + x)
        return x * 2.0

    errors: list[BaseException] = []

    def work(number: float) -> None:
        try:
            for _ in range(50):
                assert add(rl.tensor([number])).item() == 2 * number
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert total.item() == 50 * (0 + 1 + 2 + 3)
    assert len(add.graphs) == 1


def test_an_exception_while_tracing_does_not_lock_the_function() -> None:
    @rl.compile
    def function(x: rl.Tensor) -> rl.Tensor:
        return x.reshape(7) if x.ndim > 1 else x * 2.0

    with pytest.raises(rl.ShapeError):
        function(rl.ones(2, 3))
    assert function(rl.ones(1)).tolist() == [2.0]


def test_a_method_and_a_decorated_function_keep_their_name() -> None:
    class Model:
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            """Double."""
            return x * 2.0

    compiled = rl.compile(Model().forward)
    assert (compiled.__name__, compiled.__doc__) == ("forward", "Double.")
    assert compiled(rl.ones(1)).item() == 2.0
    assert compiled.graph.name == "forward"


def test_results_are_new_tensors_without_history() -> None:
    x = rl.ones(2, requires_grad=True)
    y = rl.compile(lambda x: x)(x)
    assert y is not x
    assert y.is_leaf
    assert not y.requires_grad


def test_results_of_earlier_calls_keep_their_values() -> None:
    w = rl.tensor([1.0])

    @rl.compile
    def step(x: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        w.assign(w + x)
        return w, x * w

    first = step(rl.ones(1))
    second = step(rl.ones(1))
    assert [y.item() for y in (*first, *second)] == [2.0, 2.0, 3.0, 3.0]


def test_a_compiled_function_that_is_dropped_lets_its_graphs_go() -> None:
    compiled = rl.compile(lambda x: x * 2.0)
    compiled(rl.ones(1))
    graph = weakref.ref(compiled.graph)
    del compiled
    gc.collect()
    assert graph() is None


def test_it_says_what_it_is_and_shows_its_graph_and_its_c() -> None:
    def double(x: rl.Tensor) -> rl.Tensor:
        return x * 2.0

    compiled = rl.compile(double)
    assert (repr(compiled), compiled.source) == ("<compiled double: 0 graphs, 0 as C>", None)
    compiled(rl.ones(2))
    assert "mul" in str(compiled.graph)
    if compiled.fallbacks:
        pytest.skip("there is no C compiler")
    assert repr(compiled) == "<compiled double: 1 graph, 1 as C>"
    assert "int64_t rl_program(rl_call *call)" in compiled.source
    in_numpy = rl.compile(double, native=False)
    in_numpy(rl.ones(2))
    assert (repr(in_numpy), in_numpy.source) == ("<compiled double: 1 graph, 0 as C>", None)


def test_ever_new_shapes_are_not_compiled_for_ever() -> None:
    def total_of_many(x: rl.Tensor) -> rl.Tensor:
        return x.sum()

    compiled = rl.compile(total_of_many)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for size in range(MOST_COMPILED + MOST_KEPT + 5):
            assert compiled(rl.ones(size)).item() == size
    said = [str(one.message) for one in caught if "has been compiled" in str(one.message)]
    assert len(compiled.graphs) == MOST_KEPT
    if not compiled.fallbacks:
        assert (
            repr(compiled) == f"<compiled total_of_many: {MOST_KEPT} graphs, {MOST_COMPILED} as C>"
        )
        assert len(said) == 1
        assert "pad what varies to a few shapes" in said[0]
    assert compiled(rl.ones(0)).item() == 0
