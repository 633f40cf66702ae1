"""`make` on a machine about which nothing is known but that it has make."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TARGETS = [
    "help",
    "demo",
    "test",
    "test-long",
    "check",
    "bench",
    "docs-generated",
    "venv",
    "clean",
]

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("make") is None, reason="needs make and sh"
)


def fake_python(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def make_venv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "make-venv.sh"), *arguments],
        cwd=folder,
        env=os.environ | {"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_make_alone_lists_the_targets(arguments: list[str]) -> None:
    run = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[1] for line in run.stdout.splitlines()] == TARGETS


def test_every_target_in_the_list_is_phony() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony.split() == TARGETS


def test_without_a_new_enough_python_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "exit 1")
    run = make_venv(tmp_path)
    assert run.returncode == 1
    assert "no Python 3.11 or newer" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_named_python_is_the_only_one_that_is_tried(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "exit 0")
    run = make_venv(tmp_path, "python9")
    assert run.returncode == 1
    assert "no Python 3.11 or newer among: python9" in run.stderr


def test_a_python_that_cannot_make_environments_gets_a_remedy(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", 'case "$2" in *import\\ *venv*) exit 1;; esac')
    run = make_venv(tmp_path)
    assert run.returncode == 1
    assert "apt install python3-venv" in run.stderr


def test_an_environment_that_fails_half_way_is_removed(tmp_path: Path) -> None:
    remove = shutil.which("rm")
    assert remove is not None
    (tmp_path / "rm").symlink_to(remove)
    (tmp_path / ".venv").mkdir()
    fake_python(tmp_path, "python3", 'case "$*" in "-m venv"*) echo broken >&2; exit 3;; esac')
    run = make_venv(tmp_path)
    assert run.returncode == 3
    assert "broken" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_command_that_only_prints_an_error_is_passed_over(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3.14", "echo not installed; exit 127")
    fake_python(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    (tmp_path / "rm").symlink_to(shutil.which("rm") or "rm")
    run = make_venv(tmp_path)
    assert run.stderr == ""
    assert run.returncode == 0
    assert (tmp_path / ".venv" / "bin" / "python").exists()
