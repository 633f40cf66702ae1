import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.core.errors import BoundsError, DataError, DTypeError, FormatError, UsageError
from rushlight.data import CharTokenizer, shakespeare, tokenizer_of


def test_the_characters_of_texts_get_ids_in_their_order():
    tokenizer = CharTokenizer.build(["hello", "world"])
    assert tokenizer.characters == "dehlorw"
    assert tokenizer.encode("hold").tolist() == [2, 4, 3, 0]
    assert tokenizer.encode("hold").dtype == np.int64


def test_characters_may_be_given_in_any_order():
    tokenizer = CharTokenizer("zéa😀")
    assert tokenizer.encode("a😀zé").tolist() == [2, 3, 0, 1]
    assert tokenizer.decode([3, 2]) == "😀a"


def test_a_play_is_encoded_and_decoded():
    text = shakespeare.load()
    tokenizer = CharTokenizer.build([text])
    ids = tokenizer.encode(text)
    assert (len(tokenizer), ids.min(), ids.max()) == (65, 0, 64)
    assert tokenizer.decode(ids) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_of_known_characters_comes_back(text):
    tokenizer = CharTokenizer.build([text], specials=("begin",))
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.begin not in tokenizer.encode(text)


def test_special_tokens_have_the_first_ids_and_are_no_part_of_a_text():
    tokenizer = CharTokenizer("ab", specials=("padding", "begin", "end"))
    assert (tokenizer.padding, tokenizer.begin, tokenizer.end, len(tokenizer)) == (0, 1, 2, 5)
    assert tokenizer.decode([1, 3, 4, 2, 0, 0]) == "ab"
    with pytest.raises(UsageError, match="there is no token 'unknown'") as caught:
        assert tokenizer.unknown
    assert caught.value.hint == 'specials=("unknown",)'


def test_a_character_that_is_not_known_is_unknown_or_an_error():
    tokenizer = CharTokenizer("ab", specials=("begin", "unknown"))
    assert tokenizer.encode("a\U0010ffffb\ud800").tolist() == [2, 1, 3, 1]
    assert tokenizer.decode([2, 1]) == "a\ufffd"
    with pytest.raises(DataError, match=r"the character 'ц' is not known") as caught:
        CharTokenizer("ab").encode("abцc")
    assert "unknown" in caught.value.hint
    assert CharTokenizer("").encode("").tolist() == []


def test_a_decoder_gives_one_character_after_another():
    tokenizer = CharTokenizer("aé", specials=("begin", "unknown"))
    decoder = tokenizer.decoder()
    assert [decoder.push(token) for token in (0, 2, 3, 1)] == ["", "a", "é", "\ufffd"]
    assert decoder.finish() == ""


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        (["ab"], "'ab' is no character"),
        ([""], "'' is no character"),
        ([1], "1 is no character"),
        ("\ud800", r"'\\ud800' is no character"),
        ("aba", "the character 'a' comes twice"),
    ],
)
def test_what_are_no_characters_is_refused(characters, message):
    with pytest.raises(DataError, match=message):
        CharTokenizer(characters)


@pytest.mark.parametrize(
    ("specials", "message"),
    [
        (("mask",), "there is no special token 'mask'"),
        (("begin", "begin"), "the special token 'begin' is named twice"),
        ((1,), "there is no special token 1"),
    ],
)
def test_other_special_tokens_are_refused(specials, message):
    with pytest.raises(UsageError, match=message):
        CharTokenizer("ab", specials)


def test_ids_and_texts_that_are_none_are_refused():
    tokenizer = CharTokenizer("ab")
    with pytest.raises(BoundsError, match="id 2 is outside of 0 to 1"):
        tokenizer.decode([0, 2])
    with pytest.raises(BoundsError, match="id -1 is outside of 0 to 1"):
        tokenizer.decoder().push(-1)
    with pytest.raises(DTypeError, match=r"ids are integers of shape \(tokens,\)"):
        tokenizer.decode([0.5])
    with pytest.raises(DTypeError, match="a text is encoded, not list"):
        tokenizer.encode(["a"])
    with pytest.raises(UsageError, match="a list of texts, not one text"):
        CharTokenizer.build("ab")


@given(st.sets(st.characters(exclude_categories=["Cs"])), st.sampled_from([(), ("end", "unknown")]))
def test_plain_values_bring_the_same_tokenizer_back(characters, specials):
    tokenizer = CharTokenizer(characters, specials)
    again = tokenizer_of(json.loads(json.dumps(tokenizer.to_task())))
    assert again == tokenizer
    assert hash(again) == hash(tokenizer)


def test_a_model_file_carries_it(tmp_path):
    tokenizer = CharTokenizer("ab\n😀", specials=("end",))
    task = {"kind": "language-model", **tokenizer.to_task()}
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(1, 1), task=task)
    assert tokenizer_of(rl.load(tmp_path / "m.safetensors").task) == tokenizer


def plain(**changes):
    return {"kind": "characters", "characters": "ab", "specials": []} | changes


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (None, "a tokenizer of characters is an object of characters and specials"),
        ([], "a tokenizer of characters is an object"),
        ({}, "a tokenizer of characters is an object"),
        (plain(kind="byte-pairs"), "a tokenizer of characters is an object"),
        (plain(more=1), "a tokenizer of characters is an object"),
        (plain(characters=["a", "b"]), "its characters are no text"),
        (plain(characters=None), "its characters are no text"),
        (plain(characters="aa"), "the character 'a' comes twice"),
        (plain(characters="\ud800"), "is no character"),
        (plain(specials="begin"), "its special tokens are no list of names"),
        (plain(specials=[1]), "its special tokens are no list of names"),
        (plain(specials=["begin", "begin"]), "the special token 'begin' is named twice"),
        (plain(specials=["x" * 1000]), "there is no special token 'xxx"),
    ],
)
def test_hostile_values_are_refused(tokenizer, message):
    with pytest.raises(FormatError, match=message) as caught:
        CharTokenizer.from_task({"tokenizer": tokenizer})
    assert len(str(caught.value)) < 200
