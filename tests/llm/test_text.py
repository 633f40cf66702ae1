"""Writing texts: pieces as they are made, where they end, and what a model file gives back."""

import re

import pytest

import rushlight as rl
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data import BPETokenizer, CharTokenizer
from rushlight.llm import Sampler, TextGenerator, generate
from rushlight.models import GPT

TEXT = "the cat sat on the mat. "


@pytest.fixture(scope="module")
def writer():
    """A model that knows one sentence by heart."""
    rl.manual_seed(0)
    tokenizer = CharTokenizer.build([TEXT])
    gpt = GPT(len(tokenizer), layers=1, heads=2, width=32, block=48)
    ids = rl.tensor(tokenizer.encode(TEXT * 3)[None, :49])
    optimizer = rl.optim.AdamW(gpt.parameters(), lr=1e-2)

    @rl.compile
    def step():
        optimizer.backward_step(gpt.loss(gpt(ids[:, :-1]), ids[:, 1:]))

    for _ in range(150):
        step()
    return TextGenerator(gpt, tokenizer)


def likeliest():
    return Sampler(temperature=0)


def test_it_goes_on_with_a_text(writer):
    writing = writer.write("the cat", 13, likeliest())
    pieces = list(writing)
    assert pieces == list(" sat on the m")
    assert (writing.tokens, writing.reason) == (13, "length")


@pytest.mark.parametrize(
    ("stop", "text", "tokens"),
    [
        ("mat", " sat on the ", 15),
        ("on", " sat ", 7),
        ([". ", "on the moon"], " sat on the mat", 17),
        (["on the", "on"], " sat ", 7),  # the first that is whole
        ([" "], "", 1),
        (["nowhere"], " sat on the mat. the", 20),
    ],
)
def test_a_stop_ends_the_text_and_is_not_given(writer, stop, text, tokens):
    writing = writer.write("the cat", 20, likeliest(), stop)
    assert "".join(writing) == text
    assert writing.tokens == tokens
    assert writing.reason == ("length" if stop == ["nowhere"] else "stop")


def test_the_beginning_of_a_stop_waits_until_it_is_known_to_be_none(writer):
    pieces = list(writer.write("the cat", 12, likeliest(), "on them"))
    assert "".join(pieces) == " sat on the "
    assert pieces == [
        *" sat ",
        "on the ",
    ]


def test_what_waits_at_the_end_is_given(writer):
    writing = writer.write("the cat", 8, likeliest(), "on the")
    assert "".join(writing) == " sat on "
    assert writing.reason == "length"


def test_the_end_of_a_text_ends_it():
    rl.manual_seed(0)
    tokenizer = CharTokenizer("ab", specials=("begin", "end"))
    gpt = GPT(4, layers=1, heads=1, width=4, block=8)
    with rl.no_grad():
        for weight in gpt.parameters():
            weight.assign(weight * 0.0)
        gpt.norm.weight.assign(rl.ones(4))
        gpt.tokens.weight.assign(rl.tensor([[1.0, -1.0, 0.0, 0.0]] * 4))
        gpt.head.weight.assign(gpt.head.weight.replace((1, 0), 5.0))
    writing = TextGenerator(gpt, tokenizer).write("ab", 9, likeliest())
    assert "".join(writing) == ""
    assert (writing.tokens, writing.reason) == (1, "end")


def test_halves_of_characters_wait_for_the_rest():
    rl.manual_seed(1)
    tokenizer = BPETokenizer([])  # a token a byte
    writer = TextGenerator(GPT(len(tokenizer), 1, 1, 8, 16), tokenizer)
    writing = writer.write("£", 200, Sampler(temperature=2.0))
    pieces = list(writing)
    assert all(pieces)
    ids = [x for (x,) in generate(writer.decoder, tokenizer.encode("£")[None], 200, Sampler(2.0))]
    assert "".join(pieces) == tokenizer.decode(ids)
    assert writing.tokens == 200 > len(pieces)


def test_a_model_file_holds_all_that_it_takes(writer, tmp_path):
    task = {"kind": "text-generator", **writer.tokenizer.to_task()}
    rl.save(tmp_path / "cat.safetensors", writer.decoder.model, task=task)
    for cache in (True, False):
        loaded = TextGenerator.load(tmp_path / "cat.safetensors", cache)
        assert "".join(loaded.write("the cat", 13, likeliest())) == " sat on the m"


def test_a_file_of_something_else_is_refused(writer, tmp_path):
    path = tmp_path / "m.safetensors"
    tokens = writer.tokenizer.to_task()
    cases = [
        (rl.nn.ReLU(), None, "it has no task, not text-generator"),
        (rl.nn.ReLU(), {"kind": "regressor"}, "its task is 'regressor', not text-generator"),
        (rl.nn.ReLU(), {"kind": "text-generator"} | tokens, "a ReLU does not write texts"),
        (writer.decoder.model, {"kind": "text-generator"}, "its task has no list of words"),
        (
            writer.decoder.model,
            {"kind": "text-generator", **CharTokenizer("ab").to_task()},
            "the tokenizer has 2 tokens, the model 11",
        ),
    ]
    for model, task, fact in cases:
        rl.save(path, model, task=task)
        with pytest.raises(FormatError, match=re.escape(fact)) as caught:
            TextGenerator.load(path)
        assert str(path) in str(caught.value)


def test_wrong_prompts_and_stops_are_refused(writer):
    with pytest.raises(DataError, match="from one token or more"):
        writer.write("", 5)
    with pytest.raises(DataError, match="the character 'X' is not known"):
        writer.write("X", 5)
    for stop in ("", ["a", ""], [3], 3, None):
        with pytest.raises(UsageError, match="stop is a text, or a list of texts"):
            writer.write("the", 5, stop=stop)


def test_what_is_no_language_model_is_told_what_it_lacks():
    tokenizer = CharTokenizer("ab")
    with pytest.raises(UsageError, match="Linear is no language model: it has no vocabulary, no b"):
        TextGenerator(rl.nn.Linear(2, 2), tokenizer)
