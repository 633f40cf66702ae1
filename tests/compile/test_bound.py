"""`fn.bind`: the same function with buffers of its own."""

import numpy as np
import pytest

import rushlight as rl

either = pytest.mark.parametrize("native", [True, False])


@either
def test_a_bound_function_reads_its_inputs_and_overwrites_its_outputs(native):
    bound = rl.compile(lambda x, y: (x + y, {"product": x * y}), native=native).bind(
        rl.ones(2), rl.ones(2)
    )
    first = bound()
    assert (first[0].tolist(), first[1]["product"].tolist()) == ([2.0, 2.0], [1.0, 1.0])
    bound.inputs[0][...] = [3, 4]
    second = bound()
    assert second[0].tolist() == [4.0, 5.0]
    assert second is first
    np.testing.assert_array_equal(bound.outputs[1], [3.0, 4.0])
    assert bound([5, 6], rl.zeros(2))[0].tolist() == [5.0, 6.0]
    assert repr(bound) == "<bound <lambda>: 2 in, 2 out>"


@either
def test_large_buffers_are_bound_too(native):
    random = np.random.default_rng(0)
    x, y = (random.standard_normal((70, 70)).astype(np.float32) for _ in range(2))
    bound = rl.compile(lambda x, y: x @ y, native=native).bind(rl.zeros(70, 70), rl.zeros(70, 70))
    np.testing.assert_allclose(bound(x, y.T).numpy(), x @ y.T, rtol=1e-4, atol=1e-4)
    bound.inputs[1][...] = y
    np.testing.assert_allclose(bound().numpy(), x @ y, rtol=1e-4, atol=1e-4)


@either
def test_states_and_gradients_go_on_as_in_other_calls(native):
    w = rl.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        w.assign(w + x)
        (w * x).sum().backward()
        return w * 1.0

    step = rl.compile(step, native=native)
    step(rl.zeros(2))
    held = w.grad
    bound = step.bind(rl.ones(2))
    assert bound().tolist() == [2.0, 3.0]
    view = w.numpy()
    assert bound().tolist() == [3.0, 4.0]
    assert (view.tolist(), w.tolist()) == ([2.0, 3.0], [3.0, 4.0])
    assert (held.tolist(), w.grad.tolist()) == ([0.0, 0.0], [2.0, 2.0])
    w.assign([0.0, 0.0])
    kept = w.grad
    assert step(rl.ones(2)).tolist() == [1.0, 1.0]
    assert bound(rl.zeros(2)).tolist() == [1.0, 1.0]
    assert (kept.tolist(), w.grad.tolist()) == ([2.0, 2.0], [3.0, 3.0])


@either
def test_two_bindings_of_a_function_are_apart(native):
    function = rl.compile(lambda x: x + 1.0, native=native)
    first, second = function.bind(rl.zeros(1)), function.bind(rl.zeros(1))
    one, two = first(rl.tensor([1.0])), second(rl.tensor([2.0]))
    assert (one.tolist(), two.tolist(), function(rl.zeros(1)).tolist()) == ([2.0], [3.0], [1.0])


@either
def test_wrong_values_are_refused_and_change_nothing(native):
    bound = rl.compile(lambda x, y: x + y, native=native).bind(rl.zeros(2), rl.zeros(2))
    with pytest.raises(rl.UsageError, match="was bound to 2 tensors, not 1"):
        bound(rl.ones(2))
    with pytest.raises(rl.ShapeError, match=r"argument 1 has shape \(3,\), it was bound to \(2,\)"):
        bound(rl.ones(2), rl.ones(3))
    with pytest.raises(rl.DTypeError, match="argument 0 is complex128, it was bound to float32"):
        bound(np.ones(2, complex), rl.ones(2))
    assert bound().tolist() == [0.0, 0.0]


@either
def test_an_index_out_of_range_is_explained_and_the_next_call_works(native):
    table = rl.tensor([[1.0], [2.0]])
    bound = rl.compile(lambda i: rl.take(table, i), native=native).bind(rl.tensor([0]))
    bound.inputs[0][...] = 7
    with pytest.raises(rl.BoundsError, match="index 7"):
        bound()
    bound.inputs[0][...] = 1
    assert bound().tolist() == [[2.0]]


def test_half_floats_are_bound_as_their_bits():
    bound = rl.compile(lambda x: x.cast("float32") * 2.0).bind(rl.tensor([1.5], dtype="bfloat16"))
    assert bound().tolist() == [3.0]
    assert bound(rl.tensor([2.5], dtype="bfloat16")).tolist() == [5.0]
    with pytest.raises(rl.DTypeError, match="argument 0 is float32, it was bound to bfloat16"):
        bound(rl.ones(1))
