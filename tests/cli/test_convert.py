"""`rushlight convert`: what it writes, and what it says of what it cannot read."""

import json

import numpy as np
import pytest

import rushlight as rl
from rushlight.cli.main import main
from rushlight.formats.png import write_png
from rushlight.formats.safetensors import StoredTensor, save_file
from rushlight.predictor import Predictor
from tests.formats.nn_rust_files import SIGMOID, forward, network, softmax_of

WORDS = ["win", "money", "let's", "meet"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs the command in an empty folder; returns code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def function(*arguments):
        code = main(["convert", *map(str, arguments)])
        return code, *capsys.readouterr()

    return function


@pytest.fixture
def spam_file(tmp_path):
    """The path of a filter of Candle's, and its tensors."""
    random = np.random.default_rng(0)
    shapes = {"embed.weight": (5, 16), "classifier.weight": (2, 16), "classifier.bias": (2,)}
    tensors = {name: random.standard_normal(x).astype(np.float32) for name, x in shapes.items()}
    path = tmp_path / "spam_classifier.safetensors"
    save_file(path, {name: StoredTensor.of(x) for name, x in tensors.items()})
    return path, tensors


def test_a_network_for_digits_answers_pictures_as_it_did_there(run, tmp_path):
    content, arrays = network(784, 16, 10)
    (tmp_path / "relu_model").write_bytes(content)
    code, output, errors = run("relu_model")
    assert (code, errors) == (0, "")
    assert "rushlight predict relu_model.safetensors" in output
    predictor = Predictor("relu_model.safetensors")
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28)).astype(np.uint8)
    wanted = softmax_of(forward(pixels.reshape(784).astype(np.float32) / 255, arrays))
    got = predictor.pixels(pixels)
    np.testing.assert_allclose(list(got.probabilities.values()), wanted, rtol=1e-4)
    assert got.label == str(wanted.argmax())
    page = np.zeros((28, 28), np.uint8)
    page[4:24, 13:16] = 255
    write_png("digit.png", page)
    assert predictor.picture("digit.png").label in predictor.labels


def test_another_network_answers_numbers_as_it_did_there(run, tmp_path):
    content, arrays = network(2, 5, 3, activation=SIGMOID)
    (tmp_path / "model").write_bytes(content)
    assert run("model", "--out", "xor.safetensors")[0] == 0
    got = Predictor("xor.safetensors").numbers("0.5, -1").values
    wanted = softmax_of(forward(np.array([0.5, -1.0], np.float32), arrays, SIGMOID))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_a_network_without_a_softmax_answers_its_own_numbers(run, tmp_path):
    content, arrays = network(2, 3, softmax=False)
    (tmp_path / "model").write_bytes(content)
    assert run("model")[0] == 0
    got = Predictor("model.safetensors").numbers("1 2").values
    np.testing.assert_allclose(got, forward(np.array([1.0, 2.0], np.float32), arrays), rtol=1e-4)


VOCABULARIES = {
    "lines": "win\nmoney\n\nlet's\nmeet\n",
    "lines of Windows": "\ufeffwin\r\nmoney\r\nlet's\r\nmeet",
    "with the unknown word": "win\nmoney\nlet's\nmeet\n<UNK>\n",
    "a JSON list": json.dumps(WORDS),
}


@pytest.mark.parametrize("text", VOCABULARIES.values(), ids=VOCABULARIES)
def test_a_spam_filter_answers_sentences_as_it_did_there(text, run, spam_file, tmp_path):
    path, tensors = spam_file
    (tmp_path / "words.txt").write_text(text, encoding="utf-8", newline="")
    code, output, _ = run(path, "--vocabulary", "words.txt", "--out", "spam.safetensors", "--json")
    facts = {"from": "candle-spam", "out": "spam.safetensors", "task": "text-classifier"}
    assert (code, json.loads(output)) == (0, {**facts, "parameters": 5 * 16 + 2 * 16 + 2})
    pooled = tensors["embed.weight"][[0, 1, 4]].mean(0)  # the last row is that of other words
    wanted = softmax_of(tensors["classifier.weight"] @ pooled + tensors["classifier.bias"])
    got = Predictor("spam.safetensors").text("Win MONEY zebra").probabilities
    assert list(got) == ["HAM", "SPAM"]
    np.testing.assert_allclose(list(got.values()), wanted, rtol=1e-4)


def test_the_words_of_a_spam_filter_are_asked_for(run, spam_file):
    code, output, errors = run(spam_file[0], "--out", "spam.safetensors")
    assert (code, output) == (2, "")
    assert errors.startswith("rushlight: the file has rows for 4 words, but not the words")
    assert "--vocabulary FILE" in errors


def test_what_is_converted_can_be_inspected_and_loaded(run, tmp_path):
    (tmp_path / "model").write_bytes(network(4, 3)[0])
    run("model")
    loaded = rl.load("model.safetensors")
    assert loaded.training == {"converted_from": "nn-rust"}
    assert loaded.task == {"kind": "regressor", "inputs": 4}


def bad_words(tmp_path, content):
    (tmp_path / "words").write_bytes(content)
    return ["spam_classifier.safetensors", "--vocabulary", "words", "--out", "a.safetensors"]


MISTAKES = {
    "no file": (lambda f: ["nowhere"], "nowhere: cannot be opened"),
    "a folder": (lambda f: ["."], ".: is a directory"),
    "another kind of file": (lambda f: ["text"], "text: is none of nn-rust, candle-spam"),
    "a later nn-rust": (lambda f: ["later"], "later: is of a later nn-rust, not read here"),
    "an empty file": (lambda f: ["empty"], "empty: is none of nn-rust, candle-spam"),
    "the wrong --from": (
        lambda f: ["spam_classifier.safetensors", "--from", "nn-rust", "--out", "a"],
        "spam_classifier.safetensors: ",
    ),
    "a forced safetensors": (
        lambda f: ["model", "--from", "candle-spam"],
        "model: ",
    ),
    "its own input": (
        lambda f: ["spam_classifier.safetensors"],
        "spam_classifier.safetensors is the file to convert (--out names another)",
    ),
    "no such folder": (lambda f: ["model", "--out", "no/a.safetensors"], "there is no folder no"),
    "a folder to write": (lambda f: ["model", "--out", "."], ". is a folder"),
    "words for another kind": (
        lambda f: ["model", "--vocabulary", "text"],
        "--vocabulary is for candle-spam; model is nn-rust",
    ),
    "no words": (lambda f: bad_words(f, b"\n\n"), "words: holds no words"),
    "a word twice": (lambda f: bad_words(f, b"a\nb\na\nc"), "words: the word 'a' comes twice"),
    "two words in a line": (
        lambda f: bad_words(f, b"a b\nc\nd\ne"),
        "words: 'a b' is not one word",
    ),
    "capitals": (lambda f: bad_words(f, b"Win\na\nb\nc"), "words: 'Win' is not one word as"),
    "bytes that are no text": (lambda f: bad_words(f, b"\xff\xfe"), "words: is not UTF-8"),
    "broken JSON": (lambda f: bad_words(f, b'["a", '), "words"),
    "numbers": (lambda f: bad_words(f, b"[1, 2]"), "words: holds no words"),
    "too few words": (lambda f: bad_words(f, b"a\nb"), "the file has rows for 4 words, the voc"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_gets_one_clear_line_and_writes_nothing(case, run, spam_file, tmp_path):
    (tmp_path / "text").write_text("Dear reader, this is no network")
    (tmp_path / "empty").touch()
    (tmp_path / "later").write_bytes(b"NNRS" + bytes(40))
    (tmp_path / "model").write_bytes(network(4, 3)[0])
    arguments, line = MISTAKES[case]
    given = arguments(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, output, errors = run(*given)
    assert (code, output) == (2, "")
    assert errors.startswith(f"rushlight: {line}")
    assert errors.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_input_under_another_name_is_not_overwritten(run, spam_file, tmp_path):
    (tmp_path / "link.safetensors").symlink_to(spam_file[0])
    code, _, errors = run(spam_file[0], "--out", "link.safetensors")
    assert code == 2
    assert "link.safetensors is the file to convert" in errors


def test_help_tells_what_can_be_converted(run):
    code, output, _ = run("--help")
    assert code == 0
    assert "nn-rust" in output
    assert "candle-spam" in output
