"""Text to tokens: words, marks of punctuation, and runs of words or of characters."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rushlight.core.errors import DTypeError, FormatError, UsageError

Lengths = tuple[int, int]  # of runs, the shortest and the longest

LONGEST = 16  # of the runs
LONGEST_WORD = 1000  # characters; the accents of a longer one stay as they are
CHARACTERS = "#"  # what a run of characters begins with, so that none is taken for a word
BEGIN, END = "<", ">"  # the borders of a word, among its characters

_REMEMBERED = 0x3000  # the codes below, of most scripts, are looked up once
_SPACE = " "
_APOSTROPHE = "'"
_APOSTROPHES = "'\u2019"
_PIECES = re.compile(r"[^']+(?:'[^']+)*|'")  # a word with the apostrophes inside of it, or a mark
_DIGITS = re.compile(r"\d")  # of any script


class _Letters(dict[int, str | None]):
    """A table for `str.translate` that leaves letters, their marks, digits and apostrophes.

    Punctuation and symbols become spaces, or get spaces around them where they are kept; what
    only formats, such as a soft hyphen or an emoji's variation selector, vanishes.
    """

    def __init__(self, keep_punctuation: bool) -> None:
        self._keep = keep_punctuation

    def __missing__(self, code: int) -> str | None:
        found = self._look_up(chr(code))
        if code < _REMEMBERED:
            self[code] = found
        return found

    def _look_up(self, char: str) -> str | None:
        if char in _APOSTROPHES:
            return _APOSTROPHE
        category = unicodedata.category(char)
        if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
            return None
        if category[0] in "LN" or category in ("Mn", "Mc"):
            return char
        return f" {char} " if self._keep and category[0] in "PS" else _SPACE


_LETTERS = {keep: _Letters(keep) for keep in (False, True)}


def tokenize(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation, in any script.

    Digits count as letters; an apostrophe inside of a word belongs to it.

    >>> tokenize("Don't WAIT: 2 free 'iPhones'!")
    ["don't", 'wait', '2', 'free', 'iphones']
    """
    return PLAIN.pieces(text)


@dataclass(frozen=True)
class Tokenizer:
    """A way to cut texts into tokens.

    First a text becomes pieces: its words, and with `punctuation` each of its marks and symbols.
    The tokens are the runs of pieces (`free`, `free prize`), then the runs of characters of each
    piece, which begin with `#`, and in which `<` and `>` are the piece's borders (`#<fr`, `#ee>`).

    Args:
        words: whether there are runs of pieces.
        punctuation: whether marks and symbols are pieces too, each of its own, emojis among them.
        ngrams: how many pieces a run has, from the first number to the second.
        characters: how many characters a run has, borders counted; None for no such runs.
        fold_case: whether texts are put into lower case first.
        fold_digits: whether every digit reads as 0, so that numbers are told apart by their
            lengths: telephone numbers, prices and years have a look of their own.

    Raises UsageError for lengths that are not from 1 to 16, and where no tokens are left.

    >>> Tokenizer(punctuation=True, ngrams=(1, 2))("Free prize!")
    ['free', 'prize', '!', 'free prize', 'prize !']
    >>> Tokenizer(words=False, characters=(3, 4))("Free")
    ['#<fr', '#fre', '#ree', '#ee>', '#<fre', '#free', '#ree>']
    >>> Tokenizer(punctuation=True, fold_digits=True)("Call 0800 123 for £50")
    ['call', '0000', '000', 'for', '£', '00']
    """

    words: bool = True
    punctuation: bool = False
    ngrams: Lengths = (1, 1)
    characters: Lengths | None = None
    fold_case: bool = True
    fold_digits: bool = False

    def __post_init__(self) -> None:
        for name in ("words", "punctuation", "fold_case", "fold_digits"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"{name} is True or False, not {getattr(self, name)!r:.40}")
        object.__setattr__(self, "ngrams", _lengths("ngrams", self.ngrams))
        if self.characters is not None:
            object.__setattr__(self, "characters", _lengths("characters", self.characters))
        if not self.words and self.characters is None:
            raise UsageError("no tokens are left", hint="Tokenizer(words=False, characters=(3, 5))")
        if not self.words and self.ngrams != (1, 1):
            raise UsageError("ngrams are runs of words, and there are no words")

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text: runs of words from short to long, then of characters."""
        pieces = self.pieces(text)
        tokens: list[str] = []
        if self.words:
            for count in _range(self.ngrams):
                tokens += pieces if count == 1 else map(" ".join, _runs(pieces, count))
        if self.characters is not None:
            for piece in pieces:
                tokens += _characters(piece, self.characters)
        return tokens

    def spans(self, pieces: list[str]) -> list[range]:
        """Return which of a text's pieces each token is made of, in the order of the tokens.

        >>> Tokenizer(ngrams=(1, 2)).spans(["free", "prize"])
        [range(0, 1), range(1, 2), range(0, 2)]
        """
        places = range(len(pieces))
        found: list[range] = []
        if self.words:
            for count in _range(self.ngrams):
                found += [range(place, place + count) for place in range(len(pieces) - count + 1)]
        if self.characters is not None:
            for place in places:
                found += [range(place, place + 1)] * len(
                    _characters(pieces[place], self.characters)
                )
        return found

    def pieces(self, text: str) -> list[str]:
        """Return the words of a text, and the marks between them where they are kept.

        >>> Tokenizer(punctuation=True).pieces("It's £1.50!")
        ["it's", '£', '1', '.', '50', '!']
        """
        if not isinstance(text, str):
            raise DTypeError(f"a text is cut into words, not {type(text).__name__}")
        if self.fold_case:
            text = text.lower()
        if self.fold_digits:
            text = _DIGITS.sub("0", text)
        found: list[str] = []
        for chunk in _composed(text.translate(_LETTERS[self.punctuation]).split()):
            for piece in _PIECES.findall(chunk) if _APOSTROPHE in chunk else (chunk,):
                if any(map(str.isalnum, piece)):
                    found.append(piece)
                elif self.punctuation:
                    found += (char for char in piece if unicodedata.category(char)[0] in "PS")
        return found

    def gives(self, token: str) -> bool:
        """Return whether a text can have this token; of a run of characters, the length tells.

        >>> Tokenizer().gives("prize"), Tokenizer().gives("free prize")
        (True, False)
        """
        if self.is_characters(token):
            whole = not any(one.isspace() or unicodedata.category(one) == "Cs" for one in token)
            length = len(token) - len(CHARACTERS)
            return self.characters is not None and whole and _is_in(length, self.characters)
        parts = token.split(" ")
        fits = self.words and _is_in(len(parts), self.ngrams)
        return fits and self.pieces(token) == parts

    def is_characters(self, token: str) -> bool:
        """Return whether a token is a run of characters.

        >>> Tokenizer().is_characters("#<fr"), Tokenizer().is_characters("free")
        (True, False)
        """
        return len(token) > 1 and token[0] == CHARACTERS and token[1] != " "

    def is_single(self, token: str) -> bool:
        """Return whether a token is one word or mark, not a run of several.

        >>> [Tokenizer().is_single(token) for token in ("free", "free prize", "#<fr")]
        [True, False, False]
        """
        return " " not in token and not self.is_characters(token)

    def to_plain(self) -> dict[str, Any]:
        """Return the settings as plain values, as a model file has them.

        >>> Tokenizer(ngrams=(1, 2)).to_plain()["ngrams"]
        [1, 2]
        """
        values = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_plain(cls, plain: Any) -> "Tokenizer":
        """Return the tokenizer that `to_plain` described; raises FormatError for anything else.

        >>> Tokenizer.from_plain(Tokenizer(ngrams=(1, 2)).to_plain()) == Tokenizer(ngrams=(1, 2))
        True
        """
        names = list(cls.__dataclass_fields__)
        if not isinstance(plain, Mapping) or set(plain) != set(names):
            raise FormatError(f"a tokenizer is an object of {', '.join(names)}")
        try:
            return cls(**plain)
        except UsageError as error:
            raise FormatError(f"tokenizer: {error.fact}") from None


def _composed(chunks: list[str]) -> list[str]:
    """Return what stands between spaces with each accent in one character with its letter.

    To put accents in order takes a time that grows with the square of their number (NFC in
    CPython), so a chunk that is no word of any language is left alone.
    """
    return [
        chunk if len(chunk) > LONGEST_WORD else unicodedata.normalize("NFC", chunk)
        for chunk in chunks
    ]


def _characters(piece: str, lengths: Lengths) -> list[str]:
    bordered = f"{BEGIN}{piece}{END}"
    return [
        CHARACTERS + bordered[start : start + count]
        for count in _range(lengths)
        for start in range(len(bordered) - count + 1)
    ]


def _runs(pieces: list[str], count: int) -> Iterator[tuple[str, ...]]:
    return zip(*(pieces[start:] for start in range(count)), strict=False)


def _range(lengths: Lengths) -> range:
    return range(lengths[0], lengths[1] + 1)


def _is_in(count: int, lengths: Lengths) -> bool:
    return lengths[0] <= count <= lengths[1]


def _lengths(name: str, value: Any) -> Lengths:
    numbers = list(value) if isinstance(value, (tuple, list)) else []
    if len(numbers) == 2 and all(type(number) is int for number in numbers):
        shortest, longest = numbers
        if 1 <= shortest <= longest <= LONGEST:
            return shortest, longest
    fact = f"{name} are two lengths from 1 to {LONGEST}, the shorter first, not {value!r:.40}"
    raise UsageError(fact, hint=f"{name}=(1, 2)")


PLAIN = Tokenizer()  # words in lower case, as `tokenize` gives them
