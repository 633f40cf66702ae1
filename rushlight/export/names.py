"""Names from model files in C: identifiers, strings and comments that stay what they are."""

import keyword
import re
import sys
import textwrap
from pathlib import Path

LONGEST = 40  # characters of an identifier that is made of a file's name
WIDTH = 96
FOLD = 100

_HEADERS = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale main math model_test "
    "pthread sched setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib "
    "stdnoreturn string test tgmath threads time uchar unistd wchar wctype makefile numpy"
)
_KEYWORDS = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while alignas alignof bool catch class delete namespace new "
    "operator private protected public template this throw typename using virtual"
)
_TAKEN = {*_HEADERS.split(), *_KEYWORDS.split(), *keyword.kwlist, *sys.stdlib_module_names}
_IN_STRINGS = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,:;()+=<>@#&!'{}[]/*-%^|~$`"
)


def identifier(path: Path) -> str:
    """Return what the C of a model is called: the file's name, as far as it can be in C.

    >>> identifier(Path("models/My digits-2.safetensors")), identifier(Path("7*.safetensors"))
    ('my_digits_2', 'model_7')
    >>> identifier(Path("class.safetensors")), identifier(Path("é.safetensors"))
    ('model_class', 'model')
    """
    stem = path.name.removesuffix(".safetensors")
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower())[:LONGEST].strip("_")
    if not name:
        return "model"
    if name[0].isdigit() or name in _TAKEN or name == "rl" or name.startswith("rl_"):
        return f"model_{name}"
    return name


def c_string(text: str | bytes, indent: str = "") -> str:
    r"""Return a C string that holds exactly this text, in UTF-8; long ones are several in a row.

    >>> print(c_string('50% "off"?'))
    "50% \"off\"\?"
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    lines, line = [], ""
    for byte in data:
        if byte in _IN_STRINGS:
            piece = chr(byte)
        elif byte in b'"\\?':
            piece = f"\\{chr(byte)}"
        elif byte == 10:
            piece = "\\n"
        else:
            piece = f"\\{byte:03o}"
        if len(line) + len(piece) > WIDTH - len(indent) - 4:
            lines.append(line)
            line = ""
        line += piece
        if byte == 10:
            lines.append(line)
            line = ""
    if line or not lines:
        lines.append(line)
    return f"\n{indent}".join(f'"{line}"' for line in lines)


def harmless(text: str) -> str:
    r"""Return a text that a comment may hold: in one line, and without what could end it.

    >>> harmless('a"*/ b\n')
    'a___ b_'
    """
    return re.sub(r"[^A-Za-z0-9_.,:;()+=<> -]", "_", text)


def folded(text: str) -> str:
    """Return C whose long lines go on in the next one; none of them may hold a string.

    >>> folded("int f(" + "int a, " * 20 + "int b);").splitlines()[1]
    '    int a, int a, int a, int a, int a, int a, int a, int b);'
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= FOLD:
            lines.append(line)
            continue
        own = " " * (len(line) - len(line.lstrip()))
        if line.lstrip().startswith("/*"):
            further = f"{own}   "
            lines += textwrap.wrap(line, FOLD, subsequent_indent=further, break_long_words=False)
            continue
        lines += _folded_at_commas(line, f"{own}    ")
    return "\n".join(lines)


def _folded_at_commas(line: str, further: str) -> list[str]:
    lines, now = [], ""
    for part in re.split(r"(?<=,) ", line):
        if now and len(now) + 1 + len(part) > FOLD:
            lines.append(now)
            now = f"{further}{part}"
        else:
            now = f"{now} {part}" if now else part
    return [*lines, now]


def comment(text: str) -> str:
    r"""Return a C comment of lines that are harmless already, wrapped.

    >>> print(comment("One thing.\n\nAnother."))
    /* One thing.
     *
     * Another.
     */
    """
    lines: list[str] = []
    for line in text.splitlines():
        hanging = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(
            line, WIDTH - 3, subsequent_indent=hanging[2:], break_on_hyphens=False
        ) or [""]
    if len(lines) == 1:
        return f"/* {lines[0]} */"
    body = "\n".join(f" * {line}".rstrip() for line in lines)
    return f"/*{body[2:]}\n */"


def renamed(text: str, name: str) -> str:
    """Return C in which what begins with `model_` begins with the name of a model.

    >>> renamed("int model_predict(void); /* MODEL_H, -DMODEL_THREADS=2 */", "xor")
    'int xor_predict(void); /* XOR_H, -DXOR_THREADS=2 */'
    """
    text = re.sub(r"\bmodel_", f"{name}_", text)
    return re.sub(r"(\b|-D)MODEL_", rf"\g<1>{name.upper()}_", text)
