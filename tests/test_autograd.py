"""The backward pass: what it adds up, what it refuses, what it keeps and what it lets go."""

import gc
import re
import threading
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl


def leaf(values: Any, dtype: str = "float32") -> rl.Tensor:
    return rl.tensor(values, dtype=dtype, requires_grad=True)


def test_gradients_add_up_over_backward_passes_until_they_are_cleared() -> None:
    w = leaf([1.0, 2.0])
    (w * 3.0).sum().backward()
    (w * w).sum().backward()
    assert w.grad.tolist() == [5.0, 7.0]
    w.grad = None
    (w * 3.0).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("wrong", [rl.zeros(3), rl.zeros(2, dtype="float64"), 1.0])
def test_a_gradient_has_the_shape_and_dtype_of_its_tensor(wrong: Any) -> None:
    w = rl.zeros(2, requires_grad=True)
    with pytest.raises(rl.GradientError, match=r"gradient of a float32 \(2,\) tensor cannot be"):
        w.grad = wrong
    assert w.grad is None


def test_a_value_used_many_times_gets_the_sum_of_its_gradients() -> None:
    x = leaf(3.0)
    y = x * x
    (y * y + y * 2.0 + x).backward()
    assert x.grad.item() == 4 * 27.0 + 2 * 2 * 3.0 + 1


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda x: x + x, 2.0),
        (lambda x: x - x, 0.0),
        (lambda x: x * x, 4.0),
        (lambda x: x / x, 0.0),
        (lambda x: rl.maximum(x, x), 1.0),
        (lambda x: rl.where(x > 0.0, x, x), 1.0),
        (lambda x: rl.concat([x.reshape(1), x.reshape(1)]).sum(), 2.0),
        (lambda x: (x.reshape(1, 1) @ x.reshape(1, 1)).sum(), 4.0),
    ],
)
def test_the_same_tensor_twice_gets_both_gradients(call: Callable[..., Any], wanted: float) -> None:
    x = leaf(2.0)
    call(x).backward()
    assert x.grad.item() == wanted


def test_detach_stops_the_gradient() -> None:
    x = leaf([2.0])
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [2.0]
    assert x.detach().is_leaf
    assert not (x.detach() * 2.0).requires_grad


def test_only_leaves_that_want_a_gradient_get_one() -> None:
    w, x = leaf([1.0]), rl.tensor([2.0])
    y = w * x
    y.sum().backward()
    assert (w.grad.tolist(), x.grad, y.grad) == ([2.0], None, None)
    assert (w.is_leaf, y.is_leaf, y.requires_grad) == (True, False, True)


def test_backward_of_more_than_a_scalar_wants_a_gradient_of_its_shape() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(rl.ShapeError, match="only a scalar has a gradient of its own") as caught:
        (x * x).backward()
    assert "loss.sum()" in str(caught.value.hint)
    (x * x).backward(rl.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 40.0]
    (x * x).backward([1.0, 1.0])
    assert x.grad.tolist() == [4.0, 44.0]
    with pytest.raises(rl.ShapeError, match=r"gradient has shape \(3,\), the result \(2,\)"):
        (x * x).backward(rl.ones(3))
    with pytest.raises(rl.DTypeError, match="the gradient is float64, the result float32"):
        (x * x).backward(rl.ones(2, dtype="float64"))


def test_backward_of_a_leaf_is_one() -> None:
    x = leaf(2.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_backward_needs_something_that_requires_a_gradient() -> None:
    with pytest.raises(rl.GradientError, match="depends on no tensor that requires a gradient"):
        rl.ones(2).sum().backward()
    with rl.no_grad():
        y = leaf(2.0) * 2.0
    with pytest.raises(rl.GradientError, match="depends on no tensor"):
        y.backward()


def test_a_gradient_belongs_to_its_leaf_alone() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    (a + b).sum().backward()
    a.grad.assign([7.0])
    assert b.grad.tolist() == [1.0]
    seed = rl.tensor([1.0])
    (a * 1.0).backward(seed)
    c = leaf([1.0])
    c.backward(seed)
    c.grad.assign([9.0])
    assert seed.tolist() == [1.0]


def test_assigning_to_a_gradient_of_one_does_not_change_the_number_one() -> None:
    x = leaf(1.0)
    x.backward()
    x.grad.assign(7.0)
    gradient = rl.grad(lambda x: x)(rl.tensor(2.0))
    gradient.assign(5.0)
    assert (rl.tensor(3.0) * 1.0).item() == 3.0
    assert rl.tensor(1.0).item() == 1.0


def test_the_gradient_has_the_shape_and_dtype_of_its_leaf() -> None:
    narrow, wide = leaf([[1.0], [2.0]]), leaf([1.0, 2.0, 3.0], "float64")
    (narrow * wide).sum().backward()
    assert (narrow.grad.shape, narrow.grad.dtype) == ((2, 1), rl.float32)
    assert (wide.grad.shape, wide.grad.dtype) == ((3,), rl.float64)
    half = rl.tensor([1.0, 2.0], dtype="bfloat16", requires_grad=True)
    (half.cast("float32") * 2.0).sum().backward()
    assert (half.grad.dtype, half.grad.tolist()) == (rl.bfloat16, [2.0, 2.0])


def test_integers_in_between_carry_no_gradient() -> None:
    x = leaf([1.7, 2.2])
    y = x.cast("int64").cast("float32") + x
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_graph_is_freed_by_backward_unless_it_is_retained() -> None:
    x = leaf(3.0)
    y = x.exp() * x
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(rl.GradientError, match="done already and its memory freed") as caught:
        y.backward()
    assert caught.value.hint == "pass retain_graph=True to the first backward"
    assert caught.value.op == "backward"


def test_two_results_that_share_a_part_need_it_retained() -> None:
    x = leaf([1.0, 2.0])
    shared = x.exp()
    first, second = (shared * 2.0).sum(), (shared * shared).sum()
    first.backward(retain_graph=True)
    second.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp([1, 2]) + 2 * np.exp([2, 4]), rtol=1e-6)


def test_a_value_that_was_assigned_to_since_is_refused_by_the_rule_that_reads_it() -> None:
    w, x = leaf([2.0]), leaf([3.0])
    y = (w * x).sum()
    w.assign([5.0])
    with pytest.raises(rl.GradientError, match="that mul needs was assigned to since"):
        y.backward()


def test_an_assignment_to_a_value_that_no_rule_reads_does_no_harm() -> None:
    w, x = leaf([2.0]), leaf([3.0])
    y = (w + x).sum() + (w * 2.0).sum()
    w.assign([5.0])
    y.backward()
    assert (w.grad.tolist(), x.grad.tolist()) == ([3.0], [1.0])


def test_an_assignment_before_the_forward_pass_does_no_harm() -> None:
    w = leaf([2.0])
    w.assign([5.0])
    (w * w).sum().backward()
    assert w.grad.tolist() == [10.0]


def test_a_computed_tensor_cannot_be_assigned_to() -> None:
    with pytest.raises(rl.GradientError, match="a computed tensor cannot be assigned to"):
        (leaf([1.0]) * 2.0).assign([3.0])


def test_a_chain_of_100_000_ops_runs_forward_and_backward_and_away() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 0.5
    assert y.item() == 50_001.0
    y.backward(retain_graph=True)
    assert x.grad.item() == 1.0
    del y
    y = x
    for _ in range(100_000):
        y = y * 1.0
    last = weakref.ref(y)
    y.backward()
    del y
    assert last() is None


def test_a_chain_that_never_went_backward_can_be_dropped() -> None:
    y = leaf(1.0)
    for _ in range(100_000):
        y = y * 1.0
    last = weakref.ref(y)
    del y
    assert last() is None


def test_saved_values_are_gone_after_backward_while_the_result_lives() -> None:
    x = leaf(np.ones(1000, np.float32))
    hidden = x.exp()
    saved = weakref.ref(hidden)
    loss = (hidden * hidden).sum()
    del hidden
    assert saved() is not None
    loss.backward()
    gc.collect()
    assert saved() is None
    assert loss.item() > 0.0


def test_memory_is_freed_while_backward_passes() -> None:
    size = 250_000
    megabyte = size * 4
    x = leaf(np.ones(size, np.float32))
    y = x
    for _ in range(40):
        y = y.sin()
    loss = y.sum()
    del y
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    loss.backward()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 6 * megabyte
    assert after - before < 2 * megabyte


def test_a_training_loop_leaves_nothing_behind() -> None:
    w = leaf(np.ones((50, 50), np.float32))

    def step() -> None:
        loss = ((w @ w) * 0.1).tanh().mean()
        loss.backward()
        with rl.no_grad():
            w.assign(w - w.grad * 0.1)
        w.grad = None

    step()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(10):
            step()
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()


def test_higher_derivatives_by_differentiating_gradients() -> None:
    x = leaf(2.0, "float64")
    y = x**4.0
    (first,) = rl.gradients_of(y, [x], create_graph=True)
    (second,) = rl.gradients_of(first, [x], create_graph=True)
    (third,) = rl.gradients_of(second, [x])
    assert [first.item(), second.item(), third.item()] == pytest.approx([32.0, 48.0, 48.0])
    assert x.grad is None
    assert not third.requires_grad


def test_a_gradient_penalty_trains() -> None:
    w = leaf([3.0], "float64")
    (g,) = rl.gradients_of((w * w).sum(), [w], create_graph=True)
    (g * g).sum().backward()
    assert w.grad.tolist() == [8.0 * 3.0]


def no_number_forward(x: rl.Tensor) -> rl.Tensor:
    return (x - 5.0).log()


def no_number_backward(x: rl.Tensor) -> rl.Tensor:
    return (x * 0.0).sqrt()


def test_detect_anomaly_names_the_op_and_the_line_of_the_first_nan() -> None:
    x = leaf([1.0])
    with rl.detect_anomaly(), pytest.raises(rl.AnomalyError) as caught:
        no_number_forward(x)
    line = no_number_forward.__code__.co_firstlineno + 1
    assert str(caught.value).splitlines()[0] == "log: the result has a NaN"
    assert f"  at test_autograd.py:{line}" in str(caught.value)


def test_detect_anomaly_names_the_op_and_the_line_of_a_nan_that_comes_backward() -> None:
    x = leaf([1.0])
    with rl.detect_anomaly():
        y = no_number_backward(x)
        loss = (y * 0.0).sum()
        with np.errstate(invalid="ignore"), pytest.raises(rl.AnomalyError) as caught:
            loss.backward()
    line = no_number_backward.__code__.co_firstlineno + 1
    assert str(caught.value).splitlines()[0] == "sqrt (backward): the gradient has a NaN"
    assert f"  at test_autograd.py:{line}" in str(caught.value)


def test_without_detect_anomaly_nan_passes() -> None:
    assert np.isnan(no_number_forward(leaf([1.0])).item())


def test_gradients_in_several_threads_do_not_mix() -> None:
    start = threading.Barrier(4)
    found: dict[int, list[float]] = {}

    def work(number: int) -> None:
        x = leaf([float(number)])
        start.wait()
        for _ in range(200):
            x.grad = None
            y = x
            for _ in range(5):
                y = y * x
            if number % 2:
                with rl.no_grad():
                    _ = x * 2.0
            y.sum().backward()
        found[number] = x.grad.tolist()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [6.0 * number**5] for number in range(1, 5)}


def test_errors_of_backward_name_the_result_and_the_line() -> None:
    with pytest.raises(rl.ShapeError) as caught:
        (leaf([1.0, 2.0]) * 2.0).backward()
    text = str(caught.value)
    assert text.startswith("backward: only a scalar")
    assert re.search(r"  self  float32 \(2,\)\n  at test_autograd.py:\d+\n", text)
