"""Activations: extremes, numbers of other kinds, and mistakes."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

SMOOTH = [
    *[nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.ELU(), nn.SELU(), nn.CELU(0.5)],
    *[nn.Softplus(), nn.Softplus(-2.0), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink()],
    *[nn.Sigmoid(), nn.Tanh()],
]
KINKED = [
    *[nn.Hardswish(), nn.Hardsigmoid(), nn.Hardtanh(), nn.ReLU6(), nn.LeakyReLU(), nn.PReLU()],
    *[nn.Softshrink(), nn.Hardshrink(), nn.Threshold(0.0, 1.0), nn.ReLU()],
]
FAR = [1e2, 1e4, 1e10, 1e18, 1e19]


@pytest.mark.parametrize("layer", [*SMOOTH, *KINKED], ids=repr)
def test_values_and_gradients_far_out_are_numbers(layer):
    x = rl.tensor([*[-f for f in FAR], *FAR], requires_grad=True)
    y = layer(x)
    assert np.isfinite(y.numpy()).all()
    (g,) = rl.gradients_of(y.sum(), [x], create_graph=True)
    assert np.isfinite(g.numpy()).all()
    assert np.abs(g.numpy()).max() <= 3.0
    if layer in SMOOTH and g.requires_grad:
        (second,) = rl.gradients_of(g.sum(), [x])
        np.testing.assert_allclose(second.numpy(), np.zeros(10), atol=1e-5)


@pytest.mark.parametrize("layer", [*SMOOTH, *KINKED], ids=repr)
def test_a_nan_stays_one(layer):
    assert np.isnan(layer(rl.tensor([float("nan")])).numpy()).all()


def test_an_exponential_keeps_its_digits_near_zero():
    x = np.array([-1e-6], np.float32)
    np.testing.assert_allclose(nn.ELU()(x).numpy(), np.expm1(x), rtol=1e-6)
    np.testing.assert_allclose(nn.LogSigmoid()(np.float32(20.0)).numpy(), -np.exp(-20.0), rtol=1e-5)


@pytest.mark.parametrize("layer", [*SMOOTH, *KINKED, nn.Softmin(), nn.GLU()], ids=repr)
def test_integers_become_floats(layer):
    y = layer([[1, 2], [3, -4]])
    wanted = layer([[1.0, 2.0], [3.0, -4.0]])
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y.numpy(), wanted.numpy())


def test_a_slope_is_trained_for_each_channel():
    layer = nn.PReLU(2)
    x = rl.tensor([[[-1.0, -2.0], [-3.0, 4.0]]])
    layer(x).sum().backward()
    assert layer.weight.grad.tolist() == [-3.0, -3.0]


MISTAKES = [
    (lambda: nn.PReLU(3)(rl.ones(2, 4)), "prelu: the input should be (n, 3, ...), it is (2, 4)"),
    (lambda: nn.PReLU(3)(rl.ones(3)), "prelu: the input should be (n, 3, ...), it is (3,)"),
    (lambda: nn.PReLU(0), "PReLU: features must be an int of at least 1, not 0"),
    (lambda: nn.PReLU(slope="x"), "PReLU: slope must be a finite number, not 'x'"),
    (lambda: nn.LeakyReLU(float("nan")), "LeakyReLU: slope must be a finite number, not nan"),
    (lambda: nn.ELU(float("inf")), "ELU: alpha must be a finite number, not inf"),
    (lambda: nn.CELU(0.0), "CELU: alpha must not be 0"),
    (lambda: nn.GELU("erf"), 'GELU: approximate is "none" or "tanh", not \'erf\''),
    (lambda: nn.Hardtanh(2.0, 1.0), "Hardtanh: low 2.0 is not below high 1.0"),
    (lambda: nn.Softplus(0), "Softplus: beta must not be 0"),
    (lambda: nn.Softshrink(-1.0), "Softshrink: width must be a finite number of at least 0, not"),
    (lambda: nn.Hardshrink(None), "Hardshrink: width must be a finite number of at least 0, not"),
    (lambda: nn.Threshold("a", 1.0), "Threshold: limit must be a finite number, not 'a'"),
    (lambda: nn.GLU()(rl.ones(3)), "glu: axis 0 of size 3 has no halves"),
    (lambda: nn.GLU(2)(rl.ones(2, 2)), "glu: axis 2 does not exist in 2 dimensions"),
    (lambda: nn.functional.gelu(rl.ones(2), "erf"), 'gelu: approximate is "none" or "tanh"'),
    (lambda: nn.functional.celu(rl.ones(2), 0.0), "celu: alpha must not be 0"),
    (lambda: nn.functional.softplus(rl.ones(2), 0.0), "softplus: beta must not be 0"),
    (lambda: nn.functional.softshrink(rl.ones(2), -1.0), "softshrink: width is at least 0"),
    (lambda: nn.functional.hardtanh(rl.ones(2), 1.0, 1.0), "hardtanh: low 1.0 is not below high"),
    (lambda: nn.functional.prelu(rl.ones(2), rl.ones(2, 2)), "prelu: slopes are (n,), not (2, 2)"),
    (lambda: nn.functional.silu("x"), "silu: a tensor holds numbers"),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.source.startswith("test_activation.py:")
