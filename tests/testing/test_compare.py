import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical


def failure(check, *args: object, **kwargs: object) -> str:
    with pytest.raises(AssertionError) as caught:
        check(*args, **kwargs)
    return str(caught.value)


def test_equal_arrays_pass_with_nan_and_infinity() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, 0.0])
    assert_close(values, values.copy())
    assert_identical(values, values.copy())


def test_the_worst_element_is_named_with_its_distance_in_ulps() -> None:
    wanted = np.ones((2, 3), np.float32)
    got = wanted.copy()
    got[0, 1] += 3e-5
    got[1, 2] += 4 * np.spacing(np.float32(1)) + 1e-3
    text = failure(assert_close, got, wanted, what="y")
    assert text.startswith("y: 2 of 6 elements differ, rtol 1.3e-06, atol 1e-05\n  worst at (1, 2)")
    assert text.endswith("8393 ulps")


@pytest.mark.parametrize(
    ("dtype", "fine", "off"),
    [("float32", 1.1e-5, 1.4e-5), ("float64", 1.9e-7, 2.1e-7), ("float16", 5e-4, 3e-3)],
)
def test_the_tolerance_is_that_of_the_dtype(dtype: str, fine: float, off: float) -> None:
    one = rl.tensor([1.0], dtype=dtype)
    assert_close(rl.tensor([1.0 + fine], dtype=dtype), one)
    failure(assert_close, rl.tensor([1.0 + off], dtype=dtype), one)


def test_integers_must_be_equal() -> None:
    assert "got 3, wanted 2, off by 1" in failure(assert_close, np.array([3]), np.array([2]))


def test_an_infinity_is_close_only_to_itself() -> None:
    infinite, big = np.array([np.inf]), np.array([1e308])
    failure(assert_close, big, infinite, rtol=1.0)
    failure(assert_close, infinite, big, rtol=1.0)
    failure(assert_close, -infinite, infinite)


def test_nan_is_not_close_to_a_number() -> None:
    failure(assert_close, np.array([np.nan]), np.array([1.0]))
    failure(assert_close, np.array([1.0]), np.array([np.nan]))


@pytest.mark.parametrize("check", [assert_close, assert_identical])
def test_shapes_and_dtypes_must_agree(check) -> None:
    text = failure(check, np.zeros(2), np.zeros((2, 1)), what="y")
    assert text == "y: shapes differ: got (2,), wanted (2, 1)"
    text = failure(check, np.zeros(2), np.zeros(2, np.float32))
    assert text == "dtypes differ: got float64, wanted float32"


def test_one_bit_is_not_identical() -> None:
    one = np.array([1.0], np.float32)
    assert failure(assert_identical, np.nextafter(one, 2), one).endswith(", 1 ulps")


def test_the_two_zeros_are_close_but_not_identical() -> None:
    assert_close(np.array([0.0]), np.array([-0.0]))
    failure(assert_identical, np.array([0.0]), np.array([-0.0]))


def test_half_tensors_are_compared_by_their_values() -> None:
    x = rl.tensor([1.0, 2.0], dtype="bfloat16")
    assert_identical(x, rl.tensor([1.0, 2.0], dtype="bfloat16"))
    failure(assert_identical, x, rl.tensor([1.0, 2.5], dtype="bfloat16"))
    failure(assert_identical, x, rl.tensor([1.0, 2.0], dtype="float16"))
