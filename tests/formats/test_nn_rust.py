"""Model files of nn-rust: what they hold, and what is wrong with broken ones."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.core.errors import FormatError
from rushlight.formats.nn_rust import may_be_nn_rust, read_nn_rust
from tests.formats.nn_rust_files import (
    DENSE,
    RELU,
    SIGMOID,
    SOFTMAX,
    dense,
    file_of,
    forward,
    network,
    numbers,
)

GOOD, _ = network(3, 2, 2)


@pytest.fixture
def read(tmp_path):
    """A function that reads bytes as such a file."""

    def function(content):
        path = tmp_path / "model"
        path.write_bytes(content)
        return read_nn_rust(path)

    return function


@pytest.mark.parametrize("activation", [RELU, SIGMOID], ids=["relu", "sigmoid"])
@pytest.mark.parametrize("sizes", [(4, 3), (5, 4, 3), (1, 1, 1), (784, 256, 64, 10)], ids=str)
def test_the_network_computes_what_it_computed_there(sizes, activation, read):
    content, arrays = network(*sizes, activation=activation)
    found = read(content)
    x = np.random.default_rng(1).random((7, sizes[0]), np.float32)
    got = found.model(rl.tensor(x)).numpy()
    np.testing.assert_allclose(got, forward(x, arrays, activation), rtol=1e-4, atol=1e-5)
    assert (found.sizes[0], found.sizes[-1], found.softmax) == (sizes[0], sizes[-1], True)


def test_a_file_of_the_sizes_of_the_project_has_its_length():
    content, _ = network(784, 256, 64, 10)
    assert len(content) == 872_310
    assert may_be_nn_rust(content)


def test_weights_have_a_row_for_each_input(read):
    content = file_of([2, 3], [dense([[1, 2, 3], [4, 5, 6]], [0, 0, 0])])
    assert read(content).model(rl.tensor([[1.0, 0.0]])).tolist() == [[1.0, 2.0, 3.0]]


def test_the_default_random_numbers_are_left_alone(read):
    rl.manual_seed(5)
    before = rl.random.default_generator.state.numpy().copy()
    read(GOOD)
    np.testing.assert_array_equal(rl.random.default_generator.state.numpy(), before)


ONE = dense([[1.0], [2.0]], [3.0])  # of the sizes 2, 1
HOSTILE = {
    "an empty file": (b"", "the count of sizes needs 4 bytes, 0 are left (at byte 0)"),
    "a text": (b"Dear reader, this is no network", "1918985540 sizes; a network has 2 to 1001"),
    "a file of a later version": (b"NNRS" + bytes(100), "is of a later nn-rust, not read here"),
    "no sizes": (numbers(0, 0), "0 sizes; a network has 2 to 1001 (at byte 0)"),
    "one size": (numbers(1, 5, 0), "1 sizes; a network has 2 to 1001 (at byte 0)"),
    "four billion sizes": (numbers(2**32 - 1, 1, 1), "4294967295 sizes; a network has"),
    "more sizes than bytes": (numbers(1000, 1, 1), "size 2 needs 4 bytes, 0 are left"),
    "a size of 0": (file_of([2, 0], [ONE]), "size 1 is 0 (at byte 8)"),
    "too few layers": (numbers(3, 2, 1, 1, 1) + ONE, "1 layers for 3 sizes, not 2 (at byte 16)"),
    "four billion layers": (numbers(2, 2, 1, 2**32 - 1) + ONE, "4294967295 layers for 2 sizes"),
    "no layers": (numbers(2, 2, 1, 0), "0 layers for 2 sizes, not 1"),
    "an unknown kind": (file_of([2, 1], [b"\x04" + ONE[1:]]), "layer 0 is of kind 4, and 0 to 3"),
    "kind 255": (file_of([2, 1], [b"\xff"]), "layer 0 is of kind 255, and 0 to 3 are known (at"),
    "other inputs": (file_of([3, 1], [ONE]), "layer 0 has 2 inputs, not 3 (at byte 17)"),
    "other outputs": (file_of([2, 3], [ONE]), "layer 0 has 1 outputs, not 3 (at byte 21)"),
    "turned weights": (file_of([1, 2], [ONE]), "layer 0 has 2 inputs, not 1"),
    "another bias": (
        file_of([2, 1], [bytes([DENSE]) + numbers(2, 1, 2) + bytes(16)]),
        "layer 0 has 2 biases, not 1 (at byte 25)",
    ),
    "sizes whose product is huge": (
        file_of([2**32 - 1, 2**32 - 1], [bytes([DENSE]) + numbers(*[2**32 - 1] * 3)]),
        "the weight of layer 0 needs 73786976260478468100 bytes, 0 are left (at byte 29)",
    ),
    "a ReLU that changes the size": (file_of([2, 1], [RELU]), "layer 0 has no weights and makes 1"),
    "a softmax in between": (
        file_of([2, 1, 1, 1], [ONE, SOFTMAX, RELU]),
        "layer 2 comes after the softmax, which is the last",
    ),
    "no dense layer": (file_of([2, 2, 2], [RELU, SOFTMAX]), "there is no dense layer"),
    "bytes after the end": (GOOD + b"\0", "1 bytes after the last layer"),
    "NaN among the weights": (
        file_of([2, 1], [dense([[1.0], [np.nan]], [3.0])]),
        "the weight of layer 0 has nan at 1 (at byte 33)",
    ),
    "an infinite bias": (
        file_of([2, 1], [dense([[1.0], [2.0]], [-np.inf])]),
        "the bias of layer 0 has -inf at 0 (at byte 37)",
    ),
    "big-endian numbers": (struct.pack(">4I", 2, 2, 1, 1) + ONE, "33554432 sizes; a network has"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_broken_file_is_refused_with_its_name_and_the_reason(case, tmp_path):
    content, reason = HOSTILE[case]
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        read_nn_rust(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert reason in message
    assert "\n" not in message.partition("\n  hint:")[0]


def test_a_file_cut_short_anywhere_is_refused(read):
    for length in range(len(GOOD)):
        with pytest.raises(FormatError, match=r"cut short|the count of sizes"):
            read(GOOD[:length])


def test_a_file_with_any_bit_turned_is_read_or_refused(read):
    for place in range(len(GOOD)):
        for bit in range(8):
            content = bytearray(GOOD)
            content[place] ^= 1 << bit
            try:
                found = read(bytes(content))
            except FormatError:
                continue
            assert found.sizes[0] == 3


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any-nn-rust"
    path.write_bytes(content)
    may_be_nn_rust(content)
    with pytest.raises(FormatError):
        read_nn_rust(path)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=12), st.binary(max_size=40))
def test_any_counts_are_refused_in_little_memory(tmp_path_factory, counts, rest):
    path = tmp_path_factory.getbasetemp() / "any-counts"
    path.write_bytes(numbers(2, *counts) + rest)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            read_nn_rust(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"nowhere: cannot be opened"):
        read_nn_rust(tmp_path / "nowhere")
