"""The chain builder: what it builds, and what it says of a step that cannot follow."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.formats.module_json import module_from_json, module_to_json


def test_the_chain_of_the_readme_builds_the_classic_network():
    net = (
        nn.build()
        .input(784)
        .linear(256, init="kaiming_normal")
        .relu()
        .linear(10)
        .softmax_cross_entropy()
    )
    assert repr(net) == (
        "Network(loss='softmax_cross_entropy',\n"
        "  (0): Linear(784, 256, init='kaiming_normal')\n"
        "  (1): ReLU()\n"
        "  (2): Linear(256, 10)\n"
        ")"
    )
    np.testing.assert_allclose(net[0].weight.numpy().std(), (2 / 784) ** 0.5, rtol=0.02)


def test_every_step_can_be_taken():
    net = (
        nn.build()
        .input(3, 28, 20)
        .conv2d(8, (5, 3), stride=1, padding="same", bias=False, init="orthogonal")
        .batch_norm(momentum=0.2)
        .relu()
        .max_pool2d(2)
        .conv2d(6, 3, groups=2)
        .tanh()
        .avg_pool2d((2, 1), stride=2)
        .dropout(0.1)
        .flatten()
        .layer_norm(eps=1e-3)
        .linear(12, bias=False)
        .sigmoid()
        .linear(4)
        .mse()
    )
    x = rl.ones(2, 3, 28, 20)
    assert net(x).shape == (2, 4)
    assert [type(layer).__name__ for layer in net] == [
        *["Conv2d", "BatchNorm", "ReLU", "MaxPool2d", "Conv2d", "Tanh", "AvgPool2d", "Dropout"],
        *["Flatten", "LayerNorm", "Linear", "Sigmoid", "Linear"],
    ]
    assert net.summary(2, 3, 28, 20).count("(2, 6, 6, 4)") == 2


ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "hardtanh": nn.Hardtanh,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_a_step(name):
    step = getattr(nn.Builder, name)
    assert step.__name__ == name and step.__doc__.startswith("Add ")
    chain = getattr(nn.build().input(3, 4, 5), name)()
    net = chain.flatten().linear(2).mse()
    assert type(net[0]) is ACTIVATIONS[name]
    assert net(rl.ones(2, 3, 4, 5)).shape == (2, 2)


def test_activations_and_norms_take_their_arguments():
    net = (
        nn.build()
        .input(4, 8, 8)
        .group_norm(2, eps=1e-3)
        .prelu(each=True)
        .leaky_relu(0.2)
        .gelu(approximate="tanh")
        .dropout2d(0.1)
        .rms_norm()
        .flatten()
        .prelu()
        .linear(2)
        .huber()
    )
    assert [layer.details() for layer in net] == [
        *["2, 4, eps=0.001", "features=4", "slope=0.2", "approximate='tanh'", "p=0.1"],
        *["8", "", "", "256, 2"],
    ]
    assert net(rl.ones(2, 4, 8, 8)).shape == (2, 2)


@pytest.mark.parametrize(
    ("end", "loss"),
    [
        ("mse", nn.MSELoss()),
        ("l1", nn.L1Loss()),
        ("huber", nn.HuberLoss()),
        ("bce_with_logits", nn.BCEWithLogitsLoss()),
    ],
)
def test_a_chain_ends_in_its_loss(end, loss):
    net = getattr(nn.build().input(3).linear(2), end)()
    output, target = rl.tensor([[3.0, -1.0]]), rl.tensor([[0.0, 1.0]])
    assert net.loss(output, target).item() == loss(output, target).item()
    assert repr(net).startswith(f"Network(loss={end!r}")


def test_every_step_of_signals_and_of_decoders_can_be_taken():
    signals = (
        nn.build()
        .input(3, 64)
        .conv1d(8, 5, padding="same", dilation=2, init="kaiming_normal")
        .relu()
        .max_pool1d(2)
        .conv1d(6, 3, stride=2, groups=2, bias=False)
        .avg_pool1d(3, stride=1, padding=1)
        .upsample(1.5, mode="linear")
        .flatten()
        .linear(4)
        .mse()
    )
    assert signals(rl.ones(2, 3, 64)).shape == (2, 4)
    pictures = (
        nn.build()
        .input(8, 5, 5)
        .conv_transpose2d(4, 3, stride=2, padding=1, output_padding=1)
        .upsample((2, 1))
        .adaptive_avg_pool2d((3, None))
        .mse()
    )
    assert pictures(rl.ones(2, 8, 5, 5)).shape == (2, 4, 3, 10)


def test_chains_of_ids_begin_with_an_embedding():
    words = nn.build().input(7).embedding(50, 4).linear(3).flatten().linear(2)
    assert words.softmax_cross_entropy()(rl.zeros(5, 7, dtype="int64")).shape == (5, 2)
    bag = nn.build().input(7).embedding_bag(50, 4, mode="sum", init="zeros").linear(2)
    assert bag.softmax_cross_entropy()(rl.zeros(5, 3, dtype="int64")).shape == (5, 2)


def test_the_network_knows_its_loss():
    scores, labels = rl.tensor([[0.0, 1.0], [2.0, 0.0]]), [1, 1]
    net = nn.build().input(2).linear(2).softmax_cross_entropy()
    wanted = nn.functional.cross_entropy(scores, labels).item()
    assert net.loss(scores, labels).item() == wanted
    net = nn.build().input(2).linear(2).mse()
    assert net.loss(scores, [[0.0, 0.0], [0.0, 0.0]]).item() == 1.25


def test_the_network_learns():
    rl.manual_seed(0)
    net = nn.build().input(2).linear(8).tanh().linear(2).softmax_cross_entropy()
    x, labels = rl.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0]
    optimizer = rl.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.backward_step(net.loss(net(x), labels))
    assert net(x).argmax(1).tolist() == labels


def test_the_network_is_plain_json_in_a_model_file():
    net = nn.build().input(1, 4, 4).conv2d(2, (3, 1)).flatten().dropout(0.1).linear(3).mse()
    again = module_from_json(module_to_json(net), elements=1000, tensors=10)
    assert repr(again) == repr(net)
    assert again.loss_name == "mse"


def test_a_chain_shows_its_steps_and_its_shape():
    assert repr(nn.build()) == "an empty chain"
    chain = nn.build().input(1, 28, 28)
    assert repr(chain) == "input(1, 28, 28) gives (1, 28, 28)"
    chain.conv2d(4, kernel_size=5).flatten()
    assert repr(chain) == "input(1, 28, 28).conv2d(4, kernel_size=5).flatten() gives (2304,)"


def test_a_step_that_fails_is_not_taken():
    chain = nn.build().input(4)
    with pytest.raises(rl.ModuleError):
        chain.linear(0)
    assert repr(chain.linear(2)) == "input(4).linear(2) gives (2,)"


def begun():
    return nn.build()


def ended():
    chain = nn.build().input(4).linear(2)
    chain.mse()
    return chain


PICTURE = "(1, 28, 28)"
# the step that fails, its text, its position, what is wrong, the shape so far, the hint
MISTAKES = [
    (
        lambda: begun().input(784).linear(256, init="kaiming_norml"),
        "linear(256, init='kaiming_norml'): there is no initialiser 'kaiming_norml'",
        (2, "(784,)"),
        "did you mean kaiming_normal?",
    ),
    (
        lambda: begun().input(1, 28, 28).conv2d(32, 5).relu().linear(10),
        "linear(10): it takes (features,)",
        (4, "(32, 24, 24)"),
        ".flatten() before it gives (18432,)",
    ),
    (
        lambda: begun().input(28, 28).conv2d(32, 5),
        "conv2d(32, 5): it takes (channels, height, width)",
        (2, "(28, 28)"),
        "input(1, 28, 28) is a picture of one channel",
    ),
    (
        lambda: begun().input(784).linear(4).conv2d(32, kernel_size=5),
        "conv2d(32, kernel_size=5): it takes (channels, height, width)",
        (3, "(4,)"),
        None,
    ),
    (
        lambda: begun().input(1, 28, 28).conv2d(32, 30),
        "conv2d(32, 30): a window of 30 does not fit the height of 28 with padding 0",
        (2, PICTURE),
        "padding=(1, 1) is the least that fits",
    ),
    (
        lambda: begun().input(1, 28, 28).conv2d(32, 5, groups=2),
        "conv2d(32, 5, groups=2): in_channels=1 do not split into 2 groups",
        (2, PICTURE),
        "groups must divide 1 and 32",
    ),
    (
        lambda: begun().input(1, 28, 28).max_pool2d(29),
        "max_pool2d(29): a window of 29 does not fit the height of 28 with padding 0",
        (2, PICTURE),
        "a kernel height of 28 is the most that fits",
    ),
    (
        lambda: begun().input(784).avg_pool2d(2),
        "avg_pool2d(2): it takes (channels, height, width)",
        (2, "(784,)"),
        None,
    ),
    (
        lambda: begun().input(64).conv1d(8, 5),
        "conv1d(8, 5): it takes (channels, length)",
        (2, "(64,)"),
        "input(1, 64) is a signal of one channel",
    ),
    (
        lambda: begun().input(3, 8).max_pool1d(9),
        "max_pool1d(9): a window of 9 does not fit the length of 8 with padding 0",
        (2, "(3, 8)"),
        "a kernel length of 8 is the most that fits",
    ),
    (
        lambda: begun().input(3, 8).adaptive_avg_pool2d(1),
        "adaptive_avg_pool2d(1): it takes (channels, height, width)",
        (2, "(3, 8)"),
        "input(1, 3, 8) is a picture of one channel",
    ),
    (
        lambda: begun().input(3, 8).upsample(2, mode="bilinear"),
        "upsample(2, mode='bilinear'): 'bilinear' is for 2 axes of space, x has 1",
        (2, "(3, 8)"),
        "mode='linear' is for x",
    ),
    (
        lambda: begun().input(1, 2, 2).softmax_cross_entropy(),
        "softmax_cross_entropy(): it takes scores (classes,)",
        (2, "(1, 2, 2)"),
        ".flatten() before it gives (4,)",
    ),
    (
        lambda: begun().input(4).dropout(1.0),
        "dropout(1.0): p is a share of at least 0 and below 1, not 1.0",
        (2, "(4,)"),
        None,
    ),
    (
        lambda: begun().input(4).linear(-1),
        "linear(-1): outputs must be an int of at least 1, not -1",
        (2, "(4,)"),
        None,
    ),
    (
        lambda: begun().input(4).dropout2d(0.5),
        "dropout2d(0.5): it takes (channels, height, width)",
        (2, "(4,)"),
        None,
    ),
    (
        lambda: begun().input(4).leaky_relu(slope="x"),
        "leaky_relu(slope='x'): slope must be a finite number, not 'x'",
        (2, "(4,)"),
        None,
    ),
    (
        lambda: begun().input(3, 2, 2).group_norm(2),
        "group_norm(2): 3 channels do not make 2 groups of one size",
        (2, "(3, 2, 2)"),
        None,
    ),
    (
        lambda: begun().input(4).linear(3).embedding(5, 2),
        "embedding(5, 2): it takes ids, so it comes first, after input(length)",
        (3, "(3,)"),
        None,
    ),
    (
        lambda: begun().input(4).embedding_bag(5, 2, mode="max"),
        "embedding_bag(5, 2, mode='max'): a bag is made by mean, sum or sqrtn, not 'max'",
        (2, "(4,)"),
        "choose one of mean, sqrtn, sum",
    ),
    (
        lambda: begun().input(4).input(4),
        "input(4): the chain has an input already",
        (2, "(4,)"),
        "leave this one out",
    ),
    (lambda: begun().input(4).mse(), "mse(): the chain has no layers yet", (2, "(4,)"), None),
    (
        lambda: ended().relu(),
        "relu(): the chain has ended",
        (4, "(2,)"),
        "begin another: nn.build().input(...)",
    ),
    (
        lambda: begun().linear(4),
        "linear(4): a chain begins with the shape of one sample",
        (1, None),
        "such as nn.build().input(784)",
    ),
    (lambda: begun().input(), "input(): a sample has at least one axis", (1, None), None),
    (lambda: begun().input(0), "input(0): axis 0 must be an int of at least 1", (1, None), None),
    (lambda: begun().input("784"), "input('784'): a shape is made of ints", (1, None), None),
    (lambda: begun().input(2.5), "input(2.5): a shape is made of ints, not 2.5", (1, None), None),
]


@pytest.mark.parametrize(
    ("mistake", "fact", "place", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES]
)
def test_a_step_that_cannot_follow_says_why_and_where(mistake, fact, place, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    first, *rest = str(caught.value).splitlines()
    position, shape = place
    assert first.startswith(fact)
    if shape:
        assert rest.pop(0) == f"  so far  {shape}"
    line = rest.pop(0)
    assert line.startswith("  at test_builder.py:")
    assert line.endswith(f", in step {position} of the chain")
    assert rest == ([f"  hint: {hint}"] if hint else [])


def test_an_unknown_step_gets_the_nearest_name():
    with pytest.raises(AttributeError, match="there is no step 'linar'; did you mean linear"):
        nn.build().input(4).linar(3)
    with pytest.raises(AttributeError, match=r"there is no step 'dense'; choose one of .* linear,"):
        nn.build().input(4).dense(3)


def test_a_network_refuses_a_loss_that_is_no_text():
    with pytest.raises(rl.ModuleError, match=r"there is no loss \[\]"):
        rl.nn.Network(loss=[])


def test_a_network_refuses_an_unknown_loss():
    with pytest.raises(rl.ModuleError, match="there is no loss 'mae'"):
        nn.Network(nn.Linear(1, 1), loss="mae")
    with pytest.raises(rl.ModuleError, match="missing a required argument: 'loss'"):
        nn.Network(nn.Linear(1, 1))
