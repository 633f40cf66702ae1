import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import DTypeError, UsageError
from rushlight.data.text import Vocabulary
from rushlight.data.tokenizer import Tokenizer, tokenize


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


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Free!!!", ["free", "!", "!", "!"]),
        ("Don't", ["don't"]),
        ("'quoted'", ["'", "quoted", "'"]),
        ("a''b", ["a", "'", "'", "b"]),
        ("£1.50 @home #win", ["£", "1", ".", "50", "@", "home", "#", "win"]),
        ("snake_case", ["snake", "_", "case"]),
        ("\U0001f600 ok \u2764\ufe0f", ["\U0001f600", "ok", "\u2764"]),
        ("\u2adc", ["\u2add"]),
        ("<\u0338", ["<"]),
        ("tab\tline\nend", ["tab", "line", "end"]),
    ],
)
def test_punctuation_can_be_kept_as_pieces_of_its_own(text, pieces):
    assert Tokenizer(punctuation=True)(text) == pieces


@given(st.text(st.characters(exclude_categories=["Mn", "Mc"])))
def test_with_punctuation_the_words_are_the_same(text):
    pieces = Tokenizer(punctuation=True)(text)
    assert [piece for piece in pieces if any(map(str.isalnum, piece))] == tokenize(text)


@given(st.text(), st.booleans())
def test_every_token_is_one_that_the_tokenizer_gives(text, fold_case):
    tokenizer = Tokenizer(punctuation=True, ngrams=(1, 3), characters=(2, 4), fold_case=fold_case)
    for token in tokenizer(text):
        assert tokenizer.gives(token)
        assert tokenizer.is_single(token) + tokenizer.is_characters(token) + (" " in token) == 1


def test_case_can_be_kept():
    assert Tokenizer(fold_case=False)("Win MONEY") == ["Win", "MONEY"]


@pytest.mark.parametrize(
    ("ngrams", "tokens"),
    [
        ((1, 1), ["a", "b", "c"]),
        ((1, 2), ["a", "b", "c", "a b", "b c"]),
        ((2, 3), ["a b", "b c", "a b c"]),
        ((4, 5), []),
    ],
)
def test_runs_of_words_go_from_short_to_long(ngrams, tokens):
    assert Tokenizer(ngrams=ngrams)("A b, c.") == tokens


def test_runs_of_characters_stay_inside_of_words_and_see_their_borders():
    tokens = Tokenizer(words=False, characters=(3, 3))("to be")
    assert tokens == ["#<to", "#to>", "#<be", "#be>"]


def test_a_run_of_characters_is_never_taken_for_words():
    tokenizer = Tokenizer(punctuation=True, ngrams=(1, 2), characters=(1, 3))
    tokens = tokenizer("# a#b")
    assert tokens[:7] == ["#", "a", "#", "b", "# a", "a #", "# b"]
    assert all(tokenizer.is_characters(token) for token in tokens[7:])


@pytest.mark.parametrize("lengths", [(0, 1), (2, 1), (1, 17), (1,), 3, "12", (1.0, 2), None])
def test_lengths_that_make_no_sense_are_refused(lengths):
    with pytest.raises(UsageError, match="ngrams are two lengths from 1 to 16, the shorter first"):
        Tokenizer(ngrams=lengths)


def test_digits_that_are_folded_leave_the_length_of_a_number():
    tokenizer = Tokenizer(fold_digits=True, characters=(4, 4))
    assert tokenizer.pieces("Call 0871-123 by 4PM") == ["call", "0000", "000", "by", "0pm"]
    assert tokenizer("1999") == tokenizer("2024") == ["0000", "#<000", "#0000", "#000>"]
    assert tokenizer.pieces("\u0661\u0662") == ["00"]  # digits of other scripts
    assert tokenizer.gives("00")
    assert not tokenizer.gives("12")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": False}, "no tokens are left"),
        ({"words": False, "characters": (1, 2), "ngrams": (1, 2)}, "there are no words"),
        ({"punctuation": 1}, "punctuation is True or False, not 1"),
        ({"characters": (3, 99)}, "characters are two lengths"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        Tokenizer(**arguments)


def test_a_heap_of_accents_takes_no_longer_than_other_text():
    """NFC puts them in order in a time that grows with the square of their number."""
    heap = "a" + "\u0300\u0316" * 500_000
    assert Tokenizer().pieces(f"cafe\u0301 {heap}") == ["caf\u00e9", heap]
    assert Vocabulary.build([heap]).words[1:] == (heap,)


@pytest.mark.parametrize("given", [None, 5, b"bytes", ["a", "list"]])
def test_what_is_no_text_is_refused(given):
    with pytest.raises(DTypeError, match=f"cut into words, not {type(given).__name__}"):
        Tokenizer()(given)
    with pytest.raises(DTypeError, match="words are texts"):
        Vocabulary([given])
