"""`x[...]` against NumPy's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.testing.compare import assert_identical
from rushlight.testing.gradcheck import check_gradients

ARRAY = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)

INDICES: list[Any] = [
    0,
    -1,
    np.int64(2),
    slice(None),
    slice(1, 3),
    slice(-2, None),
    slice(None, None, -1),
    slice(10, None),
    slice(2, 0, -1),
    slice(3, 1),
    slice(None, None, 7),
    slice(np.int64(0), np.int64(2)),
    None,
    ...,
    (),
    (1, 2),
    (1, 2, 3),
    (-1, ..., 0),
    (..., 2),
    (..., None),
    (None, ...),
    (None, 1, None, slice(None, None, 2)),
    (slice(None), 1),
    (slice(None, None, -2), slice(1, None), slice(None, None, 3)),
    (slice(0, 0), 1),
    (1, ..., slice(0, 0)),
    [0, 2],
    [2, 2, -1],
    [],
    [[0, 1], [2, 0]],
    np.array([1, 0]),
    np.array(1),
    np.array([], np.int64),
    np.array([0, 2], np.uint8),
    np.array([-1, 1], np.int8),
    rl.tensor([1, 2]),
    rl.tensor(0),
    (slice(None), [3, 0]),
    (..., [4, 4, 0]),
    (slice(None), slice(None), [[1, 2]]),
    ([0, 2], [1, 3]),
    ([0, 2], [1, 3], [4, 0]),
    ([[0], [2]], [1, 3]),
    ([0, 2], 1),
    (1, [0, 2]),
    ([0, 2], slice(None), [1, 3]),
    ([0, 2], ..., [1, 3]),
    (slice(None), [0, 2], [1, 3]),
    (slice(None, None, 2), [0, 2], slice(1, 3)),
    (None, [0, 2], slice(None), None),
    ([0, 2], None, [1, 3]),
    (np.array(1), slice(None), np.array([0, 4])),
    (slice(None), np.zeros((0, 2), np.int64)),
    (rl.tensor([0, 1]), slice(1, 3), rl.tensor([-1, -5])),
]


def plain(index: Any) -> Any:
    """The index as NumPy takes it."""
    if isinstance(index, tuple):
        return tuple(plain(part) for part in index)
    if isinstance(index, list):
        return np.array(index, np.int64)
    return index.numpy() if isinstance(index, rl.Tensor) else index


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_index_reads_what_numpy_reads(index: Any) -> None:
    x = rl.tensor(ARRAY)
    wanted = np.asarray(ARRAY[plain(index)])
    assert_identical(x[index].numpy(), wanted)
    assert_identical(rl.compile(lambda x: x[index])(x).numpy(), wanted)


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_the_gradient_goes_back_to_the_elements_that_were_read(index: Any) -> None:
    x = rl.tensor(ARRAY, requires_grad=True)
    x[index].sum().backward()
    counts = np.zeros(ARRAY.shape, np.float32)
    np.add.at(counts, plain(index), 1.0)
    assert_identical(x.grad.numpy(), counts)


@pytest.mark.parametrize(
    "index", [(..., [1, 1]), ([0, 0], [1, 1]), slice(None, None, -2)], ids=repr
)
def test_the_gradient_of_an_index_can_be_differentiated(index: Any) -> None:
    x = rl.tensor(ARRAY[:2, :2, :2] / 10, dtype="float64", requires_grad=True)
    check_gradients(lambda x: x[index] * x[index], x, order=2)


sizes = st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple)


@st.composite
def shapes_and_indices(draw: Any) -> tuple[tuple[int, ...], Any]:
    shape = draw(sizes)
    parts: list[Any] = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kinds = [st.slices(size), st.slices(size)]
        if size:
            kinds.append(st.integers(-size, size - 1))
        parts.append(draw(st.one_of(kinds)))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if draw(st.booleans()):
        parts.append(...)
    return shape, tuple(parts)


@given(shapes_and_indices())
def test_any_basic_index_reads_what_numpy_reads(example: tuple[tuple[int, ...], Any]) -> None:
    shape, index = example
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    assert_identical(rl.tensor(array)[index].numpy(), np.asarray(array[index]))


@st.composite
def several_arrays(draw: Any) -> tuple[tuple[int, ...], Any]:
    """Slices and integer arrays that broadcast together."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
    common = draw(st.sampled_from([(2,), (3, 2), (1,), (0,), ()]))
    parts: list[Any] = []
    for size in shape:
        if draw(st.booleans()):
            parts.append(draw(st.slices(size)))
            continue
        mine = draw(st.sampled_from([common, common[1:], (1,) * len(common)]))
        numbers = st.integers(-size, size - 1)
        count = int(np.prod(mine))
        values = draw(st.lists(numbers, min_size=count, max_size=count))
        parts.append(np.array(values, np.int64).reshape(mine))
    return shape, tuple(parts)


@given(several_arrays())
def test_any_arrays_among_slices_read_what_numpy_reads(
    example: tuple[tuple[int, ...], Any],
) -> None:
    shape, index = example
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    x = rl.tensor(array)
    assert_identical(x[index].numpy(), np.asarray(array[index]))
    assert_identical(rl.compile(lambda x: x[index])(x).numpy(), np.asarray(array[index]))


def test_small_integer_types_reach_every_element() -> None:
    table = rl.arange(400).reshape(20, 20)
    small = rl.tensor([15, 19], dtype="uint8")
    assert table[small, small].tolist() == [315, 399]
    assert rl.arange(300)[rl.tensor([-1], dtype="int8")].tolist() == [299]


def test_an_int_is_taken_before_the_arrays_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
    x = rl.tensor(ARRAY)
    wanted = torch.tensor(ARRAY)[0, :, [1, 2]].numpy()
    assert wanted.shape == (4, 2)  # NumPy, which makes an array of the int, gives (2, 4)
    assert_identical(x[0, :, [1, 2]].numpy(), wanted)


def test_an_index_that_is_traced_is_checked_when_the_graph_runs() -> None:
    read = rl.compile(lambda x, i: x[[0], i])
    x = rl.tensor(ARRAY[0])
    assert read(x, rl.tensor([4])).tolist() == [4.0]
    for wrong in (5, 19, -6):
        with pytest.raises(rl.BoundsError, match="outside of"):
            read(x, rl.tensor([wrong]))
    assert read(x, rl.tensor([-5])).tolist() == [0.0]
