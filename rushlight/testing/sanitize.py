"""Graphs as a program of their own, built with a compiler's sanitizers and run."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rushlight.compile.emit.program import compile_graphs
from rushlight.compile.toolchain import find_compiler
from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph
from rushlight.testing.native import Memory

HERE = Path(__file__).parent
RUNTIME = HERE.parent / "compile" / "runtime"
SANITIZERS = {
    "address and undefined": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "threads": ["-fsanitize=thread"],
}


def run_sanitized(
    graphs: Sequence[Graph], inputs: Sequence[Sequence[Array]], folder: Path, flags: Sequence[str]
) -> str:
    """Return what is printed by a program that runs the graphs: "done" if all is well.

    Args:
        graphs: what is run.
        inputs: for each what the interpreter takes.
        folder: where files are written.
        flags: of the compiler, beside the usual ones.
    """
    programs = compile_graphs(graphs, unit=64)
    (folder / "graphs.c").write_text(programs[0].source, encoding="utf-8")
    names = ", ".join(program.entry for program in programs)
    table = f"rl_run {names};\nextern rl_run *const graphs[];\nextern const int graph_count;\n"
    table += f"rl_run *const graphs[] = {{{names}}};\nconst int graph_count = {len(programs)};\n"
    (folder / "table.c").write_text(f'#include "rushlight.h"\n{table}', encoding="utf-8")
    with open(folder / "buffers", "wb") as file:
        for graph, program, arrays in zip(graphs, programs, inputs, strict=True):
            memory = Memory(graph, program, arrays).arrays
            facts = [program.arena, program.scratch, len(memory)]
            file.write(np.array(facts, np.int64).tobytes())
            for array in memory:
                file.write(np.int64(array.nbytes).tobytes() + array.tobytes())
    compiler = find_compiler()
    ours = [flag for flag in compiler.flags if flag not in ("-shared", "-O2")]
    command = [*compiler.command, *ours, "-O1", "-g", "-Wall", "-Wextra", "-Werror", *flags]
    files = ["graphs.c", "table.c", HERE / "run_graphs.c", RUNTIME / "threads.c"]
    command += [f"-I{RUNTIME}", *map(str, files), "-o", "graphs", "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if built.returncode != 0:
        raise AssertionError(built.stderr)
    ended = subprocess.run(
        [str(folder / "graphs"), "buffers"], capture_output=True, text=True, cwd=folder, timeout=300
    )
    return ended.stdout + ended.stderr


def can_sanitize(folder: Path, flags: Sequence[str]) -> bool:
    """Return whether the compiler has the library that some flags want, and it works here."""
    (folder / "nothing.c").write_text("int main(void) { return 0; }\n")
    command = [*find_compiler().command, *flags, "nothing.c", "-o", "nothing"]
    built = subprocess.run(command, capture_output=True, cwd=folder)
    return built.returncode == 0 and subprocess.run([str(folder / "nothing")]).returncode == 0
