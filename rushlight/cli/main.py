"""`rushlight COMMAND ...`: finds the command's module, runs it, and ends with the right code."""

import signal
import sys
from collections.abc import Sequence

from rushlight._version import __version__
from rushlight.cli.output import complain, describe, drop_unwritable, open_streams
from rushlight.core.errors import RushlightError, did_you_mean
from rushlight.core.lazy import load

COMMANDS = {
    "train": "train a network by a recipe and save it",
    "predict": "ask a saved network about a sentence, a picture or numbers",
    "generate": "let a saved network go on with a text",
    "evaluate": "say how good a saved network is, and where it goes wrong",
    "demo": "watch two networks learn: spam, then handwritten digits",
    "inspect": "show the layers, shapes and parameters of a saved network",
    "show": "show the graph of a saved network, or its C",
    "convert": "read a network that another program saved, and save it as one of Rushlight",
    "export": "write a saved network as C, a library or a program, without Python",
    "doctor": "say what was found on this machine",
}
REFUSED = 1
WRONG_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    That is 0, 1 for what the machine refuses, 2 for wrong input, and 130 for Ctrl-C.
    """
    try:
        open_streams()
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except RushlightError as error:
        complain(describe(error))
        return WRONG_INPUT
    except KeyboardInterrupt:
        complain("interrupted", start="\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone
        return 0
    except (OSError, MemoryError) as error:
        complain(describe(error))
        return REFUSED
    finally:
        drop_unwritable()


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
        complain(f"there is no command {name!r:.60} ({hint})")
        return WRONG_INPUT
    try:
        code: int = load(f"rushlight.cli.{name}").run(rest)
    except SystemExit as leaving:  # argparse has shown its help, or what is wrong
        code = int(leaving.code or 0)
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
