"""Use the cache in a process of its own. Arguments: what to do, a file to wait for or to make.

store START COUNT: say that it is ready, wait for START, then store and find COUNT entries that
other processes store at the same time. hang STARTED: make STARTED in the middle of a build, and
never end it.
"""

import sys
import time
import warnings
from pathlib import Path

from rushlight.compile import cache


def build(source: Path, output: Path) -> None:
    text = source.read_bytes()
    with output.open("wb") as file:  # slowly, and with bytes that differ from process to process
        for _ in range(20):
            file.write(text)
            file.flush()
        file.write(output.parent.name.encode())


def store(start: Path, count: int) -> None:
    start.with_name(f"{start.name}.ready-{time.monotonic_ns()}").touch()
    while not start.exists():
        time.sleep(0.001)
    for number in range(count):
        key, source = cache.digest(str(number)), f"int n{number};" * 1000
        found = cache.find(key)
        entry = cache.store(key, source, "", {"number": number}, build)
        for seen in (found, entry, cache.find(key)):
            if seen is not None:
                code = seen.path.read_bytes()
                if not code.startswith(source.encode() * 20) or seen.manifest["number"] != number:
                    sys.exit(f"entry {number} is not whole")
    print(count, "whole")


def hang(started: Path) -> None:
    def never(source: Path, output: Path) -> None:
        output.write_bytes(b"half")
        started.touch()
        time.sleep(600)

    cache.store(cache.digest("a graph"), "int answer(void) { return 42; }\n", "gcc -O2", {}, never)


if __name__ == "__main__":
    warnings.simplefilter("error")
    if sys.argv[1] == "store":
        store(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        hang(Path(sys.argv[2]))
