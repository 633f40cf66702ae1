"""The C program around an exported model: it reads input, prints the answer, tests itself."""

import json
import math
import pkgutil
from collections.abc import Sequence
from typing import Any

from rushlight.core.dtypes import DType
from rushlight.core.primitive import Array
from rushlight.export.arrays import array_text
from rushlight.export.code import Code
from rushlight.export.learning import TEST_RATE
from rushlight.export.names import c_string, comment, harmless, renamed
from rushlight.export.subject import Buffer, Subject
from rushlight.export.words import words_text

_INCLUDES = ("ctype", "errno", "math", "stdint", "stdio", "stdlib", "string")
_FRAGMENTS = {
    "text-classifier": ("labels", "words", "lines"),
    "image-classifier": ("labels", "bars", "pictures", "files"),
    "signal-classifier": ("labels", "bars", "signals", "files"),
    "number-classifier": ("labels", "bars", "numbers", "classes", "lines"),
    "regressor": ("numbers", "values", "lines"),
}


def main_text(code: Code) -> str:
    """Return the C file of the program, which goes with that of the model and its test vector."""
    subject = code.subject
    about = comment(
        f"A program that asks {subject.name}, a neural network from {harmless(subject.title)}."
    )
    parts = [
        about,
        "\n".join(f"#include <{name}.h>" for name in _INCLUDES) + "\n",
        f'#include "{subject.name}.h"\n#include "{subject.name}_test.h"\n',
        f'#define {subject.name.upper()}_NAME "{subject.name}"\n',
        f"#define LOAD(path) {'load_weights(path)' if code.blob else '((void)(path), 0)'}\n"
        f"#define TEST {'test() | test_learning()' if code.training else 'test()'}\n",
        f"typedef {subject.output.dtype.c} {subject.name}_number;\n",
        f"static const char help[] =\n    {c_string(_help(subject), '    ')};\n",
        _tables(subject),
    ]
    text = "\n".join(part for part in parts if part)
    extra = ["weights"] if code.blob else []
    extra += ["learning"] if code.training else []
    for fragment in ("answer", *extra, *_FRAGMENTS[subject.kind], "main"):
        text += f"\n{renamed(_fragment(fragment), subject.name)}"
    return text


def test_text(code: Code) -> str:
    """Return the header with the test vector: an input, and what the network answered here.

    Where the training step is exported too, some steps are taken, which change the model.
    """
    subject = code.subject
    samples = subject.samples()
    expected = subject.expected(samples)
    parts = [
        f"/* What {subject.name} was asked when it was exported, and what it answered. */",
        "#ifndef MODEL_TEST_H\n#define MODEL_TEST_H\n\n#include <stdint.h>\n",
        *_samples("model_test", "MODEL_TEST_INPUT", subject.inputs, samples),
        _constant("model_expected", expected, subject.output.dtype),
    ]
    if code.training is not None:
        learner = code.training.learner
        batch = learner.samples()
        buffers = (*learner.subject.inputs, learner.labels)
        parts += _samples("model_batch", "MODEL_TEST_BATCH", buffers, batch)
        parts.append(f"#define MODEL_TEST_RATE {TEST_RATE}\n")
        losses = learner.expected(batch)
        parts.append(_constant("model_expected_losses", losses, subject.output.dtype))
    return renamed("\n".join([*parts, "#endif\n"]), subject.name)


def _samples(prefix: str, macro: str, buffers: Sequence[Buffer], arrays: list[Array]) -> list[str]:
    """Return the C of some arguments, and a macro that passes them."""
    parts, names = [], []
    for one, array in zip(buffers, arrays, strict=True):
        if one.shape:
            names.append(f"{prefix}_{one.name}")
            parts.append(_constant(names[-1], array, one.dtype))
        else:
            names.append(str(int(array)))
    return [*parts, f"#define {macro} {', '.join(names)}\n"]


def _constant(name: str, array: Array, dtype: DType) -> str:
    return array_text(f"static const {dtype.c} {name}[{max(1, array.size)}]", array, dtype)


def _fragment(name: str) -> str:
    data = pkgutil.get_data("rushlight.export", f"c/{name}.c")
    if data is None:
        raise FileNotFoundError(f"there is no c/{name}.c")
    return data.decode("utf-8")


def _tables(subject: Subject) -> str:
    if subject.kind == "text-classifier":
        most = f'#define MOST_WORDS "{subject.words}"\n'
        return f"{most}\n{_labels(subject)}\n{words_text(subject.task['vocabulary'])}"
    if subject.kind == "image-classifier":
        return f"{_picture(subject)}\n{_labels(subject)}"
    if subject.kind == "signal-classifier":
        return f"{_signal(subject)}\n{_labels(subject)}"
    count = subject.inputs[0].shape[1]
    wanted = f'#define NUMBERS_WANTED "{count} numbers"\n'
    return f"{wanted}\n{_labels(subject)}" if subject.labels else wanted


def _picture(subject: Subject) -> str:
    shape = subject.inputs[0].shape[1:]
    pixels = math.prod(shape)
    width, height = _sides(shape)
    kinds = f"{pixels} bytes, one for each pixel"
    if width:
        kinds = f"a PGM file of {width}x{height} pixels, or {kinds}"
    return (
        f"#define PICTURE_WIDTH {width}\n#define PICTURE_HEIGHT {height}\n"
        f'#define PICTURE_SIZE "{width}x{height}"\n#define PICTURE_KINDS "{kinds}"\n'
    )


def _signal(subject: Subject) -> str:
    _, channels, length = subject.inputs[0].shape
    names = ", ".join(map(c_string, subject.task["channels"]))
    return (
        f"#define SIGNAL_CHANNELS {channels}\n#define SIGNAL_LENGTH {length}\n"
        f'#define SIGNAL_NUMBERS "{channels} numbers"\n'
        f'#define SIGNAL_LINES "{length} lines of numbers"\n'
        f"static const char *const channels[] = {{{names}}};\n"
    )


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the width and height of grey pictures, or zeros where their shape has none."""
    pixels = math.prod(shape)
    if len(shape) > 1 and shape[-1] * shape[-2] == pixels:
        return shape[-1], shape[-2]
    side = math.isqrt(pixels)
    return (side, side) if len(shape) == 1 and side * side == pixels else (0, 0)


def _labels(subject: Subject) -> str:
    """Return the table of labels: as they are, for a terminal, and as JSON."""
    shown = ["".join(c if c.isprintable() else "?" for c in label) for label in subject.labels]
    longest = max(map(len, shown))
    rows = []
    for label, padded in zip(subject.labels, shown, strict=True):
        data: Any = label.encode("utf-8", "replace")
        rows.append(
            f"    {{{c_string(data, '     ')}, {len(data)},\n"
            f"     {c_string(padded.ljust(longest), '     ')},\n"
            f"     {c_string(json.dumps(label), '     ')}}},"
        )
    fields = "    const char *text;\n    size_t size;\n    const char *shown, *json;\n"
    body = "\n".join(rows)
    return f"static const struct {{\n{fields}}} labels[] = {{\n{body}\n}};\n"


def _help(subject: Subject) -> str:
    what, one = {
        "text-classifier": ("TEXT", "a line of text"),
        "image-classifier": ("FILE", "a picture"),
        "signal-classifier": ("FILE", "a signal in a CSV file"),
        "number-classifier": ("NUMBERS", "numbers with blanks between"),
        "regressor": ("NUMBERS", "numbers with blanks between"),
    }[subject.kind]
    lines = [
        f"usage: {subject.name} [--json] [{what} ...]",
        "",
        f"Asks a neural network about {one}; without {what} reads standard input.",
        "",
        "  --json   print one JSON object an input",
        "  --test   ask about a built-in input, compare with what was answered before",
        "  --help   print this",
        "",
    ]
    return "\n".join(lines)
