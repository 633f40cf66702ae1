"""What every command has in common: help, exit codes, one clear line for what is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rushlight.cli.main import COMMANDS
from tests.cli.conftest import ROOT

FULL = Path("/dev/full")
INTERRUPTED_AT_IMPORT = """
import runpy, signal, sys

class Interrupter:
    def find_spec(self, name, *rest):
        if name == "{module}":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
sys.argv = ["rushlight", "inspect", "x.safetensors"]
runpy.run_module("rushlight", run_name="__main__")
"""


def test_without_a_command_it_lists_the_commands_and_fails(rushlight):
    done = rushlight()
    assert done.returncode == 2
    for name in COMMANDS:
        assert f"  {name}" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(rushlight, name):
    done = rushlight(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: rushlight {name}")


def test_a_misspelt_command_is_recognised(rushlight):
    done = rushlight("trian")
    assert done.returncode == 2
    assert done.stderr == "rushlight: there is no command 'trian' (did you mean train?)\n"


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["doctor"]])
def test_a_reader_who_leaves_is_no_error(rushlight, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = rushlight(*arguments, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["doctor", "--json"]])
def test_output_that_cannot_be_written_gets_one_clear_line(rushlight, arguments):
    with FULL.open("w") as full:
        done = rushlight(*arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "rushlight: no space left on device\n"


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_a_complaint_that_cannot_be_written_changes_no_exit_code(rushlight):
    for arguments in (["inspect", "missing.safetensors"], ["train", "spam", "--epochs", "many"]):
        with FULL.open("w") as full:
            assert rushlight(*arguments, stderr=full).returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell that closes streams")
def test_closed_streams_are_no_error(rushlight, tmp_path):
    command = f'exec "{sys.executable}" -m rushlight'
    for arguments, code in (("doctor", 0), ("inspect missing.safetensors", 2), ("show", 2)):
        done = subprocess.run(
            ["sh", "-c", f"{command} {arguments} <&- >&- 2>&-"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            timeout=100,
        )
        assert done.returncode == code, arguments


@pytest.mark.parametrize("module", ["rushlight.cli.main", "rushlight.cli.inspect", "numpy"])
def test_ctrl_c_while_the_program_starts_leaves_no_traceback(tmp_path, module):
    program = INTERRUPTED_AT_IMPORT.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the folder of a process")
def test_a_working_folder_that_is_gone_gets_one_clear_line(tmp_path):
    command = f'mkdir gone; cd gone; rmdir ../gone; exec "{sys.executable}" -m rushlight train spam'
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("rushlight: no file can be made in the folder .")
    assert "Traceback" not in done.stderr


def test_too_little_memory_gets_one_clear_line(rushlight):
    done = rushlight("train", "spam", "--hidden", 10**15, "--quiet")  # more than can be addressed
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1
    assert "Unable to allocate" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "digit"], "there is no recipe 'digit' (did you mean digits?)"),
        (["train", "spam", "--out", "no/such/folder/x"], "there is no folder no/such/folder"),
        (["train", "spam", "--out", "."], ". is a folder, not a file to save to"),
        (["train", "spam", "--out", "x" * 300], "file name too long"),
        (["train", "spam", "--out", os.devnull], "not a file to save to"),
        (["train", "neuron", "--lr", "1e300", "--quiet"], "in epoch 1 (try a smaller lr)"),
        (["train", "spam", "--resume"], "--resume needs --checkpoint FOLDER"),
        (["predict", "missing.safetensors", "hello"], "missing.safetensors: no such file"),
        (["inspect", "missing.safetensors"], "missing.safetensors: no such file"),
        (["show", "missing.safetensors"], "missing.safetensors: no such file"),
    ],
)
def test_wrong_input_gets_one_clear_line_and_exit_code_2(rushlight, arguments, words):
    done = rushlight(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "spam", "--epochs", "many"], "--epochs: 'many' is not a whole number"),
        (["train", "spam", "--epochs", "0"], "--epochs: 0 is less than 1"),
        (["train", "spam", "--seed", "-1"], "--seed: -1 is less than 0"),
        (["train", "neuron", "--lr", "fast"], "--lr: 'fast' is not a number"),
        (["train", "neuron", "--lr", "nan"], "--lr: 'nan' is not finite"),
        (["demo", "--epochs", "0"], "--epochs: 0 is less than 1"),
    ],
)
def test_a_wrong_option_says_how_it_is_used(rushlight, arguments, words):
    done = rushlight(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: rushlight")
    assert words in done.stderr
