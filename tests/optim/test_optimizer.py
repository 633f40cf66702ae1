"""What optimisers do beside their formulas: state, skipped parameters, mistakes."""

from fractions import Fraction

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.optim import SGD, Adam, AdamW

MAKERS = [
    lambda weights: SGD(weights, lr=0.1),
    lambda weights: SGD(weights, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda weights: Adam(weights, lr=0.1),
    lambda weights: AdamW(weights, lr=0.1),
]
each_optimizer = pytest.mark.parametrize("make", MAKERS, ids=["sgd", "nesterov", "adam", "adamw"])


def weight(*values, dtype="float32"):
    return rl.tensor(np.array(values, dtype), requires_grad=True)


def step(optimizer, *weights):
    optimizer.backward_step(sum((w * w).sum() for w in weights))


@each_optimizer
def test_a_parameter_without_a_gradient_is_left_alone(make):
    used, unused = weight(1.0), weight(2.0)
    optimizer = make([used, unused])
    step(optimizer, used)
    assert used.item() < 1.0
    assert unused.item() == 2.0


@each_optimizer
def test_a_parameter_without_a_gradient_is_left_alone_in_a_traced_step(make):
    def train(function):
        used, unused = weight(1.0), weight(2.0)
        optimizer = make([used, unused])
        run = function(lambda: step(optimizer, used))
        for _ in range(5):
            run()
        state = optimizer.state_dict()
        return [used.item(), unused.item(), *[state[name].tolist() for name in sorted(state)]]

    def traced(function):
        return rl.compile(function, native=False)

    assert train(traced) == train(lambda run: run)
    assert train(rl.compile)[1] == 2.0


def test_which_parameters_have_gradients_may_change_between_traced_steps():
    first, second = weight(1.0), weight(1.0)
    optimizer = SGD([first, second], lr=0.25)
    run = rl.compile(optimizer.step)
    for which in (first, second, first):
        optimizer.zero_grad()
        (which * 2.0).sum().backward()
        run()
    assert (first.item(), second.item()) == (0.0, 0.5)


@each_optimizer
def test_frozen_parameters_stay(make):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    before = model[0].weight.numpy().copy()
    optimizer = make(model.parameters())
    optimizer.backward_step(model(rl.ones(3, 2)).sum())
    np.testing.assert_array_equal(model[0].weight.numpy(), before)


@each_optimizer
def test_a_saved_state_goes_on_bit_for_bit(make):
    def train(saved_after):
        w = weight(1.0, -2.0, 3.0)
        optimizer = make([w])
        for count in range(10):
            if count == saved_after:
                state = {name: t.numpy().copy() for name, t in optimizer.state_dict().items()}
                w = weight(*w.tolist())
                optimizer = make([w])
                optimizer.load_state_dict(state)
            step(optimizer, w)
        return w.numpy()

    np.testing.assert_array_equal(train(saved_after=4), train(saved_after=None))


def test_a_loaded_state_is_a_copy():
    w = weight(1.0)
    first, second = SGD([w], momentum=0.9), SGD([w], momentum=0.9)
    second.load_state_dict(first.state_dict())
    for name, tensor in first.state_dict().items():
        assert not np.shares_memory(tensor.data, second.state_dict()[name].data)


def test_a_state_that_does_not_fit_changes_nothing():
    w = weight(1.0, 2.0)
    optimizer = Adam([w], lr=0.5)
    state = {name: tensor.numpy() for name, tensor in optimizer.state_dict().items()}
    with pytest.raises(rl.ModuleError, match=r"(?s)missing: second\.0; unexpected: third\.0"):
        wrong = {**state, "third.0": state["second.0"], "lr": np.float64(7.0)}
        del wrong["second.0"]
        optimizer.load_state_dict(wrong)
    with pytest.raises(rl.ShapeError, match=r"first\.0 has shape \(2,\), the state has \(3,\)"):
        optimizer.load_state_dict({**state, "lr": np.float64(7.0), "first.0": np.ones(3)})
    with pytest.raises(rl.DTypeError, match=r"second\.0 is float32, the state has float64"):
        optimizer.load_state_dict({**state, "lr": np.float64(7.0), "second.0": np.ones(2)})
    assert optimizer.lr.item() == 0.5


def test_the_learning_rate_is_a_number_that_a_traced_step_reads_anew():
    w = weight(1.0)
    optimizer = SGD([w], lr=0.5)
    run = rl.compile(lambda: optimizer.backward_step((w * 1.0).sum()))
    run()
    optimizer.lr.assign(0.125)
    run()
    assert w.item() == 0.375
    assert len(run.graphs) == 1


def test_moments_begin_at_zero_whatever_the_weights_are():
    optimizer = Adam([weight(np.inf, np.nan)])
    np.testing.assert_array_equal(optimizer.moments["first"][0].numpy(), [0.0, 0.0])


def test_parameters_of_two_dtypes_are_trained_together():
    wide, narrow = weight(1.0, dtype="float64"), weight(1.0)
    optimizer = Adam([wide, narrow], lr=0.1)
    for _ in range(3):
        step(optimizer, wide.cast("float32"), narrow)
    assert (wide.dtype.name, narrow.dtype.name) == ("float64", "float32")
    np.testing.assert_allclose(wide.item(), narrow.item(), rtol=1e-6)


def test_adam_corrects_its_first_steps_precisely_in_float32():
    w = weight(1.0)
    Adam([w], lr=0.001, eps=0.0).backward_step((w * 0.1).sum())
    np.testing.assert_allclose(1.0 - w.item(), 0.001, rtol=1e-4)  # half a bit of 1.0 is 6e-8


def computed():
    return weight(1.0) * 2.0


MISTAKES = [
    (lambda w: SGD([]), "at least one parameter is needed"),
    (lambda w: SGD([w, w]), "parameters 0 and 1 are the same tensor"),
    (lambda w: SGD(w), "one Tensor is no list of parameters\n  hint: give [tensor]"),
    (
        lambda w: SGD(nn.Linear(1, 1)),
        "one Linear is no list of parameters\n  hint: give module.parameters()",
    ),
    (lambda w: SGD(5), "int is no list of parameters"),
    (lambda w: SGD([w], lr=10**400), "lr is too large for a float"),
    (lambda w: SGD([w, 1.0]), "parameter 1 is no tensor but a float"),
    (lambda w: SGD(nn.Linear(1, 1).named_parameters()), "parameter 0 is no tensor but a tuple"),
    (lambda w: SGD([rl.tensor([1])]), "parameter 0 is int64, which cannot be trained"),
    (lambda w: SGD([computed()]), "parameter 0 was computed, so it gets no gradient of its own"),
    (lambda w: SGD([w], lr=-1.0), "lr must be a number of at least 0, not -1.0"),
    (lambda w: SGD([w], lr=float("nan")), "lr must be a number of at least 0, not nan"),
    (lambda w: SGD([w], lr=float("inf")), "lr must be a number of at least 0, not inf"),
    (lambda w: SGD([w], lr="0.1"), "lr must be a number of at least 0, not '0.1'"),
    (lambda w: SGD([w], lr=True), "lr must be a number of at least 0, not True"),
    (lambda w: SGD([w], lr=rl.tensor(0.1)), "lr must be a number of at least 0, not tensor(0.1)"),
    (lambda w: SGD([w], momentum=-0.1), "momentum must be a number of at least 0, not -0.1"),
    (lambda w: SGD([w], nesterov=True), "nesterov needs a momentum above 0"),
    (lambda w: SGD([w], weight_decay=-1), "weight_decay must be a number of at least 0, not -1"),
    (
        lambda w: Adam([w], betas=(0.9, 1.0)),
        "betas[1] must be a number of at least 0 and below 1, not 1.0",
    ),
    (lambda w: Adam([w], betas=0.9), "betas must be two numbers, not 0.9"),
    (lambda w: Adam([w], betas=(0.9,)), "betas must be two numbers, not (0.9,)"),
    (lambda w: AdamW([w], eps=None), "eps must be a number of at least 0, not None"),
    (lambda w: SGD([w]).step(), "no parameter has a gradient\n  hint: call loss.backward() first"),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[fact for _, fact in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake(weight(1.0))
    assert str(caught.value).startswith(fact)


def test_a_generator_that_was_used_up_is_named_as_the_cause():
    parameters = nn.Linear(1, 1).parameters()
    SGD(parameters)
    with pytest.raises(rl.UsageError, match="a generator gives them only once"):
        SGD(parameters)


def test_an_optimiser_is_shown_with_its_rate():
    assert repr(SGD(nn.Linear(1, 1).parameters(), lr=0.1)) == "SGD(2 parameters, lr=0.1)"


def test_any_real_number_is_taken_as_a_float():
    w = weight(3.0)
    optimizer = SGD([w], lr=np.float32(1.0), weight_decay=Fraction(1, 3))
    optimizer.backward_step((w * 0.0).sum())
    np.testing.assert_allclose(w.numpy(), [2.0], rtol=1e-6)


def test_a_number_for_lr_changes_the_rate_of_a_compiled_step_too():
    w = weight(1.0)
    optimizer = SGD([w], lr=0.5)
    run = rl.compile(lambda: optimizer.backward_step((w * 1.0).sum()))
    run()
    optimizer.lr = 0.25
    run()
    assert w.item() == 0.25
    with pytest.raises(rl.UsageError, match="lr must be a number"):
        optimizer.lr = "fast"
