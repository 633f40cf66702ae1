"""Signals from CSV files, and as lines in a terminal."""

import numpy as np
import pytest

from rushlight.core.errors import DataError, FormatError
from rushlight.data.signals import read_signal, render_signal

ROWS = np.array([[1.0, 2.5, -3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("x,y,z\n1,2.5,-3\n4,5,6\n", [0, 1, 2]),
        ("z;x;y\r\n1;2.5;-3\r\n4;5;6\r\n", [1, 2, 0]),
        ("1\t2.5\t-3\n4\t5\t6", [0, 1, 2]),
        ("first,second,third\n1, 2.5 , -3\n4,5,6\n", [0, 1, 2]),
    ],
    ids=["named", "in another order", "without names", "other names"],
)
def test_a_column_is_a_channel(tmp_path, text, order):
    (tmp_path / "s.csv").write_bytes(text.encode())
    signal = read_signal(tmp_path / "s.csv", ("x", "y", "z"), 2)
    assert signal.dtype == np.float32
    np.testing.assert_array_equal(signal, ROWS.T[order])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,4\n", "2 columns, the network takes 3"),
        ("1,2,3\n", "1 lines of numbers, the network takes 2"),
        ("1,2,3\n4,5,6\n7,8,9\n", "3 lines of numbers, the network takes 2"),
        ("1,2,3\n4,5,word\n", "the column of z is not made of numbers"),
        ("1,2,3\n4,,6\n", "the column of y is not made of numbers"),
        ("1,2,3\ninf,5,6\n", "the column of x is not made of numbers"),
        ("1,2,3\n1e39,5,6\n", "the column of x is not made of numbers"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_signal(tmp_path / "s.csv", ("x", "y", "z"), 2)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("1,2,3\n4,5\n")
    with pytest.raises(FormatError):
        read_signal(tmp_path / "s.csv", ("x", "y", "z"), 2)
    with pytest.raises(FormatError):
        read_signal(tmp_path / "nowhere.csv", ("x", "y", "z"), 2)


def test_levels_go_from_the_lowest_to_the_highest_of_all_channels():
    signal = np.array([[0.0, 7.0], [3.0, 4.0]])
    assert render_signal(signal) == "▁█\n▄▅"
    assert render_signal(signal, encoding="ascii") == "_#\n~="
    assert render_signal(np.zeros((1, 3))) == "▁▁▁"


def test_a_long_signal_is_drawn_by_its_means():
    signal = np.repeat([[0.0, 1.0, 2.0]], 4, axis=1).reshape(1, 12)
    assert render_signal(signal, width=3) == "▁▅█"
    assert len(render_signal(np.zeros((1, 128)), width=50)) == 50
