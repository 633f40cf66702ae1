"""Adaptive pooling: the windows of PyTorch, values and gradients, eager and in C."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close

F = rl.nn.functional

# shape of x, output size
CASES: list[tuple[tuple[int, ...], Any]] = [
    ((2, 3, 12), 4),  # side by side
    ((2, 3, 7), 3),  # as long and as far apart, overlapping
    ((2, 3, 11), 4),  # of different lengths
    ((2, 3, 10), 7),
    ((2, 3, 3), 7),  # more windows than elements
    ((2, 3, 9), 1),
    ((2, 3, 9), None),
    ((2, 3, 1), 1),
    ((0, 3, 7), 2),
    ((2, 3, 6, 8), (3, 4)),
    ((2, 3, 7, 5), (3, 2)),
    ((2, 3, 7, 5), 1),
    ((2, 3, 7, 5), (None, 1)),
    ((2, 3, 7, 11), (2, 4)),
    ((2, 3, 5, 3), (7, 5)),
    ((0, 3, 7, 5), 2),
    ((2, 2, 4, 6, 5), (2, 3, 1)),
    ((2, 2, 7, 5, 4), (3, None, 3)),
    ((2, 2, 5, 3, 2), 1),
]


def named(case: Any) -> str:
    return str(case).replace(" ", "")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")


def function_of(kind: str, shape: tuple[int, ...]) -> str:
    return f"adaptive_{kind}_pool{len(shape) - 2}d"


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("case", CASES, ids=named)
def test_values_and_gradients_are_those_of_pytorch(kind: str, case: Any, torch: Any) -> None:
    shape, output_size = case
    random = np.random.default_rng(len(shape))
    array = random.integers(-3, 4, shape).astype(np.float64)  # with many that are equal
    x, theirs = rl.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    y = getattr(F, function_of(kind, shape))(x, output_size)
    sizes = [
        n if o is None else o for n, o in zip(shape[2:], as_tuple(output_size, shape), strict=True)
    ]
    wanted = getattr(torch.nn.functional, function_of(kind, shape))(theirs, sizes)
    assert_close(y, wanted.detach().numpy(), rtol=1e-12)
    g = random.standard_normal(y.shape)
    (gradient,) = rl.gradients_of(y, [x], [rl.tensor(g)])
    (other,) = torch.autograd.grad(wanted, [theirs], torch.tensor(g))
    assert_close(gradient, other.numpy(), rtol=1e-12, atol=1e-12)


def as_tuple(output_size: Any, shape: tuple[int, ...]) -> tuple[int | None, ...]:
    return output_size if isinstance(output_size, tuple) else (output_size,) * (len(shape) - 2)


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("case", [CASES[2], CASES[4], CASES[10], CASES[13], CASES[17]], ids=named)
def test_c_gives_the_same(kind: str, case: Any) -> None:
    shape, output_size = case
    x = rl.tensor(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
    pool = getattr(F, function_of(kind, shape))

    def both(x: rl.Tensor) -> Any:
        return rl.value_and_grad(lambda x: (pool(x, output_size) ** 2).sum())(x)

    for one, other in zip(rl.compile(both)(x), both(x), strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_no_element_is_found_where_all_are_nan_or_infinite() -> None:
    x = rl.tensor([[[np.nan, 1.0, -np.inf, -np.inf, -np.inf]]])
    np.testing.assert_array_equal(F.adaptive_max_pool1d(x, 3), [[[np.nan, 1.0, -np.inf]]])


def test_bytes_have_means_that_are_floats() -> None:
    x = rl.tensor(np.arange(10, dtype=np.uint8).reshape(1, 1, 10))
    assert F.adaptive_avg_pool1d(x, 2).tolist() == [[[2.0, 7.0]]]
    assert F.adaptive_max_pool1d(x, 4).dtype is rl.uint8


MISTAKES = [
    (
        lambda: F.adaptive_avg_pool2d(rl.ones(3, 8, 8), 2),
        "adaptive_avg_pool2d: x has 3 axes, not the 4 (batch, channels, height, width)",
        "x.unsqueeze(0) is a batch of one: (1, 3, 8, 8)",
    ),
    (
        lambda: F.adaptive_max_pool1d(rl.ones(1, 3, 0), 2),
        "adaptive_max_pool1d: there is nothing to pool: the length is 0",
        None,
    ),
    (
        lambda: F.adaptive_max_pool2d(rl.ones(1, 3, 8, 8), (2, 0)),
        "adaptive_max_pool2d: the width of the output must be at least 1, not 0",
        None,
    ),
    (
        lambda: F.adaptive_avg_pool3d(rl.ones(1, 3, 8, 8, 8), (2, 2)),
        "adaptive_avg_pool3d: output_size is an int, None or three of them, not (2, 2)",
        None,
    ),
    (
        lambda: F.adaptive_avg_pool1d(rl.ones(1, 3, 8), 2.5),
        "adaptive_avg_pool1d: a shape is made of ints, not 2.5",
        None,
    ),
    (
        lambda: F.adaptive_max_pool1d(rl.ones(1, 3, 8, dtype="bool"), 2),
        "adaptive_max_pool1d: does not take bool",
        "cast to float32 first",
    ),
    (
        lambda: F.adaptive_avg_pool1d(rl.ones(1, 3, 8, dtype="float16"), 2),
        "adaptive_avg_pool1d: does not take float16",
        "cast to float32 first",
    ),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake: Any, fact: str, hint: str | None) -> None:
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.hint == hint
