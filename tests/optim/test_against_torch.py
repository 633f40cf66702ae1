"""Optimisers, schedules and clipping move weights as PyTorch's do: 20 steps in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close

torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")

STEPS = 20
OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.0)}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "betas": (0.8, 0.99), "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.0}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.01, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.1, "initial": 0.5, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adadelta", {"maximize": True}),
    ("Adamax", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.02, "betas": (0.5, 0.9), "momentum_decay": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled": True, "maximize": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.5)}),  # v never counts
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled": True, "maximize": True}),
    ("Adafactor", {"lr": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "beta2_decay": -0.5}),
    ("Adafactor", {"lr": 0.1, "eps": (1e-3, 0.5), "clip": 1.5, "maximize": True}),
    ("Rprop", {"lr": 0.01}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.2)}),
    ("Rprop", {"lr": 0.01, "maximize": True}),
]
OPTIONS = {
    "initial": "initial_accumulator_value",
    "decoupled": "decoupled_weight_decay",
    "clip": "d",
}  # ours, PyTorch's
SHAPES = [(), (3,), (2, 3), (0, 2), (2, 1, 2)]

# ours, PyTorch's, their arguments
SCHEDULES = [
    ("StepLR", {"size": 3, "gamma": 0.5}, "StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"size": 1}, "StepLR", {"step_size": 1}),
    ("ExponentialLR", {"gamma": 0.9}, "ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {}, "ConstantLR", {"factor": 1.0}),
    ("CosineLR", {"steps": STEPS}, "CosineAnnealingLR", {"T_max": STEPS}),
    (
        "CosineLR",
        {"steps": STEPS, "low": 0.02},
        "CosineAnnealingLR",
        {"T_max": STEPS, "eta_min": 0.02},
    ),
]


@pytest.fixture(autouse=True)
def numbers_in_float64():
    """Let PyTorch keep the counts and products of its optimisers in float64, as ours are."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def make_weights(dtype, empty=True):
    random = np.random.default_rng(0)
    shapes = [shape for shape in SHAPES if empty or 0 not in shape]
    values = [random.standard_normal(shape).astype(dtype) for shape in shapes]
    ours = [rl.tensor(value, requires_grad=True) for value in values]
    return ours, [torch.tensor(value, requires_grad=True) for value in values]


def loss_of(weights, scale):
    """A sum whose gradients are neither constant nor alike, and below 5."""
    return sum((((w - k) ** 2 + 0.1).sqrt() * (scale + k)).sum() for k, w in enumerate(weights))


def train(ours, theirs, optimizer, other, between=lambda: None, steps=STEPS):
    for step in range(steps):
        for weights, one in ((ours, optimizer), (theirs, other)):
            one.zero_grad()
            loss_of(weights, 0.1 * step).backward()
        between()
        optimizer.step()
        other.step()


def assert_same(ours, theirs, **tolerance):
    for w, their_w in zip(ours, theirs, strict=True):
        assert_close(w, their_w.detach().numpy(), **tolerance)


def in_pytorch(options):
    return {OPTIONS.get(name, name): value for name, value in options.items()}


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_an_optimiser_moves_weights_as_in_pytorch(name, options):
    ours, theirs = make_weights("float64", empty=name != "Adafactor")
    optimizer = getattr(rl.optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **in_pytorch(options))
    train(ours, theirs, optimizer, other)
    assert_same(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_an_optimiser_moves_float32_weights_as_in_pytorch(name, options):
    ours, theirs = make_weights("float32", empty=name != "Adafactor")
    optimizer = getattr(rl.optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **in_pytorch(options))
    train(ours, theirs, optimizer, other)
    assert_same(ours, theirs, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "options", "their_name", "their_options"), SCHEDULES)
def test_a_schedule_sets_the_rate_as_in_pytorch(name, options, their_name, their_options):
    ours, theirs = make_weights("float64")
    optimizer = rl.optim.SGD(ours, lr=0.1, momentum=0.5)
    other = torch.optim.SGD(theirs, lr=0.1, momentum=0.5)
    schedule = getattr(rl.optim, name)(optimizer, **options)
    their_schedule = getattr(torch.optim.lr_scheduler, their_name)(other, **their_options)
    rates = []
    for _ in range(STEPS):
        train(ours, theirs, optimizer, other, steps=1)
        schedule.step()
        their_schedule.step()
        rates.append([optimizer.lr.item(), their_schedule.get_last_lr()[0]])
    np.testing.assert_allclose(*np.transpose(rates), rtol=1e-12)
    assert_same(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("max_norm", [0.5, 5.0, 1e9])
def test_clipping_scales_gradients_as_in_pytorch(max_norm):
    ours, theirs = make_weights("float64")
    norms = []

    def clip():
        norm = rl.optim.clip_grad_norm(ours, max_norm)
        norms.append([norm.item(), torch.nn.utils.clip_grad_norm_(theirs, max_norm).item()])
        for w, their_w in zip(ours, theirs, strict=True):
            assert_close(w.grad, their_w.grad.numpy(), rtol=1e-10, atol=1e-12)

    train(ours, theirs, rl.optim.SGD(ours, lr=0.01), torch.optim.SGD(theirs, lr=0.01), clip)
    np.testing.assert_allclose(*np.transpose(norms), rtol=1e-10)
    assert_same(ours, theirs, rtol=1e-10, atol=1e-12)
