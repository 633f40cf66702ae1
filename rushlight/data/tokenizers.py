"""The tokenizer that the task of a model file tells of, whichever it is."""

from collections.abc import Mapping
from typing import Any

from rushlight.core.errors import FormatError
from rushlight.data import bpe, characters
from rushlight.data.codec import Codec
from rushlight.data.text import Vocabulary

_KINDS: dict[str, type[Codec]] = {
    characters.KIND: characters.CharTokenizer,
    bpe.KIND: bpe.BPETokenizer,
}


def tokenizer_of(task: Mapping[str, Any]) -> Codec:
    """Return the tokenizer of a model file's task, as its `to_task` put it there.

    Raises FormatError where the task has none, or one that this version does not know.

    >>> tokenizer_of({"kind": "language-model"} | characters.CharTokenizer("abc").to_task())
    CharTokenizer(3 tokens)
    >>> tokenizer_of(Vocabulary(["win", "money"]).to_task())
    Vocabulary(3 words)
    """
    plain = task.get("tokenizer")
    if "vocabulary" in task or not isinstance(plain, Mapping) or "kind" not in plain:
        return Vocabulary.from_task(task)
    kind = plain["kind"]
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise FormatError(f"its tokenizer is {kind!r:.40}, not one of {known}")
    return _KINDS[kind].from_task(task)
