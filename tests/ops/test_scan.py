"""Cumulative sums and products, and recurrences: NumPy's bits, PyTorch's gradients."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.gradcheck import check_gradients

ARRAY = np.random.default_rng(0).standard_normal((3, 130, 5)).astype(np.float32)


def loop(factors: Any, terms: Any, axis: int) -> Any:
    """The recurrence, step by step."""
    a, b = np.moveaxis(factors, axis, 0), np.moveaxis(terms, axis, 0)
    rows = [b[0]]
    for i in range(1, len(b)):
        rows.append(a[i] * rows[-1] + b[i])
    return np.moveaxis(np.stack(rows), 0, axis)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_a_scan_has_the_bits_of_numpy_compiled_too(name: str, axis: int) -> None:
    x = rl.tensor(ARRAY)
    wanted = getattr(np, name)(ARRAY, axis)
    scan = rl.compile(lambda x: getattr(x, name)(axis))
    assert_identical(getattr(x, name)(axis).numpy(), wanted)
    assert_identical(scan(x).numpy(), wanted)
    assert scan.fallbacks == []
    turned = np.flip(getattr(np, name)(np.flip(ARRAY, axis), axis), axis)
    assert_identical(getattr(x, name)(axis, reverse=True).numpy(), np.ascontiguousarray(turned))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_recurrence_is_the_loop_along_its_axis(axis: int) -> None:
    factors = np.random.default_rng(1).uniform(-1, 1, ARRAY.shape).astype(np.float32)
    wanted = loop(factors, ARRAY, axis)
    got = rl.recurrence(factors, ARRAY, axis)
    assert_identical(got.numpy(), np.ascontiguousarray(wanted))
    fast = rl.compile(lambda a, b: rl.recurrence(a, b, axis))
    assert_close(fast(rl.tensor(factors), rl.tensor(ARRAY)).numpy(), wanted, rtol=1e-5, atol=1e-5)
    assert fast.fallbacks == []


def test_the_first_factor_of_a_recurrence_is_not_used() -> None:
    terms = rl.tensor([1.0, 2.0, 3.0])
    factors = rl.tensor([float("nan"), 10.0, 10.0])
    assert rl.recurrence(factors, terms, 0).tolist() == [1.0, 12.0, 123.0]
    factors = rl.tensor([10.0, 10.0, float("inf")])
    assert rl.recurrence(factors, terms, 0, reverse=True).tolist() == [321.0, 32.0, 3.0]


def test_the_operands_of_a_recurrence_broadcast_and_become_floats() -> None:
    sums = rl.recurrence(1, rl.ones(2, 3, dtype="int64"), 1)
    assert (sums.dtype, sums.tolist()) == (rl.float32, [[1.0, 2.0, 3.0]] * 2)
    decay = rl.tensor([[0.5], [0.0]], dtype="float64")
    assert rl.recurrence(decay, rl.ones(3), 1).tolist() == [[1.0, 1.5, 1.75], [1.0, 1.0, 1.0]]


ZEROS = [
    [2.0, 3.0, -1.5, 0.5],
    [0.0, 3.0, -1.5, 0.5],
    [2.0, 0.0, -1.5, 0.5],
    [2.0, 3.0, -1.5, 0.0],
    [2.0, 0.0, 0.0, 0.5],
    [0.0, 0.0, 0.0, 0.0],
]


@pytest.mark.parametrize("row", ZEROS, ids=str)
@pytest.mark.parametrize("name", ["cumprod", "prod"])
def test_gradients_of_products_are_pytorch_s_with_zeros_anywhere_twice(
    name: str, row: list[float], torch: Any
) -> None:
    x = rl.tensor([row, row[::-1]], dtype="float64", requires_grad=True)
    t = torch.tensor([row, row[::-1]], dtype=torch.float64, requires_grad=True)
    weights = np.random.default_rng(0).standard_normal((2, 4))
    if name == "prod":
        y, u = x.prod(1, keepdims=True) * weights, t.prod(1, keepdim=True) * torch.tensor(weights)
    else:
        y, u = x.cumprod(1) * weights, t.cumprod(1) * torch.tensor(weights)
    (g,) = rl.gradients_of(y.sum(), [x], create_graph=True)
    (h,) = torch.autograd.grad(u.sum(), [t], create_graph=True)
    assert_close(g.numpy(), h.detach().numpy(), rtol=1e-12, atol=1e-12)
    (g,) = rl.gradients_of((g * weights).sum(), [x])
    (h,) = torch.autograd.grad((h * torch.tensor(weights)).sum(), [t])
    assert_close(g.numpy(), h.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", ZEROS, ids=str)
def test_second_derivatives_of_products_are_what_small_steps_show(row: list[float]) -> None:
    x = rl.tensor([row, row[::-1]], dtype="float64", requires_grad=True)
    check_gradients(lambda x: x.cumprod(1), x, order=2)
    check_gradients(lambda x: (x.prod(0), x.prod()), x, order=2)


def test_integers_and_bools_are_scanned_in_int64() -> None:
    sums = rl.full((3,), 200, dtype="uint8").cumsum(0)
    assert (sums.dtype, sums.tolist()) == (rl.int64, [200, 400, 600])
    assert rl.tensor([True, False, True]).cumsum(0).tolist() == [1, 1, 2]
    assert rl.tensor([2, 3]).cumprod(0).tolist() == [2, 6]


def test_scans_of_nothing_are_nothing() -> None:
    assert rl.zeros(0, 2).cumsum(0).shape == (0, 2)
    x = rl.zeros(2, 0, requires_grad=True)
    x.cumprod(1).sum().backward()
    assert x.grad.shape == (2, 0)


def test_the_bits_of_a_scan_do_not_depend_on_the_number_of_rows() -> None:
    one = rl.compile(lambda x: rl.recurrence(x, x, 1))
    x = rl.tensor(ARRAY[:, :, 0])
    assert_identical(one(x).numpy()[1:2], one(x[1:2]).numpy())


def test_a_scan_takes_an_axis_that_is_there() -> None:
    with pytest.raises(rl.ShapeError, match="axis 2 does not exist"):
        rl.ones(2, 2).cumsum(2)
    with pytest.raises(rl.ShapeError, match="axis 0 does not exist"):
        rl.tensor(1.0).cumprod(0)
    with pytest.raises(rl.DTypeError, match="cast to float32 first"):
        rl.ones(2, dtype="float16").cumsum(0)


def test_rows_of_a_batch_are_scanned_and_sorted_apart() -> None:
    fast = rl.compile(lambda x: x.cumsum(1) + x.argsort(1), max_batch=64)
    x = rl.randn(5, 7)
    assert_close(fast(x).numpy(), (x.cumsum(1) + x.argsort(1)).numpy())
    mixed = rl.compile(lambda x: x.cumsum(0), max_batch=64)
    with pytest.raises(rl.TraceError, match="cumsum mixes the rows of a batch"):
        mixed(x)
