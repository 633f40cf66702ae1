"""Random tensors: the same bits eager and traced, spread as promised, in a state that advances."""

import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.philox import random_bits
from rushlight.ops.elementwise import bits_to_uniform
from rushlight.random import default_generator
from rushlight.testing.compare import assert_identical


def test_bits_are_the_words_of_philox_from_the_state_on() -> None:
    generator = rl.Generator(7)
    first, second = generator.bits((3, 2)), generator.bits((4,))
    assert_identical(first.numpy().ravel(), random_bits((7, 0), 0, 6))
    assert_identical(second.numpy(), random_bits((7, 0), 2, 4))  # whole blocks of four are used


def test_the_state_is_the_seed_and_how_many_blocks_were_used() -> None:
    generator = rl.Generator(5 + (9 << 32))
    assert generator.state.tolist() == [5, 9, 0, 0]
    generator.uniform((9,))
    assert generator.state.tolist() == [5, 9, 3, 0]
    generator.state.assign(rl.tensor([5, 9, 0xFFFFFFFF, 0], dtype="uint32"))
    generator.bits((8,))
    assert generator.state.tolist() == [5, 9, 1, 1]
    generator.bits((0, 3))
    assert generator.state.tolist() == [5, 9, 1, 1]


def test_a_seed_begins_the_same_stream_anywhere() -> None:
    rl.manual_seed(3)
    first = [rl.rand(5).tolist(), rl.randn(2, 2).tolist(), rl.randint(0, 9, (4,)).tolist()]
    rl.manual_seed(3)
    second = [rl.rand((5,)).tolist(), rl.randn((2, 2)).tolist(), rl.randint(0, 9, 4).tolist()]
    own = rl.Generator(3)
    third = [
        rl.rand(5, generator=own).tolist(),
        rl.randn(2, 2, generator=own).tolist(),
        rl.randint(0, 9, (4,), generator=own).tolist(),
    ]
    assert first == second == third
    assert own.state.tolist() == default_generator.state.tolist()


def test_other_seeds_give_other_numbers() -> None:
    drawn = {tuple(rl.Generator(seed).uniform((4,)).tolist()) for seed in (0, 1, 2, 1 << 32)}
    assert len(drawn) == 4


def test_numbers_never_change_from_version_to_version() -> None:
    generator = rl.Generator(0)
    assert [hex(bits) for bits in generator.bits((2,)).tolist()] == ["0x6627e8d5", "0xe169c58d"]
    assert rl.Generator(1).uniform((3,)).tolist() == [
        float(np.float32((word >> 8) * 2.0**-24)) for word in random_bits((1, 0), 0, 3)
    ]


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: g.bits((5, 3)),
        lambda g: g.uniform((5, 3)),
        lambda g: g.uniform((4,), -2.0, 3.0),
        lambda g: g.normal((7,)),
        lambda g: g.normal((2, 2), 3.0, 0.5),
        lambda g: g.integers(-3, 8, (6,)),
    ],
)
def test_traced_draws_have_the_bits_of_eager_ones_call_after_call(draw) -> None:
    eager, traced = rl.Generator(11), rl.Generator(11)
    compiled = rl.compile(lambda: draw(traced), native=False)
    for _ in range(3):
        assert_identical(compiled(), draw(eager))
        assert_identical(traced.state, eager.state)
    assert len(compiled.graphs) == 1


def test_two_draws_in_one_trace_differ() -> None:
    generator = rl.Generator(0)
    a, b = rl.compile(lambda: (generator.uniform((4,)), generator.uniform((4,))))()
    assert a.tolist() != b.tolist()


N = 200_000


def test_uniform_numbers_are_in_their_range_and_spread_evenly() -> None:
    x = rl.Generator(1).uniform((N,)).numpy()
    assert x.dtype == np.float32
    assert 0.0 <= x.min() < 1e-4
    assert 1 - 1e-4 < x.max() < 1.0
    counts, _ = np.histogram(x, bins=20, range=(0, 1))
    assert np.all(np.abs(counts - N / 20) < 5 * np.sqrt(N / 20))
    assert np.abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / np.sqrt(N)
    y = rl.Generator(1).uniform((N,), -3.0, 5.0).numpy()
    assert -3.0 <= y.min() < -2.99
    assert 4.99 < y.max() < 5.0


def test_the_largest_bits_stay_below_one() -> None:
    bits = rl.tensor([0, 255, 256, 0xFFFFFFFF], dtype="uint32")
    assert bits_to_uniform(bits).tolist() == [0.0, 0.0, 2.0**-24, 1.0 - 2.0**-24]


def test_normal_numbers_have_the_moments_of_the_normal_distribution() -> None:
    x = rl.Generator(2).normal((N,)).numpy().astype(np.float64)
    assert abs(x.mean()) < 5 / np.sqrt(N)
    assert abs(x.std() - 1.0) < 5 / np.sqrt(2 * N)
    assert abs((x**3).mean()) < 5 * np.sqrt(15 / N)
    assert abs((x**4).mean() - 3.0) < 5 * np.sqrt(96 / N)
    assert 4.0 < np.abs(x).max() < 6.0
    y = rl.Generator(2).normal((N,), mean=2.0, std=0.1).numpy()
    assert abs(y.mean() - 2.0) < 0.005
    assert abs(y.std() - 0.1) < 0.001


def test_integers_reach_both_ends_and_no_further() -> None:
    x = rl.Generator(3).integers(-2, 3, (N,)).numpy()
    values, counts = np.unique(x, return_counts=True)
    assert x.dtype == np.int64
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert np.all(np.abs(counts - N / 5) < 5 * np.sqrt(N / 5))
    assert rl.randint(4, 5, (3,)).tolist() == [4, 4, 4]


@pytest.mark.parametrize("seed", [-1, 1 << 64, 1.5, "a", None, True])
def test_a_seed_is_an_int_of_64_bits(seed: object) -> None:
    with pytest.raises(rl.DTypeError, match="a seed is an int from 0 to"):
        rl.Generator(seed)
    with pytest.raises(rl.DTypeError, match="a seed is an int from 0 to"):
        rl.manual_seed(seed)


@pytest.mark.parametrize(("low", "high"), [(3, 3), (5, 2), (0, (1 << 24) + 1)])
def test_a_range_of_integers_must_hold_some_and_not_too_many(low: int, high: int) -> None:
    with pytest.raises(rl.ShapeError, match="the range must hold 1 to"):
        rl.randint(low, high, (2,))


def test_random_tensors_want_no_gradient() -> None:
    assert not rl.rand(2).requires_grad
    assert not rl.randn(2).requires_grad


def test_each_generator_goes_its_own_way() -> None:
    a, b = rl.Generator(0), rl.Generator(0)
    a.uniform((4,))
    assert a.uniform((4,)).tolist() != b.uniform((4,)).tolist()


def test_random_numbers_may_be_drawn_first_of_all_in_a_compiled_function():
    program = (
        "import rushlight as rl\n"
        "noise = rl.compile(lambda x: x + rl.randn(3))\n"
        "a, b = noise(rl.zeros(3)), noise(rl.zeros(3))\n"
        "print(a.tolist() != b.tolist(), rl.randn(2).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "True (2,)\n", done.stderr
