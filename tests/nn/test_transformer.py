"""Transformers: padding, caches, and what their stacks take."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.core.errors import ModuleError, ShapeError, UsageError
from rushlight.testing.compare import assert_close, assert_identical


def encoder(**options):
    rl.manual_seed(5)
    layers = [nn.TransformerEncoderLayer(8, 2, 16, **options) for _ in range(2)]
    return nn.TransformerEncoder(layers, nn.LayerNorm(8)).eval()


@pytest.mark.parametrize("norm_first", [False, True])
def test_padding_changes_nothing_for_real_places(norm_first):
    stack = encoder(norm_first=norm_first)
    x, lengths = rl.randn(3, 6, 8), [6, 2, 4]
    together = stack(x, lengths=rl.tensor(lengths))
    for row, length in enumerate(lengths):
        alone = stack(x[row : row + 1, :length])
        assert_close(together[row, :length], alone[0].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_padding_of_the_memory_changes_nothing():
    rl.manual_seed(5)
    decoder = nn.TransformerDecoder([nn.TransformerDecoderLayer(8, 2, 16)]).eval()
    x, memory = rl.randn(2, 3, 8), rl.randn(2, 6, 8)
    together = decoder(x, memory, memory_lengths=rl.tensor([2, 5]))
    for row, length in enumerate([2, 5]):
        alone = decoder(x[row : row + 1], memory[row : row + 1, :length])
        assert_close(together[row], alone[0].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_causal_encoder_goes_on_from_a_cache():
    stack = encoder(causal=True, norm_first=True, positions=nn.RotaryPositions(4))
    x = rl.randn(2, 7, 8)
    cache = nn.KVCache(2, batch=2, heads=2, length=7, size=4)
    with rl.no_grad():
        parts = [stack(x[:, a:b], cache=cache).numpy() for a, b in ((0, 3), (3, 4), (4, 7))]
        assert_close(np.concatenate(parts, 1), stack(x).numpy(), rtol=1e-4, atol=1e-5)


def test_a_decoder_goes_on_from_a_cache():
    rl.manual_seed(5)
    decoder = nn.TransformerDecoder([nn.TransformerDecoderLayer(8, 2, 16)]).eval()
    x, memory = rl.randn(1, 5, 8), rl.randn(1, 6, 8)
    cache = nn.KVCache(1, batch=1, heads=2, length=5, size=4)
    with rl.no_grad():
        parts = [decoder(x[:, a:b], memory, cache=cache).numpy() for a, b in ((0, 2), (2, 5))]
        assert_close(np.concatenate(parts, 1), decoder(x, memory).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["swiglu", "geglu", "reglu"])
def test_a_gated_block_multiplies_its_two_halves(activation):
    block = nn.FeedForward(4, 3, activation, bias=False)
    bend = {"swiglu": nn.SiLU(), "geglu": nn.GELU(), "reglu": nn.ReLU()}[activation]
    x = rl.randn(5, 4)
    gate, other = block.enter.weight[:3], block.enter.weight[3:]
    wanted = (bend(x @ gate.T) * (x @ other.T)) @ block.leave.weight.T
    assert_close(block(x), wanted.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_layer_used_twice_is_trained_counted_and_saved_once(tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    stack = nn.TransformerEncoder([layer, layer]).eval()
    assert len(list(stack.parameters())) == len(list(layer.parameters()))
    rl.save(tmp_path / "shared.safetensors", stack)
    loaded = rl.load(tmp_path / "shared.safetensors").model
    assert loaded.layers[0] is loaded.layers[1]
    x = rl.randn(2, 3, 8)
    assert_identical(loaded(x), stack(x).detach().numpy())


def test_an_output_layer_tied_to_the_embedding_is_saved_and_trained_as_one(tmp_path):
    rl.manual_seed(0)
    table = nn.Embedding(7, 4)
    model = nn.Sequential(table, nn.LayerNorm(4), nn.TiedLinear(table))
    ids = rl.tensor([[1, 2, 3]])
    optimizer = rl.optim.SGD(model.parameters(), lr=1.0)
    assert sum(x.size for x in optimizer.parameters) == 7 * 4 + 2 * 4
    before = table.weight.numpy().copy()
    optimizer.backward_step(model(ids).sum())
    read = table.weight.numpy() != before
    assert read.all()  # ids 0 and 4 to 6 only went out
    rl.save(tmp_path / "tied.safetensors", model)
    loaded = rl.load(tmp_path / "tied.safetensors").model
    assert loaded[2].embedding is loaded[0]
    assert_identical(loaded(ids), model(ids).detach().numpy())
    with rl.no_grad():
        loaded[0].weight.assign(rl.zeros(7, 4))
        assert not loaded(ids).numpy().any()


def test_wrong_stacks_are_refused():
    with pytest.raises(ModuleError, match="there are no layers"):
        nn.TransformerEncoder([])
    with pytest.raises(ModuleError, match=r"no activation 'swish'"):
        nn.FeedForward(4, activation="swish")
    cache = nn.KVCache(3, batch=1, heads=2, length=4, size=4)
    with pytest.raises(ModuleError, match="there are 2 layers, and a cache for 3"):
        encoder(causal=True)(rl.ones(1, 2, 8), cache=cache)
    with pytest.raises(UsageError, match="the cache is a KVCache, not LayerCache"):
        encoder(causal=True)(rl.ones(1, 2, 8), cache=cache.layers[0])
    with pytest.raises(ModuleError, match="norm is a layer, not 3"):
        nn.TransformerEncoder([nn.TransformerEncoderLayer(8, 2, 16)], norm=3)
    with pytest.raises(ShapeError, match=r"\(\.\.\., time, width\), not \(8,\)"):
        encoder()(rl.ones(8))


def test_a_stack_takes_nested_lists():
    rows = [[0.5] * 8] * 3
    assert encoder()(rows).shape == (3, 8)
