"""Losses: plain values, extremes and mistakes."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

SCORES = rl.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
LABELS = rl.tensor([0, 2])
EACH = np.array([np.log(1 + np.exp(-1) + np.exp(-2)), np.log(3)], np.float32)


def test_cross_entropy_is_the_log_of_the_softmax_at_the_label():
    np.testing.assert_allclose(nn.CrossEntropyLoss("none")(SCORES, LABELS).numpy(), EACH, 1e-6)
    np.testing.assert_allclose(nn.CrossEntropyLoss()(SCORES, LABELS).item(), EACH.mean(), 1e-6)
    np.testing.assert_allclose(nn.CrossEntropyLoss("sum")(SCORES, LABELS).item(), EACH.sum(), 1e-6)
    logs = nn.LogSoftmax()(SCORES)
    np.testing.assert_allclose(nn.NLLLoss("none")(logs, LABELS).numpy(), EACH, 1e-6)


def test_huge_scores_give_a_finite_loss_and_gradient():
    scores = rl.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = nn.CrossEntropyLoss()(scores, [1, 1])
    loss.backward()
    assert loss.item() == 1e4
    np.testing.assert_array_equal(scores.grad.numpy(), [[0.5, -0.5], [0.0, 0.0]])


def test_labels_may_be_lists_arrays_and_small_integers():
    loss = nn.CrossEntropyLoss()
    for labels in ([0, 2], np.array([0, 2]), rl.tensor(np.array([0, 2], np.uint8))):
        assert loss(SCORES, labels).item() == loss(SCORES, LABELS).item()


def test_the_mean_squared_error_takes_numbers_of_either_kind():
    assert nn.MSELoss()(rl.tensor([1.0, 3.0]), [0, 0]).item() == 5.0
    assert nn.MSELoss("none")(rl.tensor([1.0, 3.0]), [0.0, 0.0]).tolist() == [1.0, 9.0]


MISTAKES = [
    (
        lambda: nn.CrossEntropyLoss()(SCORES, [0.0, 1.0]),
        "cross_entropy: labels are integers, not float32",
        'labels.cast("int64")',
    ),
    (
        lambda: nn.CrossEntropyLoss()(SCORES, [[0, 1]]),
        "cross_entropy: scores of shape (2, 3) want labels of shape (2,), got (1, 2)",
        None,
    ),
    (
        lambda: nn.CrossEntropyLoss()(rl.ones(2, 3, 4), rl.zeros(2, 4, dtype="int64")),
        "cross_entropy: scores of shape (2, 3, 4) want labels of shape (2, 3), got (2, 4)",
        "the classes are on the last axis: write logits.movedim(1, -1)",
    ),
    (lambda: nn.CrossEntropyLoss()(rl.tensor(1.0), 0), "cross_entropy: scores of shape ()", None),
    (
        lambda: nn.CrossEntropyLoss()(SCORES, [0, 3]),
        "cross_entropy: index 3 is outside of 0 to 2",
        None,
    ),
    (lambda: nn.NLLLoss()(SCORES, [0, -1]), "nll_loss: index -1 is outside of 0 to 2", None),
    (
        lambda: nn.MSELoss()(rl.ones(2, 1), rl.ones(2)),
        "mse_loss: prediction (2, 1) and target (2,) differ",
        "write prediction.squeeze(-1)",
    ),
    (
        lambda: nn.MSELoss("avg"),
        "MSELoss: there is no reduction 'avg'",
        "choose one of mean, none, sum",
    ),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.hint == hint
    assert caught.value.source.startswith("test_losses.py:")


def test_a_reduction_that_is_no_text_is_refused():
    with pytest.raises(rl.ModuleError, match=r"a reduction is a word, not float64 \(2,\)"):
        rl.nn.MSELoss(np.ones(2))
    with pytest.raises(rl.ModuleError, match=r"not float32 \(3,\)(.|\n)*such as weight="):
        rl.nn.CrossEntropyLoss(rl.ones(3))


def test_only_the_labels_that_count_are_averaged():
    loss = nn.CrossEntropyLoss(ignore_index=-100)
    assert loss(SCORES, [0, -100]).item() == nn.CrossEntropyLoss()(SCORES[:1], [0]).item()
    each = nn.CrossEntropyLoss("none", ignore_index=2)(SCORES, LABELS)
    np.testing.assert_allclose(each.numpy(), [EACH[0], 0.0], rtol=1e-6)
    assert np.isnan(loss(SCORES, [-100, -100]).item())  # as in PyTorch


def test_what_does_not_count_has_no_gradient_whatever_its_label():
    scores = rl.tensor([[2.0, 1.0], [3.0, 9.0]], requires_grad=True)
    nn.NLLLoss("sum", ignore_index=77)(scores.log_softmax(), [0, 77]).backward()
    assert scores.grad.numpy()[0].any() and not scores.grad.numpy()[1].any()


def test_probabilities_of_one_class_cost_what_its_label_costs():
    for options in ({}, {"weight": [1.0, 2.0, 3.0]}, {"label_smoothing": 0.25}):
        loss = nn.CrossEntropyLoss("none", **options)
        one_hot = rl.one_hot(LABELS, 3)
        got = loss(SCORES, one_hot).numpy()
        np.testing.assert_allclose(got, loss(SCORES, LABELS).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (nn.BCEWithLogitsLoss("none"), [0.0, 1.0, 0.5, 1.0]),
        (nn.SoftMarginLoss("none"), [1.0, -1.0, 1.0, 1.0]),
        (nn.HuberLoss("none"), [0.0, 0.0, 0.0, 0.0]),
        (nn.SmoothL1Loss("none"), [0.0, 0.0, 0.0, 0.0]),
        (nn.L1Loss("none"), [0.0, 0.0, 0.0, 0.0]),
    ],
    ids=repr,
)
def test_huge_predictions_give_numbers(loss, target):
    x = rl.tensor([1e30, -1e30, 1e4, -1e4], requires_grad=True)
    values = loss(x, target)
    values.sum().backward()
    assert np.isfinite(values.numpy()).all()
    assert np.abs(x.grad.numpy()).max() <= 1.0


def test_a_probability_of_zero_costs_a_hundred_and_has_a_gradient_that_is_a_number():
    p = rl.tensor([0.0, 1.0, 1.0], requires_grad=True)
    loss = nn.BCELoss("none")(p, [1.0, 0.0, 1.0])
    assert loss.tolist() == [100.0, 100.0, 0.0]
    loss.sum().backward()
    assert np.isfinite(p.grad.numpy()).all()


def test_a_share_of_zero_adds_nothing_to_a_divergence():
    p = rl.tensor([[0.0, 1.0]], requires_grad=True)
    nn.KLDivLoss("sum")(rl.tensor([[-1.0, -2.0]]), p).backward()
    assert nn.KLDivLoss("sum")(rl.tensor([[-1.0, -2.0]]), p).item() == 2.0
    assert np.isfinite(p.grad.numpy()).all()


def test_penalties_are_sums_over_all_parameters():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    numbers = np.concatenate([p.numpy().ravel() for p in model.parameters()])
    l1 = nn.functional.l1_penalty(model.parameters())
    l2 = nn.functional.l2_penalty(model.parameters())
    np.testing.assert_allclose(
        [l1.item(), l2.item()], [np.abs(numbers).sum(), (numbers**2).sum()], 1e-6
    )
    l2.backward()
    np.testing.assert_allclose(model[0].weight.grad.numpy(), 2.0 * model[0].weight.numpy())
    assert nn.functional.l1_penalty([]).item() == 0.0


def test_a_penalty_in_a_loss_makes_weights_small_also_compiled():
    rl.manual_seed(0)
    model = nn.Linear(4, 1)

    def loss(output, target):
        error = nn.functional.mse_loss(output, target)
        return error + 0.5 * nn.functional.l1_penalty(model.parameters())

    x, y = np.random.default_rng(0).standard_normal((2, 64, 4)).astype(np.float32)
    data = rl.data.Dataset(x, y[:, :1])
    sgd = rl.optim.SGD(model.parameters(), lr=0.05)
    rl.fit(model, data, loss=loss, optimizer=sgd, epochs=30, progress=False)
    assert np.abs(model.weight.numpy()).max() < 0.1


UNFIT = [
    (
        lambda: nn.CrossEntropyLoss(weight=[1.0, 2.0])(SCORES, LABELS),
        "cross_entropy: there are (3,",
    ),
    (
        lambda: nn.CrossEntropyLoss(weight=[[1.0]])(SCORES, LABELS),
        "cross_entropy: there are (3,) cl",
    ),
    (lambda: nn.CrossEntropyLoss(weight="abc"), "CrossEntropyLoss: a tensor holds numbers"),
    (lambda: nn.NLLLoss(weight=rl.tensor([1, 2])), "NLLLoss: weight is made of floats, not int64"),
    (
        lambda: nn.CrossEntropyLoss(label_smoothing=1.5),
        "CrossEntropyLoss: label_smoothing must be a",
    ),
    (
        lambda: nn.CrossEntropyLoss(ignore_index=0.5),
        "CrossEntropyLoss: ignore_index is an int, not",
    ),
    (
        lambda: nn.CrossEntropyLoss(ignore_index=1)(SCORES, SCORES),
        "cross_entropy: ignore_index is for labels that are integers",
    ),
    (lambda: nn.KLDivLoss("batch"), "KLDivLoss: there is no reduction 'batch'"),
    (lambda: nn.KLDivLoss("batchmean")(rl.tensor(0.0), 1.0), "kl_div: a scalar has no batch"),
    (lambda: nn.KLDivLoss(log_target=1), "KLDivLoss: log_target is True or False, not 1"),
    (lambda: nn.HuberLoss(delta=0), "HuberLoss: delta must be above 0"),
    (lambda: nn.functional.huber_loss(SCORES, SCORES, delta=-1.0), "huber_loss: delta is above 0"),
    (
        lambda: nn.functional.smooth_l1_loss(SCORES, SCORES, beta=-1.0),
        "smooth_l1_loss: beta is at l",
    ),
    (
        lambda: nn.L1Loss()(rl.ones(2, 1), rl.ones(2)),
        "l1_loss: prediction (2, 1) and target (2,) di",
    ),
    (lambda: nn.L1Loss()(rl.ones(2), "x"), "l1_loss: a tensor holds numbers"),
    (
        lambda: nn.BCEWithLogitsLoss(weight=[[1.0], [2.0]])(rl.ones(3), rl.ones(3)),
        "binary_cross_entropy_with_logits: the weight does not broadcast to (3,)",
    ),
    (
        lambda: nn.GaussianNLLLoss()(rl.ones(3), rl.ones(3), rl.ones(2, 1)),
        "gaussian_nll_loss: var (2, 1) does not broadcast to prediction (3,)",
    ),
    (lambda: nn.MultiMarginLoss(p=3), "MultiMarginLoss: p is 1 or 2, not 3"),
    (
        lambda: nn.MultiMarginLoss()(SCORES, [0, 3]),
        "multi_margin_loss: index 3 is outside of 0 to 2",
    ),
    (
        lambda: nn.TripletMarginLoss(p=0.5),
        "TripletMarginLoss: p must be a finite number of at least",
    ),
    (
        lambda: nn.PairwiseDistance(p=None),
        "PairwiseDistance: p must be a finite number of at least 1",
    ),
    (
        lambda: nn.CosineEmbeddingLoss()(SCORES, SCORES, [1]),
        "cosine_embedding_loss: prediction (2,)",
    ),
    (
        lambda: nn.CosineEmbeddingLoss()(rl.ones(1)[0], rl.ones(1)[0], 1),
        "cosine_embedding_loss: a scalar has no direction",
    ),
    (
        lambda: nn.functional.l1_penalty(nn.ReLU()),
        "l1_penalty: it takes parameters, one after anot",
    ),
    (lambda: nn.CTCLoss(blank="_"), "CTCLoss: blank is an int, not '_'"),
]
LOGS = rl.zeros(4, 2, 3).log_softmax()
SEQUENCES = [
    (
        lambda: (LOGS[0], [[1], [1]], [4, 4], [1, 1]),
        "it takes floats (times, n, classes), not floa",
    ),
    (lambda: (LOGS, [1, 1], [4, 4], [1, 1]), "targets should be (2, longest), they are (2,)"),
    (lambda: (LOGS, [[1], [1]], [4], [1, 1]), "input_lengths should be (2,), they are (1,)"),
    (
        lambda: (LOGS, [[1], [1]], [4, 4], [[1], [1]]),
        "target_lengths should be (2,), they are (2, 1)",
    ),
    (lambda: (LOGS, [[1.0], [1.0]], [4, 4], [1, 1]), "targets are integers, not float32"),
    (lambda: (LOGS, [[1], [3]], [4, 4], [1, 1]), "index 3 is outside of 0 to 2"),
    (lambda: (LOGS, [[1], [1]], [4, 4], [1, 2]), "index 4 is outside of 0 to 2"),
    (lambda: (LOGS, [[1], [1]], [4, 5], [1, 1]), "index 5 is outside of 0 to 4"),
    (lambda: (LOGS, [[1], [1]], [4, -1], [1, 1]), "index -1 is outside of 0 to 4"),
]


@pytest.mark.parametrize(("mistake", "fact"), UNFIT, ids=[row[1] for row in UNFIT])
def test_what_does_not_fit_a_loss_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.source.startswith("test_losses.py:")


@pytest.mark.parametrize(("given", "fact"), SEQUENCES, ids=[row[1] for row in SEQUENCES])
def test_sequences_that_do_not_fit_get_a_clear_error(given, fact):
    with pytest.raises(rl.RushlightError) as caught:
        nn.CTCLoss()(*given())
    assert str(caught.value).startswith(f"ctc_loss: {fact}")
    with pytest.raises(rl.UsageError, match="blank is a class from 0 to 2, not 3"):
        nn.CTCLoss(blank=3)(LOGS, [[1], [1]], [4, 4], [1, 1])


def test_a_traced_loss_of_sequences_takes_any_lengths():
    run = rl.compile(nn.CTCLoss("none"))
    targets = rl.tensor([[1, 2], [2, 2]])
    for inputs, lengths in (([4, 3], [2, 1]), ([2, 4], [1, 2]), ([0, 1], [0, 0])):
        given = LOGS, targets, rl.tensor(inputs), rl.tensor(lengths)
        np.testing.assert_allclose(run(*given).numpy(), nn.CTCLoss("none")(*given).numpy(), 1e-6)
    assert len(run.graphs) == 1
