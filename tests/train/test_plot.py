"""Curves as text and as pictures."""

import builtins

import numpy as np
import pytest

import rushlight as rl
from rushlight.formats.png import read_png
from rushlight.train import Epoch, History
from rushlight.train.plot import draw_curves


def history(losses, validation=None):
    made = History()
    for number, loss in enumerate(losses, start=1):
        held_out = None if validation is None else validation[number - 1]
        made.append(Epoch(number, loss, 0.5, held_out, None, 1.0))
    return made


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", None, "nonsense"])
@pytest.mark.parametrize("width", [10, 60, 200])
@pytest.mark.parametrize("epochs", [1, 2, 7, 1000])
def test_a_plot_fits_its_width_and_encoding(encoding, width, epochs):
    losses = np.random.default_rng(0).random(epochs).tolist()
    text = history(losses, losses[::-1]).plot(width, 8, encoding)
    lines = text.splitlines()
    assert len(lines) == 8 + 3
    if width >= 60:
        assert max(map(len, lines)) <= width
    assert text.isascii() == (encoding != "utf-8")


def test_the_line_goes_through_the_first_and_last_point():
    rows = history([3.0, 1.0, 2.0]).plot(23, 5, "ascii").splitlines()[:5]
    cells = [row.partition("|")[2] for row in rows]
    assert cells[0].startswith("*")
    assert cells[2].rstrip().endswith("*")
    assert "*" in cells[4]
    assert [row.partition("|")[0].strip() for row in rows] == ["3", "", "", "", "1"]


def test_losses_of_very_different_sizes_are_drawn_logarithmically():
    text = history([100.0, 10.0, 1.0]).plot(40, 7, "ascii")
    assert "(log scale)" in text
    assert [line.split("|")[0].strip() for line in text.splitlines()[:7:3]] == ["100", "10", "1"]


def test_losses_that_do_not_change_are_a_level_line():
    lines = history([2.0, 2.0, 2.0]).plot(40, 5, "ascii").splitlines()
    assert [line for line in lines[:5] if "*" in line] == [lines[2]]
    assert lines[2].startswith("2 |****")


def test_both_curves_are_named():
    legend = history([1.0, 0.5], [1.5, 1.0]).plot().splitlines()[-1]
    assert legend.strip() == "⣀⣀ loss   ∘ validation loss"


def test_nothing_cannot_be_drawn():
    with pytest.raises(rl.BoundsError, match="no epoch is over yet"):
        History().plot()
    with pytest.raises(rl.BoundsError, match="no epoch is over yet"):
        History().save_plot("never.png")
    with pytest.raises(rl.DataError, match="has numbers that cannot be drawn"):
        draw_curves({"y": ([0, 1], [0, float("nan")])})
    with pytest.raises(rl.DataError, match=r"has \(1,\) x and \(0,\) y"):
        draw_curves({"y": ([0], [])})


def test_a_plot_is_saved_as_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    history([3.0, 1.0, 2.0], [3.0, 2.0, 2.0]).save_plot(tmp_path / "plot.png")
    pixels = read_png(tmp_path / "plot.png")
    assert pixels.shape[0] >= 300
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 10
    history([3.0, 1.0, 2.0]).save_plot(str(tmp_path / "plot.svg"))
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_a_kind_of_picture_that_is_not_known_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(rl.UsageError, match=r"no picture can be written as .docx"):
        history([1.0]).save_plot(tmp_path / "plot.docx")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(rl.UsageError, match="takes matplotlib") as caught:
        history([1.0]).save_plot(tmp_path / "plot.png")
    assert caught.value.hint == "pip install rushlight[plot]"


@pytest.mark.parametrize(
    "losses", [[1e308, -1e308], [-1.7e308, 0.0, 1.7e308], [1e-308, 1e308], [5e-324, 1e308]]
)
def test_numbers_from_one_end_of_float64_to_the_other_are_drawn(losses):
    lines = draw_curves({"loss": (range(len(losses)), losses)}, 60, 8, "ascii").splitlines()
    start, *_, end = [row.partition("|")[2] for row in lines[:8]]
    falls = losses[0] > losses[-1]
    assert (start if falls else end).startswith("*")
    assert (end if falls else start).rstrip().endswith("*")


def test_a_picture_that_matplotlib_cannot_draw_is_explained_and_leaves_no_file(tmp_path):
    path = tmp_path / "losses.png"
    with pytest.raises(rl.RushlightError, match="matplotlib cannot draw"):
        history([1e308, -1e308]).save_plot(path)
    assert list(tmp_path.iterdir()) == []
