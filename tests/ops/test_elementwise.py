"""Pointwise ops where they are special: at kinks, ties, zeros, infinities and NaN."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.primitive import PRIMITIVES
from rushlight.ops import mathematics
from rushlight.ops.elementwise import bits_to_uniform
from rushlight.ops.pointwise import Pointwise, Unary
from rushlight.testing.compare import assert_close, assert_identical

INF, NAN = float("inf"), float("nan")
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 100.0, -100.0, 1e30, -1e30, INF, -INF, NAN]
SPECIAL += [0.3, -0.99, 1.5, 2.5, 1e-30]

UNARY = [
    primitive.name
    for primitive in PRIMITIVES.values()
    if isinstance(primitive, Unary) and primitive.differentiable
]
MATHEMATICS = [one for one in vars(mathematics).values() if isinstance(one, Pointwise)]
OF_TWO = ["floor_divide", "remainder", "fmod", "copysign", "logaddexp", "xlogy", "hypot", "atan2"]
OF_INTEGERS = ["neg", "abs", "sign", "square"]

quietly = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def value_and_gradients(
    function: Callable[..., Any], *arrays: Any, dtype: str = "float64"
) -> list[Any]:
    """The value at some numbers, and the gradients there, as arrays."""
    inputs = [rl.tensor(array, dtype=dtype, requires_grad=True) for array in arrays]
    y = function(*inputs)
    y.backward(rl.ones_like(y))
    return [y.numpy(), *(x.grad.numpy() for x in inputs)]


def torch_value_and_gradients(
    torch: Any, function: Callable[..., Any], *arrays: Any, dtype: str = "float64"
) -> list[Any]:
    kind = getattr(torch, dtype)
    inputs = [torch.tensor(array, dtype=kind, requires_grad=True) for array in arrays]
    y = function(*inputs)
    y.backward(torch.ones_like(y))
    return [y.detach().numpy(), *(x.grad.numpy() for x in inputs)]


def assert_same(got: list[Any], wanted: list[Any]) -> None:
    for position, (ours, theirs) in enumerate(zip(got, wanted, strict=True)):
        assert_close(ours, theirs, rtol=1e-12, what=f"result {position}")


@quietly
@pytest.mark.parametrize("name", UNARY)
def test_special_numbers_have_the_values_and_gradients_of_pytorch(name: str, torch: Any) -> None:
    numbers = np.array(SPECIAL)
    if name in ("sin", "cos", "tan"):  # of 1e30 every library has its own opinion
        numbers = numbers[np.abs(numbers) != 1e30]
    if name in ("abs", "sign", "relu"):  # PyTorch gives numbers for NaN, here it stays NaN
        numbers = numbers[~np.isnan(numbers)]
    got = value_and_gradients(lambda x: getattr(x, name)(), numbers)
    theirs = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    assert_same(got, torch_value_and_gradients(torch, theirs, numbers))


@quietly
def test_nan_stays_nan_through_every_op() -> None:
    for name in UNARY:
        assert np.isnan(getattr(rl.tensor(NAN), name)().item())


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_share_the_gradient_as_in_pytorch(name: str, torch: Any) -> None:
    pair = ([1.0, 2.0, 3.0, -INF, INF, -INF, 0.0], [1.0, 3.0, 2.0, 1.0, 1.0, -INF, -0.0])
    got = value_and_gradients(getattr(rl, name), *pair)
    assert_same(got, torch_value_and_gradients(torch, getattr(torch, name), *pair))


def test_nan_wins_every_extreme() -> None:
    for name in ("maximum", "minimum"):
        both = getattr(rl, name)(rl.tensor([NAN, 1.0]), rl.tensor([1.0, NAN]))
        assert np.isnan(both.numpy()).all()


@quietly
def test_powers_have_the_values_and_gradients_of_pytorch(torch: Any) -> None:
    bases = [0.0, 0.0, 0.0, 0.0, 2.0, -2.0, -2.0, 1.0, 4.0, 0.25, 0.0, -0.0]
    exponents = [0.0, 1.0, 2.0, 0.5, 3.0, 2.0, 3.0, 5.0, -0.5, 0.0, -1.0, -1.0]
    got = value_and_gradients(lambda x, y: x**y, bases, exponents)
    wanted = torch_value_and_gradients(torch, lambda x, y: x**y, bases, exponents)
    assert_same(got, wanted)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -1, -2.0])
def test_powers_of_a_python_number(exponent: float, torch: Any) -> None:
    bases = [0.5, 1.0, 2.0, 3.0]
    got = value_and_gradients(lambda x: x**exponent, bases)
    assert_same(got, torch_value_and_gradients(torch, lambda x: x**exponent, bases))
    got = value_and_gradients(lambda x: 2.0**x, bases)
    assert_same(got, torch_value_and_gradients(torch, lambda x: 2.0**x, bases))


@pytest.mark.parametrize("step", [rl.sign, rl.floor, rl.ceil, rl.round, rl.trunc])
@quietly
def test_a_step_passes_no_infinite_gradient_on(step: Callable[..., Any]) -> None:
    x = rl.tensor([0.25], requires_grad=True)
    (step(x) * 0.0).sqrt().sum().backward()
    assert x.grad.tolist() == [0.0]


def test_the_power_0_of_a_number_whose_inverse_is_infinite_has_no_gradient() -> None:
    x = rl.tensor([1e-45, 0.0], requires_grad=True)
    (x ** rl.zeros(2)).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


@quietly
def test_quotients_by_zero_and_infinity_are_those_of_pytorch(torch: Any) -> None:
    above = [1.0, 0.0, -1.0, 1.0, INF]
    below = [0.0, 0.0, 0.0, INF, 2.0]
    got = value_and_gradients(lambda x, y: x / y, above, below)
    assert_same(got, torch_value_and_gradients(torch, lambda x, y: x / y, above, below))


def test_where_lets_no_nan_through_from_the_side_not_chosen() -> None:
    x = rl.tensor([-1.0, 4.0], requires_grad=True)
    y = rl.where(x > 0.0, x, 1.0).sqrt()
    y.sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([1.0, 2.0], [0.0, 0.25])


def test_where_broadcasts_all_three_and_takes_numbers() -> None:
    condition = rl.tensor([[True], [False]])
    y = rl.where(condition, rl.tensor([1.0, 2.0]), 0)
    assert y.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert rl.where(condition, 1, 2).dtype is rl.int64
    assert rl.where(condition, True, False).tolist() == [[True], [False]]
    assert rl.where([True, False], [1.0, 2.0], [3.0, 4.0]).tolist() == [1.0, 4.0]


def test_clip_has_the_values_and_gradients_of_pytorch(torch: Any) -> None:
    numbers = [-INF, -2.0, -0.5, 0.5, 2.0, INF]
    for low, high in ((-1.0, 1.0), (None, 1.0), (-1.0, None)):
        got = value_and_gradients(lambda x, a=low, b=high: x.clip(a, b), numbers)
        wanted = torch_value_and_gradients(torch, lambda x, a=low, b=high: x.clip(a, b), numbers)
        assert_same(got, wanted)
    x = rl.tensor([1, 5])
    assert x.clip(2, 4).tolist() == [2, 4]
    assert x.clip() is x


def test_the_sigmoid_never_overflows_and_reaches_both_ends() -> None:
    x = rl.tensor([-1e30, -100.0, 0.0, 100.0, 1e30])
    assert x.sigmoid().tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("op", MATHEMATICS, ids=str)
def test_what_has_no_number_gives_nan_or_infinity_without_a_warning(op: Pointwise) -> None:
    operands = [rl.tensor(part) for part in np.meshgrid(*[SPECIAL] * len(op.labels))]
    with np.errstate(all="raise"):
        op.function(*operands)


@quietly
@pytest.mark.parametrize("name", OF_TWO)
def test_pairs_have_the_values_of_pytorch_and_its_gradients_where_it_has_one(
    name: str, torch: Any
) -> None:
    pairs = [part.reshape(-1) for part in np.meshgrid(SPECIAL, SPECIAL)]
    theirs = getattr(torch, name)
    if name == "floor_divide":  # the same with a gradient
        theirs = functools.partial(torch.div, rounding_mode="floor")
    got = value_and_gradients(lambda x, y: getattr(x, name)(y), *pairs)
    wanted = torch_value_and_gradients(torch, theirs, *pairs)
    assert_same(got[:1], wanted[:1])
    for ours, others in zip(got[1:], wanted[1:], strict=True):
        assert_close(ours[~np.isnan(others)], others[~np.isnan(others)], rtol=1e-12)
        finite = np.isfinite(pairs).all(axis=0)
        if name in ("hypot", "atan2", "copysign"):
            assert np.isfinite(ours[finite]).all()


def test_round_takes_the_even_one_of_two_equally_near() -> None:
    assert rl.tensor([-1.5, -0.5, 0.5, 1.5, 2.5]).round().tolist() == [-2.0, -0.0, 0.0, 2.0, 2.0]


@pytest.mark.parametrize("dtype", ["int64", "int8", "float64"])
def test_quotients_and_remainders_are_those_of_python(dtype: str) -> None:
    pairs = [(x, y) for x in (-7, -6, -1, 0, 1, 6, 7) for y in (-4, -3, -1, 1, 3, 4)]
    x, y = (rl.tensor(list(part), dtype=dtype) for part in zip(*pairs, strict=True))
    assert (x // y).tolist() == [a // b for a, b in pairs]
    assert (x % y).tolist() == [a % b for a, b in pairs]
    assert (7 // y).tolist() == [7 // b for _, b in pairs]
    assert (x % 4).tolist() == [a % 4 for a, _ in pairs]
    assert x.fmod(y).tolist() == [int(math.fmod(a, b)) for a, b in pairs]


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_an_integer_divided_by_zero_is_zero_and_the_least_by_minus_one_wraps_in_c_too(
    dtype: str,
) -> None:
    limits = np.iinfo(dtype)
    x = rl.tensor(np.array([limits.min, limits.min, limits.max, 5, 0], dtype))
    y = rl.tensor(np.array([0, limits.max if limits.min == 0 else -1, 0, 0, 0], dtype))
    for function in (lambda x, y: x // y, lambda x, y: x % y, lambda x, y: x.fmod(y)):
        eager = function(x, y)
        assert_identical(rl.compile(function)(x, y), eager)
        assert eager.tolist()[1:] == [limits.min if eager.tolist()[1] else 0, 0, 0, 0]
        assert eager.tolist()[0] == 0


def test_lerp_ends_exactly_where_it_says() -> None:
    x, end = rl.tensor([0.1, -3.0, 1e8]), rl.tensor([0.7, 5.0, 1.0])
    assert_identical(x.lerp(end, 0.0), x)
    assert_identical(x.lerp(end, 1.0), end)
    assert_identical(x.lerp(end, rl.tensor([0.0, 1.0, 1.0])), rl.tensor([0.1, 5.0, 1.0]))
    assert rl.lerp(2.0, 4.0, 0.25).item() == 2.5


def test_lerp_has_the_values_and_gradients_of_pytorch(torch: Any) -> None:
    numbers = np.random.default_rng(0).standard_normal((3, 2, 4))
    got = value_and_gradients(lambda x, end, weight: x.lerp(end, weight), *numbers)
    assert_same(got, torch_value_and_gradients(torch, torch.lerp, *numbers))


def test_isclose_is_that_of_numpy() -> None:
    pairs = [part.reshape(-1) for part in np.meshgrid(*[[*SPECIAL, 1.0 + 1e-6, 2e-8]] * 2)]
    x, y = map(rl.tensor, pairs)
    for options in ({}, {"equal_nan": True}, {"rtol": 0.5, "atol": 0.1}):
        assert_identical(x.isclose(y, **options).numpy(), np.isclose(*pairs, **options))
    assert rl.isclose(rl.tensor([0, 255], dtype="uint8"), 1, atol=1.0).tolist() == [True, False]
    assert rl.tensor([1, 2]).allclose([1.0, 2.0])
    assert not rl.tensor([True, False]).allclose([True, True])


@pytest.mark.parametrize("name", [name for name in UNARY if name not in OF_INTEGERS])
def test_integers_and_bools_become_float32_first(name: str) -> None:
    for x in (rl.tensor([1, 2]), rl.tensor([True, True]), rl.tensor([1, 2], dtype="uint8")):
        assert getattr(x, name)().dtype is rl.float32


def test_ops_of_numbers_keep_integers() -> None:
    x, y = rl.tensor([7, -3], dtype="int8"), rl.tensor([2, 2], dtype="int8")
    for z in (x + y, x - y, x * y, -x, x.abs(), x.sign(), x.square(), rl.maximum(x, y), y**y):
        assert z.dtype is rl.int8
    assert (x * y).tolist() == [14, -6]


def test_comparisons_promote_and_give_bools() -> None:
    assert (rl.tensor([1, 2]) < rl.tensor([1.5, 1.5])).tolist() == [True, False]
    assert (rl.tensor([True]) == rl.tensor([1])).tolist() == [True]
    assert (rl.tensor([NAN]) == NAN).tolist() == [False]
    assert (rl.tensor([NAN]) != NAN).tolist() == [True]


def test_gradients_are_summed_back_over_broadcast_axes(torch: Any) -> None:
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 1, 3)), random.standard_normal((4, 1))
    for op in (lambda x, y: x * y, lambda x, y: x / y, lambda x, y: x - y):
        assert_same(value_and_gradients(op, a, b), torch_value_and_gradients(torch, op, a, b))


def test_bits_become_uniform_numbers_exactly() -> None:
    bits = rl.tensor([0, 0xFF, 0x100, 0x80000000, 0xFFFFFFFF], dtype="uint32")
    assert bits_to_uniform(bits).tolist() == [0.0, 0.0, 2.0**-24, 0.5, 1 - 2.0**-24]
