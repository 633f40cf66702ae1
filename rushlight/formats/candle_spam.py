"""The spam filter that spam_candle_ai (github.com/laolaowhn/spam_candle_ai) saves.

A safetensors file of `embed.weight` (words + 1, width), `classifier.weight` (2, width) and
`classifier.bias` (2). The words have their rows by first appearance in the training texts, from 0
on; the last row is every other word's. Class 0 is ham, class 1 spam. The words are not in it.
"""

import os
from collections.abc import Sequence

import numpy as np

from rushlight.core.errors import FormatError, UsageError
from rushlight.core.primitive import Array
from rushlight.formats.safetensors import SafetensorsFile, load_file
from rushlight.nn.containers import Sequential
from rushlight.nn.embedding import EmbeddingBag
from rushlight.nn.linear import Linear

TENSORS = {"embed.weight": 2, "classifier.weight": 2, "classifier.bias": 1}  # and their axes
LABELS = ("HAM", "SPAM")


def read_candle_spam(path: str | os.PathLike[str], words: Sequence[str] | None) -> Sequential:
    """Return the network in such a file: ids of words to scores of ham and spam.

    The unknown word, which has the last row there, gets row 0, as a Vocabulary has it; so word i of
    `words` (from 0) gets row i + 1.

    Raises:
        FormatError: the file is broken, or holds something else, NaN or an infinity.
        UsageError: the words are missing, or not as many as the file has rows for.
    """
    with load_file(path) as file:
        if not is_candle_spam(file):
            fact = f"is no spam filter of Candle's: it has {_listed(file)}"
            raise FormatError(fact, path=path, hint=f"those have {', '.join(TENSORS)}")
        table, weight, bias = (_floats(file, path, name) for name in TENSORS)
    rows, width = table.shape
    if weight.shape != (2, width) or bias.shape != (2,) or rows < 2 or not width:
        shapes = ", ".join(str(one.shape) for one in (table, weight, bias))
        raise FormatError(f"the shapes {shapes} do not go together", path=path)
    _check_words(words, rows - 1)
    bag, classifier = EmbeddingBag(rows, width, init="zeros"), Linear(width, 2, init="zeros")
    bag.load_state_dict({"weight": np.roll(table, 1, axis=0)})
    classifier.load_state_dict({"weight": weight, "bias": bias})
    return Sequential(bag, classifier)


def is_candle_spam(file: SafetensorsFile) -> bool:
    """Return whether a safetensors file has the tensors of such a filter, and no others."""
    return sorted(file.names) == sorted(TENSORS)


def _floats(file: SafetensorsFile, path: str | os.PathLike[str], name: str) -> Array:
    stored = file.tensor(name)
    if stored.dtype != "F32" or len(stored.shape) != TENSORS[name]:
        fact = f"{name} is {stored.dtype} {stored.shape}, not F32 of {TENSORS[name]} axes"
        raise FormatError(fact, path=path)
    if not np.isfinite(stored.array).all():
        raise FormatError(f"{name} has NaN or an infinity", path=path)
    return stored.array.copy()


def _check_words(words: Sequence[str] | None, wanted: int) -> None:
    if words is None:
        raise UsageError(
            f"the file has rows for {wanted} words, but not the words",
            hint="--vocabulary FILE, one word a line by first appearance in the training texts",
        )
    if len(words) != wanted:
        raise UsageError(f"the file has rows for {wanted} words, the vocabulary has {len(words)}")


def _listed(file: SafetensorsFile) -> str:
    names = [f"{name:.40}" for name in file.names[:3]]
    more = len(file.names) - len(names)
    return ", ".join(names + ([f"{more} more"] if more else [])) or "no tensors"
