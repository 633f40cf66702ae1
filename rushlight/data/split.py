"""A data set divided into parts at random: for training and testing, or into folds."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, UsageError
from rushlight.core.philox import WORD, permutation
from rushlight.data.dataset import Dataset
from rushlight.data.items import Items

Int64s = NDArray[np.int64]
Whole = TypeVar("Whole", Dataset, Items)

# `split` shuffles with a key of its own, which no epoch will reach.
SPLIT = WORD - 1


def split(
    dataset: Whole,
    parts: Sequence[int] | Sequence[float],
    seed: int = 0,
    stratify: Any = None,
) -> tuple[Whole, ...]:
    """Return the items of a data set in random order, divided into parts.

    Args:
        dataset: what to divide.
        parts: sizes, all ints, which add up to the length, or fractions, which add up to 1.
        seed: of the order, 0 to 2^32 - 1.
        stratify: divide the items of each class alike. The class of each item, as an array or a
            list of n, or the place of that array in the data set, such as -1 for the last. By
            fractions, each class is rounded on its own, up where most is cut off; by sizes, the
            sizes hold, and classes may be off by an item.

    Raises UsageError for parts or classes that are neither, DataError for a part without items.

    >>> train, test = split(Dataset(np.arange(10)), [0.8, 0.2])
    >>> len(train), len(test)
    (8, 2)
    >>> labels = np.array([0] * 90 + [1] * 10)
    >>> train, test = split(Dataset(np.arange(100), labels), [0.8, 0.2], stratify=-1)
    >>> int(train.arrays[1].sum()), int(test.arrays[1].sum())
    (8, 2)
    """
    _check(dataset)
    if not isinstance(parts, Iterable) or isinstance(parts, str):
        raise UsageError(f"parts is a list, not {parts!r}", hint="split(dataset, [0.8, 0.2])")
    given = list(parts)
    sizes = _sizes(given, len(dataset))
    chosen = _part_of_each(dataset, sizes, given, seed, stratify)
    return tuple(dataset.take(items) for items in chosen)


def folds(
    dataset: Whole, count: int, seed: int = 0, stratify: Any = None
) -> Iterator[tuple[Whole, Whole]]:
    """Yield pairs of data sets, to train and to test, so that each item is tested once.

    Args:
        dataset: what to divide.
        count: how many pairs.
        seed: of the order, 0 to 2^32 - 1.
        stratify: as for `split`.

    Raises UsageError for fewer than 2 folds, DataError for more than there are items.

    >>> [len(test) for train, test in folds(Dataset(np.arange(10)), 3)]
    [3, 4, 3]
    """
    _check(dataset)
    if type(count) is not int or count < 2:
        raise UsageError(f"folds are 2 or more, not {count!r:.40}")
    if count > len(dataset):
        raise DataError(f"{count} folds of {len(dataset)} items: one would be empty")
    sizes = _sizes([1 / count] * count, len(dataset))
    tests = _part_of_each(dataset, sizes, sizes, seed, stratify)

    def pairs() -> Iterator[tuple[Whole, Whole]]:
        for number, test in enumerate(tests):
            rest = [items for other, items in enumerate(tests) if other != number]
            yield dataset.take(np.concatenate(rest)), dataset.take(test)

    return pairs()


def _check(dataset: Any) -> None:
    if not isinstance(dataset, (Dataset, Items)):
        raise UsageError(f"a Dataset is divided, not {type(dataset).__name__}")


def _part_of_each(
    dataset: Dataset | Items, sizes: list[int], parts: Sequence[Any], seed: int, stratify: Any
) -> list[Int64s]:
    """Return the positions of the items of each part, in random order."""
    order = permutation(len(dataset), (seed, SPLIT))
    if stratify is None:
        return np.split(order, np.cumsum(sizes)[:-1])
    classes = _classes(dataset, stratify)[order]
    counts = np.bincount(classes)
    exact = isinstance(parts[0], (int, np.integer))
    fractions = np.array(sizes if exact else parts, np.float64)
    fractions /= fractions.sum()
    shares = _shares(counts, fractions, np.array(sizes) if exact else None)
    if shares.sum(axis=0).min() < 1:
        raise DataError(f"a part of {len(dataset)} items would be empty: {shares.sum(0).tolist()}")
    part_of = np.empty(len(dataset), np.int64)
    parts_of_classes = np.tile(np.arange(len(sizes)), len(shares))
    part_of[np.argsort(classes, kind="stable")] = np.repeat(parts_of_classes, shares.ravel())
    return [order[part_of == part] for part in range(len(sizes))]


def _shares(counts: Int64s, fractions: NDArray[np.float64], sizes: Int64s | None) -> Int64s:
    """Return how many items of each class every part gets, (classes, parts).

    Items that no whole share covers go one by one to where most was cut off, and, where there are
    sizes, to parts that are not full yet.
    """
    wanted = counts[:, np.newaxis] * fractions
    shares = np.floor(wanted + 1e-9).astype(np.int64)
    cut_off = wanted - shares
    items = counts - shares.sum(axis=1)
    room = np.full(len(fractions), counts.sum()) if sizes is None else sizes - shares.sum(axis=0)
    places = np.argsort(-cut_off.round(9), axis=None, kind="stable")
    while items.any():
        for number, part in zip(*np.unravel_index(places, shares.shape), strict=True):
            if items[number] and room[part]:
                shares[number, part] += 1
                items[number] -= 1
                room[part] -= 1
    return shares


def _classes(dataset: Dataset | Items, stratify: Any) -> Int64s:
    """Return the number of the class of each item, from 0 without gaps."""
    if isinstance(stratify, (int, np.integer)) and not isinstance(stratify, bool):
        if isinstance(dataset, Items):
            raise UsageError("Items are not read to be divided", hint="stratify=labels")
        if not -len(dataset.arrays) <= stratify < len(dataset.arrays):
            fact = f"there is no array {stratify} among {len(dataset.arrays)}"
            raise UsageError(fact, hint="stratify=-1 is the last one")
        stratify = dataset.arrays[stratify]
    try:
        labels = np.asarray(stratify)
    except ValueError:
        raise UsageError("stratify is made of lists of differing lengths") from None
    if labels.shape != (len(dataset),) or labels.dtype.kind not in "iubU":
        raise UsageError(
            f"the classes are ints or names ({len(dataset)},), not {labels.dtype} {labels.shape}",
            hint="stratify=labels, or stratify=-1 for the last array",
        )
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _sizes(parts: Sequence[int] | Sequence[float], length: int) -> list[int]:
    """Return the sizes of the parts; fractions are rounded where parts meet, so none is lost."""
    if all(isinstance(part, (int, np.integer)) for part in parts):
        sizes = [int(part) for part in parts]
        if sum(sizes) != length:
            raise UsageError(f"the sizes add up to {sum(sizes)}, the data set has {length} items")
    elif all(isinstance(part, (float, np.floating)) for part in parts):
        total = sum(parts)
        if not abs(total - 1) < 1e-6:
            raise UsageError(f"the fractions add up to {total:g}, not 1")
        ends = [round(end * length) for end in itertools.accumulate(parts)]
        sizes = [end - start for start, end in itertools.pairwise([0, *ends])]
    else:
        raise UsageError(f"parts are all sizes or all fractions, not {list(parts)}")
    if min(sizes) < 1:
        raise DataError(f"a part of {length} items would be empty: sizes {sizes}")
    return sizes
