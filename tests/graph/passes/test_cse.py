"""What is computed twice from the same is computed once, and nothing else is."""

import pytest

import rushlight as rl
from rushlight.core.dtypes import float32
from rushlight.core.primitive import Primitive, Spec
from rushlight.graph.ir import Graph
from rushlight.graph.passes.cse import share_common
from rushlight.graph.passes.rewrite import copied
from tests.graph.passes.evaluate import names


def test_chains_of_the_same_are_shared_from_end_to_end() -> None:
    def function(x: rl.Tensor) -> rl.Tensor:
        return (x.exp() * 2.0).sum(0) + (x.exp() * 2.0).sum(0)

    assert names(share_common(rl.trace(function, rl.ones(2)))) == ["exp", "mul", "sum", "add"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x.sum(0), x.sum(1)),
        lambda x: (x.sum(0), x.sum(0, keepdims=True)),
        lambda x: (x + 0.0, x + -0.0),
        lambda x: (x - x.exp(), x.exp() - x),
        lambda x: (x.cast("int64"), x.cast("int32")),
        lambda x: (x.exp(), x.log()),
    ],
)
def test_what_differs_in_a_param_an_operand_or_a_bit_stays_two(function: object) -> None:
    after = share_common(rl.trace(function, rl.ones(2, 2)))
    first, second = after.outputs
    assert first is not second


def test_two_draws_differ_and_two_draws_from_one_state_do_not() -> None:
    generator = rl.Generator(0)
    after = share_common(rl.trace(lambda: (generator.bits((2,)), generator.bits((2,)))))
    assert names(after) == ["random_bits", "random_bits"]

    def again() -> list[rl.Tensor]:
        state = generator.state.detach()
        first = generator.bits((2,))
        generator.state.assign(state)
        return [first, generator.bits((2,))]

    after = share_common(rl.trace(again))
    assert names(after) == ["random_bits"]
    assert after.outputs[0] is after.outputs[1]


def test_equal_constants_are_one() -> None:
    after = share_common(
        rl.trace(lambda x: x * rl.tensor([1.0, 2.0]) + rl.tensor([1.0, 2.0]), rl.ones(2))
    )
    assert len(after.constants) == 1


def test_constants_of_other_dtypes_or_shapes_are_not() -> None:
    def function() -> list[rl.Tensor]:
        return [rl.tensor([1, 0], dtype=d) for d in ("int32", "int64", "float16", "uint16")]

    assert len(share_common(rl.trace(function)).constants) == 4


class Tagged(Primitive):
    """A primitive with a param that cannot be compared."""

    name = "tagged"

    def rule(self, *specs: Spec, **params: object) -> Spec:
        return specs[0]


def test_params_without_a_hash_are_taken_to_differ() -> None:
    graph = Graph("tagged")
    x = graph.new_value(Spec((2,), float32))
    graph.arguments.append(x)
    tagged = Tagged()
    for tag in ({1}, {1}, "a", "a"):
        graph.outputs += graph.add(tagged, (x,), {"tag": tag})
    assert len(share_common(copied(graph)).nodes) == 3
