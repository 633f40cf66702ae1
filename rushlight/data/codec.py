"""What all tokenizers have in common: texts to ids and back, at once or token by token."""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import BoundsError, DTypeError, FormatError, UsageError

SPECIALS = ("unknown", "padding", "begin", "end")

_NO_CHARACTER = "\ufffd"  # stands for an unknown character, and for bytes that are no UTF-8
_LONGEST = 4  # bytes of a character in UTF-8
_ERRORS = "rushlight.text"


class Codec(ABC):
    """A tokenizer: gives a text as ids, ids as a text, and itself as plain values.

    Final classes are `Vocabulary`, `CharTokenizer` and `BPETokenizer`. Their `build` makes one
    from texts.

    Special tokens are no part of any text: no text becomes one of them but `unknown`, which stands
    for what a tokenizer does not know, and they are left out of what ids are decoded to.
    `padding` fills up rows, `begin` and `end` are the borders of a text. Each has an id where a
    tokenizer was made with it.
    """

    separator: ClassVar[bytes] = b""  # between the tokens of a text

    def __init__(self, specials: Iterable[str]) -> None:
        self.specials = _as_specials(specials)
        self._bytes = [self._written(name) for name in self.specials]

    def _add(self, tokens: Iterable[bytes]) -> None:
        """Add the tokens after the special ones, as they are in a text's UTF-8."""
        self._bytes.extend(tokens)

    @staticmethod
    def _written(special: str) -> bytes:
        """Return how a special token is written in a text."""
        return _NO_CHARACTER.encode() if special == "unknown" else b""

    @property
    def unknown(self) -> int:
        """The id of what is not known; raises UsageError where there is none."""
        return self._special("unknown")

    @property
    def padding(self) -> int:
        """The id that fills up rows; raises UsageError where there is none."""
        return self._special("padding")

    @property
    def begin(self) -> int:
        """The id before a text; raises UsageError where there is none."""
        return self._special("begin")

    @property
    def end(self) -> int:
        """The id after a text; raises UsageError where there is none."""
        return self._special("end")

    def _special(self, name: str) -> int:
        if name not in self.specials:
            raise UsageError(f"there is no token {name!r}", hint=f'specials=("{name}",)')
        return self.specials.index(name)

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._bytes)

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids of a text, int64 (tokens,)."""

    def decode(self, ids: Sequence[int] | NDArray[np.integer[Any]]) -> str:
        """Return the text of ids of shape (tokens,); special tokens but `unknown` give nothing.

        Bytes that are no UTF-8 become U+FFFD, the sign for what is no character.

        Raises BoundsError for an id that no token has, DTypeError for what are not integers.
        """
        tokens = (self._bytes[number] for number in self._checked(ids))
        return to_text(self.separator.join(filter(None, tokens)))

    def is_unknown(self, token: int) -> bool:
        """Return whether an id stands for what is not known."""
        return "unknown" in self.specials and token == self.unknown

    def spans(self, text: str) -> tuple[list[str], list[range]]:
        """Return the words of a text as it is read, and which of them each of its ids is made of.

        Raises as `encode`.
        """
        words = [to_text(self._bytes[number]) for number in self.encode(text).tolist()]
        return words, [range(place, place + 1) for place in range(len(words))]

    def decoder(self) -> "Decoder":
        """Return what decodes one id after another, as a model makes them."""
        return Decoder(self)

    def bytes_of(self, token: int) -> bytes:
        """Return what a token is in a text's UTF-8; raises BoundsError for an id of none."""
        return self._bytes[self._checked([token])[0]]

    def _checked(self, ids: Any) -> list[int]:
        array = np.asarray(ids)
        if array.size == 0:
            return []
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DTypeError(
                f"ids are integers of shape (tokens,), not {array.dtype} {array.shape}"
            )
        for number in (array.min(), array.max()):
            if not 0 <= number < len(self):
                raise BoundsError(f"id {number} is outside of 0 to {len(self) - 1}")
        found: list[int] = array.tolist()
        return found

    @abstractmethod
    def to_task(self) -> dict[str, Any]:
        """Return what the task of a model file says of the tokenizer, as plain values."""

    @classmethod
    @abstractmethod
    def from_task(cls, task: Mapping[str, Any]) -> Self:
        """Return the tokenizer that `to_task` described; raises FormatError for anything else."""


class Decoder:
    """Decodes ids one by one; what is not yet a whole character waits.

    The texts that `push` and `finish` give are, together, what `decode` gives for all ids.

    >>> from rushlight.data.bpe import BPETokenizer
    >>> tokens = BPETokenizer([])  # a token a byte
    >>> decoder = tokens.decoder()
    >>> [decoder.push(token) for token in tokens.encode("a £")]
    ['a', ' ', '', '£']
    >>> decoder.finish()
    ''
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._waiting = b""
        self._before = b""  # the next token

    def push(self, token: int) -> str:
        """Return the text that is whole with one more id."""
        added = self._codec.bytes_of(token)
        if not added:
            return ""
        given = self._waiting + self._before + added
        self._before = self._codec.separator
        whole = _whole(given)
        self._waiting = given[whole:]
        return to_text(given[:whole])

    def finish(self) -> str:
        """Return what was still waiting; nothing comes after it."""
        rest, self._waiting = self._waiting, b""
        return to_text(rest)


def to_text(data: bytes) -> str:
    """Return the text of UTF-8, in which halves of surrogate pairs may stand, as in Python's."""
    return data.decode("utf-8", _ERRORS)


def to_bytes(text: Any) -> bytes:
    """Return the UTF-8 of a text; raises DTypeError for what is none."""
    return checked_text(text).encode("utf-8", "surrogatepass")


def checked_text(text: Any) -> str:
    """Return a text; raises DTypeError for anything else."""
    if not isinstance(text, str):
        raise DTypeError(f"a text is encoded, not {type(text).__name__}")
    return text


def checked_texts(texts: Any) -> list[str]:
    """Return texts as a list; raises UsageError for one text, whose characters were meant so."""
    if isinstance(texts, str):
        raise UsageError("texts is a list of texts, not one text", hint="build([text])")
    return [checked_text(text) for text in texts]


def specials_of(plain: Mapping[str, Any]) -> list[str]:
    """Return the special tokens of a model file; raises FormatError for others than there are."""
    names = plain.get("specials")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError("tokenizer: its special tokens are no list of names")
    try:
        return list(_as_specials(names))
    except UsageError as error:
        raise FormatError(f"tokenizer: {error.fact}") from None


def _as_specials(names: Iterable[str]) -> tuple[str, ...]:
    given = (names,) if isinstance(names, str) else tuple(names)
    for place, name in enumerate(given):
        if name not in SPECIALS:
            hint = f"choose from {', '.join(SPECIALS)}"
            raise UsageError(f"there is no special token {name!r:.40}", hint=hint)
        if name in given[:place]:
            raise UsageError(f"the special token {name!r} is named twice")
    return given


def _whole(data: bytes) -> int:
    """Return how many bytes come before a character that may not be whole yet."""
    for back in range(1, min(_LONGEST, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # it begins a character, or is one
            length = 1 + (byte >= 0xC2) + (byte >= 0xE0) + (byte >= 0xF0)
            return len(data) - back if length > back else len(data)
    return len(data)


def _half_pair(error: UnicodeError) -> tuple[str, int]:
    """Read half of a surrogate pair, which is no UTF-8, and replace other bytes that are none."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    found = error.object[error.start : error.start + 3]
    if len(found) == 3 and found[0] == 0xED and found[1] & 0xE0 == 0xA0 and found[2] & 0xC0 == 0x80:
        return found.decode("utf-8", "surrogatepass"), error.start + 3
    return _NO_CHARACTER, error.end


codecs.register_error(_ERRORS, _half_pair)
