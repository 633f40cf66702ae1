"""Generation: with a cache and without it, token for token, also beyond the block."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import DataError, UsageError
from rushlight.llm import Decoder, Sampler, generate
from rushlight.llm.decoder import window_start
from rushlight.models import GPT

BLOCK = 24


@pytest.fixture(scope="module")
def gpt():
    """A model of random but strong opinions."""
    rl.manual_seed(0)
    model = GPT(13, layers=2, heads=2, width=16, block=BLOCK)
    for weight in model.parameters():
        weight.assign(weight * 8.0)
    return model.eval()


@pytest.fixture(scope="module")
def decoders(gpt):
    return {
        (batch, cache): Decoder(gpt, batch, cache) for batch in (1, 3) for cache in (True, False)
    }


def written(decoder, prompt, tokens, **options):
    chosen = generate(decoder, prompt, tokens, Sampler(**options))
    return np.stack(list(chosen), 1)


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 17), (1, 70), (3, 2), (3, 24)])
def test_with_a_cache_it_writes_what_it_writes_without(decoders, batch, length):
    for seed in range(3):
        prompt = np.random.default_rng(seed).integers(0, 13, (batch, length))
        with_cache = written(decoders[batch, True], prompt, 60, seed=seed)
        without = written(decoders[batch, False], prompt, 60, seed=seed)
        assert with_cache.tolist() == without.tolist()
        assert len(set(with_cache[0].tolist())) > 3  # or the test would show little


def test_the_likeliest_tokens_are_those_of_the_model_itself(gpt, decoders):
    ids = [1, 2, 3]
    for _ in range(BLOCK - 3):
        with rl.no_grad():
            ids.append(int(gpt([ids]).numpy()[0, -1].argmax()))
    found = written(decoders[1, True], [[1, 2, 3]], BLOCK - 3, temperature=0)
    assert found[0].tolist() == ids[3:]


def test_texts_side_by_side_are_each_as_alone(decoders):
    prompt = np.random.default_rng(5).integers(0, 13, (3, 6))
    together = written(decoders[3, True], prompt, 40, temperature=0)
    for row in range(3):
        alone = written(decoders[1, True], prompt[row : row + 1], 40, temperature=0)
        assert together[row].tolist() == alone[0].tolist()


def test_a_decoder_reads_another_text_anew(gpt, decoders):
    decoder = decoders[1, True]
    for ids in ([[1, 2, 3]], [[1, 2, 3, 4]], [[1, 9]], [[1, 9]], [[5]], [[5, 1] * 12]):
        found = decoder.scores(ids).copy()
        np.testing.assert_allclose(found[0], gpt(ids)[0, -1].detach().numpy(), rtol=1e-3, atol=1e-3)


def test_the_window_begins_anew_with_its_last_half():
    for block in (1, 2, 3, 8, 9, 64):
        starts = [window_start(count, block) for count in range(1, 5 * block + 2)]
        lengths = [count - start for count, start in enumerate(starts, 1)]
        assert lengths[:block] == list(range(1, block + 1))
        assert max(lengths) == block
        assert min(lengths[block:]) == max(1, block // 2)
        assert sorted(starts) == starts


@pytest.mark.filterwarnings("ignore::rushlight.CompileWarning")  # which comes once a process
def test_no_compiler_is_needed(gpt, monkeypatch, decoders):
    monkeypatch.setenv("RUSHLIGHT_CC", "no-such-compiler")
    wanted = written(decoders[1, True], [[1, 2]], 12, seed=1)
    found = written(Decoder(gpt), [[1, 2]], 12, seed=1)
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("ids", "fact"),
    [
        ([[1], [2]], r"the texts are integers \(1, 1 or more\), not int64 \(2, 1\)"),
        (np.zeros((1, 0), int), r"not int64 \(1, 0\)"),
        ([1, 2], r"not int64 \(2,\)"),
        ([[1.0]], "not float64"),
    ],
    ids=str,
)
def test_texts_of_other_shapes_are_refused(decoders, ids, fact):
    with pytest.raises(DataError, match=fact):
        decoders[1, True].scores(ids)
    with pytest.raises(DataError, match=fact):
        generate(decoders[1, True], ids, 3)


def test_a_number_of_tokens_that_no_memory_holds_is_written_as_far_as_it_is_asked(decoders):
    decoder = decoders[1, True]
    first = [next(tokens) for tokens in [generate(decoder, [[1]], 10**30)] for _ in range(40)]
    np.testing.assert_array_equal(first, list(generate(decoder, [[1]], 40)))


def test_a_negative_number_of_tokens_is_refused(decoders):
    assert list(generate(decoders[1, True], [[1]], 0)) == []
    with pytest.raises(UsageError, match="tokens is an int of at least 0, not -1"):
        generate(decoders[1, True], [[1]], -1)


def test_tokens_that_the_model_does_not_know_are_refused_and_forgotten(decoders):
    decoder = decoders[1, True]
    wanted = decoder.scores([[1, 2]]).copy()
    with pytest.raises(rl.BoundsError, match="13"):
        decoder.scores([[1, 2, 13]])
    np.testing.assert_array_equal(decoder.scores([[1, 2]]), wanted)
