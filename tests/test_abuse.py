"""What an attacker tried on tensors, and what he gets now: an explanation, or the right answer."""

import numpy as np
import pytest

import rushlight as rl

F = rl.nn.functional


def test_the_constant_behind_a_number_cannot_be_changed():
    y = rl.maximum(2.5, 0.0)
    rl.nn.Dropout(0.5).eval()(2.5).assign(99.0)
    y.assign(7.0)
    assert rl.tensor(2.5).item() == 2.5
    assert (rl.tensor(1.0) + 2.5).item() == 3.5


def test_an_argument_that_the_function_also_captures_and_changes_is_refused():
    state = rl.ones(2)

    @rl.compile
    def step(a):
        state.assign(state + 1.0)
        return a * 1.0

    with pytest.raises(rl.TraceError, match="argument 0 of step is also captured by it"):
        step(state)


def test_the_squared_error_of_bytes_does_not_wrap():
    loss = F.mse_loss(rl.tensor([0], dtype="uint8"), rl.tensor([20], dtype="uint8"))
    assert loss.item() == 400.0


def test_clip_passes_the_whole_gradient_at_its_bounds():
    x = rl.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], requires_grad=True)
    x.clip(-1.0, 1.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 1.0, 1.0, 1.0, 0.0])


def test_the_position_of_a_scalar_s_extreme_is_a_scalar():
    assert rl.tensor(1.0).argmax(keepdims=True).shape == ()
    assert rl.ones(2, 3).argmax(keepdims=True).shape == (1, 1)


def test_axes_may_be_a_numpy_array():
    np.testing.assert_array_equal(rl.ones(2, 3, 4).sum(np.array([0, 2])), [8.0] * 3)


def test_a_list_contains_a_number():
    assert 2.0 in rl.tensor([1.0, 2.0])
    assert 3.0 not in rl.tensor([1.0, 2.0])


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: rl.tensor([300.0], dtype="uint8"), "300.0 does not fit uint8"),
        (lambda: rl.tensor([float("nan")], dtype="int64"), "nan does not fit int64"),
        (lambda: rl.one_hot([1], -1), "at least 1 class"),
        (lambda: rl.one_hot([1], 2.5), "at least 1 class"),
        (lambda: rl.zeros(10**10, 10**10), "no memory holds"),
        (lambda: rl.zeros(*[1] * 65), "at most 64 axes"),
        (lambda: rl.ones(2**63), "no memory holds"),
        (lambda: rl.arange(-(10**30)), "no steps"),
        (lambda: rl.ones(2).cast(rl.ones(2)), "unknown dtype"),
        (lambda: F.linear(rl.ones(2), rl.ones(2)), "the weight should be"),
        (lambda: rl.take([1.0], [5]), "index 5 is outside"),
        (lambda: rl.compile(None), "compile takes a function"),
        (lambda: setattr(rl.ones(2), "grad", 5), "cannot be int"),
        (lambda: setattr(rl.ones(2), "grad", rl.ones(1)), r"cannot be float32 \(1,\)"),
    ],
)
def test_nonsense_is_explained(use, words):
    with pytest.raises(rl.RushlightError, match=words):
        use()
