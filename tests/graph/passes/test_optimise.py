"""All passes, until none finds anything more; each can be left out, and looked at."""

from itertools import pairwise

import pytest

import rushlight as rl
from rushlight.graph.passes.optimise import PASSES, optimise, stages
from rushlight.testing.graphs import random_graph
from tests.graph.passes.evaluate import names


def messy(x: rl.Tensor) -> rl.Tensor:
    factor = rl.tensor(0.5) * 2.0
    return (x * factor).exp() + x.exp() + x.logsumexp()


def test_one_pass_finds_what_another_left() -> None:
    after = optimise(rl.trace(messy, rl.ones(3)))
    assert names(after)[0] == "exp"
    assert names(after).count("exp") == 2  # one of them inside of what logsumexp is made of
    assert "logsumexp" not in names(after)


@pytest.mark.parametrize(
    ("name", "left"),
    [("fold", "mul"), ("simplify", "mul"), ("decompose", "logsumexp")],
)
def test_a_pass_that_is_left_out_does_nothing(name: str, left: str) -> None:
    graph = rl.trace(messy, rl.ones(3))
    assert left in names(optimise(graph, without=[name]))
    assert left not in names(optimise(graph))


def test_without_any_pass_the_graph_is_what_it_was() -> None:
    graph = rl.trace(messy, rl.ones(3))
    assert str(optimise(graph, without=list(PASSES))) == str(graph)


def test_an_unknown_pass_is_refused() -> None:
    with pytest.raises(rl.UsageError, match="there is no pass 'folds'"):
        optimise(rl.trace(messy, rl.ones(3)), without=["folds"])


def test_the_stages_begin_with_the_trace_and_end_with_the_optimised_graph() -> None:
    graph = rl.trace(messy, rl.ones(3))
    shown = list(stages(graph))
    assert [name for name, _ in shown] == ["traced", "decompose", "fold", "simplify", "cse"]
    assert shown[0][1] == str(graph)
    assert shown[-1][1] == str(optimise(graph))
    texts = [text for _, text in shown]
    assert all(before != after for before, after in pairwise(texts))


def test_an_optimised_graph_has_nothing_left_to_find() -> None:
    for seed in range(50):
        graph, _ = random_graph(seed)
        assert [name for name, _ in stages(optimise(graph))] == ["traced"]
