"""Interpolation and pixel shuffling, against PyTorch: values and gradients, eager and in C."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical

F = rl.nn.functional

# shape of x, options
CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5), {"scale_factor": 2}),
    ((2, 3, 5), {"size": 15}),
    ((2, 3, 5), {"size": 7}),
    ((2, 3, 10), {"size": 4}),
    ((2, 3, 5), {"scale_factor": 1.7}),
    ((0, 3, 5), {"scale_factor": 2}),
    ((2, 3, 4, 5), {"scale_factor": (2, 3)}),
    ((2, 3, 4, 5), {"size": (7, 3)}),
    ((1, 2, 3, 2, 4), {"scale_factor": 2}),
    ((1, 2, 3, 2, 4), {"size": (2, 5, 4)}),
    ((2, 3, 5), {"mode": "linear", "scale_factor": 2}),
    ((2, 3, 5), {"mode": "linear", "size": 8, "align_corners": True}),
    ((2, 3, 5), {"mode": "linear", "size": 1, "align_corners": True}),
    ((2, 3, 1), {"mode": "linear", "size": 4}),
    ((2, 3, 5), {"mode": "linear", "scale_factor": 1.7}),
    ((2, 3, 5), {"mode": "linear", "scale_factor": 0.5}),
    ((2, 3, 4, 5), {"mode": "bilinear", "scale_factor": 2}),
    ((2, 3, 4, 5), {"mode": "bilinear", "size": (3, 9), "align_corners": True}),
    ((2, 3, 4, 5), {"mode": "bilinear", "size": (4, 9)}),
    ((0, 3, 4, 5), {"mode": "bilinear", "size": 3}),
    ((2, 3, 4, 5), {"mode": "bicubic", "scale_factor": 2}),
    ((2, 3, 4, 5), {"mode": "bicubic", "size": (3, 9), "align_corners": True}),
    ((2, 3, 4, 5), {"mode": "bicubic", "scale_factor": (1.3, 0.8)}),
    ((1, 2, 3, 2, 4), {"mode": "trilinear", "scale_factor": 2}),
    ((1, 2, 3, 2, 4), {"mode": "trilinear", "size": (2, 5, 4), "align_corners": True}),
]


def named(case: Any) -> str:
    return str(case).replace(" ", "")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")


def theirs_of(options: dict[str, Any]) -> dict[str, Any]:
    """PyTorch wants None for `align_corners` where it does not count."""
    return options | {} if "mode" in options else options | {"align_corners": None}


@pytest.mark.parametrize("case", CASES, ids=named)
def test_values_and_gradients_are_those_of_pytorch(case: Any, torch: Any) -> None:
    shape, options = case
    random = np.random.default_rng(len(shape))
    array = random.standard_normal(shape)
    x, theirs = rl.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    y = F.interpolate(x, **options)
    wanted = torch.nn.functional.interpolate(theirs, **theirs_of(options))
    assert_close(y, wanted.detach().numpy(), rtol=1e-12, atol=1e-12)
    g = random.standard_normal(y.shape)
    (gradient,) = rl.gradients_of(y, [x], [rl.tensor(g)])
    (other,) = torch.autograd.grad(wanted, [theirs], torch.tensor(g))
    assert_close(gradient, other.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [CASES[i] for i in (0, 2, 7, 9, 14, 17, 22, 23)], ids=named)
def test_c_gives_the_same(case: Any) -> None:
    shape, options = case
    x = rl.tensor(np.random.default_rng(1).standard_normal(shape).astype(np.float32))

    def both(x: rl.Tensor) -> Any:
        return rl.value_and_grad(lambda x: (F.interpolate(x, **options) ** 2).sum())(x)

    for one, other in zip(rl.compile(both)(x), both(x), strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 41, 49, 97])
@pytest.mark.parametrize("count", [1, 2, 5, 24, 47, 98])
def test_the_nearest_element_is_the_one_that_pytorch_takes(
    size: int, count: int, torch: Any
) -> None:
    x = np.arange(size, dtype=np.float32).reshape(1, 1, size)
    wanted = torch.nn.functional.interpolate(torch.tensor(x), size=count).numpy()
    assert_identical(F.interpolate(rl.tensor(x), size=count), wanted)


def test_the_nearest_of_integers_stay_integers() -> None:
    x = rl.tensor(np.array([[[1, 2, 3]]], np.uint8))
    assert F.interpolate(x, size=4).dtype is rl.uint8
    assert F.interpolate(x, scale_factor=2).tolist() == [[[1, 1, 2, 2, 3, 3]]]


@pytest.mark.parametrize("shape", [(2, 12, 3, 4), (8, 2, 3), (0, 4, 2, 2), (2, 1, 4, 1, 1)])
def test_pixels_are_shuffled_as_in_pytorch_and_back(shape: tuple[int, ...], torch: Any) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    shuffled = F.pixel_shuffle(rl.tensor(x), 2)
    assert_identical(shuffled, torch.nn.functional.pixel_shuffle(torch.tensor(x), 2).numpy())
    assert_identical(F.pixel_unshuffle(shuffled, 2), x)


MISTAKES = [
    (
        lambda: F.interpolate(rl.ones(3, 8), 4),
        "interpolate: x has 2 axes, not 3 to 5 (batch, channels, *space)",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), 4, mode=["linear"]),
        "interpolate: there is no mode ['linear']",
        "did you mean linear?",
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), 4, mode="liner"),
        "interpolate: there is no mode 'liner'",
        "did you mean linear?",
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8, 8), 4, mode="linear"),
        "interpolate: 'linear' is for 1 axes of space, x has 2",
        "mode='bilinear' is for x",
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8)),
        "interpolate: one of size and scale_factor is given, not neither",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), 4, 0.5),
        "interpolate: one of size and scale_factor is given, not both",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), 4, align_corners=True),
        "interpolate: align_corners does not go with 'nearest'",
        "it does with linear, bilinear, trilinear, bicubic",
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), scale_factor=0.1),
        "interpolate: a length of 8 cannot become 0: both are at least 1",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 0, 4), 2),
        "interpolate: a height of 0 cannot become 2: both are at least 1",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), scale_factor=-1),
        "interpolate: a scale_factor is a number above 0, not -1",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8), scale_factor=(2, 2)),
        "interpolate: scale_factor takes one number, not (2, 2)",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8, 8), (1, 2, 3)),
        "interpolate: size takes one int or two, not (1, 2, 3)",
        None,
    ),
    (
        lambda: F.interpolate(rl.ones(1, 3, 8, dtype="int64"), 4, mode="linear"),
        "interpolate: does not take int64",
        "cast to float32 first",
    ),
    (
        lambda: F.pixel_shuffle(rl.ones(1, 6, 2, 2), 2),
        "pixel_shuffle: 6 channels do not make squares of 2 x 2 pixels",
        "there must be a multiple of 4",
    ),
    (
        lambda: F.pixel_unshuffle(rl.ones(1, 6, 2, 3), 2),
        "pixel_unshuffle: a width of 3 does not split into squares of 2 x 2 pixels",
        None,
    ),
    (
        lambda: F.pixel_shuffle(rl.ones(4, 2), 2),
        "pixel_shuffle: x has 2 axes, not 3 or more (..., channels, height, width)",
        None,
    ),
    (
        lambda: F.pixel_shuffle(rl.ones(4, 2, 2), 0),
        "pixel_shuffle: a factor is an int of at least 1, not 0",
        None,
    ),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake: Any, fact: str, hint: str | None) -> None:
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.hint == hint
