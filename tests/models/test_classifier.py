"""Words look at known words alone, and a text has the same scores wherever it stands."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.models import AttentionClassifier


@pytest.fixture
def model():
    """A network whose weights are not zero any more."""
    rl.manual_seed(1)
    model = AttentionClassifier(12, classes=3, width=8, heads=2).eval()
    for parameter in model.parameters():
        parameter.assign(rl.randn(*parameter.shape))
    return model


def test_padding_changes_nothing(model):
    alone = model(rl.tensor([[3, 5]])).numpy()
    padded = model(rl.tensor([[3, 5, 0, 0], [1, 2, 3, 4]])).numpy()
    np.testing.assert_allclose(padded[:1], alone, rtol=1e-5, atol=1e-6)


def test_a_text_without_a_known_word_has_the_scores_of_the_bias(model):
    np.testing.assert_allclose(model(rl.tensor([[0, 0]])).numpy()[0], model.out.bias.numpy())


def test_what_a_word_adds_depends_on_the_others(model):
    def added(word, *others):
        with_it, without = (model(rl.tensor([[*w, *others]])).numpy() for w in ([word], [0]))
        return with_it - without

    assert np.abs(added(3, 5) - added(3, 7)).max() > 0.1


def test_looks_add_up_to_one_over_known_words(model):
    looks = model.looks(rl.tensor([[3, 5, 0, 7]])).numpy()
    assert looks.shape == (1, 2, 4, 4)
    np.testing.assert_allclose(looks.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(looks[..., 2], 0)


def test_it_begins_as_a_network_that_says_nothing():
    model = AttentionClassifier(12, classes=2).eval()
    np.testing.assert_array_equal(model.looks(rl.tensor([[3, 5]])).numpy(), 0.5)
    np.testing.assert_array_equal(
        model(rl.tensor([[3, 5]])).numpy(), model(rl.tensor([[7, 0]])).numpy()
    )


def test_a_model_file_holds_it_for_texts_of_any_length(model, tmp_path):
    rl.save(tmp_path / "m.safetensors", model)
    again = rl.load(tmp_path / "m.safetensors").model
    for ids in ([[1]], [[4, 2, 9, 9, 1], [1, 2, 3, 0, 0]]):
        np.testing.assert_array_equal(again(rl.tensor(ids)).numpy(), model(rl.tensor(ids)).numpy())
