"""The C of loops: as few as can be, lanes for long sums, units that threads share out."""

import re
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.emit.loops import TOGETHER, UNIT
from rushlight.compile.emit.program import ProgramWriter
from rushlight.compile.emit.steps import Step


def steps(function: Any, *arguments: rl.Tensor, unit: int = UNIT) -> list[Step]:
    writer = ProgramWriter(rl.trace(function, *arguments), unit=unit)
    writer.write()
    return writer.steps


def text(function: Any, *arguments: rl.Tensor) -> str:
    (step,) = steps(function, *arguments)
    return step.emitted.code.text


def test_axes_that_lie_as_one_are_one_loop() -> None:
    assert text(lambda x: x.exp(), rl.ones(3, 4, 5, 6)).count("for (") == 1
    assert text(lambda x, y: x + y, rl.ones(3, 4, 5), rl.ones(5)).count("for (") == 2
    assert text(lambda x, y: x + y, rl.ones(3, 4, 5), rl.ones(3, 1, 1)).count("for (") == 2


def test_an_index_that_runs_backwards_is_subtracted() -> None:
    assert "x_0[6 - i0]" in text(lambda x: x[::-1].exp(), rl.ones(7))


def test_nothing_is_declared_that_is_not_read() -> None:
    table, ids = rl.ones(1, 4), rl.tensor(np.zeros(3, np.int64))
    body = text(rl.take, table, ids)
    assert "const int64_t at" not in body
    assert "rl_index(call, 0, (int64_t)x_1_" in body


def test_what_does_not_move_along_the_loop_is_computed_ahead_of_it() -> None:
    body = text(lambda x, s: x * s.exp(), rl.ones(300), rl.tensor(2.0))
    assert body.index("rl_exp") < body.index("for (")
    body = text(lambda x, s: x * s.exp(), rl.ones(30, 20), rl.ones(30, 1))
    assert body.index("for (") < body.index("rl_exp") < body.rindex("for (")


def test_a_long_sum_is_kept_in_lanes_that_are_added_in_order() -> None:
    assert "sum_1_lanes[16]" in text(lambda x: x.sum(1), rl.ones(40, 100))
    assert "lanes" not in text(lambda x: x.sum(1), rl.ones(40, 10))


def test_sums_down_the_columns_go_through_memory_in_its_order() -> None:
    body = text(lambda x: x.sum(0), rl.ones(100, 128))
    assert "i0 * 128 + i1" in body or "i1 * 128 + i0" in body
    assert "float sum_1[64];" in body


@pytest.mark.parametrize("count", [1, UNIT, UNIT + 1, 3 * UNIT, 3 * UNIT + 7])
def test_loops_are_shared_out_in_units(count: int) -> None:
    (step,) = steps(lambda x: x.exp(), rl.ones(count))
    assert step.emitted.code.units == -(-count // UNIT)


@pytest.mark.parametrize("inner", [1, 3, 63, 64, 65, 5000])
def test_units_are_whole_groups_of_rows_or_rows_that_are_done_one_by_one(inner: int) -> None:
    (step,) = steps(lambda x, y: x + y, rl.ones(10000, inner), rl.ones(10000, 1))
    body = step.emitted.code.text
    found = re.search(r"= first( \* (\d+))?;", body)
    assert found
    grain = int(found[2] or 1)
    assert step.emitted.code.units == -(-10000 // grain)
    assert grain % TOGETHER == 0 or "RL_ONE_BY_ONE;" in body


def test_a_kernel_of_one_unit_is_run_by_the_first_thread() -> None:
    (step,) = steps(lambda x: x.exp(), rl.ones(3))
    assert step.is_alone
    assert step.call()[-2:] == ["if (thread == 0)", f"    {step.name}(x_0, result_1, 0, 1);"]


def test_no_line_of_a_kernel_is_longer_than_a_page() -> None:
    names = [rl.ones(40, 30) for _ in range(12)]
    (step,) = steps(lambda *xs: sum(x.exp() for x in xs), *names)
    assert max(map(len, step.text().splitlines())) <= 96


def test_a_product_ends_with_what_is_done_to_each_element() -> None:
    def function(x: rl.Tensor, y: rl.Tensor, b: rl.Tensor) -> rl.Tensor:
        return (x @ y + b).relu()

    body = text(function, rl.ones(32, 48), rl.ones(48, 64), rl.ones(64))
    assert "rl_relu(add_" in body


def test_a_sum_over_reversed_pairs_is_right():
    x = rl.tensor(np.arange(34, dtype=np.float32).reshape(17, 2) ** 2)
    assert rl.compile(lambda x: x[:, ::-1].sum())(x).item() == 12529.0
