"""`rushlight train`: a file that is all one needs, and training that can be taken up again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from rushlight.formats.png import read_png
from tests.cli.conftest import ROOT


def test_a_recipe_lists_its_options(rushlight):
    done = rushlight("train", "spam", "--help")
    for option in ("--epochs", "--seed", "--out", "--hidden", "--word-dropout", "--resume"):
        assert option in done.stdout


def test_results_can_be_had_as_json(rushlight, tmp_path):
    done = rushlight("train", "spam", "--epochs", "2", "--json")
    facts = json.loads(done.stdout)
    assert (facts["recipe"], facts["epochs"], facts["out"]) == ("spam", 2, "spam.safetensors")
    assert (tmp_path / "spam.safetensors").exists()


def test_an_unwritable_place_is_found_before_training(rushlight, tmp_path):
    kept = tmp_path / "kept.safetensors"
    kept.write_text("mine")
    kept.chmod(0o444)
    done = rushlight("train", "spam", "--out", kept.name)
    assert (done.returncode, done.stderr) == (2, "rushlight: kept.safetensors is read-only\n")
    assert kept.read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has /proc")
def test_a_folder_that_takes_no_files_is_found_before_training(rushlight):
    done = rushlight("train", "spam", "--out", "/proc/x.safetensors")
    assert done.returncode == 2
    assert done.stderr.startswith("rushlight: no file can be made in the folder /proc: ")
    assert len(done.stderr.splitlines()) == 1


def test_it_says_what_was_reached_and_what_to_do_next(rushlight):
    lines = rushlight("train", "spam", "--epochs", "30", "--quiet").stdout.splitlines()
    assert lines[0].startswith("clean accuracy ")
    assert lines[1].startswith("saved spam.safetensors (")
    assert lines[2] == "  rushlight predict spam.safetensors"


def test_every_share_that_was_measured_is_printed(rushlight):
    lines = rushlight("train", "sms", "--epochs", "1", "--quiet").stdout.splitlines()
    assert [line.rpartition(" ")[0] for line in lines[:4]] == [
        "test accuracy",
        "test precision",
        "test recall",
        "test f1",
    ]


def test_a_default_that_depends_on_other_options_is_told_in_the_text(rushlight):
    done = rushlight("train", "digits-cnn", "--help")
    assert "(default: 8 passes; with --small 49 of 38)" in " ".join(done.stdout.split())
    wrong = rushlight("train", "digits-cnn", "--epochs", "many")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'many' is not a whole number" in wrong.stderr


def test_the_official_reader_opens_the_file(rushlight, tmp_path):
    rushlight("train", "spam", "--epochs", "1", "--quiet", "--out", "x.safetensors")
    assert {tensor.dtype for tensor in load_file(tmp_path / "x.safetensors").values()} == {
        np.dtype("float32")
    }


def test_eager_and_compiled_training_give_the_same_up_to_rounding(rushlight, tmp_path):
    for name, more in (("a.safetensors", []), ("b.safetensors", ["--eager"])):
        rushlight("train", "spam", "--epochs", "5", "--quiet", "--out", name, *more)
    compiled, eager = load_file(tmp_path / "a.safetensors"), load_file(tmp_path / "b.safetensors")
    for name, values in compiled.items():
        np.testing.assert_allclose(values, eager[name], atol=1e-4, err_msg=name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_saves_and_resume_ends_where_it_would_have(rushlight, tmp_path):
    options = ["spam", "--epochs", "60", "--quiet"]
    rushlight("train", *options, "--out", "whole.safetensors")
    command = [sys.executable, "-m", "rushlight", "train", *options, "--checkpoint", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "last.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not (tmp_path / "spam.safetensors").exists()
    done = rushlight(
        "train", *options, "--checkpoint", "run", "--resume", "--out", "cut.safetensors"
    )
    assert done.returncode == 0, done.stderr
    whole, cut = load_file(tmp_path / "whole.safetensors"), load_file(tmp_path / "cut.safetensors")
    for name, values in whole.items():
        np.testing.assert_array_equal(cut[name], values, err_msg=name)


def test_a_log_has_a_line_for_each_epoch_and_the_file_keeps_the_losses(rushlight, tmp_path):
    done = rushlight("train", "spam", "--epochs", "3", "--json", "--log", "log.jsonl")
    facts = json.loads(done.stdout)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert facts["losses"] == losses
    with safe_open(tmp_path / "spam.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["training"])["losses"] == losses


def test_batches_can_be_worked_out_in_parts(rushlight):
    command = ["train", "digits", "--epochs", "1", "--json"]
    losses = [
        json.loads(rushlight(*command, *more).stdout)["train_loss"]
        for more in ([], ["--accumulate", "2"])
    ]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_a_file_keeps_at_most_a_hundred_losses_and_the_last(rushlight):
    facts = json.loads(rushlight("train", "spam", "--epochs", "250", "--json").stdout)
    assert 80 <= len(facts["losses"]) <= 100
    assert facts["losses"][-1] == facts["train_loss"]


def test_curves_are_drawn_and_written_for_tensorboard(rushlight, tmp_path):
    pytest.importorskip("matplotlib")
    options = ["--quiet", "--plot", "plot.png", "--tensorboard", "board"]
    done = rushlight("train", "spam", "--epochs", "3", *options)
    assert done.returncode == 0, done.stderr
    assert read_png(tmp_path / "plot.png").shape[0] >= 300
    assert len(list((tmp_path / "board").iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot", "plot.docx"], "no picture can be written as .docx"),
        (["--plot", "nowhere/plot.png"], "there is no folder nowhere"),
        (["--log", "nowhere/log.jsonl"], "there is no folder nowhere"),
        (["--log", "."], ". is a folder"),
        (["--log", "/dev/null"], "/dev/null is a pipe, a socket or a device"),
        (["--tensorboard", "/dev/null"], "no folder for event files can be made at /dev/null"),
    ],
)
def test_what_cannot_be_written_is_known_before_training(rushlight, tmp_path, options, message):
    pytest.importorskip("matplotlib")
    done = rushlight("train", "spam", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no terminals of this kind")
@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "⣀⣀ loss"), ("ascii", "** loss")])
def test_a_terminal_shows_the_curve_of_the_loss(tmp_path, encoding, sign):
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rushlight", "train", "spam", "--epochs", "40"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "COLUMNS": "60"},
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    text = b""
    with contextlib.suppress(OSError):  # that is how Linux says that the other end is closed
        while part := os.read(master, 65536):
            text += part
    os.close(master)
    assert process.wait(timeout=60) == 0
    lines = text.decode("utf-8").splitlines()
    assert sign in text.decode("utf-8")
    assert max(map(len, lines[:14])) <= 60


MINE = '''"""A line, from four points."""

import rushlight as rl
from rushlight.recipes import Run


def train(rate: "not an option" = 0.1):
    return Run(rl.nn.Linear(1, 1), {"kind": "regressor", "inputs": 1})
'''


def test_a_file_of_one_s_own_is_a_recipe(rushlight, tmp_path):
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "line.py").write_text(MINE)
    assert "A line, from four points." in rushlight("train", "my/line.py", "--help").stdout
    done = rushlight("train", "my/line.py")
    assert done.stdout.startswith("saved line.safetensors"), done.stderr
    assert rushlight("predict", "line.safetensors", "2").stdout.startswith("2 → ")


WRITER = '''
"""A network that writes."""
import rushlight as rl
from rushlight.recipes import Run

def train():
    facts = {"validation_loss": 1.25, "sample": "abba\\n\\x1b[2J"}
    return Run(rl.models.GPT(2, 1, 1, 4, 8), {"kind": "text-generator"}, facts)
'''


def test_what_a_network_writes_is_shown(rushlight, tmp_path):
    (tmp_path / "writer.py").write_text(WRITER)
    lines = rushlight("train", "writer.py").stdout.splitlines()
    assert lines[:4] == ["validation loss 1.2500", "it writes:", "abba", "?[2J"]
    assert lines[-1] == "  rushlight generate writer.safetensors"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.py", None, "there is no file 'mine.py'"),
        ("mine.py", "def train(): return 1", "the recipe gives int, not a Run"),
        ("mine.py", "x = 1", "'mine.py' has no function train, as a recipe has"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(rushlight, tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    done = rushlight("train", name)
    assert (done.returncode, done.stderr) == (2, f"rushlight: {message}\n")
