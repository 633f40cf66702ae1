"""The compiler is found, tried out once, and explained where it does not work."""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rushlight.compile.process import run
from rushlight.compile.toolchain import build, cpu_identity, find_compiler
from rushlight.core.errors import CompileError, UsageError

ROOT = Path(__file__).parents[2]
SOURCE = """#include <math.h>
__attribute__((visibility("default"))) float twice(float x);
float twice(float x) { return 2 * fabsf(x); }
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("RUSHLIGHT_CC", raising=False)
    return tmp_path


def compile_twice(compiler, folder, extra=()):
    (folder / "twice.c").write_text(SOURCE)
    build(compiler, folder / "twice.c", folder / "twice.so", extra)
    function = ctypes.CDLL(str(folder / "twice.so")).twice
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_the_compilers_of_this_machine_build_what_is_then_right(folder, monkeypatch, name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("RUSHLIGHT_CC", name)
    compiler = find_compiler()
    assert compiler.kind == (compiler.kind if name == "cc" else name)
    assert int(compiler.version.split(".")[0]) >= 10
    assert compiler.vector_bytes in (16, 32, 64)
    assert compile_twice(compiler, folder, ["-Wall", "-Wextra", "-Werror"])(-3) == 6


def test_the_zig_wheel_serves_where_there_is_no_other(folder, monkeypatch):
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the ziglang wheel is not installed")
    monkeypatch.setenv("PATH", str(folder))
    compiler = find_compiler()
    assert compiler.kind == "zig"
    assert compile_twice(compiler, folder, ["-Wall", "-Wextra", "-Werror"])(-3) == 6


def test_the_flags_use_the_whole_cpu_and_hide_names(cc):
    compiler = find_compiler()
    for flag in ("-std=gnu11", "-O2", "-ffp-contract=fast", "-shared", "-fvisibility=hidden"):
        assert flag in compiler.flags
    assert ("-mprefer-vector-width=512" in compiler.flags) == (compiler.vector_bytes == 64)
    assert ("-fvect-cost-model=dynamic" in compiler.flags) == (compiler.kind == "gcc")
    assert compiler.identity in compiler.recipe
    assert compiler.flags[-1] in compiler.recipe


def test_the_cpu_has_the_same_identity_each_time():
    program = "from rushlight.compile.toolchain import cpu_identity as f; print(f(), end='')"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout == cpu_identity()


def test_without_any_compiler_the_error_names_those_looked_for(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    with pytest.raises(CompileError) as caught:
        find_compiler()
    text = str(caught.value)
    assert text.startswith("no C compiler can be used here\n")
    for name in ("cc", "gcc", "clang", "ziglang"):
        assert [name, "is", "not", "found"] in [line.split() for line in text.splitlines()]
    assert "pip install rushlight[zig]" in text


def test_a_compiler_that_works_is_taken_after_one_that_does_not(folder, monkeypatch, script, cc):
    script("cc", "exit 1")
    script("gcc", f"export PATH='{os.environ['PATH']}'; exec {cc} \"$@\"")
    monkeypatch.setenv("PATH", str(folder / "bin"))
    assert find_compiler().command == (str(folder / "bin" / "gcc"),)


def test_the_chosen_compiler_may_bring_arguments(folder, monkeypatch, script, cc):
    path = script("my cc", f'[ "$1" = --mine ] && shift && exec {cc} "$@"')
    monkeypatch.setenv("RUSHLIGHT_CC", f"'{path}' --mine")
    assert find_compiler().command == (str(path), "--mine")
    assert compile_twice(find_compiler(), folder)(1) == 2


def test_the_chosen_compiler_may_have_a_blank_in_its_path(monkeypatch, script, cc):
    path = script("my cc", f'exec {cc} "$@"')
    monkeypatch.setenv("RUSHLIGHT_CC", str(path))
    assert find_compiler().command == (str(path),)


def test_a_chosen_compiler_that_is_missing_is_not_replaced(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CC", "nosuchcc")
    with pytest.raises(CompileError, match=r"nosuchcc +is not found\n +hint: without RUSHLIGHT_CC"):
        find_compiler()


def test_a_choice_with_an_open_quotation_mark_is_refused(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CC", "'cc")
    with pytest.raises(UsageError, match="RUSHLIGHT_CC is no command"):
        find_compiler()


@pytest.mark.parametrize(
    ("macros", "reason"),
    [
        ("#define __GNUC__ 9", "it is gcc 9; gcc 10 is the oldest that works"),
        (
            "#define __GNUC__ 4\n#define __clang_major__ 13",
            "it is clang 13; clang 14 is the oldest that works",
        ),
        ("#define __TINYC__ 1", "it is neither gcc nor clang nor zig cc"),
        ("#define __GNUC__ 4\n#define __INTEL_LLVM_COMPILER 1", "it is neither gcc nor"),
        ("", "it is neither gcc nor clang nor zig cc"),
    ],
)
def test_a_compiler_that_is_too_old_or_unknown_is_refused(monkeypatch, script, macros, reason):
    monkeypatch.setenv("RUSHLIGHT_CC", str(script("cc", f"printf '{macros}'")))
    with pytest.raises(CompileError, match=reason):
        find_compiler()


BROKEN = {
    "fails": ("echo first; echo second >&2; exit 3", "failed with exit code 3, and said first"),
    "says nothing": ("exit 1", "failed with exit code 1, and said nothing"),
    "is killed": ("kill -9 $$", "was killed by signal 9"),
    "builds nothing": ("echo '#define __GNUC__ 12'", "ended well and gave no object"),
    "builds what is no object": (
        "echo '#define __GNUC__ 12'; echo nonsense > probe.so",
        "compiled code cannot be loaded",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_compiler_that_does_not_work_is_refused_with_the_reason(monkeypatch, script, how):
    text, reason = BROKEN[how]
    monkeypatch.setenv("RUSHLIGHT_CC", str(script("cc", text)))
    with pytest.raises(CompileError, match=reason):
        find_compiler()


def test_a_compiler_of_another_machine_is_refused(folder, monkeypatch):
    path = folder / "cc"
    path.write_bytes(b"\x7fELF of another kind")
    path.chmod(0o755)
    monkeypatch.setenv("RUSHLIGHT_CC", str(path))
    with pytest.raises(CompileError, match="cannot be started: exec format error"):
        find_compiler()


def test_an_error_in_the_c_shows_the_command_and_what_the_compiler_said(folder, cc):
    (folder / "bad.c").write_text("int f(void) { return nosuchname; }\n" * 30)
    with pytest.raises(CompileError) as caught:
        build(find_compiler(), folder / "bad.c", folder / "bad.so")
    lines = str(caught.value).splitlines()
    assert lines[0] == "the C compiler failed with exit code 1"
    assert "-O2" in lines[1] and "bad.c -o bad.so" in lines[1]
    assert "nosuchname" in "\n".join(lines)
    assert len(lines) < 20
    assert not (folder / "bad.so").exists()


def test_a_command_that_hangs_is_killed_with_its_children(folder, script):
    path = script("cc", "sleep 600 & echo $! > child; echo working; sleep 600")
    with pytest.raises(CompileError, match=r"was stopped after 0\.5 s") as caught:
        run([str(path)], folder, limit_s=0.5)
    assert "working" in str(caught.value)
    wait_until_gone(int((folder / "child").read_text()))


def wait_until_gone(process):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        state = Path(f"/proc/{process}/stat")
        with contextlib.suppress(OSError):
            os.kill(process, 0)
            if not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return
    raise AssertionError(f"process {process} still runs")


def test_an_interrupt_ends_the_compiler_too(folder, script):
    path = script("cc", "echo $$ > started; exec sleep 600")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rushlight.compile.process import run\n"
        "run([sys.argv[1]], Path(sys.argv[2]), 500)\n"
    )
    arguments = [sys.executable, "-c", program, str(path), str(folder)]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (folder / "started").exists() or not (folder / "started").read_text():
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    wait_until_gone(int((folder / "started").read_text()))


def test_a_command_cannot_read_and_leaves_its_temporary_files_in_the_folder(folder, script):
    path = script("cc", "cat; echo $TMPDIR; ls $HOME/nosuch; exit 0")
    said = run([str(path)], folder, limit_s=20)
    assert said.splitlines()[0] == str(folder)
    assert "No such file" in said


TOLD = """
import sys
from rushlight.compile.toolchain import find_compiler
print(find_compiler().version)
"""


def starts_in_a_new_process(log):
    before = len(log.read_text().splitlines()) if log.exists() else 0
    done = subprocess.run([sys.executable, "-c", TOLD], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    return len(log.read_text().splitlines()) - before


def test_a_second_process_starts_no_compiler_until_that_is_another(folder, monkeypatch, script, cc):
    log = folder / "log"
    path = script("cc", f'echo "$@" >> {log}; exec {cc} "$@"')
    monkeypatch.setenv("RUSHLIGHT_CC", str(path))
    assert starts_in_a_new_process(log) == 2
    assert starts_in_a_new_process(log) == 0
    path.write_text(path.read_text() + "# newer\n")
    assert starts_in_a_new_process(log) == 2
    for record in (folder / "cache" / "objects").glob("*.json"):
        record.write_text("damaged")
    program = "import warnings; warnings.simplefilter('ignore')" + TOLD
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    assert starts_in_a_new_process(log) == 0


def test_what_does_not_work_is_tried_again_in_the_next_process(folder, monkeypatch, script, cc):
    path = script("cc", "exit 1")
    monkeypatch.setenv("RUSHLIGHT_CC", str(path))
    with pytest.raises(CompileError):
        find_compiler()
    assert not list((folder / "cache").rglob("*.json"))
