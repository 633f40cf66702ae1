"""`rushlight doctor`: what was found on this machine, and what it would take to be faster."""

import ctypes
import json
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight._version import __version__
from rushlight.cli.arguments import Parser
from rushlight.compile import cache
from rushlight.compile.loader import function, load
from rushlight.compile.pool import thread_count
from rushlight.compile.toolchain import HINT, Compiler, build, find_compiler
from rushlight.core.config import COMPILER, THREADS, cache_dir, data_dir, threads
from rushlight.core.errors import CompileError, CompileWarning
from rushlight.data.files import find
from rushlight.data.mnist import TRAIN_IMAGES

_TRIAL = """#include <stdint.h>
__attribute__((visibility("default"))) int64_t rl_trial(const float *x);
int64_t rl_trial(const float *x)
{
    float total = 0;
    for (int i = 0; i < 1000; i++)
        total += x[i] * x[i];
    return (int64_t)total;
}
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="rushlight doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    facts = gather()
    if args.json:
        print(json.dumps(facts))
        return 0
    for name, text in lines(facts):
        print(f"{name:<12}{text}")
    return 0


def gather() -> dict[str, Any]:
    """Return what there is, by name, as JSON can hold it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", CompileWarning)
        compiled = _compiling()
        folder, size = cache.usage()
    facts = {
        "rushlight": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "threads": thread_count(),
        **compiled,
        "data": str(data_dir() or _data_folder()),
        "cache": str(cache_dir()),
        "objects": str(folder),
        "objects_bytes": size,
        "notices": sorted({str(warning.message) for warning in said}),
    }
    return {**facts, "advice": _advice(facts)}


def lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the facts as lines for people: a name and a text."""
    compiler = facts["compiler"]
    shown = [(name, str(facts[name])) for name in ("rushlight", "python", "numpy")]
    shown.append(("cores", f"{facts['cores']}, of which {facts['threads']} are used"))
    if compiler is None:
        shown.append(("computes", "with NumPy"))
        shown.append(("compiler", "none that works"))
    else:
        shown.append(("computes", "compiled functions with C, all else with NumPy"))
        name = f"{compiler['kind']} {compiler['version']} for {compiler['target']}"
        shown.append(("compiler", f"{compiler['command']} ({name})"))
        width = compiler["vector_bytes"]
        shown.append(("vectors", f"{width} bytes: {width // 4} float32 at once"))
    shown.append(("trial", facts["trial"]))
    shown.append(("data", facts["data"]))
    shown.append(("cache", facts["cache"]))
    shown.append(("compiled", f"{facts['objects_bytes'] / 1e6:.1f} MB in {facts['objects']}"))
    shown += [("notice", text) for text in facts["notices"]]
    return shown + [("faster", text) for text in facts["advice"] or ["nothing to do"]]


def _compiling() -> dict[str, Any]:
    """Return what the compiler is, and how compiling and running a small function went."""
    try:
        compiler = find_compiler()
    except CompileError as error:
        reasons = "; ".join(f"{name} {reason}" for name, reason in error.operands)
        return {"compiler": None, "trial": f"not made: {reasons}", "trial_ms": None}
    told = {
        "command": " ".join(compiler.command),
        "kind": compiler.kind,
        "version": compiler.version,
        "target": compiler.target,
        "vector_bytes": compiler.vector_bytes,
        "flags": list(compiler.flags),
    }
    try:
        spent = _try(compiler)
    except CompileError as error:
        return {"compiler": told, "trial": f"failed: {error.fact}", "trial_ms": None}
    ms = round(spent * 1e3, 1)
    return {"compiler": told, "trial": f"compiled in {ms} ms, and ran", "trial_ms": ms}


def _try(compiler: Compiler) -> float:
    """Compile, load and call a small function; return the seconds that compiling took."""
    with tempfile.TemporaryDirectory(prefix="rushlight-") as name:
        source, output = Path(name, "trial.c"), Path(name, "trial.so")
        source.write_text(_TRIAL, encoding="utf-8")
        start = time.perf_counter()
        build(compiler, source, output)
        spent = time.perf_counter() - start
        trial = function(load(output), "rl_trial")
        x = (ctypes.c_float * 1000)(*[2.0] * 1000)
        found = trial(ctypes.addressof(x))
    if found != 4000:
        raise CompileError(f"the test program gave {found} in place of 4000")
    return spent


def _advice(facts: dict[str, Any]) -> list[str]:
    """Return what it would take to be faster, one sentence each."""
    compiler, advice = facts["compiler"], []
    if compiler is None:
        advice.append(f"install a C compiler ({HINT}), or name one in {COMPILER}")
    elif not any(flag.endswith("=native") for flag in compiler["flags"]):
        advice.append("the compiler does not know this CPU: a newer one may use it better")
    if threads() is not None and threads() != facts["cores"]:
        set_to = f"{THREADS} is {facts['threads']}"
        advice.append(f"{set_to}, but with {facts['cores']} cores as many threads are quickest")
    elif facts["threads"] < (facts["cores"] or 1):
        allowed = f"this process may use {facts['threads']} of {facts['cores']} cores"
        advice.append(f"{allowed}: its CPU affinity or its container's quota says so")
    return advice


def _data_folder() -> str:
    found = find(TRAIN_IMAGES)
    return str(found.parent) if found else "not here yet: it is downloaded when first used"
