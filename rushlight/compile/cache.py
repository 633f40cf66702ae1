"""Compiled objects on disk, found again in the next process, and never half of one.

    objects/                 mode 0700, the user's own
      <object>/              named by the digest of its source and of how it is built
        code.c  code.so      the object, and its source for reading
        facts.json           size and SHA-256 of code.so
      <key>.json             the caller's manifest, and the object that it belongs to

A key is a digest of whatever the caller knows before there is a source: the graph, the version of
Rushlight, the compiler, the CPU. So a second process finds its object without making the C anew,
and two keys whose C is the same share one object.

What is found is used only if it belongs to the user, nobody else may write to it, and it is as it
was written. A folder appears whole, by one renaming; so does a file.
"""

import atexit
import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rushlight.core.config import CACHE_DIR, cache_dir
from rushlight.core.errors import CompileError, CompileWarning

LIMIT_BYTES = 512 << 20  # all objects together; the ones unused for longest go first
LEAST_FREE_BYTES = 16 << 20  # a disk with less is taken for full
RECORD_BYTES = 16 << 20
CODE_BYTES = 256 << 20

_TEMP = ".new-"
_TEMP_AGE_S = 3600
_PRUNE_EVERY_S = 3600
_TOUCH_EVERY_S = 86400

_OURS = re.compile(r"[0-9a-f]{64}(\.json)?")

Written = TypeVar("Written")
Build = Callable[[Path, Path], None]  # from a C file that is there to an object that is not yet


@dataclass(frozen=True)
class Entry:
    """A compiled object that may be loaded, and what the caller wrote down about it."""

    path: Path
    manifest: dict[str, Any]

    @property
    def source(self) -> Path:
        """The C that it was made from."""
        return self.path.with_suffix(".c")


class Refused(Exception):
    """Something in the cache that cannot be trusted."""


def digest(*parts: str | bytes) -> str:
    """Return the SHA-256 of texts, as 64 hexadecimal digits: a key, or the name of an object.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(b"%d:" % len(data))
        total.update(data)
    return total.hexdigest()


def find(key: str) -> Entry | None:
    """Return the entry of a key, or None; what is damaged or foreign is removed, with a word."""
    found = (cache.find(key) for cache in _caches())
    return next((entry for entry in found if entry is not None), None)


def store(key: str, source: str, recipe: str, manifest: dict[str, Any], build: Build) -> Entry:
    """Return the entry of a key after building its object, unless the same object is there.

    Args:
        key: the digest under which `find` will find it.
        source: the C.
        recipe: what else the object depends on: compiler, flags, CPU.
        manifest: what to know about the object, as JSON can hold it.
        build: compiles the C file at the first path to the object at the second.

    Raises CompileError where no folder can be written to, and whatever `build` raises. Where the
    cache folder is full or read-only, a temporary folder of this process takes its place.
    """
    return _write(lambda cache: cache.store(key, source, recipe, manifest, build))


def recall(key: str) -> dict[str, Any] | None:
    """Return what `remember` wrote down under a key, or None."""
    found = (cache.recall(key) for cache in _caches())
    return next((facts for facts in found if facts is not None), None)


def remember(key: str, facts: dict[str, Any]) -> None:
    """Write facts down under a key, for later processes: nothing to compile is needed."""
    _write(lambda cache: cache.remember(key, facts))


def folder(name: str) -> Path:
    """Return a folder beside the objects, made if need be: for what a compiler itself keeps."""
    return _write(lambda cache: cache.inner(name))


def usage() -> tuple[Path, int]:
    """Return the folder in use and how many bytes it holds."""
    place = _caches()[0].folder
    return place, sum(size for _, size, path in _contents(place) if _OURS.fullmatch(path.name))


class ObjectCache:
    """One folder of objects and manifests; the module's functions choose which."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str) -> Entry | None:
        record = self.recall(key)
        if record is None or not self._holds(record["object"]):
            return None
        return Entry(self.folder / record["object"] / "code.so", record["manifest"])

    def store(
        self, key: str, source: str, recipe: str, manifest: dict[str, Any], build: Build
    ) -> Entry:
        self._make_room()
        name = digest(source, recipe)
        if not self._holds(name):
            self._build(name, source, build)
        record = {"object": name, "manifest": manifest}
        self.remember(key, record)
        return Entry(self.folder / name / "code.so", json.loads(json.dumps(manifest)))

    def recall(self, key: str) -> dict[str, Any] | None:
        path = self.folder / f"{key}.json"
        try:
            record = _read_record(path, key)
        except FileNotFoundError:
            return None
        except (OSError, Refused) as error:
            self._drop(path, error)
            return None
        _touch(path)
        return record

    def remember(self, key: str, facts: dict[str, Any]) -> None:
        self._ensure()
        temp = self.folder / _temp_name()
        try:
            _write_record(temp, key, facts)
            os.replace(temp, self.folder / f"{key}.json")
        except BaseException:
            _remove(temp)
            raise

    def inner(self, name: str) -> Path:
        self._ensure()
        path = self.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def _holds(self, name: str) -> bool:
        """Say whether the object is there and as it was written; remove one that is not."""
        home = self.folder / name
        try:
            status = home.lstat()
        except FileNotFoundError:
            return False
        try:
            _check_folder(status)
            facts = _read_record(home / "facts.json", name)
            code = _read(home / "code.so", CODE_BYTES)
            if [len(code), hashlib.sha256(code).hexdigest()] != [facts["size"], facts["sha256"]]:
                raise Refused("is not as it was written")
        except (OSError, Refused) as error:
            self._drop(home, error)
            return False
        _touch(home)
        return True

    def _build(self, name: str, source: str, build: Build) -> None:
        temp = self.folder / _temp_name()
        temp.mkdir(mode=0o700)
        try:
            (temp / "code.c").write_text(source, encoding="utf-8")
            build(temp / "code.c", temp / "code.so")
            code = (temp / "code.so").read_bytes()
            facts = {"size": len(code), "sha256": hashlib.sha256(code).hexdigest()}
            for path in temp.iterdir():
                path.chmod(0o600)
            _write_record(temp / "facts.json", name, facts)
            self._put(temp, name)
        finally:
            _remove(temp)

    def _put(self, temp: Path, name: str) -> None:
        """Give a finished folder its name, unless another process was first with a good one."""
        home = self.folder / name
        for _ in range(3):
            try:
                os.rename(temp, home)
                return
            except OSError:
                if self._holds(name):
                    return
        raise OSError("holds something that can neither be used nor replaced")

    def _drop(self, path: Path, error: Exception) -> None:
        """Take out of the way what cannot be used, in one step, and say so."""
        _warn(f"{path} is not used, because it {_reason(error)}; it is made anew")
        aside = self.folder / _temp_name()
        with contextlib.suppress(OSError):
            os.rename(path, aside)
            _remove(aside)

    def _make_room(self) -> None:
        """Make the folder, and see to it now and then that it does not grow for ever."""
        self._ensure()
        if shutil.disk_usage(self.folder).free < LEAST_FREE_BYTES:
            raise OSError("is on a disk that is full")
        stamp = self.folder / ".pruned"
        with contextlib.suppress(FileNotFoundError):
            if time.time() - stamp.lstat().st_mtime < _PRUNE_EVERY_S:
                return
        stamp.touch(mode=0o600)
        os.utime(stamp)
        prune(self.folder)

    def _ensure(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            self.folder.mkdir(mode=0o700)
        try:
            _check_folder(self.folder.lstat())
        except Refused as error:
            raise OSError(str(error)) from None


def prune(folder: Path, limit: int = LIMIT_BYTES) -> None:
    """Remove what was used longest ago until `limit` bytes are left, and what killed builds left.

    What cannot be removed stays.
    """
    old = time.time() - _TEMP_AGE_S
    kept = []
    for used, size, path in _contents(folder):
        if _OURS.fullmatch(path.name):
            kept.append((used, size, path))
        elif path.name.startswith(_TEMP) and used < old:
            _remove(path)
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= limit:
            break
        aside = folder / _temp_name()
        with contextlib.suppress(OSError):
            os.rename(path, aside)
            _remove(aside)
            total -= size


def _caches() -> list[ObjectCache]:
    """Return where to look: the user's folder unless it is refused, then this process's own."""
    caches = []
    folder = cache_dir() / "objects"
    try:
        _check_folder(folder.lstat())
        caches.append(ObjectCache(folder))
    except FileNotFoundError:
        caches.append(ObjectCache(folder))
    except (OSError, Refused) as error:
        _notice_folder(folder, error)
    if not caches or temporary.cache_info().currsize:
        caches.append(temporary())
    return caches


def _write(write: Callable[[ObjectCache], Written]) -> Written:
    """Write to the first folder that takes it."""
    cache = _caches()[0]
    try:
        return write(cache)
    except OSError as error:
        _notice_folder(cache.folder, error)
    try:
        return write(temporary())
    except OSError as error:
        fact = f"no folder takes compiled code: the temporary one {_reason(error)}"
        raise CompileError(fact, hint=f"set {CACHE_DIR} to a folder with room") from None


def _notice_folder(folder: Path, error: Exception) -> None:
    _warn(
        f"compiled code is kept in a temporary folder, because {folder} {_reason(error)}; "
        f"set {CACHE_DIR} to a folder of your own, with mode 0700 and room"
    )


def _warn(text: str) -> None:
    """Say what is wrong with the cache: Python shows each text once, unless told otherwise."""
    warnings.warn(text, CompileWarning, stacklevel=2)


def _reason(error: Exception) -> str:
    """Return what is wrong with something, to be read after its name."""
    if isinstance(error, OSError) and error.strerror:
        return f"gives an error ({error.strerror.lower()})"
    return str(error)


@functools.cache
def temporary() -> ObjectCache:
    """Return the cache that lasts as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="rushlight-"))
    owner = os.getpid()
    atexit.register(lambda: _remove(folder) if os.getpid() == owner else None)
    return ObjectCache(folder)


def _check_folder(status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise Refused("is not a folder")
    _check_owner(status)


def _check_owner(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise Refused("belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused("can be written by other users")


def _read(path: Path, most: int) -> bytes:
    """Return the content of a regular file of the user's own that nobody else may write to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("is not a regular file")
        _check_owner(status)
        if status.st_size > most:
            raise Refused("is too large")
        return file.read()


def _write_record(path: Path, name: str, facts: dict[str, Any]) -> None:
    """Write JSON under the digest of itself and of the name that it is to be found by."""
    text = json.dumps(facts)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{digest(name, text)}\n{text}\n")


def _read_record(path: Path, name: str) -> dict[str, Any]:
    data = _read(path, RECORD_BYTES)
    check, _, text = data.removesuffix(b"\n").partition(b"\n")
    if check.decode("latin-1") != digest(name, text):
        raise Refused("is not as it was written")
    facts: dict[str, Any] = json.loads(text)
    return facts


def _temp_name() -> str:
    return f"{_TEMP}{os.getpid()}-{os.urandom(8).hex()}"


def _touch(path: Path) -> None:
    """Note the use of an entry, if that was not done today: what is unused goes first."""
    with contextlib.suppress(OSError):
        if time.time() - path.lstat().st_mtime > _TOUCH_EVERY_S:
            os.utime(path, follow_symlinks=False)


def _contents(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each thing in a folder was used last, how many bytes it has, and its path."""
    with contextlib.suppress(OSError), os.scandir(folder) as items:
        for item in items:
            with contextlib.suppress(OSError):
                status = item.stat(follow_symlinks=False)
                size = status.st_size
                if item.is_dir(follow_symlinks=False):
                    inside = Path(item.path).iterdir()
                    size = sum(path.lstat().st_size for path in inside)
                yield status.st_mtime, size, Path(item.path)


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder, as far as that can be done."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
