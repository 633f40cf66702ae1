"""Running a compiler: no shell, nothing to read, an end even where it hangs."""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rushlight.core.config import environment
from rushlight.core.errors import CompileError

MESSAGE_LINES = 12  # of what a compiler says, in an error
MESSAGE_WIDTH = 300
MESSAGE_BYTES = 1 << 20


def run(command: Sequence[str], folder: Path, limit_s: float, **variables: str) -> str:
    """Run a command in `folder` and return what it printed, on both of its streams.

    It gets a process group of its own, which is killed after `limit_s` seconds, or when this
    process is interrupted. Its messages are in English, its temporary files in `folder`.
    Raises CompileError where it cannot be started, fails, is killed or takes too long.
    """
    variables = {"LC_ALL": "C", "TMPDIR": str(folder.absolute()), **variables}
    with tempfile.TemporaryFile(dir=folder) as said:
        try:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise failure(f"the C compiler cannot be started: {reason}", command) from None
        code = _wait(child, limit_s)
        said.seek(0)
        text = said.read(MESSAGE_BYTES).decode("utf-8", "replace")
    if code is None:
        raise failure(f"the C compiler was stopped after {limit_s:g} s", command, text)
    if code != 0:
        end = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
        raise failure(f"the C compiler {end}", command, text)
    return text


def _wait(child: subprocess.Popen[bytes], limit_s: float) -> int | None:
    """Return the exit code, or None where the time was up; its whole group is killed then."""
    try:
        return child.wait(limit_s)
    except subprocess.TimeoutExpired:
        _kill(child)
        return None
    except BaseException:
        _kill(child)
        raise


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def failure(fact: str, command: Sequence[str], text: str = "") -> CompileError:
    """Return the error that shows the command and the first lines of what it said.

    >>> print(failure("the C compiler failed with exit code 1", ["cc", "a.c"], "a.c:1: no"))
    the C compiler failed with exit code 1
      command  cc a.c
      it said  a.c:1: no
    """
    error = CompileError(fact)
    lines = [line.rstrip()[:MESSAGE_WIDTH] for line in text.splitlines() if line.strip()] or [
        "nothing"
    ]
    error.operands = [("command", shlex.join(command)), ("it said", lines[0])]
    error.operands += [("", line) for line in lines[1:MESSAGE_LINES]]
    if len(lines) > MESSAGE_LINES:
        error.operands.append(("", f"... and {len(lines) - MESSAGE_LINES} lines more"))
    return error
