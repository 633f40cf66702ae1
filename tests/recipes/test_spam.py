"""The spam recipe reaches its figures, and has none of the faults of the one it grew out of."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import Vocabulary
from rushlight.predictor import Predictor
from rushlight.recipes import spam


@pytest.fixture(scope="module", params=[0.0, 0.2], ids=["plain", "word dropout"])
def trained(request, tmp_path_factory):
    run = spam.train(word_dropout=request.param, progress=False)
    path = tmp_path_factory.mktemp("spam") / "spam.safetensors"
    rl.save(path, run.model, task=run.task, training=run.facts)
    return Predictor(path), request.param


def test_there_are_forty_sentences_of_our_own():
    assert (len(spam.SPAM), len(spam.HAM)) == (15, 25)
    assert len({*spam.SPAM, *spam.HAM}) == 40


def test_a_plain_run_falls_as_fast_as_it_must():
    losses = [
        spam.train(epochs=epochs, word_dropout=0.0, progress=False).facts["clean_loss"]
        for epochs in (100, 200, 300)
    ]
    assert losses[0] < 0.0030
    assert losses[1] < 0.0012
    assert losses[2] < 0.0007


@pytest.mark.parametrize("sentence", spam.SAMPLES)
def test_new_sentences_are_told_apart(trained, sentence):
    predictor, _ = trained
    answer = predictor.text(sentence)
    expected = "SPAM" if sentence in ("Win money now", "Free iPhone click") else "HAM"
    assert (answer.label, answer.confidence) == (expected, pytest.approx(1.0, abs=0.01))


def test_the_saved_file_alone_knows_the_words(trained):
    predictor, _ = trained
    assert predictor.vocabulary == Vocabulary.build(spam.SPAM + spam.HAM)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sentence_of_unknown_words_gets_no_verdict_of_certainty(seed, tmp_path):
    run = spam.train(seed=seed, progress=False)
    rl.save(tmp_path / "spam.safetensors", run.model, task=run.task)
    answer = Predictor(tmp_path / "spam.safetensors").text("quantum zebra")
    assert 0.2 <= answer.probabilities["SPAM"] <= 0.8
    assert answer.notes == ("none of these words was seen in training",)


@pytest.mark.parametrize("text", ["", "   ", "!!! ..."])
def test_an_empty_sentence_gets_a_clear_message(trained, text):
    with pytest.raises(rl.DataError, match="there is no word in"):
        trained[0].text(text)


def test_a_hidden_layer_learns_too():
    run = spam.train(hidden=8, epochs=100, progress=False)
    assert [type(layer).__name__ for layer in run.model][-2:] == ["ReLU", "Linear"]
    assert run.facts["clean_accuracy"] == 1.0


def test_the_same_seed_gives_the_same_weights():
    first, second = [spam.train(epochs=3, seed=5, progress=False).model for _ in range(2)]
    for name, tensor in first.state_dict().items():
        np.testing.assert_array_equal(tensor, second.state_dict()[name], err_msg=name)
