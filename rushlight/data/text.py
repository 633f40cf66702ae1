"""Text to numbers: words, and the vocabulary that gives each of them an id."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import BoundsError, DataError, DTypeError, FormatError

UNKNOWN = "<unk>"
FORMAT = "rushlight.words.1"

_SPACE = ord(" ")
_APOSTROPHES = "'\u2019"


class _Letters(dict[int, int | None]):
    """A table for `str.translate` that leaves letters, their marks, digits and apostrophes.

    Anything else becomes a space; what only formats, such as a soft hyphen or an emoji's
    variation selector, vanishes.
    """

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        if char in _APOSTROPHES:
            return ord("'")
        category = unicodedata.category(char)
        if category == "Cf" or 0xFE00 <= code <= 0xFE0F:
            return None
        return code if category[0] in "LN" or category in ("Mn", "Mc") else _SPACE


_LETTERS = _Letters()


def tokenize(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation, in any script.

    Digits count as letters; an apostrophe inside of a word belongs to it.

    >>> tokenize("Don't WAIT: 2 free 'iPhones'!")
    ["don't", 'wait', '2', 'free', 'iphones']
    """
    spaced = text.lower().translate(_LETTERS).replace("''", " ")
    words = (word.strip("'") for word in unicodedata.normalize("NFC", spaced).split())
    return [word for word in words if any(map(str.isalnum, word))]


class Vocabulary:
    """The words that a model knows, each with an id, in order of first appearance.

    Id 0 is `<unk>`, which stands for every word that is not known, so that words which are added
    later leave the ids of the others as they are.

    >>> vocabulary = Vocabulary.build(["Hello there", "hello friend"])
    >>> vocabulary.words
    ('<unk>', 'hello', 'there', 'friend')
    >>> vocabulary.encode("Hello, stranger!")
    array([1, 0])
    """

    def __init__(self, words: Iterable[str]) -> None:
        """Give the ids 1, 2, ... to the words; a word that comes again keeps its first id.

        Raises DataError for a word that `tokenize` never gives, as no text would contain it.
        """
        self._ids: dict[str, int] = {UNKNOWN: 0}
        for word in words:
            if word not in self._ids:
                if tokenize(word) != [word]:
                    raise DataError(f"{word!r:.40} is not one word as tokenize gives it")
                self._ids[word] = len(self._ids)
        self._words = tuple(self._ids)

    @classmethod
    def build(cls, texts: Iterable[str]) -> "Vocabulary":
        """Return the vocabulary of all words in the texts.

        >>> len(Vocabulary.build(["to be or not to be"]))
        5
        """
        return cls(word for text in texts for word in tokenize(text))

    @property
    def words(self) -> tuple[str, ...]:
        """All words by id, `<unk>` first."""
        return self._words

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self._words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words)"

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids of the words of a text, int64 (words,), 0 for those not known.

        >>> Vocabulary(["win", "money"]).encode("Win big money")
        array([1, 0, 2])
        """
        return np.array([self._ids.get(word, 0) for word in tokenize(text)], dtype=np.int64)

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

    def to_json(self) -> str:
        """Return the vocabulary as JSON text.

        >>> Vocabulary(["hello"]).to_json()
        '{"format": "rushlight.words.1", "words": ["<unk>", "hello"]}'
        """
        return json.dumps({"format": FORMAT, "words": self._words}, ensure_ascii=False)

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
        if not isinstance(document, dict) or set(document) != {"format", "words"}:
            raise FormatError("vocabulary: not an object of format and words")
        if document["format"] != FORMAT:
            raise FormatError(f"vocabulary: format {document['format']!r:.40} is not {FORMAT!r}")
        words = document["words"]
        if not isinstance(words, list) or words[:1] != [UNKNOWN]:
            raise FormatError(f"vocabulary: words are not a list that starts with {UNKNOWN!r}")
        if not all(isinstance(word, str) for word in words):
            raise FormatError("vocabulary: an entry is not text")
        try:
            vocabulary = cls(words)
        except DataError as error:
            raise FormatError(f"vocabulary: {error.fact}") from None
        if len(vocabulary) != len(words):
            raise FormatError("vocabulary: a word is listed twice")
        return vocabulary


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key is given twice")
    return keys
