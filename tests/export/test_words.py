"""Texts are cut into words in C as `tokenize` does it, whatever script they are in."""

import json
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight.data.tokenizer import tokenize
from rushlight.export.words import APOSTROPHE, LETTER, NOTHING, SPACE, kind_of
from rushlight.export.write import export_model
from rushlight.predictor import Predictor
from tests.export.conftest import own, program

WORDS = (  # in many scripts
    "win don't straße ΣΊΣΥΦΟΣ ΌΣΟΣ σ ά é ÉCOLE ñandú Ångström İstanbul кот й हिन्दी நாடு 漢字 かが "
    "한국 각 ḍ̇ q̣̇ ﬁn ⅷ ² ①x ᾳ ῼ ǆ Ǆ k 2 x'y ệ שלום مرحبا"
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Return a function that gives what the program and what Python answer to lines of text."""
    folder = tmp_path_factory.mktemp("words")
    words = ["<unk>", *dict.fromkeys(tokenize(WORDS))]
    random = np.random.default_rng(0)
    net = rl.nn.Sequential(rl.nn.EmbeddingBag(len(words), 2), rl.nn.Linear(2, 2))
    net[0].weight.assign(rl.tensor(random.standard_normal((len(words), 2)).astype(np.float32)))
    task = {"kind": "text-classifier", "labels": ["A", "B"], "vocabulary": words}
    path = folder / "script.safetensors"
    rl.save(path, net, task=task)
    export_model(path, "c", folder / "c")
    made = program(folder / "c", "script", own()[0], ["-std=gnu11", "-O1"])
    predictor = Predictor(path)

    def ask(text):
        data = text.encode("utf-8", "surrogateescape") + b"\n"
        done = subprocess.run([made, "--json"], input=data, capture_output=True, timeout=60)
        refused = bool(text.strip()) and not done.stdout
        assert done.returncode == (2 if refused else 0), done.stderr
        return json.loads(done.stdout) if done.stdout else None, _python(predictor, text)

    return ask


def _python(predictor, text):
    try:
        return predictor.text(text)
    except rl.DataError:
        return None


def check(asked, text):
    got, wanted = asked(text)
    assert (got is None) == (wanted is None), text
    if wanted is not None:
        assert got["notes"] == list(wanted.notes), text
        shares = [got["probabilities"][name] for name in "AB"]
        expected = [wanted.probabilities[name] for name in "AB"]
        np.testing.assert_allclose(shares, expected, rtol=1e-4, atol=1e-6, err_msg=text)


def test_every_word_of_the_vocabulary_is_known_however_it_is_written(asked):
    for word in tokenize(WORDS):
        for written in (word, word.upper(), word.title(), unicodedata.normalize("NFD", word)):
            check(asked, written)
            check(asked, f"'{written}', {written}!")


@pytest.mark.parametrize(
    "text",
    [
        "ΑΣ ΑΣ. Α.Σ Σ ΑΣΑ ΑΣ\u0301 Α\u00adΣ ΑΣ'Α ΌΣΟΣ'",
        "don''t don'''t ''don't'' don\u2019t d\u00adon't 'x''y'",
        "e\u0301cole \u0301ecole \u0301 ' \u0301'a a\u0301\u0323 q\u0307\u0323 q\u0323\u0307",
        "\u212a \u212bngstro\u0308m I\u0307stanbul \u0130STANBUL",
        "win\udcffwin \udce2\udc82 \udcf0\udc9f\udc98 win",
        "win\0win\tmoney\x0bwin\u2028win",
        "\ud55c\uad6d \u1112\u1161\u11ab\u1100\u116e\u11a8",
        "\U0001f600 \ufe0fwin\u200d",
    ],
)
def test_hard_texts_are_cut_alike(asked, text):
    check(asked, text)


LETTERS = st.sampled_from(sorted(set(WORDS + WORDS.upper() + "'\u2019\u00ad\u0301\u0323\u0307 .")))
TEXTS = st.one_of(
    st.text(LETTERS, max_size=30), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS.map(lambda text: text.replace("\n", " ")))
def test_any_text_is_cut_alike(asked, text):
    check(asked, text.strip())


def test_the_kinds_of_characters_are_those_of_tokenize():
    codes = [c for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    for code in (*codes[:0x3000], *codes[0x3000::97]):
        char = chr(code)
        kind = kind_of(char)
        parts = tokenize(f"a{char}b")
        if kind == SPACE:
            assert parts == ["a", "b"], hex(code)
        elif kind == NOTHING:
            assert parts == ["ab"], hex(code)
        elif kind == APOSTROPHE:
            assert parts == ["a'b"], hex(code)
        else:
            assert len(parts) == 1, hex(code)
            assert (tokenize(char) != []) == (kind == LETTER), hex(code)
