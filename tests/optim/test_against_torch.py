"""Optimisers, clipping and averages move weights as PyTorch's do: 20 steps in float64."""

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
    ("ASGD", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "maximize": True, "t0": 5.0}),
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


def test_asgd_averages_as_in_pytorch():
    ours, theirs = make_weights("float64")
    optimizer = rl.optim.ASGD(ours, lr=0.1, t0=5.0)
    other = torch.optim.ASGD(theirs, lr=0.1, t0=5.0)
    train(ours, theirs, optimizer, other)
    wanted = [other.state[w]["ax"] for w in theirs]
    assert_same(optimizer.moments["average"].values(), wanted, rtol=1e-10, atol=1e-12)


GROUPED = [
    ("SGD", {"lr": 0.1}, {"momentum": 0.9, "nesterov": True}, {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1}, {"betas": (0.5, 0.9), "amsgrad": True}, {"lr": 0.01, "eps": 1e-3}),
    ("AdamW", {"lr": 0.1}, {"weight_decay": 0.0}, {"lr": 0.01, "maximize": True}),
    ("NAdam", {"lr": 0.1}, {"betas": (0.5, 0.9)}, {"lr": 0.01, "momentum_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "initial": 0.5}, {"lr_decay": 0.1}, {"lr": 0.01, "eps": 1e-3}),
    ("RMSprop", {"lr": 0.01}, {"centered": True}, {"lr": 0.1, "momentum": 0.9}),
    ("Adafactor", {"lr": 0.1}, {"weight_decay": 0.1}, {"lr": 0.01, "clip": 2.0}),
]


@pytest.mark.parametrize(("name", "options", "first", "second"), GROUPED)
def test_groups_are_trained_each_in_its_way_as_in_pytorch(name, options, first, second):
    ours, theirs = make_weights("float64", empty=name != "Adafactor")

    def grouped(weights, change):
        parts = [(weights[:2], first), (weights[2:3], {}), (weights[3:], second)]
        return [{"params": part, **change(settings)} for part, settings in parts]

    optimizer = getattr(rl.optim, name)(grouped(ours, dict), **options)
    other = getattr(torch.optim, name)(grouped(theirs, in_pytorch), **in_pytorch(options))
    train(ours, theirs, optimizer, other)
    assert_same(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 5.0, 1e9])
def test_clipping_scales_gradients_as_in_pytorch(max_norm, norm_type):
    ours, theirs = make_weights("float64", empty=norm_type != float("inf"))
    norms = []

    def clip():
        norm = rl.optim.clip_grad_norm(ours, max_norm, norm_type)
        wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
        norms.append([norm.item(), wanted.item()])
        for w, their_w in zip(ours, theirs, strict=True):
            assert_close(w.grad, their_w.grad.numpy(), rtol=1e-10, atol=1e-12)

    train(ours, theirs, rl.optim.SGD(ours, lr=0.01), torch.optim.SGD(theirs, lr=0.01), clip)
    np.testing.assert_allclose(*np.transpose(norms), rtol=1e-10)
    assert_same(ours, theirs, rtol=1e-10, atol=1e-12)


def test_values_are_clipped_as_in_pytorch():
    ours, theirs = make_weights("float64")

    def clip():
        rl.optim.clip_grad_value(ours, 0.3)
        torch.nn.utils.clip_grad_value_(theirs, 0.3)

    train(ours, theirs, rl.optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1), clip)
    assert_same(ours, theirs, rtol=1e-10, atol=1e-12)


AVERAGES = [
    (lambda net: rl.optim.EMA(net, decay=0.9), torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)),
    (rl.optim.SWA, torch.optim.swa_utils.get_swa_multi_avg_fn()),
]


@pytest.mark.parametrize(("make", "formula"), AVERAGES, ids=["ema", "swa"])
def test_an_average_follows_weights_as_in_pytorch(make, formula):
    net, other = rl.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    net.weight = rl.nn.Parameter(other.weight.detach().numpy())
    net.bias = rl.nn.Parameter(other.bias.detach().numpy())
    ours, theirs = make(net), torch.optim.swa_utils.AveragedModel(other, multi_avg_fn=formula)
    weights, their_weights = list(net.parameters()), list(other.parameters())
    optimizer, their_optimizer = rl.optim.SGD(weights, 0.1), torch.optim.SGD(their_weights, 0.1)
    for _ in range(STEPS):
        train(weights, their_weights, optimizer, their_optimizer, steps=1)
        ours.update()
        theirs.update_parameters(other)
    wanted = list(theirs.module.parameters())
    assert_same(ours.averages.values(), wanted, rtol=1e-10, atol=1e-12)


def rosenbrock(weights):
    (w,) = weights
    return sum(100.0 * (w[i + 1] - w[i] ** 2) ** 2 + (1.0 - w[i]) ** 2 for i in range(3))


LBFGS_CASES = [
    ({"lr": 0.1, "max_iter": 5}, {}),
    ({"lr": 0.5, "max_iter": 4, "tolerance_grad": 1e-3}, {}),
    ({"lr": 0.1, "max_iter": 7}, {"history": 3}),
    ({"lr": 1.0}, {"wolfe": True}),
    ({"lr": 1.0, "max_iter": 6, "max_eval": 9}, {"wolfe": True, "history": 2}),
    ({"lr": 5.0, "max_iter": 10}, {"wolfe": True}),
]


@pytest.mark.parametrize(("options", "ours_only"), LBFGS_CASES)
def test_lbfgs_moves_weights_as_in_pytorch(options, ours_only):
    begin = np.array([-1.2, 1.0, 0.5, 2.0])
    ours, theirs = [rl.tensor(begin, requires_grad=True)], [torch.tensor(begin, requires_grad=True)]
    search = "strong_wolfe" if ours_only.get("wolfe") else None
    optimizer = rl.optim.LBFGS(ours, **options, **ours_only)
    other = torch.optim.LBFGS(
        theirs, **options, history_size=ours_only.get("history", 100), line_search_fn=search
    )

    def closure_of(weights, one):
        def closure():
            one.zero_grad()
            loss = rosenbrock(weights)
            loss.backward()
            return loss

        return closure

    losses = []
    for _ in range(8):
        ours_before = optimizer.step(closure_of(ours, optimizer)).item()
        losses.append([ours_before, other.step(closure_of(theirs, other)).item()])
        assert_same(ours, theirs, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(*np.transpose(losses), rtol=1e-6, atol=1e-12)
