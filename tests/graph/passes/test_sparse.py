"""A step of an embedding touches the rows that it reads, and no other."""

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph.ir import Graph
from rushlight.graph.passes.optimise import optimise
from rushlight.graph.passes.rewrite import copied
from rushlight.graph.passes.sparse import add_rows_in_place
from rushlight.testing.compare import assert_close, assert_identical
from tests.graph.passes.evaluate import evaluate, names

IDS = np.array([[3, 5], [3, 0]])
TABLE = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)

Update = Callable[[rl.Tensor, rl.Tensor], rl.Tensor]


def step_of(update: Update, keeps_grad: bool = False) -> Graph:
    w = rl.tensor(TABLE, requires_grad=True)

    def step(ids: rl.Tensor) -> None:
        (rl.take(w, ids).tanh() * 3.0).sum().backward()
        w.assign(update(w.detach(), w.grad.detach()))
        if not keeps_grad:
            w.grad = None

    return rl.trace(step, rl.tensor(IDS))


SPARSE: list[tuple[str, Update]] = [
    ("less a share of the gradient", lambda w, g: w - g * 0.1),
    ("less a number times the gradient", lambda w, g: w - rl.tensor([[0.1]]) * g),
    ("less a fraction", lambda w, g: w - g / 10.0),
    ("plus the opposite", lambda w, g: w + -g),
    ("the gradient first", lambda w, g: g * -0.1 + w),
    ("two numbers in a row", lambda w, g: w - g * 0.5 * 0.1),
    ("with weight decay", lambda w, g: w - (g + w * 0.01) * 0.1),
]


@pytest.mark.parametrize(("what", "update"), SPARSE, ids=[what for what, _ in SPARSE])
def test_rows_are_added_to_the_table(what: str, update: Update) -> None:
    graph = step_of(update)
    after = add_rows_in_place(copied(graph))
    assert "take_add" not in names(after)
    assert names(after).count("rows_added") == 1
    got, wanted = evaluate(after, IDS)[0], evaluate(graph, IDS)[0]
    assert_close(got, wanted)
    if "decay" not in what:
        untouched = np.setdiff1d(np.arange(50), IDS)
        assert_identical(got[untouched], TABLE[untouched])


DENSE: list[tuple[str, Update, bool]] = [
    ("a gradient that is kept", lambda w, g: w - g * 0.1, True),
    ("a gradient that is read twice", lambda w, g: w - g * 0.1 / (g * g).sum().sqrt(), False),
    ("a table that is subtracted from it", lambda w, g: g - w, False),
    ("a step of its own for each element", lambda w, g: w - g * w, False),
    ("a number divided by it", lambda w, g: w - 1.0 / g, False),
]


@pytest.mark.parametrize(("what", "update", "keeps"), DENSE, ids=[what for what, *_ in DENSE])
def test_nothing_changes_for(what: str, update: Update, keeps: bool) -> None:
    graph = step_of(update, keeps)
    assert str(add_rows_in_place(copied(graph))) == str(graph)


def test_more_rows_than_the_table_has_are_added_up_first() -> None:
    w = rl.ones(2, 3, requires_grad=True)

    def step(ids: rl.Tensor) -> None:
        rl.take(w, ids).sum().backward()
        w.assign(w - w.grad * 0.1)
        w.grad = None

    graph = rl.trace(step, rl.zeros(9, dtype="int64"))
    assert "rows_added" not in names(add_rows_in_place(copied(graph)))


def test_an_embedding_is_trained_sparsely_by_sgd() -> None:
    model = rl.nn.Sequential(rl.nn.Embedding(100, 4), rl.nn.Flatten(), rl.nn.Linear(8, 3))
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)

    def step(ids: rl.Tensor, labels: rl.Tensor) -> rl.Tensor:
        loss = rl.nn.functional.cross_entropy(model(ids), labels)
        optimizer.backward_step(loss)
        return loss

    labels = np.array([0, 2])
    graph = rl.trace(step, rl.tensor(IDS), rl.tensor(labels))
    after = optimise(graph)
    assert names(after).count("rows_added") == 1
    assert not any(
        node.outputs[0].shape == (100, 4)
        for node in after.nodes[:-1]
        if node.primitive.name != "rows_added"
    )
    pairs = zip(evaluate(after, IDS, labels), evaluate(graph, IDS, labels), strict=True)
    for got, wanted in pairs:
        assert_close(got, wanted)
