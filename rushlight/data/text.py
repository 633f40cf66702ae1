"""Text to numbers: the vocabulary that gives each word, or other token, an id."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, DTypeError, FormatError, UsageError
from rushlight.data.codec import Codec, checked_texts, specials_of
from rushlight.data.tokenizer import PLAIN, Tokenizer

UNKNOWN = "<unk>"
FORMAT = "rushlight.words.1"  # of words as the plain Tokenizer gives them
FORMAT_WITH_MORE = "rushlight.words.2"
_MORE = ("tokenizer", "specials")


@final
class Vocabulary(Codec):
    """The words that a model knows, each with an id, in order of first appearance.

    Id 0 is `<unk>`, which stands for every word that is not known, so that words which are added
    later leave the ids of the others as they are. What counts as words is up to the tokenizer.

    Args:
        words: for the ids 1, 2, ...; a word that comes again keeps its first id.
        tokenizer: cuts texts into words; None for the plain one, which `tokenize` uses.
        specials: special tokens after `<unk>`, before the words: "padding", "begin", "end".

    Raises DataError for a word that the tokenizer never gives, as no text would contain it.

    >>> vocabulary = Vocabulary.build(["Hello there", "hello friend"])
    >>> vocabulary.words
    ('<unk>', 'hello', 'there', 'friend')
    >>> vocabulary.encode("Hello, stranger!")
    array([1, 0])
    """

    separator: ClassVar[bytes] = b" "

    def __init__(
        self,
        words: Iterable[str],
        tokenizer: Tokenizer | None = None,
        specials: Iterable[str] = (),
    ) -> None:
        self.tokenizer = PLAIN if tokenizer is None else _as_tokenizer(tokenizer)
        others = (specials,) if isinstance(specials, str) else specials
        super().__init__(("unknown", *(name for name in others if name != "unknown")))
        self._ids = {UNKNOWN: 0}
        for name in self.specials[1:]:
            self._ids[f"<{name}>"] = len(self._ids)
        for word in words:
            if not isinstance(word, str):
                raise DTypeError(f"words are texts, not {word!r:.40}")
            if word not in self._ids:
                if not self.tokenizer.gives(word):
                    plain = "tokenize" if self.tokenizer == PLAIN else "the tokenizer"
                    raise DataError(f"{word!r:.40} is not one word as {plain} gives it")
                self._ids[word] = len(self._ids)
        self._words = tuple(self._ids)
        self._add(word.encode() for word in self._words[len(self.specials) :])

    @staticmethod
    def _written(special: str) -> bytes:
        return UNKNOWN.encode() if special == "unknown" else b""

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        min_count: int = 1,
        max_size: int | None = None,
        tokenizer: Tokenizer | None = None,
        specials: Iterable[str] = (),
    ) -> "Vocabulary":
        """Return the vocabulary of the words in the texts.

        Args:
            texts: where the words are taken from.
            min_count: how often a word must occur to be known.
            max_size: words at most, `<unk>` and special tokens counted; the most frequent ones are
                kept, of equally frequent ones those that came first.
            tokenizer: cuts texts into words, and marks, and runs; None for the plain one.
            specials: special tokens after `<unk>`.

        Raises UsageError for a count or size below 1.

        >>> len(Vocabulary.build(["to be or not to be"]))
        5
        >>> Vocabulary.build(["to be or not to be"], min_count=2).words
        ('<unk>', 'to', 'be')
        """
        for name, value in (("min_count", min_count), ("max_size", max_size)):
            if value is not None and (type(value) is not int or value < 1):
                raise UsageError(f"{name} is an int of 1 or more, not {value!r:.40}")
        vocabulary = cls((), tokenizer, specials)
        counts: Counter[str] = Counter()
        for text in checked_texts(texts):
            counts.update(vocabulary.tokenizer(text))
        known = [word for word, count in counts.items() if count >= min_count]
        if max_size is not None and len(known) > max_size - len(vocabulary):
            most = max(0, max_size - len(vocabulary))
            kept = set(sorted(known, key=counts.__getitem__, reverse=True)[:most])
            known = [word for word in known if word in kept]
        return cls(known, vocabulary.tokenizer, vocabulary.specials)

    @property
    def words(self) -> tuple[str, ...]:
        """All words by id, `<unk>` first."""
        return self._words

    @property
    def is_plain(self) -> bool:
        """Whether it is words as `tokenize` gives them, and no special token but `<unk>`."""
        return self.tokenizer == PLAIN and self.specials == ("unknown",)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return False
        same = self._words == other._words and self.specials == other.specials
        return same and self.tokenizer == other.tokenizer

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
        >>> Vocabulary(["win", "money"]).decode([1, 0, 2])
        'win <unk> money'
        """
        tokens = self.tokenizer(text)
        ids = [self._ids.get(token, 0) for token in tokens if self._reads(token)]
        return np.array(ids or [0] * bool(tokens), dtype=np.int64)

    def _reads(self, token: str) -> bool:
        return token in self._ids or self.tokenizer.is_single(token)

    def spans(self, text: str) -> tuple[list[str], list[range]]:
        """Return the words of a text as it is read, and which of them each of its ids is made of.

        >>> Vocabulary(["win", "win big"], Tokenizer(ngrams=(1, 2))).spans("Win big money")
        (['win', 'big', 'money'], [range(0, 1), range(1, 2), range(2, 3), range(0, 2)])
        """
        pieces, tokens = self.tokenizer.pieces(text), self.tokenizer(text)
        spans = zip(tokens, self.tokenizer.spans(pieces), strict=True)
        read = [span for token, span in spans if self._reads(token)]
        return pieces, read or [range(len(pieces))] * bool(tokens)

    def to_task(self) -> dict[str, Any]:
        """Return what the task of a model file says of a vocabulary, as plain values.

        >>> Vocabulary(["hello"]).to_task()
        {'vocabulary': ['<unk>', 'hello']}
        """
        task: dict[str, Any] = {"vocabulary": list(self._words)}
        if self.tokenizer != PLAIN:
            task["tokenizer"] = self.tokenizer.to_plain()
        if len(self.specials) > 1:
            task["specials"] = list(self.specials)
        return task

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
        if len(set(words)) < len(words):
            raise FormatError("vocabulary: a word is listed twice")
        tokenizer = Tokenizer.from_plain(task["tokenizer"]) if "tokenizer" in task else None
        specials = specials_of(task) if "specials" in task else ()
        try:
            return cls(words, tokenizer, specials)
        except DataError as error:
            raise FormatError(f"vocabulary: {error.fact}") from None

    def to_json(self) -> str:
        """Return the vocabulary as JSON text.

        >>> Vocabulary(["hello"]).to_json()
        '{"format": "rushlight.words.1", "words": ["<unk>", "hello"]}'
        """
        more = self.to_task()
        words = more.pop("vocabulary")
        document = {"format": FORMAT_WITH_MORE if more else FORMAT, "words": words, **more}
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
        if document["format"] not in (FORMAT, FORMAT_WITH_MORE):
            raise FormatError(f"vocabulary: format {document['format']!r:.40} is not {FORMAT!r}")
        more = set(document) - {"format", "words"}
        with_more = document["format"] == FORMAT_WITH_MORE
        if bool(more) != with_more or more - {*_MORE}:
            keys = f"format, words, {', '.join(_MORE)}" if with_more else "format and words"
            raise FormatError(f"vocabulary: not an object of {keys}")
        words = document["words"]
        if not isinstance(words, list) or words[:1] != [UNKNOWN]:
            raise FormatError(f"vocabulary: words are not a list that starts with {UNKNOWN!r}")
        if not all(isinstance(word, str) for word in words):
            raise FormatError("vocabulary: an entry is not text")
        return cls.from_task({"vocabulary": words} | {key: document[key] for key in more})


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
