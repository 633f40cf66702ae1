"""Bits of integers, shifts at their limits, and the operators that bools and integers share."""

import operator

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.dtypes import DTYPES, DType
from rushlight.testing.compare import assert_identical

INTEGERS = [dtype for dtype in DTYPES if dtype.kind in ("int", "uint")]


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_an_operator_is_logical_between_bools_and_bitwise_between_integers(name: str) -> None:
    op = getattr(operator, name)
    for kind in (bool, np.int64, np.uint8):
        a, b = (
            part.reshape(-1) for part in np.meshgrid(*[np.arange(2 if kind is bool else 5)] * 2)
        )
        x, y = a.astype(kind), b.astype(kind)
        assert_identical(op(rl.tensor(x), rl.tensor(y)).numpy(), op(x, y))
    logical = rl.trace(op, rl.tensor([True]), rl.tensor([False])).nodes[0].primitive
    assert logical.name == f"logical_{name.strip('_')}"


def test_a_number_beside_a_tensor_takes_its_dtype() -> None:
    x = rl.tensor([12, 10], dtype="uint8")
    for y in (x & 6, 6 & x, x | 1, 1 | x, x ^ 255, 255 ^ x, x << 1, x >> 1, ~x):
        assert y.dtype is rl.uint8
    assert (6 & x).tolist() == [4, 2]
    assert (1 << x).tolist() == [0, 0]
    assert (255 ^ x).tolist() == (~x).tolist() == [243, 245]
    mask = rl.tensor([True, False])
    assert (mask & True).tolist() == (True & mask).tolist() == [True, False]
    assert (mask & 3).tolist() == [1, 0]
    assert (~mask).tolist() == [False, True]
    assert (x & np.array([4, 8], np.uint8)).tolist() == [4, 8]


def test_floats_have_no_bits() -> None:
    x = rl.ones(2)
    for use in (lambda: x & 1, lambda: 1 | x, lambda: ~x, lambda: x << 1, lambda: x ^ x):
        with pytest.raises(rl.DTypeError, match="does not take float32, only int and uint"):
            use()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_shifts_by_less_than_nothing_or_more_than_all_bits_are_those_of_numpy_in_c_too(
    dtype: DType,
) -> None:
    limits = np.iinfo(dtype.storage)
    width = 8 * dtype.itemsize
    numbers = np.array([limits.min, limits.min + 1, 0, 1, 5, limits.max], dtype.storage)
    places = [-width, -1, 0, 1, width - 1, width, width + 1, 100, limits.max]
    fitting = [y for y in places if limits.min <= y <= limits.max]
    a, b = np.meshgrid(numbers, np.array(fitting, dtype.storage))
    for op in (operator.lshift, operator.rshift):
        wanted = op(a, b)
        assert_identical(op(rl.tensor(a), rl.tensor(b)).numpy(), wanted)
        assert_identical(rl.compile(op)(rl.tensor(a), rl.tensor(b)).numpy(), wanted)
