"""A recurrent language model: what it remembers from call to call, written on with and without."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import CharTokenizer
from rushlight.llm import Decoder, Sampler, TextGenerator
from rushlight.models import RecurrentLM
from rushlight.testing.compare import assert_close, assert_identical

KINDS = ["rnn", "lstm", "gru"]
IDS = np.array([[1, 4, 2, 0, 3, 3], [2, 2, 1, 4, 0, 1]])


def build(kind, **options):
    rl.manual_seed(0)
    return RecurrentLM(5, width=3, hidden=6, kind=kind, **options).eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_text_in_parts_has_the_scores_of_the_whole(kind, layers):
    model = build(kind, layers=layers)
    cache = model.cache(batch=2)
    parts = [model(IDS[:, :1], cache), model(IDS[:, 1:4], cache), model(IDS[:, 4:], cache)]
    assert_close(rl.concat(parts, 1), model(IDS).numpy())
    cache.clear()
    assert_identical(model(IDS[:, :1], cache), parts[0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_padding_is_not_remembered(kind):
    model = build(kind)
    cache, plain = model.cache(batch=2), model.cache(batch=2)
    cache.fresh = rl.tensor(2)
    model(IDS[:, :5], cache)
    model(IDS[:, :2], plain)
    cache.fresh = None
    assert_identical(model(IDS[:, 5:], cache), model(IDS[:, 5:], plain).numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_the_same_text_with_its_state_as_reading_all_anew(kind):
    model, letters = build(kind), CharTokenizer("abcde")
    model.block = 16
    texts = [
        "".join(TextGenerator(model, letters, cache).write("abcdeabcdeab", 24, Sampler(seed=3)))
        for cache in (True, False)
    ]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 1


def test_a_decoder_gives_the_scores_that_the_model_gives():
    model = build("lstm", layers=2)
    decoder = Decoder(model, batch=2)
    for end in (1, 2, 3, 6):
        wanted = model(IDS[:, :end])[:, -1].numpy()
        assert_close(np.array(decoder.scores(IDS[:, :end])), wanted)


def test_a_saved_model_comes_back_and_writes_on(tmp_path):
    model, letters = build("gru", dropout=0.2), CharTokenizer("abcde")
    path = tmp_path / "model.safetensors"
    rl.save(path, model, task={"kind": "text-generator", **letters.to_task()})
    wanted = "".join(TextGenerator(model, letters).write("a", 10))
    assert "".join(TextGenerator.load(path).write("a", 10)) == wanted


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(rl.ModuleError, match="did you mean lstm"):
        RecurrentLM(5, kind="lstn")
    with pytest.raises(rl.ModuleError, match="there is no kind"):
        RecurrentLM(5, kind=["lstm"])
    with pytest.raises(rl.ModuleError, match="layers must be an int"):
        RecurrentLM(5, layers="2")
    with pytest.raises(rl.UsageError, match="the cache is a CarriedState, not int"):
        RecurrentLM(5)(rl.tensor([[1]]), 3)
