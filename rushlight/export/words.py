"""The tables by which exported C reads texts as `rushlight.data.tokenizer.tokenize` does.

Every character has a kind. Those that words of the vocabulary are made of have a spelling: itself
in lower case and decomposed (Unicode's NFD), so that words which look alike are alike. Whatever is
not made of these is an unknown word, so the tables stay small.
"""

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from rushlight.core.errors import UsageError
from rushlight.export.names import c_string

SPACE, LETTER, MARK, NOTHING, APOSTROPHE = range(5)
_SURROGATES = range(0xD800, 0xE000)


def words_text(words: Sequence[str]) -> str:
    """Return the C of the tables for a vocabulary, whose first word stands for all unknown ones."""
    spelled = {unicodedata.normalize("NFD", word): i for i, word in enumerate(words) if i > 0}
    used = {char for word in spelled for char in word}
    longest = max(map(len, spelled), default=1)
    rows = [
        f"    {{0x{code:X}, {{{', '.join(f'0x{ord(c):X}' for c in spelling)}}}, {len(spelling)}, "
        f"{unicodedata.combining(chr(code)) if spelling == chr(code) else 0}}},"
        for code, spelling in _spellings(used)
    ]
    kinds = [f"    {{0x{a:X}, 0x{b:X}, {kind}}}," for a, b, kind in _kinds()]
    entries = sorted((word.encode(), i) for word, i in spelled.items())
    table = [f"    {{{c_string(word)}, {i}}}," for word, i in entries] or ['    {"", 0},']
    context = [f"    {{0x{a:X}, 0x{b:X}, {kind}}}," for a, b, kind in _contexts(used)]
    return "\n".join(
        [
            "typedef struct {\n    const char *text; /* decomposed */\n    int id;\n} word;\n",
            "static const word words[] = {",
            *table,
            "};\n",
            f"enum {{ LONGEST_WORD = {longest} }};\n",
            "typedef struct {",
            "    uint32_t code, codes[4];",
            "    uint8_t length, order;",
            "} spelling;\n",
            "static const spelling spellings[] = {",
            *(rows or ["    {0, {0}, 0, 0},"]),
            "};\n",
            "typedef struct {\n    uint32_t first, last;\n    int kind;\n} range;\n",
            "static const range kinds[] = {",
            *kinds,
            "};\n",
            "/* For the Greek letter sigma, which has a form of its own at the end of a word. */",
            "static const range contexts[] = {",
            *(context or ["    {0, 0, 0},"]),
            "};\n",
        ]
    )


def kind_of(char: str) -> int:
    """Return what a character is in a text; `tokenize` makes the same difference."""
    if char in "'\u2019":
        return APOSTROPHE
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
        return NOTHING
    if category[0] in "LN":
        return LETTER
    return MARK if category in ("Mn", "Mc") else SPACE


def _characters() -> Iterator[int]:
    return (code for code in range(sys.maxunicode + 1) if code not in _SURROGATES)


def _kinds() -> list[tuple[int, int, int]]:
    """Return the ranges of characters that are no spaces, with their kinds."""
    kinds = ((code, kind_of(chr(code))) for code in _characters())
    return _ranges((code, 0 if kind == APOSTROPHE else kind) for code, kind in kinds)


def _ranges(kinds: Iterator[tuple[int, int]]) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for kind, group in groupby(kinds, key=lambda pair: pair[1]):
        codes = [code for code, _ in group]
        if kind:
            found.append((codes[0], codes[-1], kind))
    return found


def _spellings(used: set[str]) -> Iterator[tuple[int, str]]:
    """Yield each character that can be part of a word of the vocabulary, and how it is spelled."""
    for code in _characters():
        char = chr(code)
        lower = char.lower()
        spelling = unicodedata.normalize("NFD", lower)
        if used.issuperset(spelling):
            if len(spelling) > 4 or any(kind_of(c) != kind_of(char) for c in lower[:1]):
                raise UsageError(f"the spelling of U+{code:04X} cannot be exported")
            yield code, "'" if kind_of(char) == APOSTROPHE else spelling


def _contexts(used: set[str]) -> list[tuple[int, int, int]]:
    """Return ranges of characters that are cased (1), or that are looked past (2), near a sigma.

    Python does not tell them; how it lowers a sigma beside them does.
    """
    if not used & {"\u03c3", "\u03c2"}:
        return []
    final = "\u03c2"
    kinds = []
    for code in _characters():
        if f"A\u03a3{chr(code)}".lower()[1] != final:
            kinds.append((code, 1))
        else:
            kinds.append((code, 2 if f"A\u03a3{chr(code)}A".lower()[1] != final else 0))
    return _ranges(iter(kinds))
