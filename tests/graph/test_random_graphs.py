"""Random programs of ops, views, fan-out, state and gradients: traced, they give eager's bits."""

import random
from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_identical

PROGRAMS = 200
STEPS = 12

Pick = random.Random


def pointwise(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    name = pick.choice(["tanh", "sin", "cos", "sigmoid", "relu", "abs", "neg", "floor", "sign"])
    return getattr(x, name)()


def root(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    return (x * x + 0.5).sqrt().log()


def number(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    value = pick.choice([2, 0.5, -1.0, 3])
    return pick.choice([lambda: x + value, lambda: value - x, lambda: x * value, lambda: x / 3])()


def reshaped(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    return pick.choice([lambda: x.flatten(), lambda: x.unsqueeze(0), lambda: x.reshape(-1, 1)])()


def permuted(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    order = list(range(x.ndim))
    pick.shuffle(order)
    return x.permute(order)


def sliced(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    index = []
    for size in x.shape:
        choices = [slice(None), slice(None, None, -1), slice(None, None, 2), slice(0, 1)]
        choices += [size - 1, None] if size else [slice(0, 0)]
        index.append(pick.choice(choices))
        if index[-1] is None:
            index.append(slice(None))
    return x[tuple(index)]


def taken(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    if x.ndim == 0 or x.shape[0] == 0:
        return x
    rows = [pick.randrange(x.shape[0]) for _ in range(3)]
    return x[rl.tensor(rows)] if pick.random() < 0.5 else rl.take(x, rl.tensor(rows))


def reduced(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    if x.ndim == 0 or x.size == 0:
        return x
    name = pick.choice(["sum", "mean", "max", "min", "logsumexp", "var"])
    return getattr(x, name)(axis=pick.randrange(x.ndim), keepdims=pick.random() < 0.5)


def padded(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    return x.pad([(pick.randrange(2), pick.randrange(2)) for _ in x.shape])


def doubled(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    return x.cast("float64").exp().log().cast("float32") + x.cast("int64")


def spread(pick: Pick, x: rl.Tensor) -> rl.Tensor:
    return x.broadcast_to(2, *x.shape)


def together(pick: Pick, x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
    return pick.choice(
        [
            lambda: x + y,
            lambda: x * y,
            lambda: x - y,
            lambda: x / (y * y + 1.0),
            lambda: rl.maximum(x, y),
            lambda: rl.where(x > y, x, y * 2.0),
            lambda: x.tanh() ** (y * y),
        ]
    )()


def joined(pick: Pick, x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
    return rl.concat([x.flatten(), y.flatten()])


def multiplied(pick: Pick, x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
    return (x.reshape(-1, 1) @ y.reshape(1, -1)).tanh()


ALONE: list[Callable[[Pick, rl.Tensor], rl.Tensor]] = [
    pointwise,
    pointwise,
    root,
    number,
    reshaped,
    permuted,
    sliced,
    taken,
    reduced,
    padded,
    doubled,
    spread,
]
PAIRS = [together, together, together, joined, multiplied]


class Program:
    """A program that is the same each time it is run, with its weights, count and random state."""

    def __init__(self, seed: int) -> None:
        numbers = np.random.default_rng(seed)
        self.seed = seed
        self.weights = [
            rl.tensor(numbers.standard_normal(shape).astype(np.float32), requires_grad=True)
            for shape in ((3,), (2, 3))
        ]
        self.count = rl.tensor(0.0)
        self.generator = rl.Generator(seed)

    def __call__(self, x: rl.Tensor, y: rl.Tensor) -> list[rl.Tensor]:
        pick = random.Random(self.seed)
        pool = [x, y, *self.weights]
        for _ in range(STEPS):
            self.one_more(pick, pool)
        if pick.random() < 0.7:
            self.train(pool)
        return pool[-4:]

    def one_more(self, pick: Pick, pool: list[rl.Tensor]) -> None:
        kind = pick.random()
        if kind < 0.55:
            made = pick.choice(ALONE)(pick, pick.choice(pool))
        elif kind < 0.9:
            made = pick.choice(PAIRS)(pick, pick.choice(pool), pick.choice(pool[:4]))
        elif kind < 0.95:
            self.count.assign(self.count + pool[-1].sum())
            made = self.count * 0.5
        else:
            made = self.generator.uniform(pool[-1].shape) + pool[-1]
        if made.size <= 60 and made.ndim <= 4:
            pool.append(made)

    def train(self, pool: list[rl.Tensor]) -> None:
        for weight in self.weights:
            weight.grad = None
        loss = sum(x.tanh().sum() for x in [*pool[4:], *self.weights])
        loss.backward()
        with rl.no_grad():
            for weight in self.weights:
                weight.assign(weight - weight.grad * 0.01)

    def state(self) -> list[rl.Tensor]:
        grads = [weight.grad for weight in self.weights if weight.grad is not None]
        return [*self.weights, self.count, self.generator.state, *grads]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_a_random_program_gives_the_same_bits_eager_and_traced(seed: int) -> None:
    numbers = np.random.default_rng(1000 + seed)
    eager, traced = Program(seed), Program(seed)
    compiled = rl.compile(traced, native=False)
    for _ in range(2):
        x, y = (rl.tensor(numbers.standard_normal(shape)) for shape in ((2, 3), (3,)))
        x, y = x.cast("float32"), y.cast("float32")
        try:
            wanted = eager(x, y)
        except rl.ShapeError as error:
            with pytest.raises(rl.ShapeError) as caught:
                compiled(x, y)
            assert str(caught.value) == str(error)
            return
        for position, (got, want) in enumerate(zip(compiled(x, y), wanted, strict=True)):
            assert_identical(got, want, what=f"result {position}")
        for position, (got, want) in enumerate(zip(traced.state(), eager.state(), strict=True)):
            assert_identical(got, want, what=f"state {position}")
    assert len(compiled.graphs) == 1


def test_most_random_programs_run_to_their_end() -> None:
    x, y = rl.ones(2, 3), rl.ones(3)
    finished = 0
    for seed in range(PROGRAMS):
        try:
            with np.errstate(all="ignore"):
                Program(seed)(x, y)
        except rl.ShapeError:
            continue
        finished += 1
    assert finished > 0.6 * PROGRAMS
