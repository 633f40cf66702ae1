import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import BoundsError, DataError, DTypeError, FormatError
from rushlight.data import shakespeare
from rushlight.data.text import UNKNOWN, Vocabulary, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\r\n", []),
        ("?!...,'\u2019", []),
        ("Win MONEY now!!!", ["win", "money", "now"]),
        ("end.Start", ["end", "start"]),
        ("snake_case e-mail", ["snake", "case", "e", "mail"]),
        ("U R 2 late 4 me, £1.50", ["u", "r", "2", "late", "4", "me", "1", "50"]),
        ("don't", ["don't"]),
        ("don\u2019t", ["don't"]),
        ("rock'n'roll", ["rock'n'roll"]),
        ("'quoted' dogs' 'tis", ["quoted", "dogs", "tis"]),
        ("''twice'' a''b", ["twice", "a", "b"]),
        ("Ünïcödé naïve", ["ünïcödé", "naïve"]),
        ("cafe\u0301", ["café"]),
        ("Привет, мир", ["привет", "мир"]),
        ("ΟΔΟΣ", ["οδο\u03c2"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("日本語 テスト", ["日本語", "テスト"]),
        ("co\u00adoperate \u200bfree", ["cooperate", "free"]),
        ("\u2764\ufe0fhello 1\ufe0f\u20e3 \U0001f600", ["hello", "1"]),
        ("\ud800lone", ["lone"]),
        ("<unk>", ["unk"]),
    ],
)
def test_a_text_becomes_its_words(text, words):
    assert tokenize(text) == words


@given(st.text())
def test_words_joined_by_spaces_become_the_same_words(text):
    words = tokenize(text)
    assert tokenize(" ".join(words)) == words
    assert [tokenize(word) for word in words] == [[word] for word in words]


@given(st.text())
def test_words_hold_no_spaces_and_no_outer_apostrophes(text):
    for word in tokenize(text):
        assert word
        assert word == word.strip("'") == "".join(word.split())


def test_ids_follow_the_first_appearance_and_0_is_unknown():
    vocabulary = Vocabulary.build(["See you tomorrow", "you win", "Tomorrow?"])
    assert vocabulary.words == (UNKNOWN, "see", "you", "tomorrow", "win")
    assert len(vocabulary) == 5
    assert "you" in vocabulary
    assert "never" not in vocabulary


def test_words_that_are_added_leave_the_other_ids():
    old = Vocabulary.build(["see you"])
    new = Vocabulary([*old.words, "soon"])
    assert new.words[: len(old)] == old.words
    assert new.encode("soon").tolist() == [3]


def test_no_texts_make_a_vocabulary_of_the_unknown_word_alone():
    assert Vocabulary.build([]).words == (UNKNOWN,)
    assert Vocabulary.build([]).encode("hello").tolist() == [0]


def test_a_text_becomes_ids_and_words_again():
    vocabulary = Vocabulary.build(["Free iPhone! Click now"])
    ids = vocabulary.encode("click, click: a free iphone")
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(ids, [3, 3, 0, 1, 2])
    assert vocabulary.decode(ids) == "click click <unk> free iphone"


def test_an_empty_text_has_no_ids():
    vocabulary = Vocabulary.build(["hello"])
    ids = vocabulary.encode(" ... ")
    assert ids.shape == (0,)
    assert ids.dtype == np.int64
    assert vocabulary.decode(ids) == vocabulary.decode([]) == ""


@given(st.lists(st.text()))
def test_every_text_that_built_it_is_known(texts):
    vocabulary = Vocabulary.build(texts)
    for text in texts:
        ids = vocabulary.encode(text)
        assert 0 not in ids.tolist()
        assert vocabulary.decode(ids) == " ".join(tokenize(text))


@pytest.mark.parametrize("ids", [[0, 2], [-1], [2**40], np.array([2**64 - 1], dtype=np.uint64)])
def test_ids_without_a_word_are_refused(ids):
    with pytest.raises(BoundsError, match="is outside of 0 to 1"):
        Vocabulary(["hello"]).decode(ids)


@pytest.mark.parametrize("ids", [[0.0], [True], [[0, 1]], 0, ["hello"], [2**70]])
def test_what_are_no_ids_is_refused(ids):
    with pytest.raises(DTypeError, match=r"ids are integers of shape \(words,\)"):
        Vocabulary(["hello"]).decode(ids)


@pytest.mark.parametrize("word", ["Hello", "two words", "", "!", "'quoted'"])
def test_a_word_that_no_text_gives_is_refused(word):
    with pytest.raises(DataError, match="is not one word as tokenize gives it"):
        Vocabulary([word])


@given(st.lists(st.text()))
def test_json_brings_the_same_vocabulary_back(texts):
    vocabulary = Vocabulary.build(texts)
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert again.words == vocabulary.words


def test_vocabularies_of_other_words_differ():
    assert Vocabulary(["a", "b"]) != Vocabulary(["b", "a"])
    assert Vocabulary(["a"]) != ("<unk>", "a")


def test_the_words_of_a_large_text_survive_json():
    vocabulary = Vocabulary.build([shakespeare.load()])
    assert len(vocabulary) == 12_375
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def json_of(words, **more):
    return json.dumps({"format": "rushlight.words.1", "words": words} | more)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (json_of(["<unk>"]) + "x", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"words": ' + "1" * 5000 + "}", "not JSON"),
        ('{"format": "rushlight.words.1", "words": [], "words": []}', "a key is given twice"),
        ("null", "not an object of format and words"),
        ("[]", "not an object of format and words"),
        ("{}", "not an object of format and words"),
        (json_of(["<unk>"], more=1), "not an object of format and words"),
        (json_of(["<unk>"], format="rushlight.words.2"), "format 'rushlight.words.2' is not"),
        (json_of(["<unk>"], format=None), "format None is not"),
        (json_of(["<unk>"], format="x" * 100_000), "format 'xxx"),
        (json_of([]), "a list that starts with '<unk>'"),
        (json_of(["hello"]), "a list that starts with '<unk>'"),
        (json_of("<unk>"), "a list that starts with '<unk>'"),
        (json_of({"<unk>": 0}), "a list that starts with '<unk>'"),
        (json_of(None), "a list that starts with '<unk>'"),
        (json_of(["<unk>", 1]), "an entry is not text"),
        (json_of(["<unk>", None]), "an entry is not text"),
        (json_of(["<unk>", ["a"]]), "an entry is not text"),
        (json_of(["<unk>", "a", "a"]), "a word is listed twice"),
        (json_of(["<unk>", "<unk>"]), "a word is listed twice"),
        (json_of(["<unk>", "Upper"]), "'Upper' is not one word"),
        (json_of(["<unk>", "two words"]), "'two words' is not one word"),
        (json_of(["<unk>", ""]), "'' is not one word"),
        (json_of(["<unk>", "\ud800"]), "is not one word"),
    ],
)
def test_odd_json_is_refused(text, message):
    with pytest.raises(FormatError, match=message) as caught:
        Vocabulary.from_json(text)
    assert len(str(caught.value)) < 300
