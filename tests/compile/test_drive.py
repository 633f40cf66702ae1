"""Many steps in one native call."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.drive import Drive
from rushlight.compile.function import compile_entry
from rushlight.compile.toolchain import find_compiler
from rushlight.core.errors import CompileError


@pytest.fixture(autouse=True)
def _compiler() -> None:
    try:
        find_compiler()
    except CompileError:
        pytest.skip("there is no C compiler")


def make_drive() -> tuple[rl.Tensor, Drive]:
    """Return a state, and two programs: one adds a number that is looked up, one doubles."""
    w = rl.tensor([1.0, 10.0])
    table = rl.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])

    def add(i: rl.Tensor) -> rl.Tensor:
        w.assign(w + rl.take(table, i)[0])
        return w[0] * 1.0

    def double(i: rl.Tensor) -> rl.Tensor:
        w.assign(w * 2.0)
        return w[1] + rl.take(table, i)[0, 0]

    example = [rl.tensor([0])]
    natives: list[Any] = [compile_entry(one, example).native for one in (add, double)]
    return w, Drive(natives)


def run(drive: Drive, which: list[int], items: list[int]) -> tuple[int, list[float]]:
    ids, results = np.array(items, np.int64), np.zeros(len(items), np.float32)
    steps = np.arange(len(items), dtype=np.int64)
    offsets = np.stack([steps * ids.itemsize, steps * results.itemsize], axis=1)
    done = drive.run(np.array(which, np.int32), [ids, results], offsets)
    return done, results.tolist()


def test_each_step_runs_its_program_on_its_part_of_the_data() -> None:
    w, drive = make_drive()
    assert run(drive, [0, 1, 0], [1, 2, 2]) == (3, [2.0, 24.0, 6.0])
    assert w.tolist() == [6.0, 24.0]
    assert run(drive, [1], [0]) == (1, [48.0])


def test_an_index_out_of_range_is_the_last_step_and_changes_nothing() -> None:
    w, drive = make_drive()
    assert run(drive, [0, 0, 0], [1, 3, 1])[0] == 1
    assert w.tolist() == [2.0, 11.0]
    assert run(drive, [0, 1], [-1, 0])[0] == 0
    assert w.tolist() == [2.0, 11.0]


def test_what_is_held_of_a_state_keeps_its_values_and_assignments_are_seen() -> None:
    w, drive = make_drive()
    views = []
    for _ in range(3):
        views.append(w.numpy())
        run(drive, [1, 0], [0, 1])
    assert [view.tolist() for view in views] == [[1.0, 10.0], [3.0, 21.0], [7.0, 43.0]]
    w.assign([0.0, 0.0])
    run(drive, [0], [1])
    assert w.tolist() == [1.0, 1.0]
