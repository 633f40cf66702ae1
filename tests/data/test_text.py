import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import BoundsError, DataError, DTypeError, FormatError, UsageError
from rushlight.data import shakespeare
from rushlight.data.text import UNKNOWN, Vocabulary
from rushlight.data.tokenizer import Tokenizer, tokenize

PAIRS = Tokenizer(punctuation=True, ngrams=(1, 2))
RUNS = Tokenizer(characters=(3, 4))


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


def test_words_that_are_rare_are_left_out():
    texts = ["free prize now", "free prize", "free call"]
    assert Vocabulary.build(texts, min_count=2).words == (UNKNOWN, "free", "prize")
    assert Vocabulary.build(texts, min_count=4).words == (UNKNOWN,)


@pytest.mark.parametrize(
    ("max_size", "words"),
    [
        (1, []),
        (2, ["b"]),
        (3, ["a", "b"]),
        (4, ["a", "b", "c"]),
        (5, ["a", "d", "b", "c"]),
        (99, ["a", "d", "b", "c", "e"]),
    ],
)
def test_the_most_frequent_words_are_kept_in_the_order_in_which_they_came(max_size, words):
    texts = ["a d b", "b a c", "b c e"]
    assert Vocabulary.build(texts, max_size=max_size).words == (UNKNOWN, *words)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_count": 0}, "min_count is an int of 1 or more, not 0"),
        ({"max_size": 2.5}, "max_size is an int of 1 or more, not 2.5"),
        ({"tokenizer": str.split}, "tokenizer is a Tokenizer, not method_descriptor"),
        ({"texts": "one text"}, "texts is a list of texts, not one text"),
    ],
)
def test_wrong_arguments_of_build_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        Vocabulary.build(**{"texts": ["a"]} | arguments)


def test_runs_of_words_have_ids_of_their_own():
    vocabulary = Vocabulary.build(["Win money!"], tokenizer=PAIRS)
    assert vocabulary.words == (UNKNOWN, "win", "money", "!", "win money", "money !")
    assert vocabulary.encode("Win money").tolist() == [1, 2, 4]


def test_unknown_words_are_0_and_unknown_runs_are_left_out():
    tokenizer = Tokenizer(ngrams=(1, 2), characters=(3, 3))
    vocabulary = Vocabulary.build(["win now"], tokenizer=tokenizer)
    ids = vocabulary.encode("win big now")
    assert ids.tolist().count(0) == 1
    assert vocabulary.decode(ids) == "win <unk> now #<wi #win #in> #<no #now #ow>"


@pytest.mark.parametrize(
    "tokenizer", [Tokenizer(ngrams=(2, 2)), Tokenizer(words=False, characters=(3, 4))]
)
def test_a_text_of_which_nothing_is_known_is_one_unknown_word(tokenizer):
    vocabulary = Vocabulary.build(["win money now"], tokenizer=tokenizer)
    assert vocabulary.encode("happy zebras").tolist() == [0]
    assert vocabulary.encode(" ").tolist() == []


@given(st.lists(st.text(max_size=30)))
def test_every_token_that_built_it_is_known_and_survives_json(texts):
    tokenizer = Tokenizer(punctuation=True, ngrams=(1, 3), characters=(2, 3), fold_case=False)
    vocabulary = Vocabulary.build(texts, tokenizer=tokenizer)
    for text in texts:
        assert len(vocabulary.encode(text)) == len(tokenizer(text))
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    assert again.tokenizer == tokenizer


def test_vocabularies_of_other_tokenizers_differ():
    assert Vocabulary(["a"]) != Vocabulary(["a"], Tokenizer(punctuation=True))


def test_the_task_of_an_older_file_has_words_alone():
    vocabulary = Vocabulary(["win", "money"])
    assert vocabulary.to_task() == {"vocabulary": [UNKNOWN, "win", "money"]}
    assert Vocabulary.from_task(vocabulary.to_task()) == vocabulary


def test_a_task_carries_the_tokenizer_as_plain_values():
    vocabulary = Vocabulary.build(["Win money!"], tokenizer=PAIRS)
    task = json.loads(json.dumps(vocabulary.to_task()))
    assert Vocabulary.from_task(task) == vocabulary


def test_special_tokens_come_after_the_unknown_one():
    vocabulary = Vocabulary.build(["see you, see"], specials=("padding", "end"))
    assert vocabulary.words == (UNKNOWN, "<padding>", "<end>", "see", "you")
    assert (vocabulary.unknown, vocabulary.padding, vocabulary.end) == (0, 1, 2)
    assert vocabulary.encode("see <end> <padding>").tolist() == [3, 0, 0]
    assert vocabulary.decode([3, 0, 4, 2, 1, 1]) == "see <unk> you"
    assert len(Vocabulary.build(["a b a"], max_size=3, specials=("end",))) == 3


def test_special_tokens_are_saved_with_the_words():
    vocabulary = Vocabulary(["see"], PAIRS, specials=("begin", "padding"))
    assert Vocabulary.from_task(json.loads(json.dumps(vocabulary.to_task()))) == vocabulary
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert vocabulary != Vocabulary(["see"], PAIRS)
    with pytest.raises(FormatError, match="its special tokens are no list of names"):
        Vocabulary.from_task({"vocabulary": ["<unk>"], "specials": "begin"})


@pytest.mark.parametrize(
    ("words", "tokenizer", "message"),
    [
        (["<unk>", "win", "win"], PAIRS, "a word is listed twice"),
        (["<unk>", "#\ud800ab"], RUNS, "is not one word as the tokenizer gives it"),
    ],
)
def test_a_task_of_words_that_make_no_vocabulary_is_refused(words, tokenizer, message):
    with pytest.raises(FormatError, match=message):
        Vocabulary.from_task({"vocabulary": words, "tokenizer": tokenizer.to_plain()})


def test_a_decoder_joins_words_by_spaces():
    vocabulary = Vocabulary(["see", "you"], specials=("begin",))
    decoder = vocabulary.decoder()
    assert [decoder.push(token) for token in (1, 2, 0, 3)] == ["", "see", " <unk>", " you"]


@pytest.mark.parametrize("ids", [[0, 2], [-1], [2**40], np.array([2**64 - 1], dtype=np.uint64)])
def test_ids_without_a_word_are_refused(ids):
    with pytest.raises(BoundsError, match="is outside of 0 to 1"):
        Vocabulary(["hello"]).decode(ids)


@pytest.mark.parametrize("ids", [[0.0], [True], [[0, 1]], 0, ["hello"], [2**70]])
def test_what_are_no_ids_is_refused(ids):
    with pytest.raises(DTypeError, match=r"ids are integers of shape \(tokens,\)"):
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


def json_2(words, tokenizer):
    return json_of(words, format="rushlight.words.2", tokenizer=tokenizer)


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
        (json_of(["<unk>"], format="rushlight.words.3"), "format 'rushlight.words.3' is not"),
        (json_of(["<unk>"], format="rushlight.words.2"), "an object of format, words, tokenizer"),
        (json_of(["<unk>"], tokenizer={}), "not an object of format and words"),
        (json_2(["<unk>"], None), "a tokenizer is an object of words, punctuation"),
        (json_2(["<unk>"], PAIRS.to_plain() | {"more": 1}), "a tokenizer is an object of words"),
        (json_2(["<unk>"], PAIRS.to_plain() | {"ngrams": [1, 99]}), "two lengths from 1 to 16"),
        (json_2(["<unk>"], PAIRS.to_plain() | {"words": 1}), "words is True or False, not 1"),
        (json_2(["<unk>", "#a"], PAIRS.to_plain()), "'#a' is not one word as the tokenizer"),
        (json_2(["<unk>", "#a b"], RUNS.to_plain()), "'#a b' is not one word as the tokenizer"),
        (json_2(["<unk>", "a b c"], PAIRS.to_plain()), "'a b c' is not one word as the tokenizer"),
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
