import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.random import default_generator
from rushlight.train.metrics import Tally, accuracy

cross_entropy = rl.nn.functional.cross_entropy
mse_loss = rl.nn.functional.mse_loss


def test_accuracy_is_the_share_of_labels_with_the_largest_score():
    scores = rl.tensor([[1.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    assert accuracy(scores, rl.tensor([1, 0, 0, 1])) == 0.75


def test_the_first_of_equal_scores_counts():
    assert accuracy(rl.tensor([[1.0, 1.0]]), rl.tensor([0])) == 1.0
    assert accuracy(rl.tensor([[1.0, 1.0]]), rl.tensor([1])) == 0.0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_labels_are_integers_of_any_kind(dtype):
    assert accuracy(rl.tensor([[0.0, 1.0], [0.0, 1.0]]), rl.tensor([1, 0], dtype=dtype)) == 0.5


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        (rl.zeros(2, 3), rl.zeros(2)),
        (rl.zeros(2, 3), rl.zeros(3, dtype="int64")),
        (rl.zeros(2), rl.zeros(2, dtype="int64")),
        (rl.zeros(0, 3), rl.zeros(0, dtype="int64")),
        (rl.zeros(2, 0), rl.zeros(2, dtype="int64")),
        (rl.zeros(2, 3, dtype="int64"), rl.zeros(2, dtype="int64")),
    ],
    ids=["float labels", "lengths", "no classes axis", "no rows", "no classes", "integer scores"],
)
def test_accuracy_of_anything_else_is_refused(scores, labels):
    with pytest.raises(rl.ShapeError, match="accuracy takes scores"):
        accuracy(scores, labels)


def test_a_tally_weighs_batches_by_their_samples():
    tally = Tally()
    tally.add(1.0, rl.tensor([[0.0, 1.0]] * 3), rl.tensor([1, 1, 0]))
    tally.add(5.0, rl.tensor([[0.0, 1.0]]), rl.tensor([1]))
    assert (tally.loss, tally.accuracy) == (2.0, 0.75)
    assert (tally.batches, tally.samples) == (2, 4)


def test_a_tally_of_nothing_has_no_loss():
    with pytest.raises(rl.DataError, match="no samples"):
        _ = Tally().loss


def classifier():
    rl.manual_seed(0)
    return rl.nn.Sequential(rl.nn.BatchNorm(4), rl.nn.Dropout(0.5), rl.nn.Linear(4, 3))


def data(count=50):
    random = np.random.default_rng(0)
    return Dataset(random.normal(size=(count, 4)).astype(np.float32), random.integers(0, 3, count))


def test_evaluate_is_the_loss_and_accuracy_of_all_data_at_once():
    model, dataset = classifier(), data()
    x, labels = map(rl.tensor, dataset.arrays)
    model.eval()
    wanted = cross_entropy(model(x), labels).item(), accuracy(model(x), labels)
    for given in (dataset, DataLoader(dataset, 50), DataLoader(dataset, 7, shuffle=True)):
        loss, share = rl.evaluate(model, given, cross_entropy)
        np.testing.assert_allclose(loss, wanted[0], rtol=1e-6)
        assert share == wanted[1]


def test_evaluate_gives_no_accuracy_where_labels_are_no_classes():
    model = rl.nn.Linear(1, 1)
    assert rl.evaluate(model, Dataset([[1.0]], [[2.0]]), mse_loss)[1] is None


def test_evaluate_changes_nothing():
    class Noise(rl.nn.Module):
        def forward(self, x):
            return x + rl.randn(x.shape)

    model = rl.nn.Sequential(*classifier(), Noise())
    model[0].eval()
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    random = default_generator.state.numpy().copy()
    loader = DataLoader(data(), 8, shuffle=True)
    loader.load_state_dict(loader.state_dict() | {"epoch": 3, "batch": 2})
    position = loader.state_dict()

    first = rl.evaluate(model, loader, cross_entropy)
    assert rl.evaluate(model, loader, cross_entropy) == first

    for name, values in before.items():
        np.testing.assert_array_equal(model.state_dict()[name].numpy(), values, err_msg=name)
    np.testing.assert_array_equal(default_generator.state.numpy(), random)
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
    assert loader.state_dict() == position
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_mistake_in_evaluate_leaves_the_modes():
    model = classifier()
    with pytest.raises(rl.ShapeError):
        rl.evaluate(model, Dataset(np.zeros((4, 9), np.float32), np.zeros(4, int)), cross_entropy)
    assert all(module.training for module in model.modules())


def test_evaluate_begins_at_the_first_batch():
    seen = []

    def watching(output, labels):
        seen.extend(labels.tolist())
        return cross_entropy(output, labels)

    dataset = data(20)
    loader = DataLoader(dataset, 6)
    next(iter(loader))
    loader.load_state_dict(loader.state_dict())
    rl.evaluate(classifier(), loader, watching)
    assert seen == dataset.arrays[1].tolist()


def test_evaluating_other_things_is_refused():
    data = Dataset([[1.0]], [[1.0]])
    with pytest.raises(rl.UsageError, match="model is no Module but a int"):
        rl.train.evaluate(5, data, rl.nn.functional.mse_loss)
    with pytest.raises(rl.UsageError, match="loss is a function of output and labels, not 5"):
        rl.train.evaluate(rl.nn.Linear(1, 1), data, 5)
