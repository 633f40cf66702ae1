from pathlib import Path

import pytest

from rushlight.core import config
from rushlight.core.errors import UsageError


def test_no_data_folder_is_chosen_when_the_variable_is_unset_or_empty(monkeypatch):
    monkeypatch.delenv("RUSHLIGHT_DATA_DIR", raising=False)
    assert config.data_dir() is None
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", "")
    assert config.data_dir() is None


def test_the_data_folder_is_the_one_named(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))
    assert config.data_dir() == tmp_path


def test_a_relative_data_folder_becomes_absolute(monkeypatch, tmp_path):
    (tmp_path / "sets").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", "sets")
    assert config.data_dir() == tmp_path / "sets"


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_data_folder_that_is_none_is_refused(monkeypatch, tmp_path, name):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path / name))
    with pytest.raises(UsageError, match=f"RUSHLIGHT_DATA_DIR names .*{name}, which is not a fold"):
        config.data_dir()


def test_the_cache_folder_is_the_one_named_even_before_it_exists(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "later"))
    assert config.cache_dir() == tmp_path / "later"
    assert not (tmp_path / "later").exists()


def test_a_tilde_stands_for_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(Path("~") / "rl"))
    assert config.cache_dir() == tmp_path / "rl"


def test_the_cache_folder_defaults_to_one_of_its_own_name(monkeypatch):
    monkeypatch.delenv("RUSHLIGHT_CACHE_DIR", raising=False)
    folder = config.cache_dir()
    assert folder.is_absolute()
    assert "rushlight" in folder.parts
