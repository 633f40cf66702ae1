"""Indices that are data: those out of range end a call that then has changed no state."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.core.errors import BoundsError
from rushlight.graph.interpret import Interpreter
from rushlight.ops.gather import scatter_add_p, take_add_p
from rushlight.testing.compare import assert_close
from rushlight.testing.native import Built, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized


def lookups() -> dict[str, Callable[[rl.Tensor, rl.Tensor], Any]]:
    """Functions of a state and of indices, which all change the state."""

    def changed_first(w: rl.Tensor, ids: rl.Tensor) -> Any:
        w.assign(w + 1.0)
        return rl.take(w, ids)

    def changed_by_what_is_read(w: rl.Tensor, ids: rl.Tensor) -> Any:
        w.assign(w * rl.take(w, ids).sum(0))

    def of_which_part_is_used(w: rl.Tensor, ids: rl.Tensor) -> Any:
        w.assign(w * rl.take(w, ids)[:1].exp())

    def read_part_by_part(w: rl.Tensor, ids: rl.Tensor) -> Any:
        first = rl.take(w, ids[:2]).sum(0)
        w.assign(w + first)
        return rl.take(w, ids[2:])

    def added_at(w: rl.Tensor, ids: rl.Tensor) -> Any:
        w.assign(w + bind(take_add_p, ids, rl.ones(5, 6), rows=20))

    def compared_with(w: rl.Tensor, ids: rl.Tensor) -> Any:
        w.assign(w - bind(scatter_add_p, ids[:1].unsqueeze(1), w[:1, :1], axis=0, size=20) * 2.0)
        return w.gather(0, ids.unsqueeze(1).broadcast_to(5, 6))

    found = locals()
    return {name.replace("_", " "): function for name, function in found.items()}


LOOKUPS = lookups()


@pytest.fixture(scope="module")
def built_lookups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    graphs = []
    for function in LOOKUPS.values():
        w = rl.tensor(np.linspace(-2, 2, 120, dtype=np.float32).reshape(20, 6))
        ids = rl.tensor(np.arange(5))
        graphs.append(rl.trace(lambda ids, w=w, function=function: function(w, ids), ids))
    folder = tmp_path_factory.mktemp("graphs")
    return dict(zip(LOOKUPS, build_graphs(graphs, folder, unit=64), strict=True))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("name", LOOKUPS)
def test_an_index_out_of_range_leaves_all_states_as_they_were(
    name: str, place: int, threads: int, built_lookups: dict[str, Built]
) -> None:
    one = built_lookups[name]
    good = np.arange(5)
    states = [x.numpy() for x, _ in one.graph.states]
    wanted = Interpreter(one.graph).run([good, *states])
    for got, other in zip(one.run([good, *states], threads), wanted, strict=True):
        assert_close(got, np.asarray(other))
    for wrong in (-1, 20, 2**63 - 1, -(2**63)):
        ids = good.copy()
        ids[place] = wrong
        with pytest.raises(BoundsError, match=str(wrong)):
            one.run([ids, *states], threads)


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_no_sanitizer_complains_of_indices_out_of_range(
    sanitizer: str, built_lookups: dict[str, Built], tmp_path: Path
) -> None:
    flags = SANITIZERS[sanitizer]
    if not can_sanitize(tmp_path, flags):
        pytest.skip(f"no library here for {flags[0]}")
    graphs = [one.graph for one in built_lookups.values()]
    wrong = np.array([3, 2**63 - 1, -1, 20, -(2**63)])
    inputs = [[wrong, *(x.numpy() for x, _ in graph.states)] for graph in graphs]
    said = run_sanitized(graphs, inputs, tmp_path, flags)
    assert said.splitlines()[-1] == "done"
    assert "Sanitizer" not in said and "runtime error" not in said
