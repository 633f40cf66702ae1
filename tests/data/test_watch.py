import pytest

from rushlight.data import watch
from rushlight.data.watch import watched


@pytest.mark.parametrize("patience", [10, -1], ids=["quick", "long"])
def test_all_items_go_by_and_nothing_is_written_where_there_is_no_terminal(
    monkeypatch, capfd, patience
):
    monkeypatch.setattr(watch, "PATIENCE_S", patience)
    assert list(watched(range(5), 5, "numbers")) == [0, 1, 2, 3, 4]
    assert list(watched([], 0, "nothing")) == []
    assert capfd.readouterr() == ("", "")


def test_a_long_reading_shows_how_far_it_is_on_a_terminal(monkeypatch, capfd):
    monkeypatch.setattr(watch, "PATIENCE_S", -1)
    monkeypatch.setenv("FORCE_COLOR", "1")  # by which rich takes any stream for a terminal
    assert len(list(watched(range(5), 5, "my[numbers]"))) == 5
    shown = capfd.readouterr().err
    assert "my[numbers]" in shown
    assert "5/5" in shown


def test_an_error_while_reading_takes_the_bar_away(monkeypatch, capfd):
    monkeypatch.setattr(watch, "PATIENCE_S", -1)
    monkeypatch.setenv("FORCE_COLOR", "1")

    def broken():
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(watched(broken(), 5, "numbers"))
    assert "\x1b[?25h" in capfd.readouterr().err  # the cursor is shown again
