"""L-BFGS beside its formulas: compiled closures, state, what it refuses."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import LBFGS


def make(wolfe=False, values=(-1.2, 1.0), **options):
    w = rl.tensor(np.array(values), requires_grad=True)
    optimizer = LBFGS([w], wolfe=wolfe, **options)

    def closure():
        optimizer.zero_grad()
        loss = (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] * w[0]) ** 2
        loss.backward()
        return loss

    return w, optimizer, closure


def test_a_closure_may_be_compiled():
    w, optimizer, closure = make(wolfe=True)
    compiled = rl.compile(closure)
    for _ in range(6):
        optimizer.step(compiled)
    np.testing.assert_allclose(w.numpy(), [1.0, 1.0], rtol=1e-3)
    assert len(compiled.graphs) <= 2


@pytest.mark.parametrize("wolfe", [False, True])
def test_a_saved_state_goes_on_bit_for_bit(wolfe):
    options = {"wolfe": wolfe, "lr": 0.5 if wolfe else 0.002, "max_iter": 3, "history": 2}

    def train(saved_after):
        w, optimizer, closure = make(**options)
        for count in range(8):
            if count == saved_after:
                state = optimizer.state_dict()
                w, optimizer, closure = make(values=w.tolist(), **options)
                optimizer.load_state_dict(state)
            optimizer.step(closure)
        return w.numpy()

    np.testing.assert_array_equal(train(saved_after=4), train(saved_after=None))


def test_parameters_of_two_dtypes_keep_them():
    wide = rl.tensor(np.ones(2), requires_grad=True)
    narrow = rl.tensor(np.ones((2, 2), np.float32), requires_grad=True)
    optimizer = LBFGS([wide, narrow], wolfe=True)

    def closure():
        optimizer.zero_grad()
        loss = ((wide - 3.0) ** 2).sum().cast("float32") + ((narrow + 2.0) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (wide.dtype.name, narrow.dtype.name) == ("float64", "float32")
    np.testing.assert_allclose(wide.numpy(), [3.0, 3.0], rtol=1e-5)
    np.testing.assert_allclose(narrow.numpy(), np.full((2, 2), -2.0), rtol=1e-5)


def test_at_the_lowest_point_nothing_moves():
    w, optimizer, closure = make(values=(1.0, 1.0))
    assert optimizer.step(closure).item() == 0.0
    assert w.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("wolfe", [False, True])
def test_a_loss_that_is_no_number_ends_the_step(wolfe):
    w, optimizer, _ = make(wolfe=wolfe)

    def closure():
        optimizer.zero_grad()
        loss = (w * float("nan")).sum()
        loss.backward()
        return loss

    assert np.isnan(optimizer.step(closure).item())


@pytest.mark.parametrize("wolfe", [False, True])
def test_a_closure_that_fails_leaves_the_weights_of_before_the_direction(wolfe):
    w, optimizer, closure = make(wolfe=wolfe, lr=0.001, max_iter=1)
    optimizer.step(closure)
    before, calls = w.tolist(), []

    def failing():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return closure()

    optimizer.max_iter = 3
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(failing)
    assert w.tolist() == before
    assert optimizer.step(closure).item() > closure().item()


def train_with_fit():
    net = rl.nn.Linear(1, 1)
    data = rl.data.Dataset([[0.0]], [[1.0]])
    rl.fit(net, data, loss=rl.nn.functional.mse_loss, optimizer=LBFGS(net.parameters()), epochs=1)


MISTAKES = [
    (lambda o: o.step(None), "LBFGS.step needs a function that goes back and returns the loss"),
    (lambda o: o.step(lambda: 1.0), "the closure must return the loss, a scalar, not float"),
    (lambda o: o.step(lambda: rl.ones(2)), "the closure must return the loss, a scalar, not float"),
    (lambda o: LBFGS([]), "at least one parameter is needed"),
    (lambda o: LBFGS(o.parameters, max_iter=0), "max_iter must be an int of at least 1, not 0"),
    (lambda o: LBFGS(o.parameters, history=1.5), "history must be an int of at least 1, not 1.5"),
    (lambda o: LBFGS(o.parameters, wolfe="yes"), "wolfe must be True or False, not 'yes'"),
    (lambda o: setattr(o, "lr", "fast"), "lr must be a number of at least 0, not 'fast'"),
    (lambda o: o.load_state_dict({}), "the state does not fit LBFGS; missing: lr, count"),
    (lambda o: train_with_fit(), "optimizer is no Optimizer but a LBFGS\n  hint: L-BFGS wants a"),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[fact for _, fact in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake(make()[1])
    assert str(caught.value).startswith(fact)


def test_inside_a_trace_it_says_that_it_needs_values():
    _, optimizer, closure = make()
    with pytest.raises(rl.TraceError, match="asks for the value"):
        rl.trace(lambda: optimizer.step(closure))
