"""`rushlight generate`: a saved model goes on with a text, as it is made."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import CharTokenizer
from rushlight.models import GPT
from tests.cli.conftest import ROOT

CHARACTERS = "\n abcdefgh\x1b"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the path of a model that writes letters at random."""
    rl.manual_seed(0)
    gpt = GPT(len(CHARACTERS), layers=1, heads=2, width=8, block=16)
    tokenizer = CharTokenizer(CHARACTERS)
    path = tmp_path_factory.mktemp("models") / "letters.safetensors"
    rl.save(path, gpt, task={"kind": "text-generator", **tokenizer.to_task()})
    return path


def test_a_prompt_is_gone_on_with(rushlight, model):
    done = rushlight("generate", model, "--prompt", "abc", "--tokens", "30")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("abc")
    assert len(done.stdout) == 3 + 30 + 1
    assert "\x1b" not in done.stdout  # which a terminal might obey
    assert done.stderr.startswith("30 tokens, ")


def test_the_same_seed_gives_the_same_text_with_a_cache_and_without(rushlight, model):
    def written(*options):
        done = rushlight("generate", model, "--prompt", "a", "--tokens", "40", "--json", *options)
        return json.loads(done.stdout)

    one, again, other = written(), written("--no-cache"), written("--seed", "1")
    assert one["text"] == again["text"] != other["text"]
    assert (one["prompt"], one["tokens"], one["reason"]) == ("a", 40, "length")
    assert one["tokens_per_second"] > 0


def test_options_reach_the_sampler(rushlight, model):
    def written(*options):
        done = rushlight("generate", model, "--prompt", "ab", "--tokens", "25", "--json", *options)
        return json.loads(done.stdout)["text"]

    likeliest = written("--temperature", "0")
    assert likeliest == written("--top-k", "1") == written("--top-p", "0.01")
    assert likeliest == written("--min-p", "1", "--temperature", "2")
    assert likeliest != written("--temperature", "0", "--repetition-penalty", "100")


def test_a_new_line_can_be_told_and_stopped_at(rushlight, model):
    options = ("--prompt", r"b\na", "--stop", r"\n", "--stop", "a", "--tokens", "300", "--json")
    told = json.loads(rushlight("generate", model, *options).stdout)
    assert told["prompt"] == "b\na"
    assert told["reason"] == "stop"
    assert not set("a\n") & set(told["text"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--prompt", "xyz"], "the character 'x' is not known"),
        (["--prompt", ""], "a text is gone on with from one token or more"),
        (["--temperature", "-1"], "temperature is a number of at least 0"),
        (["--temperature", "nan"], "is not finite"),
        (["--top-k", "0"], "0 is less than 1"),
        (["--top-p", "2"], "top_p is a number from 0 to 1"),
        (["--stop", ""], "stop is a text"),
        (["--seed", "99999999999"], "is outside of 0 to 4294967295"),
        (["--tokens", "many"], "'many' is not a whole number"),
    ],
)
def test_wrong_options_get_one_clear_line(rushlight, model, options, words):
    done = rushlight("generate", model, *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert len([line for line in done.stderr.splitlines() if "rushlight" in line]) <= 10


def test_other_files_get_one_clear_line(rushlight, tmp_path):
    rl.save(tmp_path / "m.safetensors", rl.nn.ReLU(), task={"kind": "regressor"})
    (tmp_path / "x.safetensors").write_bytes(b"hello")
    for name, words in (
        ("m.safetensors", "its task is 'regressor', not text-generator"),
        ("x.safetensors", "x.safetensors: "),
        ("no.safetensors", "no such file"),
    ):
        done = rushlight("generate", name)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert words in done.stderr


def test_other_commands_say_which_one_lets_it_write(rushlight, model):
    for command in ("predict", "evaluate"):
        done = rushlight(command, model, "abc")
        assert done.returncode == 2
        assert "its task is text-generator" in done.stderr
        assert "(rushlight generate lets it write)" in done.stderr


def test_a_model_with_numbers_that_are_none_is_refused(rushlight, tmp_path):
    gpt = GPT(2, layers=1, heads=1, width=4, block=8)
    gpt.norm.weight.assign(gpt.norm.weight * np.nan)
    task = {"kind": "text-generator", **CharTokenizer("ab").to_task()}
    rl.save(tmp_path / "nan.safetensors", gpt, task=task)
    done = rushlight("generate", "nan.safetensors", "--prompt", "a")
    assert done.returncode == 2
    assert "the scores are not finite" in done.stderr


def started(model, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "rushlight", "generate", model, "--prompt", "a", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_what_is_written_comes_as_it_is_made_and_stops_at_ctrl_c(model):
    process = started(model, "--tokens", "100000000")
    assert len(process.stdout.read(50)) == 50  # long before the end
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.decode().strip() == "rushlight: interrupted"


def test_a_reader_that_goes_away_ends_it_quietly(model):
    process = started(model, "--tokens", "100000000")
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
