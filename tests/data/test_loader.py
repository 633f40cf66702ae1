import itertools
import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rushlight.core.errors import BoundsError, DataError, DTypeError, UsageError
from rushlight.core.philox import permutation
from rushlight.data.dataset import Dataset
from rushlight.data.loader import DataLoader
from rushlight.tensor import Tensor, tensor


def numbers(n):
    return Dataset(np.arange(n))


def batches(loader):
    return [batch.tolist() for (batch,) in loader]


def test_a_data_set_shares_its_arrays_and_keeps_their_dtypes():
    images, labels = np.zeros((4, 2, 2), np.uint8), np.arange(4)
    dataset = Dataset(images, labels)
    assert len(dataset) == 4
    assert np.shares_memory(dataset.arrays[0], images)
    assert [array.dtype for array in dataset.arrays] == [np.uint8, np.int64]
    assert repr(dataset) == "Dataset(uint8 (4, 2, 2), int64 (4,))"


def test_items_are_taken_one_by_one_by_slice_and_by_positions():
    dataset = Dataset(np.arange(8).reshape(4, 2), np.array([5, 6, 7, 8]))
    pixels, label = dataset[-1]
    np.testing.assert_array_equal(pixels, [6, 7])
    assert label == 8
    np.testing.assert_array_equal(dataset[1:3][1], [6, 7])
    np.testing.assert_array_equal(dataset[np.array([3, 0, 3])][0], [[6, 7], [0, 1], [6, 7]])


@pytest.mark.parametrize("index", [4, -5, np.array([0, 4]), np.array([-5])])
def test_items_outside_are_refused(index):
    with pytest.raises(BoundsError, match="index outside of a data set of 4 items"):
        numbers(4)[index]


def test_lists_and_tensors_are_data_too():
    dataset = Dataset([[1, 2], [3, 4]], tensor([0.5, 1.5]))
    np.testing.assert_array_equal(dataset.arrays[0], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(dataset.arrays[1], np.float32([0.5, 1.5]))


def test_differing_lengths_are_refused_and_both_named():
    with pytest.raises(DataError, match="array 0 has 60000 items, array 1 has 59999"):
        Dataset(np.zeros((60000, 1)), np.zeros(59999))


@pytest.mark.parametrize(
    ("arrays", "kind", "message"),
    [
        ([], DataError, "at least one array"),
        ([np.zeros((0, 3))], DataError, "the data set is empty"),
        ([np.zeros(3), np.float64(1)], DataError, "array 1 is a single number, not items"),
        ([[[1, 2], [3]]], DataError, "array 0 is made of lists of differing lengths"),
        ([["ham", "spam"]], DTypeError, "array 0: .*<U4"),
        ([np.zeros(3), [None] * 3], DTypeError, "array 1: .*object"),
        ([np.zeros(3, complex)], DTypeError, "array 0: .*complex128"),
    ],
)
def test_what_is_no_data_set_is_refused(arrays, kind, message):
    with pytest.raises(kind, match=message):
        Dataset(*arrays)


def test_batches_come_in_order_and_the_smaller_last_one_is_kept():
    loader = DataLoader(numbers(7), batch_size=3)
    assert len(loader) == 3
    assert batches(loader) == [[0, 1, 2], [3, 4, 5], [6]]


def test_drop_last_leaves_the_smaller_batch_out():
    loader = DataLoader(numbers(7), batch_size=3, drop_last=True)
    assert len(loader) == 2
    assert batches(loader) == [[0, 1, 2], [3, 4, 5]]


@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans())
def test_an_epoch_has_as_many_batches_as_the_loader_says(n, size, shuffle, drop_last):
    assume(n >= size or not drop_last)
    loader = DataLoader(numbers(n), batch_size=size, shuffle=shuffle, drop_last=drop_last)
    given_batches = batches(loader)
    assert len(given_batches) == len(loader)
    items = list(itertools.chain(*given_batches))
    assert len(items) == (n - n % size if drop_last else n)
    assert len(set(items)) == len(items)


def test_mnist_makes_469_batches_of_128_and_loses_nothing():
    loader = DataLoader(numbers(60_000), batch_size=128, shuffle=True)
    sizes = [len(batch) for (batch,) in loader]
    assert len(loader) == len(sizes) == 469
    assert sizes == [128] * 468 + [96]


def test_batches_are_tensors_that_keep_the_dtype():
    dataset = Dataset(
        np.arange(8, dtype=np.uint8).reshape(4, 2),
        np.arange(4),
        np.arange(4, dtype=np.float64),
        np.arange(4, dtype=np.float16),
    )
    batch = next(iter(DataLoader(dataset, batch_size=3, shuffle=True)))
    assert isinstance(batch, tuple)
    assert [type(part) for part in batch] == [Tensor] * 4
    assert [part.dtype.name for part in batch] == ["uint8", "int64", "float64", "float16"]
    assert [part.shape for part in batch] == [(3, 2), (3,), (3,), (3,)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_arrays_of_a_batch_stay_together(shuffle):
    dataset = Dataset(np.arange(40).reshape(20, 2), np.arange(20) * 2)
    for pairs, firsts in DataLoader(dataset, batch_size=6, shuffle=shuffle):
        np.testing.assert_array_equal(pairs.numpy()[:, 0], firsts.numpy())


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_does_not_change_with_the_data_set(shuffle):
    array = np.arange(4)
    (batch,) = next(iter(DataLoader(Dataset(array), shuffle=shuffle)))
    before = batch.tolist()
    array[:] = -1
    assert batch.tolist() == before


def test_each_epoch_has_the_order_that_seed_and_epoch_fix():
    loader = DataLoader(numbers(50), batch_size=8, shuffle=True, seed=7)
    for epoch in range(3):
        assert loader.epoch == epoch
        wanted = permutation(50, (7, epoch)).tolist()
        assert list(itertools.chain(*batches(loader))) == wanted
    assert loader.epoch == 3


def test_an_epoch_can_be_chosen():
    loader = DataLoader(numbers(50), batch_size=50, shuffle=True)
    epochs = [batches(loader) for _ in range(4)]
    loader.epoch = 2
    assert batches(loader) == epochs[2]
    assert loader.epoch == 3


def test_other_seeds_give_other_orders():
    orders = [batches(DataLoader(numbers(50), shuffle=True, seed=seed)) for seed in range(4)]
    assert len({str(order) for order in orders}) == 4


def test_an_epoch_that_was_left_early_begins_anew():
    loader = DataLoader(numbers(50), batch_size=8, shuffle=True)
    first = next(iter(loader))[0].tolist()
    assert loader.epoch == 0
    assert batches(loader)[0] == first
    assert loader.epoch == 1


def test_two_iterations_at_once_see_the_same_epoch():
    loader = DataLoader(numbers(9), batch_size=2, shuffle=True)
    for (left,), (right,) in zip(loader, loader, strict=True):
        assert left.tolist() == right.tolist()
    assert loader.epoch == 1


@pytest.mark.parametrize("given_batches", range(15))
def test_a_resumed_loader_goes_on_as_if_it_had_never_stopped(given_batches):
    def endless(loader):
        while True:
            yield from loader

    def make():
        return DataLoader(numbers(20), batch_size=4, shuffle=True, seed=3)

    wanted = [batch.tolist() for (batch,) in itertools.islice(endless(make()), 30)]
    stopped = make()
    for _ in itertools.islice(endless(stopped), given_batches):
        pass
    resumed = make()
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    assert resumed.state_dict() == stopped.state_dict()
    rest = itertools.islice(endless(resumed), 30 - given_batches)
    assert [batch.tolist() for (batch,) in rest] == wanted[given_batches:]


def test_only_the_first_epoch_after_resuming_is_a_part():
    loader = DataLoader(numbers(6), batch_size=2)
    loader.load_state_dict(loader.state_dict() | {"epoch": 4, "batch": 2})
    assert batches(loader) == [[4, 5]]
    assert loader.epoch == 5
    assert batches(loader) == [[0, 1], [2, 3], [4, 5]]


def test_a_state_between_epochs_is_at_batch_0():
    loader = DataLoader(numbers(6), batch_size=2)
    batches(loader)
    assert loader.state_dict() == {
        "epoch": 1,
        "batch": 0,
        "length": 6,
        "batch_size": 2,
        "shuffle": 0,
        "seed": 0,
        "drop_last": 0,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 7}, "a loader with length 7, not 6"),
        ({"batch_size": 3}, "a loader with batch_size 3, not 2"),
        ({"shuffle": 1}, "a loader with shuffle 1, not 0"),
        ({"seed": 9}, "a loader with seed 9, not 0"),
        ({"drop_last": 1}, "a loader with drop_last 1, not 0"),
        ({"batch": 4}, "at batch 4, but an epoch has 3"),
        ({"more": 1}, "the state has .*more.*, not epoch, batch,"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    loader = DataLoader(numbers(6), batch_size=2)
    before = loader.state_dict()
    with pytest.raises(DataError, match=message):
        loader.load_state_dict(before | {"epoch": 3} | change)
    assert loader.state_dict() == before
    assert len(batches(loader)) == 3


@pytest.mark.parametrize("change", [{"epoch": -1}, {"batch": -1}, {"epoch": 1.5}, {"batch": None}])
def test_a_state_of_no_counts_is_refused(change):
    loader = DataLoader(numbers(6), batch_size=2)
    with pytest.raises(UsageError, match=r"(epoch|batch) is"):
        loader.load_state_dict(loader.state_dict() | change)


def test_an_empty_state_is_refused():
    with pytest.raises(DataError, match="the state has "):
        DataLoader(numbers(6)).load_state_dict({})


def test_a_transform_changes_the_arrays_of_each_batch():
    def scale(pixels, labels):
        assert pixels.dtype == np.uint8
        return pixels.astype(np.float32) / np.float32(255), labels

    dataset = Dataset(np.array([[0], [51], [255]], np.uint8), np.arange(3))
    loader = DataLoader(dataset, batch_size=2, transform=scale)
    first, last = list(loader)
    assert first[0].dtype.name == "float32"
    np.testing.assert_array_equal(first[0].numpy(), np.float32([[0], [0.2]]))
    np.testing.assert_array_equal(last[0].numpy(), [[1]])
    assert last[1].tolist() == [2]


def test_a_new_array_is_not_copied_and_a_view_is():
    given = []

    def doubled_and_rows(array):
        given.extend([array * 2, array[:]])
        return given[-2:]

    loader = DataLoader(numbers(4), batch_size=2, shuffle=True, transform=doubled_and_rows)
    doubled, rows = next(iter(loader))
    assert np.shares_memory(doubled.numpy(), given[0])
    assert not np.shares_memory(rows.numpy(), given[1])
    np.testing.assert_array_equal(doubled.numpy(), 2 * rows.numpy())


@pytest.mark.parametrize("kind", ["float16", ">f4", "uint16"])
def test_arrays_of_other_layouts_of_numbers_make_the_same_tensors(kind):
    loader = DataLoader(numbers(3), transform=lambda array: array.astype(kind))
    (batch,) = next(iter(loader))
    assert batch.dtype.name == {">f4": "float32"}.get(kind, kind)
    np.testing.assert_array_equal(batch.numpy(), [0, 1, 2])


def test_a_transform_may_give_one_array_and_tensors():
    (batch,) = next(iter(DataLoader(numbers(3), transform=lambda array: array * 2)))
    assert batch.tolist() == [0, 2, 4]
    (batch,) = next(
        iter(DataLoader(numbers(3), transform=lambda array: tensor(array).cast("float32")))
    )
    assert batch.dtype.name == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size is at least 1, not 0"),
        ({"batch_size": -5}, "batch_size is at least 1, not -5"),
        ({"batch_size": 2.5}, r"batch_size is an int, not 2\.5"),
        ({"seed": -1}, "key word -1 is outside of 0 to 4294967295"),
        ({"seed": 2**32}, "key word 4294967296 is outside"),
        ({"seed": "x"}, "a key word is an int, not 'x'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        DataLoader(numbers(6), **arguments)


def test_a_wrong_epoch_is_refused():
    loader = DataLoader(numbers(6))
    with pytest.raises(UsageError, match="epoch is at least 0, not -1"):
        loader.epoch = -1


def test_drop_last_that_leaves_nothing_is_refused():
    with pytest.raises(DataError, match="drop_last leaves nothing: 6 items, batches of 7"):
        DataLoader(numbers(6), batch_size=7, drop_last=True)


def test_what_is_no_data_set_is_refused_with_a_hint():
    with pytest.raises(UsageError, match="a loader takes a Dataset, not list") as caught:
        DataLoader([1, 2, 3])
    assert caught.value.hint == "DataLoader(Dataset(images, labels))"


def test_a_mask_takes_the_items_where_it_is_true():
    data = Dataset(np.arange(10.0, 14.0), np.arange(4))
    for mask in (np.array([False, True, True, False]), [False, True, True, False]):
        values, positions = data[mask]
        np.testing.assert_array_equal(values, [11.0, 12.0])
        np.testing.assert_array_equal(positions, [1, 2])
    np.testing.assert_array_equal(data[[]][0], [])


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(DataError, match=r"a bool for each of 10 items, not shape \(2,\)"):
        numbers(10)[np.array([True, False])]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (1.5, "items are not found by float"),
        ("1", "items are not found by str"),
        (True, "items are not found by bool"),
        (None, "items are not found by NoneType"),
        ([1.0], "items are not found by float64"),
        (np.ma.array([1, 2]), "items are not found by MaskedArray"),
        (slice("a", None), "a slice is made of ints"),
    ],
)
def test_what_is_no_index_is_refused(index, message):
    with pytest.raises(DTypeError, match=message):
        numbers(10)[index]


def test_a_masked_array_is_no_data():
    with pytest.raises(DataError, match="array 0 is masked"):
        Dataset(np.ma.array([1.0, 2.0], mask=[True, False]))


def test_a_state_that_is_no_dict_is_refused():
    with pytest.raises(UsageError, match="a state is a dict, not NoneType"):
        DataLoader(numbers(10)).load_state_dict(None)


def test_an_epoch_drawn_with_replacement_has_as_many_batches_as_wanted():
    loader = DataLoader(numbers(5574), 256, seed=3, replacement=True, batches=38)
    first, second = batches(loader), batches(loader)
    assert [len(batch) for batch in first] == [256] * 38
    drawn = np.concatenate(first)
    assert drawn.min() >= 0
    assert drawn.max() < 5574
    assert len(set(drawn.tolist())) < len(drawn)
    assert first != second
    loader.epoch = 0
    assert batches(loader) == first


def test_without_a_number_of_batches_they_hold_as_many_items_as_there_are():
    assert [len(batch) for batch in batches(DataLoader(numbers(7), 3, replacement=True))] == [3] * 3


@pytest.mark.parametrize("weights", [None, [0, 1, 2, 0]])
def test_the_orders_of_epochs_are_those_that_are_iterated(weights):
    loader = DataLoader(numbers(4), 3, seed=5, replacement=True, batches=4, weights=weights)
    orders = loader.orders(range(2))
    assert orders.shape == (2, loader.items) == (2, 12)
    iterated = [[x for batch in batches(loader) for x in batch] for _ in range(2)]
    assert iterated == orders.tolist()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.integers(0, 1000))
def test_items_are_drawn_as_often_as_their_weights_say(weights, seed):
    assume(sum(weights) > 1e-3)
    n = len(weights)
    loader = DataLoader(numbers(n), 2000, seed=seed, replacement=True, batches=1, weights=weights)
    counts = np.bincount(loader.orders(range(1))[0], minlength=n)
    shares = np.array(weights) / sum(weights)
    np.testing.assert_allclose(counts / 2000, shares, atol=0.08)
    assert not counts[np.array(weights) == 0].any()


@pytest.mark.parametrize("given_batches", range(9))
@pytest.mark.parametrize("weights", [None, list(range(20))])
def test_drawing_goes_on_after_a_resume_as_if_it_had_never_stopped(given_batches, weights):
    def make():
        return DataLoader(numbers(20), 4, seed=3, replacement=True, batches=3, weights=weights)

    loader = make()
    wanted = [batch for _ in range(3) for batch in batches(loader)]
    stopped, seen = make(), 0
    while seen < given_batches:
        for _ in itertools.islice(stopped, given_batches - seen):
            seen += 1
    resumed = make()
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    rest = [batch for _ in range(3) for batch in batches(resumed)]
    assert wanted[given_batches:] == rest[: 9 - given_batches]


def test_a_state_of_other_weights_or_batches_is_refused():
    def make(**options):
        return DataLoader(numbers(4), 2, replacement=True, **options)

    for other, message in [
        (make(batches=3), "batches 2, not 3"),
        (make(weights=[1, 1, 1, 2]), "the state has "),
        (DataLoader(numbers(4), 2), "the state has .*replacement"),
    ]:
        with pytest.raises(DataError, match=message):
            other.load_state_dict(make().state_dict())
    weighted = make(weights=[1, 1, 1, 2]).state_dict()
    with pytest.raises(DataError, match="a loader with weights"):
        make(weights=[1, 1, 1, 3]).load_state_dict(weighted)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"batches": 3}, UsageError, "batches are for drawing with replacement"),
        ({"weights": [1] * 6}, UsageError, "weights are for drawing with replacement"),
        ({"replacement": True, "batches": 0}, UsageError, "batches is at least 1, not 0"),
        ({"replacement": True, "weights": [1]}, DataError, r"each of 6 items, not of shape \(1,\)"),
        ({"replacement": True, "weights": [0] * 6}, DataError, "the weights add up to 0"),
        ({"replacement": True, "weights": [1e308] * 6}, DataError, "the weights add up to inf"),
        ({"replacement": True, "weights": [1] * 5 + [-1]}, DataError, "weight 5 is -1, which is"),
        ({"replacement": True, "weights": [1] * 5 + [np.nan]}, DataError, "weight 5 is nan"),
        ({"replacement": True, "weights": "abcdef"}, DataError, "weights are not numbers"),
        ({"prefetch": -1}, UsageError, "prefetch is at least 0, not -1"),
        ({"prefetch": 10**9}, UsageError, "prefetch is at most 1024"),
    ],
)
def test_wrong_ways_to_draw_are_refused(options, kind, message):
    with np.errstate(over="ignore"), pytest.raises(kind, match=message):
        DataLoader(numbers(6), **options)


@pytest.mark.parametrize("weight", [5e-324, 1e308])
def test_weights_whose_sum_is_no_normal_number_are_refused(weight, recwarn):
    with pytest.raises(DataError, match="the weights add up to"):
        DataLoader(numbers(10), replacement=True, weights=[weight] * 10)
    assert list(recwarn) == []
