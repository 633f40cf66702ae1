"""Text to numbers: the vocabulary that gives each word, or other token, an id."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import BoundsError, DataError, DTypeError, FormatError, UsageError
from rushlight.data.tokenizer import PLAIN, Tokenizer

UNKNOWN = "<unk>"
FORMAT = "rushlight.words.1"  # of words as the plain Tokenizer gives them
FORMAT_WITH_TOKENIZER = "rushlight.words.2"


class Vocabulary:
    """The words that a model knows, each with an id, in order of first appearance.

    Id 0 is `<unk>`, which stands for every word that is not known, so that words which are added
    later leave the ids of the others as they are. What counts as words is up to the tokenizer.

    Args:
        words: for the ids 1, 2, ...; a word that comes again keeps its first id.
        tokenizer: cuts texts into words; None for the plain one, which `tokenize` uses.

    Raises DataError for a word that the tokenizer never gives, as no text would contain it.

    >>> vocabulary = Vocabulary.build(["Hello there", "hello friend"])
    >>> vocabulary.words
    ('<unk>', 'hello', 'there', 'friend')
    >>> vocabulary.encode("Hello, stranger!")
    array([1, 0])
    """

    def __init__(self, words: Iterable[str], tokenizer: Tokenizer | None = None) -> None:
        self.tokenizer = PLAIN if tokenizer is None else _as_tokenizer(tokenizer)
        self._ids: dict[str, int] = {UNKNOWN: 0}
        for word in words:
            if not isinstance(word, str):
                raise DTypeError(f"words are texts, not {word!r:.40}")
            if word not in self._ids:
                if not self.tokenizer.gives(word):
                    plain = "tokenize" if self.tokenizer == PLAIN else "the tokenizer"
                    raise DataError(f"{word!r:.40} is not one word as {plain} gives it")
                self._ids[word] = len(self._ids)
        self._words = tuple(self._ids)

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        min_count: int = 1,
        max_size: int | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> "Vocabulary":
        """Return the vocabulary of the words in the texts.

        Args:
            texts: where the words are taken from.
            min_count: how often a word must occur to be known.
            max_size: words at most, `<unk>` counted; the most frequent ones are kept, of equally
                frequent ones those that came first.
            tokenizer: cuts texts into words, and marks, and runs; None for the plain one.

        Raises UsageError for a count or size below 1.

        >>> len(Vocabulary.build(["to be or not to be"]))
        5
        >>> Vocabulary.build(["to be or not to be"], min_count=2).words
        ('<unk>', 'to', 'be')
        """
        for name, value in (("min_count", min_count), ("max_size", max_size)):
            if value is not None and (type(value) is not int or value < 1):
                raise UsageError(f"{name} is an int of 1 or more, not {value!r:.40}")
        if isinstance(texts, str):
            raise UsageError("texts is a list of texts, not one text", hint="build([text])")
        tokens = PLAIN if tokenizer is None else _as_tokenizer(tokenizer)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(tokens(text))
        known = [word for word, count in counts.items() if count >= min_count]
        if max_size is not None and len(known) >= max_size:
            kept = set(sorted(known, key=counts.__getitem__, reverse=True)[: max_size - 1])
            known = [word for word in known if word in kept]
        return cls(known, tokens)

    @property
    def words(self) -> tuple[str, ...]:
        """All words by id, `<unk>` first."""
        return self._words

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Vocabulary) and self._words == other._words
        return same and self.tokenizer == other.tokenizer  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words)"

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids of the words of a text, int64 (words,).

        A word or mark that is not known is 0. A run of several, or of characters, that is not
        known is left out, or most of a text would be unknown; if nothing of a text that has
        tokens is known, that is one 0.

        >>> Vocabulary(["win", "money"]).encode("Win big money")
        array([1, 0, 2])
        >>> pairs = Vocabulary(["win", "win big"], Tokenizer(ngrams=(1, 2)))
        >>> pairs.encode("Win big money")
        array([1, 0, 0, 2])
        """
        tokens = self.tokenizer(text)
        ids = [
            self._ids.get(token, 0)
            for token in tokens
            if token in self._ids or self.tokenizer.is_single(token)
        ]
        return np.array(ids or [0] * bool(tokens), dtype=np.int64)

    def decode(self, ids: Sequence[int] | NDArray[np.integer[Any]]) -> str:
        """Return the words for ids of shape (words,), joined by spaces.

        Raises BoundsError for an id that no word has, DTypeError for what are not integers.

        >>> Vocabulary(["win", "money"]).decode([1, 0, 2])
        'win <unk> money'
        """
        array = np.asarray(ids)
        if array.size == 0:
            return ""
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DTypeError(f"ids are integers of shape (words,), not {array.dtype} {array.shape}")
        for number in (array.min(), array.max()):
            if not 0 <= number < len(self):
                raise BoundsError(f"id {number} is outside of 0 to {len(self) - 1}")
        return " ".join(self._words[number] for number in array.tolist())

    def to_task(self) -> dict[str, Any]:
        """Return what the task of a model file says of a vocabulary, as plain values.

        >>> Vocabulary(["hello"]).to_task()
        {'vocabulary': ['<unk>', 'hello']}
        """
        plain = self.tokenizer == PLAIN
        own = {} if plain else {"tokenizer": self.tokenizer.to_plain()}
        return {"vocabulary": list(self._words), **own}

    @classmethod
    def from_task(cls, task: Mapping[str, Any]) -> "Vocabulary":
        """Return the vocabulary of a model file's task; raises FormatError where it has none.

        Files of older versions have words alone; they mean the plain tokenizer.

        >>> Vocabulary.from_task({"kind": "text-classifier", "vocabulary": ["hello"]}).words
        ('<unk>', 'hello')
        """
        words = task.get("vocabulary")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise FormatError("its task has no list of words")
        tokenizer = Tokenizer.from_plain(task["tokenizer"]) if "tokenizer" in task else None
        try:
            return cls(words, tokenizer)
        except DataError as error:
            raise FormatError(f"vocabulary: {error.fact}") from None

    def to_json(self) -> str:
        """Return the vocabulary as JSON text.

        >>> Vocabulary(["hello"]).to_json()
        '{"format": "rushlight.words.1", "words": ["<unk>", "hello"]}'
        """
        document: dict[str, Any] = {"format": FORMAT, "words": self._words}
        if self.tokenizer != PLAIN:
            document["format"] = FORMAT_WITH_TOKENIZER
            document["tokenizer"] = self.tokenizer.to_plain()
        return json.dumps(document, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Return the vocabulary that `to_json` wrote; raises FormatError for anything else.

        >>> Vocabulary.from_json(Vocabulary(["hello"]).to_json()).words
        ('<unk>', 'hello')
        """
        try:
            document = json.loads(text, object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"vocabulary: not JSON: {error}") from None
        if not isinstance(document, dict) or not {"format", "words"} <= set(document):
            raise FormatError("vocabulary: not an object of format and words")
        if document["format"] not in (FORMAT, FORMAT_WITH_TOKENIZER):
            raise FormatError(f"vocabulary: format {document['format']!r:.40} is not {FORMAT!r}")
        with_tokenizer = document["format"] == FORMAT_WITH_TOKENIZER
        if set(document) != {"format", "words", *["tokenizer"] * with_tokenizer}:
            what = "format, words, tokenizer" if with_tokenizer else "format and words"
            raise FormatError(f"vocabulary: not an object of {what}")
        words = document["words"]
        if not isinstance(words, list) or words[:1] != [UNKNOWN]:
            raise FormatError(f"vocabulary: words are not a list that starts with {UNKNOWN!r}")
        if not all(isinstance(word, str) for word in words):
            raise FormatError("vocabulary: an entry is not text")
        own = {"tokenizer": document["tokenizer"]} if with_tokenizer else {}
        vocabulary = cls.from_task({"vocabulary": words, **own})
        if len(vocabulary) != len(words):
            raise FormatError("vocabulary: a word is listed twice")
        return vocabulary


def _as_tokenizer(value: Any) -> Tokenizer:
    if not isinstance(value, Tokenizer):
        fact = f"tokenizer is a Tokenizer, not {type(value).__name__}"
        raise UsageError(fact, hint="Tokenizer(punctuation=True, ngrams=(1, 2))")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key is given twice")
    return keys
