"""Networks of ours and of PyTorch's beside each other, trained on the same data in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close

torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
tnn = torch.nn

STEPS = 20


def normal(*shape):
    return lambda random: (random.standard_normal(shape),)


def ids(count, *shape):
    return lambda random: (random.integers(0, count, shape),)


def ragged(random):
    """Ids and offsets of five bags; the third is empty."""
    return random.integers(0, 7, 11), np.array([0, 3, 4, 4, 9])


def twins(our_layers, their_layers):
    """The two networks in float64 with the same weights: PyTorch's, by their names."""
    torch.manual_seed(0)
    ours, theirs = nn.Sequential(*our_layers).cast("float64"), tnn.Sequential(*their_layers)
    for layer in theirs:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    theirs = theirs.double()
    ours.load_state_dict(named_values(theirs))
    return ours, theirs


def named_values(theirs):
    return {
        name: tensor.detach().numpy().copy()
        for name, tensor in theirs.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def call(layers, inputs):
    """The first layer may take several inputs."""
    first, *rest = layers
    x = first(*inputs)
    for layer in rest:
        x = layer(x)
    return x


def squares(output, target, labels):
    return ((output - target) * (output - target)).mean()


def train(ours, theirs, make_inputs, compute_loss, their_loss, rtol=1e-9):
    """Train both on the same data; the losses must agree at every step."""
    random = np.random.default_rng(0)
    our_sgd = rl.optim.SGD(ours.parameters(), lr=0.1, momentum=0.5)
    their_sgd = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.5)
    for _ in range(STEPS):
        inputs = make_inputs(random)
        output = call(ours, [rl.tensor(x) for x in inputs])
        their_output = call(theirs, [torch.tensor(x) for x in inputs])
        assert_close(output, their_output.detach().numpy(), rtol=rtol, atol=1e-12)
        targets = random.standard_normal(output.shape), random.integers(0, 3, output.shape[:-1])
        loss = compute_loss(output, *[rl.tensor(one) for one in targets])
        other = their_loss(their_output, *[torch.tensor(one) for one in targets])
        assert_close(loss, other.detach().numpy(), rtol=rtol, atol=1e-12)
        our_sgd.backward_step(loss)
        their_sgd.zero_grad()
        other.backward()
        their_sgd.step()
    assert_same_state(ours, theirs, rtol)


def assert_same_state(ours, theirs, rtol=1e-9):
    wanted, state = named_values(theirs), ours.state_dict()
    assert set(state) == set(wanted)
    for name, tensor in state.items():
        assert_close(tensor, wanted[name], rtol=rtol, atol=1e-12, what=name)
