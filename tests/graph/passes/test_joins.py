"""The gradients of the parts of a value are written side by side, not added among zeros."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph.passes.joins import join_places
from rushlight.graph.passes.rewrite import copied
from rushlight.testing.compare import assert_close
from tests.graph.passes.evaluate import evaluate, names

X = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)

Use = Callable[[Any], Any]


def gradient_of(use: Use) -> Callable[[rl.Tensor], rl.Tensor]:
    return lambda x: rl.grad(lambda x: use(x).sum())(x)


WHOLE: list[tuple[str, Use]] = [
    ("two parts", lambda x: x[:, :2].exp().sum() + x[:, 2:].tanh().sum()),
    ("three", lambda x: x[:, 4:] * x[:, :2].exp() + x[:, 2:4].tanh()),
    ("whole rows", lambda x: (x[3:].exp() * x[:1].sin()).sum() + x[1:3].tanh().sum()),
]


@pytest.mark.parametrize(("what", "use"), WHOLE, ids=[what for what, _ in WHOLE])
def test_parts_that_fill_the_whole_are_joined(what: str, use: Use) -> None:
    graph = rl.trace(gradient_of(use), rl.tensor(X))
    after = join_places(copied(graph))
    assert names(after).count("concat") == 1
    assert "place" not in names(after)
    assert_close(evaluate(after, X)[0], evaluate(graph, X)[0])


APART: list[tuple[str, Use]] = [
    ("a gap", lambda x: x[:, :2].exp().sum() + x[:, 3:].tanh().sum()),
    ("an overlap", lambda x: x[:, :3].exp().sum() + x[:, 2:].tanh().sum()),
    ("two axes", lambda x: x[:, :2].exp().sum() + x[:2].tanh().sum()),
    ("every other", lambda x: x[:, ::2].exp().sum() + x[:, 1::2].tanh().sum()),
    ("parts of both axes", lambda x: x[:2, :3].exp().sum() + x[2:, 3:].tanh().sum()),
]


@pytest.mark.parametrize(("what", "use"), APART, ids=[what for what, _ in APART])
def test_other_sums_stay_as_they_are(what: str, use: Use) -> None:
    graph = rl.trace(gradient_of(use), rl.tensor(X))
    after = join_places(copied(graph))
    assert "concat" not in names(after)
    assert_close(evaluate(after, X)[0], evaluate(graph, X)[0])
