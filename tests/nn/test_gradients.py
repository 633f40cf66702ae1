"""The gradients of every layer and loss by central differences in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.module import REGISTRY
from rushlight.testing.gradcheck import check_gradients
from tests.nn import layer_cases

SIGNALS = [(1, 2, 4), (2, 2, 5), (0, 2, 4), (3, 2, 6), (1, 2, 7)]
VOLUMES = [(1, 2, 2, 2, 3), (1, 2, 3, 2, 2), (0, 2, 2, 3, 2), (2, 2, 2, 2, 2), (1, 2, 2, 3, 2)]
PICTURES = [(1, 2, 4, 4), (2, 2, 5, 4), (0, 2, 4, 4), (3, 2, 4, 6), (1, 2, 7, 5)]
ANY = [(), (3,), (0, 3), (2, 3), (2, 1, 4)]
FEATURES = [(3,), (2, 3), (0, 3), (2, 4, 3), (1, 1, 3)]

# layer, shapes of its input, how many derivatives it has
LAYERS = [
    (nn.Linear(3, 2), FEATURES, 2),
    (nn.Linear(3, 2, bias=False), FEATURES, 2),
    (nn.Conv2d(2, 3, 2), PICTURES, 2),
    (nn.Conv2d(2, 4, (2, 3), (2, 1), 1, (1, 2), groups=2), PICTURES, 1),
    (nn.Conv2d(2, 1, 2, padding="same", bias=False), PICTURES, 1),
    (nn.MaxPool2d(2), PICTURES, 1),
    (nn.MaxPool2d(3, 2, 1), PICTURES, 1),
    (nn.AvgPool2d(2), PICTURES, 2),
    (nn.AvgPool2d((2, 3), 1, 1, ceil_mode=True, count_include_pad=False), PICTURES, 1),
    (nn.Conv1d(2, 3, 2), SIGNALS, 2),
    (nn.Conv1d(2, 4, 3, 2, 2, 2, groups=2), SIGNALS, 1),
    (nn.Conv3d(2, 2, 2), VOLUMES, 1),
    (nn.Conv3d(2, 2, (2, 1, 2), 1, (0, 1, 1), groups=2, bias=False), VOLUMES, 1),
    (nn.ConvTranspose1d(2, 3, 3, 2, 1, 1), SIGNALS, 2),
    (nn.ConvTranspose1d(2, 2, 2, 1, 0, 2, groups=2, dilation=3), SIGNALS, 1),
    (nn.ConvTranspose2d(2, 2, (2, 3), (2, 1), 1, (1, 0), groups=2), PICTURES, 1),
    (nn.ConvTranspose3d(2, 1, 2, 2, bias=False), VOLUMES, 1),
    (nn.MaxPool1d(3, 2, 1), SIGNALS, 1),
    (nn.MaxPool3d(2, 1), VOLUMES, 1),
    (nn.AvgPool1d(2, 1, 1, count_include_pad=False), SIGNALS, 2),
    (nn.AvgPool3d(2, 1), VOLUMES, 1),
    (nn.AdaptiveAvgPool1d(3), SIGNALS, 2),
    (nn.AdaptiveAvgPool2d((3, None)), PICTURES, 1),
    (nn.AdaptiveAvgPool3d(1), VOLUMES, 1),
    (nn.AdaptiveMaxPool1d(3), SIGNALS, 1),
    (nn.AdaptiveMaxPool2d((1, 3)), PICTURES, 1),
    (nn.AdaptiveMaxPool3d((2, 1, None)), VOLUMES, 1),
    (nn.Upsample(scale_factor=2), PICTURES, 2),
    (nn.Upsample(size=3), VOLUMES, 1),
    (nn.Upsample(scale_factor=1.5, mode="linear"), SIGNALS, 1),
    (nn.Upsample((3, 5), mode="bilinear", align_corners=True), PICTURES, 1),
    (nn.PixelShuffle(1), PICTURES, 1),
    (nn.Sequential(nn.Conv2d(2, 4, 1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)), PICTURES, 1),
    (nn.BatchNorm(3), [(2, 3), (5, 3), (2, 3, 2), (2, 3, 2, 1), (1, 3, 2, 2)], 2),
    (nn.BatchNorm(3).eval(), [(1, 3), (0, 3), (2, 3), (2, 3, 2), (2, 3, 1, 2)], 2),
    (nn.LayerNorm(3), FEATURES, 2),
    (nn.LayerNorm((2, 3)), [(2, 3), (1, 2, 3), (4, 2, 3), (0, 2, 3), (1, 1, 2, 3)], 1),
    (nn.ReLU(), ANY, 1),
    (nn.Sigmoid(), ANY, 2),
    (nn.Tanh(), ANY, 2),
    (nn.Softmax(), [*ANY[1:], (1, 1)], 2),
    (nn.Softmax(0), [*ANY[1:], (1, 1)], 1),
    (nn.LogSoftmax(), [*ANY[1:], (1, 1)], 2),
    (nn.Dropout(0.4), ANY, 2),
    (nn.Flatten(), [(2, 3), (2, 3, 2), (0, 3), (2, 1, 2, 2), (1, 1)], 2),
    (nn.Identity(), ANY, 2),
    *layer_cases.ACTIVATIONS,
    *layer_cases.NORMS,
    *layer_cases.OTHERS,
    *layer_cases.TRANSFORMERS,
    *layer_cases.RECURRENT,
    (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.LayerNorm(4)), FEATURES, 1),
    (nn.Network(nn.Linear(3, 4), nn.Tanh(), loss="mse"), FEATURES, 1),
]


def check(function, shape, layer, order):
    """Compare the gradients by the input and by the parameters."""
    x = rl.tensor(np.random.default_rng(1).standard_normal(shape), requires_grad=True)
    check_gradients(lambda x, *parameters: function(x), x, *layer.parameters(), order=order)


def turned(x):
    """A view of x with its axes in reverse order."""
    return x.permute(*reversed(range(x.ndim)))


def seeded(layer):
    """The layer with the same random numbers at every call."""
    layer.cast("float64")

    def call(*inputs):
        rl.manual_seed(3)
        return layer(*inputs)

    return call


@pytest.mark.parametrize(("layer", "shapes", "order"), LAYERS, ids=lambda value: repr(value)[:40])
def test_the_gradients_of_a_layer_are_what_small_steps_show(layer, shapes, order):
    assert len(shapes) >= 5
    call = seeded(layer)
    for shape in shapes:
        check(call, shape, layer, order)
    shape = shapes[1]
    check(lambda x: call(turned(x)), shape[::-1], layer, 1)  # a strided view
    check(lambda x: call(x * x), shape, layer, 1)  # the same tensor twice
    check(lambda x: call(x.broadcast_to(shape)), (1,) * len(shape), layer, 1)


TABLE = nn.Embedding(4, 2)
IDS = [
    (nn.Embedding(4, 2), [np.array(1)]),
    (nn.Embedding(4, 2), [np.array([3, 0, 3])]),
    (nn.Embedding(4, 2), [np.zeros((0,), np.int64)]),
    (nn.Embedding(4, 2), [np.array([[0, 1, 2]]).T]),
    (nn.Embedding(4, 2), [np.array([2, 2], np.uint8)]),
    (nn.EmbeddingBag(4, 2), [np.array([[0, 1, 1], [3, 2, 3]])]),
    (nn.EmbeddingBag(4, 2), [np.array([[0], [1], [1]])]),
    (nn.EmbeddingBag(4, 2), [np.zeros((2, 0), np.int64)]),
    (nn.EmbeddingBag(4, 2), [np.array([0, 1, 1, 3]), np.array([0, 3])]),
    (nn.EmbeddingBag(4, 2, "sum"), [np.array([0, 1, 1, 3]), np.array([0, 0, 2, 4])]),
    (nn.EmbeddingBag(4, 2, "sum"), [np.zeros((0, 3), np.int64)]),
    (nn.EmbeddingBag(4, 2, "sqrtn", padding=1), [np.array([[0, 1, 1], [3, 2, 3]])]),
    (nn.Sequential(nn.WordDropout(0.5, 0.2), nn.Embedding(4, 2)), [np.array([[1, 2, 3, 1, 2]])]),
    (nn.Sequential(TABLE, nn.Tanh(), nn.TiedLinear(TABLE)), [np.array([[1, 2, 1]])]),
]


@pytest.mark.parametrize(("layer", "inputs"), IDS)
def test_the_gradients_of_a_table_are_what_small_steps_show(layer, inputs):
    call = seeded(layer)
    tensors = [rl.tensor(one) for one in inputs]
    check_gradients(lambda *parameters: call(*tensors), *layer.parameters(), order=2)


LOSSES = [
    (nn.CrossEntropyLoss, [((1, 3), [2]), ((4, 3), [0, 1, 2, 2]), ((2, 1), [0, 0])]),
    (nn.NLLLoss, [((1, 3), [2]), ((4, 3), [0, 1, 2, 2]), ((2, 1), [0, 0])]),
    (nn.MSELoss, [((), 0.5), ((3,), [1.0, 2.0, 3.0]), ((2, 2), [[1.0, 2.0], [3.0, 4.0]])]),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("kind", "cases"), LOSSES)
def test_the_gradients_of_a_loss_are_what_small_steps_show(kind, cases, reduction):
    loss = kind(reduction)
    for shape, target in cases:
        target = rl.tensor(np.array(target))
        check(lambda x, target=target: loss(x, target), shape, loss, 2)
        check(lambda x, target=target: loss(turned(x), target), shape[::-1], loss, 1)
        check(lambda x, target=target: loss(x * x, target), shape, loss, 1)


def test_the_gradient_of_a_loss_by_its_target_is_what_small_steps_show():
    random = np.random.default_rng(0)
    x, target = (rl.tensor(random.standard_normal((2, 3)), requires_grad=True) for _ in range(2))
    check_gradients(nn.MSELoss(), x, target, order=2)
    check_gradients(lambda x: nn.MSELoss()(x, x * x), x, order=2)


@pytest.mark.parametrize(("layer", "shapes"), layer_cases.PAIRS)
def test_the_gradients_of_a_layer_of_two_inputs_are_what_small_steps_show(layer, shapes):
    random = np.random.default_rng(1)
    inputs = [rl.tensor(random.standard_normal(shape), requires_grad=True) for shape in shapes]
    layer.cast("float64")
    check_gradients(
        lambda left, right, *rest: layer(left, right), *inputs, *layer.parameters(), order=2
    )


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize(("kind", "options", "given"), layer_cases.LOSSES)
def test_the_gradients_of_a_loss_with_options_are_what_small_steps_show(
    kind, options, given, reduction
):
    loss, random = kind(reduction, **options), np.random.default_rng(1)
    inputs = [
        rl.tensor(random.standard_normal(one), requires_grad=True)
        if isinstance(one, tuple)
        else rl.tensor(one, requires_grad=place == 0)
        for place, one in enumerate(given)
    ]
    check_gradients(loss, *inputs, order=2)


def test_no_registered_layer_is_left_out():
    layers = [row[0] for row in (*LAYERS, *IDS, *layer_cases.PAIRS)]
    losses = {row[0] for row in (*LOSSES, *layer_cases.LOSSES)}
    tried = {type(part) for layer in layers for part in layer.modules()}
    ours = {kind for kind in REGISTRY.values() if kind.__module__.startswith("rushlight.nn.")}
    assert tried | losses | layer_cases.CALLED_BY_OTHERS == ours
