"""`rushlight export MODEL --to c|lib|exe`: a saved network as something that needs no Python."""

import argparse
import json
from collections.abc import Sequence

from rushlight.cli.arguments import Parser, counting
from rushlight.export.learning import OPTIMIZERS
from rushlight.export.subject import WORDS
from rushlight.export.write import KINDS, TRAIN_BATCH, Exported, export_model


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    args = _parser().parse_args(argv)
    done = export_model(
        args.model,
        args.to,
        args.out,
        batch=args.batch,
        words=args.words,
        train=args.train,
        train_batch=args.train_batch,
        optimizer=args.optimizer,
        portable=args.portable,
        force=args.force,
    )
    if args.json:
        print(json.dumps({"name": done.name, "out": str(done.out), "files": done.files}))
        return 0
    _report(done, args.to)
    return 0


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<5}{text}" for name, text in KINDS.items())
    parser = Parser(
        prog="rushlight export",
        description=f"Write a saved network as something that works without Python.\n\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a file that rushlight train or rl.save wrote")
    parser.add_argument("--to", required=True, choices=list(KINDS), help="what to write")
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="the folder to write, for exe the file (default: named after the model)",
    )
    parser.add_argument(
        "--batch", type=counting, default=1, metavar="N", help="inputs of a call (default: 1)"
    )
    parser.add_argument(
        "--words",
        type=counting,
        default=WORDS,
        metavar="N",
        help=f"words of a text at most (default: {WORDS})",
    )
    _add_training(parser)
    parser.add_argument(
        "--portable",
        action="store_true",
        help="for any processor of this kind; else for this one, which may be faster",
    )
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    return parser


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--train", action="store_true", help="export the training step too, to learn on the device"
    )
    parser.add_argument(
        "--train-batch",
        type=counting,
        metavar="N",
        help=f"inputs of a training step (default: {TRAIN_BATCH}, or one text)",
    )
    parser.add_argument(
        "--optimizer",
        choices=list(OPTIMIZERS),
        default="sgd",
        help="of the training step (default: sgd)",
    )


def _report(done: Exported, kind: str) -> None:
    """Print what was written, and what to do with it."""
    if kind == "exe":
        size = done.files[done.name]
        print(f"wrote {done.out} ({size:,} bytes); ask it, or see --help:")
        print(f"  {done.out if len(done.out.parts) > 1 else f'./{done.out}'} --test")
        return
    print(f"wrote the folder {done.out}:")
    for name, size in done.files.items():
        print(f"  {name:<24}{size:>12,} bytes")
    if kind == "c":
        print(f"build it, and compare with what it answers here:\n  make -C {done.out} test")
    else:
        print(f"use it from C with {done.name}.h, from Python with {done.name}.py")
