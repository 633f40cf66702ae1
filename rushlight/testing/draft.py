"""A random program in the making: values so far, of which the next step is drawn, and its limits.

Numbers are whole, which are exact in every dtype that they come in, or rough. Rough ones only go
where a little more or less makes a little difference: no step is near a jump.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from rushlight.core.dtypes import bool_
from rushlight.core.errors import RushlightError
from rushlight.core.primitive import Array
from rushlight.tensor import Tensor

ELEMENTS = 700  # at most, of one value
RANK = 4
WHOLE = 1000.0  # how large a whole number may be
ROUGH = 20.0  # and a rough one
GAP = 0.01  # how near to a jump a rough number may be


@dataclass(frozen=True)
class Step:
    """What makes one more value of those in the pool."""

    function: Callable[..., Tensor]
    operands: tuple[int, ...]  # places in the pool
    whole: bool = False

    def run(self, pool: Sequence[Tensor]) -> Tensor:
        """Return the value."""
        return self.function(*[pool[place] for place in self.operands])


class Unsuited(Exception):
    """The kind of step that was drawn finds nothing in the pool to work on."""


class Draft:
    """A program in the making: its values so far, of which the next step is drawn."""

    def __init__(self, pick: Random, pool: list[Tensor], whole: list[bool], hidden: int) -> None:
        self.pick = pick
        self.pool = pool
        self.whole = whole  # for each value of the pool
        self.hidden = hidden  # the place of the random state, which no other step reads
        self.steps: list[Step] = []

    def extend(self, kinds: Mapping["Kind", int]) -> None:
        """Add a step, unless the kind that is drawn has nothing to work on or gives too much.

        `kinds` says how often each kind is drawn.
        """
        kind = self.pick.choices(list(kinds), list(kinds.values()))[0]
        held = [(x, x.data) for x in self.pool]
        try:
            step = kind(self)
            made = step.run(self.pool)
        except (Unsuited, RushlightError):
            return
        if not is_tame(made, step.whole):
            for tensor, data in held:
                if tensor.data is not data:  # a state, which the step assigned to
                    tensor.assign(Tensor.wrap(data, tensor.dtype))
            return
        self.steps.append(step)
        self.pool.append(made)
        self.whole.append(step.whole)

    def choose(self, test: Callable[[int], bool] = lambda place: True) -> int:
        """Return the place of a value that passes a test, rather one of the latest."""
        places = [p for p in range(len(self.pool)) if p != self.hidden and test(p)]
        if not places:
            raise Unsuited
        return self.pick.choice(places[-5:] if self.pick.random() < 0.5 else places)

    def value(self, place: int) -> Array:
        return self.pool[place].numpy()

    def is_float(self, place: int) -> bool:
        return self.pool[place].dtype.is_float

    def is_number(self, place: int) -> bool:
        return self.pool[place].dtype is not bool_

    def is_bool(self, place: int) -> bool:
        return self.pool[place].dtype is bool_

    def has_axes(self, place: int) -> bool:
        return self.pool[place].ndim > 0

    def beside(self, place: int, test: Callable[[int], bool] = lambda place: True) -> int:
        """Return the place of a value that broadcasts with another."""
        shape = self.pool[place].shape
        return self.choose(lambda other: fits(shape, self.pool[other].shape) and test(other))

    def axes(self, place: int) -> tuple[int, ...]:
        """Return some axes of a value, at least one."""
        rank = self.pool[place].ndim
        return tuple(self.pick.sample(range(rank), self.pick.randint(1, rank)))

    def between(self, place: int) -> float:
        """Return a number that is near to none in a value, and between them."""
        numbers = np.unique(self.value(place))
        gaps = np.diff(numbers)
        if numbers.size < 2 or gaps.max() < 4 * GAP:
            raise Unsuited
        widest = int(self.pick.choice(np.flatnonzero(gaps >= 4 * GAP).tolist()))
        return round(float(numbers[widest] + numbers[widest + 1]) / 2, 2)

    def is_index(self, place: int, size: int) -> bool:
        """Return whether a value can name elements of an axis."""
        x = self.pool[place]
        if not self.whole[place] or x.dtype.is_float or x.dtype is bool_:
            return False
        return x.size == 0 or bool(self.value(place).min() >= 0 and self.value(place).max() < size)


Kind = Callable[[Draft], Step]


def is_tame(made: Tensor, whole: bool) -> bool:
    """Return whether a value is neither too many numbers nor too large ones."""
    if made.size > ELEMENTS or made.ndim > RANK:
        return False
    numbers = made.numpy().astype(np.float64)
    bound = WHOLE if whole else ROUGH
    return bool(np.isfinite(numbers).all() and (np.abs(numbers) <= bound).all())


def fits(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two shapes broadcast."""
    pairs = zip(reversed(shape), reversed(other), strict=False)
    return all(a == b or 1 in (a, b) for a, b in pairs)


def is_apart(numbers: Array) -> bool:
    """Return whether no number is near 0."""
    return numbers.size == 0 or bool(np.abs(numbers).min() > GAP)
