import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import BoundsError, DataError, DTypeError, UsageError
from rushlight.data.dataset import Dataset
from rushlight.data.loader import DataLoader
from rushlight.data.ragged import Ragged, pad

SEQUENCES = st.lists(st.lists(st.integers(-(2**40), 2**40), max_size=6), min_size=1, max_size=8)


def rows(ragged):
    return [row.tolist() for row in ragged]


@given(SEQUENCES, st.data())
def test_sequences_are_taken_at_positions_slices_and_one_by_one(sequences, data):
    ragged = Ragged(sequences)
    n = len(sequences)
    places = data.draw(st.lists(st.integers(-n, n - 1), max_size=10))
    assert rows(ragged) == sequences
    assert rows(ragged.take(np.array(places, np.int64))) == [sequences[i] for i in places]
    assert rows(ragged[1:]) == sequences[1:]
    assert rows(ragged[::-1]) == sequences[::-1]


def test_a_sequence_that_is_not_there_is_refused():
    for index in (2, -3):
        with pytest.raises(BoundsError, match=f"there is no sequence {index} among 2"):
            Ragged([[1], [2]])[index]


@pytest.mark.parametrize(
    ("sequences", "kind", "message"),
    [
        ([[1], [[2]]], DataError, "sequence 1 has 2 axes, not one"),
        ([[1], [0.5]], DTypeError, "sequence 1 is of float64, not of ints"),
        ([["a"]], DTypeError, "sequence 0 is of <U1"),
    ],
)
def test_what_are_no_sequences_of_ints_is_refused(sequences, kind, message):
    with pytest.raises(kind, match=message):
        Ragged(sequences)


@given(SEQUENCES, st.none() | st.integers(1, 8), st.integers(-1, 1))
def test_padded_rows_hold_the_sequences_where_the_mask_says(sequences, length, value):
    ids, mask = pad(sequences, length, value)
    longest = max(1, *map(len, sequences)) if length is None else length
    assert ids.shape == mask.shape == (len(sequences), longest)
    assert [ids[i][mask[i]].tolist() for i in range(len(ids))] == [s[:longest] for s in sequences]
    assert (ids[~mask] == value).all()
    assert (np.diff(mask.astype(int), axis=1) <= 0).all()


@pytest.mark.parametrize("length", [0, -1, 2.5, True])
def test_a_length_that_is_none_is_refused(length):
    with pytest.raises(UsageError, match="length is an int of 1 or more"):
        pad([[1]], length)


def test_a_transform_pads_each_batch_to_its_longest():
    data = Dataset(Ragged([[1], [2, 3], [4, 5, 6], [7]]), np.arange(4))
    loader = DataLoader(data, 2, transform=lambda texts, labels: (*pad(texts), labels))
    assert [batch[0].shape for batch in loader] == [(2, 2), (2, 3)]
    ids, mask, labels = next(iter(loader))
    assert ids.tolist() == [[1, 0], [2, 3]]
    assert mask.dtype.name == "bool"
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("sequences", "error", "words"),
    [
        ([[[1], [1, 2]]], DataError, "sequence 0 is made of lists of differing lengths"),
        ([[1], [2**63]], DTypeError, "sequence 1 has an int that int64 cannot hold"),
    ],
)
def test_rows_that_are_no_sequences_of_int64_are_explained(sequences, error, words):
    with pytest.raises(error, match=words):
        Ragged(sequences)
