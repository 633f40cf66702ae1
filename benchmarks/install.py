"""What an installation takes on disk: the package and what it brings, NumPy and bytecode aside."""

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rushlight
from benchmarks.sides import ROOT, TORCH, Figures, Measure, Task

MIB = 1 << 20


def needed(name: str) -> Iterator[str]:
    """Yield a distribution and all that it needs, NumPy aside, each once."""
    seen = {"numpy"}
    waiting = [name]
    while waiting:
        current = canonicalize_name(waiting.pop())
        if current in seen:
            continue
        seen.add(current)
        yield current
        for line in requirements(current):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def requirements(name: str) -> list[str]:
    """Return what a distribution asks for; ours need not be installed to be measured."""
    if name == "rushlight":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        return list(project["dependencies"])
    return metadata.requires(name) or []


def files_of(name: str) -> Iterator[Path]:
    """Yield the files of an installation."""
    if name == "rushlight":
        yield from Path(rushlight.__file__).parent.rglob("*")
        return
    for file in metadata.files(name) or []:
        yield Path(str(file.locate()))


def size_of(name: str) -> Figures:
    """Return the size of a distribution and of all that it needs, in MiB."""
    files = {
        path.resolve()
        for distribution in needed(name)
        for path in files_of(distribution)
        if path.suffix != ".pyc" and path.is_file()
    }
    return {"size": sum(path.stat().st_size for path in files) / MIB}


def ours(quick: bool) -> Figures:
    return size_of("rushlight")


def pytorch(quick: bool) -> Figures:
    return size_of("torch")


TASK = Task(
    {"ours": ours, TORCH: pytorch},
    (Measure("installed size beside NumPy", "MiB", "size", "ours", (TORCH,)),),
    once=("ours", TORCH),
)
