"""The spam filter of spam_candle_ai: its rows in our order, and what is refused."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import FormatError, UsageError
from rushlight.formats.candle_spam import TENSORS, read_candle_spam
from rushlight.formats.safetensors import StoredTensor, save_file

WORDS = ["win", "money", "now"]


def arrays(words=3, width=4):
    random = np.random.default_rng(0)
    shapes = [(words + 1, width), (2, width), (2,)]
    return {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in zip(TENSORS, shapes, strict=True)
    }


@pytest.fixture
def save(tmp_path):
    """A function that writes arrays as such a file, some of them replaced."""

    def function(**changed):
        named = arrays() | {name.replace("_", "."): x for name, x in changed.items()}
        path = tmp_path / "spam.safetensors"
        kept = {name: StoredTensor.of(x) for name, x in named.items() if x is not None}
        save_file(path, kept)
        return path

    return function


def scores_of(ids, tensors):
    """What the other program computes: ids from 0, the unknown word last."""
    pooled = tensors["embed.weight"][ids].mean(0)
    return tensors["classifier.weight"] @ pooled + tensors["classifier.bias"]


def test_each_word_has_its_own_row(save):
    model = read_candle_spam(save(), WORDS)
    tensors = arrays()
    for position in range(len(WORDS)):
        got = model(rl.tensor([[position + 1]])).numpy()[0]
        np.testing.assert_allclose(got, scores_of([position], tensors), rtol=1e-5)


def test_the_unknown_word_moves_from_the_last_row_to_the_first(save):
    model = read_candle_spam(save(), WORDS)
    got = model(rl.tensor([[0, 2]])).numpy()[0]
    np.testing.assert_allclose(got, scores_of([3, 1], arrays()), rtol=1e-5)


def test_without_words_it_is_said_what_is_missing(save):
    with pytest.raises(UsageError, match="rows for 3 words, but not the words") as caught:
        read_candle_spam(save(), None)
    assert "--vocabulary FILE" in str(caught.value)


@pytest.mark.parametrize("words", [["win"], [], ["a", "b", "c", "d"]])
def test_another_number_of_words_is_refused(words, save):
    with pytest.raises(UsageError, match=f"rows for 3 words, the vocabulary has {len(words)}"):
        read_candle_spam(save(), words)


HOSTILE = {
    "a tensor is missing": ({"classifier_bias": None}, "is no spam filter of Candle's: it has"),
    "a tensor too many": ({"more": np.ones(1, np.float32)}, "is no spam filter of Candle's"),
    "float64": ({"embed_weight": np.ones((4, 4))}, "embed.weight is F64 (4, 4), not F32"),
    "three axes": ({"embed_weight": np.ones((4, 2, 2), np.float32)}, "not F32 of 2 axes"),
    "three classes": ({"classifier_weight": np.ones((3, 4), np.float32)}, "do not go together"),
    "another width": ({"classifier_weight": np.ones((2, 5), np.float32)}, "do not go together"),
    "three biases": ({"classifier_bias": np.ones(3, np.float32)}, "do not go together"),
    "one row": ({"embed_weight": np.ones((1, 4), np.float32)}, "do not go together"),
    "no width": (
        {
            "embed_weight": np.ones((4, 0), np.float32),
            "classifier_weight": np.ones((2, 0), np.float32),
        },
        "do not go together",
    ),
    "NaN": ({"embed_weight": np.full((4, 4), np.nan, np.float32)}, "embed.weight has NaN or an"),
    "an infinity": ({"classifier_bias": np.array([0, np.inf], np.float32)}, "bias has NaN or an"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_another_file_is_refused_with_its_name_and_the_reason(case, save):
    changed, reason = HOSTILE[case]
    path = save(**changed)
    with pytest.raises(FormatError) as caught:
        read_candle_spam(path, WORDS)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


def test_a_file_cut_short_anywhere_is_refused(save):
    path = save()
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(FormatError):
            read_candle_spam(path, WORDS)


def test_a_file_with_any_bit_turned_is_read_or_refused(save):
    path = save()
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            model = read_candle_spam(path, WORDS)
        except FormatError:
            continue
        assert model[0].weight.shape == (4, 4)
