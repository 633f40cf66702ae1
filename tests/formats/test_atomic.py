"""Whatever happens during a save, there is one whole file: the old one or the new one."""

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from rushlight.formats.atomic import append, atomic_write, clean_stale_temps

posix = pytest.mark.skipif(os.name != "posix", reason="modes, pipes and links of POSIX")


def put(path: Path, content: bytes) -> None:
    def write(file: BinaryIO) -> None:
        file.write(content)

    atomic_write(path, write)


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_a_new_file_holds_what_was_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    put(tmp_path / "a", b"first")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names_in(tmp_path) == ["a"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a longer old content")
    put(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_reader_of_the_old_file_keeps_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with (tmp_path / "a").open("rb") as reader:
        if os.name != "posix":
            pytest.skip("an open file cannot be replaced here")
        put(tmp_path / "a", b"new")
        assert reader.read() == b"old"


def test_the_target_is_untouched_while_the_new_file_is_being_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    seen = []

    def write(file: BinaryIO) -> None:
        file.write(b"new")
        file.flush()
        seen.append((tmp_path / "a").read_bytes())

    atomic_write(tmp_path / "a", write)
    assert seen == [b"old"]


def test_a_relative_path_means_the_folder_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(Path("a"), b"here")
    assert (tmp_path / "a").read_bytes() == b"here"


def test_a_file_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    name = "n" * 255
    put(tmp_path / name, b"long")
    assert names_in(tmp_path) == [name]


@posix
@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_gets_the_mode_that_the_umask_leaves(
    tmp_path: Path, mask: int, mode: int
) -> None:
    with umask(mask):
        put(tmp_path / "a", b"x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_an_old_file_keeps_its_mode_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(mode)
    with umask(0o077):
        put(tmp_path / "a", b"new")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@posix
def test_the_temporary_file_of_a_private_file_is_private_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o600)
    modes = []
    create = os.open

    def watched_open(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = create(path, flags, mode)
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    with umask(0), monkeypatch.context() as patch:
        patch.setattr(os, "open", watched_open)
        put(tmp_path / "a", b"new")
    assert modes[0] == 0o600


@posix
def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(Path("real", "a"))
    put(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"new"
    assert names_in(tmp_path) == ["link", "real"]
    assert names_in(tmp_path / "real") == ["a"]


@posix
def test_a_link_to_a_file_yet_to_come_creates_that_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    put(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "later").read_bytes() == b"new"


@posix
def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError) as caught:
        put(tmp_path / "a", b"new")
    assert caught.value.errno == errno.ELOOP
    assert names_in(tmp_path) == ["a", "b"]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        put(tmp_path / "a", b"new")
    assert names_in(tmp_path) == ["a"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No such folder: .*missing"):
        put(tmp_path / "missing" / "a", b"new")


@posix
def test_a_pipe_is_refused_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(OSError, match="Not a regular file"):
        put(tmp_path / "a", b"new")
    assert stat.S_ISFIFO((tmp_path / "a").stat().st_mode)


@posix
@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"], ids=["a NUL byte", "half a surrogate pair"])
def test_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="unusable file name"):
        put(tmp_path / name, b"new")


def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        put(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names_in(tmp_path) == ["a"]


def test_a_folder_without_write_permission_leaves_the_old_file(
    folder_of_an_ordinary_user: Path,
) -> None:
    sealed = folder_of_an_ordinary_user / "sealed"
    sealed.mkdir()
    (sealed / "a").write_bytes(b"old")
    sealed.chmod(0o555)
    with pytest.raises(PermissionError):
        put(sealed / "a", b"new")
    assert names_in(sealed) == ["a"]
    assert (sealed / "a").read_bytes() == b"old"
    sealed.chmod(0o755)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, MemoryError])
def test_a_writer_that_fails_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half of the new")
        raise error

    with pytest.raises(error):
        atomic_write(tmp_path / "a", write)
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("step", ["open", "chmod", "fsync", "replace"])
def test_a_step_that_the_system_refuses_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch, pytest.raises(OSError) as caught:
        patch.setattr(os, step, refuse)
        put(tmp_path / "a", b"new")
    assert caught.value.errno == errno.EIO
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@posix
def test_a_folder_that_cannot_be_flushed_does_not_undo_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    flush = os.fsync
    flushed = []

    def refuse_folders(descriptor: int) -> None:
        flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        if flushed[-1]:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse_folders)
        put(tmp_path / "a", b"new")
    assert flushed == [False, True]
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names_in(tmp_path) == ["a"]


def left_by_a_killed_process(folder: Path, age_s: float) -> Path:
    """Make a temporary file as a save makes it, and leave it there."""
    left = []

    def write(file: BinaryIO) -> None:
        (temp,) = set(os.listdir(folder)) - before
        shutil.copy(folder / temp, folder / temp.replace("-", "-9", 1))
        left.append(folder / temp.replace("-", "-9", 1))

    before = set(os.listdir(folder))
    atomic_write(folder / "any", write)
    (folder / "any").unlink()
    os.utime(left[0], times=(time.time() - age_s,) * 2)
    return left[0]


def test_a_save_removes_what_killed_saves_left_an_hour_ago(tmp_path: Path) -> None:
    left_by_a_killed_process(tmp_path, age_s=3700)
    young = left_by_a_killed_process(tmp_path, age_s=3500)
    put(tmp_path / "a", b"new")
    assert names_in(tmp_path) == [young.name, "a"]


def test_the_age_of_stale_files_can_be_chosen(tmp_path: Path) -> None:
    left_by_a_killed_process(tmp_path, age_s=20)
    clean_stale_temps(tmp_path, older_than_s=30)
    assert len(names_in(tmp_path)) == 1
    clean_stale_temps(tmp_path, older_than_s=10)
    assert names_in(tmp_path) == []


def test_cleaning_spares_whatever_a_save_did_not_make(tmp_path: Path) -> None:
    stale = left_by_a_killed_process(tmp_path, age_s=0).name
    (tmp_path / stale).unlink()
    spared = ["a.tmp", ".rushlight-notes.tmp", "x" + stale, stale + "x", "model.safetensors"]
    for name in spared:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / stale).mkdir()
    clean_stale_temps(tmp_path, older_than_s=-60)
    assert names_in(tmp_path) == sorted([*spared, stale])


def test_cleaning_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    clean_stale_temps(tmp_path / "missing")
    assert names_in(tmp_path) == []


def test_a_writer_that_the_system_refuses_says_which_file(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: .*note\.txt"):
        atomic_write(tmp_path / "note.txt", write)


def test_what_is_appended_stands_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    for part in (b"one\n", b"", b"two\n"):
        append(path, part)
    assert path.read_bytes() == b"one\ntwo\n"
