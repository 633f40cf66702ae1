import pytest

from rushlight.core.errors import FormatError
from rushlight.data import shakespeare


def test_the_text_is_whole():
    text = shakespeare.load()
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
    assert text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.\n")
    assert text.endswith("Whiles thou art waking.\n")


def test_an_empty_text_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "tinyshakespeare" / "input.txt"
    path.parent.mkdir()
    path.write_text("")
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))
    with pytest.raises(FormatError, match="the file is empty"):
        shakespeare.load()
