"""`rushlight train RECIPE`: options from the recipe's own parameters, then a saved network."""

import argparse
import inspect
import json
import sys
import time
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rushlight.core.errors import UsageError
from rushlight.formats.model import save_model
from rushlight.recipes import recipe, recipes


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0 if argv else 2
    name, *rest = argv
    train = recipe(name)
    options = vars(_parser(name, train).parse_args(rest))
    out = Path(options.pop("out") or f"{name}.safetensors")
    as_json = options.pop("json")
    _check_out(out)
    options["progress"] = options["progress"] and not as_json
    if options.get("resume") and options["checkpoint"] is None:
        raise UsageError("--resume needs --checkpoint FOLDER, to know where from")
    started = time.perf_counter()
    result = train(**options)
    seconds = time.perf_counter() - started
    facts = {"recipe": name, "seconds": round(seconds, 3), **result.facts}
    save_model(out, result.model, task=result.task, training=facts)
    if as_json:
        print(json.dumps({**facts, "out": str(out)}))
    else:
        print(f"saved {out} ({out.stat().st_size:,} bytes)", file=sys.stderr)
    return 0


def _overview() -> str:
    lines = ["usage: rushlight train RECIPE [options]", ""]
    lines += [f"  {name:<15}{text}" for name, text in recipes().items()]
    lines += ["", "rushlight train RECIPE --help lists the options of one."]
    return "\n".join(lines)


def _parser(name: str, train: Callable[..., Any]) -> argparse.ArgumentParser:
    """Return a parser with one option per parameter of the recipe, and those that all have."""
    parser = argparse.ArgumentParser(
        prog=f"rushlight train {name}",
        description=inspect.getdoc(inspect.getmodule(train)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parameters = inspect.signature(train).parameters.values()
    for parameter in parameters:
        if typing.get_origin(parameter.annotation) is typing.Annotated:
            _add_option(parser, parameter)
    parser.add_argument("--out", help=f"the file to save to (default: {name}.safetensors)")
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        _add_fit_options(parser)
    parser.add_argument("--quiet", dest="progress", action="store_false", help="no progress")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    return parser


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rl.fit` that every recipe which uses it passes on."""
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="save after each epoch")
    parser.add_argument("--resume", action="store_true", help="go on from --checkpoint")
    parser.add_argument("--eager", dest="compiled", action="store_false", help="without tracing")


def _add_option(parser: argparse.ArgumentParser, parameter: inspect.Parameter) -> None:
    kind, help_text, *choices = typing.get_args(parameter.annotation)
    flag = "--" + parameter.name.replace("_", "-")
    text = f"{help_text} (default: {parameter.default})"
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=help_text)
        return
    parser.add_argument(
        flag,
        type=_natural if kind is int else kind,
        default=parameter.default,
        choices=choices[0] if choices else None,
        metavar=None if choices else "N",
        help=text,
    )


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def _check_out(out: Path) -> None:
    """Raise before hours of training rather than after, if the file cannot be written."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder, not a file to save to")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {out.parent} to save {out.name} in")
