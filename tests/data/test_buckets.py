"""Sequences of similar lengths come together, padded to a few widths, each once an epoch."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.core.errors import DataError, UsageError
from rushlight.data import DataLoader, Dataset, Items, Ragged
from rushlight.data.buckets import least_padding

LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=40)


def sequences(lengths):
    """Sequences of these lengths, made of their positions plus 1."""
    return Ragged([np.full(length, place + 1) for place, length in enumerate(lengths)])


def loader(lengths, batch_size=4, **options):
    data = Dataset(sequences(lengths), np.arange(len(lengths)))
    return DataLoader(data, batch_size, **{"buckets": 3, "shuffle": True, **options})


@given(LENGTHS, st.integers(1, 7), st.integers(1, 5), st.integers(0, 99))
def test_each_item_comes_once_with_its_sequence_and_length(lengths, batch_size, buckets, seed):
    given_items = []
    for ids, sizes, places in loader(lengths, batch_size, buckets=buckets, seed=seed):
        for row, size, place in zip(ids.numpy(), sizes.tolist(), places.tolist(), strict=True):
            assert size == lengths[place]
            np.testing.assert_array_equal(row[:size], place + 1)
            np.testing.assert_array_equal(row[size:], 0)
            given_items.append(place)
    assert sorted(given_items) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 7), st.integers(1, 5))
def test_batches_have_few_widths_and_are_as_full_as_without_buckets(lengths, batch_size, buckets):
    batches = [ids.shape for ids, _, _ in loader(lengths, batch_size, buckets=buckets)]
    plain = [len(places) for _, _, places in loader(lengths, batch_size)]
    assert [rows for rows, _ in batches] == plain
    assert len({width for _, width in batches}) <= buckets


def test_batches_have_items_of_similar_lengths_in_an_order_that_differs():
    lengths = [1, 2, 3, 10, 11, 12] * 20
    first, second = [
        [int(sizes.numpy().max()) for _, sizes, _ in batches]
        for batches in itertools.repeat(loader(lengths, 10, buckets=(3, 12)), 2)
    ]
    assert sorted(first) == [3] * 6 + [12] * 6
    assert first != second
    assert first != sorted(first)


def test_without_shuffling_items_come_as_they_lie():
    batches = list(loader([3, 1, 9, 2, 1, 1, 1], 2, shuffle=False, buckets=(3, 9)))
    assert [places.tolist() for _, _, places in batches] == [[0, 1], [2, 3], [4, 5], [6]]
    assert [ids.shape for ids, _, _ in batches] == [(2, 3), (2, 9), (2, 3), (1, 9)]


def test_the_orders_are_those_that_are_iterated():
    batches = loader([1, 5, 2, 8, 3, 3, 9], 2)
    orders = batches.orders(range(3))
    for order in orders.tolist():
        assert [place for _, _, places in batches for place in places.tolist()] == order
    assert batches.epoch == 3


@pytest.mark.parametrize("given_batches", range(7))
def test_a_resumed_loader_goes_on_as_if_it_had_never_stopped(given_batches):
    lengths = [1, 5, 2, 8, 3, 3, 9, 4, 4, 7, 1]

    def endless(batches):
        while True:
            yield from ([x.tolist() for x in batch] for batch in batches)

    wanted = list(itertools.islice(endless(loader(lengths)), 12))
    stopped = loader(lengths)
    for _ in itertools.islice(endless(stopped), given_batches):
        pass
    resumed = loader(lengths)
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    assert list(itertools.islice(endless(resumed), 12 - given_batches)) == wanted[given_batches:]


def test_a_state_of_other_buckets_is_refused():
    state = loader([1, 2, 3], buckets=(2, 3)).state_dict()
    for other in (loader([1, 2, 3], buckets=(1, 3)), loader([1, 2, 3], buckets=(2, 3), padding=9)):
        with pytest.raises(DataError, match="a loader with buckets"):
            other.load_state_dict(state)


def test_labels_that_are_sequences_come_without_their_lengths():
    data = Dataset(sequences([2, 1]), sequences([1, 3]), sequences([3, 1]))
    (batch,) = DataLoader(data, 2, buckets=1, padding=-1)
    assert [x.tolist() for x in batch] == [
        [[1, 1, -1], [2, -1, -1]],
        [2, 1],
        [[1, -1, -1], [2, 2, 2]],
        [1, 3],
        [[1, 1, 1], [2, -1, -1]],
    ]


def test_what_a_transform_makes_longer_is_padded_to_its_own_length():
    def doubled(words, labels):
        return Ragged([np.repeat(words[i], 2) for i in range(len(words))]), labels

    (batch,) = loader([1, 3], 2, transform=doubled)
    assert batch[0].shape == (2, 6)


def test_predictions_stay_in_order():
    class Longest(rl.nn.Module):
        def forward(self, ids, lengths):
            return ids.max(1).cast("float32").unsqueeze(1) + 0 * lengths.unsqueeze(1)

    lengths = [3, 1, 9, 2, 1, 7, 1] * 9
    batches = loader(lengths, 2, shuffle=False, buckets=2)
    outputs, labels = rl.predict(Longest(), batches)
    np.testing.assert_array_equal(outputs.numpy()[:, 0], np.arange(1, len(lengths) + 1))
    np.testing.assert_array_equal(labels.numpy(), np.arange(len(lengths)))


def padding(lengths, widths):
    return sum(min(width for width in widths if width >= length) - length for length in lengths)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 4))
def test_widths_are_chosen_for_the_least_padding(lengths, count):
    widths = least_padding(np.array(lengths), count)
    known = sorted(set(lengths))
    choices = itertools.combinations(known[:-1], min(count, len(known)) - 1)
    assert padding(lengths, widths) == min(padding(lengths, [*c, known[-1]]) for c in choices)
    assert list(widths) == sorted(set(widths))


def test_of_very_many_lengths_the_longest_is_a_width():
    lengths = np.arange(5000)
    widths = least_padding(lengths, 4)
    assert len(widths) == 4
    assert widths[-1] == 4999
    assert padding(lengths[1:].tolist(), widths) < 1.02 * 4 * 1250 * 1250 / 2


def test_empty_sequences_have_rows_too():
    (batch,) = loader([0, 0], 2, shuffle=False)
    assert [x.tolist() for x in batch] == [[[0], [0]], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"buckets": 0}, UsageError, "there are 1 to 32 buckets, not 0"),
        ({"buckets": 33}, UsageError, "there are 1 to 32 buckets, not 33"),
        ({"buckets": range(1, 40)}, UsageError, "there are 1 to 32 buckets, not 39"),
        ({"buckets": True}, UsageError, "a number of them, or rising widths, not True"),
        ({"buckets": "12"}, UsageError, "a number of them, or rising widths, not '12'"),
        ({"buckets": ()}, UsageError, "a number of them, or rising widths"),
        ({"buckets": (4, 2)}, UsageError, "a number of them, or rising widths"),
        ({"buckets": (0, 9)}, UsageError, "a number of them, or rising widths"),
        ({"buckets": (2.5, 9)}, UsageError, "a number of them, or rising widths"),
        ({"buckets": (1, 2)}, DataError, "sequence 1 has 3 ints, the widest bucket 2"),
        ({"padding": 0.5}, UsageError, "padding is an int, not 0.5"),
        ({"buckets": None, "padding": 1}, UsageError, "padding is for sequences in rows"),
    ],
)
def test_wrong_buckets_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        loader([1, 3, 2], **options)


@pytest.mark.parametrize("data", [Dataset(np.arange(3)), Items([1, 2, 3])])
def test_data_without_sequences_has_no_buckets(data):
    with pytest.raises(UsageError, match="buckets are for a Dataset of sequences") as caught:
        DataLoader(data, buckets=2)
    assert caught.value.hint == "Dataset(Ragged(sequences), labels)"
