"""Groups of parameters: their settings, their rates, what is saved of them, mistakes."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import SGD, Adam, AdamW, CosineLR, NAdam


def weight(*values):
    return rl.tensor(np.array(values, np.float32), requires_grad=True)


def two_groups(**second):
    first, other = weight(1.0), weight(1.0)
    return [{"params": [first]}, {"params": iter([other]), **second}]


def test_a_group_has_its_own_settings_and_the_optimisers_others():
    optimizer = AdamW(two_groups(lr=0.5, weight_decay=0.3), lr=0.1, weight_decay=0.2)
    rates = [group.lr.item() for group in optimizer.groups]
    assert rates == [0.1, 0.5]
    assert [group.weight_decay for group in optimizer.groups] == [0.2, 0.3]
    assert optimizer.lr is optimizer.groups[0].lr
    assert optimizer.weight_decay == 0.2


def test_groups_move_by_their_own_rates():
    optimizer = SGD(two_groups(lr=0.5), lr=0.25)
    first, other = optimizer.parameters
    optimizer.backward_step((first + other).sum())
    assert (first.item(), other.item()) == (0.75, 0.5)


def test_a_number_for_the_optimiser_is_every_groups():
    optimizer = SGD(two_groups(lr=0.5, momentum=0.5), lr=0.25)
    optimizer.lr = 0.125
    optimizer.momentum = 0.75
    assert [group.lr.item() for group in optimizer.groups] == [0.125, 0.125]
    assert [group.momentum for group in optimizer.groups] == [0.75, 0.75]


def test_a_rate_may_be_given_as_a_tensor_to_one_group():
    optimizer = SGD(two_groups(), lr=0.25)
    optimizer.groups[1].lr = rl.tensor(0.5)
    assert [group.lr.item() for group in optimizer.groups] == [0.25, 0.5]
    assert optimizer.groups[1].lr.dtype.name == "float64"


def test_a_group_that_is_added_is_trained():
    first, other = weight(1.0), weight(1.0)
    optimizer = Adam([first], lr=0.1)
    optimizer.backward_step((first * 2.0).sum())
    group = optimizer.add_group({"params": [other], "lr": 0.5})
    assert optimizer.groups[1] is group
    optimizer.backward_step((first + other).sum())
    assert other.item() < 1.0
    assert list(optimizer.state_dict()) == [
        "lr", "lr.1", "count", "first.0", "first.1", "second.0", "second.1",
    ]  # fmt: skip


def test_a_compiled_step_sees_a_group_that_is_added():
    first, other = weight(1.0), weight(1.0)
    optimizer = SGD([first], lr=0.25)
    run = rl.compile(lambda: optimizer.backward_step((first + other).sum()))
    run()
    optimizer.add_group({"params": [other]})
    run()
    assert (first.item(), other.item()) == (0.5, 0.75)


@pytest.mark.parametrize("kind", [Adam, NAdam])
def test_groups_are_saved_and_go_on_bit_for_bit(kind):
    def train(saved_after):
        groups = two_groups(lr=0.5, betas=(0.5, 0.9))
        optimizer = kind(groups, lr=0.1)
        for count in range(10):
            if count == saved_after:
                state = {name: t.numpy().copy() for name, t in optimizer.state_dict().items()}
                values = [w.numpy() for w in optimizer.parameters]
                optimizer = kind(two_groups(lr=0.25, betas=(0.5, 0.9)), lr=0.25)
                for w, value in zip(optimizer.parameters, values, strict=True):
                    w.assign(value)
                optimizer.load_state_dict(state)
            first, other = optimizer.parameters
            optimizer.backward_step((first * first * other).sum())
        return [w.item() for w in optimizer.parameters]

    assert train(saved_after=4) == train(saved_after=None)


def test_momentum_that_is_switched_on_later_begins_at_zero():
    w = weight(1.0)
    optimizer = SGD([w], lr=0.25)
    optimizer.backward_step((w * 1.0).sum())
    optimizer.momentum = 0.5
    for _ in range(2):
        optimizer.backward_step((w * 1.0).sum())
    assert w.item() == 1.0 - 0.25 - 0.25 - 0.375


def test_settings_that_do_not_go_together_are_not_taken():
    optimizer = SGD(two_groups())
    with pytest.raises(rl.UsageError, match="nesterov needs a momentum"):
        optimizer.groups[1].nesterov = True
    assert optimizer.groups[1].nesterov is False
    optimizer.groups[0].momentum = 0.5
    with pytest.raises(rl.UsageError, match="nesterov needs a momentum"):
        optimizer.nesterov = True
    assert [group.nesterov for group in optimizer.groups] == [False, False]


def test_a_schedule_scales_each_groups_rate_from_its_own_base():
    optimizer = SGD(two_groups(lr=0.5), lr=0.25)
    schedule = CosineLR(optimizer, steps=2)
    schedule.step()
    rates = [group.lr.item() for group in optimizer.groups]
    np.testing.assert_allclose(rates, [0.125, 0.25], rtol=1e-12)


def add_late(weights):
    optimizer = SGD(weights)
    schedule = CosineLR(optimizer, steps=2)
    optimizer.add_group({"params": [weight(2.0)]})
    schedule.step()


MISTAKES = [
    (lambda w: SGD([{"params": w}, w[0]]), "parameter 0 is no tensor but a dict"),
    (lambda w: SGD({"params": w}), "dict is no list of parameters"),
    (lambda w: SGD([{"lr": 0.1}]), 'group 0: it has no "params"\n  hint: one may have params, lr,'),
    (lambda w: SGD([{"params": w, "betas": 1}]), "group 0: no setting is called 'betas'"),
    (lambda w: SGD([{"params": w}, {"params": w}]), "parameters 0 and 2 are the same tensor"),
    (lambda w: SGD([{"params": w}, {"params": []}]), "at least one parameter is needed"),
    (lambda w: SGD([{"params": w, "lr": -1}]), "lr must be a number of at least 0, not -1"),
    (lambda w: SGD([{"params": w, "momentum": "a"}]), "momentum must be a number of at least 0"),
    (lambda w: SGD([{"params": w, "nesterov": True}]), "nesterov needs a momentum above 0"),
    (lambda w: SGD(w, maximize=1), "maximize must be True or False, not 1"),
    (lambda w: SGD(w).add_group({"params": w}), "parameters 0 and 2 are the same tensor"),
    (lambda w: setattr(SGD(w), "momentum", -1.0), "momentum must be a number of at least 0"),
    (lambda w: setattr(SGD(w).groups[0], "dampening", None), "dampening must be a number"),
    (lambda w: setattr(SGD(w), "lr", rl.ones(2)), "lr must be one number, not a tensor of shape"),
    (
        lambda w: SGD(w, momentum=0.9, dampening=0.1, nesterov=True),
        "nesterov goes with no dampening",
    ),
    (add_late, "the optimiser has 2 groups and had 1"),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[fact for _, fact in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake([weight(1.0), weight(1.0)])
    assert str(caught.value).startswith(fact)


def test_a_group_that_is_refused_leaves_the_optimiser_as_it_was():
    optimizer = SGD([weight(1.0)])
    with pytest.raises(rl.UsageError):
        optimizer.add_group({"params": [weight(1.0)], "nesterov": True})
    assert len(optimizer.groups) == 1


def test_a_setting_that_a_group_has_not_is_named():
    with pytest.raises(AttributeError, match="no setting 'betas'"):
        SGD([weight(1.0)]).groups[0].betas  # noqa: B018


def test_an_optimiser_of_groups_is_shown_with_their_number():
    assert repr(SGD(two_groups(), lr=0.1)) == "SGD(2 parameters in 2 groups, lr=0.1)"
