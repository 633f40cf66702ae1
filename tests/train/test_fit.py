"""What `fit` does with data, models and mistakes."""

import threading

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.random import default_generator

cross_entropy = rl.nn.functional.cross_entropy
mse_loss = rl.nn.functional.mse_loss


def line(slope=2.0, count=50):
    x = np.linspace(-1.0, 1.0, count, dtype=np.float32)[:, None]
    return Dataset(x, slope * x + 1.0)


def fit_line(data=None, lr=0.1, epochs=3, **options):
    rl.manual_seed(0)
    model = options.pop("model", None) or rl.nn.Linear(1, 1)
    options = {"loss": mse_loss, "progress": False} | options
    if "optimizer" not in options:
        options["optimizer"] = rl.optim.SGD(model.parameters(), lr=lr)
    history = rl.fit(model, line() if data is None else data, epochs=epochs, **options)
    return model, history


def test_a_line_is_found():
    model, history = fit_line(epochs=100)
    np.testing.assert_allclose(model.weight.numpy(), [[2.0]], atol=1e-3)
    np.testing.assert_allclose(model.bias.numpy(), [1.0], atol=1e-3)
    assert history.last.loss < 1e-6
    assert history.last.accuracy is None
    assert [epoch.epoch for epoch in history] == list(range(1, 101))


def test_classes_are_learned_and_counted():
    rl.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    data = Dataset(x, (x[:, 0] > x[:, 1]).astype(np.uint8))
    model = rl.nn.Linear(2, 2)
    optimizer = rl.optim.Adam(model.parameters(), lr=0.05)
    history = rl.fit(
        model, data, loss=cross_entropy, optimizer=optimizer, epochs=20, progress=False
    )
    assert history.last.accuracy > 0.97
    assert history.last.accuracy == round(history.last.accuracy * 300) / 300


@pytest.mark.parametrize("compiled", [True, False])
def test_a_fit_is_the_loop_that_one_would_write_by_hand(
    compiled, make_problem, same_state, similar_state
):
    def cosine(optimizer):
        return rl.optim.CosineLR(optimizer, steps=14)

    def sgd(parameters):
        return rl.optim.SGD(parameters, lr=0.1)

    by_hand = make_problem(optimizer=sgd, schedule=cosine)
    for _ in range(2):
        for x, labels in by_hand.loader:
            by_hand.optimizer.zero_grad()
            cross_entropy(by_hand.model(x), labels).backward()
            rl.optim.clip_grad_norm(by_hand.model.parameters(), 0.5)
            by_hand.optimizer.step()
            by_hand.schedule.step()

    fitted = make_problem(optimizer=sgd, schedule=cosine)
    fitted.fit(2, clip_norm=0.5, compiled=compiled)
    compare = similar_state if compiled else same_state
    compare(fitted.state(), by_hand.state())


@pytest.mark.parametrize("batch_size", [1, 7, 32, 101, 1000])
def test_every_sample_is_used_in_every_epoch(batch_size):
    x = np.arange(101, dtype=np.float32)[:, None]
    seen = []

    def watching(output, labels):
        seen.extend(labels.numpy()[:, 0].tolist())
        return mse_loss(output, labels)

    loader = DataLoader(Dataset(x, x), batch_size, shuffle=True)
    fit_line(loader, lr=0.0, epochs=2, loss=watching, compiled=False)
    assert sorted(seen[:101]) == x[:, 0].tolist()
    assert sorted(seen[101:]) == x[:, 0].tolist()


def test_the_loss_of_a_smaller_last_batch_weighs_less():
    labels = np.arange(10, dtype=np.float32)[:, None]
    loader = DataLoader(Dataset(labels, labels), batch_size=4)

    def mean_label(output, labels):
        return (output * 0.0 + labels).mean()

    _, history = fit_line(loader, epochs=1, loss=mean_label)
    assert history.last.loss == 4.5


def test_a_model_may_take_several_inputs():
    class Difference(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = rl.nn.Linear(1, 1)

        def forward(self, left, right):
            return self.linear(left - right)

    x = np.random.default_rng(0).normal(size=(2, 40, 1)).astype(np.float32)
    model, _ = fit_line(Dataset(x[0], x[1], 3 * (x[0] - x[1])), epochs=100, model=Difference())
    np.testing.assert_allclose(model.linear.weight.numpy(), [[3.0]], atol=1e-3)


def test_the_modes_are_training_for_steps_and_evaluation_for_the_rest():
    modes = []

    class Spy(rl.nn.Module):
        def forward(self, x):
            modes.append(self.training)
            return x

    model = rl.nn.Sequential(Spy(), rl.nn.Linear(1, 1))
    model.eval()
    data = DataLoader(line(count=20), 10)
    fit_line(data, epochs=2, model=model, validation=data, compiled=False)
    assert modes == [True, True, False, False] * 2
    assert not model.training


def test_validation_leaves_no_trace(make_problem, same_state):
    class Noise(rl.nn.Module):
        def forward(self, x):
            return x + rl.randn(x.shape)

    def layers():
        return [rl.nn.BatchNorm(6), Noise(), rl.nn.Dropout(0.5), rl.nn.Linear(6, 3)]

    without = make_problem(layers)
    without.fit(3, validation=None)

    other = np.full((40, 6), 1000.0, np.float32)
    poison = DataLoader(Dataset(other, np.zeros(40, np.int64)), 8, shuffle=True)
    validated = make_problem(layers)
    history = validated.fit(3, validation=poison)

    same_state(validated.state(), without.state())
    assert history.last.validation_loss is not None
    assert poison.epoch == 0


def test_validation_may_be_the_training_data_itself(make_problem, same_state):
    without = make_problem()
    without.fit(3, validation=None)
    validated = make_problem()
    validated.fit(3, validation=validated.loader)
    same_state(validated.state(), without.state())


def test_validation_gives_what_evaluate_gives(make_problem):
    problem = make_problem()
    validation = DataLoader(Dataset(*problem.loader.dataset[:30]), 8)
    history = problem.fit(2, validation=validation)
    wanted = rl.evaluate(problem.model, validation, cross_entropy)
    assert (history.last.validation_loss, history.last.validation_accuracy) == wanted


def test_training_stops_when_patience_ends():
    train, validation = line(slope=2.0), line(slope=-2.0)
    _, history = fit_line(train, epochs=100, validation=validation, patience=3, lr=0.5)
    assert history.last.epoch == history.best.epoch + 3 < 100
    losses = [epoch.validation_loss for epoch in history]
    assert history.best.validation_loss == min(losses)
    assert min(losses[-3:]) >= history.best.validation_loss


def test_patience_looks_at_the_training_loss_where_nothing_is_validated():
    _, history = fit_line(epochs=100, lr=0.0, patience=2)
    assert len(history) == 3


def test_training_that_improves_is_not_stopped():
    _, history = fit_line(epochs=30, lr=0.01, patience=1)
    assert len(history) == 30


def test_on_epoch_sees_the_history_and_can_end_training():
    lengths = []

    def until_good(history):
        lengths.append(len(history))
        return history.last.loss < 0.05

    _, history = fit_line(epochs=500, on_epoch=until_good)
    assert lengths == list(range(1, len(history) + 1))
    assert history.last.loss < 0.05 <= history[-2].loss


def test_only_true_from_on_epoch_ends_training():
    _, history = fit_line(epochs=3, on_epoch=lambda history: "a word")
    assert len(history) == 3


def test_an_error_in_on_epoch_comes_after_the_checkpoint(tmp_path):
    def broken(history):
        raise OSError("no space for the plot")

    with pytest.raises(OSError, match="no space for the plot"):
        fit_line(checkpoint=tmp_path, on_epoch=broken)
    _, history = fit_line(checkpoint=tmp_path, resume=True, epochs=1)
    assert len(history) == 1


def test_a_loss_that_is_nan_stops_training_with_its_place(tmp_path):
    x = np.ones((40, 1), np.float32)
    labels = np.ones((40, 1), np.float32)
    good = DataLoader(Dataset(x, labels), 8)
    fit_line(good, epochs=1, checkpoint=tmp_path)
    saved = (tmp_path / "last.safetensors").read_bytes()

    labels = labels.copy()
    labels[27] = np.nan
    bad = DataLoader(Dataset(x, labels), 8)
    with pytest.raises(rl.TrainingError, match="the loss is nan in epoch 2, batch 4 of 5"):
        fit_line(bad, epochs=3, checkpoint=tmp_path, resume=True)
    assert (tmp_path / "last.safetensors").read_bytes() == saved


def test_a_loss_that_is_infinite_stops_training():
    with pytest.raises(rl.TrainingError, match="the loss is inf in epoch 1, batch 1 of 2"):
        fit_line(loss=lambda output, labels: output.mean() + float("inf"))


def test_a_validation_loss_that_is_nan_stops_training():
    validation = Dataset([[1.0]], [[float("nan")]])
    with pytest.raises(rl.TrainingError, match="the validation loss is nan in epoch 1"):
        fit_line(validation=validation)


def test_no_data_is_refused():
    with pytest.raises(rl.DataError, match="empty"):
        fit_line(Dataset(np.zeros((0, 1)), np.zeros((0, 1))))


def test_data_without_labels_is_refused():
    with pytest.raises(rl.DataError, match="a batch is inputs and labels, this has 1 array"):
        fit_line(Dataset(np.zeros((4, 1), np.float32)))


def test_a_loader_that_gives_nothing_is_refused():
    class Nothing(DataLoader):
        def __iter__(self):
            return iter(())

    with pytest.raises(rl.DataError, match="no samples"):
        fit_line(Nothing(line()))


def test_labels_without_a_batch_axis_are_refused():
    loader = DataLoader(line(), 8, transform=lambda x, y: (x, np.float32(1.0)))
    with pytest.raises(rl.ShapeError, match="batch axis"):
        fit_line(loader, loss=lambda output, label: ((output - label) * (output - label)).mean())


def test_a_data_set_is_shuffled_into_small_batches():
    sizes, first = [], []

    def watching(output, labels):
        sizes.append(len(labels))
        first.append(labels.numpy()[0, 0].item())
        return mse_loss(output, labels)

    fit_line(epochs=2, loss=watching, compiled=False)
    assert sizes == [32, 18, 32, 18]
    assert len(set(first)) == 4


def test_training_draws_no_random_numbers_of_its_own():
    model = rl.nn.Linear(1, 1)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    before = default_generator.state.numpy().copy()
    rl.fit(model, line(), loss=mse_loss, optimizer=optimizer, epochs=2, progress=False)
    np.testing.assert_array_equal(default_generator.state.numpy(), before)


def test_training_works_outside_of_the_main_thread():
    histories = []
    thread = threading.Thread(target=lambda: histories.append(fit_line()[1]))
    thread.start()
    thread.join()
    assert histories == [fit_line()[1]]


WRONG = [
    ({"epochs": 0}, "epochs is an int of at least 1, not 0"),
    ({"epochs": 2.5}, "epochs is an int of at least 1, not 2.5"),
    ({"patience": 0}, "patience is an int of at least 1, not 0"),
    ({"patience": "2"}, "patience is an int of at least 1, not '2'"),
    ({"clip_norm": -1.0}, "clip_norm must be a number of at least 0"),
    ({"resume": True}, "resume needs the folder to resume from"),
    ({"data": [1, 2, 3]}, "data is a DataLoader or a Dataset, not list"),
    ({"validation": [1, 2, 3]}, "data is a DataLoader or a Dataset, not list"),
    ({"optimizer": "adam"}, "optimizer is no Optimizer but a str\n  hint: such as rl.optim.Adam"),
    ({"loss": rl.nn.MSELoss}, "the loss is a class, MSELoss\n  hint: MSELoss()"),
    ({"loss": "mse"}, "not 'mse'\n  hint: loss=rl.nn.functional.cross_entropy"),
    ({"schedule": 0.1}, "schedule is no Schedule but a float"),
    ({"loss": None}, "Linear has no loss of its own"),
    ({"on_epoch": 5}, "on_epoch is a function of the history, not 5"),
    ({"checkpoint": 5}, "a path is a text or a Path, not 5"),
    ({"loss": lambda output, labels: 1.0}, "the loss function gave no tensor but float"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_argument_is_named(options, message):
    with pytest.raises(rl.UsageError, match=message):
        fit_line(**options)


def test_what_is_no_module_is_refused():
    with pytest.raises(rl.UsageError, match="model is no Module but a function"):
        fit_line(model=mse_loss, optimizer=rl.optim.SGD([rl.ones(1)]))


def test_an_optimiser_of_another_model_is_refused():
    other = rl.optim.SGD(rl.nn.Linear(1, 1).parameters(), lr=0.1)
    with pytest.raises(rl.UsageError, match="trains none of the model's parameters"):
        fit_line(optimizer=other)


def test_a_schedule_of_another_optimiser_is_refused():
    model = rl.nn.Linear(1, 1)
    schedule = rl.optim.ConstantLR(rl.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(rl.UsageError, match="another optimiser"):
        fit_line(model=model, schedule=schedule)


def test_a_loss_that_is_no_scalar_is_explained():
    with pytest.raises(rl.ShapeError, match="only a scalar has a gradient"):
        fit_line(loss=lambda output, labels: output - labels)


def test_the_loss_of_the_model_is_used_where_none_is_given():
    def train(**loss):
        rl.manual_seed(0)
        model = rl.nn.build().input(1).linear(1).mse()
        sgd = rl.optim.SGD(model.parameters(), lr=0.1)
        validation = line(slope=3.0)
        options = {"epochs": 2, "validation": validation, "progress": False}
        history = rl.fit(model, line(), optimizer=sgd, **options, **loss)
        evaluated = rl.train.evaluate(model, validation, *loss.values())
        return [(epoch.loss, epoch.validation_loss) for epoch in history], evaluated

    assert train() == train(loss=mse_loss)


@pytest.mark.filterwarnings("error")
def test_a_loss_that_overflows_gives_an_error_and_no_warning():
    with pytest.raises(rl.TrainingError, match="the loss is"):
        fit_line(lr=1e30, epochs=50, compiled=False)


def test_float64_data_trains_a_network_with_batch_norm():
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 2))
    model = rl.nn.Sequential(rl.nn.Linear(2, 4), rl.nn.BatchNorm(4), rl.nn.Linear(4, 1))
    _, history = fit_line(Dataset(x, x.sum(1, keepdims=True)), model=model, epochs=10)
    assert history.last.loss < history[0].loss
