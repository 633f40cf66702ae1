"""Choosing the next token by its scores."""

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, UsageError
from rushlight.core.philox import check_key, random_bits, uniform64

AT_ONCE = 1024  # random numbers
LARGEST = float(np.finfo(np.float64).max)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Sampler:
    """Draws tokens by scores; the same ones for the same seed, wherever it runs.

    What is asked for is done in this order: the penalty, the temperature, top-k, top-p, min-p.

    Args:
        temperature: what scores are divided by: below 1 likely tokens get likelier, 0 takes the
            likeliest.
        top_k: only so many tokens, the likeliest ones, can be drawn; None for all.
        top_p: only the likeliest can be drawn that together have this chance (Holtzman et al.
            2020).
        min_p: only those can be drawn whose chance is at least this share of the likeliest one's
            (Nguyen et al. 2024).
        repetition_penalty: by which the score of a token that has come is divided if it is
            positive, and multiplied if it is negative (Keskar et al. 2019); 0.001 to 1000.
        seed: of the draws, 0 to 2^32 - 1.

    Raises UsageError for numbers outside of what makes sense.

    >>> sampler = Sampler(temperature=0.5, top_k=2)
    >>> sampler.chances([0.0, 1.0, 2.0]).round(3).tolist()
    [0.0, 0.119, 0.881]
    >>> [int(sampler([0.0, 1.0, 2.0])) for _ in range(6)]
    [2, 2, 2, 2, 1, 2]
    """

    def __init__(
        self,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.temperature = _number("temperature", temperature, low=0.0)
        self.top_k = None if top_k is None else at_least("top_k", top_k, 1)
        self.top_p = _number("top_p", top_p, low=0.0, high=1.0)
        if self.top_p == 0.0:
            raise UsageError(
                "top_p 0 leaves nothing to draw", hint="temperature 0 is the likeliest"
            )
        self.min_p = _number("min_p", min_p, low=0.0, high=1.0)
        self.repetition_penalty = _number("repetition_penalty", repetition_penalty, 1e-3, 1e3)
        self.seed, self._part = check_key((seed, 0))
        self._uniform = np.empty(0)

    def __call__(self, scores: Any, before: Any = None) -> Ints:
        """Return the number of a token drawn by scores (..., vocabulary), int64 (...).

        Args:
            scores: finite numbers; -inf for a token that is out of the question.
            before: the tokens that have come, integers (..., any number), for the penalty.

        Raises DataError for scores of which none can be the best.
        """
        scores = self._penalised(scores, before)
        if self.temperature == 0.0:
            return np.asarray(scores.argmax(-1))
        sums = np.cumsum(self._chances(scores), axis=-1)
        drawn = self._next(sums.shape[:-1])[..., np.newaxis] * sums[..., -1:]
        return np.asarray((sums <= drawn).sum(-1))

    def chances(self, scores: Any, before: Any = None) -> Floats:
        """Return the chance of each token to be drawn, float64 (..., vocabulary)."""
        scores = self._penalised(scores, before)
        if self.temperature == 0.0:
            best = scores.argmax(-1)[..., np.newaxis]
            return np.asarray(np.arange(scores.shape[-1]) == best, np.float64)
        return self._chances(scores)

    def _penalised(self, scores: Any, before: Any) -> Floats:
        given: Floats = np.asarray(scores, np.float64)
        if given.ndim == 0 or given.shape[-1] == 0:
            raise DataError(f"there are no tokens to choose from, but scores {given.shape}")
        if not np.isfinite(given.max(-1)).all():
            raise DataError("the scores are not finite")
        if self.repetition_penalty == 1.0 or before is None:
            return given
        has_come = np.zeros(given.shape, np.bool_)
        np.put_along_axis(has_come, np.asarray(before, np.int64), True, -1)
        penalty = self.repetition_penalty
        lower = np.where(given > 0.0, given / penalty, given * penalty)
        return np.where(has_come, lower, given)

    def _chances(self, scores: Floats) -> Floats:
        distance = scores - scores.max(-1, keepdims=True)
        with np.errstate(over="ignore"):  # of a temperature near 0
            chances = np.exp(distance / self.temperature)
        if self.top_k is not None or self.top_p < 1.0 or self.min_p > 0.0:
            chances = self._cut(chances)
        return np.asarray(chances / chances.sum(-1, keepdims=True))

    def _cut(self, chances: Floats) -> Floats:
        """Return chances, up to a factor, without those of the tokens that are not to be drawn."""
        order = np.argsort(-chances, axis=-1, kind="stable")
        ranked = np.take_along_axis(chances, order, -1)
        if self.top_k is not None:
            ranked[..., self.top_k :] = 0.0
        ahead = np.cumsum(ranked, axis=-1) - ranked  # of those that are likelier
        total = ranked.sum(-1, keepdims=True)
        kept = (ahead < self.top_p * total) & (ranked >= self.min_p * ranked[..., :1])
        cut = np.zeros_like(chances)
        np.put_along_axis(cut, order, np.where(kept, ranked, 0.0), -1)
        return cut

    def _next(self, shape: tuple[int, ...]) -> Floats:
        """Return the next numbers of the stream, uniform in [0, 1)."""
        count = int(np.prod(shape))
        while len(self._uniform) < count:
            bits = random_bits((self.seed, self._part), 0, 2 * AT_ONCE)
            self._uniform = np.concatenate([self._uniform, uniform64(bits)])
            self._part += 1
        drawn, self._uniform = self._uniform[:count], self._uniform[count:]
        return drawn.reshape(shape)


def _number(name: str, value: Any, low: float, high: float = np.inf) -> float:
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not low <= value <= min(high, LARGEST):
        limits = f"from {low:g} to {high:g}" if high < np.inf else f"of at least {low:g}"
        raise UsageError(f"{name} is a number {limits}, not {value!r:.40}")
    return float(value)


def at_least(name: str, value: Any, least: int) -> int:
    """Return an int of at least `least`; raise UsageError for anything else."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise UsageError(f"{name} is an int of at least {least}, not {value!r:.40}")
    return number
