"""Pooling of signals and volumes, against PyTorch."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close

F = rl.nn.functional

# shape, kernel, stride, padding, dilation, ceil_mode
CONFIGS: list[tuple[Any, ...]] = [
    ((2, 3, 9), 2, None, 0, 1, False),
    ((2, 3, 9), 2, None, 0, 1, True),
    ((2, 3, 9), 3, 2, 1, 1, True),
    ((2, 3, 9), 3, 1, 1, 1, False),
    ((2, 3, 9), 2, 5, 1, 1, True),
    ((2, 3, 9), 3, 2, 1, 3, False),
    ((2, 3, 9), 9, None, 0, 1, False),
    ((2, 3, 9), 1, 2, 0, 1, False),
    ((0, 3, 9), 2, None, 0, 1, False),
    ((1, 1, 1), 3, 1, 1, 1, False),
    ((1, 2, 300), 290, 1, 100, 1, False),  # more places in a window than a byte counts
    ((2, 3, 4, 5, 6), 2, None, 0, 1, False),
    ((2, 3, 4, 5, 6), 2, None, 0, 1, True),
    ((2, 3, 4, 5, 6), (3, 2, 1), (1, 2, 3), (1, 1, 0), 1, True),
    ((2, 3, 4, 5, 6), 3, 1, 1, 1, False),
    ((2, 3, 4, 5, 6), (1, 2, 2), 1, 0, (1, 3, 2), False),
    ((2, 3, 4, 5, 6), (4, 5, 6), None, 0, 1, False),
    ((0, 3, 4, 5, 6), 2, None, 0, 1, False),
]


def named(config: tuple[Any, ...]) -> str:
    return " ".join(map(str, config)).replace(", ", ",")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")


def compare(torch: Any, name: str, array: np.ndarray, *options: Any) -> None:
    x, theirs = rl.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    y = getattr(F, name)(x, *options)
    wanted = getattr(torch.nn.functional, name)(theirs, *options)
    assert_close(y, wanted.detach().numpy(), rtol=1e-12, atol=1e-12)
    g = np.random.default_rng(1).standard_normal(y.shape)
    (gradient,) = rl.gradients_of(y, [x], [rl.tensor(g)])
    (other,) = torch.autograd.grad(wanted, [theirs], torch.tensor(g))
    assert_close(gradient, other.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_maxima_and_gradients_are_those_of_pytorch(config: tuple[Any, ...], torch: Any) -> None:
    shape, *options = config
    random = np.random.default_rng(len(named(config)))
    few = random.integers(-2, 3, shape).astype(np.float64)  # with many that are equal
    for array in (few, random.standard_normal(shape)):
        compare(torch, f"max_pool{len(shape) - 2}d", array, *options)


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("config", [c for c in CONFIGS if c[4] == 1], ids=named)
def test_means_and_gradients_are_those_of_pytorch(
    config: tuple[Any, ...], include: bool, torch: Any
) -> None:
    shape, kernel, stride, padding, _, ceil_mode = config
    array = np.random.default_rng(len(named(config))).standard_normal(shape)
    options = (kernel, stride, padding, ceil_mode, include)
    compare(torch, f"avg_pool{len(shape) - 2}d", array, *options)


def test_the_first_nan_of_a_volume_wins_and_gets_the_gradient() -> None:
    values = np.zeros((1, 1, 2, 2, 2))
    values[0, 0, 0, 1, 1] = values[0, 0, 1, 0, 0] = np.nan
    x = rl.tensor(values, requires_grad=True)
    y = F.max_pool3d(x, 2)
    (gradient,) = rl.gradients_of(y, [x], [rl.ones(1, 1, 1, 1, 1, dtype="float64")])
    assert np.isnan(y.numpy()).all()
    assert np.argwhere(gradient.numpy()).tolist() == [[0, 0, 0, 1, 1]]


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8"])
def test_integers_have_largest_ones_and_means_that_are_floats(dtype: str) -> None:
    x = rl.tensor(np.arange(8).astype(dtype).reshape(1, 1, 8))
    largest, mean = F.max_pool1d(x, 3), F.avg_pool1d(x, 4)
    assert largest.dtype is x.dtype
    assert largest.tolist() == [[[2, 5]]]
    assert mean.dtype is rl.float32
    assert mean.tolist() == [[[1.5, 5.5]]]


def t(*shape: int, dtype: str = "float32") -> rl.Tensor:
    return rl.zeros(*shape, dtype=dtype)


# function, x, options, the fact, the hint
MISTAKES: list[tuple[str, rl.Tensor, dict[str, Any], str, str | None]] = [
    (
        "max_pool1d",
        t(3, 8),
        {"kernel": 2},
        "x has 2 axes, not the 3 (batch, channels, length)",
        "x.unsqueeze(0) is a batch of one: (1, 3, 8)",
    ),
    (
        "avg_pool1d",
        t(8),
        {"kernel": 2},
        "x has 1 axes, not the 3 (batch, channels, length)",
        "x.reshape(1, 1, *x.shape) is one signal of one channel",
    ),
    (
        "avg_pool3d",
        t(8, 8, 8),
        {"kernel": 2},
        "x has 3 axes, not the 5 (batch, channels, depth, height, width)",
        "x.reshape(1, 1, *x.shape) is one volume of one channel",
    ),
    (
        "max_pool1d",
        t(1, 3, 4),
        {"kernel": 5},
        "a window of 5 does not fit the length of 4 with padding 0",
        "a kernel length of 4 is the most that fits",
    ),
    (
        "avg_pool3d",
        t(1, 3, 2, 8, 8),
        {"kernel": 3},
        "a window of 3 does not fit the depth of 2 with padding 0",
        "a kernel depth of 2 is the most that fits",
    ),
    (
        "max_pool3d",
        t(1, 3, 4, 8, 8),
        {"kernel": 2, "padding": (0, 1, 2)},
        "padding 2 is more than half of the kernel's width of 2",
        "padding=1 is the most that it can be",
    ),
    (
        "max_pool1d",
        t(1, 1, 2),
        {"kernel": 2, "dilation": 3, "padding": 1, "stride": 1},
        "all that window 0 along the length sees is padding",
        "less padding or dilation",
    ),
    ("avg_pool1d", t(1, 1, 0), {"kernel": 2}, "there is nothing to pool: the length is 0", None),
    ("max_pool1d", t(1, 1, 6), {"kernel": (2, 2)}, "kernel takes one int, not (2, 2)", None),
    (
        "avg_pool3d",
        t(1, 1, 6, 6, 6),
        {"kernel": 2, "stride": (1, 1)},
        "stride takes one int or three, not (1, 1)",
        None,
    ),
    (
        "max_pool3d",
        t(1, 1, 6, 6, 6, dtype="bool"),
        {"kernel": 2},
        "does not take bool",
        "cast to float32 first",
    ),
    (
        "avg_pool1d",
        t(1, 1, 6, dtype="float16"),
        {"kernel": 2},
        "does not take float16",
        "cast to float32 first",
    ),
]


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: f"{row[0]} {row[3]}")
def test_a_mistake_is_explained_by_fact_operand_place_and_hint(row: tuple[Any, ...]) -> None:
    name, x, options, fact, hint = row
    pool = getattr(F, name)
    for call in (lambda x: pool(x, **options), rl.compile(lambda x: pool(x, **options))):
        with pytest.raises(rl.RushlightError) as caught:
            call(x)
        assert caught.value.hint == hint
        assert str(caught.value).splitlines()[:2] == [f"{name}: {fact}", f"  x  {x.spec}"]
        assert caught.value.source.startswith("test_pool_ranks.py:")
