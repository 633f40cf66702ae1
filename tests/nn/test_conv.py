"""Convolution and pooling as layers: shapes and mistakes."""

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
]


@pytest.mark.parametrize(("layer", "shape"), SHAPES, ids=[repr(layer) for layer, _ in SHAPES])
def test_a_picture_leaves_with_the_expected_shape(layer, shape):
    assert layer(rl.ones(2, 3, 28, 20)).shape == (2, *shape)


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
    (lambda: nn.AvgPool2d(2)(rl.ones(4, 4)), "avg_pool2d: x has 2 axes, not the 4", "x.reshape"),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert (caught.value.hint or "").startswith(hint or "")
    assert caught.value.source.startswith("test_conv.py:")
