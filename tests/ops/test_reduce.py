"""Reductions at ties, infinities and emptiness; softmax and its kin at the extremes."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.gradcheck import check_gradients

INF, NAN = float("inf"), float("nan")
quietly = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ROWS = [
    [1.0, 2.0, 3.0],
    [1e4, -1e4, 0.0],
    [1e30, 1e30, 1.0],
    [-INF, 0.0, 1.0],
    [-INF, -INF, 2.0],
    [88.8, 88.7, -88.0],
    [5.0, 5.0, 5.0],
]


def both(torch: Any, name: str, data: Any, **options: Any) -> tuple[list[Any], list[Any]]:
    """Value and gradient of a weighted sum, ours and PyTorch's."""
    x = rl.tensor(data, dtype="float64", requires_grad=True)
    y = getattr(x, name)(**options)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, y.shape)
    y.backward(rl.tensor(weights))
    options = {"dim" if key == "axis" else key: value for key, value in options.items()}
    options = {"keepdim" if key == "keepdims" else key: value for key, value in options.items()}
    t = torch.tensor(data, dtype=torch.float64, requires_grad=True)
    theirs = {"max": "amax", "min": "amin"}.get(name, name)
    u = getattr(t, theirs)(**options)
    u.backward(torch.tensor(weights))
    return [y.numpy(), x.grad.numpy()], [u.detach().numpy(), t.grad.numpy()]


def assert_same(pair: tuple[list[Any], list[Any]]) -> None:
    for what, got, wanted in zip(("value", "gradient"), *pair, strict=True):
        assert_close(got, wanted, rtol=1e-12, atol=1e-12, what=what)


@quietly
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_extremes_have_the_values_and_gradients_of_pytorch(
    name: str, row: list[float], torch: Any
) -> None:
    assert_same(both(torch, name, [row, row[::-1]], axis=1))


def test_softmax_of_large_numbers_neither_overflows_nor_warns() -> None:
    x = rl.tensor([[1e4, 0.0], [-1e4, 0.0], [1e38, -1e38]])
    assert x.softmax().tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    assert x.logsumexp(1).tolist() == [1e4, 0.0, float(np.float32(1e38))]


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e6, 1e30])
def test_softmax_does_not_depend_on_what_all_scores_have_in_common(shift: float) -> None:
    scores = rl.tensor([[1.0, 1.0, 1.0, 1.0]]) + shift
    assert scores.softmax().tolist() == [[0.25, 0.25, 0.25, 0.25]]
    assert_close(scores.log_softmax().numpy(), np.full((1, 4), np.log(np.float32(0.25))))


def test_softmax_of_nothing_is_nothing() -> None:
    assert rl.zeros(2, 0).log_softmax(1).shape == (2, 0)
    assert rl.zeros(0, 2).softmax(1).shape == (0, 2)


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_ties_share_the_gradient_of_an_extreme_as_in_pytorch(
    name: str, keepdims: bool, torch: Any
) -> None:
    data = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [-INF, 0.0, INF], [-INF, -INF, -INF]]
    for axis in (0, 1):
        assert_same(both(torch, name, data, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp"])
@pytest.mark.parametrize("axis", [0, -1, (0, 2), (1,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_any_axes_are_reduced_as_numpy_does(name: str, axis: Any, keepdims: bool) -> None:
    array = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    got = getattr(rl.tensor(array), name)(axis, keepdims)
    if name == "logsumexp":
        wanted = np.log(np.exp(array).sum(axis, keepdims=keepdims))
    else:
        wanted = getattr(array, name)(axis=axis, keepdims=keepdims)
    assert_close(got.numpy(), np.asarray(wanted), rtol=1e-5)


def test_no_axes_reduce_nothing_and_none_reduces_all() -> None:
    x = rl.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(()).tolist() == x.tolist()
    assert (x.sum().item(), x.sum(None, keepdims=True).shape) == (10.0, (1, 1))
    assert rl.tensor(3.0).sum().item() == 3.0


def test_integers_and_bools_are_summed_in_int64() -> None:
    assert rl.full((300,), 200, dtype="uint8").sum().item() == 60_000
    total = rl.tensor([True, False, True]).sum()
    assert (total.dtype, total.item()) == (rl.int64, 2)
    mean = rl.tensor([1, 2]).mean()
    assert (mean.dtype, mean.item()) == (rl.float32, 1.5)
    assert rl.tensor([3, 1]).max().dtype is rl.int64


def test_reductions_of_no_elements() -> None:
    empty = rl.zeros(0, 3)
    assert empty.sum(0).tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(empty.mean(0).numpy()).all()
    assert np.isnan(empty.var(0).numpy()).all()
    assert empty.logsumexp(0).tolist() == [-INF, -INF, -INF]
    assert empty.max(1).shape == (0,)
    assert empty.argmax(1).shape == (0,)


def test_nan_is_the_extreme_and_the_sum_of_what_holds_it() -> None:
    x = rl.tensor([1.0, NAN, 2.0])
    for name in ("sum", "mean", "max", "min", "logsumexp"):
        assert np.isnan(getattr(x, name)().item())
    assert x.argmax().item() == 1


def test_argmax_and_argmin_give_the_first_of_equals() -> None:
    x = rl.tensor([[1.0, 5.0, 5.0], [0.0, 0.0, -1.0]])
    assert x.argmax(1).tolist() == [1, 0]
    assert x.argmin(0).tolist() == [1, 1, 1]
    assert (x.argmax().item(), x.argmin().item()) == (1, 5)
    assert x.argmax(1, keepdims=True).shape == (2, 1)
    assert rl.tensor([False, True]).argmax().item() == 1


@pytest.mark.parametrize("correction", [0, 1])
def test_the_variance_is_that_of_pytorch(correction: int, torch: Any) -> None:
    data = np.random.default_rng(0).standard_normal((3, 4))
    x = rl.tensor(data, requires_grad=True)
    t = torch.tensor(data, requires_grad=True)
    y, u = x.var(1, correction=correction), t.var(1, correction=correction)
    y.sum().backward()
    u.sum().backward()
    assert_close(y.numpy(), u.detach().numpy())
    assert_close(x.grad.numpy(), t.grad.numpy())


def test_the_mean_of_many_numbers_is_exact_enough() -> None:
    x = rl.full((1_000_000,), 0.1)
    assert x.mean().item() == pytest.approx(0.1, rel=1e-6)


NORMED = [[3.0, -4.0, 0.5], [0.0, -2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 1.0, -1.0]]


@pytest.mark.parametrize("axis", [None, 1, (0, 1)], ids=str)
@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, 2.5, -1, INF, -INF])
def test_norms_and_their_gradients_are_pytorch_s_at_zero_too(
    p: float, axis: Any, torch: Any
) -> None:
    x = rl.tensor(NORMED, dtype="float64", requires_grad=True)
    t = torch.tensor(NORMED, dtype=torch.float64, requires_grad=True)
    y, u = x.norm(p, axis), torch.linalg.vector_norm(t, p, dim=axis)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, y.shape)
    y.backward(rl.tensor(weights))
    u.backward(torch.tensor(weights))
    wanted = np.zeros((4, 3)) if p == 0 else t.grad.numpy()  # PyTorch leaves it out
    assert_same(([y.numpy(), x.grad.numpy()], [u.detach().numpy(), wanted]))


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_deviation_is_pytorch_s(axis: Any, correction: int, torch: Any) -> None:
    data = [[1.0, 2.0, 4.0], [1.0, 1.0, -3.0]]
    x = rl.tensor(data, dtype="float64", requires_grad=True)
    t = torch.tensor(data, dtype=torch.float64, requires_grad=True)
    y, u = x.std(axis, correction=correction), t.std(dim=axis, correction=correction)
    (y * y * y).sum().backward()
    (u * u * u).sum().backward()
    assert_same(([y.numpy(), x.grad.numpy()], [u.detach().numpy(), t.grad.numpy()]))


def test_the_gradient_of_no_deviation_is_0() -> None:
    x = rl.ones(3, requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(rl.ones(1).std(correction=1).item())


def test_norms_are_differentiated_twice_and_compiled() -> None:
    x = rl.tensor([[0.5, -1.5, 2.0], [0.3, 0.2, -0.9]], dtype="float64", requires_grad=True)
    check_gradients(lambda x: (x.norm(2, 1), x.norm(3), x.std(0)), x, order=2)
    fast = rl.compile(rl.value_and_grad(lambda x: x.norm() + x.norm(3, 0).sum() + x.std()))
    value, gradient = rl.value_and_grad(lambda x: x.norm() + x.norm(3, 0).sum() + x.std())(x)
    for one, other in zip(fast(x), (value, gradient), strict=True):
        assert_close(one.numpy(), other.numpy(), rtol=1e-12)
    assert fast.fallbacks == []


def test_a_norm_has_a_number_as_its_order() -> None:
    with pytest.raises(rl.UsageError, match="the order of a norm is a number, not 'fro'"):
        rl.ones(2).norm("fro")


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_products_are_numpy_s(axis: Any, keepdims: bool) -> None:
    array = np.random.default_rng(0).uniform(-2, 2, (2, 3, 4)).astype(np.float32)
    wanted = np.asarray(array.prod(axis, keepdims=keepdims))
    assert_close(rl.tensor(array).prod(axis, keepdims).numpy(), wanted, rtol=1e-5)
    assert rl.tensor([[2, 3]], dtype="uint8").prod().dtype is rl.int64
    assert rl.zeros(0).prod().item() == 1.0


def test_all_and_any_ask_for_truth_and_know_what_nothing_is() -> None:
    x = rl.tensor([[1.0, 0.0], [NAN, 2.0]])
    assert (x.all(1).tolist(), x.any(0).tolist()) == ([False, True], [True, True])
    assert (x.all().tolist(), x.any().tolist()) == (False, True)
    assert rl.tensor([0, 3]).any(0, keepdims=True).tolist() == [True]
    empty = rl.zeros(0, 2)
    assert (empty.all(0).tolist(), empty.any(0).tolist()) == ([True, True], [False, False])


@pytest.mark.parametrize("shape", [(3, 5000), (5000, 3), (40, 7, 60)])
def test_all_and_any_of_many_are_the_same_in_c(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random(shape) < 0.5
    x[0] = True
    x[1] = False
    for axis in (None, 0, -1):
        for name in ("all", "any"):
            function = rl.compile(lambda x, name=name, axis=axis: getattr(x, name)(axis))
            wanted = getattr(np, name)(x, axis)
            assert_identical(function(rl.tensor(x)).numpy(), np.asarray(wanted))
