"""Byte-pair encoding: pairs of neighbours that are merged, learnt from words and done to them.

All words lie in one row, and a merge is done everywhere at once. A pair with the new token is
merged later than the token is made, so one pass over the merges, from the first to the last,
does for each word what doing the earliest merge first would.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Pair = tuple[int, int]

BYTES = 256  # the first tokens, which are not merged from others
LONGEST = 256  # bytes of a token
_RARE = 2  # a pair that comes less often is not merged
_GAP, _GONE = -1, -2


class _Row:
    """The tokens of words, one after another, with a gap before, between and behind them.

    A merged token stands where its first part stood; where the second stood, nothing is left.
    """

    def __init__(self, words: Sequence[bytes], tokens: int) -> None:
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        self.gaps = np.concatenate([[0], np.cumsum(lengths + 1)])
        row = b"\0".join([b"", *words, b""])
        self.tokens = np.frombuffer(row, np.uint8)[: self.gaps[-1] + 1].astype(np.int64)
        self.tokens[self.gaps] = _GAP
        places = np.arange(len(self.tokens))
        self.after = np.minimum(places + 1, len(places) - 1)
        self.before = np.maximum(places - 1, 0)
        self._stride = tokens + 1

    def key(self, pair: Pair) -> int:
        """Return a number for a pair, in the order of the pairs; none is below `_stride`."""
        return (pair[0] + 1) * self._stride + pair[1] + 1

    def pair(self, key: int) -> Pair:
        return key // self._stride - 1, key % self._stride - 1

    def keys(self, places: Ints) -> tuple[Ints, Ints]:
        """Return the pairs that begin at these places, and the places, without those of gaps."""
        first, second = self.tokens[places], self.tokens[self.after[places]]
        inside = (first >= 0) & (second >= 0)
        return (first[inside] + 1) * self._stride + second[inside] + 1, places[inside]

    def fitting(self, pair: Pair, places: Ints) -> Ints:
        """Return the places at which the pair is to be merged, of those where it was seen."""
        first, second = pair
        places = places[self.tokens[places] == first]
        places = places[self.tokens[self.after[places]] == second]
        return self._apart(np.sort(places)) if first == second else places

    def _apart(self, places: Ints) -> Ints:
        """Return every other place of a run of equal tokens: a pair begins where one ended."""
        number = np.arange(len(places))
        begins = np.ones(len(places), bool)
        begins[1:] = self.before[places[1:]] != places[:-1]
        behind = number - np.maximum.accumulate(np.where(begins, number, 0))
        apart: Ints = places[behind % 2 == 0]
        return apart

    def merge(self, places: Ints, token: int) -> Ints:
        """Merge the pairs at these places; return where pairs with the new token begin."""
        second = self.after[places]
        third = self.after[second]
        self.tokens[places] = token
        self.tokens[second] = _GONE
        self.after[places] = third
        self.before[third] = places
        first = self.before[places]
        return np.concatenate([first[self.tokens[first] != token], places])

    def words(self) -> tuple[Ints, Ints]:
        """Return the tokens of all words, and where in them each word begins and the last ends."""
        alive = self.tokens >= 0
        return self.tokens[alive], np.cumsum(alive)[self.gaps]


class Merges:
    """Pairs in the order in which they are merged; merge i makes the token 256 + i."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self._tokens = BYTES + len(pairs)
        empty = _Row([], self._tokens)
        keys = np.array([empty.key(pair) for pair in pairs], np.int64)
        self._order = np.argsort(keys)
        self._keys = keys[self._order]

    def tokens_of(self, words: Sequence[bytes]) -> tuple[Ints, Ints]:
        """Return the tokens of all words, and where each word begins and the last one ends."""
        row = _Row(words, self._tokens)
        found: dict[int, list[Ints]] = {}  # places by the number of the merge
        self._find(row, np.arange(len(row.tokens)), found)
        numbers = list(found)
        heapq.heapify(numbers)
        while numbers:
            number = heapq.heappop(numbers)
            places = row.fitting(self.pairs[number], np.concatenate(found.pop(number)))
            if len(places):
                for new in self._find(row, row.merge(places, BYTES + number), found):
                    heapq.heappush(numbers, new)
        return row.words()

    def _find(self, row: _Row, places: Ints, found: dict[int, list[Ints]]) -> list[int]:
        """Note the merges of pairs that begin at these places; return those seen for once."""
        keys, places = row.keys(places)
        spots = np.searchsorted(self._keys, keys)
        inside = spots < len(self._keys)
        inside[inside] = self._keys[spots[inside]] == keys[inside]
        new = []
        for number, part in _grouped(self._order[spots[inside]], places[inside]):
            if number not in found:
                new.append(number)
            found.setdefault(number, []).append(part)
        return new


def learn(words: Mapping[bytes, int], most: int) -> list[Pair]:
    """Return the pairs to merge that come most often in words, given how often those come.

    Of pairs that come equally often, the one with the lowest first token is merged, then the one
    with the lowest second. It ends before `most` where no pair comes twice.

    Source: Sennrich, Haddow, Birch 2016.

    >>> learn({b"low": 5, b"lower": 2, b"slow": 1}, 3)
    [(108, 111), (256, 119), (101, 114)]
    """
    row = _Row(list(words), BYTES + most)
    counts = np.fromiter(words.values(), np.int64, len(words))
    tally = _Tally(np.repeat(np.append(counts, 0), np.diff(row.gaps, append=row.gaps[-1] + 1)))
    tally.add(*row.keys(np.arange(len(row.tokens))))
    pairs: list[Pair] = []
    lengths = [1] * BYTES
    while len(pairs) < most:
        key = tally.most_frequent()
        if key is None:
            break
        first, second = pair = row.pair(key)
        places = row.fitting(pair, tally.places(key))
        if lengths[first] + lengths[second] > LONGEST:
            continue
        lengths.append(lengths[first] + lengths[second])
        around = [row.before[places], places, row.after[places]]
        tally.remove(*row.keys(np.unique(np.concatenate(around))))
        tally.add(*row.keys(row.merge(places, BYTES + len(pairs))))
        pairs.append(pair)
    return pairs


class _Tally:
    """How often each pair comes, and where."""

    def __init__(self, weights: Ints) -> None:
        self._weights = weights  # of each place, how often its word comes
        self._counts: dict[int, int] = {}
        self._places: dict[int, list[Ints]] = {}
        self._heap: list[tuple[int, int]] = []  # most frequent first; old counts are left in it

    def add(self, keys: Ints, places: Ints) -> None:
        for key, part in _grouped(keys, places):
            self._places.setdefault(key, []).append(part)
            self._change(key, int(self._weights[part].sum()))

    def remove(self, keys: Ints, places: Ints) -> None:
        for key, part in _grouped(keys, places):
            self._change(key, -int(self._weights[part].sum()))

    def _change(self, key: int, by: int) -> None:
        count = self._counts.get(key, 0) + by
        self._counts[key] = count
        if count >= _RARE:
            heapq.heappush(self._heap, (-count, key))

    def most_frequent(self) -> int | None:
        while self._heap:
            count, key = heapq.heappop(self._heap)
            if self._counts[key] == -count:
                return key
        return None

    def places(self, key: int) -> Ints:
        """Return where a pair has been seen, which is asked once."""
        return np.concatenate(self._places.pop(key))


def _grouped(keys: Ints, places: Ints) -> Iterable[tuple[int, Ints]]:
    """Return each key with its places."""
    order = np.argsort(keys, kind="stable")
    keys, places = keys[order], places[order]
    ends = np.append(np.flatnonzero(keys[1:] != keys[:-1]) + 1, len(keys))
    start = 0
    for key, end in zip(keys[ends - 1].tolist() if len(keys) else (), ends.tolist(), strict=False):
        yield key, places[start:end]
        start = end
