"""Save into one file over and over, in processes that are killed at random moments.

A script of its own, because a process is forked safely only where there is one thread. Arguments:
the folder, the number of kills. Prints how many files were whole and how many kills hit a save.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from rushlight.formats.safetensors import StoredTensor, load_file, save_file

ELEMENTS = 100_000  # 0.8 MB: most of the time goes into writing


def save(path: Path, value: int) -> None:
    tensors = {"w": StoredTensor.of(np.full(ELEMENTS, value)), "b": StoredTensor.of(np.ones(3))}
    save_file(path, tensors, {"value": str(value)})


def save_for_ever(path: Path, value: int) -> None:
    try:
        while True:
            value += 1
            save(path, value)
    finally:
        os._exit(1)


def check_whole(path: Path) -> int:
    with load_file(path) as file:
        value = int(file.metadata["value"])
        np.testing.assert_array_equal(file.tensor("w").array, np.full(ELEMENTS, value))
        np.testing.assert_array_equal(file.tensor("b").array, np.ones(3))
    return value


def main(folder: Path, kills: int) -> None:
    path = folder / "model.safetensors"
    moments = random.Random(5)
    save(path, 0)
    whole, interrupted, value = 0, 0, 0
    for _ in range(kills):
        temps = len(list(folder.iterdir()))
        child = os.fork()
        if child == 0:
            save_for_ever(path, value)
        time.sleep(moments.uniform(0.002, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit("a save failed before it was killed")
        value = check_whole(path)
        whole += 1
        interrupted += len(list(folder.iterdir())) - temps
    print(whole, interrupted, value)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
