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


@pytest.mark.parametrize("value", ["", " ", None])
def test_no_threads_and_no_compiler_are_chosen_when_the_variables_are_unset(monkeypatch, value):
    for variable in ("RUSHLIGHT_THREADS", "RUSHLIGHT_CC"):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert config.threads() is None
    assert config.compiler() is None


@pytest.mark.parametrize(("value", "threads"), [("1", 1), (" 4 ", 4), ("256", 256), ("007", 7)])
def test_a_number_of_threads_is_taken(monkeypatch, value, threads):
    monkeypatch.setenv("RUSHLIGHT_THREADS", value)
    assert config.threads() == threads


@pytest.mark.parametrize("value", ["0", "-1", "257", "2.0", "two", "1e2", "٣", "9" * 5000])
def test_what_is_no_number_of_threads_is_refused(monkeypatch, value):
    monkeypatch.setenv("RUSHLIGHT_THREADS", value)
    with pytest.raises(
        UsageError, match="RUSHLIGHT_THREADS is a number from 1 to 256, not"
    ) as told:
        config.threads()
    assert len(str(told.value)) < 120


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("clang", ["clang"]),
        ("zig cc", ["zig", "cc"]),
        ("'/opt/my cc' -m64", ["/opt/my cc", "-m64"]),
    ],
)
def test_a_compiler_is_a_list_of_words(monkeypatch, value, words):
    monkeypatch.setenv("RUSHLIGHT_CC", value)
    assert config.compiler() == words


def test_the_path_of_a_compiler_may_have_a_blank(monkeypatch, tmp_path):
    (tmp_path / "my cc").write_text("")
    monkeypatch.setenv("RUSHLIGHT_CC", str(tmp_path / "my cc"))
    assert config.compiler() == [str(tmp_path / "my cc")]


def test_a_compiler_with_an_open_quotation_mark_is_refused(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CC", "cc 'oops")
    with pytest.raises(UsageError, match="RUSHLIGHT_CC is no command: a quotation mark is not"):
        config.compiler()


def test_a_child_gets_the_variables_and_the_changes(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", "a")
    child = config.environment(RUSHLIGHT_DATA_DIR="b", LC_ALL="C")
    assert (child["RUSHLIGHT_DATA_DIR"], child["LC_ALL"]) == ("b", "C")
    assert config.environment()["RUSHLIGHT_DATA_DIR"] == "a"
