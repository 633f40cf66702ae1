"""The table that a network is shown as."""

import pytest

import rushlight as rl
from rushlight import nn


class Residual(nn.Module):
    def __init__(self, width):
        self.inner = nn.Linear(width, width)
        self.factor = nn.Parameter([1.0])

    def forward(self, x):
        return x + self.inner(x) * self.factor


def test_the_table_shows_paths_shapes_and_parameters():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm(2),
        nn.Flatten(),
        nn.Sequential(nn.Linear(1352, 1000), nn.ReLU(), nn.Dropout(0.5), Residual(1000)),
    )
    net[0].requires_grad_(False)
    assert net.summary(5, 1, 28, 28) == (
        "layer       kind        output          parameters\n"
        "(whole)     Sequential  (5, 1000)        2,354,025\n"
        "0           Conv2d      (5, 2, 26, 26)          20\n"
        "1           BatchNorm   (5, 2, 26, 26)           4\n"
        "2           Flatten     (5, 1352)                0\n"
        "3           Sequential  (5, 1000)        2,354,001\n"
        "3.0         Linear      (5, 1000)        1,353,000\n"
        "3.1         ReLU        (5, 1000)                0\n"
        "3.2         Dropout     (5, 1000)                0\n"
        "3.3         Residual    (5, 1000)        1,001,001\n"
        "3.3.inner   Linear      (5, 1000)        1,001,000\n"
        "2,354,025 parameters (2,354,005 trained), 9,416,116 bytes"
    )


def test_without_a_shape_there_are_no_outputs():
    assert nn.Sequential(nn.Linear(2, 3), nn.Tanh()).summary() == (
        "layer       kind        parameters\n"
        "(whole)     Sequential           9\n"
        "0           Linear               9\n"
        "1           Tanh                 0\n"
        "9 parameters (9 trained), 36 bytes"
    )


def test_a_network_of_ids_is_shown_with_its_dtype():
    net = nn.Sequential(nn.WordDropout(0.1), nn.EmbeddingBag(10, 4))
    assert "(3, 4)" in net.summary(3, 7, dtype="int64")
    with pytest.raises(rl.DTypeError, match="integers, not float32"):
        net.summary(3, 7)


def test_a_shared_weight_counts_once():
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    assert nn.Sequential(first, second).summary().endswith("\n9 parameters (9 trained), 36 bytes")


def test_showing_it_changes_nothing_and_runs_nothing():
    net = nn.Sequential(nn.BatchNorm(3), nn.Dropout(0.5).eval())
    before = {name: tensor.tolist() for name, tensor in net.state_dict().items()}
    state = rl.random.default_generator.state.tolist()
    net.summary(1, 3)
    assert [layer.training for layer in net] == [True, False]
    assert {name: tensor.tolist() for name, tensor in net.state_dict().items()} == before
    assert rl.random.default_generator.state.tolist() == state
    assert nn.Linear(10**4, 10).summary(10**9, 10**4).count("(1000000000, 10)") == 1


def test_a_negative_size_is_refused():
    with pytest.raises(rl.ShapeError, match=r"sizes cannot be negative: \(-1, 3\)"):
        rl.nn.Linear(3, 2).summary(-1, 3)
