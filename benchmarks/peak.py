"""How fast this machine multiplies and adds: a loop that touches registers only."""

import ctypes
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

from rushlight.compile.sources import runtime
from rushlight.compile.toolchain import build, find_compiler

SUMS = 12  # enough to hide the latency of one, few enough for 16 registers
SECONDS = 0.02

SOURCE = """
__attribute__((visibility("default"))) double rl_peak(int64_t turns);
double rl_peak(int64_t turns)
{
    rl_vec sums[SUMS], factor, more;
    for (int lane = 0; lane < RL_LANES; lane++) { /* numbers that change: still ones run cooler */
        factor[lane] = -0.9999f - 1e-6f * (float)lane;
        more[lane] = 0.37f + 0.11f * (float)lane;
    }
    RL_UNROLL
    for (int i = 0; i < SUMS; i++)
        sums[i] = rl_splat((float)i);
    for (int64_t turn = 0; turn < turns; turn++) {
        RL_UNROLL
        for (int i = 0; i < SUMS; i++)
            sums[i] = sums[i] * factor + more;
        __asm__ volatile("" : "+r"(turns));
    }
    double total = 0;
    RL_UNROLL
    for (int i = 0; i < SUMS; i++)
        total += (double)sums[i][0];
    return total;
}

__attribute__((visibility("default"))) int64_t rl_lanes(void);
int64_t rl_lanes(void)
{
    return RL_LANES;
}
"""


def rate(threads: int) -> float:
    """Return so many threads' multiply-adds in GFLOP/s, the best of some tries."""
    library = _library()
    turns = 1 << 16
    while _timed(library, turns, 1) < SECONDS / 5:
        turns *= 2
    seconds = min(_timed(library, turns, threads) for _ in range(25))
    return 2 * SUMS * library.rl_lanes() * turns * threads / seconds / 1e9


def _timed(library: ctypes.CDLL, turns: int, threads: int) -> float:
    """Return the seconds from when all threads are ready to when all are done."""
    ready = threading.Barrier(threads + 1)

    def work() -> None:
        ready.wait()
        library.rl_peak(turns)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started


@cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "peak.c", Path(folder) / "peak.so"
        text = runtime("vec.h", "tiles.h") + f"enum {{ SUMS = {SUMS} }};\n" + SOURCE
        source.write_text(text, "utf-8")
        build(find_compiler(), source, output)
        library = ctypes.CDLL(str(output))
    library.rl_peak.argtypes = (ctypes.c_int64,)
    library.rl_peak.restype = ctypes.c_double
    library.rl_lanes.restype = ctypes.c_int64
    return library
