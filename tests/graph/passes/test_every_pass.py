"""Every pass keeps what a graph means, on random graphs; and where it came from."""

from collections import Counter

import pytest

import rushlight as rl
from rushlight.graph.ir import Graph
from rushlight.graph.passes.optimise import PASSES, optimise
from rushlight.graph.passes.rewrite import copied
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.graphs import random_graph
from tests.graph.passes.evaluate import evaluate

SEEDS = range(200)
EXACT = [name for name in PASSES if name not in ("joins", "sparse")]


def check_form(graph: Graph) -> None:
    """Values are of this graph, numbered without gaps, made before they are read, of their spec."""
    assert [value.index for value in graph.values] == list(range(len(graph.values)))
    assert all(value.graph is graph for value in graph.values)
    made = {*graph.arguments, *(v for _, v in (*graph.states, *graph.grads, *graph.constants))}
    for node in graph.nodes:
        assert made.issuperset(node.inputs)
        found = node.primitive.rule(*[value.spec for value in node.inputs], **node.params)
        specs = found if node.primitive.outputs > 1 else (found,)
        assert [value.spec for value in node.outputs] == list(specs)
        made.update(node.outputs)
    assert made.issuperset(graph.results())


def check_boundary(graph: Graph, before: Graph) -> None:
    """Arguments, results and what happens to captured tensors are those of the graph before."""
    assert graph.name == before.name
    assert [x.spec for x in graph.arguments] == [x.spec for x in before.arguments]
    assert [x.spec for x in graph.results()] == [x.spec for x in before.results()]
    assert {id(x) for x, _ in graph.states} <= {id(x) for x, _ in before.states}
    assert [id(x) for x, _ in graph.updates] == [id(x) for x, _ in before.updates]
    assert [(id(x), value is None) for x, value in graph.grad_updates] == [
        (id(x), value is None) for x, value in before.grad_updates
    ]


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_gives_the_graph_back_sound(name: str) -> None:
    for seed in SEEDS:
        graph, _ = random_graph(seed)
        text = str(graph)
        given = copied(graph)
        after = PASSES[name](given)
        assert after is given
        assert str(graph) == text
        check_form(after)
        check_boundary(after, graph)


@pytest.mark.parametrize("name", EXACT)
def test_an_exact_pass_keeps_every_bit(name: str) -> None:
    for seed in SEEDS:
        graph, arguments = random_graph(seed)
        wanted, got = evaluate(graph, *arguments), evaluate(PASSES[name](copied(graph)), *arguments)
        for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
            assert_identical(one, other, what=f"seed {seed}, result {position}")


def test_all_exact_passes_together_keep_every_bit() -> None:
    for seed in SEEDS:
        graph, arguments = random_graph(seed)
        text = str(graph)
        after = optimise(graph, without=["joins", "sparse"])
        assert str(graph) == text
        check_form(after)
        check_boundary(after, graph)
        pairs = zip(evaluate(after, *arguments), evaluate(graph, *arguments), strict=True)
        for position, (got, wanted) in enumerate(pairs):
            assert_identical(got, wanted, what=f"seed {seed}, result {position}")


def test_all_passes_together_are_equal_up_to_rounding() -> None:
    for seed in SEEDS:
        graph, arguments = random_graph(seed)
        after = optimise(graph)
        pairs = zip(evaluate(after, *arguments), evaluate(graph, *arguments), strict=True)
        for position, (got, wanted) in enumerate(pairs):
            assert_close(got, wanted, what=f"seed {seed}, result {position}")


def test_the_random_graphs_give_every_pass_something_to_do() -> None:
    changed: Counter[str] = Counter()
    for seed in SEEDS:
        graph, _ = random_graph(seed)
        changed.update(
            name for name, one in PASSES.items() if str(one(copied(graph))) != str(graph)
        )
    assert {name for name, count in changed.items() if count >= 5} == set(PASSES) - {"dead"}


@pytest.mark.parametrize("name", PASSES)
def test_lines_and_layers_stay_with_the_nodes(name: str) -> None:
    model = rl.nn.Sequential(rl.nn.Embedding(9, 4), rl.nn.Linear(4, 2))

    def step(ids: rl.Tensor) -> rl.Tensor:
        loss = (model(ids) * 1.0).logsumexp()
        loss.backward()
        return loss

    after = PASSES[name](rl.trace(step, rl.zeros(3, dtype="int64")))
    assert all((node.source or "").startswith("test_every_pass.py:") for node in after.nodes)
    assert {"0", "1", None} == {node.module for node in after.nodes}
