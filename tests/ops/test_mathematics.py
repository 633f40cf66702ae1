"""Functions where digits are easily lost, and their derivatives at the extremes."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_identical
from rushlight.testing.gradcheck import check_gradients

INF = float("inf")
NUMBERS = np.concatenate([np.linspace(-7.0, 28.0, 7001), np.geomspace(1e-300, 1.0, 300)])


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_the_error_function_is_within_a_few_ulps_of_that_of_c(name: str) -> None:
    exact = np.array([getattr(math, name)(x) for x in NUMBERS.tolist()])
    got = getattr(rl.tensor(NUMBERS), name)().numpy()
    usual = np.abs(exact) > 1e-300  # the last digits of the least numbers are lost
    np.testing.assert_array_max_ulp(got[usual], exact[usual], maxulp=7)


@pytest.mark.parametrize(("name", "ulps"), [("erf", 2), ("erfc", 1)])
def test_the_error_function_of_float32_is_within_an_ulp_or_two(name: str, ulps: int) -> None:
    x = np.concatenate([NUMBERS, -NUMBERS]).astype(np.float32)
    exact = np.array([getattr(math, name)(x) for x in x.tolist()])
    got = getattr(rl.tensor(x), name)().numpy()
    np.testing.assert_array_max_ulp(got, exact.astype(np.float32), maxulp=ulps)
    assert got.dtype == np.float32


def test_the_error_function_takes_any_shape() -> None:
    for shape in ((), (0, 3), (2, 3), (3, 20_000)):
        assert rl.zeros(*shape).erf().shape == shape
    assert_identical(rl.tensor([-0.0, 0.0]).erf(), rl.tensor([-0.0, 0.0]))


def test_small_numbers_keep_their_digits() -> None:
    x = rl.tensor([1e-20, -1e-20], dtype="float64")
    for function in (rl.expm1, rl.log1p, rl.sinh, rl.asinh, rl.atanh, rl.tan, rl.asin, rl.atan):
        assert function(x).tolist() == [1e-20, -1e-20]


def test_softplus_and_logaddexp_neither_overflow_nor_lose_small_numbers() -> None:
    x = rl.tensor([-1000.0, -50.0, 0.0, 50.0, 1000.0], dtype="float64")
    log2 = math.log(2.0)
    assert x.softplus().tolist() == [0.0, math.exp(-50.0), log2, 50.0, 1000.0]
    ends = rl.tensor([1000.0, -1000.0, INF, -INF], dtype="float64")
    assert ends.logaddexp(ends).tolist() == [1000.0 + log2, -1000.0 + log2, INF, -INF]


# What is differentiated twice where a guard stands, or where a formula might lose all digits.
TWICE: dict[str, tuple[Callable[..., rl.Tensor], list[list[float]]]] = {
    "softplus": (rl.softplus, [[-30.0, -1.0, 0.0, 1.0, 30.0]]),
    "logaddexp of equals": (rl.logaddexp, [[0.0, 2.0, -3.0], [0.0, 2.0, 5.0]]),
    "xlogy": (rl.xlogy, [[0.0, 0.5, -1.0], [0.5, 2.0, 0.3]]),
    "hypot": (rl.hypot, [[0.0, 3.0, -1.0], [2.0, 0.0, 4.0]]),
    "atan2": (rl.atan2, [[0.0, 3.0, -1.0, 2.0], [2.0, 0.0, -4.0, -1.0]]),
    "erfc": (rl.erfc, [[-2.0, 0.0, 0.46, 0.48, 3.0]]),
    "log1p": (rl.log1p, [[-0.5, 0.0, 3.0]]),
    "expm1": (rl.expm1, [[-3.0, 0.0, 1.0]]),
}


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives_are_right_at_the_edges(name: str) -> None:
    function, numbers = TWICE[name]
    inputs = [rl.tensor(one, dtype="float64", requires_grad=True) for one in numbers]
    check_gradients(function, *inputs, order=2)


def test_a_point_at_the_origin_has_no_gradient_rather_than_nan() -> None:
    for function in (rl.hypot, rl.atan2, rl.xlogy):
        x, y = (rl.zeros(1).requires_grad_() for _ in range(2))
        function(x, y).sum().backward()
        assert (x.grad.tolist(), y.grad.tolist()) == ([0.0], [0.0])


def test_what_does_not_count_gets_no_nan_from_a_logarithm_of_0() -> None:
    x, y = rl.ones(1).requires_grad_(), rl.zeros(1).requires_grad_()
    rl.where(y > 0.0, x.xlogy(y), 0.0).sum().backward()
    assert x.grad.tolist() == [0.0]
