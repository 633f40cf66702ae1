"""Text to numbers by byte-pair encoding: frequent words are one token, and no text is unknown."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.codec import Codec, checked_text, checked_texts, specials_of, to_bytes
from rushlight.data.merges import BYTES, LONGEST, Merges, Pair, learn

KIND = "byte-pairs"
MOST_MERGES = 1 << 20
_MOST_KNOWN = 1 << 23  # characters of the pieces whose tokens are remembered

# Accents and vowel signs of the scripts that have most of them; `\w` knows letters alone.
_MARKS = "".join(
    chr(code) for code in range(0x300, 0x1A00) if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
_PIECES = re.compile(
    rf"[ '\u2019]?(?:[^\W\d_]|[{_MARKS}])+"  # a word, with the space or apostrophe before it
    r"| ?\d{1,3}"  # of a number, three digits at a time
    r"| ?(?:[^\w\s]|_)+"  # marks and symbols
    r"|\n+"
    r"|[^\S\n]+(?!\S)"  # spaces, of which the last one goes with the word
    r"|\s"
)


@final
class BPETokenizer(Codec):
    """Tokens of one byte or more, merged from pairs that come often: byte-level BPE.

    A text is cut into words with the space before them, runs of up to three digits, of marks, and
    of spaces. The bytes of each piece are its first tokens, and merges are done to them in
    order. As each byte is a token, there is no unknown text, and `decode` gives every text back.

    Source: Sennrich, Haddow, Birch 2016, of bytes as Radford et al. 2019 do it.

    Args:
        merges: pairs of tokens, each to be merged into one: merge i makes the token 256 + i, and
            the tokens below 256 are bytes. Special tokens are not counted here.
        specials: the special tokens, which have the first ids: "padding", "begin", "end".

    Raises DataError for a pair of tokens that are not there yet, for a pair that comes twice, and
    for a token of more than 256 bytes.

    >>> tokenizer = BPETokenizer.build(["low lower lowest slow slower"], size=260)
    >>> tokens = tokenizer.encode("slowly").tolist()
    >>> tokens, [tokenizer.decode([token]) for token in tokens]
    ([115, 257, 108, 121], ['s', 'low', 'l', 'y'])
    """

    def __init__(self, merges: Iterable[Pair], specials: Iterable[str] = ()) -> None:
        self.merges = _as_pairs(merges)
        tokens = [bytes([byte]) for byte in range(BYTES)]
        for number, (first, second) in enumerate(self.merges):
            tokens.append(tokens[first] + tokens[second])
            if len(tokens[-1]) > LONGEST:
                raise DataError(f"merge {number} makes a token of more than {LONGEST} bytes")
        super().__init__(specials)
        if "unknown" in self.specials:
            raise UsageError("no text is unknown to a tokenizer of bytes")
        self._add(tokens)
        self._merges = Merges(self.merges)
        self._known: dict[str, tuple[int, ...]] = {}  # tokens of pieces met before
        self._remembered = 0  # characters

    @classmethod
    def build(cls, texts: Iterable[str], size: int, specials: Iterable[str] = ()) -> "BPETokenizer":
        """Return the tokenizer of the pairs that come most often in the texts.

        Of pairs that come equally often, the one with the lowest first token is merged first, then
        the one with the lowest second: the same texts give the same tokenizer.

        Args:
            texts: to learn from.
            size: tokens in all: special ones, the 256 bytes, and merges; there are fewer where no
                pair comes twice any more.
            specials: the special tokens.

        Raises UsageError for a size that leaves no room for the bytes, or above 2^20.

        >>> len(BPETokenizer.build(["to be or not to be"], size=300))
        259
        """
        special = tuple(specials) if not isinstance(specials, str) else (specials,)
        least = BYTES + len(special)
        if type(size) is not int or not least <= size <= MOST_MERGES:
            raise UsageError(f"size is an int from {least} to {MOST_MERGES}, not {size!r:.40}")
        pieces: Counter[str] = Counter()
        for text in checked_texts(texts):
            pieces.update(_PIECES.findall(text))
        words = {to_bytes(piece): count for piece, count in pieces.items()}
        return cls(learn(words, size - least), special)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, BPETokenizer) and self.merges == other.merges
        return same and self.specials == other.specials  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.merges, self.specials))

    def __repr__(self) -> str:
        return f"BPETokenizer({len(self)} tokens)"

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids of a text, int64 (tokens,).

        >>> BPETokenizer([(97, 98)]).encode("abba")
        array([256,  98,  97])
        """
        pieces = _PIECES.findall(checked_text(text))
        known = self._known
        new = [piece for piece in set(pieces) if piece not in known]
        if new:
            self._remember(known, new)
        tokens = chain.from_iterable(map(known.__getitem__, pieces))
        return np.fromiter(tokens, np.int64) + len(self.specials)

    def _remember(self, known: dict[str, tuple[int, ...]], pieces: list[str]) -> None:
        """Add the tokens of pieces; what is remembered begins anew before it grows too large."""
        tokens, starts = self._merges.tokens_of([to_bytes(piece) for piece in pieces])
        listed, ends = tokens.tolist(), starts.tolist()
        for place, piece in enumerate(pieces):
            known[piece] = tuple(listed[ends[place] : ends[place + 1]])
        self._remembered += sum(map(len, pieces))
        if self._remembered > _MOST_KNOWN:
            self._known, self._remembered = {}, 0

    def to_task(self) -> dict[str, Any]:
        """Return what the task of a model file says of the tokenizer, as plain values.

        >>> BPETokenizer([(97, 98)]).to_task()
        {'tokenizer': {'kind': 'byte-pairs', 'merges': [[97, 98]], 'specials': []}}
        """
        merges = [list(pair) for pair in self.merges]
        return {"tokenizer": {"kind": KIND, "merges": merges, "specials": list(self.specials)}}

    @classmethod
    def from_task(cls, task: Mapping[str, Any]) -> "BPETokenizer":
        """Return the tokenizer of a model file's task; raises FormatError where it has none.

        >>> BPETokenizer.from_task(BPETokenizer([(97, 98)]).to_task()) == BPETokenizer([(97, 98)])
        True
        """
        plain = task.get("tokenizer")
        wanted = {"kind", "merges", "specials"}
        if not isinstance(plain, Mapping) or set(plain) != wanted or plain["kind"] != KIND:
            raise FormatError(f"a tokenizer of {KIND} is an object of merges and specials")
        if not isinstance(plain["merges"], list):
            raise FormatError("tokenizer: its merges are no list")
        try:
            return cls(plain["merges"], specials_of(plain))
        except (DataError, UsageError) as error:
            raise FormatError(f"tokenizer: {error.fact}") from None


def _as_pairs(merges: Iterable[Any]) -> tuple[Pair, ...]:
    """Return merges as pairs of tokens that are there by then."""
    pairs: dict[Pair, None] = {}
    for number, merge in enumerate(merges):
        pair = tuple(merge) if isinstance(merge, (list, tuple)) else ()
        if len(pair) != 2 or not all(type(token) is int for token in pair):
            raise DataError(f"merge {number} is no pair of tokens: {merge!r:.40}")
        if not all(0 <= token < BYTES + number for token in pair):
            raise DataError(f"merge {number} is of a token that is not there yet: {merge!r:.40}")
        if pair in pairs:
            raise DataError(f"merge {number} is of a pair that was merged before: {merge!r:.40}")
        if number >= MOST_MERGES:
            raise DataError(f"there are more than {MOST_MERGES} merges")
        pairs[pair] = None
    return tuple(pairs)
