"""Philox4x32-10: random words that are a pure function of a key and a counter.

Any part of the stream can be computed alone, in any order, with the same bits on every platform.
Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11.
"""

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DTypeError, ShapeError, UsageError

ROUNDS = 10
WORD = 1 << 32
BLOCK = 4  # words that come of one counter
# Blocks worked on at once: the two scratch arrays then take 256 KB, which fits an L2 cache.
CHUNK = 8192

_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # added to the key after every round
_HALF = np.array(32, dtype=np.uint64)

Key = tuple[int, int]


def check_key(key: Key) -> Key:
    """Return the key as two Python ints; raises UsageError outside of 0 to 2^32 - 1.

    >>> check_key((7, 0))
    (7, 0)
    """
    words = tuple(_integer(word, "a key word") for word in key)
    if len(words) != 2:
        raise UsageError(f"a key has two words, not {len(words)}")
    for word in words:
        if not 0 <= word < WORD:
            raise UsageError(f"key word {word} is outside of 0 to {WORD - 1}")
    return words[0], words[1]


def random_bits(key: Key, counter: int, count: int) -> NDArray[np.uint32]:
    """Return `count` random words, uint32 (count,): the blocks at counter, counter + 1, ...

    A block gives four words in order. The counter wraps at 2^64. Raises UsageError for a key,
    a counter or a count that is negative or too large.

    >>> [f"{word:08x}" for word in random_bits((0, 0), counter=0, count=4)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    schedule = _key_schedule(check_key(key))
    counter = _natural(counter, "a counter") % (WORD * WORD)
    count = _natural(count, "a count")
    blocks = -(-count // 4)
    words = np.empty((blocks, 4), dtype=np.uint32)
    steps = np.arange(min(blocks, CHUNK), dtype=np.uint64)
    state = np.empty((2, steps.size), dtype=np.uint64)
    scratch = np.empty_like(state)
    for start in range(0, blocks, CHUNK):
        size = min(CHUNK, blocks - start)
        part, spare = state[:, :size], scratch[:, :size]
        first = np.uint64((counter + start) % (WORD * WORD))
        np.add(steps[:size], first, out=spare[0])  # wraps at 2^64
        np.left_shift(spare[0], _HALF, out=part[0])
        np.right_shift(spare[0], _HALF, out=spare[0])
        np.bitwise_or(part[0], spare[0], out=part[0])
        part[1] = 0
        _ten_rounds(part, spare, schedule)
        _unpack(part, words[start : start + size])
    return words.reshape(-1)[:count]


def philox4x32(counters: NDArray[np.uint32], key: Key) -> NDArray[np.uint32]:
    """Return the random block of each 128-bit counter: uint32 (n, 4), low words first, to (n, 4).

    >>> philox4x32(np.zeros((1, 4), np.uint32), (0, 0))[0, 0] == 0x6627E8D5
    np.True_
    """
    if counters.ndim != 2 or counters.shape[1] != 4:
        raise ShapeError(f"counters have shape (n, 4), not {counters.shape}")
    wide = counters.astype(np.uint64)
    state = np.stack([wide[:, 0] << _HALF | wide[:, 1], wide[:, 2] << _HALF | wide[:, 3]])
    _ten_rounds(state, np.empty_like(state), _key_schedule(check_key(key)))
    words = np.empty(counters.shape, dtype=np.uint32)
    _unpack(state, words)
    return words


def uniform(bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return one float32 in [0, 1) for each word: its upper 24 bits times 2^-24.

    >>> uniform(np.array([0, 1 << 31, 2**32 - 1], dtype=np.uint32)).tolist()
    [0.0, 0.5, 0.9999999403953552]
    """
    _check_words(bits)
    values = (bits >> np.uint32(8)).astype(np.float32)
    values *= np.float32(2.0**-24)
    return values


def uniform64(bits: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return one float64 in [0, 1) for each pair of words, (2n,) to (n,): 53 of their bits.

    The first of a pair gives the upper 27 bits, the second the lower 26.

    >>> uniform64(np.array([1 << 31, 0, 0, 1 << 31], dtype=np.uint32)).tolist()
    [0.5, 3.725290298461914e-09]
    """
    _check_words(bits)
    if bits.ndim != 1 or bits.size % 2:
        raise ShapeError(f"pairs of words have shape (2n,), not {bits.shape}")
    values = (bits[0::2] >> np.uint32(5)).astype(np.float64)
    values *= 2.0**26
    values += bits[1::2] >> np.uint32(6)
    values *= 2.0**-53
    return values


def least_kept(share: float) -> int:
    """Return the least word that is not among the smallest `share` of all, which is below 1.

    >>> least_kept(0.0), least_kept(0.5) == 1 << 31
    (0, True)
    """
    return min(round(share * WORD), WORD - 1)


def permutation(n: int, key: Key) -> NDArray[np.int64]:
    """Return the numbers 0 to n - 1 in random order, int64 (n,), the same everywhere for a key.

    They are sorted by random 64-bit numbers; should two be equal, the smaller index comes first.

    >>> permutation(6, key=(1, 0)).tolist()
    [4, 3, 1, 2, 5, 0]
    """
    count = _natural(n, "a length")
    words = random_bits(key, 0, 2 * count).astype(np.uint64)
    order = np.argsort(words[0::2] << _HALF | words[1::2], kind="stable")
    return order.astype(np.int64, copy=False)


def permutations(n: int, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `permutation(n, key)` for each of the keys (m, 2), worked out at once: int64 (m, n).

    >>> permutations(6, np.array([[1, 0], [1, 1]]))[0].tolist()
    [4, 3, 1, 2, 5, 0]
    """
    count = _natural(n, "a length")
    blocks = -(-2 * count // 4)
    rounds = np.arange(ROUNDS, dtype=np.uint64)[:, None, None]
    weyl = np.array(_WEYL, dtype=np.uint64)[None, :, None]
    schedule = (keys.T.astype(np.uint64)[None] + rounds * weyl) % np.uint64(WORD)
    state = np.zeros((2, len(keys), blocks), dtype=np.uint64)
    state[0] = np.arange(blocks, dtype=np.uint64) << _HALF
    _ten_rounds(state, np.empty_like(state), schedule[..., None] << _HALF)
    words = np.empty((len(keys) * blocks, 4), dtype=np.uint32)
    _unpack(state.reshape(2, -1), words)
    wide = words.reshape(len(keys), 4 * blocks)[:, : 2 * count].astype(np.uint64)
    order = np.argsort(wide[:, 0::2] << _HALF | wide[:, 1::2], axis=1, kind="stable")
    return order.astype(np.int64, copy=False)


def _key_schedule(key: Key) -> NDArray[np.uint64]:
    """Return the keys of the ten rounds, (10, 2, 1), in the upper halves of 64-bit words."""
    first, second = key
    keys = [[(first + r * _WEYL[0]) % WORD, (second + r * _WEYL[1]) % WORD] for r in range(ROUNDS)]
    return np.array(keys, dtype=np.uint64)[:, :, None] << _HALF


def _ten_rounds(
    state: NDArray[np.uint64], scratch: NDArray[np.uint64], schedule: NDArray[np.uint64]
) -> None:
    """Scramble a state of (2, n), or of (2, keys, n), in place.

    Row 0 holds the counter words (c0, c1) as c0 * 2^32 + c1, row 1 holds (c2, c3) likewise. In
    this order the high and the low half of a product already lie where the next round wants
    them, and a shift left brings c1 to its place and drops c0.
    """
    multipliers = _MULTIPLIERS.reshape(2, *[1] * (state.ndim - 1))
    for keys in schedule:
        np.right_shift(state, _HALF, out=scratch)
        np.multiply(scratch, multipliers, out=scratch)
        np.left_shift(state, _HALF, out=state)
        np.bitwise_xor(state, scratch[::-1], out=state)
        np.bitwise_xor(state, keys, out=state)


def _unpack(state: NDArray[np.uint64], words: NDArray[np.uint32]) -> None:
    """Write the halves of a state of (2, n), high before low, into words (n, 4)."""
    low = state.astype(np.uint32)
    high = (state >> _HALF).astype(np.uint32)
    for row in range(2):
        words[:, 2 * row] = high[row]
        words[:, 2 * row + 1] = low[row]


def _check_words(bits: NDArray[Any]) -> None:
    if bits.dtype != np.uint32:
        raise DTypeError(f"random words are uint32, not {bits.dtype}")


def _integer(value: object, what: str) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{what} is an int, not {value!r}") from None


def _natural(value: object, what: str) -> int:
    number = _integer(value, what)
    if number < 0:
        raise UsageError(f"{what} is at least 0, not {number}")
    return number
