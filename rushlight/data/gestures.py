"""Gestures of an arm as the accelerometer of a watch feels them, made up from a seed.

A hand follows a path in space; the sensor on its wrist measures how the hand is accelerated, and
the pull of gravity, along axes that turn with the wrist. Wearers differ: in how fast and how far
they move, how the watch sits, how the hand trembles, how they walk. So a network is tested on
wearers that it was not trained on.
"""

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import UsageError, did_you_mean
from rushlight.data.dataset import Dataset
from rushlight.random import Generator

GESTURES = ("nothing", "circle", "shake", "swipe left", "swipe right", "raise", "tap")
AXES = ("x", "y", "z")  # to the right, forwards, upwards, while the wrist is level
SAMPLES = 128
RATE = 50  # samples a second, so a trace takes 2.56 s

_GRAVITY = 9.81  # m/s^2
_TIME = np.arange(SAMPLES + 2) / RATE  # one more at each end, for the second differences

Floats = NDArray[np.float64]


def load(wearers: Iterable[int], each: int = 20, seed: int = 0) -> Dataset:
    """Return traces of wearers: what their watches measured in `each` of every gesture.

    The data set has traces in g, float32 (n, 3, 128), and the numbers of their gestures, int64
    (n,). A wearer is the same one in every call with the same seed.

    Args:
        wearers: numbers from 0 to 2^32 - 1.
        each: how often a wearer makes each gesture.
        seed: 0 to 2^32 - 1.

    Raises UsageError for no wearers, or a number outside of these.

    >>> traces, numbers = load(range(2), each=3).arrays
    >>> traces.shape, numbers.shape
    ((42, 3, 128), (42,))
    """
    people = list(wearers)
    if not people or not isinstance(each, int) or each < 1:
        raise UsageError("there is at least one wearer, who makes each gesture at least once")
    traces = [_worn(_Wearer.of(seed, person), each) for person in people]
    numbers = np.tile(np.repeat(np.arange(len(GESTURES)), each), len(people))
    return Dataset(np.concatenate(traces), numbers, labels=GESTURES)


def save(path: str | os.PathLike[str], gesture: str, wearer: int = 0, seed: int = 0) -> None:
    """Write one trace as a CSV file of three columns, x, y and z, for `rushlight predict`.

    Raises UsageError for a gesture that there is not.
    """
    if gesture not in GESTURES:
        raise UsageError(
            f"there is no gesture {gesture!r:.40}", hint=did_you_mean(str(gesture), GESTURES)
        )
    traces = load([wearer], 1, seed).arrays[0]
    rows = traces[GESTURES.index(gesture)].T
    np.savetxt(path, rows, "%.4f", ",", header=",".join(AXES), comments="")


class _Dice:
    """Random numbers of a wearer, in float64."""

    def __init__(self, seed: int, wearer: int) -> None:
        for number in (seed, wearer):
            if not isinstance(number, (int, np.integer)) or not 0 <= number < 1 << 32:
                fact = f"seeds and wearers are ints from 0 to 2^32 - 1, not {number!r:.40}"
                raise UsageError(fact)
        self._generator = Generator(int(seed) << 32 | int(wearer))

    def between(self, low: float, high: float, *shape: int) -> Floats:
        """Return numbers spread evenly, of shape (*shape, 1), so that they spread over time."""
        return self._generator.uniform((*shape, 1), low, high).numpy().astype(np.float64)

    def noise(self, *shape: int) -> Floats:
        """Return normally distributed numbers."""
        return self._generator.normal(shape).numpy().astype(np.float64)


@dataclass(frozen=True)
class _Wearer:
    """The habits of one person."""

    dice: _Dice
    speed: float  # 1 is usual
    size: float
    tilt: Floats  # of the watch on the wrist, radians about each axis (3,)
    offset: Floats  # of the sensor, in g (3,)
    tremor: float  # in g
    pace: float  # steps a second

    @classmethod
    def of(cls, seed: int, person: int) -> "_Wearer":
        dice = _Dice(seed, person)

        def one(low: float, high: float) -> float:
            return dice.between(low, high).item()

        return cls(
            dice,
            speed=one(0.75, 1.35),
            size=one(0.6, 1.5),
            tilt=dice.between(-0.35, 0.35, 3)[:, 0],
            offset=dice.between(-0.04, 0.04, 3)[:, 0],
            tremor=one(0.005, 0.04),
            pace=one(1.6, 2.3),
        )


@dataclass(frozen=True)
class _Motion:
    """What arms do: `path` in metres (n, 3, 130), `felt` besides in g, and `pitch` in radians."""

    path: Floats | float = 0.0
    felt: Floats | float = 0.0  # (n, 3, 128)
    pitch: Floats | float = 0.0  # (n, 128)


def _worn(wearer: _Wearer, each: int) -> NDArray[np.float32]:
    """Return the traces of one wearer, gesture by gesture, in g (7 * each, 3, 128)."""
    return np.concatenate([_measured(make(wearer, each), wearer, each) for make in _MOTIONS])


def _measured(motion: _Motion, wearer: _Wearer, n: int) -> NDArray[np.float32]:
    """Return what the sensor gives: the motion, walking and gravity, turned; trembling; noise."""
    dice = wearer.dice
    path = np.broadcast_to(motion.path, (n, 3, SAMPLES + 2))
    felt = np.diff(path, n=2) * (RATE * RATE / _GRAVITY) + motion.felt
    felt = felt + _walk(wearer, n, often=0.3, most=0.12)
    felt[:, 2] += 1.0
    turn = wearer.tilt[:, np.newaxis, np.newaxis] + dice.between(-0.2, 0.2, 3, n)
    x, y, z = felt.transpose(1, 0, 2)
    x, y = _turned(x, y, turn[2])
    y, z = _turned(y, z, turn[0] + motion.pitch)
    z, x = _turned(z, x, turn[1])
    shaking = np.sin(_phase(dice, 8, 12, n, 3) + dice.between(0, math.tau, n, 3))
    noise = 0.015 * dice.noise(n, 3, SAMPLES)
    trace = np.stack([x, y, z], 1) + wearer.tremor * shaking + noise
    return (trace + wearer.offset[:, np.newaxis]).astype(np.float32)


def _turned(a: Floats, b: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Return two coordinates after a turn by an angle that leads from the first to the second."""
    return a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)


def _phase(dice: _Dice, low: float, high: float, *shape: int) -> Floats:
    """Return the growing phase of a vibration of some frequency between two, in Hz."""
    return math.tau * dice.between(low, high, *shape) * _TIME[1:-1]


def _walk(wearer: _Wearer, n: int, often: float, most: float) -> Floats:
    """Return what steps add in g, where the wearer walks: up and down, and an arm that swings."""
    dice = wearer.dice
    strength = dice.between(0.25, 1.0, n) * most * (dice.between(0, 1, n) < often)
    phase = math.tau * wearer.pace * dice.between(0.95, 1.05, n) * _TIME[1:-1]
    phase = phase + dice.between(0, math.tau, n)
    up = np.sin(phase) + 0.5 * np.sin(2 * phase + 1.0)
    swing = np.sin(phase / 2)
    return np.asarray(strength[:, np.newaxis] * np.stack([0.4 * swing, 0.9 * swing, up], 1))


def _moved(start: Floats, seconds: Floats, time: Floats = _TIME) -> Floats:
    """Return how much of a movement is done, 0 to 1, as smooth as hands move.

    The path of least jerk (Flash and Hogan 1985).
    """
    s = np.clip((time - start) / seconds, 0.0, 1.0)
    return np.asarray(s * s * s * (10 - 15 * s + 6 * s * s))


def _along(axis: int, path: Floats) -> Floats:
    """Return positions (n, 3, time) that move along one axis."""
    return np.stack([path if axis == i else np.zeros_like(path) for i in range(3)], 1)


def _nothing(wearer: _Wearer, n: int) -> _Motion:
    """Rest or walk, turn the wrist slowly, knock against something."""
    dice = wearer.dice
    slow = _moved(dice.between(0, 1.2, n), dice.between(0.9, 1.6, n), _TIME[1:-1])
    pitch = dice.between(-0.8, 0.8, n) * (dice.between(0, 1, n) < 0.5) * slow
    width = dice.between(0.06, 0.12, n)
    knock = np.exp(-(((_TIME[1:-1] - dice.between(0.2, 2.3, n)) / width) ** 2))
    strength = dice.between(-0.7, 0.7, n) * (dice.between(0, 1, n) < 0.3)
    return _Motion(0.0, _along(1, strength * knock) + _walk(wearer, n, often=0.6, most=0.4), pitch)


def _circle(wearer: _Wearer, n: int) -> _Motion:
    """One round upright, in either direction, from anywhere on it."""
    dice = wearer.dice
    seconds = dice.between(0.9, 1.5, n) / wearer.speed
    start = dice.between(0.05, 1.0, n) * (2.4 - seconds)
    sense = np.sign(dice.between(-1, 1, n))
    angle = dice.between(0, math.tau, n) + sense * math.tau * _moved(start, seconds)
    radius = dice.between(0.1, 0.2, n) * wearer.size
    return _Motion(_along(0, radius * np.cos(angle)) + _along(2, radius * np.sin(angle)))


def _shake(wearer: _Wearer, n: int) -> _Motion:
    """Quickly to and fro, several times."""
    dice = wearer.dice
    seconds = dice.between(0.8, 1.4, n)
    start = dice.between(0.0, 1.0, n) * (2.4 - seconds)
    rising = _moved(start, np.full_like(start, 0.25))
    falling = 1 - _moved(start + seconds - 0.25, np.full_like(start, 0.25))
    phase = math.tau * dice.between(2.8, 4.2, n) * wearer.speed * _TIME
    path = np.sin(phase + dice.between(0, math.tau, n)) * rising * falling
    return _Motion(_along(0, dice.between(0.015, 0.04, n) * wearer.size * path))


def _swipe(sense: int) -> Callable[[_Wearer, int], _Motion]:
    """Fast to one side, and mostly slowly back: the other way, so order tells them apart."""

    def swipe(wearer: _Wearer, n: int) -> _Motion:
        dice = wearer.dice
        seconds = dice.between(0.3, 0.5, n) / wearer.speed
        back = dice.between(0.7, 1.1, n)
        start = dice.between(0.05, 1.0, n) * (2.3 - seconds - back)
        again = start + seconds + dice.between(0.0, 0.25, n)
        way = _moved(start, seconds) - dice.between(0.6, 1.0, n) * _moved(again, back)
        return _Motion(_along(0, sense * dice.between(0.2, 0.4, n) * wearer.size * way))

    return swipe


def _raise(wearer: _Wearer, n: int) -> _Motion:
    """From an arm that hangs to a watch that is looked at: up, and turned towards the face."""
    dice = wearer.dice
    start, seconds = dice.between(0.1, 1.5, n), dice.between(0.45, 0.85, n) / wearer.speed
    hanging = dice.between(-1.5, -0.8, n)
    pitch = hanging * (1 - _moved(start, seconds, _TIME[1:-1]))
    up = dice.between(0.15, 0.3, n) * wearer.size * _moved(start, seconds)
    return _Motion(_along(2, up), 0.0, pitch)


def _tap(wearer: _Wearer, n: int) -> _Motion:
    """A finger on the glass, once or twice: a blow that rings for a moment."""
    dice = wearer.dice
    first = dice.between(0.1, 2.0, n)
    second = first + dice.between(0.18, 0.35, n)
    twice = dice.between(0, 1, n) < 0.5
    frequency, decay = dice.between(12, 20, n), dice.between(0.02, 0.045, n)

    def blow(start: Floats) -> Floats:
        since = np.maximum(_TIME[1:-1] - start, 0.0)
        return np.asarray(np.exp(-since / decay) * np.sin(math.tau * frequency * since))

    ring = dice.between(0.5, 1.6, n) * wearer.size * (blow(first) + twice * blow(second))
    aside = dice.between(-0.3, 0.3, n)
    return _Motion(0.0, _along(2, -ring) + _along(0, aside * ring))


_MOTIONS: tuple[Any, ...] = (_nothing, _circle, _shake, _swipe(-1), _swipe(1), _raise, _tap)
