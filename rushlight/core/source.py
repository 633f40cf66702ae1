"""Finding the user's line: the innermost frame outside of this package."""

import os
import sys
from types import FrameType

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Recipes are programs that use the package, written as a user would write them.
PROGRAMS = PACKAGE + "recipes" + os.sep

NAMED = "op.<locals>.named"  # what `core.bind.op` makes of a function


def user_line() -> str | None:
    """Return "file.py:41" for the innermost caller outside of the package, or None."""
    return user_call()[0]


def user_call() -> tuple[str | None, str | None]:
    """Return that line, and the name of the op that it calls, as far as it is one."""
    frame: FrameType | None = sys._getframe(1)
    called = None
    while frame is not None:
        path = frame.f_code.co_filename
        ours = path.startswith(PACKAGE) and not path.startswith(PROGRAMS)
        if not ours and not path.startswith("<frozen") and not _is_nobodys(path):
            return f"{os.path.basename(path)}:{frame.f_lineno}", called
        if frame.f_code.co_qualname == NAMED:
            called = frame.f_locals["function"].__name__
        frame = frame.f_back
    return None, called


def _is_nobodys(path: str) -> bool:
    """Whether a frame is of neither the user nor this package: the command's script among them."""
    script = os.path.splitext(os.path.basename(path))[0] == "rushlight"
    between = ("contextlib.py", "threading.py", "_ufunc_config.py")  # the last one is NumPy's
    return script or os.path.basename(path) in between
