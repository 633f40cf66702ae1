"""A step that was compiled before starts at once in another process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight.compile.native import fingerprint
from rushlight.compile.toolchain import find_compiler
from rushlight.core.errors import CompileError

PROGRAM = """
import sys
import rushlight as rl
{above}
rl.manual_seed(0)
model = rl.nn.Sequential(rl.nn.Linear(4, 8), rl.nn.ReLU(), rl.nn.Linear(8, 2))
optimizer = rl.optim.Adam(model.parameters(), lr={lr})

@rl.compile
def step(x, y):
    loss = rl.nn.functional.cross_entropy(model(x), y)
    optimizer.backward_step(loss)
    return loss

for _ in range(3):
    loss = step(rl.ones(2, 4), rl.tensor([0, 1])).item()
print(loss, "rushlight.compile.emit.program" in sys.modules, step.source is not None)
"""


@pytest.fixture(autouse=True)
def _compiler() -> None:
    try:
        find_compiler()
    except CompileError:
        pytest.skip("there is no C compiler")


def objects(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("code.so"))


def test_a_second_process_finds_the_step_and_imports_no_emitter(tmp_path: Path) -> None:
    environment = {**os.environ, "RUSHLIGHT_CACHE_DIR": str(tmp_path / "cache")}

    def run(**parts: Any) -> list[str]:
        text = PROGRAM.format(**{"above": "", "lr": 0.1, **parts})
        done = subprocess.run(
            [sys.executable, "-c", text], env=environment, capture_output=True, text=True
        )
        assert done.stderr == ""
        return done.stdout.split()

    loss, emitted, has_source = run()
    assert (emitted, has_source) == ("True", "True")
    count = len(objects(tmp_path))
    assert run() == [loss, "False", "True"]
    assert run(above="\n\n# a comment\n")[1] == "False"
    other, emitted, _ = run(lr=0.2)
    assert (other != loss, emitted) == (True, "False")
    assert len(objects(tmp_path)) == count


def function(scale: float, axis: int, order: int) -> Callable[..., Any]:
    def computed(x: rl.Tensor, y: rl.Tensor) -> Any:
        pair = (x * scale).sum(axis), y.exp()
        return pair[order], pair[1 - order]

    return computed


def test_graphs_whose_c_differs_have_different_fingerprints() -> None:
    x, y = rl.ones(3, 3), rl.ones(2)
    kinds = [
        rl.trace(function(scale, axis, order), *pair)
        for scale in (0.0, -0.0, 1.0)
        for axis in (0, 1)
        for order in (0, 1)
        for pair in ((x, y), (x, x), (rl.ones(3, 3, dtype="float64"), y))
    ]
    w, v = rl.ones(2, requires_grad=True), rl.ones(2, requires_grad=True)
    kinds += [
        rl.trace(lambda: w * v),
        rl.trace(lambda: w.assign(v)),
        rl.trace(lambda: v.assign(v)),
        rl.trace(lambda: (w * v).sum().backward()),
    ]
    w.grad = rl.zeros(2)
    kinds.append(rl.trace(lambda: (w * v).sum().backward()))
    prints = [fingerprint(graph) for graph in kinds]
    assert len(set(prints)) == len(prints)
    assert fingerprint(rl.trace(function(1.0, 0, 0), x, y)) in prints
