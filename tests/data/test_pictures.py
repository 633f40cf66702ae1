import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.files import find
from rushlight.data.idx import read_idx
from rushlight.data.mnist import TEST_IMAGES
from rushlight.data.pictures import (
    read_digit,
    read_picture,
    render_bars,
    render_digits,
    to_digit,
)
from rushlight.formats.png import write_png

COUNT = 50


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    path = find(TEST_IMAGES)
    if path is None:
        pytest.skip("data/mnist is not here")
    return read_idx(path)[:COUNT]


def a_seven(height: int = 200, width: int = 300, ink: int = 0, paper: int = 255) -> np.ndarray:
    """A seven of straight strokes, 100 pixels high."""
    page = np.full((height, width, 1), paper, np.uint8)
    page[50:60, 100:160] = ink
    for row in range(60, 150):
        page[row, 155 - (row - 60) // 2 : 165 - (row - 60) // 2] = ink
    return page


# What becomes of MNIST's own digits

RED, CREAM, BLUE, YELLOW = (200, 30, 40), (250, 240, 200), (0, 0, 160), (255, 255, 0)


def chance(digit: np.ndarray) -> np.random.Generator:
    """The same for the same digit, whichever tests run."""
    return np.random.default_rng(int(digit.sum()))


def larger(digit: np.ndarray, times: int) -> np.ndarray:
    return digit.repeat(times, axis=0).repeat(times, axis=1)


def smoother(digit: np.ndarray, size: int) -> np.ndarray:
    """The digit in size x size pixels, by linear interpolation."""
    at = (np.arange(size) + 0.5) * 28 / size - 0.5
    rows = np.stack([np.interp(at, np.arange(28), column) for column in digit.T], axis=1)
    return np.rint([np.interp(at, np.arange(28), row) for row in rows]).astype(np.uint8)


def on_a_page(digit: np.ndarray, height: int, width: int) -> np.ndarray:
    page = np.zeros((height, width), np.uint8)
    rng = chance(digit)
    top = rng.integers(0, height - len(digit) + 1)
    left = rng.integers(0, width - len(digit) + 1)
    page[top : top + len(digit), left : left + len(digit)] = digit
    return page


def coloured(digit: np.ndarray, ink: tuple[int, ...], paper: tuple[int, ...]) -> np.ndarray:
    share = digit[..., np.newaxis] / 255
    return np.rint(np.array(ink) * share + np.array(paper) * (1 - share)).astype(np.uint8)


def noisy(digit: np.ndarray, deviation: float) -> np.ndarray:
    return np.clip(np.rint(digit + chance(digit).normal(0, deviation, digit.shape)), 0, 255).astype(
        np.uint8
    )


def salted(digit: np.ndarray, share: float) -> np.ndarray:
    lot = chance(digit).random(digit.shape)
    return np.where(lot < share / 2, 0, np.where(lot > 1 - share / 2, 255, digit)).astype(np.uint8)


def in_side_light(digit: np.ndarray) -> np.ndarray:
    """Grey ink on paper that is 100 levels darker at one corner than at the other."""
    page = 220 - np.pad(digit, 100) * (110 / 255)
    height, width = page.shape
    light = np.add.outer(np.linspace(0, 40, height), np.linspace(0, 60, width))
    return noisy(page - light, 4)


def in_a_frame(digit: np.ndarray) -> np.ndarray:
    return np.pad(np.pad(255 - digit, 40, constant_values=255), 2)


def with_dust(digit: np.ndarray) -> np.ndarray:
    page = 255 - np.pad(digit, 80)
    page[5:15, 10:20] = 40
    page[-20:-12, -60:-50] = 0
    return page


def on_ruled_paper(digit: np.ndarray) -> np.ndarray:
    page = 255 - np.pad(digit, 80)
    page[::30] = np.minimum(page[::30], 175)
    return page


def with_a_dark_corner(digit: np.ndarray) -> np.ndarray:
    page = 255 - np.pad(digit, 80)
    rows, columns = np.indices(page.shape)
    page[rows + columns < 90] = 90
    return page


def clear_ink(digit: np.ndarray, level: int) -> np.ndarray:
    """Ink of one grey level on a transparent ground."""
    return np.dstack([np.full_like(digit, level), digit])


def clear_corners(digit: np.ndarray) -> np.ndarray:
    page = np.dstack([255 - digit, np.full_like(digit, 255)])
    page[:30, :30] = page[-30:, -30:] = 0
    return page


# A variant of a digit, and how far from it the result may be, in levels of 255 a pixel: the mean
# over all digits, and the worst digit. A digit shifted or drawn anew differs by 20 and more.
VARIANTS = {
    "as it is": (lambda d: d, 0.01, 0.1),
    "inverted": (lambda d: 255 - d, 0.5, 2),
    "ten times larger": (lambda d: larger(d, 10), 0.5, 2),
    "ten times larger and inverted": (lambda d: larger(255 - d, 10), 0.5, 2),
    "forty times larger and inverted": (lambda d: larger(255 - d, 40), 3, 8),
    "smoothly larger": (lambda d: smoother(d, 301), 10, 25),
    "smoothly smaller": (lambda d: 255 - smoother(d, 21), 12, 30),
    "shifted in its own frame": (lambda d: np.roll(d, (3, -3), (0, 1)), 5, 25),
    "anywhere on a page": (lambda d: on_a_page(larger(d, 6), 500, 400), 0.5, 2),
    "small on a large page": (lambda d: on_a_page(larger(d, 4), 2000, 3000), 5, 25),
    "red on cream": (lambda d: coloured(larger(d, 8), RED, CREAM), 0.6, 2),
    "yellow on blue": (lambda d: coloured(larger(d, 8), YELLOW, BLUE), 0.6, 2),
    "green on red of the same lightness": (
        lambda d: coloured(larger(d, 8), (0, 131, 0), (255, 0, 0)),
        0.6,
        2,
    ),
    "faint": (lambda d: (200 - larger(d, 8) * 0.15).astype(np.uint8), 1, 4),
    "in noise": (lambda d: noisy(255 - larger(d, 10), 15), 5, 25),
    "in strong noise": (lambda d: noisy(40 + 0.7 * larger(d, 10), 40), 12, 30),
    "small and in noise": (lambda d: noisy(255.0 - d, 12), 5, 25),
    "with salt and pepper": (lambda d: salted(larger(255 - d, 10), 0.02), 5, 25),
    "in side light": (lambda d: in_side_light(smoother(d, 336)), 10, 25),
    "in a frame": (lambda d: in_a_frame(larger(d, 8)), 0.5, 2),
    "with dust": (lambda d: with_dust(larger(d, 10)), 0.5, 2),
    "on ruled paper": (lambda d: on_ruled_paper(larger(d, 10)), 12, 30),
    "with a dark corner": (lambda d: with_a_dark_corner(larger(d, 10)), 0.5, 2),
    "cut to its ink": (lambda d: larger(255 - d, 10)[40:-40, 40:-40], 12, 40),
    "black on transparent": (lambda d: clear_ink(larger(d, 8), 0), 0.5, 2),
    "white on transparent": (lambda d: clear_ink(larger(d, 8), 255), 0.5, 2),
    "on a page with clear corners": (lambda d: clear_corners(larger(d, 8)), 0.5, 2),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_digit_is_found_again(variant: str, digits: np.ndarray) -> None:
    change, mean, worst = VARIANTS[variant]
    distances = []
    for digit in digits:
        picture = change(digit)
        if picture.ndim == 2:
            picture = picture[..., np.newaxis]
        got = to_digit(picture).pixels
        distances.append(np.abs(got.astype(int) - digit).mean())
    distances = np.array(distances)
    assert distances.mean() <= mean
    assert distances.max() <= worst, f"digit {distances.argmax()}"


def test_digits_of_mnist_are_left_as_they_are(digits: np.ndarray) -> None:
    for digit in digits[:10]:
        got = to_digit(digit[..., np.newaxis])
        np.testing.assert_array_equal(got.pixels, digit)
        assert got.notes == ("already light on dark in 28x28",)


def test_a_grey_digit_saved_in_colour_is_left_as_it_is(digits: np.ndarray) -> None:
    colours = np.repeat(digits[0][..., np.newaxis], 3, axis=2)
    opaque = np.full((28, 28, 1), 255, np.uint8)
    for picture in (colours, np.dstack([colours, opaque]), np.dstack([digits[0], opaque])):
        np.testing.assert_array_equal(to_digit(picture).pixels, digits[0])


# What comes out, whatever went in


def test_the_ink_has_twenty_pixels_and_its_centre_of_mass_in_the_middle() -> None:
    pixels = to_digit(a_seven()).pixels
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    assert (pixels.shape, pixels.dtype, pixels.max()) == ((28, 28), np.uint8, 255)
    assert rows[-1] - rows[0] + 1 == 20
    assert columns[-1] - columns[0] + 1 == 13  # as 65 is to 100
    share = pixels / pixels.sum()
    assert abs(share.sum(axis=1) @ np.arange(28) - 14) <= 0.5
    assert abs(share.sum(axis=0) @ np.arange(28) - 14) <= 0.5


def test_the_proportions_of_a_flat_digit_are_kept() -> None:
    page = np.zeros((100, 200, 1), np.uint8)
    page[40:60, 50:150] = 255
    pixels = to_digit(page).pixels
    wanted = np.zeros((28, 28))
    wanted[12:16, 4:24] = 255
    np.testing.assert_array_equal(pixels, wanted)


def test_thin_strokes_are_thickened_and_thick_ones_are_not() -> None:
    page = np.full((400, 400, 1), 255, np.uint8)
    page[100:300, 198:201] = page[100:103, 150:201] = 0
    thin = to_digit(page)
    assert "thin strokes thickened" in thin.notes
    assert thin.pixels[14].max() > 200
    assert 1 <= thin.pixels[14].sum() / 255 <= 2.5
    assert "thin strokes thickened" not in to_digit(a_seven()).notes


@pytest.mark.parametrize("size", [8, 14, 32, 56])
def test_other_sizes_keep_the_same_layout(size: int) -> None:
    pixels = to_digit(a_seven(), size).pixels
    rows = np.flatnonzero(pixels.any(axis=1))
    assert pixels.shape == (size, size)
    assert rows[-1] - rows[0] + 1 == round(size * 20 / 28)


def test_a_size_that_no_digit_fits_in_is_refused() -> None:
    with pytest.raises(UsageError, match="7x7 pixels is too small"):
        to_digit(a_seven(), 7)


@pytest.mark.parametrize(
    ("picture", "note"),
    [
        (a_seven(), "dark on light: inverted"),
        (a_seven(), "cut to the ink and centred"),
        (a_seven(), "resized from 300x200"),
        (np.repeat(a_seven(ink=60), 3, axis=2) * (1, 2, 1), "colours turned to grey"),
        (np.dstack([a_seven() * 0, 255 - a_seven()]), "transparent parts taken as paper"),
    ],
)
def test_the_notes_say_what_was_done(picture: np.ndarray, note: str) -> None:
    assert note in to_digit(picture.astype(np.uint8)).notes


@pytest.mark.parametrize(
    ("picture", "note"),
    [
        (a_seven(ink=255, paper=0), "dark on light: inverted"),
        (np.repeat(a_seven(), 3, axis=2), "colours turned to grey"),
        (np.dstack([a_seven(), np.full((200, 300), 255)]), "transparent parts taken as paper"),
        (np.roll(a_seven()[40:68, 100:128], 3), "resized from 28x28"),
    ],
)
def test_the_notes_say_nothing_else(picture: np.ndarray, note: str) -> None:
    assert note not in to_digit(picture.astype(np.uint8)).notes


# Pictures without a digit


def checkerboard(size: int) -> np.ndarray:
    return (np.indices((size, size)).sum(axis=0) % 2 * 255)[..., np.newaxis]


BLANK = {
    "white paper": np.full((100, 100, 1), 255),
    "black paper": np.zeros((28, 28, 1)),
    "coloured paper": np.full((50, 80, 3), (10, 200, 90)),
    "nothing but transparency": np.zeros((60, 60, 4)),
    "one pixel": np.full((1, 1, 1), 7),
    "two by two pixels": np.array([[[0], [255]], [[255], [0]]]),
    "light from one side": np.tile(np.arange(256), (200, 1))[..., np.newaxis],
    "grain": np.clip(np.random.default_rng(3).normal(200, 20, (500, 500, 1)), 0, 255),
    "colour noise": np.random.default_rng(4).integers(0, 256, (300, 300, 3)),
    "a checkerboard of pixels": checkerboard(280),
    "a line of one pixel": np.zeros((1, 500, 1)),
    "a very faint mark": np.pad(
        np.full((20, 20, 1), 206), ((40, 40), (40, 40), (0, 0)), constant_values=200
    ),
}


@pytest.mark.parametrize("case", BLANK)
def test_a_picture_without_a_digit_is_refused(case: str) -> None:
    with pytest.raises(DataError, match="there is no digit to see"):
        to_digit(BLANK[case].astype(np.uint8))


def test_a_digit_of_single_scattered_pixels_is_refused() -> None:
    page = np.zeros((512, 512, 1), np.uint8)
    page[100:400:2, 200:300:2] = 255
    page[::2] = 0
    with pytest.raises(DataError, match="there is no digit to see"):
        to_digit(page)


@settings(max_examples=200)
@given(
    picture=hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4))
    )
)
def test_any_picture_gives_a_digit_or_a_refusal(picture: np.ndarray) -> None:
    try:
        digit = to_digit(picture)
    except DataError:
        return
    assert digit.pixels.shape == (28, 28)
    assert digit.pixels.max() > 0


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (2, 900), (900, 2), (5, 40)])
@pytest.mark.parametrize("seed", range(5))
def test_long_and_narrow_noise_gives_a_digit_or_a_refusal(
    shape: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    picture = (rng.random((*shape, 1)) < 0.1) * np.uint8(255)
    try:
        assert to_digit(picture).pixels.shape == (28, 28)
    except DataError as error:
        assert "there is no digit" in str(error)


# Files


def test_a_png_file_is_read(tmp_path: Path, digits: np.ndarray) -> None:
    path = tmp_path / "digit.png"
    write_png(path, larger(255 - digits[3], 10))
    got = read_digit(path)
    assert np.abs(got.pixels.astype(int) - digits[3]).mean() < 1
    assert got.notes == (
        "dark on light: inverted",
        "cut to the ink and centred",
        "resized from 280x280",
    )


def test_a_blank_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    write_png(path, np.zeros((30, 30), np.uint8))
    with pytest.raises(DataError) as caught:
        read_digit(path)
    assert str(caught.value).startswith(f"{path}: there is no digit to see")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear reader, this is no picture.\n", "not a picture"),
        (b"BMW is a maker of cars", "not a picture"),
        (b"RIFF\x10\0\0\0WAVEfmt " + bytes(20), "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture"),
        (bytes(1000), "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "ends before its IEND"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=reason) as caught:
        read_digit(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        read_digit(tmp_path / "nowhere.png")


OTHER_KINDS = ["JPEG", "GIF", "BMP", "WEBP", "TIFF"]


def saved_by_pillow(kind: str, pixels: np.ndarray, **options: object) -> bytes:
    image = pytest.importorskip("PIL.Image", reason="pillow writes these pictures")
    file = io.BytesIO()
    image.fromarray(pixels.squeeze()).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_pictures_of_other_kinds_are_read_with_pillow(
    kind: str, tmp_path: Path, digits: np.ndarray
) -> None:
    path = tmp_path / "digit"
    path.write_bytes(saved_by_pillow(kind, larger(255 - digits[0], 10)))
    got = read_digit(path)
    assert np.abs(got.pixels.astype(int) - digits[0]).mean() < 4
    assert got.notes == (
        "dark on light: inverted",
        "cut to the ink and centred",
        "resized from 280x280",
    )


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_pictures_of_other_kinds_say_what_to_install(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "seven"
    path.write_bytes(saved_by_pillow(kind, a_seven()))
    monkeypatch.setitem(sys.modules, "PIL", None)  # as if it were not installed
    with pytest.raises(UsageError, match=f"{kind} picture takes pillow") as caught:
        read_digit(path)
    assert "pip install rushlight[pictures]" in str(caught.value)


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_broken_pictures_of_other_kinds_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "seven"
    data = saved_by_pillow(kind, np.random.default_rng(1).integers(0, 256, (60, 60), np.uint8))
    refused = 0
    for length in range(12, len(data), 1 + len(data) // 40):
        path.write_bytes(data[:length])
        try:
            assert read_picture(path).shape[2] == 4
        except FormatError as error:
            refused += 1
            assert str(path) in str(error)
            assert "object at" not in str(error)
    assert refused > 10


def test_a_photograph_that_lies_on_its_side_is_turned_upright(
    tmp_path: Path, digits: np.ndarray
) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow writes these pictures")
    exif = image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    path = tmp_path / "digit.jpg"
    lying = np.rot90(larger(255 - digits[0], 10))
    path.write_bytes(saved_by_pillow("JPEG", lying, exif=exif))
    assert np.abs(read_digit(path).pixels.astype(int) - digits[0]).mean() < 4


def test_a_picture_of_another_kind_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    data = bytearray(saved_by_pillow("BMP", a_seven()))
    data[18:26] = (11_000).to_bytes(4, "little") + (10_000).to_bytes(4, "little")
    path = tmp_path / "huge.bmp"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"huge\.bmp: .*110000000 pixels"):
        read_picture(path)


# Showing


def a_row(count: int) -> np.ndarray:
    """Digits one as 14 x 14 pixels, each a character wide and half a line high."""
    one = np.zeros((14, 14), np.uint8)
    one[0:14, 7:9] = 255
    one[1, 6] = one[2, 5] = one[4, 5] = 255
    return np.repeat(one[np.newaxis], count, axis=0)


def test_a_digit_is_drawn_with_half_blocks() -> None:
    assert render_digits(a_row(1), ["one"], columns=14).splitlines() == [
        "      ▄██",
        "     ▀ ██",
        "     ▀ ██",
        "       ██",
        "       ██",
        "       ██",
        "       ██",
        "     one",
    ]


def test_a_digit_is_drawn_in_ascii_where_blocks_cannot_be_shown() -> None:
    for encoding in ("ascii", "latin-1", "koi8-x", None):
        assert render_digits(a_row(1), ["one"], 14, encoding).splitlines() == [
            "      +@@",
            "     + @@",
            "     + @@",
            "       @@",
            "       @@",
            "       @@",
            "       @@",
            "     one",
        ]
    assert "█" in render_digits(a_row(1), ["one"], 14, "cp437")


def test_a_margin_that_is_empty_in_all_digits_is_cut_off() -> None:
    framed = np.pad(a_row(2), ((0, 0), (7, 7), (7, 7)))
    drawn = render_digits(framed, ["one", "one"], 30)
    assert drawn == render_digits(a_row(2), ["one", "one"], 30)
    framed[1, 1, 1] = 255
    assert render_digits(framed, ["one", "one"], 30) != drawn


@pytest.mark.parametrize("columns", [20, 80, 200])
@pytest.mark.parametrize("count", [1, 3, 6, 10])
def test_lines_fit_into_the_terminal(count: int, columns: int) -> None:
    drawn = render_digits(
        a_row(count), [f"{at}: a long caption" * 3 for at in range(count)], columns
    )
    lines = drawn.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(f"{at}: a long" in drawn for at in range(count))
    assert all(line == line.rstrip() for line in lines)


def test_digits_are_spread_evenly_over_the_rows() -> None:
    drawn = render_digits(a_row(6), list("abcdef"), columns=80)
    assert [line.split() for line in drawn.splitlines() if "a" in line or "d" in line] == [
        ["a", "b", "c"],
        ["d", "e", "f"],
    ]


def test_no_digits_make_an_empty_picture() -> None:
    assert render_digits(np.zeros((0, 28, 28), np.uint8), []) == ""
    assert render_bars([], []) == ""


def test_blank_digits_are_drawn_blank() -> None:
    drawn = render_digits(np.zeros((1, 28, 28), np.uint8), ["nothing"])
    assert drawn.split() == ["nothing"]


def test_a_caption_cannot_steer_the_terminal() -> None:
    drawn = render_digits(a_row(1), ["a\x1b[2J\nb\tc"])
    assert "a?[2J?b?c" in drawn
    assert "\x1b" not in render_bars(["\x1b[31m"], [1.0])


@pytest.mark.parametrize(
    ("images", "captions", "reason"),
    [
        (np.zeros((2, 28, 28), np.uint8), ["one"], "2 digits, but 1 captions"),
        (np.zeros((28, 28), np.uint8), ["one"], "not uint8"),
        (np.zeros((1, 28, 28), np.float32), ["one"], "not float32"),
        (np.zeros((1, 28, 20), np.uint8), ["one"], "not uint8"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    images: np.ndarray, captions: list[str], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        render_digits(images, captions)


def test_bars_are_as_long_as_the_probabilities_and_the_best_is_marked() -> None:
    assert render_bars(["ham", "b", "c"], np.array([0.7, 0.2625, 0.0375]), 20).splitlines() == [
        "> ham   70.00%  ██████████████",
        "  b     26.25%  █████▎",
        "  c      3.75%  ▊",
    ]


def test_bars_in_ascii_are_rounded_to_whole_characters() -> None:
    assert render_bars(["x", "y"], [0.26, 0.74], 10, encoding="ascii").splitlines() == [
        "  x   26.00%  ###",
        "> y   74.00%  #######",
    ]


def test_of_equal_probabilities_one_is_marked() -> None:
    assert render_bars(["x", "y"], [0.5, 0.5]).count(">") == 1


def test_a_probability_that_was_rounded_above_one_is_taken_as_one() -> None:
    assert render_bars(["x"], [1.00001], 10).endswith("100.00%  ██████████")


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan, np.inf])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="probability 1 is"):
        render_bars(["x", "y"], [0.5, wrong])


def test_as_many_labels_as_probabilities_are_needed() -> None:
    with pytest.raises(DataError, match="2 labels"):
        render_bars(["x", "y"], [1.0])


def test_what_is_no_path_is_refused() -> None:
    for path in (None, 5, b"seven.png"):
        with pytest.raises(UsageError, match="a path is a text or a Path"):
            read_digit(path)  # type: ignore[arg-type]
