"""The gradient of every differentiable primitive, against small steps in float64."""

import pytest

import rushlight as rl
from rushlight.core.dtypes import float64
from rushlight.core.primitive import PRIMITIVES, Primitive
from rushlight.ops.order import detach_p
from rushlight.testing.cases import Case, cases
from rushlight.testing.compare import assert_identical
from rushlight.testing.gradcheck import check_gradients

CASES = [
    case
    for primitive in PRIMITIVES.values()
    if primitive.differentiable
    for case in cases(primitive, float64)
]


def leaves(case: Case) -> list[rl.Tensor]:
    return [x.requires_grad_() if x.dtype.is_float else x for x in case.inputs()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_first_and_where_smooth_the_second_derivative_is_what_small_steps_show(
    case: Case,
) -> None:
    check_gradients(case, *leaves(case), order=2 if case.primitive.smooth else 1)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_traced_gradient_has_the_bits_of_the_eager_one(case: Case) -> None:
    def gradients(*inputs: rl.Tensor) -> list[rl.Tensor | None]:
        result = case(*inputs)
        y = result[0] if isinstance(result, tuple) else result
        return rl.gradients_of((y * 0.7).sum(), [x for x in inputs if x.requires_grad])

    inputs = leaves(case)
    eager = gradients(*inputs)
    for got, wanted in zip(rl.compile(gradients, native=False)(*inputs), eager, strict=True):
        assert_identical(got, wanted)


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=str)
def test_an_op_that_makes_floats_of_floats_is_differentiable(primitive: Primitive) -> None:
    if primitive is detach_p:  # whose meaning it is that no gradient goes through
        assert not primitive.differentiable
        return
    for case in cases(primitive, float64):
        results = primitive.rule(*case.specs(), **case.params)
        specs = results if isinstance(results, tuple) else (results,)
        of_floats = any(spec.dtype.is_float for spec in case.specs())
        makes_floats = any(spec.dtype.is_float for spec in specs)
        assert primitive.differentiable or not (of_floats and makes_floats)
