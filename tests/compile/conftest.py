"""What the tests of compiled code share: a real compiler, and scripts that act as one."""

import shlex
import shutil

import pytest

from rushlight.compile.sources import runtime
from rushlight.compile.toolchain import build, find_compiler
from rushlight.core.errors import CompileError


@pytest.fixture
def script(tmp_path):
    """Return a function that writes a shell script and returns its path."""

    def write(name, text):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def cc():
    """Return the path of a real C compiler."""
    path = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if path is None:
        pytest.skip("there is no C compiler")
    return shlex.quote(path)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Return a function that compiles C after files of the runtime; it returns the object."""
    try:
        compiler = find_compiler()
    except CompileError:
        pytest.skip("there is no C compiler")

    def make(text, *files):
        folder = tmp_path_factory.mktemp("compiled")
        (folder / "code.c").write_text(runtime(*files or ["rushlight.h"]) + text)
        warnings = ["-Wall", "-Wextra", "-Werror"]
        build(compiler, folder / "code.c", folder / "code.so", warnings)
        return folder / "code.so"

    return make
