"""`rushlight COMMAND ...`: finds the command's module, runs it, and ends with the right code."""

import os
import signal
import sys
from collections.abc import Sequence

from rushlight._version import __version__
from rushlight.core.errors import RushlightError, did_you_mean
from rushlight.core.lazy import load

COMMANDS = {
    "train": "train a network by a recipe and save it",
    "predict": "ask a saved network about a sentence, a picture or numbers",
    "demo": "watch two networks learn: spam, then handwritten digits",
    "inspect": "show the layers, shapes and parameters of a saved network",
    "show": "show the graph that a saved network computes",
    "doctor": "say what was found on this machine",
}
WRONG_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, 2 for wrong input, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except RushlightError as error:
        hint = f" ({error.hint})" if error.hint else ""
        place = f"{error.op}: " if error.op else ""
        print(f"rushlight: {place}{error.fact}{hint}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("\nrushlight: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; the interpreter must not fail again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if arguments else WRONG_INPUT
    if arguments[0] in ("-V", "--version"):
        print(f"rushlight {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS)
        print(f"rushlight: there is no command {name!r} ({hint})", file=sys.stderr)
        return WRONG_INPUT
    code: int = load(f"rushlight.cli.{name}").run(rest)
    return code


def overview() -> str:
    """Return the help text that lists the commands."""
    lines = [
        "usage: rushlight COMMAND ...",
        "",
        "Neural networks that you can read, train and ship.",
        "",
    ]
    lines += [f"  {name:<10}{text}" for name, text in COMMANDS.items()]
    lines += [
        "",
        "rushlight COMMAND --help tells more; rushlight --version says which one this is.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
