"""Initial values: their spread, their shape, and orthogonality."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

WIDE, TALL, WINDOW = (200, 300), (300, 200), (64, 32, 5, 3)
UNIFORM_STD = 1.0 / math.sqrt(3.0)  # of values uniform in ±1

# name, standard deviation for a fan-in and a fan-out
SPREADS = [
    ("xavier_uniform", lambda inputs, outputs: math.sqrt(2.0 / (inputs + outputs))),
    ("xavier_normal", lambda inputs, outputs: math.sqrt(2.0 / (inputs + outputs))),
    ("kaiming_uniform", lambda inputs, outputs: math.sqrt(2.0 / inputs)),
    ("kaiming_normal", lambda inputs, outputs: math.sqrt(2.0 / inputs)),
]
FANS = [(WIDE, 300, 200), (TALL, 200, 300), (WINDOW, 32 * 15, 64 * 15)]


@pytest.mark.parametrize(("shape", "inputs", "outputs"), FANS)
@pytest.mark.parametrize(("name", "spread"), SPREADS)
def test_values_are_spread_as_the_papers_say(name, spread, shape, inputs, outputs):
    rl.manual_seed(0)
    values = nn.init.by_name(name)(shape).numpy()
    std = spread(inputs, outputs)
    assert values.shape == shape
    np.testing.assert_allclose(values.std(), std, rtol=0.02)
    np.testing.assert_allclose(values.mean(), 0.0, atol=5 * std / math.sqrt(values.size))
    if name.endswith("uniform"):
        bound = std / UNIFORM_STD
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.99 * bound
    else:  # as many beyond one and two deviations as a normal distribution has
        np.testing.assert_allclose((np.abs(values) > std).mean(), 0.3173, atol=0.01)
        np.testing.assert_allclose((np.abs(values) > 2 * std).mean(), 0.0455, atol=0.005)


def test_a_gain_scales_the_spread():
    rl.manual_seed(0)
    usual = nn.init.xavier_normal(WIDE).numpy()
    rl.manual_seed(0)
    np.testing.assert_allclose(nn.init.xavier_normal(WIDE, gain=3.0).numpy(), 3 * usual, rtol=1e-6)


def test_the_plain_ones_take_their_limits():
    assert nn.init.zeros((2, 2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    values = nn.init.uniform((1000,), -2.0, 4.0).numpy()
    assert values.min() >= -2.0 and values.max() < 4.0
    np.testing.assert_allclose(values.mean(), 1.0, atol=0.3)
    values = nn.init.normal((10000,), 5.0, 0.1).numpy()
    np.testing.assert_allclose([values.mean(), values.std()], [5.0, 0.1], rtol=0.03)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 4), (6, 2, 3), (4, 3, 2, 2)])
def test_an_orthogonal_matrix_has_orthonormal_rows_or_columns(shape):
    matrix = nn.init.orthogonal(shape, gain=2.0).numpy().reshape(shape[0], -1) / 2.0
    short = min(matrix.shape)
    product = matrix @ matrix.T if matrix.shape[0] == short else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(short), atol=1e-6)


def test_orthogonal_matrices_are_spread_over_all_there_are():
    rl.manual_seed(0)
    entries = np.array([nn.init.orthogonal((3, 3)).numpy() for _ in range(500)])
    np.testing.assert_allclose(entries.mean(axis=0), np.zeros((3, 3)), atol=0.15)
    np.testing.assert_allclose(entries.var(axis=0), np.full((3, 3), 1 / 3), atol=0.06)


@pytest.mark.parametrize(
    ("make", "shape", "inputs"),
    [
        (lambda: nn.Linear(200, 300), (300, 200), 200),
        (lambda: nn.Conv2d(32, 64, (5, 3)), (64, 32, 5, 3), 480),
        (lambda: nn.Conv2d(32, 64, 3, groups=4), (64, 8, 3, 3), 72),
        (lambda: nn.Conv1d(32, 64, 5), (64, 32, 5), 160),
        (lambda: nn.ConvTranspose2d(64, 32, (5, 3)), (64, 32, 5, 3), 480),
        (lambda: nn.ConvTranspose1d(64, 128, 9, groups=4), (64, 32, 9), 288),
    ],
)
def test_without_a_name_layers_begin_as_in_pytorch(make, shape, inputs):
    rl.manual_seed(0)
    layer = make()
    bound = inputs**-0.5
    assert layer.weight.shape == shape
    np.testing.assert_allclose(layer.weight.numpy().std(), bound * UNIFORM_STD, rtol=0.02)
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound


def test_with_a_name_the_bias_begins_at_zero():
    for make in (
        lambda: nn.Linear(4, 3, init="kaiming_normal"),
        lambda: nn.Conv2d(4, 3, 2, init="orthogonal"),
        lambda: nn.ConvTranspose2d(4, 3, 2, init="xavier_normal"),
    ):
        layer = make()
        assert layer.bias.tolist() == [0.0, 0.0, 0.0]
        assert np.abs(layer.weight.numpy()).min() > 0.0
    assert nn.Linear(4, 3, bias=False, init="zeros").bias is None
    assert not nn.Embedding(4, 3, init="zeros").weight.numpy().any()


def test_the_same_seed_gives_the_same_network():
    def make(seed):
        rl.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 2), nn.Embedding(3, 2), nn.Linear(2, 2, init="orthogonal"))
        return np.concatenate([p.numpy().ravel() for p in net.parameters()])

    np.testing.assert_array_equal(make(1), make(1))
    assert (make(1) != make(2)).sum() > 15


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: nn.init.by_name("xavier"), "there is no initialiser 'xavier'"),
        (lambda: nn.init.by_name(3), "there is no initialiser 3"),
        (lambda: nn.init.orthogonal((3,)), "an orthogonal start needs two axes or more, not (3,)"),
        (lambda: nn.init.kaiming_normal((3,)), "fan-in and fan-out need two axes or more, not (3,"),
        (lambda: nn.init.zeros("3"), "a shape is made of ints, not '3'"),
    ],
)
def test_a_mistake_gets_a_clear_error(make, fact):
    with pytest.raises(rl.RushlightError) as caught:
        make()
    assert str(caught.value).startswith(fact)


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(rl.ModuleError, match=r"there is no initialiser \[\]"):
        rl.nn.Linear(3, 2, init=[])


def test_values_that_are_not_drawn_are_what_they_are_called():
    assert nn.init.ones((2,)).tolist() == [1.0, 1.0]
    assert nn.init.constant((2,), -0.5).tolist() == [-0.5, -0.5]
    assert nn.init.eye((2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert nn.init.eye((3, 1)).tolist() == [[1.0], [0.0], [0.0]]
    layer = nn.Linear(3, 3, init="eye")
    np.testing.assert_array_equal(layer(rl.eye(3)).numpy(), np.eye(3))


def test_a_dirac_kernel_gives_back_the_channels():
    x = rl.randn(2, 4, 5, 5)
    layer = nn.Conv2d(4, 4, 3, padding=1, init="dirac")
    np.testing.assert_array_equal(layer(x).numpy(), x.numpy())


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 2, 3), 1), ((4, 2, 3, 3), 2), ((2, 3, 1, 2, 4), 1), ((6, 1, 5), 3)]
)
def test_a_dirac_kernel_is_pytorch_s(shape, groups):
    torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
    wanted = torch.nn.init.dirac_(torch.empty(shape), groups)
    np.testing.assert_array_equal(nn.init.dirac(shape, groups).numpy(), wanted.numpy())


@pytest.mark.parametrize(
    ("options", "moments"),
    [
        ({}, (0.0, 0.8796)),  # of a normal number that is cut at two deviations
        ({"std": 0.02, "low": -0.04, "high": 0.04}, (0.0, 0.8796 * 0.02)),
        ({"mean": 1.0, "std": 2.0, "low": 0.0, "high": 9.0}, (2.018, 1.3951)),
        ({"low": 3.0, "high": 4.0}, (3.2632, 0.2215)),
    ],
)
def test_truncated_normal_values_have_the_moments_of_the_distribution(options, moments):
    rl.manual_seed(0)
    values = nn.init.truncated_normal((200, 200), **options).numpy()
    low, high = options.get("low", -2.0), options.get("high", 2.0)
    assert low <= values.min() and values.max() <= high
    scale = options.get("std", 1.0)
    np.testing.assert_allclose([values.mean(), values.std()], moments, atol=0.02 * scale)
    if high < 9.0:
        assert values.min() < low + 0.01 * scale
    rl.manual_seed(0)
    again = nn.init.truncated_normal((200, 200), **options).numpy()
    np.testing.assert_array_equal(values, again)


def test_truncated_normal_values_without_spread_are_the_mean_within_the_limits():
    assert nn.init.truncated_normal((2,), mean=5.0, std=0.0).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("name", ["kaiming_uniform", "kaiming_normal"])
def test_the_fan_out_may_be_counted(name):
    rl.manual_seed(0)
    gain = nn.init.gain("leaky_relu", 0.2)
    values = getattr(nn.init, name)(WINDOW, gain, mode="fan_out").numpy()
    np.testing.assert_allclose(values.std(), math.sqrt(2.0 / 1.04 / (64 * 15)), rtol=0.02)


@pytest.mark.parametrize(
    ("name", "slope"),
    [(n, None) for n in ("linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu")]
    + [("leaky_relu", 0.2), ("leaky_relu", -1.0)],
)
def test_gains_are_pytorch_s(name, slope):
    torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
    given = [name] if slope is None else [name, slope]
    np.testing.assert_allclose(nn.init.gain(*given), torch.nn.init.calculate_gain(*given))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.99, 1.0])
def test_a_share_of_each_column_is_zero(share):
    values = nn.init.sparse((50, 40), share, std=2.0).numpy()
    assert set((values == 0.0).sum(0)) == {math.ceil(share * 50)}
    if share == 0.25:
        np.testing.assert_allclose(values[values != 0.0].std(), 2.0, rtol=0.1)
        assert len({tuple(column) for column in (values == 0.0).T}) > 30


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: nn.init.eye((2, 2, 2)), "an identity has two axes, not (2, 2, 2)"),
        (lambda: nn.init.dirac((2, 2)), "(2, 2) is no kernel of 1 groups of outputs"),
        (lambda: nn.init.dirac((3, 2, 1), 2), "(3, 2, 1) is no kernel of 2 groups of outputs"),
        (lambda: nn.init.sparse((3,), 0.5), "a sparse start has two axes, not (3,)"),
        (lambda: nn.init.sparse((3, 3), 1.5), "sparsity must be a finite number of 0 to 1, not 1"),
        (lambda: nn.init.constant((3,), "x"), "value must be a finite number, not 'x'"),
        (lambda: nn.init.gain("gelu"), "there is no gain for 'gelu'"),
        (lambda: nn.init.kaiming_normal((3, 3), mode="fan"), "there is no mode 'fan'"),
        (lambda: nn.init.truncated_normal((3,), low=1.0, high=1.0), "low 1.0 is not below high 1"),
        (lambda: nn.init.truncated_normal((3,), low=99.0, high=100.0), "no value between 99.0 and"),
        (lambda: nn.init.truncated_normal((3,), std=-1.0), "std must be a finite number of at l"),
        (lambda: nn.Linear(3, 2, init="dirac"), "Linear: (2, 3) is no kernel"),
    ],
)
def test_an_initialiser_says_what_it_cannot_make(make, fact):
    with pytest.raises(rl.RushlightError) as caught:
        make()
    assert str(caught.value).startswith(fact)
