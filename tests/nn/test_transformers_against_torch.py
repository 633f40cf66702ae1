"""Attention and Transformer layers beside PyTorch's, with the same weights, in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close

torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
tnn = torch.nn

WIDTH, HEADS, HIDDEN = 8, 2, 12
LENGTHS = np.array([5, 3, 1])
NAMES = {
    "self_attn.": "attention.",
    "multihead_attn.": "cross.",
    "in_proj_weight": "qkv.weight",
    "in_proj_bias": "qkv.bias",
    "out_proj.": "out.",
    "linear1.": "feed_forward.enter.",
    "linear2.": "feed_forward.leave.",
}


def renamed(name):
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def by_our_names(values):
    """PyTorch's arrays by the names that ours have; queries of cross-attention stand apart."""
    found = {}
    for name, value in values.items():
        ours = renamed(name)
        if "cross.qkv" in ours or (ours.startswith("qkv") and "memory" in values):
            found[ours.replace("qkv", "q")] = value[:WIDTH]
            found[ours.replace("qkv", "kv")] = value[WIDTH:]
        elif name != "memory":
            found[ours] = value
    return found


def twins(ours, theirs, cross=False):
    """The two layers with the same random weights."""
    torch.manual_seed(1)
    theirs = theirs.double()
    for parameter in theirs.parameters():
        parameter.data = torch.randn_like(parameter) * 0.5
    values = {name: x.detach().numpy() for name, x in theirs.named_parameters()}
    marker = {"memory": None} if cross else {}
    ours = ours.cast("float64")
    ours.load_state_dict(by_our_names(values | marker))
    return ours, theirs, marker


def inputs(*shapes):
    random = np.random.default_rng(2)
    arrays = [random.standard_normal(shape) for shape in shapes]
    ours = [rl.tensor(x, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    return ours, theirs


def assert_alike(ours, theirs, x, their_x, y, their_y, marker, real=None):
    """Outputs, gradients by the inputs and gradients by all weights agree."""
    real = np.ones(y.shape[:2], bool) if real is None else real
    kept = real[..., np.newaxis]
    assert_close(y * rl.tensor(kept), their_y.detach().numpy() * kept, rtol=1e-9, atol=1e-10)
    weight = np.random.default_rng(3).standard_normal(y.shape) * kept
    (y * rl.tensor(weight)).sum().backward()
    (their_y * torch.tensor(weight)).sum().backward()
    for one, other in zip(x, their_x, strict=True):
        assert_close(one.grad, other.grad.numpy(), rtol=1e-8, atol=1e-10)
    wanted = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    wanted = by_our_names(wanted | marker)
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, wanted[name], rtol=1e-8, atol=1e-10, what=name)


@pytest.mark.parametrize("bias", [True, False])
def test_self_attention_is_pytorchs(bias):
    ours, theirs, marker = twins(
        nn.MultiHeadAttention(WIDTH, HEADS, bias=bias),
        tnn.MultiheadAttention(WIDTH, HEADS, bias=bias, batch_first=True),
    )
    x, their_x = inputs((3, 5, WIDTH))
    wanted, weights = theirs(*their_x * 3, need_weights=True, average_attn_weights=False)
    assert_close(ours.weights(x[0]), weights.detach().numpy(), rtol=1e-9)
    assert_alike(ours, theirs, x, their_x, ours(x[0]), wanted, marker)


def test_causal_self_attention_with_padding_is_pytorchs():
    ours, theirs, marker = twins(
        nn.MultiHeadAttention(WIDTH, HEADS, causal=True),
        tnn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
    )
    x, their_x = inputs((3, 5, WIDTH))
    real = np.arange(5) < LENGTHS[:, None]
    later = torch.tensor(np.triu(np.ones((5, 5), bool), 1))
    wanted, _ = theirs(*their_x * 3, key_padding_mask=torch.tensor(~real), attn_mask=later)
    y = ours(x[0], lengths=rl.tensor(LENGTHS))
    assert_alike(ours, theirs, x, their_x, y, wanted, marker, real)


def test_cross_attention_with_a_mask_is_pytorchs():
    ours, theirs, marker = twins(
        nn.MultiHeadAttention(WIDTH, HEADS, memory=WIDTH),
        tnn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
        cross=True,
    )
    x, their_x = inputs((3, 5, WIDTH), (3, 7, WIDTH))
    added = np.random.default_rng(4).standard_normal((5, 7))
    wanted, _ = theirs(their_x[0], their_x[1], their_x[1], attn_mask=torch.tensor(added))
    assert_alike(ours, theirs, x, their_x, ours(*x, mask=added), wanted, marker)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [False, True])
def test_an_encoder_layer_is_pytorchs(norm_first, activation):
    options = {"dropout": 0.0, "activation": activation, "norm_first": norm_first}
    ours, theirs, marker = twins(
        nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, **options),
        tnn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True, **options),
    )
    x, their_x = inputs((3, 5, WIDTH))
    real = np.arange(5) < LENGTHS[:, None]
    wanted = theirs(their_x[0], src_key_padding_mask=torch.tensor(~real))
    y = ours(x[0], lengths=rl.tensor(LENGTHS))
    assert_alike(ours, theirs, x, their_x, y, wanted, marker, real)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_decoder_layer_is_pytorchs(norm_first):
    options = {"dropout": 0.0, "norm_first": norm_first}
    ours, theirs, marker = twins(
        nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, **options),
        tnn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True, **options),
    )
    x, their_x = inputs((3, 4, WIDTH), (3, 5, WIDTH))
    real = np.arange(5) < LENGTHS[:, None]
    later = tnn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    wanted = theirs(*their_x, tgt_mask=later, memory_key_padding_mask=torch.tensor(~real))
    y = ours(*x, memory_lengths=rl.tensor(LENGTHS))
    assert_alike(ours, theirs, x, their_x, y, wanted, marker)


def test_encoders_and_decoders_run_their_layers_and_the_norm():
    layers = [nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, 0.0) for _ in range(2)]
    layer = tnn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, 0.0, batch_first=True)
    ours, theirs, marker = twins(
        nn.TransformerEncoder(layers, nn.LayerNorm(WIDTH)),
        tnn.TransformerEncoder(layer, 2, tnn.LayerNorm(WIDTH), enable_nested_tensor=False),
    )
    x, their_x = inputs((2, 3, WIDTH))
    assert_alike(ours, theirs, x, their_x, ours(x[0]), theirs(their_x[0]), marker)


@pytest.mark.parametrize("kind", ["attention", "cross", "encoder"])
def test_weights_begin_as_wide_as_pytorchs(kind):
    """The same bounds of the same distribution: the largest of many values tells."""
    ours, theirs = {
        "attention": (nn.MultiHeadAttention(64, 2), tnn.MultiheadAttention(64, 2)),
        "cross": (
            nn.MultiHeadAttention(64, 2, memory=32),
            tnn.MultiheadAttention(64, 2, kdim=32, vdim=32),
        ),
        "encoder": (
            nn.TransformerEncoderLayer(64, 2, 128),
            tnn.TransformerEncoderLayer(64, 2, 128),
        ),
    }[kind]
    wanted = {renamed(name): x.detach().numpy() for name, x in theirs.named_parameters()}
    if kind == "cross":
        wanted["q.weight"] = wanted.pop("q_proj_weight")
        wanted["kv.weight"] = np.concatenate([wanted.pop(f"{n}_proj_weight") for n in "kv"])
        bias = wanted.pop("qkv.bias")
        wanted["q.bias"], wanted["kv.bias"] = bias[:64], bias[64:]
    found = {name: x.numpy() for name, x in ours.named_parameters()}
    assert set(found) == set(wanted)
    for name, values in found.items():
        assert values.shape == wanted[name].shape
        largest = abs(wanted[name]).max()
        np.testing.assert_allclose(abs(values).max(), largest, rtol=0.15, err_msg=name)
