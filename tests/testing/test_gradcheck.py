import re
from typing import Any

import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.ops.pointwise import Unary
from rushlight.testing.gradcheck import check_gradients


def leaf(values: Any) -> rl.Tensor:
    return rl.tensor(values, dtype="float64", requires_grad=True)


def pointwise(numpy: Any, vjp: Any) -> Unary:
    """A primitive outside of the registry, to be wrong on purpose."""
    return Unary("wrong", numpy=numpy, c="", doc="", vjp=(vjp,))


def test_right_gradients_pass_and_leave_the_inputs_as_they_were() -> None:
    x = leaf([0.5, -1.0])
    check_gradients(lambda x: x.sin(), x, order=2)
    assert x.tolist() == [0.5, -1.0]
    assert x.grad is None


def test_a_wrong_gradient_is_named_with_its_input_and_element() -> None:
    wrong = pointwise(lambda x: x * x, lambda g, _y, x: g * x)
    with pytest.raises(AssertionError, match=r"derivative 1 of input 1: 2 of 2 elements differ"):
        check_gradients(lambda a, b: a + bind(wrong, b), leaf([1.0, 1.0]), leaf([1.0, 2.0]))


def test_a_missing_gradient_is_found() -> None:
    wrong = pointwise(lambda x: x * x, lambda g, _y, _x: None)
    with pytest.raises(AssertionError, match="got 0"):
        check_gradients(lambda x: bind(wrong, x), leaf([1.0]))


def test_a_gradient_for_a_constant_is_found() -> None:
    wrong = pointwise(lambda x: x * 0.0, lambda g, _y, _x: g)
    with pytest.raises(AssertionError, match="derivative 1"):
        check_gradients(lambda x: bind(wrong, x), leaf([1.0]))


def test_a_gradient_that_cannot_be_differentiated_again_is_found_at_order_2() -> None:
    detached = pointwise(lambda x: x * x, lambda g, _y, x: g * 2.0 * x.detach())
    check_gradients(lambda x: bind(detached, x), leaf([1.0, 2.0]))
    with pytest.raises(AssertionError, match="derivative 2 of input 0"):
        check_gradients(lambda x: bind(detached, x), leaf([1.0, 2.0]), order=2)


def test_captured_parameters_are_checked_too() -> None:
    weight = leaf([[1.0, 2.0], [3.0, 4.0]])
    x = leaf([[0.5, 0.25]])
    check_gradients(lambda x, _weight: x @ weight, x, weight, order=2)
    with pytest.raises(AssertionError, match="derivative 1 of input 1"):
        check_gradients(lambda x, _weight: x @ weight.detach(), x, weight)


def test_several_outputs_and_inputs_without_gradient_are_taken() -> None:
    table, rows = leaf([1.0, 2.0, 3.0]), rl.tensor([2, 0, 2])
    check_gradients(lambda t, i: [rl.take(t, i).exp(), (t * t).sum(), i], table, rows, order=2)


def test_float32_is_refused() -> None:
    with pytest.raises(rl.UsageError, match=re.escape("checked in float64, not float32")):
        check_gradients(lambda x: x, rl.ones(2, requires_grad=True))
