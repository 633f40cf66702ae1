"""A batch in parts: the gradient of the whole, in less memory."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.costs import costs_of
from rushlight.data import DataLoader, Dataset, Ragged
from rushlight.train.driven import Driven
from rushlight.train.step import make_step

cross_entropy = rl.nn.functional.cross_entropy


def pictures(count=50):
    random = np.random.default_rng(0)
    return Dataset(
        random.normal(size=(count, 3, 8, 8)).astype(np.float32), random.integers(0, 4, count)
    )


def net():
    return rl.nn.Sequential(
        rl.nn.Conv2d(3, 8, 3, padding=1),
        rl.nn.Tanh(),
        rl.nn.Flatten(),
        rl.nn.Linear(8 * 64, 16),
        rl.nn.Tanh(),
        rl.nn.Linear(16, 4),
    )


def dense():
    return rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(192, 4))


def trained(accumulate, optimizer="SGD", layers=net, **options):
    rl.manual_seed(0)
    model = layers()
    history = rl.fit(
        model,
        DataLoader(pictures(), 16, shuffle=True, seed=1),  # the last of four batches has two
        loss=cross_entropy,
        optimizer=getattr(rl.optim, optimizer)(model.parameters(), lr=0.01),
        accumulate=accumulate,
        **{"epochs": 3, "progress": False} | options,
    )
    return history, {name: x.numpy().copy() for name, x in model.state_dict().items()}


@pytest.mark.parametrize(
    ("accumulate", "compiled"), [(3, True), (2, False), (3, False), (16, False), (99, False)]
)
def test_parts_give_the_weights_of_the_whole_batch_to_rounding(accumulate, compiled):
    wanted_history, wanted = trained(1, compiled=compiled)
    history, got = trained(accumulate, compiled=compiled)
    for name, values in wanted.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    for epoch, like in zip(history, wanted_history, strict=True):
        np.testing.assert_allclose(epoch.loss, like.loss, rtol=1e-5)
        assert epoch.accuracy == like.accuracy


def test_parts_go_with_clipping_and_a_schedule():
    def fitted(accumulate):
        rl.manual_seed(0)
        model = dense()
        adam = rl.optim.Adam(model.parameters(), lr=0.01)
        schedule = rl.optim.CosineLR(adam, steps=8)
        options = {"schedule": schedule, "clip_norm": 0.1, "epochs": 2, "progress": False}
        data = DataLoader(pictures(), 16)
        rl.fit(model, data, loss=cross_entropy, optimizer=adam, accumulate=accumulate, **options)
        assert schedule.count.item() == 8
        return model[1].weight.numpy()

    np.testing.assert_allclose(fitted(2), fitted(1), rtol=1e-3, atol=1e-4)


def test_compiled_parts_and_parts_in_numpy_draw_the_same_dropout():
    def layers():
        return rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Dropout(0.5), rl.nn.Linear(192, 4))

    _, compiled = trained(2, layers=layers)
    _, stepped = trained(2, layers=layers, compiled=False)
    np.testing.assert_allclose(compiled["2.weight"], stepped["2.weight"], rtol=1e-4, atol=1e-5)


def test_a_resumed_training_in_parts_has_the_bits_of_one_that_never_stopped(tmp_path):
    _, wanted = trained(2, "Adam", dense)
    trained(2, "Adam", dense, epochs=1, checkpoint=tmp_path)
    _, got = trained(2, "Adam", dense, checkpoint=tmp_path, resume=True)
    for name, values in wanted.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)


def arena(layers, accumulate):
    """The bytes that a compiled step on 64 pictures needs beside weights, inputs and results."""
    rl.manual_seed(0)
    model = layers()
    sgd = rl.optim.SGD(model.parameters(), lr=0.1)
    step = make_step(model, cross_entropy, sgd, accumulate=accumulate)
    return costs_of(rl.trace(step, *map(rl.tensor, pictures(64).arrays))).arena


def test_parts_take_less_memory():
    whole, quarters = (arena(net, parts) for parts in (1, 4))
    assert quarters < whole / 2


def test_the_gradients_of_many_parts_are_added_one_by_one():
    def wide():
        return rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(192, 256), rl.nn.Linear(256, 4))

    weight = 4 * 192 * 256
    assert arena(wide, 8) < 4 * weight  # not 8 times


def test_no_step_in_parts_falls_back_to_numpy():
    rl.manual_seed(0)
    model = net()
    step = make_step(model, cross_entropy, rl.optim.SGD(model.parameters(), lr=0.1), accumulate=3)
    driven = Driven(DataLoader(pictures(), 16), step)
    assert driven.is_ready(), driven.reason


def test_texts_are_not_divided():
    texts = Ragged([np.arange(1 + i % 3) for i in range(8)])
    model = rl.nn.Sequential(rl.nn.EmbeddingBag(9, 4, include_last_offset=True), rl.nn.Linear(4, 2))
    with pytest.raises(rl.DataError, match="accumulate divides a batch by its rows"):
        rl.fit(
            model,
            DataLoader(Dataset(texts, np.zeros(8, int)), 4),
            loss=cross_entropy,
            optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
            epochs=1,
            accumulate=2,
            progress=False,
        )
