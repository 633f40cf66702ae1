"""Schedules beside their formulas: past the end, in a trace, saved, misused."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import SGD, ConstantLR, CosineLR, ExponentialLR, StepLR


def make_optimizer(lr=0.1):
    return SGD([rl.ones(1, requires_grad=True)], lr=lr)


def rates(schedule, steps):
    found = []
    for _ in range(steps):
        schedule.step()
        found.append(schedule.optimizer.lr.item())
    return found


def test_a_constant_rate_stays_what_it_was_to_the_last_bit():
    assert rates(ConstantLR(make_optimizer(0.1)), 3) == [0.1, 0.1, 0.1]


def test_a_cosine_stays_low_after_its_end():
    found = rates(CosineLR(make_optimizer(1.0), steps=4, low=0.1), 8)
    np.testing.assert_allclose(found[3:], [0.1] * 5, rtol=1e-12)


def test_a_schedule_beside_a_million_steps_is_as_precise_as_ever():
    schedule = StepLR(make_optimizer(1.0), size=10**6, gamma=0.5)
    schedule.count.assign(20_000_000.0 - 1.0)
    assert rates(schedule, 1) == [0.5**20]
    assert schedule.count.item() == 20_000_000.0


def test_a_traced_schedule_needs_one_graph():
    optimizer = make_optimizer(1.0)
    schedule = ExponentialLR(optimizer, gamma=0.5)
    step = rl.compile(schedule.step)
    for _ in range(4):
        step()
    assert optimizer.lr.item() == 0.5**4
    assert len(step.graphs) == 1


def test_a_saved_schedule_goes_on():
    whole = rates(CosineLR(make_optimizer(), steps=10), 10)
    first = CosineLR(make_optimizer(), steps=10)
    rates(first, 4)
    second = CosineLR(make_optimizer(), steps=10)
    second.load_state_dict(first.state_dict())
    assert rates(second, 6) == whole[4:]


MISTAKES = [
    (lambda o: StepLR(o, size=0), "size must be an int of at least 1, not 0"),
    (lambda o: StepLR(o, size=2.5), "size must be an int of at least 1, not 2.5"),
    (lambda o: StepLR(o, size=1, gamma=-1.0), "gamma must be a number of at least 0, not -1.0"),
    (lambda o: ExponentialLR(o, gamma="a"), "gamma must be a number of at least 0, not 'a'"),
    (lambda o: CosineLR(o, steps=True), "steps must be an int of at least 1, not True"),
    (lambda o: CosineLR(o, steps=2, low=-1), "low must be a number of at least 0, not -1"),
    (lambda o: ConstantLR(0.1), "a schedule needs an optimiser, not float"),
    (
        lambda o: ConstantLR(o).load_state_dict({}),
        "the state does not fit ConstantLR; missing: count",
    ),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[fact for _, fact in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake(make_optimizer())
    assert str(caught.value) == fact
