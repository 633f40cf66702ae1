"""`rushlight doctor`: what was found on this machine, and what it would take to be faster."""

import argparse
import json
import os
import platform
import shutil
from collections.abc import Sequence

import numpy as np

from rushlight._version import __version__
from rushlight.core.config import cache_dir, data_dir
from rushlight.data.files import find
from rushlight.data.mnist import TRAIN_IMAGES


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="rushlight doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    facts = gather()
    if args.json:
        print(json.dumps(facts))
        return 0
    for name, value in facts.items():
        print(f"{name:<12}{value}")
    return 0


def gather() -> dict[str, str]:
    """Return what there is, by name."""
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    return {
        "rushlight": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "cores": str(os.cpu_count()),
        "computes": "with NumPy; generated C comes with a later version",
        "compiler": compiler or "none found; none is needed yet",
        "data": str(data_dir() or _data_folder()),
        "cache": str(cache_dir()),
    }


def _data_folder() -> str:
    found = find(TRAIN_IMAGES)
    return str(found.parent) if found else "not here yet: it is downloaded when first used"
