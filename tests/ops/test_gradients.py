"""The gradient of every differentiable primitive, against small steps in float64."""

import pytest

import rushlight as rl
from rushlight.core.dtypes import float64
from rushlight.core.primitive import PRIMITIVES
from rushlight.testing.cases import Case, cases
from rushlight.testing.compare import assert_identical
from rushlight.testing.gradcheck import check_gradients

CASES = [
    case
    for primitive in PRIMITIVES.values()
    if primitive.differentiable
    for case in cases(primitive, float64)
]
SMOOTH = [case for case in CASES if case.primitive.smooth]


def leaves(case: Case) -> list[rl.Tensor]:
    return [x.requires_grad_() if x.dtype.is_float else x for x in case.inputs()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_gradient_is_what_small_steps_show(case: Case) -> None:
    check_gradients(case, *leaves(case))


@pytest.mark.parametrize("case", SMOOTH, ids=str)
def test_the_second_derivative_is_what_small_steps_show(case: Case) -> None:
    check_gradients(case, *leaves(case), order=2)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_traced_gradient_has_the_bits_of_the_eager_one(case: Case) -> None:
    def gradients(*inputs: rl.Tensor) -> list[rl.Tensor | None]:
        wanted = [x for x in inputs if x.requires_grad]
        return rl.gradients_of((case(*inputs) * 0.7).sum(), wanted)

    inputs = leaves(case)
    eager = gradients(*inputs)
    for got, wanted in zip(rl.compile(gradients)(*inputs), eager, strict=True):
        assert_identical(got, wanted)




def test_every_float_op_is_differentiable_or_gives_no_float() -> None:
    without = {p.name for p in PRIMITIVES.values() if not p.differentiable}
    comparisons = {"eq", "ne", "lt", "le", "gt", "ge"}
    logic = {"logical_not", "logical_and", "logical_or"}
    assert without == comparisons | logic | {"argmax", "argmin", "random_bits", "bits_to_uniform"}
