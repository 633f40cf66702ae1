"""Recurrent layers: what they take and give, ragged batches, carried states, files and errors."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.tree import flatten

LAYERS = [nn.RNN, nn.LSTM, nn.GRU]
CELLS = [(nn.RNNCell, nn.RNN), (nn.LSTMCell, nn.LSTM), (nn.GRUCell, nn.GRU)]
LENGTHS = np.array([5, 1, 3, 0])
LINES = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "bias": False},
]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaves(result):
    return flatten(result)[0]


@pytest.mark.parametrize(("cell", "layer"), CELLS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_called_step_by_step_does_what_the_layer_does(cell, layer, bias):
    whole = layer(3, 4, bias=bias)
    step = cell(3, 4, bias=bias)
    step.load_state_dict({name[:-3]: value for name, value in whole.state_dict().items()})
    x, state, outputs = rl.tensor(normal(2, 6, 3).astype(np.float32)), None, []
    for number in range(6):
        state = step(x[:, number], state)
        outputs.append(leaves(state)[0])
    wanted, last = whole(x)
    assert_close(rl.stack(outputs, 1), wanted.numpy())
    for got, one in zip(leaves(state), leaves(last), strict=True):
        assert_close(got, one[0].numpy())


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("options", LINES)
def test_a_batch_gives_what_each_sequence_gives_alone(layer, options):
    net = layer(3, 4, **options).cast("float64")
    x = normal(4, 5, 3)
    outputs, state = net(x, lengths=LENGTHS)
    for place, length in enumerate(LENGTHS[:3]):
        alone, last = net(x[place, :length])
        assert_close(outputs[place, :length], alone.numpy(), rtol=1e-12, atol=1e-14)
        for got, one in zip(leaves(state), leaves(last), strict=True):
            assert_close(got[:, place], one.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("options", LINES)
def test_what_stands_after_the_end_of_a_sequence_changes_no_bit(layer, options):
    net = layer(3, 4, **options).cast("float64")
    found = []
    for rest in (0.0, 1e300, np.nan):
        x = normal(4, 5, 3)
        x[np.arange(5) >= LENGTHS[:, np.newaxis]] = rest
        x = rl.tensor(x, requires_grad=True)
        result = leaves(net(x, lengths=LENGTHS))
        total = sum(((y * y).sum() for y in result), rl.tensor(0.0, dtype="float64"))
        total.backward()
        found.append([*result, x.grad, *(parameter.grad for parameter in net.parameters())])
        net.zero_grad()
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert_identical(other, one.numpy())


def test_outputs_after_the_end_are_zeros_and_an_empty_sequence_keeps_its_state():
    net, first = nn.GRU(3, 4, bidirectional=True), normal(2, 4, 4).astype(np.float32)
    x = normal(4, 5, 3).astype(np.float32)
    outputs, state = net(x, first, lengths=LENGTHS)
    after = np.arange(5) >= LENGTHS[:, np.newaxis]
    assert_identical(outputs.numpy()[after], np.zeros((after.sum(), 8), np.float32))
    assert_identical(state[:, 3], first[:, 3])


@pytest.mark.parametrize("layer", LAYERS)
def test_a_state_carried_on_does_what_the_whole_sequence_does(layer):
    net = layer(3, 4, num_layers=2).cast("float64")
    x = normal(2, 7, 3)
    wanted, last = net(x)
    first, state = net(x[:, :3])
    second, state = net(x[:, 3:], state)
    assert_close(rl.concat([first, second], 1), wanted.numpy(), rtol=1e-12)
    for got, one in zip(leaves(state), leaves(last), strict=True):
        assert_close(got, one.numpy(), rtol=1e-12)


def test_no_gradient_goes_back_beyond_a_detached_state():
    net = nn.LSTM(3, 4)
    x = rl.tensor(normal(2, 5, 3).astype(np.float32), requires_grad=True)
    _, state = net(x)
    rest = rl.tensor(normal(2, 5, 3).astype(np.float32), requires_grad=True)
    y, _ = net(rest, rl.detach(state))
    y.sum().backward()
    assert x.grad is None
    assert rest.grad is not None
    y, _ = net(rest, state)
    y.sum().backward()
    assert x.grad is not None


def test_time_comes_first_where_asked():
    batch_first, time_first = nn.LSTM(3, 4, 2), nn.LSTM(3, 4, 2, batch_first=False)
    time_first.load_state_dict(batch_first.state_dict())
    x = normal(2, 5, 3).astype(np.float32)
    (wanted, states), (got, others) = batch_first(x), time_first(x.transpose(1, 0, 2))
    assert_identical(got.transpose(0, 1), wanted.numpy())
    for one, other in zip(states, others, strict=True):
        assert_identical(other, one.numpy())


def test_dropout_is_between_layers_and_in_training_alone():
    rl.manual_seed(0)
    net = nn.GRU(3, 64, num_layers=2, dropout=0.5).eval()
    x = normal(1, 4, 3).astype(np.float32)
    plain, state = net(x)
    dropped, others = net.train()(x)
    assert not np.array_equal(plain.numpy(), dropped.numpy())
    assert (dropped.numpy() != 0).all()
    assert_identical(others[0], state[0].numpy())  # of the first layer, which reads the input


@pytest.mark.parametrize("layer", [*LAYERS, nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_parameters_begin_uniform_in_one_over_the_root_of_the_hidden_size(layer):
    rl.manual_seed(0)
    net = layer(40, 100)
    values = np.concatenate([parameter.numpy().ravel() for parameter in net.parameters()])
    assert abs(values).max() <= 0.1
    assert_close(values.std(), np.float32(0.2 / 12**0.5), rtol=0.02)
    assert_close(values.mean(), np.float32(0.0), atol=0.002)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_saved_layer_comes_back(layer, tmp_path):
    net = layer(3, 4, num_layers=2, bidirectional=True, dropout=0.2).eval()
    rl.save(tmp_path / "net.safetensors", net)
    again = rl.load(tmp_path / "net.safetensors").model
    assert (
        repr(again)
        == repr(net)
        == f"{layer.__name__}(3, 4, num_layers=2, dropout=0.2, bidirectional=True)"
    )
    x = normal(2, 5, 3).astype(np.float32)
    for one, other in zip(leaves(net(x)), leaves(again(x)), strict=True):
        assert_identical(other, one.numpy())


def test_a_summary_shows_the_outputs_of_a_layer():
    lines = nn.LSTM(3, 4).summary(2, 5, 3).splitlines()
    assert lines[1].split() == ["(whole)", "LSTM", "(2,", "5,", "4)", "144"]


GRU, LSTM, X = nn.GRU(3, 4), nn.LSTM(3, 4), rl.zeros(2, 5, 3)


@pytest.mark.parametrize(
    ("call", "kind", "fact"),
    [
        (lambda: nn.LSTM(0, 4), rl.ModuleError, "inputs must be an int of at least 1"),
        (lambda: nn.LSTM(3, 4, num_layers=0), rl.ModuleError, "num_layers must be"),
        (lambda: nn.LSTM(3, 4, dropout=0.5), rl.ModuleError, "there is one layer"),
        (lambda: nn.LSTM(3, 4, 2, dropout=1.0), rl.ModuleError, "dropout is a share"),
        (lambda: nn.LSTM(3, 4, batch_first=1), rl.ModuleError, "batch_first is True or False"),
        (lambda: nn.RNN(3, 4, nonlinearity="than"), rl.ModuleError, "did you mean tanh"),
        (lambda: nn.RNNCell(3, 4, nonlinearity=None), rl.ModuleError, "no nonlinearity None"),
        (lambda: nn.LSTM(input_size=3), rl.ModuleError, r"LSTM\(inputs, hidden"),
        (lambda: GRU(rl.zeros(2, 5, 4)), rl.ShapeError, "end in 3 features, it is"),
        (lambda: GRU(rl.zeros(3)), rl.ShapeError, r"\(batch, time, inputs\), or \(time, inputs\)"),
        (lambda: GRU(rl.zeros(2, 0, 3)), rl.ShapeError, "no element"),
        (lambda: GRU(rl.tensor([[1, 2, 3]])), rl.DTypeError, r"rl\.nn\.Embedding"),
        (lambda: GRU(X, rl.zeros(1, 3, 4)), rl.ShapeError, r"should be \(1, 2, 4\), it is"),
        (lambda: GRU(X, rl.zeros(1, 2, 4, dtype="float64")), rl.DTypeError, "should be float32"),
        (lambda: LSTM(X, rl.zeros(1, 2, 4)), rl.ModuleError, r"a pair \(h, c\)"),
        (lambda: LSTM(X, [rl.zeros(1, 2, 4)]), rl.ModuleError, r"a pair \(h, c\)"),
        (lambda: GRU(X, lengths=[5, 6]), rl.BoundsError, "from 0 to 5"),
        (lambda: GRU(X, lengths=[-1, 2]), rl.BoundsError, "from 0 to 5"),
        (lambda: GRU(X, lengths=[5.0, 2.0]), rl.DTypeError, "integers"),
        (lambda: GRU(X, lengths=[True, False]), rl.DTypeError, "integers"),
        (lambda: GRU(X, lengths=[5]), rl.ShapeError, r"should be \(2,\), they are \(1,\)"),
        (lambda: GRU(X[0], lengths=[5]), rl.ShapeError, "left out for a single sequence"),
        (lambda: nn.GRUCell(3, 4)(rl.zeros(2, 4)), rl.ShapeError, "end in 3 features"),
        (lambda: nn.LSTMCell(3, 4)(X[0], rl.zeros(5, 4)), rl.ModuleError, r"a pair \(h, c\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, kind, fact):
    with pytest.raises(kind, match=fact):
        call()
