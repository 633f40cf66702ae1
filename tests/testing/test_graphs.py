"""Random graphs: the same by seed, of all kinds of nodes, tame and steady."""

from collections import Counter

import numpy as np
import pytest

from rushlight.graph.interpret import Interpreter
from rushlight.testing.compare import assert_identical
from rushlight.testing.graphs import inputs_of, random_graph, random_program

SEEDS = range(200)
KINDS = {
    "add sub mul div pow neg abs sign exp log sqrt sin cos tanh sigmoid relu maximum minimum",
    "erf softplus log1p atan2 floor_divide remainder",
    "bitwise_and bitwise_or bitwise_xor right_shift",
    "eq ne lt le gt ge logical_and logical_or logical_not where cast",
    "reshape permute broadcast_to slice place concat",
    "sum mean max min logsumexp argmax argmin matmul matmul_t",
    "take take_add gather scatter_add random_bits bits_to_uniform",
    "cumsum cumprod recurrence prod argsort scan",
    "conv2d conv2d_input conv2d_weight max_pool2d sum_pool2d sum_unpool2d",
}


def test_a_seed_gives_the_same_graph_and_the_same_numbers() -> None:
    for seed in range(20):
        (one, first), (other, second) = random_graph(seed), random_graph(seed)
        assert str(one) == str(other)
        for a, b in zip(inputs_of(one, first), inputs_of(other, second), strict=True):
            assert_identical(a, b)


def test_seeds_give_different_graphs() -> None:
    assert len({str(random_graph(seed)[0]).partition("\n")[2] for seed in range(50)}) == 50


def test_every_kind_of_node_dtype_and_shape_comes_up() -> None:
    nodes: Counter[str] = Counter()
    dtypes, ranks, sizes, updated, trained = set(), set(), set(), 0, 0
    for seed in SEEDS:
        graph, _ = random_graph(seed)
        nodes.update(node.primitive.name for node in graph.nodes)
        dtypes |= {value.dtype.name for value in graph.values}
        ranks |= {len(value.shape) for value in graph.values}
        sizes |= {size for value in graph.values for size in value.shape}
        updated += bool(graph.updates)
        trained += any(value is not None for _, value in graph.grad_updates)
    assert {name for line in KINDS for name in line.split()} - set(nodes) == set()
    assert dtypes >= {"float32", "float64", "int64", "int32", "uint8", "uint32", "bool"}
    assert ranks >= {0, 1, 2, 3, 4}
    assert sizes >= {0, 1, 2, 16, 17}
    assert min(updated, trained) > 40


@pytest.mark.parametrize("seed", range(0, 40))
def test_the_graph_does_what_the_program_does(seed: int) -> None:
    graph, arguments = random_graph(seed)
    got = Interpreter(graph).run(inputs_of(graph, arguments))
    program = random_program(seed)
    wanted = [x.numpy() for x in program(*program.tensors())]
    for position, (one, other) in enumerate(zip(got, wanted, strict=False)):
        assert_identical(one, other, what=f"result {position}")


def test_numbers_are_finite_and_of_moderate_size() -> None:
    for seed in SEEDS:
        for array in random_program(seed).fresh().everything():
            assert np.isfinite(array).all()
            assert array.dtype == np.uint32 or (np.abs(array.astype(np.float64)) <= 1e4).all()
