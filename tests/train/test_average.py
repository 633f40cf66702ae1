"""Averages of weights and watching schedules in `fit`."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import Dataset
from rushlight.train.checkpoint import BEST, load_weights
from rushlight.train.evaluate import evaluate

loss = rl.nn.functional.mse_loss


def make_data(count, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 3)).astype(np.float32)
    noise = random.normal(size=(count, 1)).astype(np.float32)
    return Dataset(x, x.sum(1, keepdims=True) + noise)


def make(average=lambda net: rl.optim.EMA(net, 0.9), lr=0.2):
    rl.manual_seed(0)
    net = rl.nn.Linear(3, 1)
    return net, rl.optim.SGD(net.parameters(), lr), average(net)


def fit(net, optimizer, average, **options):
    options = {"epochs": 3, "validation": make_data(20, 1), "progress": False} | options
    data = options.pop("data", make_data(40, 0))
    return rl.fit(net, data, loss=loss, optimizer=optimizer, average=average, **options)


def values_of(net):
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def test_the_average_is_what_is_validated_and_the_weights_stay():
    net, optimizer, average = make()
    history = fit(net, optimizer, average)
    own = values_of(net)
    with average.swapped():
        assert evaluate(net, make_data(20, 1), loss)[0] == history.last.validation_loss
    assert evaluate(net, make_data(20, 1), loss)[0] != history.last.validation_loss

    alone, optimizer, _ = make()
    fit(alone, optimizer, None)
    for name, values in values_of(alone).items():
        np.testing.assert_allclose(own[name], values, rtol=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_average_follows_every_step(compiled):
    net, optimizer, average = make(rl.optim.SWA)
    fit(net, optimizer, average, compiled=compiled)
    assert average.count.item() == 3 * 2  # batches of 32 and 8


def test_the_best_checkpoint_gives_the_average(tmp_path):
    net, optimizer, average = make()
    history = fit(net, optimizer, average, checkpoint=tmp_path)
    fresh = rl.nn.Linear(3, 1)
    load_weights(tmp_path / BEST, fresh)
    assert evaluate(fresh, make_data(20, 1), loss)[0] == history.best.validation_loss


def test_the_best_checkpoint_gives_the_average_of_a_list_of_parameters_too(tmp_path):
    net, optimizer, average = make(lambda net: rl.optim.SWA([net.weight]))
    history = fit(net, optimizer, average, checkpoint=tmp_path)
    fresh = rl.nn.Linear(3, 1)
    load_weights(tmp_path / BEST, fresh)
    assert evaluate(fresh, make_data(20, 1), loss)[0] == history.best.validation_loss


def test_an_average_of_something_else_is_refused():
    net, optimizer, _ = make()
    with pytest.raises(rl.UsageError, match="the average follows weight, which is no parameter of"):
        fit(net, optimizer, rl.optim.EMA(rl.nn.Linear(3, 1)))
    with pytest.raises(rl.UsageError, match="average is no Average but a float"):
        fit(net, optimizer, 0.9)


def test_a_checkpoint_with_an_average_is_not_resumed_without(tmp_path):
    net, optimizer, average = make()
    fit(net, optimizer, average, checkpoint=tmp_path)
    with pytest.raises(rl.FormatError, match="average is EMA"):
        fit(net, optimizer, None, checkpoint=tmp_path, epochs=4, resume=True)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("validation", [None, make_data(20, 1)], ids=["training", "validation"])
def test_a_plateau_is_told_the_score_of_each_epoch(compiled, validation):
    net, optimizer, _ = make()
    schedule = rl.optim.PlateauLR(optimizer, factor=0.5, patience=0, threshold=0.5)
    history = fit(
        net, optimizer, None, schedule=schedule, epochs=12, compiled=compiled, validation=validation
    )
    alone = rl.optim.PlateauLR(rl.optim.SGD([rl.ones(1)], 0.2), 0.5, patience=0, threshold=0.5)
    for epoch in history:
        alone.observe(epoch.score)
    assert optimizer.lr.item() == alone.optimizer.lr.item() < 0.2
