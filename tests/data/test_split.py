import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rushlight.core.errors import DataError, UsageError
from rushlight.core.philox import permutation
from rushlight.data import sms
from rushlight.data.dataset import Dataset
from rushlight.data.split import folds, split


def numbers(n):
    return Dataset(np.arange(n))


def labelled(*counts):
    """Items 0, 1, ... with as many of class 0, 1, ... as `counts` says."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return Dataset(
        np.arange(len(labels)), labels, labels=[f"class {i}" for i in range(len(counts))]
    )


def class_counts(part, classes):
    return np.bincount(part.arrays[1], minlength=classes).tolist()


def test_a_split_by_sizes_divides_the_items():
    parts = split(Dataset(np.arange(10), np.arange(10) * 3), [7, 2, 1])
    assert [len(part) for part in parts] == [7, 2, 1]
    items = np.concatenate([part.arrays[0] for part in parts])
    np.testing.assert_array_equal(np.sort(items), np.arange(10))
    assert items.tolist() != list(range(10))
    for part in parts:
        np.testing.assert_array_equal(part.arrays[1], part.arrays[0] * 3)


@pytest.mark.parametrize(
    ("n", "fractions", "sizes"),
    [
        (10, [0.8, 0.2], [8, 2]),
        (10, [1.0], [10]),
        (10, [0.1] * 10, [1] * 10),
        (7, [1 / 3, 1 / 3, 1 / 3], [2, 3, 2]),
        (60_000, [0.7, 0.15, 0.15], [42_000, 9_000, 9_000]),
    ],
)
def test_a_split_by_fractions_loses_no_item(n, fractions, sizes):
    assert [len(part) for part in split(numbers(n), fractions)] == sizes


@given(st.integers(20, 200), st.lists(st.integers(1, 10), min_size=1, max_size=4))
def test_fractions_give_each_part_its_share_to_within_one_item(n, weights):
    fractions = [weight / sum(weights) for weight in weights]
    assume(min(fractions) * n >= 1.5)
    sizes = [len(part) for part in split(numbers(n), fractions)]
    assert sum(sizes) == n
    np.testing.assert_allclose(sizes, np.array(fractions) * n, atol=1)


def test_a_split_is_fixed_by_its_seed():
    first = [part.arrays[0].tolist() for part in split(numbers(30), [0.5, 0.5], seed=1)]
    again = [part.arrays[0].tolist() for part in split(numbers(30), [0.5, 0.5], seed=1)]
    other = [part.arrays[0].tolist() for part in split(numbers(30), [0.5, 0.5], seed=2)]
    assert first == again != other


def test_a_split_is_not_the_order_of_an_epoch_of_the_same_seed():
    (whole,) = split(numbers(30), [30], seed=1)
    for epoch in range(20):
        assert whole.arrays[0].tolist() != permutation(30, (1, epoch)).tolist()


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        ([], UsageError, "the sizes add up to 0, the data set has 10 items"),
        ([5, 4], UsageError, "the sizes add up to 9, the data set has 10 items"),
        ([0.5, 0.4], UsageError, r"the fractions add up to 0\.9, not 1"),
        ([float("nan"), 0.5], UsageError, "the fractions add up to nan, not 1"),
        ([float("inf"), float("-inf")], UsageError, "the fractions add up to nan, not 1"),
        ([5, 0.5], UsageError, "all sizes or all fractions"),
        (["5", "5"], UsageError, "all sizes or all fractions"),
        ([10, 0], DataError, r"a part of 10 items would be empty: sizes \[10, 0\]"),
        ([11, -1], DataError, r"would be empty: sizes \[11, -1\]"),
        ([0.99, 0.01], DataError, r"would be empty: sizes \[10, 0\]"),
    ],
)
def test_parts_that_do_not_divide_are_refused(parts, kind, message):
    with pytest.raises(kind, match=message):
        split(numbers(10), parts)


def test_a_split_of_other_things_is_refused():
    with pytest.raises(UsageError, match="parts is a list, not 5"):
        split(numbers(10), 5)
    with pytest.raises(UsageError, match="a Dataset is divided, not int"):
        split(5, [1])


def test_each_class_is_divided_by_the_same_fractions():
    parts = split(labelled(70, 20, 10), [0.8, 0.1, 0.1], stratify=-1)
    assert [class_counts(part, 3) for part in parts] == [[56, 16, 8], [7, 2, 1], [7, 2, 1]]


def test_what_is_left_of_a_class_goes_where_most_was_cut_off():
    parts = split(labelled(7, 4, 1), [0.5, 0.3, 0.2], stratify=1)
    # 3.5 2.1 1.4, then 2 1.2 0.8, then 0.5 0.3 0.2
    assert [class_counts(part, 3) for part in parts] == [[4, 2, 1], [2, 1, 0], [1, 1, 0]]


def test_the_messages_keep_their_share_of_spam():
    labels = [label for label, _ in sms.load()]
    train, test = split(numbers(len(labels)), [0.8, 0.2], seed=1, stratify=labels)
    spam = [sum(labels[i] == "spam" for i in part.arrays[0]) for part in (train, test)]
    assert spam == [598, 149]
    assert [len(train), len(test)] == [4460, 1114]


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
    st.lists(st.integers(1, 10), min_size=1, max_size=4),
    st.integers(0, 5),
)
def test_a_stratified_split_loses_no_item_and_is_fair_to_within_one(counts, weights, seed):
    fractions = [weight / sum(weights) for weight in weights]
    assume(min(fractions) * max(counts) >= 1)
    parts = split(labelled(*counts), fractions, seed=seed, stratify=-1)
    items = np.concatenate([part.arrays[0] for part in parts])
    np.testing.assert_array_equal(np.sort(items), np.arange(sum(counts)))
    for part, fraction in zip(parts, fractions, strict=True):
        got = class_counts(part, len(counts))
        np.testing.assert_allclose(got, np.array(counts) * fraction, atol=1 - 1e-9)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.data())
def test_a_stratified_split_by_sizes_has_these_sizes(counts, data):
    total = sum(counts)
    assume(total >= 2)
    first = data.draw(st.integers(1, total - 1))
    parts = split(labelled(*counts), [first, total - first], stratify=-1)
    assert [len(part) for part in parts] == [first, total - first]
    got = class_counts(parts[0], len(counts))
    np.testing.assert_allclose(got, np.array(counts) * first / total, atol=1.5)


def test_the_items_of_a_stratified_part_are_in_random_order():
    train, _ = split(labelled(50, 50), [0.8, 0.2], seed=3, stratify=-1)
    changes = np.count_nonzero(np.diff(train.arrays[1]))
    assert changes > 20
    again, _ = split(labelled(50, 50), [0.8, 0.2], seed=3, stratify=-1)
    np.testing.assert_array_equal(again.arrays[0], train.arrays[0])


def test_parts_keep_the_names_of_the_classes():
    for part in split(labelled(5, 5), [0.6, 0.4], stratify=-1):
        assert part.labels == ("class 0", "class 1")


@pytest.mark.parametrize(
    ("stratify", "message"),
    [
        (2, "there is no array 2 among 2"),
        (True, r"the classes are ints or names \(10,\), not bool \(\)"),
        ([0, 1], r"the classes are ints or names \(10,\), not int64 \(2,\)"),
        (np.zeros(10), r"the classes are ints or names \(10,\), not float64 \(10,\)"),
        ([[1], [1, 2]], "lists of differing lengths"),
    ],
)
def test_what_are_no_classes_is_refused(stratify, message):
    with pytest.raises(UsageError, match=message):
        split(labelled(5, 5), [0.6, 0.4], stratify=stratify)


def test_a_stratified_part_without_items_is_refused():
    with pytest.raises(DataError, match=r"a part of 4 items would be empty: \[4, 0\]"):
        split(labelled(1, 1, 1, 1), [0.7, 0.3], stratify=-1)


@pytest.mark.parametrize("stratify", [None, -1])
def test_each_item_is_in_one_fold(stratify):
    dataset = labelled(23, 11, 6)
    tests = []
    for train, test in folds(dataset, 5, seed=2, stratify=stratify):
        both = np.concatenate([train.arrays[0], test.arrays[0]])
        np.testing.assert_array_equal(np.sort(both), np.arange(40))
        assert len(test) == 8
        tests.append(test.arrays[0])
        if stratify is not None:
            np.testing.assert_allclose(class_counts(test, 3), [4.6, 2.2, 1.2], atol=1.5)
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(40))


@pytest.mark.parametrize("count", [1, 0, 2.5, "2"])
def test_fewer_than_two_folds_are_refused(count):
    with pytest.raises(UsageError, match="folds are 2 or more"):
        folds(numbers(10), count)


def test_more_folds_than_items_are_refused():
    with pytest.raises(DataError, match="would be empty"):
        folds(numbers(3), 4)


def test_a_billion_folds_are_refused_at_once():
    with pytest.raises(DataError, match="1000000000 folds of 3 items"):
        folds(numbers(3), 10**9)


def test_very_many_folds_take_no_quadratic_time():
    assert len(next(folds(numbers(50_000), 50_000))[1]) == 1


def test_very_many_classes_take_no_quadratic_time():
    n = 200_000
    train, test = split(Dataset(np.arange(2 * n), np.arange(2 * n) % n), [0.5, 0.5], stratify=-1)
    np.testing.assert_array_equal(np.sort(train.arrays[1]), np.sort(test.arrays[1]))
