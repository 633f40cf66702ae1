"""Attention layers: what padding, masks, heads and a cache change, and what they do not."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.core.errors import BoundsError, DTypeError, ModuleError, UsageError
from rushlight.testing.compare import assert_close, assert_identical

POSITIONS = {
    "none": lambda: None,
    "rotary": lambda: nn.RotaryPositions(4),
    "alibi": lambda: nn.ALiBi(4),
}


def layer(**options):
    rl.manual_seed(3)
    return nn.MultiHeadAttention(16, 4, **options).eval()


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("causal", [False, True])
def test_padding_changes_nothing_for_real_places(causal, positions):
    attend = layer(causal=causal, positions=POSITIONS[positions]())
    x, lengths = rl.randn(3, 7, 16), [7, 4, 1]
    together = attend(x, lengths=rl.tensor(lengths))
    noisy = attend(x + rl.randn(3, 7, 16) * (np.arange(7) >= 4)[:, None], lengths=lengths)
    for row, length in enumerate(lengths):
        alone = attend(x[row : row + 1, :length])
        assert_close(together[row, :length], alone[0].detach().numpy(), rtol=1e-5, atol=1e-6)
    assert_close(noisy[1, :4], together[1, :4].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_place_sees_what_the_mask_says_alone():
    attend, x = layer(), rl.randn(2, 5, 16)
    seen = np.eye(5, dtype=bool)
    alone = [attend(x[:, i : i + 1]) for i in range(5)]
    wanted = np.concatenate([one.detach().numpy() for one in alone], 1)
    assert_close(attend(x, mask=seen), wanted, rtol=1e-5, atol=1e-6)
    assert_identical(
        attend.weights(x, mask=seen), np.broadcast_to(np.eye(5, dtype=np.float32), (2, 4, 5, 5))
    )


def test_causal_attention_does_not_see_what_comes_later():
    attend, x = layer(causal=True, positions=nn.RotaryPositions(4)), rl.randn(1, 6, 16)
    changed = x.detach().replace((slice(None), slice(4, None)), 9.0)
    assert_identical(attend(changed)[:, :4], attend(x)[:, :4].detach().numpy())
    above = np.triu(np.ones((6, 6), bool), 1)
    assert not attend.weights(x).detach().numpy()[..., above].any()


def test_shared_key_heads_are_those_heads_repeated():
    grouped, full = layer(key_heads=2), layer()
    size = 4
    weight, bias = grouped.qkv.weight.numpy(), grouped.qkv.bias.numpy()
    rows = [np.arange(16)]
    for first in (16, 24):  # keys, then values
        rows += [np.arange(first + head * size, first + (head + 1) * size) for head in (0, 0, 1, 1)]
    chosen = np.concatenate(rows)
    full.qkv.load_state_dict({"weight": weight[chosen], "bias": bias[chosen]})
    full.out.load_state_dict(grouped.out.state_dict())
    x = rl.randn(2, 5, 16)
    assert_close(grouped(x), full(x).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("key_heads", [4, 1])
def test_with_a_cache_it_gives_what_it_gives_without(key_heads, positions):
    attend = layer(causal=True, key_heads=key_heads, positions=POSITIONS[positions]())
    x = rl.randn(3, 9, 16)
    whole = attend(x).detach().numpy()
    cache = nn.KVCache(1, batch=3, heads=key_heads, length=9, size=4)
    given = []
    with rl.no_grad():
        for part in (x[:, :4], x[:, 4:5], x[:, 5:]):
            given.append(attend(part, cache=cache.layers[0]).numpy())
            cache.advance(part.shape[1])
    assert_close(np.concatenate(given, 1), whole, rtol=1e-5, atol=1e-6)
    assert cache.position.item() == 9


def test_a_compiled_step_with_a_cache_is_one_graph():
    attend, x = layer(causal=True), rl.randn(1, 6, 16)
    cache = nn.KVCache(1, batch=1, heads=4, length=6, size=4)

    @rl.compile
    def step(one):
        y = attend(one, cache=cache.layers[0])
        cache.advance(1)
        return y

    with rl.no_grad():
        given = [step(x[:, i : i + 1]).numpy() for i in range(6)]
        assert_close(np.concatenate(given, 1), attend(x).numpy(), rtol=1e-5, atol=1e-6)
        assert len(step.graphs) == 1
        before = cache.layers[0].keys.numpy().copy()
        with pytest.raises(BoundsError, match="index 6 is outside of 0 to 5"):
            step(x[:, :1])
    assert_identical(cache.layers[0].keys, before)
    assert cache.position.item() == 6


def test_padding_behind_appended_tokens_is_not_kept():
    cache = nn.KVCache(1, batch=1, heads=4, length=4, size=4)
    attend, x = layer(causal=True), rl.randn(1, 4, 16)
    with rl.no_grad():
        cache.fresh = rl.tensor(3)
        padded = attend(x, cache=cache.layers[0])[:, :3]
        cache.advance(4)
        assert_close(padded, attend(x[:, :3]).numpy(), rtol=1e-5, atol=1e-6)
        assert cache.position.item() == 3
        assert not cache.layers[0].values.numpy()[3:].any()
        cache.fresh = rl.tensor(1)
        last = attend(x[:, [3, 0, 0]], cache=cache.layers[0])[:, :1]
        assert_close(last, attend(x).numpy()[:, 3:], rtol=1e-5, atol=1e-6)
    cache.clear()
    assert not cache.layers[0].keys.numpy().any()
    assert cache.position.item() == 0


def test_a_cache_keeps_no_history():
    attend, x = layer(causal=True), rl.randn(1, 2, 16)
    cache = nn.KVCache(1, batch=1, heads=4, length=4, size=4)
    attend(x, cache=cache.layers[0]).sum().backward()
    assert cache.layers[0].keys.node is None


def test_dropout_is_of_weights_in_training_alone():
    attend = nn.MultiHeadAttention(16, 4, dropout=0.5)
    x = rl.randn(1, 30, 16)
    rl.manual_seed(1)
    one = attend(x).detach().numpy()
    rl.manual_seed(1)
    assert_identical(attend(x), one)
    assert abs(attend(x).detach().numpy() - one).max() > 1e-3
    assert_identical(attend.eval()(x), attend(x).detach().numpy())


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ((16, 3), "do not divide evenly"),
        ((16, 4, 3), "do not divide evenly"),
        ((16, 0), "heads must be an int of at least 1"),
        ((16, 4, None, None, True, 1.5), "dropout must be a finite number of 0 to 1"),
        ((16, 4, None, None, True, 1.0), "a dropout of 1 leaves nothing"),
        ((16, 4, None, 8, True, 0.0, True), "places of another sequence are not before or after"),
        ((16, 4, None, None, True, 0.0, True, nn.Linear(2, 2)), "positions are RotaryPositions or"),
        ((16, 4, None, None, True, 0.0, True, nn.RotaryPositions(6)), "does not fit 4 heads of 4"),
        ((16, 4, None, None, True, 0.0, True, nn.ALiBi(3)), "does not fit 4 heads of 4"),
    ],
)
def test_wrong_arguments_are_refused(arguments, fact):
    with pytest.raises(ModuleError, match=fact):
        nn.MultiHeadAttention(*arguments)


def test_self_attention_and_cross_attention_are_told_apart():
    cache = nn.KVCache(1, batch=1, heads=4, length=4, size=4)
    x = rl.ones(1, 2, 16)
    with pytest.raises(UsageError, match="self-attention takes no memory"):
        layer()(x, x)
    with pytest.raises(UsageError, match="cross-attention takes a memory"):
        layer(memory=16)(x)
    with pytest.raises(UsageError, match="only causal attention can go on from a cache"):
        layer()(x, cache=cache.layers[0])
    with pytest.raises(UsageError, match="a LayerCache, not KVCache"):
        layer(causal=True)(x, cache=cache)


def test_a_cache_is_of_floats_and_only_grows():
    with pytest.raises(DTypeError, match="keys and values are floats, not int32"):
        nn.KVCache(1, batch=1, heads=1, length=4, size=4, dtype="int32")
    with pytest.raises(UsageError, match="cannot be taken out"):
        nn.KVCache(1, batch=1, heads=1, length=4, size=4).advance(-1)


def test_a_mask_that_may_mean_texts_or_heads_is_refused() -> None:
    layer = nn.MultiHeadAttention(8, 2)
    with pytest.raises(rl.ShapeError, match="are there heads") as caught:
        layer(rl.zeros(2, 3, 8), mask=rl.ones(2, 3, 3, dtype="bool"))
    assert "unsqueeze(-3)" in str(caught.value)
