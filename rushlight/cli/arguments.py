"""The parser of the commands, and the types of numbers that options take."""

import argparse
import contextlib
import math
from typing import Any


class Parser(argparse.ArgumentParser):
    """A parser whose exit code does not depend on whether its complaint can be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        with contextlib.suppress(OSError):  # as later Pythons do
            super()._print_message(message, file)


def natural(text: str) -> int:
    """Return a whole number, 0 or more."""
    return _whole(text, least=0)


def counting(text: str) -> int:
    """Return a whole number, 1 or more."""
    return _whole(text, least=1)


def finite(text: str) -> float:
    """Return a number that is neither infinite nor NaN."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not a number") from None
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not finite")
    return number


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not a whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is less than {least}")
    return number
