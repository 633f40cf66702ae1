"""What no one loop computes is written as several."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph.passes.decompose import decompose
from rushlight.graph.passes.rewrite import copied
from rushlight.testing.compare import assert_identical
from tests.graph.passes.evaluate import evaluate, names

INF, NAN = np.inf, np.nan
ROWS = [
    [1, 2, 3],
    [1e3, 1e3, -1e3],
    [INF, 1, 2],
    [-INF, 1, 2],
    [-INF] * 3,
    [INF, -INF, 0],
    [NAN, 1, INF],
    [-0.0] * 3,
]


@pytest.mark.parametrize("axes", [None, 0, 1, (0, 1), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logsumexp_keeps_its_bits_infinities_and_nan(
    axes: object, keepdims: bool, dtype: str
) -> None:
    for shape in [(8, 3), (0, 3), (3, 0), (1, 1)]:
        x = np.resize(np.array(ROWS, dtype), shape)
        graph = rl.trace(lambda x: x.logsumexp(axes, keepdims), rl.tensor(x, dtype=dtype))
        after = decompose(copied(graph))
        assert "logsumexp" in names(graph)
        assert "logsumexp" not in names(after)
        assert_identical(evaluate(after, x)[0], evaluate(graph, x)[0], what=str(shape))


def test_other_nodes_stay() -> None:
    graph = rl.trace(lambda x: x.softmax().sum(), rl.ones(2, 3))
    assert str(decompose(copied(graph))) == str(graph)
