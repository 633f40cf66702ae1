"""The command line as a user runs it: a new process each time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rushlight(tmp_path):
    """Run `rushlight` with arguments in an empty folder; return the finished process."""

    def run(*arguments, input="", encoding="utf-8", **options):
        if "stdin" not in options:
            options["input"] = input
        return subprocess.run(
            [sys.executable, "-m", "rushlight", *map(str, arguments)],
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            encoding="utf-8",
            timeout=100,
            cwd=options.pop("cwd", tmp_path),
            env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PATH": "/usr/bin:/bin"},
            **options,
        )

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Return a folder with a network for each kind of task, quickly trained."""
    folder = tmp_path_factory.mktemp("models")
    for arguments in (
        ["spam", "--epochs", "100"],
        ["digits", "--epochs", "1"],
        ["gesture", "--epochs", "4", "--wearers", "8"],
        ["neuron", "--epochs", "1000"],
    ):
        command = [sys.executable, "-m", "rushlight", "train", *arguments, "--quiet"]
        subprocess.run(command, cwd=folder, check=True, env={"PYTHONPATH": str(ROOT)}, timeout=100)
    return folder
