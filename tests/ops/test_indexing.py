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
        return np.array(index, None if index[:1] == [True] else np.int64)
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


MASK = ARRAY % 3 < 1

MASKS: list[Any] = [
    MASK,
    rl.tensor(MASK),
    MASK[0, 0].tolist(),
    MASK[:, 0, 0],
    MASK[:, :, 1],
    np.zeros(3, bool),
    np.ones((3, 4, 5), bool),
    (MASK[:, 0, 0], 1),
    (0, MASK[0]),
    (slice(1, None), MASK[0, :, 0]),
    (..., MASK[0, 0]),
    (slice(None), MASK[0], None),
    (None, MASK[:, :, 0]),
    ([0, 2], [True, False, True, False]),
]
MASKS[2] = (..., MASKS[2])


def unmasked(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(unmasked(part) for part in index)
    return index.numpy() if isinstance(index, rl.Tensor) else index


@pytest.mark.parametrize("index", MASKS, ids=repr)
def test_a_mask_reads_what_numpy_reads_and_its_gradient_goes_back(index: Any) -> None:
    x = rl.tensor(ARRAY, requires_grad=True)
    assert_identical(x[index].numpy(), np.asarray(ARRAY[unmasked(index)]))
    x[index].sum().backward()
    wanted = np.zeros(ARRAY.shape, np.float32)
    np.add.at(wanted, unmasked(index), 1.0)
    assert_identical(x.grad.numpy(), wanted)


def test_a_mask_that_is_an_array_can_be_traced_but_one_of_values_cannot() -> None:
    x = rl.tensor(ARRAY)
    fast = rl.compile(lambda x: x[MASK])
    assert_identical(fast(x).numpy(), ARRAY[MASK])
    with pytest.raises(rl.TraceError, match=r"x\[mask\] asks for the value") as caught:
        rl.trace(lambda x: x[x > 0], x)
    assert "rl.where" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (np.ones((3, 5), bool), r"a mask of shape \(3, 5\) does not fit axes of sizes \(3, 4\)"),
        ((0, np.ones((4, 6), bool)), r"a mask of shape \(4, 6\)"),
        (np.ones((3, 4, 5, 1), bool), "4 indices for 3 dimensions"),
        (True, "cannot index with True"),
        ([0.5], "an index is made of integers, not float32"),
    ],
    ids=str,
)
def test_an_index_that_does_not_fit_is_refused(index: Any, words: str) -> None:
    with pytest.raises(rl.RushlightError, match=words):
        rl.tensor(ARRAY)[index]


def test_positions_that_are_not_zero_are_told() -> None:
    assert_identical(rl.nonzero(rl.tensor(ARRAY % 7)).numpy(), np.argwhere(ARRAY % 7))
    assert rl.nonzero(rl.tensor(3)).shape == (1, 0)


def values_for(index: Any) -> list[Any]:
    """Numbers of some shapes that broadcast to what an index reads."""
    shape = np.asarray(ARRAY[index]).shape
    full = -np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    return [-7.0, full, full[..., :1] if shape else full]


@pytest.mark.parametrize("index", INDICES + MASKS, ids=repr)
def test_an_assignment_changes_what_numpy_changes_compiled_too(index: Any) -> None:
    numpy_index = unmasked(plain(index))
    for value in values_for(numpy_index):
        wanted = ARRAY.copy()
        wanted[numpy_index] = value
        x = rl.tensor(ARRAY)
        x[index] = value
        assert_identical(x.numpy(), wanted)
        if isinstance(index, rl.Tensor) and index.dtype == "bool" and np.size(value) > 1:
            continue  # how many places there are to fill is not known in a trace
        state = rl.tensor(ARRAY)

        @rl.compile
        def change(value: Any) -> None:
            state[index] = value  # noqa: B023

        change(rl.tensor(value, dtype="float32"))
        assert_identical(state.numpy(), wanted)
        assert change.fallbacks == []


@given(several_arrays())
def test_any_arrays_change_what_numpy_changes_the_last_of_equals(
    example: tuple[tuple[int, ...], Any],
) -> None:
    shape, index = example
    array = np.zeros(shape, np.int64)
    values = np.arange(1, 1 + array[index].size).reshape(array[index].shape)
    x = rl.tensor(array)
    x[index] = values
    array[index] = values
    assert_identical(x.numpy(), array)


def test_traced_positions_and_masks_can_be_assigned_to() -> None:
    table = rl.zeros(4, 2)

    @rl.compile
    def change(rows: rl.Tensor, values: rl.Tensor) -> None:
        table[rows] = values
        table[table > 4.0] = 4.0
        table[table[:, 0] > 2, 1] = 9.0

    with pytest.raises(rl.TraceError):
        change(rl.tensor([1, 3, 1]), rl.ones(3, 2))
    assert table.tolist() == rl.zeros(4, 2).tolist()

    @rl.compile
    def shorter(rows: rl.Tensor, values: rl.Tensor) -> None:
        table[rows] = values
        table[table > 4.0] = 4.0

    shorter(rl.tensor([1, -1, 1]), rl.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert shorter.fallbacks == []
    assert table.tolist() == [[0.0, 0.0], [4.0, 4.0], [0.0, 0.0], [3.0, 4.0]]
    with pytest.raises(rl.BoundsError):
        shorter(rl.tensor([1, 4, 1]), rl.zeros(3, 2))
    assert table.tolist() == [[0.0, 0.0], [4.0, 4.0], [0.0, 0.0], [3.0, 4.0]]


def test_what_was_read_before_an_assignment_keeps_its_values() -> None:
    x = rl.zeros(3)
    seen, copy = x.numpy(), x.detach()
    x[1] += 5.0
    assert (x.tolist(), seen.tolist(), copy.tolist()) == ([0.0, 5.0, 0.0], [0.0] * 3, [0.0] * 3)


def test_an_assignment_before_backward_is_noticed() -> None:
    w = rl.ones(2, requires_grad=True)
    loss = (w * w).sum()
    with rl.no_grad():
        w[0] = 3.0
    with pytest.raises(rl.GradientError, match="was assigned to since"):
        loss.backward()


def test_an_assignment_that_would_lose_a_gradient_is_refused() -> None:
    w = rl.ones(2, requires_grad=True)
    out = rl.zeros(2)
    with pytest.raises(rl.GradientError, match="no gradient would flow") as caught:
        out[0] = w.sum()
    assert "x.replace(index, value)" in str(caught.value.hint)
    with pytest.raises(rl.GradientError, match="a computed tensor") as caught:
        (w * 2)[0] = 1.0
    assert "rl.where" in str(caught.value.hint)
    assert (out.tolist(), w.tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_a_part_is_no_window_on_a_tensor() -> None:
    x = rl.zeros(2, 2)
    with pytest.raises(rl.GradientError, match="not a window on it") as caught:
        x[0][1] = 5.0
    assert "x[i, j] = value" in str(caught.value.hint)
    own = x[0].detach()
    own[1] = 5.0
    assert (own.tolist(), x.tolist()) == ([0.0, 5.0], [[0.0, 0.0], [0.0, 0.0]])


def test_the_argument_of_a_traced_function_is_not_assigned_to() -> None:
    def change(x: rl.Tensor) -> None:
        x[0] = 1.0

    with pytest.raises(rl.TraceError, match="the caller's tensor would not see"):
        rl.compile(change)(rl.zeros(2))


@pytest.mark.parametrize(
    ("index", "value", "words"),
    [
        (0, [1, 2, 3], "sizes differ at axis -1: 2 and 3"),
        ([0, 1], np.ones((2, 3), int), "sizes differ at axis -1: 2 and 3"),
        (np.array([True, False]), np.ones((2, 2), int), "does not broadcast"),
        (0, [[1, 2]] * 2, r"\(2, 2\) does not broadcast to \(2,\)"),
        (np.array([True]), 1, "a mask of shape"),
        (5, 1, "index 5 is outside"),
        ([0, -3], 1, "index -3 is outside"),
        (0, 0.5, "float32 values do not fit in a int64 tensor"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_not_assigned(index: Any, value: Any, words: str) -> None:
    x = rl.tensor([[1, 2], [3, 4]])
    with pytest.raises(rl.RushlightError, match=words):
        x[index] = value
    assert x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "index", [(..., [1, 0, 1]), ([0, 0], [1, 1]), slice(None, None, -2), MASK[0, 0, :2]], ids=repr
)
def test_gradients_flow_through_a_replacement(index: Any) -> None:
    x = rl.tensor(ARRAY[:2, :2, :2] / 10, dtype="float64", requires_grad=True)
    value = rl.tensor([0.3], dtype="float64", requires_grad=True)
    check_gradients(lambda x, value: x.replace(index, value * value) * x, x, value, order=2)


def test_a_mask_is_filled() -> None:
    x = rl.tensor([[1, 2], [3, 4]])
    assert x.masked_fill(x > 2, 0).tolist() == [[1, 2], [0, 0]]
    assert x.masked_fill([True, False], 9).tolist() == [[9, 2], [9, 4]]
    with pytest.raises(rl.ShapeError, match="does not broadcast"):
        x.masked_fill(np.ones((3, 2, 2), bool), 0)
    with pytest.raises(rl.DTypeError, match="do not fit in a int64 tensor"):
        x.masked_fill(x > 2, 0.5)
