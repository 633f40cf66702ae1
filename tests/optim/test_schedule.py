"""Schedules beside their formulas: past the end, in a trace, saved, misused."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import (
    SGD,
    ChainedLR,
    ConstantLR,
    CosineLR,
    CosineRestartsLR,
    CyclicLR,
    ExponentialLR,
    InverseSquareRootLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PlateauLR,
    SequentialLR,
    StepLR,
    warmup,
)


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


def test_schedules_made_one_after_the_other_have_the_same_base():
    optimizer = make_optimizer(1.0)
    rising = LinearLR(optimizer, 4, start=0.25)
    falling = ExponentialLR(optimizer, 0.5)
    assert (rising.bases, falling.bases, optimizer.lr.item()) == ((1.0,), (1.0,), 0.25)


def test_a_warmup_comes_up_in_equal_steps_to_where_the_other_begins():
    optimizer = make_optimizer(1.0)
    schedule = warmup(ExponentialLR(optimizer, 0.5), steps=4)
    found = [optimizer.lr.item(), *rates(schedule, 6)]
    np.testing.assert_allclose(found, [0.2, 0.4, 0.6, 0.8, 1.0, 0.5, 0.25], rtol=1e-12)


def test_noams_rate_is_that_of_the_paper():
    size, steps = 512, 40
    optimizer = make_optimizer(size**-0.5 * steps**-0.5)
    schedule = InverseSquareRootLR(optimizer, warmup=steps)
    found = [optimizer.lr.item(), *rates(schedule, 99)]
    wanted = [size**-0.5 * min(k**-0.5, k * steps**-1.5) for k in range(1, 101)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(("steps", "growth"), [(1, 2), (3, 2), (2, 3), (10, 5)])
def test_restarts_come_at_the_right_count_however_late(steps, growth):
    schedule = CosineRestartsLR(make_optimizer(1.0), steps, growth)
    for number in range(1, 20):
        restart = steps * (growth**number - 1) // (growth - 1)
        if restart > 2**50:
            break
        schedule.count.assign(restart - 1.0)
        assert rates(schedule, 1) == [1.0]


def test_a_plateau_within_a_warmup_is_told_once_its_time_has_come():
    optimizer = make_optimizer(1.0)
    schedule = warmup(PlateauLR(optimizer, factor=0.5, patience=0), steps=2)
    for score in (1.0, 2.0, 3.0, 2.5):  # of which the last two count
        schedule.observe(score)
        schedule.step()
    assert optimizer.lr.item() == 1.0
    schedule.observe(4.0)
    assert optimizer.lr.item() == 0.5


def test_a_saved_composition_keeps_what_a_plateau_knows():
    def make():
        optimizer = make_optimizer(1.0)
        return ChainedLR([PlateauLR(optimizer, 0.5, patience=0), ExponentialLR(optimizer, 0.5)])

    first, second = make(), make()
    for score in (1.0, 2.0):
        first.observe(score)
        first.step()
    second.load_state_dict(first.state_dict())
    for schedule in (first, second):
        schedule.observe(0.5)
        schedule.step()
    assert first.optimizer.lr.item() == second.optimizer.lr.item() == 0.5**4
    assert "1.count" not in first.state_dict()


def other_optimizers():
    return [ConstantLR(make_optimizer()), ConstantLR(make_optimizer())]


def two_of(optimizer):
    return [ConstantLR(optimizer), ConstantLR(optimizer)]


MISTAKES = [
    (lambda o: MultiStepLR(o, []), "milestones are a list of step counts, not []"),
    (lambda o: MultiStepLR(o, [3, 2]), "milestones must rise, unlike [3, 2]"),
    (lambda o: MultiStepLR(o, [0]), "a milestone must be an int of at least 1, not 0"),
    (lambda o: LinearLR(o, start=-1.0), "start must be a number of at least 0, not -1.0"),
    (lambda o: LambdaLR(o, 0.5), "factor is a function of the count, not 0.5"),
    (
        lambda o: LambdaLR(o, lambda count: "half"),
        "factor must return a number or a scalar tensor, not 'half'",
    ),
    (
        lambda o: LambdaLR(o, lambda count: rl.ones(2)),
        "factor must return a number or a scalar tensor, not tensor([1., 1.])",
    ),
    (lambda o: CosineRestartsLR(o, 5, growth=1.5), "growth must be an int of at least 1, not 1.5"),
    (lambda o: OneCycleLR(o, 5, shape="sin"), 'shape must be "cos" or "linear", not \'sin\''),
    (
        lambda o: OneCycleLR(o, 100, warm=0.6, three_phase=True),
        "with three phases warm must be below 0.5, not 0.6",
    ),
    (
        lambda o: CyclicLR(o, 0.0, shape="round"),
        "shape must be one of triangular, triangular2, exponential, not 'round'",
    ),
    (lambda o: PlateauLR(o, patience=-1), "patience must be an int of at least 0, not -1"),
    (
        lambda o: PlateauLR(o, factor=1.0),
        "factor must be a number of at least 0 and below 1, not 1.0",
    ),
    (lambda o: PlateauLR(o).observe("low"), "a score is a number, not 'low'"),
    (lambda o: ChainedLR([]), "a composition needs a list of schedules, not []"),
    (
        lambda o: ChainedLR(other_optimizers()),
        "schedules of different optimisers cannot be composed",
    ),
    (lambda o: SequentialLR(two_of(o), [1, 2]), "2 schedules need 1 milestones, not 2"),
    (lambda o: warmup(o, 5), "warmup needs a schedule to go on with, not SGD"),
    (lambda o: warmup(ConstantLR(o), 0), "steps must be an int of at least 1, not 0"),
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
