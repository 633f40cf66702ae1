"""How busy the machine is with other work, and how much memory this process took."""

import os
import sys
import time
from pathlib import Path

try:
    import resource
except ModuleNotFoundError:  # Windows has no such figures
    resource = None  # type: ignore[assignment]

MIB = 1 << 20
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
STAT = Path("/proc/stat")
STATUS = Path("/proc/self/status")


def busy_cores(seconds: float = 0.5) -> float | None:
    """Return how many cores other work uses, over a short wait; None where nobody says."""
    if not STAT.exists():
        return None
    before = _idle_and_all()
    time.sleep(seconds)
    idle, total = (new - old for new, old in zip(_idle_and_all(), before, strict=True))
    return (1 - idle / max(1, total)) * (os.cpu_count() or 1)


def _idle_and_all() -> tuple[int, int]:
    """Return the ticks of all cores: those without work, and all."""
    ticks = [int(word) for word in STAT.read_text("utf-8").splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def peak_memory() -> float:
    """Return the most memory that this process has taken, in MiB.

    Where there is /proc, not by getrusage: that counts what the parent took before exec.
    """
    if STATUS.exists():
        for line in STATUS.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MIB
    if resource is None:
        raise SystemExit("this system does not say how much memory a process took")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / MIB)
