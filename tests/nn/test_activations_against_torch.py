"""Activations and the gradients that they pass on, beside PyTorch's, also far out and at kinks."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close
from tests.nn.against_torch import normal, squares, tnn, torch, train, twins

# name, ours, PyTorch's
ACTIVATIONS = [
    ("relu", nn.ReLU(), tnn.ReLU()),
    ("relu6", nn.ReLU6(), tnn.ReLU6()),
    ("leaky relu", nn.LeakyReLU(0.2), tnn.LeakyReLU(0.2)),
    ("prelu", nn.PReLU(), tnn.PReLU()),
    ("prelu of channels", nn.PReLU(3, slope=0.1), tnn.PReLU(3, init=0.1)),
    ("elu", nn.ELU(0.7), tnn.ELU(0.7)),
    ("selu", nn.SELU(), tnn.SELU()),
    ("celu", nn.CELU(0.5), tnn.CELU(0.5)),
    ("gelu", nn.GELU(), tnn.GELU()),
    ("gelu by tanh", nn.GELU("tanh"), tnn.GELU("tanh")),
    ("silu", nn.SiLU(), tnn.SiLU()),
    ("mish", nn.Mish(), tnn.Mish()),
    ("hardswish", nn.Hardswish(), tnn.Hardswish()),
    ("hardsigmoid", nn.Hardsigmoid(), tnn.Hardsigmoid()),
    ("hardtanh", nn.Hardtanh(-0.5, 2.0), tnn.Hardtanh(-0.5, 2.0)),
    ("sigmoid", nn.Sigmoid(), tnn.Sigmoid()),
    ("tanh", nn.Tanh(), tnn.Tanh()),
    ("softplus", nn.Softplus(2.0, 5.0), tnn.Softplus(2.0, 5.0)),
    ("softsign", nn.Softsign(), tnn.Softsign()),
    ("log sigmoid", nn.LogSigmoid(), tnn.LogSigmoid()),
    ("tanhshrink", nn.Tanhshrink(), tnn.Tanhshrink()),
    ("softshrink", nn.Softshrink(0.3), tnn.Softshrink(0.3)),
    ("hardshrink", nn.Hardshrink(0.3), tnn.Hardshrink(0.3)),
    ("threshold", nn.Threshold(0.1, -0.5), tnn.Threshold(0.1, -0.5)),
    ("softmax", nn.Softmax(), tnn.Softmax(-1)),
    ("log softmax", nn.LogSoftmax(), tnn.LogSoftmax(-1)),
    ("softmin", nn.Softmin(0), tnn.Softmin(0)),
    ("glu", nn.GLU(0), tnn.GLU(0)),
]
NAMES = [row[0] for row in ACTIVATIONS]
ALONE = [row for row in ACTIVATIONS if row[0] not in ("glu", "prelu of channels")]
TWICE = [row for row in ALONE if row[0] != "hardsigmoid"]  # which PyTorch differentiates once
KINKS = [-1e4, -80.0, -3.0, -0.3, 0.0, 0.1, 0.3, 2.0, 2.5, 3.0, 6.0, 20.0, 80.0, 1e4]
ROUGH = {"hardsigmoid": 1e-7}  # PyTorch's 1/6 has the digits of float32


@pytest.mark.parametrize(("name", "ours", "theirs"), ACTIVATIONS, ids=NAMES)
def test_a_network_with_an_activation_trains_as_in_pytorch(name, ours, theirs):
    pair = twins([nn.Linear(4, 3), ours], [tnn.Linear(4, 3), theirs])
    train(*pair, normal(6, 4), squares, squares, ROUGH.get(name, 1e-9))


@pytest.mark.parametrize(("name", "ours", "theirs"), ALONE, ids=[row[0] for row in ALONE])
def test_values_and_gradients_are_pytorch_s_far_out_and_at_kinks(name, ours, theirs):
    x = rl.tensor(KINKS, dtype="float64", requires_grad=True)
    other = torch.tensor(KINKS, dtype=torch.float64, requires_grad=True)
    y = ours.cast("float64")(x)
    wanted = theirs.double()(other)
    rtol = ROUGH.get(name, 1e-12)
    assert_close(y, wanted.detach().numpy(), rtol=rtol, atol=1e-14)
    y.sum().backward()
    wanted.sum().backward()
    assert_close(x.grad, other.grad.numpy(), rtol=rtol, atol=1e-14)


@pytest.mark.parametrize(("name", "ours", "theirs"), TWICE, ids=[row[0] for row in TWICE])
def test_second_derivatives_are_pytorch_s(name, ours, theirs):
    points = np.array([-30.0, -2.2, -0.7, 0.05, 0.9, 2.1, 30.0])
    x = rl.tensor(points, requires_grad=True)
    other = torch.tensor(points, requires_grad=True)
    (g,) = rl.gradients_of((ours.cast("float64")(x) ** 2).sum(), [x], create_graph=True)
    (wanted,) = torch.autograd.grad((theirs.double()(other) ** 2).sum(), [other], create_graph=True)
    (g,) = rl.gradients_of((g * g).sum(), [x])
    (wanted,) = torch.autograd.grad((wanted * wanted).sum(), [other])
    assert_close(g, wanted.numpy(), rtol=1e-9, atol=1e-11)
