"""The learning-rate finder."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.train import find_lr

mse_loss = rl.nn.functional.mse_loss


def line(count=64):
    x = np.linspace(-1.0, 1.0, count, dtype=np.float32)[:, None]
    return Dataset(x, 3 * x)


def found(data=None, **options):
    rl.manual_seed(0)
    model = rl.nn.Linear(1, 1)
    sgd = rl.optim.SGD(model.parameters(), lr=0.1)
    return find_lr(model, data or line(), **{"loss": mse_loss, "optimizer": sgd} | options)


def test_rates_rise_by_equal_factors_from_low_to_high():
    curve = found(low=1e-4, high=1e-2, steps=21)
    np.testing.assert_allclose(curve.rates, np.geomspace(1e-4, 1e-2, 21))
    assert len(curve.losses) == len(curve.smoothed) == 21


def test_the_first_losses_are_those_of_training_with_these_rates():
    loader = DataLoader(line(), 16)
    curve = found(loader, low=0.01, high=0.1, steps=10)
    rl.manual_seed(0)
    model = rl.nn.Linear(1, 1)
    sgd = rl.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    batches = [batch for _ in range(3) for batch in DataLoader(line(), 16)][:10]
    for rate, (x, y) in zip(np.geomspace(0.01, 0.1, 10), batches, strict=True):
        sgd.lr = float(rate)
        loss = mse_loss(model(x), y)
        sgd.backward_step(loss)
        losses.append(loss.item())
    np.testing.assert_allclose(curve.losses, losses, rtol=1e-4)


@pytest.mark.parametrize("compiled", [True, False])
def test_it_ends_where_the_loss_diverges_and_suggests_a_rate_before(compiled):
    curve = found(high=1e6, steps=200, compiled=compiled)
    assert curve.rates[-1] < 1e3
    assert curve.smoothed[-1] > 4 * min(curve.smoothed)
    assert 1e-3 < curve.suggestion < curve.rates[-1]
    assert np.isfinite(curve.losses).all()


def test_it_works_where_training_with_the_suggestion_does():
    suggestion = found(steps=100).suggestion
    rl.manual_seed(0)
    model = rl.nn.Linear(1, 1)
    sgd = rl.optim.SGD(model.parameters(), lr=suggestion)
    history = rl.fit(model, line(), loss=mse_loss, optimizer=sgd, epochs=30, progress=False)
    assert history.last.loss < history[0].loss / 100


def test_losses_that_never_fall_suggest_nothing():
    curve = found(loss=lambda output, labels: (output * 0.0 + 1.0).mean())
    assert curve.suggestion is None


def test_all_is_left_as_it_was(make_problem, same_state):
    problem, untouched = make_problem(), make_problem()
    problem.fit(1)
    untouched = make_problem()
    untouched.fit(1)
    problem.model.train()
    problem.model[1].eval()
    gradient = rl.ones(16, 6)
    problem.model[0].weight.grad = gradient
    find_lr(
        problem.model,
        problem.loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=problem.optimizer,
        high=1e4,
    )
    assert problem.model[0].weight.grad is gradient
    assert [module.training for module in problem.model.modules()][:3] == [True, True, False]
    problem.model[0].weight.grad = None
    same_state(problem.state(), untouched.state())
    assert problem.loader.state_dict() == untouched.loader.state_dict()


def test_all_groups_rise_together_and_get_their_own_rates_back():
    rl.manual_seed(0)
    model = rl.nn.Linear(1, 1)
    groups = [{"params": [model.weight]}, {"params": [model.bias], "lr": 0.5}]
    sgd = rl.optim.SGD(groups, lr=0.1)
    seen = []

    def watching(output, labels):
        seen.append([group.lr.item() for group in sgd.groups])
        return mse_loss(output, labels)

    curve = find_lr(model, line(), loss=watching, optimizer=sgd, steps=10, compiled=False)
    assert seen == [[rate, rate] for rate in curve.rates]
    assert [group.lr.item() for group in sgd.groups] == [0.1, 0.5]


def test_an_error_leaves_all_as_it_was(make_problem, same_state):
    problem = make_problem()
    before = {name: value.copy() for name, value in problem.state().items()}

    def broken(output, labels):
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        find_lr(problem.model, problem.loader, loss=broken, optimizer=problem.optimizer)
    same_state(problem.state(), before)


WRONG = [
    ({"optimizer": "adam"}, "optimizer is no Optimizer but a str"),
    ({"optimizer": rl.optim.SGD([rl.ones(1)], lr=0.1)}, "trains none of the model's parameters"),
    ({"low": 0.0}, "rates rise from low to high"),
    ({"low": 1.0, "high": 0.1}, "not from 1 to 0.1"),
    ({"high": float("inf")}, "high must be a number"),
    ({"steps": 9}, "steps is an int of at least 10, not 9"),
    ({"steps": 20.5}, "steps is an int of at least 10, not 20.5"),
    ({"loss": lambda output, labels: output.mean() + float("nan")}, "not finite from step 1"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_searched_is_explained(options, message):
    with pytest.raises(rl.RushlightError, match=message):
        found(**options)


def test_the_curve_is_drawn_over_the_logarithm_of_the_rate():
    lines = found().plot(60, 8, "ascii").splitlines()
    assert "learning rate" in lines[9]
    assert lines[9].strip().startswith("1e-07")
    assert max(map(len, lines)) <= 60


def test_the_curve_is_saved_as_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    found().save_plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 5000


def test_a_loss_below_zero_is_no_divergence():
    curve = found(loss=lambda output, target: mse_loss(output, target) - 5.0, high=0.1)
    assert len(curve.losses) == 100
    assert curve.suggestion is not None
