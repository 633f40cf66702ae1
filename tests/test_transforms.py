"""`grad`, `value_and_grad` and `gradients_of`."""

import gc
from typing import Any

import numpy as np
import pytest

import rushlight as rl


def cube(x: rl.Tensor) -> rl.Tensor:
    return x * x * x


def test_derivatives_of_any_order() -> None:
    x = rl.tensor(2.0, dtype="float64")
    third = rl.grad(rl.grad(rl.grad(cube)))
    assert [rl.grad(cube)(x).item(), rl.grad(rl.grad(cube))(x).item(), third(x).item()] == [
        12.0,
        12.0,
        6.0,
    ]


def test_the_value_comes_with_the_gradient() -> None:
    value, gradient = rl.value_and_grad(cube)(rl.tensor(2.0))
    assert (value.item(), gradient.item()) == (8.0, 12.0)
    assert (value.requires_grad, gradient.requires_grad) == (False, False)


def test_arguments_are_chosen_by_number() -> None:
    def f(a: rl.Tensor, b: rl.Tensor, scale: float = 1.0) -> rl.Tensor:
        return (a * a * b).sum() * scale

    a, b = rl.tensor([2.0, 3.0]), rl.tensor([5.0, 7.0])
    assert rl.grad(f, 1)(a, b).tolist() == [4.0, 9.0]
    assert rl.grad(f, -1)(a, b).tolist() == [4.0, 9.0]
    ga, gb = rl.grad(f, (0, 1))(a, b, scale=2.0)
    assert (ga.tolist(), gb.tolist()) == ([40.0, 84.0], [8.0, 18.0])
    (only,) = rl.grad(f, argnums=[0])(a, b)
    assert only.tolist() == [20.0, 42.0]


def test_the_same_tensor_as_two_arguments_has_two_gradients() -> None:
    x = rl.tensor(3.0, requires_grad=True)
    ga, gb = rl.grad(lambda a, b: a * a * b, (0, 1))(x, x)
    assert (ga.item(), gb.item()) == (18.0, 9.0)


def test_numbers_are_taken_for_tensors() -> None:
    assert rl.grad(cube)(2.0).item() == 12.0
    assert rl.grad(lambda x: x.sum())([1.0, 2.0]).tolist() == [1.0, 1.0]


def test_an_argument_without_part_has_the_gradient_zero() -> None:
    infinite = rl.tensor([np.inf, 1.0])
    ga, gb = rl.grad(lambda a, b: a.sum(), (0, 1))(rl.ones(2), infinite)
    assert (ga.tolist(), gb.tolist()) == ([1.0, 1.0], [0.0, 0.0])


def test_no_grad_of_anyone_is_touched() -> None:
    w = rl.tensor(2.0, requires_grad=True)
    x = rl.tensor(3.0, requires_grad=True)
    assert rl.grad(lambda x: x * w)(x).item() == 2.0
    assert (w.grad, x.grad) == (None, None)


def test_a_gradient_may_be_part_of_another_function() -> None:
    x = rl.tensor(3.0, dtype="float64", requires_grad=True)
    y = rl.grad(cube)(x) * x
    y.backward()
    assert x.grad.item() == 9.0 * 9.0
    w = rl.tensor(5.0, dtype="float64", requires_grad=True)
    rl.grad(lambda x: x * x * w)(rl.tensor(3.0, dtype="float64")).backward()
    assert w.grad.item() == 6.0


def test_a_function_of_a_captured_variable_that_is_differentiated_too() -> None:
    def outer(x: rl.Tensor) -> rl.Tensor:
        return rl.grad(lambda y: x * x * y * y)(rl.tensor(3.0))

    assert rl.grad(outer)(rl.tensor(2.0)).item() == 2 * 2.0 * 2 * 3.0


def test_the_value_too_is_part_of_the_outer_function() -> None:
    x = rl.tensor(3.0, requires_grad=True)
    value, _ = rl.value_and_grad(cube)(x)
    value.backward()
    assert x.grad.item() == 27.0


def test_a_loop_of_descent_does_not_drag_its_history_along() -> None:
    x = rl.tensor([4.0])
    for _ in range(3):
        x = x - rl.grad(lambda x: (x * x).sum())(x) * 0.25
    assert not x.requires_grad
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        x = x - rl.grad(lambda x: (x * x).sum())(x) * 0.25
    gc.collect()
    assert len(gc.get_objects()) - before < 20


def test_under_no_grad_gradients_are_still_computed_and_not_recorded() -> None:
    w = rl.tensor(2.0, requires_grad=True)
    hidden = w * 3.0
    with rl.no_grad():
        value, gradient = rl.value_and_grad(lambda x: x * x * hidden)(rl.tensor(3.0))
    assert (value.item(), gradient.item()) == (54.0, 36.0)
    assert (value.requires_grad, gradient.requires_grad) == (False, False)
    hidden.backward()
    assert w.grad.item() == 3.0


def test_the_hessian_of_a_quadratic_is_its_matrix() -> None:
    matrix = np.array([[2.0, 1.0], [1.0, 5.0]])
    a = rl.tensor(matrix)

    def row(i: int) -> Any:
        return rl.grad(lambda x: rl.grad(lambda x: (x @ a @ x) * 0.5)(x)[i])

    x = rl.tensor([0.3, -0.7], dtype="float64")
    hessian = [row(i)(x).tolist() for i in range(2)]
    np.testing.assert_allclose(hessian, matrix)


@pytest.mark.parametrize(
    ("call", "kind", "fact"),
    [
        (lambda: rl.grad(lambda x: 3.0)(1.0), rl.DTypeError, "the function gives float"),
        (lambda: rl.grad(lambda x: (x, x))(1.0), rl.DTypeError, "the function gives tuple"),
        (lambda: rl.grad(lambda x: rl.ones(()))(1.0), rl.GradientError, "depends on no tensor"),
        (lambda: rl.grad(lambda x: x)(rl.ones(2)), rl.ShapeError, "only a scalar"),
        (lambda: rl.grad(cube)(rl.tensor(2)), rl.DTypeError, "only floats have gradients"),
        (lambda: rl.grad(cube, 1)(2.0), rl.UsageError, "there is no argument 1: 1 were given"),
        (
            lambda: rl.gradients_of(rl.ones((), requires_grad=True), [rl.ones(2)]),
            rl.GradientError,
            "an input does not require a gradient",
        ),
    ],
)
def test_what_cannot_be_differentiated_is_explained(call: Any, kind: Any, fact: str) -> None:
    with pytest.raises(kind, match=fact):
        call()


def test_gradients_of_several_results_weigh_them() -> None:
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    y, z = x * 2.0, x * x
    grads = rl.gradients_of([y, z], [x], [rl.tensor([1.0, 0.0]), rl.tensor([0.0, 1.0])])
    assert grads[0].tolist() == [2.0, 4.0]


def test_gradients_by_values_in_between_and_of_no_part() -> None:
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    other = rl.tensor([1.0], requires_grad=True)
    hidden = x * 3.0
    loss = (hidden * hidden).sum()
    by_hidden, by_x, by_other, by_loss = rl.gradients_of(loss, [hidden, x, other, loss])
    assert by_hidden.tolist() == [6.0, 12.0]
    assert by_x.tolist() == [18.0, 36.0]
    assert by_other is None
    assert by_loss.item() == 1.0


def test_grad_keeps_the_name_and_doc_of_the_function() -> None:
    assert rl.grad(cube).__name__ == "cube"


def test_gradients_are_traced_and_compiled_like_anything_else() -> None:
    x = rl.tensor([1.0, 2.0])
    by_hand = rl.compile(rl.value_and_grad(lambda x: cube(x).sum()))
    value, gradient = by_hand(x)
    assert (value.item(), gradient.tolist()) == (9.0, [3.0, 12.0])
    second = rl.compile(rl.grad(lambda x: rl.grad(lambda x: cube(x).sum())(x).sum()))
    assert second(x).tolist() == [6.0, 12.0]
