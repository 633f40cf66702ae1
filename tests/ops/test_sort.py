"""Orders against NumPy's and PyTorch's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical

INF, NAN = float("inf"), float("nan")
ODD = [3.0, NAN, -0.0, 0.0, INF, -INF, 3.0, NAN, -1.0, 0.0]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_values_and_positions_are_pytorch_s_compiled_too(
    dtype: str, descending: bool, axis: int, torch: Any
) -> None:
    array = np.random.default_rng(0).integers(0, 20, (4, 70)).astype(dtype)
    wanted = torch.tensor(array).sort(dim=axis, descending=descending, stable=True)
    fast = rl.compile(lambda x: x.sort(axis, descending))
    for got in (rl.tensor(array).sort(axis, descending), fast(rl.tensor(array))):
        for one, other in zip(got, wanted, strict=True):
            assert_identical(one.numpy(), other.numpy())
    assert fast.fallbacks == []


@pytest.mark.parametrize("descending", [False, True])
def test_nan_is_the_largest_and_zeros_are_equal(descending: bool, torch: Any) -> None:
    wanted = torch.tensor(ODD).sort(descending=descending, stable=True)
    fast = rl.compile(lambda x: x.sort(descending=descending))
    for values, order in (rl.tensor(ODD).sort(descending=descending), fast(rl.tensor(ODD))):
        assert_identical(order.numpy(), wanted.indices.numpy())
        assert_identical(values.numpy(), wanted.values.numpy())
    if not descending:
        assert_identical(order.numpy(), np.argsort(np.float32(ODD), kind="stable"))


@given(st.lists(st.integers(-3, 3), max_size=40), st.booleans())
def test_equals_keep_their_order(numbers: list[int], descending: bool) -> None:
    x = rl.tensor(numbers, dtype="int64")
    sign = -1 if descending else 1
    wanted = sorted(range(len(numbers)), key=lambda i: sign * numbers[i])
    assert x.argsort(descending=descending).tolist() == wanted


def test_the_gradient_goes_back_to_where_elements_came_from() -> None:
    x = rl.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
    values, _ = x.sort()
    (values * rl.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert x.grad.tolist() == [[30.0, 10.0, 20.0]]


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("k", [0, 1, 3, 5])
def test_the_largest_are_those_of_pytorch(k: int, axis: int, largest: bool, torch: Any) -> None:
    array = np.random.default_rng(0).permutation(35).reshape(5, 7).astype(np.float32)
    x = rl.tensor(array, requires_grad=True)
    t = torch.tensor(array, requires_grad=True)
    got, wanted = x.topk(k, axis, largest), t.topk(k, axis, largest)
    for one, other in zip(got, wanted, strict=True):
        assert_identical(one.numpy(), other.detach().numpy())
    got[0].exp().sum().backward()
    wanted[0].exp().sum().backward()
    assert_close(x.grad.numpy(), t.grad.numpy())


def test_more_than_there_are_are_not_to_be_had() -> None:
    with pytest.raises(rl.ShapeError, match="4 elements are not to be had of an axis of 3"):
        rl.ones(3).topk(4)
    with pytest.raises(rl.ShapeError, match="-1 elements"):
        rl.ones(3).topk(-1)
    with pytest.raises(rl.ShapeError, match="there are no axes"):
        rl.tensor(1.0).sort()
    with pytest.raises(rl.DTypeError, match="cast to float32 first"):
        rl.ones(3, dtype="bfloat16").argsort()


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_medians_and_quantiles_are_pytorch_s(axis: Any, keepdims: bool, torch: Any) -> None:
    array = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    array[1, 2] = NAN
    x, t = rl.tensor(array), torch.tensor(array)
    for q in (0.0, 0.1, 0.5, np.float64(0.75), 1):
        wanted = torch.quantile(t, float(q), dim=axis, keepdim=keepdims).numpy()
        assert_close(x.quantile(q, axis, keepdims).numpy(), wanted, rtol=1e-6)
    if axis is not None:
        wanted = t.median(axis, keepdim=keepdims).values.numpy()
        assert_identical(x.median(axis, keepdims).numpy(), wanted)
    elif not keepdims:
        assert_identical(x.median().numpy(), t.median().numpy())
        assert x[0].median().item() == t[0].median().item()


def test_a_share_lies_between_0_and_1() -> None:
    with pytest.raises(rl.UsageError, match=r"a share is a number from 0 to 1, not 1\.5"):
        rl.ones(3).quantile(1.5)
    with pytest.raises(rl.ShapeError, match="no middle of no elements"):
        rl.zeros(0).median()
