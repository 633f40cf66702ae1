import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import DataError, FormatError
from rushlight.data.idx import read_idx


def header(*shape):
    magic = {1: 2049, 3: 2051}[len(shape)]
    return struct.pack(f">I{len(shape)}I", magic, *shape)


def write(tmp_path, data):
    path = tmp_path / "file.idx"
    path.write_bytes(data)
    return path


def images(count, rows, columns):
    return (np.arange(count * rows * columns) % 251).astype(np.uint8).reshape(count, rows, columns)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (2, 28, 28)])
def test_images_are_read_plain_and_gzip(tmp_path, pack, shape):
    wanted = images(*shape)
    path = write(tmp_path, pack(header(*shape) + wanted.tobytes()))
    np.testing.assert_array_equal(read_idx(path), wanted)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_labels_are_read_plain_and_gzip(tmp_path, pack):
    path = write(tmp_path, pack(header(4) + bytes([7, 0, 255, 9])))
    labels = read_idx(str(path))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, [7, 0, 255, 9])


def test_gzip_data_in_several_members_is_one_file(tmp_path):
    data = header(4) + bytes([1, 2, 3, 4])
    path = write(tmp_path, gzip.compress(data[:9]) + gzip.compress(data[9:]))
    np.testing.assert_array_equal(read_idx(path), [1, 2, 3, 4])


def test_the_arrays_are_the_callers_own_to_change(tmp_path):
    labels = read_idx(write(tmp_path, header(2) + bytes(2)))
    labels[0] = 5
    np.testing.assert_array_equal(labels, [5, 0])


BROKEN = {
    "empty": (b"", r"header is cut short \(at byte 0\)"),
    "magic cut short": (b"\0\0\x08", r"header is cut short \(at byte 3\)"),
    "shape cut short": (header(1, 2, 3)[:13], r"header is cut short \(at byte 13\)"),
    "another magic": (b"\0\0\x0d\x03" + bytes(12), "magic number 3331 is neither 2051"),
    "magic of the wrong byte order": (b"\x03\x08\0\0" + bytes(12), "magic number 50855936 is"),
    "a text": (b"hello world, how are you", "magic number 1751477356 is neither"),
    "no images": (header(0, 28, 28), r"shape \(0, 28, 28\) is empty"),
    "no columns": (header(2, 28, 0), r"shape \(2, 28, 0\) is empty"),
    "too few elements": (header(2, 2, 2) + bytes(7), "needs more bytes than the file holds"),
    "too many elements": (header(2) + bytes(3), r"bytes left over after 2 .* \(at byte 10\)"),
    "enormous": (header(*[2**32 - 1] * 3), "unreasonably large"),
    "large and not there": (header(2**30) + bytes(9), "needs more bytes than the file holds"),
}


@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_with_its_place(tmp_path, data, message):
    path = write(tmp_path, data)
    with pytest.raises(FormatError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(str(path))


BROKEN_GZIP = {
    "cut short": (gzip.compress(header(4) + bytes(4))[:-9], "broken gzip data: Compressed file"),
    "no checksum": (gzip.compress(header(4) + bytes(4))[:-8], "broken gzip data: "),
    "wrong checksum": (
        gzip.compress(header(4) + bytes(4))[:-8] + bytes(8),
        "broken gzip data: CRC check failed",
    ),
    "only a magic": (b"\x1f\x8b", "broken gzip data: "),
    "another method": (b"\x1f\x8b\x07" + bytes(20), "broken gzip data: Unknown compression"),
    "not deflate": (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 20, "broken gzip data: Error -3"),
    "rubbish behind": (
        gzip.compress(header(4) + bytes(4)) + b"rubbish",
        "broken gzip data: Not a gzipped file",
    ),
    "too few elements": (gzip.compress(header(4) + bytes(3)), "ends after 3 of 4 elements"),
    "too many elements": (gzip.compress(header(4) + bytes(5)), "bytes left over after 4"),
    "a bomb behind few elements": (
        gzip.compress(header(4) + bytes(50_000_000), 1),
        "bytes left over after 4",
    ),
    "more than deflate can hold": (
        gzip.compress(header(2**20, 28, 28) + bytes(9)),
        "needs more bytes than the file holds",
    ),
}


@pytest.mark.parametrize(("data", "message"), BROKEN_GZIP.values(), ids=BROKEN_GZIP)
def test_broken_gzip_data_are_refused(tmp_path, data, message):
    with pytest.raises(FormatError, match=message):
        read_idx(write(tmp_path, data))


@given(data=st.data())
def test_any_damage_ends_in_an_array_or_a_format_error(tmp_path_factory, data):
    whole = header(5, 4, 3) + images(5, 4, 3).tobytes()
    whole = gzip.compress(whole) if data.draw(st.booleans()) else whole
    place = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.binary(max_size=3))
    path = write(tmp_path_factory.getbasetemp(), whole[:place] + damage + whole[place + 2 :])
    try:
        assert read_idx(path).dtype == np.uint8
    except FormatError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_cut_at_any_byte_is_refused(tmp_path, pack):
    whole = pack(header(2, 3, 4) + images(2, 3, 4).tobytes())
    for size in range(len(whole)):
        with pytest.raises(FormatError):
            read_idx(write(tmp_path, whole[:size]))


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="there is no such file"):
            read_idx(path)
