"""Pieces, turns, repeats, padding and triangles against NumPy and PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.gradcheck import check_gradients

ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1

CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "split by size": (lambda x: x.split(3, 2), lambda a: np.split(a, [3], 2)),
    "split by sizes": (lambda x: x.split([1, 0, 2], 1), lambda a: np.split(a, [1, 1], 1)),
    "chunks": (lambda x: x.chunk(3, -1), lambda a: np.split(a, [2], 2)),
    "unbound": (lambda x: x.unbind(1), lambda a: [a[:, i] for i in range(3)]),
    "flipped": (lambda x: x.flip((0, -1)), lambda a: np.flip(a, (0, 2))),
    "flipped all": (lambda x: x.flip(), np.flip),
    "rolled": (lambda x: x.roll(-5, 2), lambda a: np.roll(a, -5, 2)),
    "rolled twice": (lambda x: x.roll((1, 2), (0, 1)), lambda a: np.roll(a, (1, 2), (0, 1))),
    "rolled flat": (lambda x: x.roll(3), lambda a: np.roll(a, 3)),
    "lower": (lambda x: x.tril(), np.tril),
    "lower of 1": (lambda x: x.tril(1), lambda a: np.tril(a, 1)),
    "upper of -2": (lambda x: x.triu(-2), lambda a: np.triu(a, -2)),
    "nothing upper": (lambda x: x.triu(9), lambda a: np.triu(a, 9)),
    "upper of a huge one": (lambda x: x.triu(10**30), lambda a: np.triu(a, 100)),
    "lower of a huge one": (lambda x: x.tril(-(10**30)), lambda a: np.tril(a, -100)),
    "diagonal": (lambda x: x.diagonal(), np.diagonal),
    "diagonal of -1": (lambda x: x.diagonal(-1, 2, 1), lambda a: np.diagonal(a, -1, 2, 1)),
    "diagonal of 2": (lambda x: x.diagonal(2, 1, 2), lambda a: np.diagonal(a, 2, 1, 2)),
    "no diagonal": (lambda x: x.diagonal(7, 1, 2), lambda a: np.diagonal(a, 7, 1, 2)),
    "moved": (lambda x: x.movedim((0, 1), (-1, 0)), lambda a: np.moveaxis(a, (0, 1), (-1, 0))),
    "swapped": (lambda x: x.swapaxes(0, -1), lambda a: np.swapaxes(a, 0, -1)),
    "tiled": (lambda x: x.tile(2, 1, 3), lambda a: np.tile(a, (2, 1, 3))),
    "tiled anew": (lambda x: x.repeat(2, 1, 1, 2), lambda a: np.tile(a, (2, 1, 1, 2))),
    "tiled away": (lambda x: x.tile((0, 1)), lambda a: np.tile(a, (0, 1))),
    "each twice": (lambda x: x.repeat_interleave(2, 1), lambda a: np.repeat(a, 2, 1)),
    "each flat": (lambda x: x.repeat_interleave(2), lambda a: np.repeat(a, 2)),
    "columns taken": (lambda x: x.take([2, 0, 2], 2), lambda a: a.take([2, 0, 2], 2)),
    "columns in rows": (lambda x: x.take([[2], [0]], -2), lambda a: a.take([[2], [0]], 1)),
    "squeezed": (lambda x: x[:1, :1].squeeze(), lambda a: a[0, 0]),
    "flat from 0 to 1": (lambda x: x.flatten(0, 1), lambda a: a.reshape(6, 4)),
}


def listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("name", CASES)
def test_an_arrangement_is_numpy_s_compiled_too_and_its_gradient_goes_back(name: str) -> None:
    ours, theirs = CASES[name]
    fast = rl.compile(ours)
    wanted = listed(theirs(ARRAY))
    for got in (listed(ours(rl.tensor(ARRAY))), listed(fast(rl.tensor(ARRAY)))):
        for one, other in zip(got, wanted, strict=True):
            assert_identical(one.numpy(), np.ascontiguousarray(other).reshape(other.shape))
    assert fast.fallbacks == []
    x = rl.tensor(ARRAY, requires_grad=True)
    sum(((part * part).sum() for part in listed(ours(x))), rl.tensor(0.0)).backward()
    counts = np.zeros(24, np.float32)
    for part in listed(theirs(np.arange(24).reshape(2, 3, 4) + 1)):  # 0 is for no element
        np.add.at(counts, part[part > 0] - 1, 1.0)
    assert_identical(x.grad.numpy(), 2 * ARRAY * counts.reshape(2, 3, 4))


PADS = [
    ([(1, 2), (2, 1)], "constant"),
    ([(0, 0), (0, 0)], "constant"),
    ([(2, 1), (3, 2)], "reflect"),
    ([(3, 4), (0, 5)], "replicate"),
    ([(3, 0), (2, 4)], "circular"),
    ([(0, 0), (1, 0)], "reflect"),
]


@pytest.mark.parametrize(("widths", "mode"), PADS, ids=str)
def test_padding_is_numpy_s_and_its_gradient_what_small_steps_show(widths: Any, mode: str) -> None:
    array = np.arange(12, dtype=np.float64).reshape(3, 4)
    names = {"replicate": "edge", "circular": "wrap"}
    options = {"constant_values": -2.5} if mode == "constant" else {}
    wanted = np.pad(array, widths, names.get(mode, mode), **options)
    fast = rl.compile(lambda x: x.pad(widths, mode, -2.5))
    x = rl.tensor(array, requires_grad=True)
    assert_identical(x.pad(widths, mode, -2.5).numpy(), wanted)
    assert_identical(fast(x.detach()).numpy(), wanted)
    assert fast.fallbacks == []
    check_gradients(lambda x: x.pad(widths, mode, -2.5) * x.sum(), x, order=2)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_of_images_is_pytorch_s(mode: str, torch: Any) -> None:
    images = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype(np.float32)
    wanted = torch.nn.functional.pad(torch.tensor(images), (3, 1, 2, 4), mode).numpy()
    got = rl.tensor(images).pad([(0, 0), (0, 0), (2, 4), (3, 1)], mode)
    assert_identical(got.numpy(), wanted)


def test_integers_are_padded_with_integers() -> None:
    assert rl.tensor([1, 2]).pad([(1, 0)], value=7).tolist() == [7, 1, 2]


def test_a_triangle_keeps_infinities_out() -> None:
    x = rl.full((2, 2), float("inf"))
    assert x.tril().tolist() == [[float("inf"), 0.0], [float("inf"), float("inf")]]
    assert rl.ones(2, 2, dtype="bool").triu(1).tolist() == [[False, True], [False, False]]


def test_pieces_of_nothing() -> None:
    assert [part.shape for part in rl.zeros(0, 2).split(3)] == [(0, 2)]
    assert [part.shape for part in rl.zeros(0, 2).chunk(3)] == [(0, 2)]
    assert rl.zeros(0, 2).unbind() == ()
    assert rl.zeros(0).roll(1).shape == (0,)
    assert rl.zeros(0, 2).flip().shape == (0, 2)


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_a_grid_is_numpy_s(indexing: Any) -> None:
    vectors = [np.arange(2.0), np.arange(3.0), np.arange(4.0)]
    got = rl.meshgrid(*vectors, indexing=indexing)
    for one, other in zip(got, np.meshgrid(*vectors, indexing=indexing), strict=True):
        assert_identical(one.numpy(), np.ascontiguousarray(other))


def test_an_outer_product_is_numpy_s() -> None:
    a, b = np.arange(3, dtype=np.float32), np.arange(4, dtype=np.float32)
    assert_close(rl.outer(a, b).numpy(), np.outer(a, b))


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda x: x.split([1, 3], 1), r"pieces of \(1, 3\) do not fill an axis of 3"),
        (lambda x: x.split(0), "a size is at least 1, not 0"),
        (lambda x: x.split(1.5), "a size is an int, not 1.5"),
        (lambda x: x.chunk(0), "a count of pieces is at least 1"),
        (lambda x: x.roll((1, 2), 0), "2 shifts for 1 axes"),
        (lambda x: x.pad([(1, 1)]), "pad takes 2 pairs"),
        (lambda x: x.pad([(0, 0), (3, 0)], "reflect"), "3 elements of reflect padding"),
        (lambda x: x.pad([(0, 0), (4, 0)], "circular"), "4 elements of circular padding"),
        (lambda x: x.pad([(0, 0), (1, 0)], "mirror"), "padding is constant, reflect"),
        (lambda x: x[0].tril(), "a triangle is part of a matrix"),
        (lambda x: x.triu(1.5), "a diagonal is an int, not 1.5"),
        (lambda x: x.diagonal(None), "an offset is an int, not None"),
        (lambda x: x.diagonal(0, 1, 1), "not axis 1 twice"),
        (lambda x: x.movedim((0, 1), (0, 0)), "do not go to"),
        (lambda x: x.tile(-1), "counts cannot be negative"),
        (lambda x: x.repeat_interleave(-1), "a count is at least 0"),
        (lambda x: x.flatten(1, 0), "axis 0 comes before axis 1"),
        (lambda x: x.take([3], 1), "index 3 is outside"),
        (lambda x: rl.meshgrid(x), "a grid is made of vectors"),
        (lambda x: rl.outer(x, x), "an outer product is one of vectors"),
    ],
)
def test_what_cannot_be_arranged_is_told_why(use: Any, words: str) -> None:
    with pytest.raises(rl.RushlightError, match=words):
        use(rl.ones(2, 3))
