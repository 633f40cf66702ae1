"""Going on with a text, token by token."""

import time
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rushlight.compile.bound import Bound
from rushlight.compile.function import compile
from rushlight.core.errors import DataError
from rushlight.core.mode import no_grad
from rushlight.llm.sampler import Sampler, at_least
from rushlight.ops.gather import take
from rushlight.tensor import Tensor, tensor

MOST_AT_ONCE = 64  # tokens that one call takes in
FEW = 8  # tokens that are sooner taken in one by one

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]


@runtime_checkable
class LanguageModel(Protocol):
    """What a Decoder asks of a model, as `models.GPT` and `models.RecurrentLM` have it."""

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""

    @property
    def block(self) -> int:
        """The most tokens that it looks back on."""

    def __call__(self, ids: Any, cache: Any = None) -> Tensor:
        """Return the scores after each token, (batch, time, vocabulary)."""

    def cache(self, batch: int = 1) -> Any:
        """Return what keeps what it has read: with `fresh` and `clear`, as a KVCache has them."""

    def eval(self) -> Any:
        """Go into evaluation mode."""


def window_start(count: int, block: int) -> int:
    """Return from which of `count` tokens on a model that looks back on `block` reads.

    Once the window is full, it begins anew with the last half of it.

    >>> [window_start(count, block=4) for count in (3, 4, 5, 6, 7, 8)]
    [0, 0, 3, 3, 3, 6]
    """
    step = block + 1 - max(1, block // 2)
    return max(0, -((block - count) // step)) * step


class Decoder:
    """Gives the scores of the next token of texts, and remembers what it has read of them.

    All is compiled once. With a cache, a token more costs the work of one token; without, that of
    the whole window, which is there to be compared with.

    Args:
        model: such as a `models.GPT`; it is used in evaluation mode.
        batch: how many texts side by side, all of one length.
        cache: whether keys and values are kept.

    Attributes:
        compiling: the seconds that compiling has taken.

    >>> from rushlight.models import GPT
    >>> decoder = Decoder(GPT(65, layers=1, heads=2, width=8, block=4))
    >>> decoder.scores([[1, 2, 3]]).shape
    (1, 65)
    """

    def __init__(self, model: LanguageModel, batch: int = 1, cache: bool = True) -> None:
        model.eval()
        self.model = model
        self.block = model.block
        self.batch = batch
        self._cache = model.cache(batch) if cache else None
        self._read = np.empty((batch, 0), np.int64)  # what is in the cache
        self._programs: dict[int, Bound] = {}
        self.compiling = 0.0

    def scores(self, ids: Any) -> Floats:
        """Return the scores of what follows texts (batch, time), (batch, vocabulary).

        What this gives stays as it is until the next call.

        Raises DataError for texts of another number, or without a token.
        """
        ids = np.asarray(ids)
        _check_texts(ids, self.batch)
        window = ids[:, window_start(ids.shape[1], self.block) :]
        if self._cache is None:
            return self._run(self.block, window)
        known = self._read.shape[1]
        if not 0 < known < window.shape[1] or (window[:, :known] != self._read).any():
            self._cache.clear()
            known = 0
        self._read = window[:, :0]  # should a call fail
        most = min(MOST_AT_ONCE, max(1, self.block // 2))
        while known < window.shape[1]:
            left = window.shape[1] - known
            size = most if left > FEW else 1
            part = window[:, known : known + size]
            scores = self._run(size, part)
            known += part.shape[1]
        self._read = window.copy()
        return scores

    def _run(self, size: int, ids: Ints) -> Floats:
        """Return the scores after `ids`, by the program for `size` tokens; padding follows."""
        if size not in self._programs:
            started = time.perf_counter()
            examples = tensor(np.zeros((self.batch, size), np.int64)), tensor(size)
            with no_grad():
                self._programs[size] = compile(self._program).bind(*examples)
            self.compiling += time.perf_counter() - started
        program = self._programs[size]
        padded, count = program.inputs
        padded[:, : ids.shape[1]] = ids
        padded[:, ids.shape[1] :] = 0
        count[...] = ids.shape[1]
        program()
        return program.outputs[0]

    def _program(self, ids: Tensor, count: Tensor) -> Tensor:
        """Return the scores after the first `count` of `ids`: (batch, vocabulary)."""
        if self._cache is None:
            scores = self.model(ids)
        else:
            self._cache.fresh = count
            scores = self.model(ids, self._cache)
        return take(scores, count - 1, axis=1)  # type: ignore[no-any-return]


def generate(
    decoder: Decoder, ids: Any, tokens: int, sampler: Sampler | None = None
) -> Iterator[Ints]:
    """Return an iterator over the tokens that follow texts (batch, time), each int64 (batch,).

    Args:
        decoder: reads the texts.
        ids: of their tokens, integers.
        tokens: how many to choose.
        sampler: chooses them; `Sampler()` if None.

    >>> from rushlight.models import GPT
    >>> decoder = Decoder(GPT(65, layers=1, heads=2, width=8, block=4))
    >>> [token.shape for token in generate(decoder, [[1, 2]], tokens=3)]
    [(1,), (1,), (1,)]
    """
    sampler = Sampler() if sampler is None else sampler
    given = np.asarray(ids)
    _check_texts(given, decoder.batch)
    count = given.shape[1]
    last = count + at_least("tokens", tokens, 0)
    return _chosen(decoder, given.astype(np.int64), range(count, last), sampler)


def _chosen(decoder: Decoder, written: Ints, ends: range, sampler: Sampler) -> Iterator[Ints]:
    for end in ends:
        if end == written.shape[1]:
            written = np.concatenate([written, np.empty_like(written)], axis=1)
        before = written[:, :end]
        written[:, end] = sampler(decoder.scores(before), before)
        yield written[:, end].copy()


def _check_texts(ids: Any, batch: int) -> None:
    fits = ids.ndim == 2 and len(ids) == batch and ids.shape[1] > 0
    if not fits or ids.dtype.kind not in "iu":
        fact = f"not {ids.dtype} {ids.shape}"
        raise DataError(f"the texts are integers ({batch}, 1 or more), {fact}")
