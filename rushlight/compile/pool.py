"""The threads on which compiled code runs: how many, and the C that keeps them ready."""

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rushlight.compile import cache
from rushlight.compile.generator import generator
from rushlight.compile.loader import address, function, load
from rushlight.compile.sources import runtime
from rushlight.compile.toolchain import build, find_compiler
from rushlight.core import config


@dataclass(frozen=True)
class Pool:
    """The runtime of this process: its addresses stay good until the process ends.

    Attributes:
        parallel: the address of `rl_pool_run`, for `rl_call.parallel`.
        drive: `rl_drive_run`, which takes the address of what it is to do.
    """

    parallel: int
    drive: Callable[[int], int]


@functools.cache
def pool() -> Pool:
    """Return the runtime, compiled where no process has done so before.

    Raises CompileError where there is no C compiler.
    """
    compiler = find_compiler()
    key = cache.digest("pool", generator(), compiler.recipe)
    entry = cache.find(key)
    if entry is None:
        source = runtime("threads.c", "drive.c")
        make = functools.partial(build, compiler)
        entry = cache.store(key, source, compiler.recipe, {}, make)
    library = load(entry.path)
    return Pool(address(library, "rl_pool_run"), function(library, "rl_drive_run"))


def thread_count() -> int:
    """Return how many threads to use: RUSHLIGHT_THREADS, else as many CPUs as this process may.

    Those are the CPUs of its affinity mask, or fewer where its control group has a quota.

    >>> thread_count() >= 1
    True
    """
    chosen = config.threads()
    if chosen is not None:
        return chosen
    allowed = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = min(allowed, len(os.sched_getaffinity(0)))
    quota = _quota()
    return allowed if quota is None else max(1, min(allowed, quota))


@functools.cache
def _quota() -> int | None:
    return cpu_quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def cpu_quota(groups: Path, mount: Path) -> int | None:
    """Return how many CPUs a control group grants, rounded up; None where it sets no limit.

    Args:
        groups: the file that names the process's groups, one `number:controllers:path` a line.
        mount: where the groups are mounted, version 1 or 2.

    The limits of the groups around it hold too. What cannot be read is taken for no limit.
    """
    quotas: list[int] = []
    for line in _text(groups).splitlines():
        _, _, group = line.partition(":")
        controllers, _, path = group.partition(":")
        if controllers == "":
            roots = [mount, mount / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [mount / "cpu", mount / controllers]
        else:
            continue
        for root in roots:
            for folder in _upwards(root, path):
                quotas.extend(_limits(folder))
    return min(quotas, default=None)


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a group and of those around it. In a container the path may lead out."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:length])


def _limits(folder: Path) -> Iterator[int]:
    """Yield the number of CPUs that a group's files grant, where they set a limit."""
    words = _text(folder / "cpu.max").split()
    words = words or [_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    if len(words) == 2 and all(word.isdecimal() and word.isascii() for word in words):
        quota, period = int(words[0]), int(words[1])
        if quota > 0 and period > 0:
            yield -(-quota // period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
