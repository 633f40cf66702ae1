import itertools
import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.core.errors import DataError, DTypeError, FormatError, UsageError
from rushlight.data import BPETokenizer, shakespeare, tokenizer_of
from rushlight.data.merges import learn

TEXTS = ["low lower lowest", "slow slower, slowest!", "naïve café 😀 हिन्दी 2024", "aaaa aaaaaaa"]
TRAINED = BPETokenizer.build(TEXTS * 2, 300)
ANY = st.text(st.characters())  # halves of surrogate pairs among them
ALIKE = st.text(st.sampled_from("aablow 😀\n'1"), max_size=60)


def one_by_one(data, pairs):
    """The tokens of bytes as the definition has it: again and again, the earliest merge first."""
    tokens, ranks = list(data), {tuple(pair): rank for rank, pair in enumerate(pairs)}
    while True:
        found = [ranks.get(pair, len(pairs)) for pair in itertools.pairwise(tokens)]
        rank = min(found, default=len(pairs))
        if rank == len(pairs):
            return tokens
        place = found.index(rank)
        tokens[place : place + 2] = [256 + rank]


def learnt_slowly(words, most):
    """The pairs to merge as the definition has it: counted anew for each."""
    pairs, parts = [], {word: list(word) for word in words}
    for _ in range(most):
        counts = {}
        for word, count in words.items():
            for pair in itertools.pairwise(parts[word]):
                counts[pair] = counts.get(pair, 0) + count
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        pairs.append(best)
        parts = {word: one_by_one(word, pairs) for word in words}
    return pairs


def test_frequent_words_become_one_token():
    tokenizer = BPETokenizer.build(["see the sea, the sea"], 262)
    tokens = tokenizer.encode("the sea")
    assert [tokenizer.decode([token]) for token in tokens] == ["t", "he", " sea"]


@given(st.one_of(ANY, ALIKE))
def test_every_text_comes_back(text):
    assert TRAINED.decode(TRAINED.encode(text)) == text
    assert BPETokenizer([]).decode(BPETokenizer([]).encode(text)) == text


@given(st.binary(max_size=40))
def test_every_string_of_bytes_has_tokens(data):
    tokens = [TRAINED.bytes_of(token) for token in list(data)]
    assert b"".join(tokens) == data


@given(st.text(st.sampled_from("abelowstéé"), max_size=30))
def test_merges_are_done_in_their_order(word):
    assert TRAINED.encode(word).tolist() == one_by_one(word.encode(), TRAINED.merges)


@given(st.lists(st.sampled_from(["low", "lowest", "aaaaa", "café"])))
def test_words_are_encoded_each_by_itself(words):
    each = [TRAINED.encode(" " + word) for word in words]
    text = "".join(" " + word for word in words)
    assert TRAINED.encode(text).tolist() == [token for tokens in each for token in tokens]


@given(
    st.dictionaries(
        st.binary(max_size=12).map(lambda b: bytes(x % 3 for x in b)), st.integers(1, 5), max_size=6
    ),
    st.integers(0, 20),
)
def test_the_pairs_learnt_are_those_that_come_most_often(words, most):
    assert learn(words, most) == learnt_slowly(words, most)


def test_equally_frequent_pairs_are_merged_in_the_order_of_their_tokens():
    assert learn({b"cd": 2, b"ab": 2, b"xa": 3, b"ac": 2}, 9) == [
        (120, 97),
        (97, 98),
        (97, 99),
        (99, 100),
    ]


def test_a_pair_that_comes_once_is_not_merged():
    assert learn({b"abc": 1, b"xyx": 1}, 9) == []
    assert len(BPETokenizer.build(["to be"], 300)) == 256


def test_the_same_texts_give_the_same_tokenizer():
    text = shakespeare.load()[:50_000]
    first = BPETokenizer.build([text], 600)
    assert first == BPETokenizer.build([text], 600)
    assert first.merges[:3] == BPETokenizer.build([text], 259).merges


def test_a_play_becomes_a_third_of_its_length_and_comes_back():
    text = shakespeare.load()
    tokenizer = BPETokenizer.build([text], 1256)
    ids = tokenizer.encode(text)
    assert len(tokenizer) == 1256
    assert len(ids) < 0.4 * len(text)
    assert tokenizer.decode(ids) == text
    np.testing.assert_array_equal(tokenizer.encode(text), ids)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        " " * 300_000,
        "ab" * 150_000,
        "".join(random.Random(0).choices("abc", k=10**5)),
    ],
    ids=["a letter", "spaces", "two letters", "random"],
)
def test_a_long_run_without_a_break_is_encoded_too(text):
    tokenizer = BPETokenizer.build([text], 400)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert max(len(tokenizer.bytes_of(token)) for token in range(len(tokenizer))) <= 256


def test_what_is_remembered_of_pieces_changes_nothing(monkeypatch):
    text = shakespeare.load()[:20_000]
    wanted = BPETokenizer(TRAINED.merges).encode(text)
    monkeypatch.setattr("rushlight.data.bpe._MOST_KNOWN", 100)
    tokenizer = BPETokenizer(TRAINED.merges)
    parts = [tokenizer.encode(text[start : start + 100]) for start in range(0, 20_000, 100)]
    assert tokenizer.decode(np.concatenate(parts)) == text
    np.testing.assert_array_equal(tokenizer.encode(text), wanted)


def test_special_tokens_come_before_the_bytes_and_from_no_text():
    tokenizer = BPETokenizer([(97, 98)], specials=("begin", "end"))
    assert (tokenizer.begin, tokenizer.end, len(tokenizer)) == (0, 1, 259)
    assert tokenizer.encode("abc").tolist() == [258, 101]
    assert tokenizer.decode([0, 258, 101, 1]) == "abc"
    assert min(tokenizer.encode("<begin>\0\1")) > 1
    with pytest.raises(UsageError, match="no text is unknown to a tokenizer of bytes"):
        BPETokenizer([], specials=("unknown",))


@given(st.lists(st.integers(0, len(TRAINED) - 1)))
def test_a_decoder_gives_in_pieces_what_decode_gives_at_once(ids):
    decoder = TRAINED.decoder()
    given_texts = [decoder.push(token) for token in ids]
    assert "".join(given_texts) + decoder.finish() == TRAINED.decode(ids)


@given(ANY)
def test_a_decoder_never_gives_half_a_character(text):
    decoder = BPETokenizer([]).decoder()
    given_texts = [decoder.push(token) for token in text.encode("utf-8", "surrogatepass")]
    assert [given for given in given_texts if given] == list(text)
    assert decoder.finish() == ""


def test_what_never_becomes_a_character_is_told_at_the_end():
    decoder = BPETokenizer([]).decoder()
    assert [decoder.push(byte) for byte in b"a\xf0\x9f\x98"] == ["a", "", "", ""]
    assert decoder.finish() == "\ufffd"
    assert decoder.finish() == ""


def plain(**changes):
    return {"kind": "byte-pairs", "merges": [[97, 98]], "specials": []} | changes


@given(st.lists(st.text(max_size=30)), st.sampled_from([(), ("end", "padding")]))
def test_plain_values_bring_the_same_tokenizer_back(texts, specials):
    tokenizer = BPETokenizer.build(texts, 300, specials)
    again = tokenizer_of(json.loads(json.dumps(tokenizer.to_task())))
    assert again == tokenizer
    assert hash(again) == hash(tokenizer)


def test_a_model_file_carries_it(tmp_path):
    task = {"kind": "language-model", **TRAINED.to_task()}
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(1, 1), task=task)
    assert tokenizer_of(rl.load(tmp_path / "m.safetensors").task) == TRAINED


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (None, "a tokenizer of byte-pairs is an object of merges and specials"),
        ({}, "a tokenizer of byte-pairs is an object"),
        (plain(more=1), "a tokenizer of byte-pairs is an object"),
        (plain(merges="ab"), "its merges are no list"),
        (plain(merges=[97]), "merge 0 is no pair of tokens: 97"),
        (plain(merges=[[97]]), r"merge 0 is no pair of tokens: \[97\]"),
        (plain(merges=[[97.0, 98]]), "merge 0 is no pair of tokens"),
        (plain(merges=[[True, 98]]), "merge 0 is no pair of tokens"),
        (plain(merges=["ab"]), "merge 0 is no pair of tokens"),
        (plain(merges=[[97, 256]]), "merge 0 is of a token that is not there yet"),
        (plain(merges=[[-1, 97]]), "merge 0 is of a token that is not there yet"),
        (plain(merges=[[97, 98], [97, 98]]), "merge 1 is of a pair that was merged before"),
        (plain(merges=[[97, 2**63]]), "merge 0 is of a token that is not there yet"),
        (
            plain(merges=[[97, 97], *[[256 + i, 256 + i] for i in range(60)]]),
            "merge 8 makes a token of more than 256 bytes",
        ),
        (plain(specials=["unknown"]), "no text is unknown"),
        (plain(specials={}), "its special tokens are no list of names"),
    ],
)
def test_hostile_values_are_refused(tokenizer, message):
    with pytest.raises(FormatError, match=message) as caught:
        BPETokenizer.from_task({"tokenizer": tokenizer})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({}, "its task has no list of words"),
        ({"tokenizer": {"kind": "sentencepiece"}}, "its tokenizer is 'sentencepiece', not one of"),
        ({"tokenizer": {"kind": []}}, r"its tokenizer is \[\], not one of"),
        ({"tokenizer": 1}, "its task has no list of words"),
    ],
)
def test_a_task_without_a_known_tokenizer_is_refused(task, message):
    with pytest.raises(FormatError, match=message):
        tokenizer_of(task)


@pytest.mark.parametrize("size", [255, 2**21, 300.0, True, None])
def test_a_size_without_room_is_refused(size):
    with pytest.raises(UsageError, match="size is an int from 256 to"):
        BPETokenizer.build(["a"], size)


def test_what_is_no_text_is_refused():
    with pytest.raises(UsageError, match="a list of texts, not one text"):
        BPETokenizer.build("ab", 300)
    with pytest.raises(DTypeError, match="a text is encoded, not bytes"):
        TRAINED.encode(b"ab")
    with pytest.raises(DataError, match="merge 0 is no pair"):
        BPETokenizer(["ab"])
