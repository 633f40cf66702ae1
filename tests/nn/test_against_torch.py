"""Every layer trains as in PyTorch: the same weights after 20 steps, in float64.

Activations, norms and losses have files of their own.
"""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close
from tests.nn.against_torch import (
    STEPS,
    ids,
    named_values,
    normal,
    ragged,
    squares,
    tnn,
    torch,
    train,
    twins,
)

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


@pytest.mark.parametrize(
    ("our_layers", "their_layers", "inputs"),
    [row[1:] for row in LAYERS],
    ids=[row[0] for row in LAYERS],
)
def test_a_layer_trains_as_in_pytorch(our_layers, their_layers, inputs):
    ours, theirs = twins(our_layers, their_layers)
    train(ours, theirs, inputs, squares, squares)


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
