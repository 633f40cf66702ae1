import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.core.philox import (
    CHUNK,
    permutation,
    philox4x32,
    random_bits,
    uniform,
    uniform64,
)

WORDS = st.integers(0, 2**32 - 1)
ONES = 0xFFFFFFFF

# The known answers that Random123 publishes for philox4x32-10.
KNOWN_ANSWERS = [
    (
        (0, 0, 0, 0),
        (0, 0),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (ONES, ONES, ONES, ONES),
        (ONES, ONES),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def block_in_plain_python(counter, key):
    """The generator as the paper writes it, one block at a time, in Python's own integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        left, right = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & ONES, (left >> 32) ^ c3 ^ k1, left & ONES
        k0, k1 = (k0 + 0x9E3779B9) & ONES, (k1 + 0xBB67AE85) & ONES
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_the_published_vectors_come_out(counter, key, answer):
    block = philox4x32(np.array([counter], dtype=np.uint32), key)
    assert [hex(word) for word in block[0]] == [hex(word) for word in answer]


@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=5), WORDS, WORDS)
def test_blocks_equal_those_of_plain_python(counters, first, second):
    blocks = philox4x32(np.array(counters, dtype=np.uint32), (first, second))
    wanted = [block_in_plain_python(counter, (first, second)) for counter in counters]
    assert blocks.dtype == np.uint32
    np.testing.assert_array_equal(blocks, np.array(wanted, dtype=np.uint32))


@given(WORDS, WORDS, st.integers(0, 2**64 - 1), st.integers(0, 40))
def test_a_stream_counts_its_blocks_up_from_the_counter(first, second, counter, count):
    words = random_bits((first, second), counter, count)
    wanted = []
    for block in range(-(-count // 4)):
        number = (counter + block) % 2**64
        wanted += block_in_plain_python((number & ONES, number >> 32, 0, 0), (first, second))
    assert words.dtype == np.uint32
    np.testing.assert_array_equal(words, np.array(wanted[:count], dtype=np.uint32))


def test_the_counter_wraps_at_two_to_the_64():
    around = random_bits((3, 4), 2**64 - 1, 8)
    np.testing.assert_array_equal(around[4:], random_bits((3, 4), 0, 4))
    np.testing.assert_array_equal(random_bits((3, 4), 2**64 + 5, 4), random_bits((3, 4), 5, 4))


@pytest.mark.parametrize("extra", [-3, 0, 1, 4, 4 * CHUNK])
def test_a_long_stream_is_its_pieces_one_after_the_other(extra):
    count = 4 * CHUNK + extra
    whole = random_bits((9, 1), 2**32 - 7, count)
    pieces = [
        random_bits((9, 1), 2**32 - 7 + start // 4, min(1000, count - start))
        for start in range(0, count, 1000)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_every_part_of_the_key_and_counter_changes_the_words():
    streams = [
        random_bits(key, counter, 4).tobytes()
        for key in [(0, 0), (1, 0), (0, 1)]
        for counter in [0, 1, 2**32]
    ]
    assert len(set(streams)) == len(streams)


def test_no_words_are_an_empty_array():
    assert random_bits((0, 0), 0, 0).shape == (0,)


def test_numpy_integers_are_taken_as_keys_and_counts():
    words = random_bits((np.uint32(7), np.int64(1)), np.int64(2), np.int32(5))
    np.testing.assert_array_equal(words, random_bits((7, 1), 2, 5))


@pytest.mark.parametrize(
    ("key", "counter", "count", "message"),
    [
        ((-1, 0), 0, 1, "key word -1 is outside of 0 to 4294967295"),
        ((0, 2**32), 0, 1, "key word 4294967296 is outside"),
        ((0.5, 0), 0, 1, "a key word is an int, not 0.5"),
        ((1, 2, 3), 0, 1, "a key has two words, not 3"),
        ((0, 0), -1, 1, "a counter is at least 0, not -1"),
        ((0, 0), 0, -1, "a count is at least 0, not -1"),
        ((0, 0), 0, 1.5, "a count is an int, not 1.5"),
    ],
)
def test_wrong_arguments_are_refused(key, counter, count, message):
    with pytest.raises(UsageError, match=message):
        random_bits(key, counter, count)


def test_counters_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"shape \(n, 4\), not \(4,\)"):
        philox4x32(np.zeros(4, dtype=np.uint32), (0, 0))


@given(st.lists(WORDS, max_size=8))
def test_a_uniform_is_the_upper_24_bits_exactly(words):
    values = uniform(np.array(words, dtype=np.uint32))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.array([(word >> 8) / 2**24 for word in words]))


@given(st.lists(st.tuples(WORDS, WORDS), max_size=8))
def test_a_double_uniform_is_53_bits_of_two_words_exactly(pairs):
    values = uniform64(np.array(pairs, dtype=np.uint32).reshape(-1))
    wanted = [((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in pairs]
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, np.array(wanted, dtype=np.float64))


def test_uniforms_reach_zero_and_stay_below_one():
    edges = np.array([0, 0, ONES, ONES], dtype=np.uint32)
    np.testing.assert_array_equal(uniform(edges), np.float32([0, 0, 1 - 2**-24, 1 - 2**-24]))
    np.testing.assert_array_equal(uniform64(edges), [0, 1 - 2**-53])


def test_uniforms_fill_the_unit_interval_evenly():
    values = uniform(random_bits((5, 6), 0, 100_000))
    counts = np.histogram(values, bins=10, range=(0, 1))[0]
    # Six standard deviations of a binomial count with p = 1/10.
    np.testing.assert_allclose(counts, 10_000, atol=6 * np.sqrt(100_000 * 0.09))


def test_uniforms_of_other_dtypes_and_odd_pairs_are_refused():
    with pytest.raises(DTypeError, match="random words are uint32, not int64"):
        uniform(np.zeros(2, dtype=np.int64))
    with pytest.raises(DTypeError, match="random words are uint32, not float64"):
        uniform64(np.zeros(2))
    with pytest.raises(ShapeError, match=r"shape \(2n,\), not \(3,\)"):
        uniform64(np.zeros(3, dtype=np.uint32))


@given(st.integers(0, 300), WORDS, WORDS)
def test_a_permutation_holds_each_number_once(n, first, second):
    order = permutation(n, (first, second))
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_a_permutation_sorts_64_bit_numbers_of_the_stream():
    words = [int(word) for word in random_bits((7, 3), 0, 200)]
    numbers = [words[2 * i] << 32 | words[2 * i + 1] for i in range(100)]
    wanted = sorted(range(100), key=numbers.__getitem__)
    np.testing.assert_array_equal(permutation(100, (7, 3)), wanted)


def test_permutations_of_other_keys_differ():
    orders = {permutation(50, (seed, epoch)).tobytes() for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
