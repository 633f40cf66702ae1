"""The SMS recipe: a division of its own for every number, and figures on the test part alone."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.predictor import Predictor
from rushlight.recipes import sms

PRIZE = "URGENT! You have won a 1 week FREE membership in our £100,000 prize. Call 09061701461 now"
DINNER = "I'll be late for dinner, sorry. Are you home yet?"


@pytest.fixture(scope="module")
def run():
    return sms.train(progress=False)


def test_a_division_is_stratified_and_its_own():
    messages = sms.sms.load()
    for number in range(2):
        learn, test = sms.divide(number)
        assert (len(learn), len(test)) == (4460, 1114)
        assert sorted([*learn.arrays[0], *test.arrays[0]]) == list(range(len(messages)))
        assert (int(learn.arrays[1].sum()), int(test.arrays[1].sum())) == (598, 149)
        for position, label in zip(*test.arrays, strict=True):
            assert messages[position][0] == sms.sms.LABELS[label]
    assert set(sms.divide(0)[1].arrays[0]) != set(sms.divide(1)[1].arrays[0])


def test_it_reaches_its_figures(run):
    facts = run.facts
    assert facts["test_f1"] >= 0.965  # the best of the linear models on words has 0.951 here
    assert facts["test_accuracy"] >= 0.99
    f1 = 2 / (1 / facts["test_precision"] + 1 / facts["test_recall"])
    assert facts["test_f1"] == pytest.approx(f1)


def test_words_are_known_from_the_messages_learnt_from_alone(run):
    learn, _ = sms.divide(0)
    tokens = {token for text in sms.texts_at(learn.arrays[0]) for token in sms.TOKENS(text)}
    assert set(run.task["vocabulary"][1:]) <= tokens


def test_the_saved_file_answers_alone(run, tmp_path):
    rl.save(tmp_path / "sms.safetensors", run.model, task=run.task, training=run.facts)
    predictor = Predictor(tmp_path / "sms.safetensors")
    assert predictor.text(PRIZE).label == "spam"
    assert predictor.text(DINNER).label == "ham"
    assert predictor.text(PRIZE).confidence > 0.99


def test_a_text_has_the_same_scores_alone_and_among_longer_ones(run):
    _, test = sms.divide(0)
    few = rl.data.Dataset(*(column[:20] for column in test.arrays))
    vocabulary = rl.data.Vocabulary.from_task(run.task)
    together = sms.answers(run.model, vocabulary, few).numpy()
    texts = sms.texts_at(few.arrays[0])
    alone = [run.model(rl.tensor(vocabulary.encode(text)[None])).numpy()[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_ten_divisions_reach_their_median():
    found = [sms.train(division=n, progress=False).facts["test_f1"] for n in range(10)]
    assert np.median(found) >= 0.97
    assert min(found) >= 0.96
