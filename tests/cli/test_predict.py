"""`rushlight predict`: sentences, pictures and numbers, from the saved file alone."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import gestures, mnist
from rushlight.formats.png import write_png
from tests.cli.conftest import ROOT


@pytest.fixture(scope="module")
def digit(tmp_path_factory):
    """Return the path of a picture of the first test digit, a 7."""
    path = tmp_path_factory.mktemp("pictures") / "seven.png"
    write_png(path, mnist.load().test_images[0])
    return path


def test_a_sentence_gets_its_label_and_how_sure_that_is(rushlight, models):
    done = rushlight("predict", models / "spam.safetensors", "Win money now", "Hello friend")
    spam, ham = done.stdout.splitlines()
    assert "→ SPAM" in spam
    assert "→ HAM" in ham
    assert spam.endswith("%")


def test_the_conversation_ends_at_quit_exit_and_end_of_input(rushlight, models):
    for last in ("quit\n", "EXIT\n", ""):
        done = rushlight("predict", models / "spam.safetensors", input=f"Hello\n\n{last}")
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 1


def test_a_line_that_cannot_be_answered_does_not_end_the_conversation(rushlight, models):
    done = rushlight("predict", models / "spam.safetensors", input="?!\nHello\n")
    assert "there is no word in '?!'" in done.stderr
    assert "Hello" in done.stdout


def test_a_wrong_picture_does_not_end_the_conversation(rushlight, models, digit):
    given = f"nope.png\n{digit}\n"
    done = rushlight("predict", models / "digits.safetensors", input=given)
    assert done.returncode == 0
    assert done.stderr == "rushlight: nope.png: cannot be opened: no such file or directory\n"
    assert "seven.png: 7 " in done.stdout


def test_a_signal_is_drawn_above_its_bars(rushlight, models, tmp_path):
    gestures.save(tmp_path / "swipe.csv", "swipe right", wearer=1)
    done = rushlight("predict", models / "gesture.safetensors", "swipe.csv")
    assert done.returncode == 0, done.stderr
    title, *drawn = done.stdout.splitlines()[:4]
    assert title.startswith("swipe.csv: ")
    assert [len(line) for line in drawn] == [64, 64, 64]
    assert set("".join(drawn)) <= set("▁▂▃▄▅▆▇█")
    assert done.stdout.count("%") == 7
    plain = rushlight("predict", models / "gesture.safetensors", "swipe.csv", encoding="ascii")
    assert plain.stdout.isascii()


def test_a_signal_that_does_not_fit_is_one_line(rushlight, models, tmp_path):
    (tmp_path / "short.csv").write_text("1,2,3\n" * 5)
    done = rushlight("predict", models / "gesture.safetensors", "short.csv")
    assert done.returncode == 2
    assert done.stderr.startswith("rushlight: short.csv: 5 lines of numbers, the network takes 128")


def test_options_may_stand_anywhere(rushlight, models):
    path = models / "spam.safetensors"
    for arguments in (["--json", path, "Hello"], [path, "--json", "Hello"]):
        assert json.loads(rushlight("predict", *arguments).stdout)["label"] == "HAM"


def test_a_stream_that_is_not_utf_8_takes_every_answer(rushlight, models, digit):
    spam, digits = models / "spam.safetensors", models / "digits.safetensors"
    done = rushlight("predict", spam, "Hellö", "--json", encoding="ascii")
    assert json.loads(done.stdout)["input"] == "Hellö"
    assert "Hell?" in rushlight("predict", spam, "Hellö", encoding="ascii").stdout
    assert "#####" in rushlight("predict", digits, digit, encoding="ascii").stdout
    assert "there is no word" in rushlight("predict", spam, "→", encoding="ascii").stderr


def test_a_closed_standard_input_is_its_end(rushlight, models):
    command = f'exec "{sys.executable}" -m rushlight predict spam.safetensors <&-'
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=models,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("model", ["spam", "digits", "neuron"])
def test_a_huge_input_is_not_repeated_whole(rushlight, models, model):
    done = rushlight("predict", models / f"{model}.safetensors", input="\0" * 300_000)
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stderr) < 5000
    assert "\0" not in done.stderr


def test_a_picture_gets_ten_bars(rushlight, models, digit):
    done = rushlight("predict", models / "digits.safetensors", digit)
    assert "seven.png: 7 " in done.stdout.splitlines()[0]
    assert sum("%" in line for line in done.stdout.splitlines()) == 10


@pytest.mark.parametrize("dark_on_light", [False, True])
@pytest.mark.parametrize("size", [28, 100, 301])
def test_a_picture_of_any_size_and_either_ink_is_read(
    rushlight, models, tmp_path, size, dark_on_light
):
    pixels = mnist.load().test_images[0]
    rows = np.arange(size) * 28 // size
    pixels = pixels[rows][:, rows]
    write_png(tmp_path / "picture.png", 255 - pixels if dark_on_light else pixels)
    done = rushlight("predict", models / "digits.safetensors", "picture.png", "--json")
    answer = json.loads(done.stdout)
    assert answer["label"] == "7"
    assert ("inverted" in " ".join(answer["notes"])) == dark_on_light


def test_numbers_go_to_a_network_of_numbers(rushlight, models):
    done = rushlight("predict", models / "neuron.safetensors", "0 1", "1 1", "--json")
    values = [json.loads(line)["values"][0] for line in done.stdout.splitlines()]
    np.testing.assert_allclose(values, [1.0, 0.0], atol=0.05)


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        ("digits", "notes.txt", "notes.txt"),
        ("digits", "missing.png", "no such file"),
        ("digits", "empty.png", "empty"),
        ("spam", "", "there is no word in ''"),
        ("neuron", "one two", "is not made of numbers"),
        ("neuron", "nan 1", "'nan 1' has a number that is not finite"),
        ("neuron", "0 1e999", "'0 1e999' has a number that is not finite"),
        ("neuron", "1 2 3", "takes 2 numbers, got 3"),
    ],
)
def test_wrong_input_gets_one_clear_line(rushlight, models, tmp_path, model, given, words):
    (tmp_path / "notes.txt").write_text("dear diary")
    (tmp_path / "empty.png").write_bytes(b"")
    done = rushlight("predict", models / f"{model}.safetensors", given)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"hello", b"\x00" * 64])
def test_what_is_no_model_gets_one_clear_line(rushlight, tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    done = rushlight("predict", "x.safetensors", "hello")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_safetensors_file_of_another_program_is_no_model(rushlight, tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(2, np.float32)}, tmp_path / "other.safetensors")
    done = rushlight("predict", "other.safetensors", "hello")
    assert done.returncode == 2
    assert "no Rushlight model" in done.stderr


def test_a_label_is_no_order_to_the_terminal(rushlight, tmp_path):
    path = tmp_path / "model.safetensors"
    task = {"kind": "text-classifier", "labels": ["\x1b[31mred"], "vocabulary": ["<unk>", "hello"]}
    rl.save(path, rl.nn.EmbeddingBag(2, 1), task=task)
    done = rushlight("predict", path, "hello")
    assert done.returncode == 0
    assert "?[31mred" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no /dev/zero here")
@pytest.mark.parametrize("options", [(), ("--why",)])
def test_a_text_is_no_order_to_the_terminal(rushlight, models, options):
    orders = "Win \x1b[2J\x1b]0;x\x07 \u202e money"
    for done in (
        rushlight("predict", models / "spam.safetensors", orders, *options),
        rushlight("predict", models / "spam.safetensors", *options, input=f"{orders}\n"),
    ):
        assert done.stdout.startswith("Win ?[2J?]0;x? ? money"), done.stderr
        assert done.stdout.replace("\n", "").isprintable()


def test_a_line_without_end_is_given_up(rushlight, models):
    with open("/dev/zero", "rb") as endless:
        done = rushlight("predict", models / "neuron.safetensors", stdin=endless)
    assert done.returncode == 2
    assert done.stderr.startswith("rushlight: a line has more than 16777216 characters")


def test_why_shows_which_words_decided(rushlight, models):
    done = rushlight("predict", models / "spam.safetensors", "Win money, quantum friend", "--why")
    assert done.returncode == 0, done.stderr
    answer, title, *lines = done.stdout.splitlines()
    assert "→" in answer
    assert "(+) or against it (-)" in title
    words = {line.split()[0]: line for line in lines}
    assert set(words) == {"win", "money", "quantum", "friend", "the"}
    assert "not seen in training" in words["quantum"]
    assert "█" in words["win"]
    assert "\x1b" not in done.stdout
    plain = rushlight(
        "predict", models / "spam.safetensors", "--why", input="Win money\n", encoding="ascii"
    )
    assert "+++" in plain.stdout


def test_why_is_told_to_programs_too(rushlight, models):
    path = models / "spam.safetensors"
    done = rushlight("predict", path, "Win money", "--why", "--json")
    answer = json.loads(done.stdout)
    assert [word["text"] for word in answer["why"]["words"]] == ["win", "money"]
    assert answer["why"]["words"][0]["score"] > 0
    assert answer["label"] == "SPAM"
    assert "why" not in json.loads(rushlight("predict", path, "Win money", "--json").stdout)


def test_why_of_what_is_no_text_is_one_line(rushlight, models):
    done = rushlight("predict", models / "digits.safetensors", "--why")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("rushlight: --why is of a text-classifier; ")
    assert done.stderr.endswith("digits.safetensors is of kind image-classifier\n")
