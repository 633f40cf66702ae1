"""Windows on a sequence: views that data sets and loaders take as they are."""

import numpy as np
import pytest

from rushlight.core.errors import DataError, UsageError
from rushlight.data import DataLoader, Dataset, windows
from rushlight.data.windows import overlapping, sequence_of


@pytest.mark.parametrize(("count", "length", "step"), [(9, 3, 1), (9, 3, 2), (9, 9, 4), (9, 2, 5)])
def test_a_window_is_a_part_of_the_sequence(count, length, step):
    values = np.arange(count) * 10
    seen = windows(values, length, step)
    assert len(seen) == (count - length) // step + 1
    for i, row in enumerate(seen):
        np.testing.assert_array_equal(row, values[i * step : i * step + length])
    assert np.shares_memory(seen, values)


def test_what_has_more_axes_keeps_them():
    values = np.arange(24).reshape(6, 2, 2)
    seen = windows(values, 3)
    assert seen.shape == (4, 3, 2, 2)
    np.testing.assert_array_equal(seen[2], values[2:5])
    whole, step = sequence_of(seen)
    assert (overlapping(seen), step) == (True, 1)
    np.testing.assert_array_equal(whole, values)


def test_only_windows_that_share_memory_are_told_apart():
    values = np.arange(20, dtype=np.int16)
    assert overlapping(windows(values, 4, 3))
    assert not overlapping(windows(values, 4, 4))  # side by side: an ordinary array
    assert not overlapping(windows(values, 4)[::-1])
    assert not overlapping(windows(values[::2], 4))
    assert not overlapping(np.broadcast_to(values, (3, 20)))
    assert not overlapping(values)
    assert not overlapping(np.zeros((0, 4)))


def test_loaders_give_batches_of_windows():
    ids = np.arange(11)
    loader = DataLoader(Dataset(windows(ids[:-1], 4), windows(ids[1:], 4)), 3)
    batches = [(x.tolist(), y.tolist()) for x, y in loader]
    assert batches[-1] == ([[6, 7, 8, 9]], [[7, 8, 9, 10]])
    assert [len(x) for x, _ in batches] == [3, 3, 1]


@pytest.mark.parametrize(
    ("values", "length", "step", "error", "fact"),
    [
        ([1, 2], 3, 1, DataError, r"no window of 3 in values of shape \(2,\)"),
        (5, 1, 1, DataError, r"no window of 1 in values of shape \(\)"),
        ([1, 2], 0, 1, UsageError, "length is an int of at least 1, not 0"),
        ([1, 2], 1, 0, UsageError, "step is an int of at least 1, not 0"),
        ([1, 2], 1.5, 1, UsageError, "length is an int"),
    ],
)
def test_windows_that_are_none_are_refused(values, length, step, error, fact):
    with pytest.raises(error, match=fact):
        windows(values, length, step)
