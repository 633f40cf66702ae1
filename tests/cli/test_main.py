"""What every command has in common: help, exit codes, one clear line for what is wrong."""

import pytest

from rushlight.cli.main import COMMANDS


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


def test_a_reader_who_leaves_is_no_error(rushlight):
    done = rushlight("train", "--help")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "digit"], "there is no recipe 'digit' (did you mean digits?)"),
        (["train", "spam", "--out", "no/such/folder/x"], "there is no folder no/such/folder"),
        (["train", "spam", "--out", "."], ". is a folder, not a file to save to"),
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
    "arguments", [["train", "spam", "--epochs", "many"], ["train", "spam", "--epochs", "-1"]]
)
def test_a_wrong_option_says_how_it_is_used(rushlight, arguments):
    done = rushlight(*arguments)
    assert done.returncode == 2
    assert "usage: rushlight train spam" in done.stderr
