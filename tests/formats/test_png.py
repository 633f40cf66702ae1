import io
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight.core.errors import DTypeError, FormatError, ShapeError
from rushlight.formats.png import MAX_FILE_BYTES, decode_png, read_png, write_png
from tests.formats.png_encoder import (
    GREY,
    GREY_ALPHA,
    KINDS,
    PALETTE,
    RGB,
    RGBA,
    SAMPLES,
    chunk,
    encode,
    file_and_pixels,
    header,
    palette_chunk,
    png,
    some_palette,
    some_samples,
    to_eight_bits,
)

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (5, 7), (19, 33)]  # height, width


# Reading what is right


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_colour_type_and_depth_is_read(colour: int, depth: int, interlaced: bool) -> None:
    for height, width in SIZES:
        for kinds in ([0], [1], [2], [3], [4], [4, 3, 0, 2, 1, 4, 1, 3]):
            data, wanted = file_and_pixels(
                height, width, depth, colour, kinds=kinds, interlaced=interlaced
            )
            got = decode_png(data)
            assert got.dtype == np.uint8
            np.testing.assert_array_equal(got, wanted, err_msg=f"{height}x{width}, {kinds}")


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_pillow_sees_the_same_picture(colour: int, depth: int, interlaced: bool) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    for height, width in SIZES:
        data, _ = file_and_pixels(
            height, width, depth, colour, kinds=[1, 4, 2, 3, 0, 4], interlaced=interlaced
        )
        theirs = image.open(io.BytesIO(data))
        if theirs.mode == "I;16":
            wanted = np.asarray(theirs)[..., np.newaxis] >> 8
        elif theirs.mode in ("1", "L", "LA"):
            wanted = np.asarray(theirs.convert("LA"))[..., : SAMPLES[colour]]
        else:
            wanted = np.asarray(theirs.convert("RGBA"))[..., : 4 if colour == RGBA else 3]
        if (colour, depth) == (GREY_ALPHA, 16):  # which pillow reads as RGBA
            wanted = np.asarray(theirs.convert("RGBA"))[..., [0, 3]]
        np.testing.assert_array_equal(decode_png(data), wanted)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_what_pillow_writes_is_read(mode: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    slope = image.linear_gradient("L").resize((61, 47))
    colours = image.merge("RGBA", [slope, slope.rotate(90), slope.rotate(180), slope.rotate(45)])
    picture = slope.convert("I").point(lambda v: v * 257) if mode == "I;16" else colours
    picture = picture.convert("RGB" if mode == "P" else picture.mode).convert(mode)
    picture.save(tmp_path / "picture.png")
    got = read_png(tmp_path / "picture.png")
    if mode == "I;16":
        wanted = np.asarray(picture) >> 8
    else:
        wanted = np.asarray(picture.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    np.testing.assert_array_equal(got, wanted.reshape(got.shape))


def test_a_palette_with_transparency_gives_four_channels() -> None:
    samples = some_samples(6, 11, 4, PALETTE)
    alpha = np.full(16, 255, np.uint8)
    alpha[:3] = [0, 90, 200]
    before = palette_chunk(16) + chunk(b"tRNS", alpha[:3].tobytes())
    got = decode_png(encode(samples, 4, PALETTE, before=before))
    wanted = np.column_stack([some_palette(16), alpha])[samples[..., 0]]
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("colour", "depth"), [(c, d) for c, d in KINDS if c in (GREY, RGB)])
def test_a_transparent_colour_gives_an_alpha_channel(colour: int, depth: int) -> None:
    samples = some_samples(9, 13, depth, colour)
    key = samples[4, 5]
    trns = chunk(b"tRNS", key.astype(">u2").tobytes())
    got = decode_png(encode(samples, depth, colour, before=trns))
    alpha = np.where((samples == key).all(axis=2, keepdims=True), 0, 255)
    assert np.count_nonzero(alpha == 0) > 0
    np.testing.assert_array_equal(got, np.dstack([to_eight_bits(samples, depth), alpha]))


def test_sixteen_bits_that_differ_below_the_eighth_are_not_all_transparent() -> None:
    samples = np.array([[[0x1200], [0x1234]]])
    got = decode_png(encode(samples, 16, GREY, before=chunk(b"tRNS", b"\x12\x34")))
    assert got.tolist() == [[[0x12, 255], [0x12, 0]]]


def test_pixels_in_many_chunks_even_of_one_byte_or_none_are_read() -> None:
    samples = some_samples(5, 7, 8, RGB)
    data = encode(samples, 8, RGB, kinds=[4], idat=1)
    data = data.replace(chunk(b"IEND"), chunk(b"IDAT") + chunk(b"IEND"))
    np.testing.assert_array_equal(decode_png(data), samples)


def test_chunks_that_a_reader_may_skip_are_skipped() -> None:
    samples = some_samples(5, 7, 8, RGB)
    before = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"teXt", b"hello")
    suggested = chunk(b"PLTE", bytes(6))  # allowed in a colour picture, and of no use
    data = encode(samples, 8, RGB, before=before + suggested)
    data = data.replace(chunk(b"IEND"), chunk(b"tIME", bytes(7)) + chunk(b"IEND"))
    np.testing.assert_array_equal(decode_png(data), samples)


def test_a_photograph_that_takes_several_bands_is_read_as_pillow_reads_it() -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    height, width = 3000, 4000
    rng = np.random.default_rng(5)
    raw = rng.integers(0, 256, (height, 1 + 3 * width), dtype=np.uint8)
    raw[:, 0] = rng.integers(0, 5, height)
    body = zlib.compress(raw.tobytes(), level=0)
    data = png(header(width, height, 8, RGB), chunk(b"IDAT", body), chunk(b"IEND"))
    np.testing.assert_array_equal(decode_png(data), np.asarray(image.open(io.BytesIO(data))))


def test_rows_of_simple_filters_are_right_across_bands() -> None:
    height, width = 60_000, 700  # 42 MB: more than one band
    raw = np.ones((height, 1 + width), np.uint8)
    raw[:, 0] = 2
    data = png(
        header(width, height), chunk(b"IDAT", zlib.compress(raw.tobytes(), 1)), chunk(b"IEND")
    )
    column = np.arange(1, height + 1).astype(np.uint8)  # each row adds one to the row above
    np.testing.assert_array_equal(
        decode_png(data)[..., 0], np.broadcast_to(column[:, np.newaxis], (height, width))
    )


def test_a_symbolic_link_to_a_picture_is_followed(tmp_path: Path) -> None:
    write_png(tmp_path / "real.png", np.full((2, 3), 7, np.uint8))
    link = tmp_path / "link.png"
    try:
        link.symlink_to(tmp_path / "real.png")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    np.testing.assert_array_equal(read_png(link), np.full((2, 3, 1), 7))


# Paths that are no files


def make_missing(path: Path) -> None:
    assert not path.exists()


def make_directory(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def make_looping_link(path: Path) -> None:
    path.symlink_to(path)


def make_link_to_zeros(path: Path) -> None:
    if not os.path.exists("/dev/zero"):
        pytest.skip("this system has no /dev/zero")
    path.symlink_to("/dev/zero")


def make_unreadable(path: Path) -> None:
    path.write_bytes(b"a picture")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"a picture")
        file.truncate(MAX_FILE_BYTES + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="these are kinds of files of POSIX systems")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_missing, "no such file"),
        (make_directory, "is a directory"),
        (make_pipe, "not a regular file"),
        (make_dangling_link, "no such file"),
        (make_looping_link, "cannot be opened"),
        (make_link_to_zeros, "not a regular file"),
        (make_unreadable, "permission denied"),
        (make_huge, "at most"),
    ],
)
def test_a_path_that_is_no_readable_file_is_refused(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    make(path)
    with pytest.raises(FormatError, match=reason) as caught:
        read_png(path)
    assert str(path) in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(FormatError, match="cannot be opened"):
        read_png("a\0b.png")


# Writing


@given(
    pixels=hnp.arrays(
        np.uint8,
        st.one_of(
            hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
        ),
    )
)
def test_what_is_written_is_read_again(
    pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("png") / "picture.png"
    write_png(path, pixels)
    np.testing.assert_array_equal(read_png(path), pixels.reshape(*pixels.shape[:2], -1))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_pillow_reads_what_is_written(channels: int, mode: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 31, channels), dtype=np.uint8)
    write_png(tmp_path / "picture.png", pixels)
    theirs = image.open(tmp_path / "picture.png")
    assert theirs.mode == mode
    np.testing.assert_array_equal(np.asarray(theirs).reshape(pixels.shape), pixels)


def test_a_strided_view_is_written_as_it_looks(tmp_path: Path) -> None:
    pixels = np.arange(120, dtype=np.uint8).reshape(10, 12)[::-2, ::3]
    write_png(tmp_path / "view.png", pixels)
    np.testing.assert_array_equal(read_png(tmp_path / "view.png")[..., 0], pixels)


def test_only_bytes_are_written(tmp_path: Path) -> None:
    with pytest.raises(DTypeError, match="float32"):
        write_png(tmp_path / "no.png", np.zeros((2, 2), np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (2, 2, 0), (2, 2, 5), (1, 65_536)])
def test_only_pictures_are_written(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="a picture"):
        write_png(tmp_path / "no.png", np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_png(tmp_path / "nowhere" / "a.png", np.zeros((2, 2), np.uint8))
    assert list(tmp_path.iterdir()) == []
