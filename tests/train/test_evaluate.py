"""What a model makes of data."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Ragged
from rushlight.random import default_generator
from rushlight.train import accuracy

cross_entropy = rl.nn.functional.cross_entropy
mse_loss = rl.nn.functional.mse_loss


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


@pytest.mark.parametrize("batch_size", [1, 7, 50, 256])
@pytest.mark.parametrize("compiled", [True, False])
def test_predict_gives_all_outputs_and_labels_in_order(batch_size, compiled):
    model, dataset = classifier(), data()
    loader = DataLoader(dataset, batch_size)
    outputs, labels = rl.predict(model, loader, compiled=compiled)
    wanted = model.eval()(rl.tensor(dataset.arrays[0]))
    np.testing.assert_allclose(outputs.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(labels.numpy(), dataset.arrays[1])


def test_metrics_of_predictions_are_what_evaluate_counts():
    model, dataset = classifier(), data()
    _, share = rl.evaluate(model, dataset, cross_entropy)
    assert rl.metrics.accuracy(*rl.predict(model, dataset)) == share


def test_predict_changes_nothing():
    model = classifier()
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    random = default_generator.state.numpy().copy()
    loader = DataLoader(data(), 8, shuffle=True)
    loader.load_state_dict(loader.state_dict() | {"epoch": 3, "batch": 2})
    position = loader.state_dict()
    rl.predict(model, loader)
    for name, values in before.items():
        np.testing.assert_array_equal(model.state_dict()[name].numpy(), values, err_msg=name)
    np.testing.assert_array_equal(default_generator.state.numpy(), random)
    assert all(module.training for module in model.modules())
    assert loader.state_dict() == position


def test_data_without_labels_has_predictions_alone():
    model = classifier()
    x = data().arrays[0]
    outputs, labels = rl.predict(model, Dataset(x))
    assert outputs.shape == (50, 3)
    assert labels is None


def test_predict_takes_texts_of_differing_lengths():
    random = np.random.default_rng(0)
    texts = Ragged([random.integers(0, 9, 1 + i % 5) for i in range(23)])
    bag = rl.nn.EmbeddingBag(9, 4, include_last_offset=True)
    model = rl.nn.Sequential(bag, rl.nn.Linear(4, 2))
    together, _ = rl.predict(model, DataLoader(Dataset(texts, np.zeros(23, int)), 8))
    alone, _ = rl.predict(model, DataLoader(Dataset(texts), 1))
    np.testing.assert_allclose(together.numpy(), alone.numpy(), rtol=1e-5, atol=1e-6)


def test_predict_of_a_model_that_gives_no_rows_is_refused():
    class Mean(rl.nn.Module):
        def forward(self, x):
            return x.mean()

    with pytest.raises(rl.UsageError, match="gives a row an item, not float32"):
        rl.predict(Mean(), data())
