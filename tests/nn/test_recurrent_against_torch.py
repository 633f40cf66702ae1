"""Recurrent layers beside PyTorch's: values, gradients, packed sequences, training in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close
from rushlight.tree import flatten
from tests.nn.against_torch import STEPS, assert_same_state, named_values, tnn, torch

NAMES = ["RNN", "LSTM", "GRU"]
LENGTHS = [5, 1, 3, 2]
LINES = [
    {},
    {"bias": False},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True},
    {"num_layers": 2, "bias": False, "bidirectional": True},
]


def twins(name, **options):
    torch.manual_seed(0)
    theirs = getattr(tnn, name)(3, 4, batch_first=True, **options).double()
    ours = getattr(nn, name)(3, 4, **options).cast("float64")
    ours.load_state_dict(named_values(theirs))
    return ours, theirs


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def packed(theirs, x, state, lengths):
    """What PyTorch gives for sequences of these lengths, padded with zeros again."""
    if lengths is None:
        return theirs(x, state)
    pieces = tnn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    y, last = theirs(pieces, state)
    return tnn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], last


def states_of(name, options):
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    states = [numbers(count, 4, 4, seed=seed) for seed in range(1, 3 if name == "LSTM" else 2)]

    def of(make):
        made = [make(one, requires_grad=True) for one in states]
        return made, tuple(made) if name == "LSTM" else made[0]

    return of


def torch_leaves(result):
    return [x for one in result for x in (one if isinstance(one, tuple) else (one,))]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, options) for name in NAMES for options in LINES),
        ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ],
)
def test_values_and_gradients_are_those_of_pytorch(name, options, lengths):
    ours, theirs = twins(name, **options)
    x = rl.tensor(numbers(4, 5, 3), requires_grad=True)
    their_x = torch.tensor(x.numpy().copy(), requires_grad=True)
    make_states = states_of(name, options)
    (states, state), (their_states, their_state) = map(make_states, (rl.tensor, torch.tensor))
    results = flatten(ours(x, state, lengths))[0]
    their_results = torch_leaves(packed(theirs, their_x, their_state, lengths))
    total, other = 0.0, 0.0
    for number, (got, wanted) in enumerate(zip(results, their_results, strict=True)):
        assert_close(got, wanted.detach().numpy(), rtol=1e-9, atol=1e-12, what=f"result {number}")
        seed = numbers(*got.shape, seed=9 + number)
        total = total + (got * rl.tensor(seed)).sum()
        other = other + (wanted * torch.tensor(seed)).sum()
    total.backward()
    other.backward()
    pairs = [(x, their_x), *zip(states, their_states, strict=True)]
    pairs += zip(ours.parameters(), theirs.parameters(), strict=True)
    for one, another in pairs:
        assert_close(one.grad, another.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
@pytest.mark.parametrize("options", LINES[2:5])
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_trains_as_in_pytorch(name, options, lengths):
    ours, theirs = twins(name, **options)
    random = np.random.default_rng(0)
    our_sgd = rl.optim.SGD(ours.parameters(), lr=0.1, momentum=0.5)
    their_sgd = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.5)
    for _ in range(STEPS):
        x = random.standard_normal((4, 5, 3))
        y, _ = ours(rl.tensor(x), None, lengths)
        other, _ = packed(theirs, torch.tensor(x), None, lengths)
        target = random.standard_normal(y.shape)
        loss = nn.functional.mse_loss(y, rl.tensor(target))
        other_loss = tnn.functional.mse_loss(other, torch.tensor(target))
        assert_close(loss, other_loss.detach().numpy(), rtol=1e-9)
        our_sgd.backward_step(loss)
        their_sgd.zero_grad()
        other_loss.backward()
        their_sgd.step()
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_a_gradient_s_norm_is_that_of_pytorch(name):
    ours, theirs = twins(name, num_layers=2)
    x = numbers(2, 4, 3)
    y = rl.tensor(x, requires_grad=True)
    (g,) = rl.gradients_of((ours(y)[0] ** 2).sum(), [y], create_graph=True)
    (g * g).sum().backward()
    their_y = torch.tensor(x, requires_grad=True)
    total = (theirs(their_y)[0] ** 2).sum()
    (their_g,) = torch.autograd.grad(total, [their_y], create_graph=True)
    (their_g * their_g).sum().backward()
    for one, other in zip([y, *ours.parameters()], [their_y, *theirs.parameters()], strict=True):
        assert_close(one.grad, other.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_cell_does_what_pytorch_s_does(name, bias):
    torch.manual_seed(0)
    theirs = getattr(tnn, f"{name}Cell")(3, 4, bias=bias).double()
    ours = getattr(nn, f"{name}Cell")(3, 4, bias=bias).cast("float64")
    ours.load_state_dict(named_values(theirs))
    state, their_state = None, None
    for number in range(3):
        x = numbers(2, 3, seed=number)
        state, their_state = ours(rl.tensor(x), state), theirs(torch.tensor(x), their_state)
    for got, wanted in zip(flatten(state)[0], torch_leaves([their_state]), strict=True):
        assert_close(got, wanted.detach().numpy(), rtol=1e-9, atol=1e-12)
