"""Pooling and its derivatives, against the definition, against PyTorch and by small steps."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.ops.pool import avg_pool2d, max_pool2d
from rushlight.ops.pooling import max_pool2d_p, sum_pool2d_p, sum_unpool2d_p
from rushlight.testing.compare import assert_close
from rushlight.testing.gradcheck import check_gradients

# input, kernel, stride, padding, dilation, ceil_mode
MAX_CONFIGS: list[tuple[Any, ...]] = [
    ((2, 3, 8, 8), 2, None, 0, 1, False),
    ((2, 3, 9, 7), 2, None, 0, 1, False),
    ((2, 3, 9, 7), 2, None, 0, 1, True),
    ((2, 3, 9, 7), 2, None, 1, 1, False),
    ((2, 3, 9, 7), 2, None, 1, 1, True),
    ((2, 3, 9, 9), 3, None, 0, 1, False),
    ((2, 3, 9, 9), 3, 1, 1, 1, False),
    ((2, 3, 9, 9), 3, 2, 1, 1, False),
    ((2, 3, 9, 9), 3, 2, 1, 1, True),
    ((2, 3, 10, 10), 3, 2, 0, 1, True),
    ((2, 3, 10, 10), 3, 2, 0, 1, False),
    ((2, 3, 9, 9), 2, 3, 0, 1, False),  # windows with gaps between them
    ((2, 3, 9, 9), 2, 3, 1, 1, True),
    ((2, 3, 9, 9), 2, 5, 0, 1, True),
    ((2, 3, 9, 9), 1, None, 0, 1, False),
    ((2, 3, 9, 9), 1, 2, 0, 1, False),
    ((2, 3, 9, 9), 1, 4, 0, 1, True),
    ((2, 3, 9, 9), 9, None, 0, 1, False),
    ((2, 3, 9, 9), 9, 1, 4, 1, False),
    ((2, 3, 5, 8), (5, 8), None, 0, 1, False),
    ((2, 3, 5, 8), (2, 3), None, 0, 1, False),
    ((2, 3, 5, 8), (2, 3), None, 0, 1, True),
    ((2, 3, 5, 8), (2, 3), (1, 2), (1, 0), 1, False),
    ((2, 3, 5, 8), (1, 3), (2, 1), (0, 1), 1, True),
    ((2, 3, 5, 8), (4, 1), (3, 3), (2, 0), 1, False),
    ((2, 3, 5, 8), (4, 1), (3, 3), (2, 0), 1, True),
    ((2, 3, 8, 8), 2, 1, 0, 2, False),
    ((2, 3, 8, 8), 2, 2, 1, 3, False),
    ((2, 3, 8, 8), 2, 3, 1, 3, True),
    ((2, 3, 8, 8), 3, 2, 1, 2, False),
    ((2, 3, 8, 8), 5, 3, 2, 2, True),
    ((2, 3, 8, 9), (2, 3), (3, 1), (1, 1), (4, 2), True),
    ((1, 1, 1, 1), 1, None, 0, 1, False),
    ((1, 1, 1, 1), 2, None, 1, 1, False),
    ((1, 1, 1, 1), 3, 1, 1, 1, False),
    ((1, 1, 1, 1), 2, 2, 1, 1, True),
    ((4, 1, 1, 7), (1, 2), None, 0, 1, True),
    ((4, 1, 7, 1), (3, 1), (2, 1), (1, 0), 1, False),
    ((0, 3, 6, 6), 2, None, 0, 1, False),
    ((0, 3, 6, 6), 3, 2, 1, 1, True),
    ((3, 2, 2, 2), 3, 2, 0, 1, True),  # only the last window, and only part of it
    ((1, 2, 20, 20), 18, 1, 9, 1, False),  # more places in a window than a byte counts
    ((5, 4, 12, 12), 2, None, 0, 1, False),
]
# input, kernel, stride, padding, ceil_mode, count_include_pad
AVG_CONFIGS: list[tuple[Any, ...]] = [
    (shape, kernel, stride, padding, ceil_mode, include)
    for shape, kernel, stride, padding, dilation, ceil_mode in MAX_CONFIGS
    if dilation == 1
    for include in ((True, False) if padding else (True,))
]


def named(config: tuple[Any, ...]) -> str:
    return " ".join(map(str, config)).replace(", ", ",")


def normal(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape).astype(dtype)


def with_ties(shape: tuple[int, ...]) -> np.ndarray:
    """Return small whole numbers: most windows have several that are largest."""
    return np.random.default_rng(sum(shape)).integers(-2, 1, shape).astype(np.float64)


def leaf(array: np.ndarray) -> rl.Tensor:
    return rl.tensor(array, requires_grad=True)


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")


def torch_max(torch: Any, x: Any, config: tuple[Any, ...]) -> Any:
    return torch.nn.functional.max_pool2d(x, *config[1:], return_indices=True)


@pytest.mark.parametrize("fill", [normal, with_ties])
@pytest.mark.parametrize("config", MAX_CONFIGS, ids=named)
def test_maxima_positions_and_gradients_are_those_of_pytorch(
    config: tuple[Any, ...], fill: Callable[..., np.ndarray], torch: Any
) -> None:
    x = fill(config[0])
    ours, theirs = leaf(x), torch.tensor(x, requires_grad=True)
    values, indices = max_pool2d(ours, *config[1:], return_indices=True)
    values_wanted, indices_wanted = torch_max(torch, theirs, config)
    np.testing.assert_array_equal(values.numpy(), values_wanted.detach().numpy())
    np.testing.assert_array_equal(indices.numpy(), indices_wanted.numpy())
    g = normal(values.shape)
    (wanted,) = torch.autograd.grad(values_wanted, theirs, torch.tensor(g))
    (got,) = rl.gradients_of(values, [ours], [rl.tensor(g)])
    assert_close(got, wanted.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("config", AVG_CONFIGS, ids=named)
def test_means_and_gradients_are_those_of_pytorch(config: tuple[Any, ...], torch: Any) -> None:
    x = normal(config[0])
    ours, theirs = leaf(x), torch.tensor(x, requires_grad=True)
    got = avg_pool2d(ours, *config[1:])
    wanted = torch.nn.functional.avg_pool2d(theirs, *config[1:])
    assert_close(got, wanted.detach().numpy(), rtol=1e-13, atol=1e-13)
    g = normal(got.shape)
    (slope,) = torch.autograd.grad(wanted, theirs, torch.tensor(g))
    assert_close(rl.gradients_of(got, [ours], [rl.tensor(g)])[0], slope.numpy(), rtol=1e-12)


@pytest.mark.parametrize("config", [c for c in MAX_CONFIGS if 0 not in c[0]][::3], ids=named)
def test_second_derivatives_of_maxima_are_those_of_pytorch(
    config: tuple[Any, ...], torch: Any
) -> None:
    x = normal(config[0])
    ours, theirs = leaf(x), torch.tensor(x, requires_grad=True)
    g = normal(max_pool2d(ours, *config[1:]).shape)
    seed, torch_seed = leaf(g), torch.tensor(g, requires_grad=True)
    (first,) = rl.gradients_of(max_pool2d(ours, *config[1:]), [ours], [seed], create_graph=True)
    values, _ = torch_max(torch, theirs, config)
    (wanted,) = torch.autograd.grad(values, theirs, torch_seed, create_graph=True)
    (second,) = rl.gradients_of((first**3).sum(), [seed])
    (second_wanted,) = torch.autograd.grad((wanted**3).sum(), torch_seed)
    assert_close(second, second_wanted.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("config", [c for c in AVG_CONFIGS if 0 not in c[0]][::4], ids=named)
def test_second_derivatives_of_means_are_those_of_pytorch(
    config: tuple[Any, ...], torch: Any
) -> None:
    x = normal(config[0])
    ours, theirs = leaf(x), torch.tensor(x, requires_grad=True)
    y = (avg_pool2d(ours, *config[1:]) ** 3).sum()
    (first,) = rl.gradients_of(y, [ours], create_graph=True)
    (second,) = rl.gradients_of((first**2).sum(), [ours])
    y = (torch.nn.functional.avg_pool2d(theirs, *config[1:]) ** 3).sum()
    (wanted,) = torch.autograd.grad(y, theirs, create_graph=True)
    (second_wanted,) = torch.autograd.grad((wanted**2).sum(), theirs)
    assert_close(second, second_wanted.numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("config", [c for c in MAX_CONFIGS if c[0][0] < 3][::5], ids=named)
def test_the_maximum_is_the_first_largest_that_a_plain_search_finds(
    config: tuple[Any, ...],
) -> None:
    x = with_ties(config[0])
    values, indices = max_pool2d(rl.tensor(x), *config[1:], return_indices=True)
    kernel, stride, padding, dilation = (
        value if isinstance(value, tuple) else (value, value)
        for value in (config[1], config[2] or config[1], *config[3:5])
    )
    for n, c, row, column in np.ndindex(values.shape):
        top, left = row * stride[0] - padding[0], column * stride[1] - padding[1]
        seen = [
            (i, j)
            for i in range(top, top + kernel[0] * dilation[0], dilation[0])
            for j in range(left, left + kernel[1] * dilation[1], dilation[1])
            if 0 <= i < x.shape[2] and 0 <= j < x.shape[3]
        ]
        best = max(seen, key=lambda place: x[n, c, *place])  # the first of equals
        assert values.numpy()[n, c, row, column] == x[n, c, *best]
        assert indices.numpy()[n, c, row, column] == best[0] * x.shape[3] + best[1]


@pytest.mark.parametrize("config", MAX_CONFIGS[2::8], ids=named)
def test_the_gradient_of_maxima_is_what_small_steps_show(config: tuple[Any, ...]) -> None:
    count = int(np.prod(config[0]))
    apart = np.random.default_rng(0).permutation(count).reshape(config[0]) / count
    check_gradients(lambda x: max_pool2d(x, *config[1:]), leaf(apart))


@pytest.mark.parametrize("config", AVG_CONFIGS[1::9], ids=named)
def test_the_gradient_of_means_is_what_small_steps_show(config: tuple[Any, ...]) -> None:
    check_gradients(lambda x: avg_pool2d(x, *config[1:]), leaf(normal(config[0])), order=2)


def test_a_nan_wins_and_the_first_of_them_gets_the_gradient() -> None:
    x = np.arange(18.0).reshape(1, 2, 3, 3)
    x[0, 0, 1, 1] = x[0, 0, 2, 1] = np.nan
    ours = leaf(x)
    values, indices = max_pool2d(ours, 2, 1, return_indices=True)
    np.testing.assert_array_equal(
        values.numpy(), [[[[np.nan, np.nan], [np.nan, np.nan]], [[13, 14], [16, 17]]]]
    )
    np.testing.assert_array_equal(indices.numpy(), [[[[4, 4], [4, 4]], [[4, 5], [7, 8]]]])
    values.sum().backward()
    np.testing.assert_array_equal(
        ours.grad.numpy(), [[[[0, 0, 0], [0, 4, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]]]]
    )


def test_where_all_is_minus_infinity_the_first_element_that_is_not_padding_wins() -> None:
    x = leaf(np.full((1, 1, 2, 2), -np.inf))
    values, indices = max_pool2d(x, 2, 1, 1, return_indices=True)
    np.testing.assert_array_equal(values.numpy(), np.full((1, 1, 3, 3), -np.inf))
    np.testing.assert_array_equal(indices.numpy(), [[[[0, 0, 1], [0, 0, 1], [2, 2, 3]]]])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint16", "float32"])
def test_maxima_of_any_numbers(dtype: str) -> None:
    low = np.iinfo(dtype).min if dtype != "float32" else -3.0
    x = np.full((1, 1, 3, 3), low, dtype)
    x[0, 0, 2, 2] = 7
    got = max_pool2d(rl.tensor(x), 2, 1, 1)
    assert got.dtype is rl.tensor(x).dtype
    wanted = np.full((1, 1, 4, 4), low, dtype)
    wanted[0, 0, 2:, 2:] = 7
    np.testing.assert_array_equal(got.numpy(), wanted)


def test_means_of_integers_are_float32() -> None:
    got = avg_pool2d(rl.arange(16).reshape(1, 1, 4, 4), 2)
    assert got.dtype is rl.float32
    np.testing.assert_array_equal(got.numpy(), [[[[2.5, 4.5], [10.5, 12.5]]]])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (1, 2, 3, 0), (3, 2, 1, 0)])
@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_how_the_input_lies_in_memory_does_not_matter_and_is_kept(
    pool: Callable[..., Any], order: tuple[int, ...]
) -> None:
    x = normal((3, 4, 6, 8))
    back = tuple(int(axis) for axis in np.argsort(order))
    strange, plain = leaf(x.transpose(order).copy()), leaf(x)
    got, wanted = pool(strange.permute(back), 3, 2, 1), pool(plain, 3, 2, 1)
    np.testing.assert_array_equal(got.numpy(), wanted.numpy())
    assert got.numpy().transpose(order).flags.c_contiguous
    g = rl.tensor(normal(got.shape))
    (found,) = rl.gradients_of(got, [strange], [g])
    (expected,) = rl.gradients_of(wanted, [plain], [g])
    assert_close(found, expected.permute(order), rtol=1e-14)


def test_a_traced_pool_has_the_values_positions_and_gradients_of_the_eager_one() -> None:
    x = rl.tensor(with_ties((2, 3, 7, 6)))

    def pooled(x: rl.Tensor) -> Any:
        values, indices = max_pool2d(x, 3, 2, 1, return_indices=True)
        return values, indices, avg_pool2d(x, 3, 2, 1, True, False)

    def slope(x: rl.Tensor) -> Any:
        return rl.grad(lambda x: sum((y**2).sum() for y in pooled(x)[::2]))(x)

    for one, other in zip(rl.compile(pooled)(x), pooled(x), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert_close(rl.compile(slope)(x), slope(x).numpy(), rtol=1e-14)


def t(*shape: int, dtype: str = "float32") -> rl.Tensor:
    return rl.zeros(*shape, dtype=dtype)


AXES = "(batch, channels, height, width)"
ONE = "must be at least 1, padding"

# Input, arguments, the fact, the hint: the same for the largest and the mean.
MISTAKES: list[tuple[rl.Tensor, dict[str, Any], str, str | None]] = [
    (
        t(3, 8, 8),
        {"kernel": 2},
        f"x has 3 axes, not the 4 {AXES}",
        "x.unsqueeze(0) is a batch of one: (1, 3, 8, 8)",
    ),
    (
        t(8, 8),
        {"kernel": 2},
        f"x has 2 axes, not the 4 {AXES}",
        "x.reshape(1, 1, *x.shape) is one image of one channel",
    ),
    (t(1, 1, 1, 8, 8), {"kernel": 2}, f"x has 5 axes, not the 4 {AXES}", None),
    (t(), {"kernel": 2}, f"x has 0 axes, not the 4 {AXES}", None),
    (
        t(1, 1, 4, 6),
        {"kernel": 5},
        "a window of 5 does not fit the height of 4 with padding 0",
        "a kernel height of 4 is the most that fits",
    ),
    (
        t(1, 1, 6, 3),
        {"kernel": (2, 6), "padding": (0, 1), "stride": 1, "ceil_mode": True},
        "a window of 6 does not fit the width of 3 with padding 1",
        "a kernel width of 5 is the most that fits",
    ),
    (
        t(1, 1, 6, 6),
        {"kernel": 3, "padding": 2},
        "padding 2 is more than half of the kernel's height of 3",
        "padding=1 is the most that it can be",
    ),
    (
        t(1, 1, 6, 6),
        {"kernel": (4, 1), "padding": (1, 1)},
        "padding 1 is more than half of the kernel's width of 1",
        "padding=0 is the most that it can be",
    ),
    (t(1, 1, 6, 6), {"kernel": 0}, f"kernel 0, stride 0 and dilation 1 {ONE} 0 at least 0", None),
    (
        t(1, 1, 6, 6),
        {"kernel": 2, "stride": 0, "ceil_mode": True},
        f"kernel 2, stride 0 and dilation 1 {ONE} 0 at least 0",
        None,
    ),
    (
        t(1, 1, 6, 6),
        {"kernel": 2, "padding": -1},
        f"kernel 2, stride 2 and dilation 1 {ONE} -1 at least 0",
        None,
    ),
    (t(1, 1, 6, 6), {"kernel": (2, 2, 2)}, "kernel takes one int or two, not (2, 2, 2)", None),
    (t(1, 1, 6, 6), {"kernel": 2, "stride": 1.5}, "a shape is made of ints, not 1.5", None),
    (
        t(1, 1, 0, 6),
        {"kernel": 2, "padding": 1},
        "there is nothing to pool: the height is 0",
        None,
    ),
    (
        t(1, 1, 6, 6, dtype="bfloat16"),
        {"kernel": 2},
        "does not take bfloat16",
        "cast to float32 first",
    ),
]
MAX_MISTAKES: list[tuple[rl.Tensor, dict[str, Any], str, str | None]] = [
    *MISTAKES,
    (t(1, 1, 6, 6, dtype="bool"), {"kernel": 2}, "does not take bool", "cast to float32 first"),
    (
        t(1, 1, 4, 4),
        {"kernel": 3, "dilation": 2},
        "a window of 5 does not fit the height of 4 with padding 0",
        "a kernel height of 2 is the most that fits",
    ),
    (
        t(1, 1, 8, 8),
        {"kernel": 2, "dilation": 0},
        f"kernel 2, stride 2 and dilation 0 {ONE} 0 at least 0",
        None,
    ),
    (
        t(1, 1, 2, 8),
        {"kernel": 2, "dilation": 3, "padding": 1, "stride": 1},
        "all that window 0 along the height sees is padding",
        "less padding or dilation",
    ),
]
ROWS = [(avg_pool2d, *row) for row in MISTAKES] + [(max_pool2d, *row) for row in MAX_MISTAKES]


def message(call: Callable[..., Any], x: rl.Tensor) -> str:
    with pytest.raises(rl.RushlightError) as caught:
        call(x)
    return str(caught.value)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0].__name__} {row[3]}")
def test_a_mistake_is_explained_by_fact_operand_place_and_hint(row: tuple[Any, ...]) -> None:
    pool, x, arguments, fact, hint = row
    text = message(lambda x: pool(x, **arguments), x)
    lines = [f"{pool.__name__}: {fact}", f"  x  {x.spec}", "  at test_pool.py:LINE"]
    lines += [f"  hint: {hint}"] if hint else []
    assert re.sub(r"(?<=test_pool.py:)\d+", "LINE", text) == "\n".join(lines)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0].__name__} {row[3]}")
def test_a_mistake_is_explained_in_the_same_words_when_traced(row: tuple[Any, ...]) -> None:
    pool, x, arguments, *_ = row

    def call(x: rl.Tensor) -> Any:
        return pool(x, **arguments)

    assert message(rl.compile(call), x) == message(call, x)


WINDOW = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False}


@pytest.mark.parametrize(
    ("primitive", "x", "params", "fact"),
    [
        (max_pool2d_p, t(4, 4), {"dilation": (1, 1)}, "x has 2 axes"),
        (max_pool2d_p, t(1, 1, 4, 4, dtype="bool"), {"dilation": (1, 1)}, "does not take bool"),
        (sum_pool2d_p, t(1, 1, 4, 4, dtype="int64"), {}, "does not take int64"),
        (sum_unpool2d_p, t(1, 1, 2, 2, dtype="int64"), {"size": (4, 4)}, "does not take int64"),
        (sum_unpool2d_p, t(1, 2, 2), {"size": (4, 4)}, "gradient has 3 axes"),
        (
            sum_unpool2d_p,
            t(1, 1, 2, 3),
            {"size": (4, 4)},
            "the gradient of a plane has shape (2, 3), not (2, 2)",
        ),
    ],
)
def test_the_primitives_refuse_what_does_not_fit(
    primitive: Any, x: rl.Tensor, params: dict[str, Any], fact: str
) -> None:
    def call(x: rl.Tensor) -> Any:
        return bind(primitive, x, **(WINDOW | params))

    text = message(call, x)
    assert text.startswith(f"{primitive.name}: {fact}")
    assert message(rl.compile(call), x) == text
