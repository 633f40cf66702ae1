"""Positions: waves and turns by their formulas, and what becomes of them further on in a text."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.core.errors import BoundsError, DTypeError, ModuleError, ShapeError
from rushlight.nn.functional import rotary
from rushlight.testing.compare import assert_close, assert_identical

ADDED_OR_TURNED = [
    pytest.param(nn.SinusoidalPositions(4), id="sinusoidal"),
    pytest.param(nn.LearnedPositions(9, 4), id="learned"),
    pytest.param(nn.RotaryPositions(4), id="rotary"),
]


def test_sinusoidal_positions_are_those_of_the_paper():
    waves = nn.SinusoidalPositions(6)(rl.zeros(1, 50, 6)).numpy()[0]
    for p in (0, 1, 7, 49):
        for i in range(3):
            angle = p / 10_000 ** (2 * i / 6)
            assert waves[p, 2 * i] == pytest.approx(np.sin(angle), abs=1e-5)
            assert waves[p, 2 * i + 1] == pytest.approx(np.cos(angle), abs=1e-5)


def test_rotary_positions_turn_complex_numbers():
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 8))
    places = np.arange(5) + 11
    turns = np.exp(1j * places[:, None] * 10_000.0 ** -(np.arange(0, 8, 2) / 8))
    wanted = (x[..., 0::2] + 1j * x[..., 1::2]) * turns
    wanted = np.stack([wanted.real, wanted.imag], -1).reshape(x.shape)
    assert_close(rotary(rl.tensor(x), start=11), wanted, rtol=1e-5)
    halves = np.concatenate([x[..., 0::2], x[..., 1::2]], -1)
    turned = np.concatenate([wanted[..., 0::2], wanted[..., 1::2]], -1)
    assert_close(rotary(rl.tensor(halves), start=11, halves=True), turned, rtol=1e-5)


def test_products_of_rotary_vectors_depend_on_the_distance_alone():
    q, k = rl.randn(1, 16), rl.randn(1, 16)
    near = (rotary(q, 3) * rotary(k, 1)).sum().item()
    far = (rotary(q, 103) * rotary(k, 101)).sum().item()
    assert near == pytest.approx(far, abs=1e-4)


def test_alibi_has_the_slopes_of_the_paper():
    assert nn.ALiBi(8).slopes.tolist() == [2.0**-i for i in range(1, 9)]
    six = [2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3]
    np.testing.assert_allclose(nn.ALiBi(6).slopes.numpy(), six, rtol=1e-6)


@pytest.mark.parametrize("layer", ADDED_OR_TURNED)
def test_a_part_of_a_text_has_the_positions_that_it_has_in_the_whole(layer):
    x = rl.randn(2, 9, 4)
    whole = layer(x)
    assert_close(layer(x[:, 4:], start=4), whole[:, 4:].detach().numpy(), rtol=1e-6)
    position = rl.tensor(4)
    compiled = rl.compile(lambda part, start: layer(part, start))
    assert_close(compiled(x[:, 4:], position), whole[:, 4:].detach().numpy(), rtol=1e-5)
    assert_identical(layer(x[:, 4:], start=position), layer(x[:, 4:], start=4).detach().numpy())


def test_what_has_no_positions_is_refused():
    for make in (nn.SinusoidalPositions, nn.RotaryPositions):
        with pytest.raises(ModuleError, match="is an even number, not 5"):
            make(5)
    with pytest.raises(ModuleError, match="base must be"):
        nn.RotaryPositions(4, base=0.0)
    with pytest.raises(ShapeError, match=r"\(\.\.\., up to 3, 4\), not \(5, 4\)"):
        nn.LearnedPositions(3, 4)(rl.zeros(5, 4))
    with pytest.raises(ShapeError, match=r"\(\.\.\., time, 4\), not \(5, 6\)"):
        nn.SinusoidalPositions(4)(rl.zeros(5, 6))
    with pytest.raises(ShapeError, match=r"an even size\), not \(5, 3\)"):
        rotary(rl.zeros(5, 3))
    with pytest.raises(ShapeError, match=r"\(\.\.\., time, 4\), not \(5, 6\)"):
        nn.RotaryPositions(4)(rl.zeros(5, 6))
    with pytest.raises(ModuleError, match="base must be"):
        rotary(rl.zeros(5, 4), base=-1.0)
    with pytest.raises(ModuleError, match="heads must be an int of at least 1"):
        nn.ALiBi(0)


@pytest.mark.parametrize("layer", ADDED_OR_TURNED)
@pytest.mark.parametrize(
    ("start", "kind", "fact"),
    [
        (-5, ModuleError, "an int of at least 0"),
        (1.5, ModuleError, "an int of at least 0"),
        (None, ModuleError, "an int of at least 0"),
        (True, ModuleError, "an int of at least 0"),
        (rl.tensor([1, 2, 3]), DTypeError, r"without axes, not int64 \(3,\)"),
        (rl.tensor(1.0), DTypeError, "an int tensor"),
    ],
)
def test_a_start_that_is_none_is_refused(layer, start, kind, fact):
    with pytest.raises(kind, match=fact):
        layer(rl.zeros(3, 4), start=start)


@pytest.mark.parametrize("layer", [nn.SinusoidalPositions(4), nn.RotaryPositions(4)])
def test_ids_have_no_positions(layer):
    with pytest.raises(DTypeError, match=r"it takes floats, not int64"):
        layer(rl.tensor([[1, 2, 3, 4]]))


def test_there_are_no_learned_positions_beyond_the_last():
    with pytest.raises(BoundsError, match="there are 9 positions, not 10"):
        nn.LearnedPositions(9, 4)(rl.zeros(3, 4), start=7)
