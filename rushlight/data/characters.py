"""Text to numbers character by character, for models that write one after another."""

from collections.abc import Iterable, Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, FormatError
from rushlight.data.codec import Codec, checked_text, checked_texts, specials_of

KIND = "characters"


@final
class CharTokenizer(Codec):
    """A token for each character that is known.

    Args:
        characters: the known ones, each once; their ids are in this order, after those of the
            special tokens.
        specials: the special tokens, in the order of their ids: "unknown", "padding", "begin",
            "end". Without "unknown", a text with another character is an error.

    Raises DataError for a character that comes twice, for more than one at once, and for half of a
    surrogate pair.

    >>> tokenizer = CharTokenizer.build(["to be"], specials=("begin", "end"))
    >>> len(tokenizer), tokenizer.characters
    (7, ' beot')
    >>> tokenizer.encode("bob")
    array([3, 5, 3])
    >>> tokenizer.decode([tokenizer.begin, *tokenizer.encode("to be"), tokenizer.end])
    'to be'
    """

    def __init__(self, characters: Iterable[str], specials: Iterable[str] = ()) -> None:
        known = list(characters)
        for one in known:
            if not isinstance(one, str) or len(one) != 1 or "\ud800" <= one <= "\udfff":
                raise DataError(f"{one!r:.40} is no character")
        super().__init__(specials)
        self._add(one.encode() for one in known)
        self.characters = "".join(known)
        codes = _codes(self.characters)
        self._order = np.argsort(codes, kind="stable")
        self._codes = codes[self._order]
        twice = np.flatnonzero(self._codes[1:] == self._codes[:-1])
        if len(twice):
            raise DataError(f"the character {chr(self._codes[twice[0]])!r} comes twice")

    @classmethod
    def build(cls, texts: Iterable[str], specials: Iterable[str] = ()) -> "CharTokenizer":
        """Return the tokenizer of all characters in the texts, ordered by their code points.

        >>> CharTokenizer.build(["hello"]).characters
        'ehlo'
        """
        return cls(sorted(set().union(*checked_texts(texts))), specials)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, CharTokenizer) and self.characters == other.characters
        return same and self.specials == other.specials  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.characters, self.specials))

    def __repr__(self) -> str:
        return f"CharTokenizer({len(self)} tokens)"

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids of the characters of a text, int64 (characters,).

        Raises DataError for a character that is not known, if no token stands for such.

        >>> CharTokenizer("abc", specials=("unknown",)).encode("cabs")
        array([3, 1, 2, 0])
        """
        given = _codes(checked_text(text))
        places = np.searchsorted(self._codes, given)
        known = places < len(self._codes)
        known[known] = self._codes[places[known]] == given[known]
        if not known.all() and "unknown" not in self.specials:
            which = chr(given[np.argmin(known)])
            hint = 'specials=("unknown",) gives all such characters one token'
            raise DataError(f"the character {which!r} is not known", hint=hint)
        ids = np.full(len(given), 0 if known.all() else self.unknown, np.int64)
        ids[known] = self._order[places[known]] + len(self.specials)
        return ids

    def to_task(self) -> dict[str, Any]:
        """Return what the task of a model file says of the tokenizer, as plain values.

        >>> CharTokenizer("abc").to_task()
        {'tokenizer': {'kind': 'characters', 'characters': 'abc', 'specials': []}}
        """
        plain = {
            "kind": KIND,
            "characters": self.characters,
            "specials": list(self.specials),
        }
        return {"tokenizer": plain}

    @classmethod
    def from_task(cls, task: Mapping[str, Any]) -> "CharTokenizer":
        """Return the tokenizer of a model file's task; raises FormatError where it has none.

        >>> CharTokenizer.from_task(CharTokenizer("abc").to_task()) == CharTokenizer("abc")
        True
        """
        plain = task.get("tokenizer")
        wanted = {"kind", "characters", "specials"}
        if not isinstance(plain, Mapping) or set(plain) != wanted or plain["kind"] != KIND:
            raise FormatError(f"a tokenizer of {KIND} is an object of characters and specials")
        if not isinstance(plain["characters"], str):
            raise FormatError("tokenizer: its characters are no text")
        try:
            return cls(plain["characters"], specials_of(plain))
        except DataError as error:
            raise FormatError(f"tokenizer: {error.fact}") from None


def _codes(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
