"""The C compiler of this machine: finding it, what it is asked for, and running it."""

import functools
import importlib.util
import os
import platform
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rushlight.compile import cache, process
from rushlight.compile.loader import load
from rushlight.core import config
from rushlight.core.errors import CompileError

BUILD_LIMIT_S = 300.0  # a build takes a second or so; zig's very first one a minute
ASK_LIMIT_S = 20.0
OLDEST = {"gcc": 10, "clang": 14, "zig": 14}  # zig counts as the clang inside it

HINT = "apt install gcc, or xcode-select --install, or pip install rushlight[zig]"

_PROBE = """#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
__attribute__((visibility("default"))) int64_t rl_probe(float *x, size_t n);
int64_t rl_probe(float *x, size_t n)
{
    memset(x, 0, n * sizeof *x);
    return (int64_t)expf(x[0]) + (int64_t)(intptr_t)pthread_self();
}
"""


@dataclass(frozen=True)
class Compiler:
    """A C compiler that was seen to work.

    Attributes:
        command: the words that its command lines begin with.
        kind: "gcc", "clang" or "zig".
        version: as it tells it, such as "12.2.0".
        target: what it compiles for, such as "x86_64-linux-gnu".
        tuning: the flags that make it use all of this CPU; none where it does not know it.
        vector_bytes: how wide this CPU's vectors are, as far as the compiler uses them.
        cpu: a digest of the CPU's model and features.
        identity: a digest of all of this and of the compiler's file: part of each key.
    """

    command: tuple[str, ...]
    kind: str
    version: str
    target: str
    tuning: tuple[str, ...]
    vector_bytes: int
    cpu: str
    identity: str

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of every build."""
        common = ["-std=gnu11", "-O2", "-ftree-vectorize", "-ffp-contract=fast"]
        common += ["-fno-math-errno", "-fno-trapping-math", "-fwrapv"]
        if self.kind == "gcc":
            common.append("-fvect-cost-model=dynamic")
        linking = ["-fPIC", "-shared", "-fvisibility=hidden", "-pthread"]
        if "apple" not in self.target and "darwin" not in self.target:
            linking.append("-Wl,-Bsymbolic")
        return (*common, *self.tuning, *linking)

    @property
    def recipe(self) -> str:
        """All that an object depends on beside its source."""
        return shlex.join((self.identity, *self.flags))


def find_compiler() -> Compiler:
    """Return the C compiler: RUSHLIGHT_CC, else cc, gcc, clang, else that of the ziglang wheel.

    What was found about it is kept in the cache folder, so that the next process starts nothing.
    Raises CompileError, with the reason for each candidate, where none can be used.

    >>> find_compiler().kind in ("gcc", "clang", "zig")
    True
    """
    chosen = config.compiler()
    found = _find(tuple(chosen) if chosen is not None else None, config.search_path())
    if isinstance(found, Compiler):
        return found
    hint = HINT if chosen is None else f"without {config.COMPILER}, cc, gcc and clang are tried"
    error = CompileError("no C compiler can be used here", hint=hint)
    error.operands = list(found)
    raise error


def build(
    compiler: Compiler,
    source: Path,
    output: Path,
    extra: Sequence[str] = (),
    limit_s: float = BUILD_LIMIT_S,
) -> None:
    """Compile the C file `source` to the shared object `output`, in the same folder.

    `extra` are flags beside those of the compiler. Raises CompileError, with the command and the
    first lines of what the compiler said, where that fails, gives no file or takes over `limit_s`.
    """
    flags = (*compiler.flags, *extra)
    command = [*compiler.command, *flags, source.name, "-o", output.name, "-lm"]
    said = process.run(command, source.parent, limit_s, **_variables(command))
    if not output.is_file() or output.stat().st_size == 0:
        raise process.failure("the C compiler ended well and gave no object", command, said)


@functools.cache
def cpu_identity() -> str:
    """Return a digest of this machine's CPU: compiled code may run on the same kind alone.

    >>> len(cpu_identity())
    64
    """
    facts = [platform.machine(), platform.system()]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(16384).partition("\n\n")[0]
    except OSError:
        return cache.digest(*facts, *platform.uname())
    telling = r"(vendor_id|cpu family|model|model name|flags|Features|CPU [a-z]+|isa|uarch)\s*:.*"
    facts += [line for line in first.splitlines() if re.fullmatch(telling, line)]
    return cache.digest(*facts)


Reasons = tuple[tuple[str, str], ...]  # candidates, and why each cannot be used


@functools.lru_cache(maxsize=32)
def _find(chosen: tuple[str, ...] | None, path: str) -> Compiler | Reasons:
    """Return the first compiler that works. The arguments are what it depends on."""
    if os.name != "posix":
        return ((platform.system(), "compiled code runs on Linux and macOS for now"),)
    reasons: list[tuple[str, str]] = []
    tried = set()
    for words in [chosen] if chosen is not None else _candidates():
        program = shutil.which(words[0], path=path)
        if program is None:
            reasons.append((words[0], "is not found"))
        elif os.path.realpath(program) not in tried:
            tried.add(os.path.realpath(program))
            try:
                return _known(os.path.abspath(program), words[1:])
            except CompileError as error:
                reasons.append((shlex.join(words), _in_one_line(error)))
            except OSError as error:
                reasons.append((shlex.join(words), f"cannot be tried out: {error}"))
    return tuple(reasons)


def _candidates() -> Iterator[tuple[str, ...]]:
    yield from (("cc",), ("gcc",), ("clang",))
    yield _zig_wheel()


def _in_one_line(error: CompileError) -> str:
    said = next((text for label, text in error.operands if label == "it said"), "")
    return f"{error.fact}, and said {said}" if said else error.fact


def _zig_wheel() -> tuple[str, ...]:
    """Return the command of the compiler in the ziglang wheel, whether or not that is there."""
    spec = importlib.util.find_spec("ziglang")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        program = os.path.join(folder, "zig")
        if os.access(program, os.X_OK):
            return program, "cc"
    return ("ziglang",) if spec is None else (sys.executable, "-m", "ziglang", "cc")


def _known(program: str, words: tuple[str, ...]) -> Compiler:
    """Return what an earlier process noted about this very file, else try it out."""
    real = os.path.realpath(program)
    status = os.stat(real)
    command = (program, *words)
    told = [field.name for field in fields(Compiler)]  # other versions may note other things
    about = (*command, real, str(status.st_mtime_ns), str(status.st_size))
    identity = cache.digest("compiler", _PROBE, *told, cpu_identity(), *about)
    facts = cache.recall(identity)
    if facts is None:
        compiler = _try_out(command, identity)
        cache.remember(identity, asdict(compiler))
        return compiler
    facts["command"], facts["tuning"] = tuple(facts["command"]), tuple(facts["tuning"])
    return Compiler(**facts)


def _try_out(command: tuple[str, ...], identity: str) -> Compiler:
    """Ask a compiler what it is, and let it build something; raise CompileError if it cannot."""
    arm = platform.machine() in ("aarch64", "arm64")
    native = "-mcpu=native" if arm else "-march=native"
    with tempfile.TemporaryDirectory(prefix="rushlight-") as name:
        folder = Path(name)
        (folder / "nothing.c").touch()
        try:
            compiler = _examine(command, (native,), folder, identity)
        except CompileError:
            compiler = _examine(command, (), folder, identity)
        (folder / "probe.c").write_text(_PROBE)
        build(compiler, folder / "probe.c", folder / "probe.so")
        load(folder / "probe.so")
    return compiler


def _examine(
    command: tuple[str, ...], tuning: tuple[str, ...], folder: Path, identity: str
) -> Compiler:
    asking = [*command, *tuning, "-v", "-dM", "-E", "nothing.c"]
    said = process.run(asking, folder, ASK_LIMIT_S, **_variables(command))
    macros = dict(re.findall(r"^#define (\w+) (.*)$", said, re.MULTILINE))
    kind = _kind(command, macros)
    target = re.search(r"^Target: (\S+)", said, re.MULTILINE)
    width = _vector_bytes(macros)
    if width == 64:
        tuning = (*tuning, "-mprefer-vector-width=512")
    return Compiler(
        command=command,
        kind=kind,
        version=_version(kind, macros),
        target=target[1] if target else platform.machine(),
        tuning=tuning,
        vector_bytes=width,
        cpu=cpu_identity(),
        identity=identity,
    )


def _kind(command: tuple[str, ...], macros: dict[str, str]) -> str:
    """Return what a compiler is by its predefined macros; raise CompileError if it is none."""
    other = (
        "__INTEL_COMPILER",
        "__INTEL_LLVM_COMPILER",
        "__NVCOMPILER",
    )  # their own rules of maths
    if any(name in macros for name in other) or "__GNUC__" not in macros:
        raise CompileError("it is neither gcc nor clang nor zig cc")
    if "__clang_major__" in macros:
        kind = "zig" if _is_zig(command) else "clang"
        major = macros["__clang_major__"]
    else:
        kind, major = "gcc", macros["__GNUC__"]
    if int(major) < OLDEST[kind]:
        name = "clang" if kind == "zig" else kind
        raise CompileError(f"it is {name} {major}; {name} {OLDEST[kind]} is the oldest that works")
    return kind


def _version(kind: str, macros: dict[str, str]) -> str:
    names = [f"__clang_{part}__" for part in ("major", "minor", "patchlevel")]
    if kind == "gcc":
        names = ["__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__"]
    return ".".join(macros.get(name, "0") for name in names)


def _vector_bytes(macros: dict[str, str]) -> int:
    if "__AVX512F__" in macros:
        return 64
    if "__AVX2__" in macros:
        return 32
    return 16


def _is_zig(command: Sequence[str]) -> bool:
    return os.path.basename(command[0]) == "zig" or "ziglang" in command


def _variables(command: Sequence[str]) -> dict[str, str]:
    """Return variables for a compiler: where zig keeps its own libraries once they are built."""
    if not _is_zig(command):
        return {}
    folder = str(cache.folder("zig"))
    return {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
