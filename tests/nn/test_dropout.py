"""Dropout and WordDropout: what they leave, how often, and the same bits in a trace."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_of_the_elements_is_zero_and_the_rest_is_scaled(p):
    rl.manual_seed(0)
    y = nn.Dropout(p)(rl.full((200, 500), 3.0)).numpy()
    zero = y == 0.0
    np.testing.assert_allclose(y[~zero], 3.0 / (1.0 - p), rtol=1e-6)
    sigma = np.sqrt(p * (1 - p) / y.size)
    np.testing.assert_allclose(zero.mean(), p, atol=4 * sigma)
    np.testing.assert_allclose(zero.mean(axis=0), p, atol=6 * sigma * np.sqrt(500))
    np.testing.assert_allclose(y.mean(), 3.0, atol=12 * sigma / (1 - p))


def test_each_call_drops_others_and_each_seed_the_same():
    layer, x = nn.Dropout(0.5), rl.ones(100)
    rl.manual_seed(4)
    first, second = layer(x).numpy(), layer(x).numpy()
    rl.manual_seed(4)
    np.testing.assert_array_equal(layer(x).numpy(), first)
    np.testing.assert_array_equal(layer(x).numpy(), second)
    assert (first != second).any()


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), nn.WordDropout(0.3, 0.2)])
def test_a_trace_drops_the_same_elements(layer):
    x = rl.ones(20, 10, dtype="int64" if isinstance(layer, nn.WordDropout) else "float32")

    def run(function):
        rl.manual_seed(1)
        return np.stack([function(x).numpy() for _ in range(20)])

    eager = run(layer)
    np.testing.assert_array_equal(run(rl.compile(layer)), eager)
    assert (eager[0] != eager[1]).any()


def test_the_gradient_is_dropped_where_the_value_is():
    x = rl.ones(100, requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


@pytest.mark.parametrize("layer", [nn.Dropout(0.9).eval(), nn.Dropout(0.0)])
def test_nothing_is_dropped_in_evaluation_or_by_a_share_of_zero(layer):
    x = rl.ones(50)
    before = rl.random.default_generator.state.tolist()
    assert layer(x) is x
    assert rl.random.default_generator.state.tolist() == before


def test_other_float_dtypes_stay_what_they_are():
    assert nn.Dropout(0.5)(rl.ones(3, dtype="float64")).dtype.name == "float64"


def test_word_dropout_hides_words_and_whole_rows():
    rl.manual_seed(0)
    ids = rl.tensor(np.full((4000, 10), 7))
    words = nn.WordDropout(0.2)(ids).numpy()
    assert set(np.unique(words)) == {0, 7}
    np.testing.assert_allclose((words == 0).mean(), 0.2, atol=0.01)
    rows = nn.WordDropout(0.0, sentences=0.3, unknown=5)(ids).numpy()
    hidden = (rows == 5).all(axis=1)
    np.testing.assert_array_equal(rows[~hidden], 7)
    np.testing.assert_allclose(hidden.mean(), 0.3, atol=0.03)
    assert nn.WordDropout(0.5)(ids.cast("int32")).dtype.name == "int32"
    assert nn.WordDropout(0.9, 0.9).eval()(ids) is ids


MISTAKES = [
    (lambda: nn.Dropout(1.0), "Dropout: p is a share of at least 0 and below 1, not 1.0"),
    (lambda: nn.Dropout(-0.1), "Dropout: p is a share of at least 0 and below 1, not -0.1"),
    (lambda: nn.Dropout("half"), "Dropout: p is a share of at least 0 and below 1, not 'half'"),
    (lambda: nn.Dropout(float("nan")), "Dropout: p is a share of at least 0 and below 1, not nan"),
    (lambda: nn.Dropout()([1, 2]), "dropout: it takes floats, not int64"),
    (lambda: nn.functional.dropout([1.0], 2), "dropout: p is a share of at least 0 and below 1"),
    (lambda: nn.WordDropout(1.5), "WordDropout: words is a share of at least 0 and below 1"),
    (lambda: nn.WordDropout(0.5, 1), "WordDropout: sentences is a share of at least 0 and below"),
    (lambda: nn.WordDropout(0.5, unknown=-1), "WordDropout: unknown must be an int of at least 0"),
    (lambda: nn.WordDropout(0.5)([1.0]), "ids are integers, not float32"),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[fact for _, fact in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.source.startswith("test_dropout.py:")


def test_a_plain_number_gives_a_tensor_of_its_own():
    first, second = (rl.nn.functional.dropout(1.0, training=False) for _ in range(2))
    first.assign(5.0)
    assert (second.item(), rl.nn.functional.dropout(1.0, training=False).item()) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout1d(0.4), (50, 40, 3)),
        (nn.Dropout2d(0.4), (50, 40, 3, 2)),
        (nn.Dropout3d(0.4), (50, 40, 3, 1, 2)),
    ],
)
def test_a_channel_is_kept_or_dropped_as_a_whole(layer, shape):
    rl.manual_seed(0)
    y = layer(rl.ones(*shape)).numpy().reshape(50 * 40, -1)
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], y.shape[1], 1))
    np.testing.assert_allclose(np.unique(y), [0.0, 1.0 / 0.6], rtol=1e-6)
    np.testing.assert_allclose((y[:, 0] == 0.0).mean(), 0.4, atol=0.04)


def test_alpha_dropout_keeps_mean_and_variance():
    rl.manual_seed(0)
    y = nn.AlphaDropout(0.3)(rl.randn(400, 500)).numpy()
    np.testing.assert_allclose([y.mean(), y.var()], [0.0, 1.0], atol=0.02)
    _, counts = np.unique(y, return_counts=True)
    np.testing.assert_allclose(counts.max() / y.size, 0.3, atol=0.01)


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: nn.Dropout2d(1.0), "Dropout2d: p is a share of at least 0 and below 1, not 1.0"),
        (lambda: nn.AlphaDropout("x"), "AlphaDropout: p is a share of at least 0 and below 1"),
        (lambda: nn.Dropout2d()(rl.ones(2, 3)), "the input should have 4 axes, (n, channels, ...)"),
        (lambda: nn.Dropout1d()(rl.ones(2, 3, 4, 5)), "the input should have 3 axes, (n, channels"),
        (
            lambda: nn.Dropout3d()(rl.zeros(1, 1, 1, 1, 1, dtype="int64")),
            "channel_dropout: it take",
        ),
        (lambda: nn.functional.channel_dropout(rl.ones(3)), "channel_dropout: the input should be"),
        (lambda: nn.functional.alpha_dropout(rl.ones(3), 2.0), "alpha_dropout: p is a share"),
    ],
)
def test_a_dropout_that_cannot_be_is_refused(make, fact):
    with pytest.raises(rl.RushlightError) as caught:
        make()
    assert str(caught.value).startswith(fact)
