"""Random words in C: the same bits as in Python, in whatever pieces they are drawn."""

import ctypes

import numpy as np
import pytest

from rushlight.compile.sources import runtime
from rushlight.core.philox import random_bits
from rushlight.ops.random import random_bits_p

SOURCE = """
void fill(const uint32_t *state, int64_t first, int64_t count, uint32_t *out)
{ rl_philox_fill(state, first, count, out); }
void advance(uint32_t *state, int64_t count)
{ rl_philox_advance(state, count, state); }
"""
STATES = [
    (0, 0, 0, 0),
    (1, 2, 3, 0),
    (7, 0xFFFFFFFF, 0xFFFFFFFA, 5),
    (9, 8, 0xFFFFFFFD, 0xFFFFFFFF),
]


@pytest.fixture
def library(builder, target):
    return builder.library(runtime("philox.h") + SOURCE, target)


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def fill(library, state, first, count):
    """Words in the middle of an array of which the rest must stay as it is."""
    out = np.full(count + 8, 12345, np.uint32)
    numbers = np.array(state, np.uint32)
    arguments = ctypes.c_int64(first), ctypes.c_int64(count), pointer(out[4:])
    library.fill(pointer(numbers), *arguments)
    np.testing.assert_array_equal(out[:4], 12345)
    np.testing.assert_array_equal(out[4 + count :], 12345)
    return out[4 : 4 + count]


@pytest.mark.parametrize("state", STATES)
def test_words_are_those_of_the_python_stream(library, state):
    wanted = random_bits(state[:2], state[2] | state[3] << 32, 1000)
    np.testing.assert_array_equal(fill(library, state, 0, 1000), wanted)


def test_pieces_of_the_stream_are_the_same_wherever_they_begin_and_end(library):
    state = STATES[2]
    wanted = random_bits(state[:2], state[2] | state[3] << 32, 200)
    for first in range(10):
        for count in [*range(12), 100, 101, 102, 103]:
            got = fill(library, state, first, count)
            np.testing.assert_array_equal(got, wanted[first : first + count])


def test_a_piece_far_down_the_stream_starts_at_its_block(library):
    far = 1 << 40
    wanted = random_bits((1, 2), 3 + far // 4, 8)
    np.testing.assert_array_equal(fill(library, (1, 2, 3, 0), far + 2, 6), wanted[2:])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 1000])
def test_the_state_advances_by_whole_blocks_as_in_python(library, state, count):
    before = np.array(state, np.uint32)
    _, wanted = random_bits_p.numpy(before, shape=(count,))
    library.advance(pointer(before), ctypes.c_int64(count))
    np.testing.assert_array_equal(before, wanted)
