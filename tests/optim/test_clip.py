"""Clipping by the common norm."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.optim import clip_grad_norm, clip_grad_value


def with_gradients(*gradients):
    tensors = []
    for values in gradients:
        w = rl.zeros(len(values), requires_grad=True)
        (w * rl.tensor(values)).sum().backward()
        tensors.append(w)
    return tensors


def test_gradients_are_scaled_together_to_the_norm():
    weights = with_gradients([3.0], [0.0, 4.0])
    norm = clip_grad_norm(weights, 1.0)
    assert norm.item() == 5.0
    np.testing.assert_allclose(weights[0].grad.numpy(), [0.6], rtol=1e-6)
    np.testing.assert_allclose(weights[1].grad.numpy(), [0.0, 0.8], rtol=1e-6)


def test_gradients_of_two_dtypes_are_scaled_together_and_keep_them():
    single, double = (rl.zeros(1, dtype=x, requires_grad=True) for x in ("float32", "float64"))
    weights = [single, double]
    (single * 3.0).sum().backward()
    (double * 4.0).sum().backward()
    assert clip_grad_norm(weights, 1.0).item() == 5.0
    assert [w.grad.dtype for w in weights] == [rl.float32, rl.float64]
    np.testing.assert_allclose([w.grad.item() for w in weights], [0.6, 0.8], rtol=1e-6)


def test_gradients_within_the_norm_stay_as_they_are():
    weights = with_gradients([3.0], [0.0, 4.0])
    assert clip_grad_norm(weights, 6.0).item() == 5.0
    np.testing.assert_array_equal(weights[1].grad.numpy(), [0.0, 4.0])


def test_parameters_without_a_gradient_are_passed_over():
    weights = [*with_gradients([3.0, 4.0]), rl.zeros(2, requires_grad=True)]
    assert clip_grad_norm(iter(weights), 1.0).item() == 5.0
    assert weights[1].grad is None


def test_without_any_gradient_there_is_an_error():
    with pytest.raises(rl.GradientError, match=r"call loss\.backward"):
        clip_grad_norm(nn.Linear(1, 1).parameters(), 1.0)


@pytest.mark.parametrize("max_norm", [-1.0, float("nan"), "1", None])
def test_a_norm_that_is_none_is_refused(max_norm):
    with pytest.raises(rl.UsageError, match="max_norm must be a number of at least 0"):
        clip_grad_norm(with_gradients([1.0]), max_norm)


def test_a_norm_that_is_no_number_is_an_error_where_that_is_wanted():
    weights = with_gradients([1.0], [1.0])
    weights[0].grad = rl.tensor([float("inf")])
    with pytest.raises(rl.GradientError, match="the norm of the gradients is inf"):
        clip_grad_norm(weights, 1.0, error_if_nonfinite=True)
    assert weights[1].grad.item() == 1.0


def test_looking_at_the_norm_is_refused_in_a_trace():
    weights = with_gradients([1.0])
    with pytest.raises(rl.TraceError, match="asks for the value"):
        rl.trace(lambda: clip_grad_norm(weights, 1.0, error_if_nonfinite=True))


@pytest.mark.parametrize("kind", [0.5, "inf", None])
def test_a_kind_of_norm_that_is_none_is_refused(kind):
    with pytest.raises(rl.UsageError, match="norm_type must be a number of at least 1"):
        clip_grad_norm(with_gradients([1.0]), 1.0, kind)


def test_values_are_clipped_each_on_its_own():
    weights = with_gradients([3.0, -0.5], [-4.0])
    clip_grad_value(weights, 1.0)
    assert [w.grad.tolist() for w in weights] == [[1.0, -0.5], [-1.0]]
    with pytest.raises(rl.UsageError, match="value must be a number of at least 0"):
        clip_grad_value(weights, -1.0)


def test_one_tensor_in_place_of_a_list_is_refused():
    with pytest.raises(rl.UsageError, match="one Tensor is no list of parameters"):
        clip_grad_norm(with_gradients([1.0])[0], 1.0)
