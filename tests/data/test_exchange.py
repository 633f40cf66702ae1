"""Questions and answers as ids: turned round, padded, and back; and the files that answer so."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import CharTokenizer, Exchange
from rushlight.models import RecurrentLM
from rushlight.predictor import Predictor, example_input
from rushlight.testing.compare import assert_identical

LETTERS = CharTokenizer("abc", specials=("padding", "begin"))
EXCHANGE = Exchange(LETTERS, question=4, answer=3)


def test_both_are_turned_round_and_padded():
    asked = EXCHANGE.asked(["ab", "abca"])
    assert_identical(asked, np.array([[3, 2, 0, 0, 1, 1, 1], [2, 4, 3, 2, 1, 1, 1]]))
    answered = EXCHANGE.answered(["ca"])
    assert_identical(answered, np.array([[2, 4, 0]]))
    assert EXCHANGE.read(answered[0]) == "ca"


@pytest.mark.parametrize(
    ("call", "kind", "fact"),
    [
        (lambda: EXCHANGE.asked(["abcab"]), rl.DataError, "has 1 to 4 characters"),
        (lambda: EXCHANGE.asked([""]), rl.DataError, "'' has 0"),
        (lambda: EXCHANGE.asked(["abd"]), rl.DataError, "'d' is not known\n  hint: a question is"),
        (lambda: EXCHANGE.answered(["abca"]), rl.DataError, "an answer has 1 to 3"),
        (lambda: Exchange(LETTERS, 0, 1), rl.UsageError, "question is an int of at least 1"),
        (lambda: Exchange(LETTERS, 1, True), rl.UsageError, "answer is an int of at least 1"),
        (lambda: Exchange(LETTERS, 1 << 16, 1), rl.UsageError, "at most 65536"),
        (lambda: Exchange(CharTokenizer("ab"), 1, 1), rl.UsageError, "no token 'padding'"),
    ],
)
def test_what_does_not_fit_is_refused(call, kind, fact):
    with pytest.raises(kind, match=fact):
        call()


def save(path, **changes):
    rl.manual_seed(0)
    task = {"kind": "text-to-text", **EXCHANGE.to_task()} | changes
    rl.save(path, RecurrentLM(len(LETTERS), width=3, hidden=4), task=task)
    return path


def test_a_saved_network_answers_a_text_by_a_text(tmp_path):
    predictor = Predictor(save(tmp_path / "m.safetensors"))
    found = predictor.ask("abc")
    scores = predictor.outputs(["abc", "b"])
    best = scores.numpy()[0, -3:].argmax(-1)
    assert found.label == EXCHANGE.read(best)
    assert 0.0 < found.confidence < 1.0
    assert scores.shape == (2, 7, 5)
    assert example_input(predictor.model, predictor.task).shape == (1, 7)


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"question": "4"}, "question is an int"),
        ({"answer": -1}, "answer is an int"),
        ({"tokenizer": None}, "tokenizer"),
        ({"tokenizer": CharTokenizer("ab").to_task()["tokenizer"]}, "no token 'padding'"),
        ({"question": 1 << 40}, "at most 65536"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(tmp_path, changes, fact):
    path = save(tmp_path / "m.safetensors", **changes)
    with pytest.raises(rl.FormatError, match=fact):
        Predictor(path)


def test_a_network_with_other_scores_is_refused(tmp_path):
    rl.save(
        tmp_path / "m.safetensors",
        RecurrentLM(6, width=3, hidden=4),
        task={"kind": "text-to-text", **EXCHANGE.to_task()},
    )
    with pytest.raises(rl.FormatError, match="scores for 7 characters"):
        Predictor(tmp_path / "m.safetensors").ask("abc")
