"""How the tests of the C runtime build small programs with the machine's compiler."""

import ctypes
import itertools
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rushlight.compile.toolchain import find_compiler
from rushlight.core.errors import CompileError

HERE = Path(__file__).parent
RUNTIME = HERE.parents[2] / "rushlight" / "compile" / "runtime"
FLAGS = ["-std=gnu11", "-O2", "-ftree-vectorize", "-ffp-contract=fast", "-fno-math-errno"]
FLAGS += ["-fno-trapping-math", "-fwrapv", "-Wall", "-Wextra", "-Werror", f"-I{RUNTIME}"]

TARGETS = {"plain": [], "native": ["-march=native"]}  # all of which this machine can run
if platform.machine() in ("x86_64", "AMD64"):
    TARGETS["no AVX-512"] = ["-march=native", "-mno-avx512f"]
    TARGETS["no AVX2"] = ["-march=native", "-mno-avx512f", "-mno-avx2", "-mno-fma"]

SANITIZERS = {
    "none": [],
    "address and undefined": ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "threads": ["-g", "-fsanitize=thread"],
}


class Builder:
    """Builds C with the machine's compiler, in a folder of its own."""

    def __init__(self, compiler: Sequence[str], folder: Path) -> None:
        self.compiler = compiler
        self.folder = folder
        self.numbers = itertools.count()

    def library(self, source: str, flags: Sequence[str] = ()) -> ctypes.CDLL:
        """Load a text of C; a warning is an error."""
        file = self.folder / f"library{next(self.numbers)}.c"
        file.write_text(source, encoding="utf-8")
        output = file.with_suffix(".so")
        built = self.run([*flags, "-shared", "-fPIC", "-o", output, file, "-lm"])
        assert built.returncode == 0, built.stderr
        return ctypes.CDLL(str(output))

    def program(self, *files: Path, flags: Sequence[str] = ()) -> Path:
        """Build a program from files of C; a warning is an error."""
        output = self.folder / f"program{next(self.numbers)}"
        built = self.run([*flags, "-o", output, *files, "-lm", "-pthread"])
        assert built.returncode == 0, built.stderr
        return output

    def run(self, arguments: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        command = [*self.compiler, *FLAGS, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder)

    def can(self, flags: Sequence[str]) -> bool:
        """Whether a program built with these flags runs here."""
        file = self.folder / "nothing.c"
        file.write_text("int main(void) { return 0; }\n")
        output = self.folder / "nothing"
        built = self.run([*flags, "-o", output, file])
        return built.returncode == 0 and subprocess.run([output]).returncode == 0


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    try:
        compiler = find_compiler()
    except CompileError as error:
        pytest.skip(f"the C of the runtime is not run: {error.fact}")
    return Builder(compiler.command, tmp_path_factory.mktemp("runtime"))


@pytest.fixture(params=list(TARGETS))
def target(request: pytest.FixtureRequest, builder: Builder) -> list[str]:
    """The flags of one kind of processor."""
    flags = TARGETS[request.param]
    if not builder.can(flags):
        pytest.skip(f"the compiler does not take {' '.join(flags)}")
    return flags


@pytest.fixture(params=list(SANITIZERS))
def sanitizer(request: pytest.FixtureRequest, builder: Builder) -> list[str]:
    """The flags of one sanitizer, or none."""
    flags = SANITIZERS[request.param]
    if not builder.can(flags):
        pytest.skip(f"no library here for {flags[1]}")
    return flags


@pytest.fixture
def run(builder: Builder) -> Callable[..., str]:
    """Build the named files, of the tests or of the runtime, run them and return what they say."""

    def run(*names: str, flags: Sequence[str] = (), arguments: Sequence[object] = ()) -> str:
        files = [(HERE if (HERE / name).exists() else RUNTIME) / name for name in names]
        program = builder.program(*files, flags=flags)
        command = [str(program), *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run
