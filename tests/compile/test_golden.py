"""The C of a few graphs is as people last read and approved it, in tests/golden/."""

import difflib
import subprocess
import sys
from pathlib import Path

import pytest

from rushlight.compile.emit.program import compile_graph
from rushlight.compile.sources import runtime
from scripts.emitted import C_OF_PAGE, GOLDEN, PAGE, all_graphs, golden, kernels_of, write

ROOT = Path(__file__).parent.parent.parent
REMEDY = "if that is what it should be, `python scripts/emitted.py --golden` writes it anew"


def emitted(name: str) -> str:
    return kernels_of(compile_graph(golden()[name]()).source)


@pytest.mark.parametrize("name", golden())
def test_the_c_is_the_golden_one(name: str) -> None:
    path = ROOT / GOLDEN / f"{name}.c"
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    after = emitted(name).splitlines()
    label = path.relative_to(ROOT).as_posix()
    diff = list(difflib.unified_diff(before, after, label, "what is emitted now", lineterm=""))
    if diff:
        pytest.fail("\n".join(["the C has changed:", "", *diff, "", REMEDY]), pytrace=False)


def test_the_page_on_the_compiler_shows_a_golden_file() -> None:
    (shown,) = C_OF_PAGE.findall((ROOT / PAGE).read_text(encoding="utf-8"))
    assert shown == (ROOT / GOLDEN / "exp_matmul_add.c").read_text(encoding="utf-8"), REMEDY


def test_there_is_no_golden_file_without_a_graph() -> None:
    assert sorted(path.stem for path in (ROOT / GOLDEN).iterdir()) == sorted(golden())


@pytest.mark.parametrize("name", golden())
def test_the_golden_c_has_no_long_lines_and_nothing_of_the_runtime(name: str) -> None:
    text = (ROOT / GOLDEN / f"{name}.c").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > 100 or line != line.rstrip()] == []
    assert text.startswith("/* rl_program: ")
    assert "typedef" not in text


def test_the_part_that_is_the_runtime_is_left_out_whole() -> None:
    assert kernels_of(runtime("rushlight.h") + "\nint a;\n") == "int a;\n"


def test_the_same_graph_gives_the_same_c_in_another_process() -> None:
    code = "for make in golden().values(): print(kernels_of(compile_graph(make()).source))"
    command = [sys.executable, "-c", f"from scripts.emitted import *\n{code}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "".join(emitted(name) + "\n" for name in golden())


def test_every_graph_of_the_list_is_written_to_a_file_of_its_name(tmp_path: Path) -> None:
    few = {name: make for name, make in all_graphs().items() if name in ("spam_step", "random_00")}
    write(few, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["random_00.c", "spam_step.c"]
    assert "/* rl_program: the graph step. " in (tmp_path / "spam_step.c").read_text()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")
def test_a_revision_that_does_not_exist_is_one_line() -> None:
    command = [sys.executable, "scripts/emitted.py", "--against", "no-such-revision"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.long
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")
def test_the_difference_from_a_revision_is_a_diff_or_a_word_that_there_is_none() -> None:
    command = [sys.executable, "scripts/emitted.py", "--against", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    if done.returncode == 0:
        assert done.stdout == "the emitted C is that of HEAD\n"
    else:
        assert done.returncode == 1
        assert "\n--- before/" in done.stdout or "\n--- a/before/" in done.stdout
