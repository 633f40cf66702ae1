"""`rushlight train RECIPE`: options from the recipe's own parameters, then a saved network."""

import argparse
import inspect
import json
import shutil
import stat
import sys
import tempfile
import time
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rushlight.cli.arguments import Parser, counting, finite, natural
from rushlight.cli.output import reason
from rushlight.core.errors import UsageError
from rushlight.data.pictures import LAYOUT, printable
from rushlight.formats.model import save_model
from rushlight.recipes import Run, recipe, recipes
from rushlight.train.callback import Callback
from rushlight.train.checkpoint import Training
from rushlight.train.history import History, duration
from rushlight.train.logs import JsonLines, TensorBoard
from rushlight.train.plot import check_figure

WIDEST = 100  # characters, of a curve in the terminal
MOST_LOSSES = 100  # that a model file keeps
SHARES = ("accuracy", "precision", "recall", "f1")  # measures that are printed as percentages


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0 if argv else 2
    facts, out, as_json = learn(argv)
    if as_json:
        print(json.dumps({**facts, "out": str(out)}))
        return 0
    for name, share in facts.items():
        if name.startswith(("test_", "clean_")) and name.endswith(SHARES):
            print(f"{name.replace('_', ' ')} {100 * share:.2f}%")
    if "sample" in facts:
        if "validation_loss" in facts:
            print(f"validation loss {facts['validation_loss']:.4f}")
        print(f"it writes:\n{printable(facts['sample'], sys.stdout.encoding, LAYOUT)}\n")
    ask = "rushlight generate" if "sample" in facts else "rushlight predict"
    print(f"saved {out} ({out.stat().st_size:,} bytes, {duration(facts['seconds'])}); ask it:")
    print(f"  {ask} {out}")
    return 0


def learn(argv: Sequence[str]) -> tuple[dict[str, Any], Path, bool]:
    """Train and save; return the facts of the training, the file, and whether JSON is wanted."""
    name, *rest = argv
    train, name = recipe(name), name.removesuffix(".py")
    options = vars(_parser(name, train).parse_args(rest))
    out = Path(options.pop("out") or f"{Path(name).name}.safetensors")
    as_json = options.pop("json")
    check_out(out)
    plot = options.pop("plot", None)
    if plot is not None:
        check_figure(plot)
        check_out(plot)
    if options.get("log") is not None:
        check_out(options["log"])
    watching = _Watching(options)
    progress = options.pop("progress") and not as_json
    parameters = inspect.signature(train).parameters.values()
    if any(one.name == "progress" or one.kind is one.VAR_KEYWORD for one in parameters):
        options["progress"] = progress
    if options.get("resume") and options["checkpoint"] is None:
        raise UsageError("--resume needs --checkpoint FOLDER, to know where from")
    started = time.perf_counter()
    result = train(**options)
    seconds = time.perf_counter() - started
    if not isinstance(result, Run):
        raise UsageError(f"the recipe gives {type(result).__name__}, not a Run")
    facts = {"recipe": name, "seconds": round(seconds, 3), **result.facts, **watching.facts()}
    save_model(out, result.model, task=result.task, training=facts)
    if plot is not None:
        watching.history.save_plot(plot)
    if progress and sys.stdout.isatty() and len(watching.history) > 1:
        columns = min(shutil.get_terminal_size().columns, WIDEST)
        print(watching.history.plot(columns, encoding=sys.stdout.encoding))
    return facts, out, as_json


class _Watching(Callback):
    """Keeps the history of what a recipe trains, and passes the options for logs on to `rl.fit`.

    Args:
        options: of the command; what is about logs becomes `callbacks`, where it is there.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.history = History()
        if "log" not in options:  # a recipe that does not use `rl.fit`
            return
        log, board = options.pop("log"), options.pop("tensorboard")
        options["callbacks"] = [
            *([] if log is None else [JsonLines(log)]),
            *([] if board is None else [TensorBoard(board)]),
            self,
        ]

    def on_end(self, training: Training) -> None:
        self.history = training.history

    def facts(self) -> dict[str, Any]:
        """Return the losses of the epochs, evenly chosen where those are many."""
        every = max(1, -(-len(self.history) // MOST_LOSSES))
        epochs = self.history.epochs[::-1][::every][::-1]  # the last among them
        facts: dict[str, Any] = {"losses": [epoch.loss for epoch in epochs]}
        if any(epoch.validation_loss is not None for epoch in epochs):
            facts["validation_losses"] = [epoch.validation_loss for epoch in epochs]
        return facts if epochs else {}


def _overview() -> str:
    lines = ["usage: rushlight train RECIPE [options]", ""]
    lines += [f"  {name:<15}{text}" for name, text in recipes().items()]
    lines += ["", "A Python file of your own can be one: rushlight train mine.py"]
    lines += ["rushlight train RECIPE --help lists the options of one."]
    return "\n".join(lines)


def _parser(name: str, train: Callable[..., Any]) -> argparse.ArgumentParser:
    """Return a parser with one option per parameter of the recipe, and those that all have."""
    parser = Parser(
        prog=f"rushlight train {name}",
        description=inspect.getdoc(inspect.getmodule(train)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parameters = inspect.signature(train).parameters.values()
    for parameter in parameters:
        if typing.get_origin(parameter.annotation) is typing.Annotated:
            _add_option(parser, parameter)
    parser.add_argument(
        "--out", help=f"the file to save to (default: {Path(name).name}.safetensors)"
    )
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        _add_fit_options(parser)
    parser.add_argument("--quiet", dest="progress", action="store_false", help="no progress")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    return parser


def _add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rl.fit` that every recipe which uses it passes on."""
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="save after each epoch")
    parser.add_argument("--resume", action="store_true", help="go on from --checkpoint")
    parser.add_argument(
        "--accumulate",
        type=counting,
        default=1,
        metavar="N",
        help="parts of a batch, for less memory",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="write a JSON object a line for each epoch"
    )
    parser.add_argument("--tensorboard", metavar="FOLDER", help="write curves for TensorBoard")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="draw the losses in a picture"
    )
    parser.add_argument(
        "--eager", dest="compiled", action="store_false", help="op by op in NumPy, nothing compiled"
    )


def _add_option(parser: argparse.ArgumentParser, parameter: inspect.Parameter) -> None:
    kind, help_text, *choices = typing.get_args(parameter.annotation)
    flag = "--" + parameter.name.replace("_", "-")
    text = f"{help_text} (default: {parameter.default})"
    if kind == int | None:  # a default that depends on other options, which the text tells
        kind, text = int, help_text
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=help_text)
        return
    types = {int: counting if parameter.name == "epochs" else natural, float: finite}
    parser.add_argument(
        flag,
        type=types.get(kind, kind),
        default=parameter.default,
        choices=choices[0] if choices else None,
        metavar=None if choices else "N",
        help=text,
    )


def check_out(out: Path) -> None:
    """Raise before hours of training rather than after, if the file cannot be written."""
    try:
        mode = out.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = stat.S_IFREG | 0o666  # as a new file will be
    except OSError as error:
        raise UsageError(f"{out} cannot be saved to: {reason(error)}") from None
    if stat.S_ISDIR(mode):
        raise UsageError(f"{out} is a folder, not a file to save to")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{out} is a pipe, a socket or a device, not a file to save to")
    if not mode & 0o222:
        raise UsageError(f"{out} is read-only")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent} to save {out.name} in")
    try:
        tempfile.TemporaryFile(dir=out.parent).close()
    except OSError as error:
        fact = f"no file can be made in the folder {out.parent}: {reason(error)}"
        raise UsageError(fact) from None
