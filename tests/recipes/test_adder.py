"""The recipe that adds numbers written as text."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.predictor import Predictor
from rushlight.recipes import adder


def texts(sums):
    """The sums of a data set as people write them."""
    return [
        (adder.SUMS.read(asked[: adder.SUMS.question]), adder.SUMS.read(answered))
        for asked, answered in zip(*sums.arrays, strict=True)
    ]


def test_sums_are_right_and_no_pair_is_both_learnt_and_tested():
    learn, test = (texts(part) for part in adder.draw(20_000, seed=0))
    for asked, answered in [*learn, *test]:
        left, right = asked.split("+")
        assert int(left) + int(right) == int(answered)
        assert f"{int(left)}+{int(right)}" == asked
    assert not {asked for asked, _ in learn} & {asked for asked, _ in test}
    assert len({asked for asked, _ in test}) == len(test)
    assert len(learn) + len(test) < 20_000  # some of the test were drawn several times
    assert 500 < len(test) < 1000
    lengths = np.array([len(asked.split("+")[0]) for asked, _ in learn])
    assert all(0.28 < (lengths == digits).mean() < 0.39 for digits in (1, 2, 3))


def test_a_short_training_learns_something_and_its_file_answers(tmp_path):
    run = adder.train(epochs=2, sums=10_000, progress=False)
    assert run.facts["train_loss"] < 2.0  # a tenth of each digit would be 2.3
    rl.save(tmp_path / "adder.safetensors", run.model, task=run.task)
    predictor = Predictor(tmp_path / "adder.safetensors")
    found = predictor.ask("12+345")
    assert found.label.isdigit()
    _, test = adder.draw(2000, seed=0)
    asked, answered = zip(*texts(test), strict=True)
    scores = predictor.outputs(asked).numpy()
    said = [adder.SUMS.read(one) for one in adder.answers(scores).argmax(-1)]
    right = np.mean([one == other for one, other in zip(said, answered, strict=True)])
    assert right == pytest.approx(adder.exact(run.model.eval(), test))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_it_reaches_its_figure_on_sums_that_it_never_saw(seed):
    assert adder.train(seed=seed, progress=False).facts["test_accuracy"] >= 0.99
