"""Networks trained by every loss and every reduction, beside PyTorch's, in float64."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.testing.compare import assert_close
from tests.nn.against_torch import assert_same_state, named_values, tnn, torch, twins

STEPS = {"mean": 20, "sum": 4, "none": 4, "batchmean": 4}
WEIGHT = [0.5, 2.0, 1.5]


def numbers(random, shape):
    return [random.standard_normal(shape)]


def shares(random, shape):
    return [random.uniform(size=shape)]


def counts(random, shape):
    return [random.poisson(2.0, shape).astype(np.float64)]


def signs(random, shape):
    return [random.choice([-1.0, 1.0], shape)]


def labels(random, shape):
    return [random.integers(0, shape[-1], shape[:-1])]


def labels_some_of_which_do_not_count(random, shape):
    return [np.where(random.uniform(size=shape[:-1]) < 0.3, 1, labels(random, shape)[0])]


def probabilities(random, shape):
    p = random.uniform(size=shape)
    return [p / p.sum(-1, keepdims=True)]


def logs(random, shape):
    return [np.log(probabilities(random, shape)[0])]


def numbers_and_variances(random, shape):
    return [*numbers(random, shape), random.uniform(0.1, 2.0, (*shape[:-1], 1))]


def vectors_and_signs(random, shape):
    return [*numbers(random, shape), *signs(random, shape[:-1])]


def numbers_and_signs(random, shape):
    return [*numbers(random, shape), *signs(random, shape)]


def two_vectors(random, shape):
    return [*numbers(random, shape), *numbers(random, shape)]


def ours_of(kind, **options):
    return lambda reduction: kind(reduction, **options)


def theirs_of(kind, **options):
    def make(reduction):
        given = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in options.items()}
        return kind(reduction=reduction, **given).double()

    return make


def case(name, targets, end="", theirs=None, **options):
    """The losses of one name: options, and PyTorch's where they are called otherwise."""
    given = options if theirs is None else {**options, **theirs}
    their_kind = getattr(tnn, name)
    return name, ours_of(getattr(nn, name), **options), theirs_of(their_kind, **given), targets, end


# name, our loss and PyTorch's by reduction, what is right, the network's last layer
LOSSES = [
    case("CrossEntropyLoss", labels),
    case("CrossEntropyLoss", labels, weight=WEIGHT),
    case("CrossEntropyLoss", labels_some_of_which_do_not_count, ignore_index=1),
    case("CrossEntropyLoss", labels, label_smoothing=0.3),
    case(
        "CrossEntropyLoss",
        labels_some_of_which_do_not_count,
        weight=WEIGHT,
        ignore_index=1,
        label_smoothing=0.3,
    ),
    case("CrossEntropyLoss", probabilities),
    case("CrossEntropyLoss", probabilities, weight=WEIGHT, label_smoothing=0.3),
    case("NLLLoss", labels, "LogSoftmax"),
    case("NLLLoss", labels_some_of_which_do_not_count, "LogSoftmax", ignore_index=1, weight=WEIGHT),
    case("MSELoss", numbers),
    case("L1Loss", numbers),
    case("SmoothL1Loss", numbers),
    case("SmoothL1Loss", numbers, beta=0.3),
    case("SmoothL1Loss", numbers, beta=0.0),
    case("HuberLoss", numbers, delta=0.3),
    case("BCELoss", shares, "Sigmoid"),
    case("BCELoss", shares, "Sigmoid", weight=WEIGHT),
    case("BCEWithLogitsLoss", shares),
    case("BCEWithLogitsLoss", shares, weight=WEIGHT, pos_weight=[3.0, 1.0, 0.5]),
    case("KLDivLoss", probabilities, "LogSoftmax"),
    case("KLDivLoss", logs, "LogSoftmax", log_target=True),
    case("PoissonNLLLoss", counts),
    case("PoissonNLLLoss", counts, full=True),
    case("PoissonNLLLoss", counts, "Sigmoid", log_input=False),
    case("GaussianNLLLoss", numbers_and_variances),
    case("GaussianNLLLoss", numbers_and_variances, full=True, eps=0.5),
    case("HingeEmbeddingLoss", signs, "Softplus", margin=1.5),
    case("SoftMarginLoss", signs),
    case("MarginRankingLoss", numbers_and_signs, margin=0.2),
    case("MultiMarginLoss", labels),
    case("MultiMarginLoss", labels, p=2, margin=0.7, weight=WEIGHT),
    case("CosineEmbeddingLoss", vectors_and_signs, margin=-0.3),
    case("TripletMarginLoss", two_vectors),
    case("TripletMarginLoss", two_vectors, margin=0.3, p=1.0, swap=True),
    case("TripletMarginLoss", two_vectors, p=3.0),
]
EACH = [f"{row[0]} {number}" for number, row in enumerate(LOSSES)]


def ending(name):
    layers = {"": [[], []], "LogSoftmax": [[nn.LogSoftmax()], [tnn.LogSoftmax(-1)]]}
    simple = {"Sigmoid": [nn.Sigmoid(), tnn.Sigmoid()], "Softplus": [nn.Softplus(), tnn.Softplus()]}
    return layers[name] if name in layers else [[layer] for layer in simple[name]]


def train_by(ours, theirs, our_loss, their_loss, make_inputs, make_targets):
    """Train both on the same data; the losses must agree at every step."""
    random = np.random.default_rng(0)
    our_sgd = rl.optim.SGD(ours.parameters(), lr=0.02, momentum=0.5)
    their_sgd = torch.optim.SGD(theirs.parameters(), lr=0.02, momentum=0.5)
    for _ in range(STEPS[our_loss.reduction]):
        x = make_inputs(random)
        output, other = ours(rl.tensor(x)), theirs(torch.tensor(x))
        targets = make_targets(random, output.shape)
        loss = our_loss(output, *map(rl.tensor, targets))
        wanted = their_loss(other, *map(torch.tensor, targets))
        assert_close(loss, wanted.detach().numpy(), rtol=1e-9, atol=1e-12)
        our_sgd.backward_step(loss.sum())
        their_sgd.zero_grad()
        wanted.sum().backward()
        their_sgd.step()
    assert_same_state(ours, theirs)


@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")  # of the divergence
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("our_loss", "their_loss", "targets", "end"), [row[1:] for row in LOSSES], ids=EACH
)
def test_a_loss_trains_as_in_pytorch(our_loss, their_loss, targets, end, reduction):
    our_end, their_end = ending(end)
    ours, theirs = twins([nn.Linear(4, 3), *our_end], [tnn.Linear(4, 3), *their_end])
    losses = our_loss(reduction), their_loss(reduction)
    train_by(ours, theirs, *losses, lambda random: random.standard_normal((5, 4)), targets)


def test_the_divergence_may_be_a_mean_over_the_batch():
    ours, theirs = twins([nn.Linear(4, 3), nn.LogSoftmax()], [tnn.Linear(4, 3), tnn.LogSoftmax(-1)])
    losses = nn.KLDivLoss("batchmean"), tnn.KLDivLoss(reduction="batchmean")
    train_by(ours, theirs, *losses, lambda random: random.standard_normal((5, 4)), probabilities)


@pytest.mark.parametrize("eps", [0.0, 1e-6])
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, float("inf")])
def test_vectors_that_are_equal_have_the_gradients_of_pytorch(p, eps):
    def gradients(zeros, loss):
        inputs = [zeros(2, 3).requires_grad_() for _ in range(3)]
        loss(*inputs).backward()
        return [x.grad.numpy() for x in inputs]

    got = gradients(rl.zeros, nn.TripletMarginLoss(p=p, eps=eps, swap=True))
    theirs = tnn.TripletMarginLoss(p=p, eps=eps, swap=True)
    for ours, wanted in zip(got, gradients(torch.zeros, theirs), strict=True):
        assert_close(ours, wanted)


CLASSES_LAST = ["CrossEntropyLoss", "NLLLoss"]


@pytest.mark.parametrize("name", CLASSES_LAST)
def test_classes_are_on_the_last_axis_where_pytorch_has_them_on_axis_1(name):
    random = np.random.default_rng(0)
    scores, right = random.standard_normal((2, 5, 3)), random.integers(0, 3, (2, 5))
    for reduction in ("mean", "none"):
        theirs = getattr(tnn, name)(reduction=reduction, weight=torch.tensor(WEIGHT).double())
        wanted = theirs(torch.tensor(scores).movedim(-1, 1), torch.tensor(right))
        got = getattr(nn, name)(reduction, WEIGHT)(rl.tensor(scores), rl.tensor(right))
        assert_close(got, wanted.numpy())


def sequences(random, shape):
    """Targets with repeats, padding, and none at all; one that just fits its input."""
    targets = random.integers(1, shape[2], (4, 3))
    targets[1] = 2
    return [targets, np.array([7, 5, 6, 4]), np.array([3, 3, 0, 2])]


@pytest.mark.parametrize(("reduction", "blank"), [("mean", 0), ("sum", 0), ("none", 4)])
def test_sequences_train_as_in_pytorch(reduction, blank):
    def targets(random, shape):
        found, *lengths = sequences(random, shape)
        return [found if blank == 0 else found - 1, *lengths]

    ours, theirs = twins([nn.Linear(4, 5), nn.LogSoftmax()], [tnn.Linear(4, 5), tnn.LogSoftmax(-1)])
    losses = nn.CTCLoss(reduction, blank), tnn.CTCLoss(blank, reduction)
    train_by(ours, theirs, *losses, lambda random: random.standard_normal((7, 4, 4)), targets)


def test_a_sequence_too_long_for_its_input_costs_infinity_or_nothing():
    logs = np.log(np.full((4, 2, 3), 1 / 3))
    targets, inputs, lengths = [[1, 1, 1], [1, 2, 1]], [4, 4], [3, 3]
    for zero in (False, True):
        x = rl.tensor(logs, requires_grad=True)
        got = nn.CTCLoss("none", zero_infinity=zero)(x, targets, inputs, lengths)
        theirs = tnn.CTCLoss(reduction="none", zero_infinity=zero)
        given = [torch.tensor(one) for one in (targets, inputs, lengths)]
        assert_close(got, theirs(torch.tensor(logs), *given).numpy())
        got.sum().backward()
        assert np.isfinite(x.grad.numpy()).all()
        assert not x.grad.numpy()[:, 0].any()


def test_the_weights_of_classes_have_the_names_that_pytorch_gives_them():
    for name in ("CrossEntropyLoss", "NLLLoss", "BCELoss", "MultiMarginLoss"):
        theirs = getattr(tnn, name)(weight=torch.tensor(WEIGHT))
        ours = getattr(nn, name)(weight=[0.0, 0.0, 0.0])
        ours.load_state_dict(named_values(theirs))
        assert ours.arguments["weight"] == WEIGHT
