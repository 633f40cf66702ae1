"""Schedules set rates as PyTorch's do."""

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")

STEPS = 40
RATES = (0.1, 0.02)  # of two groups

# ours, PyTorch's, their arguments
SCHEDULES = [
    ("StepLR", {"size": 3, "gamma": 0.5}, "StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"size": 1}, "StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9]}, "MultiStepLR", {"milestones": [2, 5, 5, 9]}),
    ("ExponentialLR", {"gamma": 0.9}, "ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {}, "ConstantLR", {"factor": 1.0}),
    ("ConstantLR", {"factor": 0.3, "steps": 4}, "ConstantLR", {"factor": 0.3, "total_iters": 4}),
    ("LinearLR", {}, "LinearLR", {}),
    (
        "LinearLR",
        {"steps": 7, "start": 1.0, "end": 0.0},
        "LinearLR",
        {"total_iters": 7, "start_factor": 1.0, "end_factor": 0.0},
    ),
    ("PolynomialLR", {"steps": 9}, "PolynomialLR", {"total_iters": 9}),
    ("PolynomialLR", {"steps": 9, "power": 2.5}, "PolynomialLR", {"total_iters": 9, "power": 2.5}),
    ("CosineLR", {"steps": STEPS}, "CosineAnnealingLR", {"T_max": STEPS}),
    (
        "CosineLR",
        {"steps": STEPS, "low": 0.002},
        "CosineAnnealingLR",
        {"T_max": STEPS, "eta_min": 0.002},
    ),
    ("CosineRestartsLR", {"steps": 7}, "CosineAnnealingWarmRestarts", {"T_0": 7}),
    (
        "CosineRestartsLR",
        {"steps": 3, "growth": 2, "low": 0.001},
        "CosineAnnealingWarmRestarts",
        {"T_0": 3, "T_mult": 2, "eta_min": 0.001},
    ),
    (
        "CosineRestartsLR",
        {"steps": 1, "growth": 3},
        "CosineAnnealingWarmRestarts",
        {"T_0": 1, "T_mult": 3},
    ),
    (
        "LambdaLR",
        {"factor": lambda count: 1.0 / (1.0 + 0.1 * count)},
        "LambdaLR",
        {"lr_lambda": lambda count: 1.0 / (1.0 + 0.1 * count)},
    ),
    (
        "OneCycleLR",
        {"steps": STEPS + 1},
        "OneCycleLR",
        {"total_steps": STEPS + 1},
    ),
    (
        "OneCycleLR",
        {"steps": STEPS + 1, "warm": 0.25, "shape": "linear", "start_divisor": 10.0},
        "OneCycleLR",
        {
            "total_steps": STEPS + 1,
            "pct_start": 0.25,
            "anneal_strategy": "linear",
            "div_factor": 10.0,
        },
    ),
    (
        "OneCycleLR",
        {"steps": STEPS + 1, "three_phase": True, "end_divisor": 100.0},
        "OneCycleLR",
        {"total_steps": STEPS + 1, "three_phase": True, "final_div_factor": 100.0},
    ),
    ("CyclicLR", {"low": 0.001, "up": 5}, "CyclicLR", {"base_lr": 0.001, "step_size_up": 5}),
    (
        "CyclicLR",
        {"low": 0.001, "up": 3, "down": 6, "shape": "triangular2"},
        "CyclicLR",
        {"base_lr": 0.001, "step_size_up": 3, "step_size_down": 6, "mode": "triangular2"},
    ),
    (
        "CyclicLR",
        {"low": 0.001, "up": 4, "shape": "exponential", "gamma": 0.9},
        "CyclicLR",
        {"base_lr": 0.001, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9},
    ),
]
PEAKS = {"OneCycleLR": "max_lr", "CyclicLR": "max_lr"}  # what the rate of ours is in PyTorch


@pytest.fixture
def optimizers():
    """Ours and PyTorch's, of two groups of other rates."""
    ours = [{"params": [rl.ones(1, requires_grad=True)], "lr": lr} for lr in RATES]
    theirs = [{"params": [torch.ones(1, requires_grad=True)], "lr": lr} for lr in RATES]
    return rl.optim.SGD(ours, momentum=0.5), torch.optim.SGD(theirs, momentum=0.5)


def rates_of(optimizer, other):
    ours = [group.lr.item() for group in optimizer.groups]
    return ours, [float(group["lr"]) for group in other.param_groups]


def assert_same_rates(optimizer, other, schedule, theirs, between=lambda step: (), steps=STEPS):
    rates = [rates_of(optimizer, other)]
    for step in range(steps):
        other.step()
        schedule.step()
        theirs.step(*between(step))
        rates.append(rates_of(optimizer, other))
    np.testing.assert_allclose(
        [ours for ours, _ in rates], [their for _, their in rates], rtol=1e-9, atol=1e-15
    )


@pytest.mark.parametrize(("name", "options", "their_name", "their_options"), SCHEDULES)
def test_a_schedule_sets_the_rates_as_in_pytorch(
    name, options, their_name, their_options, optimizers
):
    optimizer, other = optimizers
    if name in PEAKS:
        their_options = {**their_options, PEAKS[name]: list(RATES)}
    schedule = getattr(rl.optim, name)(optimizer, **options)
    theirs = getattr(torch.optim.lr_scheduler, their_name)(other, **their_options)
    assert_same_rates(optimizer, other, schedule, theirs)


def test_one_schedule_after_the_other_as_in_pytorch(optimizers):
    optimizer, other = optimizers
    parts = [
        rl.optim.LinearLR(optimizer, steps=4),
        rl.optim.CosineLR(optimizer, steps=10),
        rl.optim.ExponentialLR(optimizer, 0.9),
    ]
    library = torch.optim.lr_scheduler
    their_parts = [
        library.LinearLR(other, total_iters=4),
        library.CosineAnnealingLR(other, 10),
        library.ExponentialLR(other, 0.9),
    ]
    schedule = rl.optim.SequentialLR(parts, [4, 14])
    theirs = library.SequentialLR(other, their_parts, [4, 14])
    assert_same_rates(optimizer, other, schedule, theirs)


def test_schedules_at_once_multiply_as_in_pytorch(optimizers):
    optimizer, other = optimizers
    parts = [
        rl.optim.ConstantLR(optimizer, 0.1, 5),
        rl.optim.ExponentialLR(optimizer, 0.9),
        rl.optim.StepLR(optimizer, 7, 0.5),
    ]
    library = torch.optim.lr_scheduler
    their_parts = [
        library.ConstantLR(other, 0.1, 5),
        library.ExponentialLR(other, 0.9),
        library.StepLR(other, 7, 0.5),
    ]
    schedule, theirs = rl.optim.ChainedLR(parts), library.ChainedScheduler(their_parts, other)
    assert_same_rates(optimizer, other, schedule, theirs)


PLATEAUS = [
    ({"factor": 0.5, "patience": 2}, {"factor": 0.5, "patience": 2}),
    ({"patience": 0, "threshold": 0.2}, {"patience": 0, "threshold": 0.2}),
    (
        {"patience": 1, "threshold": 0.05, "relative": False, "cooldown": 3},
        {"patience": 1, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 3},
    ),
    ({"patience": 1, "maximize": True}, {"patience": 1, "mode": "max"}),
    ({"patience": 0, "low": 0.003}, {"patience": 0, "min_lr": 0.003}),
]


@pytest.mark.parametrize(("options", "their_options"), PLATEAUS)
def test_a_plateau_lowers_the_rates_as_in_pytorch(options, their_options, optimizers):
    optimizer, other = optimizers
    schedule = rl.optim.PlateauLR(optimizer, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **their_options, eps=0.0)
    scores = 1.0 + np.random.default_rng(0).random(STEPS).cumsum() % 0.7

    def observe(step):
        schedule.observe(float(scores[step]))
        return (float(scores[step]),)

    assert_same_rates(optimizer, other, schedule, theirs, observe)
