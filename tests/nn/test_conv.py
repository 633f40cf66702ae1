"""Convolution, pooling and up-sampling as layers: shapes and mistakes."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

SHAPES = [
    (nn.Conv2d(3, 8, 5), (8, 24, 16)),
    (nn.Conv2d(3, 8, 5, padding="same"), (8, 28, 20)),
    (nn.Conv2d(3, 6, (3, 1), (2, 1), (0, 1), groups=3), (6, 13, 22)),
    (nn.Conv2d(3, 8, 3, dilation=4), (8, 20, 12)),
    (nn.MaxPool2d(2), (3, 14, 10)),
    (nn.MaxPool2d(3), (3, 9, 6)),
    (nn.MaxPool2d(3, ceil_mode=True), (3, 10, 7)),
    (nn.MaxPool2d(3, stride=1, padding=1), (3, 28, 20)),
    (nn.AvgPool2d((7, 5)), (3, 4, 4)),
    (nn.AvgPool2d(2, (1, 2)), (3, 27, 10)),
    (nn.AdaptiveAvgPool2d((5, None)), (3, 5, 20)),
    (nn.AdaptiveMaxPool2d(1), (3, 1, 1)),
    (nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1), (8, 56, 40)),
    (nn.Upsample(scale_factor=(2, 0.5)), (3, 56, 10)),
    (nn.Upsample(30, mode="bicubic"), (3, 30, 30)),
    (nn.PixelUnshuffle(2), (12, 14, 10)),
    (nn.Sequential(nn.Conv2d(3, 8, 1), nn.PixelShuffle(2)), (2, 56, 40)),
]


@pytest.mark.parametrize(("layer", "shape"), SHAPES, ids=[repr(layer) for layer, _ in SHAPES])
def test_a_picture_leaves_with_the_expected_shape(layer, shape):
    assert layer(rl.ones(2, 3, 28, 20)).shape == (2, *shape)


OTHER_SHAPES = [
    (nn.Conv1d(3, 8, 5, stride=2), (3, 20), (8, 8)),
    (nn.ConvTranspose1d(3, 8, 5, stride=2, output_padding=1), (3, 20), (8, 44)),
    (nn.MaxPool1d(3), (3, 20), (3, 6)),
    (nn.AvgPool1d(3, ceil_mode=True), (3, 20), (3, 7)),
    (nn.AdaptiveAvgPool1d(3), (3, 20), (3, 3)),
    (nn.AdaptiveMaxPool1d(30), (3, 20), (3, 30)),
    (nn.Upsample(scale_factor=1.25, mode="linear"), (3, 20), (3, 25)),
    (nn.Conv3d(3, 8, (1, 2, 3)), (3, 4, 5, 6), (8, 4, 4, 4)),
    (nn.ConvTranspose3d(3, 8, 2, 2), (3, 4, 5, 6), (8, 8, 10, 12)),
    (nn.MaxPool3d((1, 2, 3)), (3, 4, 5, 6), (3, 4, 2, 2)),
    (nn.AvgPool3d(2), (3, 4, 5, 6), (3, 2, 2, 3)),
    (nn.AdaptiveAvgPool3d((None, 2, 7)), (3, 4, 5, 6), (3, 4, 2, 7)),
    (nn.AdaptiveMaxPool3d(2), (3, 4, 5, 6), (3, 2, 2, 2)),
    (nn.Upsample((8, 4, 9), mode="trilinear"), (3, 4, 5, 6), (3, 8, 4, 9)),
]


@pytest.mark.parametrize(("layer", "before", "after"), OTHER_SHAPES, ids=lambda part: repr(part))
def test_signals_and_volumes_leave_with_the_expected_shape(layer, before, after):
    assert layer(rl.ones(2, *before)).shape == (2, *after)


MISTAKES = [
    (
        lambda: nn.Conv2d(3, 8, 5)(rl.ones(2, 28, 28, 3)),
        "conv2d: x has 28 channels, the weight takes 3",
        "x.permute(0, 3, 1, 2) is valid and gives (2, 8, 24, 24)",
    ),
    (
        lambda: nn.Conv2d(1, 8, 5)(rl.ones(28, 28)),
        "conv2d: x has 2 axes, not the 4 (batch, channels, height, width)",
        "x.reshape(1, 1, *x.shape) is one image of one channel",
    ),
    (
        lambda: nn.Conv2d(1, 8, 5)(rl.ones(1, 1, 3, 3)),
        "conv2d: a window of 5 does not fit the height of 3 with padding 0",
        "padding=(1, 1) is the least that fits",
    ),
    (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        "Conv2d: in_channels=3 do not split into 2 groups",
        "groups must divide 3 and 4",
    ),
    (lambda: nn.Conv2d(0, 4, 3), "Conv2d: in_channels must be an int of at least 1, not 0", None),
    (lambda: nn.Conv2d(1, 4, 0), "Conv2d: kernel height must be an int of at least 1", None),
    (lambda: nn.Conv2d(1, 4, (1, 2, 3)), "Conv2d: kernel_size takes one int or two", None),
    (lambda: nn.Conv2d(1, 4, 3, padding="sme")(rl.ones(1, 1, 4, 4)), "conv2d: padding is", "did"),
    (lambda: nn.MaxPool2d((2, -1)), "MaxPool2d: kernel width must be an int of at least 1", None),
    (lambda: nn.AvgPool2d("2"), "AvgPool2d: a shape is made of ints, not '2'", None),
    (
        lambda: nn.MaxPool2d(3)(rl.ones(1, 1, 2, 2)),
        "max_pool2d: a window of 3 does not fit the height of 2 with padding 0",
        "a kernel height of 2 is the most that fits",
    ),
    (lambda: nn.Conv1d(1, 4, 0), "Conv1d: kernel length must be an int of at least 1, not 0", None),
    (lambda: nn.Conv1d(1, 4, (3, 3)), "Conv1d: kernel_size takes one int, not (3, 3)", None),
    (lambda: nn.Conv3d(1, 4, (3, 3)), "Conv3d: kernel_size takes one int or three", None),
    (lambda: nn.Conv3d(1, 4, (0, 3, 3)), "Conv3d: kernel depth must be an int of at least", None),
    (
        lambda: nn.ConvTranspose2d(4, 3, 3, groups=2),
        "ConvTranspose2d: out_channels=3 do not split into 2 groups",
        "groups must divide 4 and 3",
    ),
    (
        lambda: nn.ConvTranspose1d(4, 3, 3, output_padding=1)(rl.ones(1, 4, 5)),
        "conv_transpose1d: output_padding 1 along the length is not from 0 to 0",
        "it is less than stride or dilation",
    ),
    (lambda: nn.MaxPool3d((2, 2)), "MaxPool3d: kernel_size takes one int or three", None),
    (
        lambda: nn.AdaptiveAvgPool2d((1, 2, 3)),
        "AdaptiveAvgPool2d: output_size is an int, None or two of them, not (1, 2, 3)",
        None,
    ),
    (
        lambda: nn.AdaptiveMaxPool1d(0),
        "AdaptiveMaxPool1d: the length of the output must be at least 1, not 0",
        None,
    ),
    (lambda: nn.Upsample(), "Upsample: one of size and scale_factor is given, not neither", None),
    (lambda: nn.Upsample(2, mode="cubic"), "Upsample: there is no mode 'cubic'", "did you mean"),
    (lambda: nn.Upsample((2, 0)), "Upsample: a size is at least 1, not 0", None),
    (lambda: nn.Upsample(scale_factor=0), "Upsample: a scale_factor is a number above 0", None),
    (lambda: nn.PixelShuffle(0), "PixelShuffle: factor must be an int of at least 1, not 0", None),
    (lambda: nn.AvgPool2d(2)(rl.ones(4, 4)), "avg_pool2d: x has 2 axes, not the 4", "x.reshape"),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert (caught.value.hint or "").startswith(hint or "")
    assert caught.value.source.startswith("test_conv.py:")


def test_a_network_of_signals_learns_in_c():
    """Waves of two frequencies at any phase, under noise: all of a step is C."""
    rl.manual_seed(0)
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 256)
    time, phase = np.arange(32), random.uniform(0, 2 * np.pi, (256, 1))
    waves = np.sin(time * np.where(labels, 0.9, 0.6)[:, None] + phase)
    x = rl.tensor((waves + random.normal(0, 0.3, waves.shape)).astype(np.float32)[:, None])
    y = rl.tensor(labels)
    model = (
        nn.build()
        .input(1, 32)
        .conv1d(8, 5, padding="same", bias=False)
        .batch_norm()
        .relu()
        .max_pool1d(2)
        .conv1d(16, 5, stride=2)
        .relu()
        .flatten()
        .linear(2)
        .softmax_cross_entropy()
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)

    @rl.compile
    def step(x, y):
        optimizer.zero_grad()
        scores = model(x)
        loss = model.loss(scores, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, (scores.argmax(-1) == y).mean()

    for _ in range(40):
        loss, right = step(x, y)
    assert step.fallbacks == []
    assert loss.item() < 0.1
    assert right.item() > 0.97
