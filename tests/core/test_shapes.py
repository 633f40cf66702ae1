import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.core.shapes import (
    as_shape,
    broadcast_shapes,
    for_axes,
    normalize_axes,
    normalize_axis,
    reduced_shape,
    size_of,
    window_size,
)

shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@given(st.lists(shapes, min_size=1, max_size=3))
def test_broadcasting_is_that_of_numpy(several: list[tuple[int, ...]]) -> None:
    try:
        wanted = np.broadcast_shapes(*several)
    except ValueError:
        with pytest.raises(rl.ShapeError, match="sizes differ at axis -"):
            broadcast_shapes(*several)
    else:
        assert broadcast_shapes(*several) == wanted


def test_the_axis_where_broadcasting_fails_is_counted_from_the_right() -> None:
    with pytest.raises(rl.ShapeError, match="sizes differ at axis -2: 2 and 3, and neither is 1"):
        broadcast_shapes((3, 4), (5, 2, 1))


@given(shapes)
def test_the_size_is_the_product(shape: tuple[int, ...]) -> None:
    assert size_of(shape) == np.zeros(shape).size


@given(shapes, st.data())
def test_reduced_shapes_are_those_of_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, max(len(shape) - 1, 0))))))
    if any(axis >= len(shape) for axis in axes):
        return
    for keepdims in (False, True):
        wanted = np.zeros(shape).sum(axes, keepdims=keepdims).shape
        assert reduced_shape(shape, axes, keepdims) == wanted


def test_axes_may_be_one_several_or_all_and_count_from_either_end() -> None:
    assert normalize_axis(np.int64(1), 3) == 1
    assert normalize_axes(-1, 3) == (2,)
    assert normalize_axes([2, -3], 3) == (0, 2)
    assert normalize_axes((), 3) == ()
    assert normalize_axes(None, 0) == ()
    assert normalize_axes(np.int64(-1), 2) == (1,)


@pytest.mark.parametrize(
    ("axis", "rank", "fact"),
    [
        (3, 3, "axis 3 does not exist in 3 dimensions; axes are -3 to 2"),
        (-4, 3, "axis -4 does not exist in 3 dimensions"),
        (0, 0, "axis 0 does not exist in 0 dimensions; there are no axes"),
    ],
)
def test_an_axis_that_does_not_exist_is_refused(axis: int, rank: int, fact: str) -> None:
    with pytest.raises(rl.ShapeError, match=fact):
        normalize_axis(axis, rank)


def test_axes_named_twice_are_refused() -> None:
    with pytest.raises(rl.ShapeError, match=r"axis named twice in \(0, -2\)"):
        normalize_axes((0, -2), 2)


@pytest.mark.parametrize("wrong", ["ab", 1.5, (1, 2.0), None, [None]])
def test_a_shape_is_made_of_ints(wrong: object) -> None:
    with pytest.raises(rl.DTypeError, match="a shape is made of ints"):
        as_shape(wrong)


def test_a_number_for_each_axis_is_made_of_one_int_or_as_many_as_there_are() -> None:
    assert for_axes(np.int64(2), 2, "stride") == (2, 2)
    assert for_axes([1, 3], 2, "stride") == (1, 3)
    assert for_axes((4,), 1, "stride") == (4,)
    for count, takes in ((1, "one int"), (2, "one int or two"), (3, "one int or three")):
        with pytest.raises(rl.ShapeError, match=rf"stride takes {takes}, not \(1, 2, 3, 4\)"):
            for_axes((1, 2, 3, 4), count, "stride")


@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
)
def test_windows_are_counted_by_where_they_can_begin(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    reach = dilation * (kernel - 1)
    begins = range(-padding, size + padding - reach, stride)
    if len(begins) == 0:
        with pytest.raises(rl.ShapeError, match="does not fit the width"):
            window_size(size, kernel, stride, padding, dilation, "width")
    else:
        assert window_size(size, kernel, stride, padding, dilation, "width") == len(begins)


@pytest.mark.parametrize("wrong", [(0, 1, 0, 1), (1, 0, 0, 1), (1, 1, -1, 1), (1, 1, 0, 0)])
def test_windows_without_extent_or_step_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(rl.ShapeError, match="must be at least 1"):
        window_size(5, *wrong, "width")
