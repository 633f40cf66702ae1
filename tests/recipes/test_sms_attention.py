"""The SMS recipe with attention: a short run learns, its file answers and says why."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.predictor import Predictor
from rushlight.recipes import sms_attention

PRIZE = "URGENT! You have won a 1 week FREE membership in our £100,000 prize. Call 09061701461 now"
DINNER = "I'll be late for dinner, sorry. Are you home yet?"


@pytest.fixture(scope="module")
def run():
    return sms_attention.train(epochs=4, progress=False)


def test_a_few_epochs_are_enough_for_most_messages(run):
    assert run.facts["test_f1"] >= 0.9
    f1 = 2 / (1 / run.facts["test_precision"] + 1 / run.facts["test_recall"])
    assert run.facts["test_f1"] == pytest.approx(f1)


def test_the_same_seed_gives_the_same_network(run):
    again = sms_attention.train(epochs=4, progress=False)
    for name, x in again.model.state_dict().items():
        np.testing.assert_array_equal(x.numpy(), run.model.state_dict()[name].numpy(), err_msg=name)


def test_the_saved_file_answers_and_tells_why(run, tmp_path):
    rl.save(tmp_path / "sms.safetensors", run.model, task=run.task, training=run.facts)
    predictor = Predictor(tmp_path / "sms.safetensors")
    assert predictor.text(DINNER).label == "ham"
    answer = predictor.explain(PRIZE)
    assert answer.label == "spam"
    strongest = max(answer.why.words, key=lambda word: word.score).text
    assert strongest in ("00000000000", "£", "000", "prize", "urgent", "free", "won")
    attention = [word.attention for word in answer.why.words]
    assert sum(attention) == pytest.approx(1, rel=1e-5)


def test_a_text_has_the_same_scores_alone_and_among_longer_ones(run):
    _, test = sms_attention.divide(0)
    few = rl.data.Dataset(*(column[:20] for column in test.arrays))
    vocabulary = rl.data.Vocabulary.from_task(run.task)
    together = sms_attention.answers(run.model, vocabulary, few).numpy()
    texts = sms_attention.texts_at(few.arrays[0])
    alone = [run.model(rl.tensor(vocabulary.encode(text)[None])).numpy()[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_it_reaches_its_figures():
    facts = sms_attention.train(progress=False).facts
    assert facts["test_f1"] >= 0.9732
    assert facts["test_accuracy"] >= 0.99


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_divisions_reach_their_median():
    found = [sms_attention.train(division=n, progress=False).facts["test_f1"] for n in range(10)]
    assert np.median(found) >= 0.97
