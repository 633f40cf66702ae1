"""Every layer and loss trains as in PyTorch: the same weights after 20 steps, in float64."""

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


SIGNAL = normal(3, 4, 9)
PICTURE = normal(3, 4, 6, 5)
VOLUME = normal(2, 4, 4, 5, 3)


def both(make):
    """Our layers and PyTorch's, where they have the same names and arguments."""
    return make(nn), make(tnn)


# name, our layers, PyTorch's, the inputs of a step
LAYERS = [
    ("linear", [nn.Linear(4, 3)], [tnn.Linear(4, 3)], normal(5, 4)),
    ("linear without bias", [nn.Linear(4, 3, bias=False)], [tnn.Linear(4, 3, False)], normal(5, 4)),
    ("linear on three axes", [nn.Linear(4, 3)], [tnn.Linear(4, 3)], normal(2, 5, 4)),
    ("conv2d", [nn.Conv2d(4, 3, 3)], [tnn.Conv2d(4, 3, 3)], PICTURE),
    (
        "conv2d with all options",
        [nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), groups=2, bias=False)],
        [tnn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), groups=2, bias=False)],
        PICTURE,
    ),
    (
        "conv2d of the same size",
        [nn.Conv2d(4, 2, 3, padding="same", dilation=2)],
        [tnn.Conv2d(4, 2, 3, padding="same", dilation=2)],
        PICTURE,
    ),
    (
        "max pool",
        [nn.Conv2d(4, 3, 1), nn.MaxPool2d(2)],
        [tnn.Conv2d(4, 3, 1), tnn.MaxPool2d(2)],
        PICTURE,
    ),
    (
        "max pool with all options",
        [nn.Conv2d(4, 3, 1), nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True)],
        [tnn.Conv2d(4, 3, 1), tnn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True)],
        PICTURE,
    ),
    (
        "average pool",
        [nn.Conv2d(4, 3, 1), nn.AvgPool2d(2)],
        [tnn.Conv2d(4, 3, 1), tnn.AvgPool2d(2)],
        PICTURE,
    ),
    (
        "average pool with all options",
        [nn.Conv2d(4, 3, 1), nn.AvgPool2d((3, 2), 2, 1, True, False)],
        [tnn.Conv2d(4, 3, 1), tnn.AvgPool2d((3, 2), 2, 1, True, False)],
        PICTURE,
    ),
    ("conv1d", *both(lambda lib: [lib.Conv1d(4, 3, 3)]), SIGNAL),
    (
        "conv1d with all options",
        *both(lambda lib: [lib.Conv1d(4, 6, 3, 2, 3, 2, groups=2, bias=False)]),
        SIGNAL,
    ),
    (
        "conv1d of the same size",
        *both(lambda lib: [lib.Conv1d(4, 2, 3, padding="same", dilation=2)]),
        SIGNAL,
    ),
    ("conv3d", *both(lambda lib: [lib.Conv3d(4, 3, 2)]), VOLUME),
    (
        "conv3d with all options",
        *both(lambda lib: [lib.Conv3d(4, 6, (2, 3, 1), (1, 2, 1), (1, 0, 2), (2, 1, 1), groups=2)]),
        VOLUME,
    ),
    ("transposed conv1d", *both(lambda lib: [lib.ConvTranspose1d(4, 3, 3)]), SIGNAL),
    (
        "transposed conv1d with all options",
        *both(lambda lib: [lib.ConvTranspose1d(4, 6, 3, 2, 1, 2, 2, False, 3)]),
        SIGNAL,
    ),
    ("transposed conv2d", *both(lambda lib: [lib.ConvTranspose2d(4, 3, 2, 2)]), PICTURE),
    (
        "transposed conv2d with all options",
        *both(
            lambda lib: [lib.ConvTranspose2d(4, 2, (3, 2), (2, 3), (1, 0), (1, 2), 2, True, (2, 1))]
        ),
        PICTURE,
    ),
    (
        "transposed conv3d",
        *both(lambda lib: [lib.ConvTranspose3d(4, 2, (2, 1, 3), (2, 1, 2), (0, 0, 1), (1, 0, 0))]),
        VOLUME,
    ),
    (
        "max pool of signals",
        *both(
            lambda lib: [lib.Conv1d(4, 3, 1), lib.MaxPool1d(3, 2, 1, dilation=2, ceil_mode=True)]
        ),
        SIGNAL,
    ),
    (
        "max pool of volumes",
        *both(
            lambda lib: [
                lib.Conv3d(4, 3, 1),
                lib.MaxPool3d((2, 3, 2), (1, 2, 1), (1, 1, 0), (1, 2, 1)),
            ]
        ),
        VOLUME,
    ),
    (
        "average pool of signals",
        *both(lambda lib: [lib.Conv1d(4, 3, 1), lib.AvgPool1d(3, 2, 1, True, False)]),
        SIGNAL,
    ),
    (
        "average pool of volumes",
        *both(
            lambda lib: [lib.Conv3d(4, 3, 1), lib.AvgPool3d((2, 3, 2), 2, (1, 1, 0), True, False)]
        ),
        VOLUME,
    ),
    (
        "adaptive average of signals",
        *both(lambda lib: [lib.Conv1d(4, 3, 1), lib.AdaptiveAvgPool1d(4)]),
        SIGNAL,
    ),
    (
        "adaptive average of pictures",
        *both(lambda lib: [lib.Conv2d(4, 3, 1), lib.AdaptiveAvgPool2d((4, None))]),
        PICTURE,
    ),
    (
        "adaptive average of volumes",
        *both(lambda lib: [lib.Conv3d(4, 3, 1), lib.AdaptiveAvgPool3d(1)]),
        VOLUME,
    ),
    (
        "adaptive largest of signals",
        *both(lambda lib: [lib.Conv1d(4, 3, 1), lib.AdaptiveMaxPool1d(4)]),
        SIGNAL,
    ),
    (
        "adaptive largest of pictures",
        *both(lambda lib: [lib.Conv2d(4, 3, 1), lib.AdaptiveMaxPool2d((1, 3))]),
        PICTURE,
    ),
    (
        "adaptive largest of volumes",
        *both(lambda lib: [lib.Conv3d(4, 3, 1), lib.AdaptiveMaxPool3d((2, None, 2))]),
        VOLUME,
    ),
    ("nearest", *both(lambda lib: [lib.Conv2d(4, 3, 1), lib.Upsample(scale_factor=2)]), PICTURE),
    (
        "nearest to any size",
        *both(lambda lib: [lib.Conv3d(4, 3, 1), lib.Upsample((3, 5, 4))]),
        VOLUME,
    ),
    (
        "linear interpolation",
        *both(lambda lib: [lib.Conv1d(4, 3, 1), lib.Upsample(scale_factor=1.5, mode="linear")]),
        SIGNAL,
    ),
    (
        "bilinear",
        *both(
            lambda lib: [
                lib.Conv2d(4, 3, 1),
                lib.Upsample((4, 9), mode="bilinear", align_corners=True),
            ]
        ),
        PICTURE,
    ),
    (
        "bicubic",
        *both(lambda lib: [lib.Conv2d(4, 3, 1), lib.Upsample(scale_factor=2, mode="bicubic")]),
        PICTURE,
    ),
    (
        "trilinear",
        *both(lambda lib: [lib.Conv3d(4, 3, 1), lib.Upsample(scale_factor=2, mode="trilinear")]),
        VOLUME,
    ),
    (
        "pixels shuffled",
        *both(
            lambda lib: [
                lib.Conv2d(4, 8, 1),
                lib.PixelShuffle(2),
                lib.Conv2d(2, 2, 1),
                lib.PixelUnshuffle(2),
            ]
        ),
        PICTURE,
    ),
    ("embedding", [nn.Embedding(7, 3)], [tnn.Embedding(7, 3)], ids(7, 4, 5)),
    (
        "mean of a bag",
        [nn.EmbeddingBag(7, 3)],
        [tnn.EmbeddingBag(7, 3, mode="mean")],
        ids(7, 4, 5),
    ),
    (
        "sum of a bag",
        [nn.EmbeddingBag(7, 3, mode="sum")],
        [tnn.EmbeddingBag(7, 3, mode="sum")],
        ids(7, 4, 5),
    ),
    (
        "mean of ragged bags",
        [nn.EmbeddingBag(7, 3)],
        [tnn.EmbeddingBag(7, 3, mode="mean")],
        ragged,
    ),
    (
        "sum of ragged bags",
        [nn.EmbeddingBag(7, 3, mode="sum")],
        [tnn.EmbeddingBag(7, 3, mode="sum")],
        ragged,
    ),
    (
        "mean of bags with padding",
        [nn.EmbeddingBag(7, 3, padding=2)],
        [tnn.EmbeddingBag(7, 3, mode="mean", padding_idx=2)],
        ids(7, 4, 5),
    ),
    (
        "sum of ragged bags with padding",
        [nn.EmbeddingBag(7, 3, mode="sum", padding=2)],
        [tnn.EmbeddingBag(7, 3, mode="sum", padding_idx=2)],
        ragged,
    ),
    (
        "batch norm of features",
        [nn.Linear(4, 3), nn.BatchNorm(3)],
        [tnn.Linear(4, 3), tnn.BatchNorm1d(3)],
        normal(5, 4),
    ),
    (
        "batch norm of pictures",
        [nn.BatchNorm(4, eps=1e-3, momentum=0.3)],
        [tnn.BatchNorm2d(4, eps=1e-3, momentum=0.3)],
        PICTURE,
    ),
    (
        "layer norm",
        [nn.Linear(4, 3), nn.LayerNorm(3)],
        [tnn.Linear(4, 3), tnn.LayerNorm(3)],
        normal(5, 4),
    ),
    (
        "layer norm over two axes",
        [nn.LayerNorm((6, 5), eps=1e-3)],
        [tnn.LayerNorm((6, 5), eps=1e-3)],
        PICTURE,
    ),
    ("relu", [nn.Linear(4, 3), nn.ReLU()], [tnn.Linear(4, 3), tnn.ReLU()], normal(5, 4)),
    ("sigmoid", [nn.Linear(4, 3), nn.Sigmoid()], [tnn.Linear(4, 3), tnn.Sigmoid()], normal(5, 4)),
    ("tanh", [nn.Linear(4, 3), nn.Tanh()], [tnn.Linear(4, 3), tnn.Tanh()], normal(5, 4)),
    (
        "softmax",
        [nn.Linear(4, 3), nn.Softmax(0)],
        [tnn.Linear(4, 3), tnn.Softmax(0)],
        normal(5, 4),
    ),
    (
        "log softmax",
        [nn.Linear(4, 3), nn.LogSoftmax()],
        [tnn.Linear(4, 3), tnn.LogSoftmax(-1)],
        normal(5, 4),
    ),
    (
        "flatten and identity",
        [nn.Flatten(), nn.Identity(), nn.Linear(8, 3)],
        [tnn.Flatten(), tnn.Identity(), tnn.Linear(8, 3)],
        normal(5, 4, 2),
    ),
    (
        "dropout in evaluation",
        [nn.Linear(4, 3), nn.Dropout(0.5).eval()],
        [tnn.Linear(4, 3), tnn.Dropout(0.5).eval()],
        normal(5, 4),
    ),
]


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


def train(ours, theirs, make_inputs, compute_loss, their_loss):
    """Train both on the same data; the losses must agree at every step."""
    random = np.random.default_rng(0)
    our_sgd = rl.optim.SGD(ours.parameters(), lr=0.1, momentum=0.5)
    their_sgd = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.5)
    for _ in range(STEPS):
        inputs = make_inputs(random)
        output = call(ours, [rl.tensor(x) for x in inputs])
        their_output = call(theirs, [torch.tensor(x) for x in inputs])
        assert_close(output, their_output.detach().numpy(), rtol=1e-9, atol=1e-12)
        targets = random.standard_normal(output.shape), random.integers(0, 3, output.shape[:-1])
        loss = compute_loss(output, *[rl.tensor(one) for one in targets])
        other = their_loss(their_output, *[torch.tensor(one) for one in targets])
        assert_close(loss, other.detach().numpy(), rtol=1e-9, atol=1e-12)
        our_sgd.backward_step(loss)
        their_sgd.zero_grad()
        other.backward()
        their_sgd.step()
    assert_same_state(ours, theirs)


def assert_same_state(ours, theirs):
    wanted, state = named_values(theirs), ours.state_dict()
    assert set(state) == set(wanted)
    for name, tensor in state.items():
        assert_close(tensor, wanted[name], rtol=1e-9, atol=1e-12, what=name)


@pytest.mark.parametrize(
    ("our_layers", "their_layers", "inputs"),
    [row[1:] for row in LAYERS],
    ids=[row[0] for row in LAYERS],
)
def test_a_layer_trains_as_in_pytorch(our_layers, their_layers, inputs):
    ours, theirs = twins(our_layers, their_layers)

    def loss(output, target, labels):
        return ((output - target) * (output - target)).mean()

    train(ours, theirs, inputs, loss, loss)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
def test_a_loss_trains_as_in_pytorch(name, reduction):
    end = [nn.LogSoftmax()] if name == "NLLLoss" else []
    their_end = [tnn.LogSoftmax(-1)] if name == "NLLLoss" else []
    ours, theirs = twins([nn.Linear(4, 3), *end], [tnn.Linear(4, 3), *their_end])
    of_labels = name != "MSELoss"

    def choosing(loss):
        return lambda output, target, labels: loss(output, labels if of_labels else target)

    criterion = getattr(nn, name)(reduction)
    theirs_criterion = getattr(tnn, name)(reduction=reduction)
    train(ours, theirs, normal(5, 4), choosing(criterion), choosing(theirs_criterion))


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
def test_a_loss_that_is_not_reduced_has_a_value_for_each_sample(name):
    random = np.random.default_rng(0)
    scores, labels = random.standard_normal((2, 5, 3)), random.integers(0, 3, (2, 5))
    target = scores[::-1].copy() if name == "MSELoss" else labels
    got = getattr(nn, name)("none")(rl.tensor(scores), rl.tensor(target))
    theirs = torch.tensor(scores)
    if name != "MSELoss":
        theirs = theirs.movedim(-1, 1)  # PyTorch has the classes on axis 1
    wanted = getattr(tnn, name)(reduction="none")(theirs, torch.tensor(target))
    assert_close(got, wanted.numpy())


def test_a_network_in_float32_trains_as_in_pytorch():
    torch.manual_seed(0)
    theirs = tnn.Sequential(
        tnn.Conv2d(1, 4, 3, padding=1, bias=False),
        tnn.BatchNorm2d(4),
        tnn.ReLU(),
        tnn.MaxPool2d(2),
        tnn.Flatten(),
        tnn.Linear(64, 10),
    )
    ours = (
        nn.build()
        .input(1, 8, 8)
        .conv2d(4, 3, padding=1, bias=False)
        .batch_norm()
        .relu()
        .max_pool2d(2)
        .flatten()
        .linear(10)
        .softmax_cross_entropy()
    )
    ours.load_state_dict(named_values(theirs))
    adam = rl.optim.Adam(ours.parameters(), lr=0.001)
    their_adam = torch.optim.Adam(theirs.parameters(), lr=0.001)
    random = np.random.default_rng(0)
    for _ in range(STEPS):
        x = random.standard_normal((16, 1, 8, 8)).astype(np.float32)
        labels = random.integers(0, 10, 16)
        loss = ours.loss(ours(x), labels)
        other = tnn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
        assert_close(loss, other.detach().numpy(), rtol=1e-4)
        adam.backward_step(loss)
        their_adam.zero_grad()
        other.backward()
        their_adam.step()
    wanted = named_values(theirs)
    for name, tensor in ours.state_dict().items():
        assert_close(tensor, wanted[name], rtol=1e-4, atol=1e-4, what=name)
    x = random.standard_normal((4, 1, 8, 8)).astype(np.float32)
    their_output = theirs.eval()(torch.tensor(x)).detach().numpy()
    assert_close(ours.eval()(x), their_output, rtol=1e-3, atol=1e-4)
