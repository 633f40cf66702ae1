"""Norms, dropout and the layers of two inputs, beside PyTorch's, in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close
from tests.nn.against_torch import named_values, normal, squares, tnn, torch, train, twins

PICTURE, VOLUME, SIGNAL = normal(3, 4, 6, 5), normal(2, 4, 3, 2, 3), normal(3, 4, 5)

# name, ours, PyTorch's, the inputs of a step
NORMS = [
    ("batch norm 1d", nn.BatchNorm1d(4), tnn.BatchNorm1d(4), normal(5, 4)),
    (
        "batch norm of signals",
        nn.BatchNorm1d(4, affine=False),
        tnn.BatchNorm1d(4, affine=False),
        SIGNAL,
    ),
    ("batch norm 2d", nn.BatchNorm2d(4, 1e-3, 0.3), tnn.BatchNorm2d(4, 1e-3, 0.3), PICTURE),
    (
        "batch norm without running statistics",
        nn.BatchNorm2d(4, track_running_stats=False),
        tnn.BatchNorm2d(4, track_running_stats=False),
        PICTURE,
    ),
    ("batch norm 3d", nn.BatchNorm3d(4), tnn.BatchNorm3d(4), VOLUME),
    ("instance norm 1d", nn.InstanceNorm1d(4), tnn.InstanceNorm1d(4), SIGNAL),
    ("instance norm 2d", nn.InstanceNorm2d(4, 1e-3), tnn.InstanceNorm2d(4, 1e-3), PICTURE),
    (
        "instance norm with everything",
        nn.InstanceNorm2d(4, momentum=0.3, affine=True, track_running_stats=True),
        tnn.InstanceNorm2d(4, momentum=0.3, affine=True, track_running_stats=True),
        PICTURE,
    ),
    ("instance norm 3d", nn.InstanceNorm3d(4), tnn.InstanceNorm3d(4), VOLUME),
    ("group norm", nn.GroupNorm(2, 4), tnn.GroupNorm(2, 4), PICTURE),
    ("group norm of features", nn.GroupNorm(2, 4, 1e-3), tnn.GroupNorm(2, 4, 1e-3), normal(5, 4)),
    (
        "group norm without scale",
        nn.GroupNorm(4, 4, affine=False),
        tnn.GroupNorm(4, 4, affine=False),
        SIGNAL,
    ),
    (
        "layer norm without scale",
        nn.LayerNorm(5, affine=False),
        tnn.LayerNorm(5, elementwise_affine=False),
        PICTURE,
    ),
    (
        "layer norm without bias",
        nn.LayerNorm((6, 5), bias=False),
        tnn.LayerNorm((6, 5), bias=False),
        PICTURE,
    ),
    ("rms norm", nn.RMSNorm(5), tnn.RMSNorm(5), PICTURE),
    ("rms norm over two axes", nn.RMSNorm((6, 5), 1e-3), tnn.RMSNorm((6, 5), 1e-3), PICTURE),
    (
        "rms norm without scale",
        nn.RMSNorm(5, affine=False),
        tnn.RMSNorm(5, elementwise_affine=False),
        PICTURE,
    ),
    (
        "local response norm",
        nn.LocalResponseNorm(3, 0.1, 0.6, 2.0),
        tnn.LocalResponseNorm(3, 0.1, 0.6, 2.0),
        PICTURE,
    ),
    (
        "local response norm over more channels than there are",
        nn.LocalResponseNorm(6, 0.1),
        tnn.LocalResponseNorm(6, 0.1),
        SIGNAL,
    ),
    (
        "dropout of channels in evaluation",
        nn.Dropout2d(0.5).eval(),
        tnn.Dropout2d(0.5).eval(),
        PICTURE,
    ),
    (
        "alpha dropout in evaluation",
        nn.AlphaDropout(0.5).eval(),
        tnn.AlphaDropout(0.5).eval(),
        SIGNAL,
    ),
    ("unflatten", nn.Unflatten(1, (2, -1)), tnn.Unflatten(1, (2, -1)), SIGNAL),
]


@pytest.mark.parametrize(
    ("ours", "theirs", "inputs"), [row[1:] for row in NORMS], ids=[row[0] for row in NORMS]
)
def test_a_layer_trains_as_in_pytorch(ours, theirs, inputs):
    """Before it a PReLU, so that there is always something to train."""
    pair = twins([nn.PReLU(4), ours], [tnn.PReLU(4), theirs])
    train(*pair, inputs, squares, squares)


@pytest.mark.parametrize(
    ("ours", "theirs", "inputs"), [row[1:] for row in NORMS[:9]], ids=[row[0] for row in NORMS[:9]]
)
def test_a_norm_in_evaluation_gives_what_pytorch_s_gives(ours, theirs, inputs):
    ours, theirs = ours.cast("float64").eval(), theirs.double().eval()
    ours.load_state_dict(named_values(theirs))
    (x,) = inputs(np.random.default_rng(3))
    assert_close(ours(rl.tensor(x)), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-9)


def test_without_momentum_the_running_statistics_are_means_of_all_batches():
    ours, theirs = nn.BatchNorm1d(3, momentum=None), tnn.BatchNorm1d(3, momentum=None)
    random = np.random.default_rng(0)
    for _ in range(4):
        x = random.standard_normal((6, 3)).astype(np.float32)
        assert_close(ours(rl.tensor(x)), theirs(torch.tensor(x)).detach().numpy(), atol=1e-5)
    for name, tensor in theirs.state_dict().items():
        assert_close(ours.state_dict()[name], tensor.numpy(), rtol=1e-5, what=name)


PAIRS = [
    (nn.Bilinear(4, 3, 2), tnn.Bilinear(4, 3, 2), [(5, 4), (5, 3)]),
    (nn.Bilinear(4, 3, 2, bias=False), tnn.Bilinear(4, 3, 2, bias=False), [(2, 5, 4), (2, 5, 3)]),
    (nn.CosineSimilarity(), tnn.CosineSimilarity(), [(5, 4), (5, 4)]),
    (nn.CosineSimilarity(-1, 1e-3), tnn.CosineSimilarity(-1, 1e-3), [(5, 4), (1, 4)]),
    (nn.CosineSimilarity(0), tnn.CosineSimilarity(0), [(3, 1), (2, 1, 4)]),
    (nn.PairwiseDistance(), tnn.PairwiseDistance(), [(5, 4), (5, 4)]),
    (nn.PairwiseDistance(1.0, 0.1), tnn.PairwiseDistance(1.0, 0.1), [(5, 4), (4,)]),
    (
        nn.PairwiseDistance(3.0, keepdims=True),
        tnn.PairwiseDistance(3.0, keepdim=True),
        [(5, 4), (5, 4)],
    ),
    (nn.PairwiseDistance(float("inf")), tnn.PairwiseDistance(float("inf")), [(5, 4), (5, 4)]),
]


@pytest.mark.parametrize(("ours", "theirs", "shapes"), PAIRS)
def test_a_layer_of_two_inputs_and_its_gradients_are_pytorch_s(ours, theirs, shapes):
    ours, theirs = ours.cast("float64"), theirs.double()
    ours.load_state_dict(named_values(theirs))
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in shapes]
    inputs = [rl.tensor(x, requires_grad=True) for x in arrays]
    others = [torch.tensor(x, requires_grad=True) for x in arrays]
    y, wanted = ours(*inputs), theirs(*others)
    assert_close(y, wanted.detach().numpy(), rtol=1e-9)
    (y * y).sum().backward()
    (wanted * wanted).sum().backward()
    for x, other in zip(
        [*inputs, *ours.parameters()], [*others, *theirs.parameters()], strict=True
    ):
        assert_close(x.grad, other.grad.numpy(), rtol=1e-9)
