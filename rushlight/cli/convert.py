"""`rushlight convert FILE`: networks that other programs saved, as files of Rushlight."""

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight.cli.arguments import Parser
from rushlight.cli.train import check_out
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.text import UNKNOWN, Vocabulary
from rushlight.formats.candle_spam import LABELS, read_candle_spam
from rushlight.formats.model import save_model
from rushlight.formats.nn_rust import MAX_BYTES, NNRust, may_be_nn_rust, read_nn_rust
from rushlight.formats.plain import read_json
from rushlight.formats.png import read_file
from rushlight.nn.activation import Softmax
from rushlight.nn.containers import Sequential
from rushlight.nn.module import Module
from rushlight.recipes._mnist import digit_task

KINDS = {
    "nn-rust": "a network of dense layers, as nn-rust saved it",
    "candle-spam": "the spam filter of spam_candle_ai, a safetensors file; needs its words",
}
MAX_WORDS_BYTES = 16 * 1024**2
PICTURE, DIGITS = 784, 10


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    args = _parser().parse_args(argv)
    out = Path(args.out or f"{Path(args.file).stem}.safetensors")
    check_out(out)
    _check_not_same(args.file, out)
    kind = args.kind or recognise(args.file)
    if args.vocabulary is not None and kind != "candle-spam":
        raise UsageError(f"--vocabulary is for candle-spam; {args.file} is {kind}")
    model, task = _read(kind, args.file, args.vocabulary)
    save_model(out, model, task=task, training={"converted_from": kind})
    parameters = sum(parameter.size for parameter in model.parameters())
    if args.json:
        facts = {"from": kind, "out": str(out), "parameters": parameters, "task": task["kind"]}
        print(json.dumps(facts))
        return 0
    print(f"read {kind}: {parameters:,} parameters, a {task['kind']}")
    print(f"saved {out} ({out.stat().st_size:,} bytes); ask it:\n  rushlight predict {out}")
    return 0


def recognise(path: str | os.PathLike[str]) -> str:
    """Return which kind of file this is, by what is in it.

    Raises:
        FormatError: it cannot be read, or is of no kind that is known.
    """
    content = read_file(path, MAX_BYTES)
    if content[8:9] == b"{":  # of a safetensors file, after the length of its header
        return "candle-spam"
    if may_be_nn_rust(content):
        return "nn-rust"
    raise FormatError(f"is none of {', '.join(KINDS)}", path=path)


def _read(kind: str, path: str, words_path: str | None) -> tuple[Module, dict[str, Any]]:
    """Return the network of a file, and its task."""
    if kind == "nn-rust":
        return _with_task(read_nn_rust(path))
    words = None if words_path is None else _words(words_path)
    model = read_candle_spam(path, words)
    vocabulary = Vocabulary(words or [])
    return model, {"kind": "text-classifier", "labels": list(LABELS), **vocabulary.to_task()}


def _with_task(found: NNRust) -> tuple[Module, dict[str, Any]]:
    """Return the network and its task: digits where the sizes are theirs, else numbers."""
    inputs, outputs = found.sizes[0], found.sizes[-1]
    if (inputs, outputs) == (PICTURE, DIGITS) and found.softmax:
        return found.model, digit_task()
    model = Sequential(*found.model, Softmax()) if found.softmax else found.model
    return model, {"kind": "regressor", "inputs": inputs}


def _words(path: str) -> list[str]:
    """Return the words in a file: one a line, or a JSON list of them.

    Raises:
        FormatError: the file cannot be read, is not UTF-8, or one of the words is not one word or
            comes twice.
    """
    try:
        text = read_file(path, MAX_WORDS_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8", path=path, offset=error.start) from None
    if text.lstrip().startswith("["):
        listed = read_json(text, str(path))
        words = listed if all(isinstance(word, str) for word in listed) else []
    else:
        words = [line.strip() for line in text.splitlines() if line.strip()]
    if not words:
        raise FormatError("holds no words", path=path)
    if words[-1].lower() == UNKNOWN:
        words = words[:-1]  # the row of the unknown word is known to be the last
    try:
        vocabulary = Vocabulary(words)
    except DataError as error:
        raise FormatError(error.fact, path=path) from None
    if len(vocabulary) != len(words) + 1:
        (twice, _), *_ = Counter([UNKNOWN, *words]).most_common(1)
        raise FormatError(f"the word {twice!r:.40} comes twice", path=path)
    return words


def _check_not_same(path: str, out: Path) -> None:
    try:
        same = out.exists() and os.path.samefile(path, out)
    except (OSError, ValueError):
        return  # the file cannot be read, which reading it says better
    if same:
        raise UsageError(f"{out} is the file to convert", hint="--out names another")


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<13}{text}" for name, text in KINDS.items())
    parser = Parser(
        prog="rushlight convert",
        description="Read a network that another program saved, and save it as a model file that "
        f"rushlight predict,\ninspect and export take.\n\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="what the other program saved")
    parser.add_argument(
        "--from",
        dest="kind",
        choices=list(KINDS),
        help="what kind of file it is (default: as its content tells)",
    )
    parser.add_argument(
        "--vocabulary",
        metavar="FILE",
        help="for candle-spam: its words, one a line or a JSON list, by first appearance",
    )
    parser.add_argument(
        "--out", metavar="PATH", help="the file to write (default: named after the other one)"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    return parser
