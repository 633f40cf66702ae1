"""Writing an exported model: files in a folder of their own, which appears whole or not at all."""

import contextlib
import os
import secrets
import shlex
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rushlight.compile import cache, process
from rushlight.compile.toolchain import BUILD_LIMIT_S, Compiler, find_compiler
from rushlight.core.errors import CompileError, UsageError
from rushlight.export.blob import blob_bytes
from rushlight.export.code import LIMIT, Code, code_of
from rushlight.export.header import header_text
from rushlight.export.learning import learner_of
from rushlight.export.loader import loader_text
from rushlight.export.program import main_text, test_text
from rushlight.export.source import source_text
from rushlight.export.subject import WORDS, subject_of

KINDS = {
    "c": "C source: the model, a program around it, a Makefile",
    "lib": "a shared library with a C header, and a Python file that loads it",
    "exe": "a program that reads input and prints the prediction",
}
_PLAIN = (
    *("-std=gnu11", "-O2", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-fwrapv"),
)
TRAIN_BATCH = 32
_LINKING = {"-fPIC", "-shared", "-fvisibility=hidden", "-pthread", "-Wl,-Bsymbolic"}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        name: what the model is called in C.
        out: the folder, or for a program the file.
        files: names of the files and their sizes in bytes.
    """

    name: str
    out: Path
    files: dict[str, int]


def export_model(
    path: str | os.PathLike[str],
    kind: str,
    out: str | os.PathLike[str] | None = None,
    *,
    batch: int = 1,
    words: int = WORDS,
    train: bool = False,
    train_batch: int | None = None,
    optimizer: str = "sgd",
    portable: bool = False,
    force: bool = False,
    limit: int = LIMIT,
) -> Exported:
    """Write a model as something that works without Python.

    Args:
        path: the model file.
        kind: "c", "lib" or "exe".
        out: the folder to write, for "exe" the file; named after the model by default.
        batch: how many inputs a call takes.
        words: how many words a text has at most.
        train: export the training step too.
        train_batch: how many inputs a step takes; 32 by default, or 1 text.
        optimizer: "sgd", "momentum", "adam", "adamw", "rmsprop" or "lion".
        portable: for any processor of this kind, not just for this one.
        force: replace what is there.
        limit: how many bytes of weights the C file holds; more are in a file beside it.

    Raises:
        FormatError: the file is no model.
        UsageError: the model cannot be exported like this, or `out` cannot be written to.
        CompileError: there is no C compiler, for "lib" and "exe".
    """
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", hint=f"choose one of {', '.join(KINDS)}")
    subject = subject_of(path, batch, words)
    target = Path(out) if out is not None else Path(_default_out(subject.name, kind))
    _check_target(target, kind, force)
    if kind == "exe" and batch != 1:
        raise UsageError("a program answers one input at a time, so it takes no batch")
    if kind == "exe" and train:
        raise UsageError("a program does not learn", hint="--to c or --to lib")
    learner = None
    if train:
        each = train_batch or (1 if subject.words else TRAIN_BATCH)
        learner = learner_of(subject, optimizer, each)
    code = code_of(subject, learner, path, limit)
    with _temporary(target) as folder:
        _write_sources(code, folder, portable)
        if kind != "c":
            _build(code, folder, kind, portable)
        files = {one.name: one.stat().st_size for one in sorted(folder.iterdir())}
        if kind == "exe":
            os.replace(folder / subject.name, target)
        else:
            _put(folder, target)
    return Exported(subject.name, target, files)


def _default_out(name: str, kind: str) -> str:
    return name if kind == "exe" else f"{name}-{kind}"


def _check_target(target: Path, kind: str, force: bool) -> None:
    """Raise unless the folder or file can be written."""
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent} to write {target.name} in")
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if kind == "exe":
        if not stat.S_ISREG(mode):
            fact = f"{target} is there already, and no file to replace"
            raise UsageError(fact, hint="--out names another")
    elif not stat.S_ISDIR(mode):
        raise UsageError(f"{target} is there already, and no folder to write in")
    elif not any(target.iterdir()):
        return
    if not force:
        hint = "--force replaces it, --out names another"
        raise UsageError(f"{target} is there already", hint=hint)


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Give a new folder beside the target, and remove it, or what is left of it."""
    folder = target.parent / f".rushlight-{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(folder: Path, target: Path) -> None:
    """Give a finished folder its name; where one is there, replace its files of these names."""
    if not target.exists():
        os.rename(folder, target)
        return
    for path in sorted(folder.iterdir()):
        os.replace(path, target / path.name)


def _write_sources(code: Code, folder: Path, portable: bool) -> None:
    subject = code.subject
    command = f"cc {shlex.join(flags(portable))} -c {subject.name}.c"
    texts = {
        f"{subject.name}.c": source_text(code, command),
        f"{subject.name}.h": header_text(code),
        f"{subject.name}_test.h": test_text(code),
        "main.c": main_text(code),
        "Makefile": _makefile(subject.name, portable),
    }
    if code.blob:
        (folder / f"{subject.name}.weights").write_bytes(blob_bytes(code))
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def flags(portable: bool) -> tuple[str, ...]:
    """Return the flags that give the bits of the compiled function, where there is a compiler."""
    compiler = _compiler()
    if compiler is None:
        return _PLAIN
    kept = [flag for flag in compiler.flags if flag not in _LINKING]
    return tuple(flag for flag in kept if not (portable and flag in compiler.tuning))


def _compiler() -> Compiler | None:
    try:
        return find_compiler()
    except CompileError:
        return None


def _build(code: Code, folder: Path, kind: str, portable: bool) -> None:
    """Build a library or a program, and leave what belongs to it alone."""
    name = code.subject.name
    compiler = find_compiler()
    apple = "apple" in compiler.target or "darwin" in compiler.target
    if kind == "lib":
        library = f"lib{name}.dylib" if apple else f"lib{name}.so"
        words = ["-fPIC", "-shared", f"{name}.c", "-o", library]
        kept = {library, f"{name}.h", f"{name}.py"}
        (folder / f"{name}.py").write_text(loader_text(code, library), encoding="utf-8")
    else:
        words = [f"{name}.c", "main.c", "-o", name]
        kept = {name}
    if not apple:
        words.append("-s")
    variables = {}
    if compiler.kind == "zig":
        place = str(cache.folder("zig"))
        variables = {"ZIG_GLOBAL_CACHE_DIR": place, "ZIG_LOCAL_CACHE_DIR": place}
    if code.blob:
        words.append(f"-D{name.upper()}_EMBED")
    command = [*compiler.command, *flags(portable), *words, "-lm"]
    process.run(command, folder, BUILD_LIMIT_S, **variables)
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()


def _makefile(name: str, portable: bool) -> str:
    return f"""\
# These flags give the bits that the network had where it was exported; any others work too.
CC = cc
CFLAGS = {shlex.join(flags(portable))} -Wall -Wextra

{name}: {name}.c {name}.h {name}_test.h main.c
\t$(CC) $(CFLAGS) {name}.c main.c -o $@ -lm

test: {name}
\t./{name} --test

clean:
\trm -f {name}

.PHONY: test clean
"""
