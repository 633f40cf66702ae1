"""Training in native calls: the same as batch by batch in NumPy, up to rounding."""

import tracemalloc

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Items, Ragged, windows
from rushlight.train.driven import Driven
from rushlight.train.step import make_step

cross_entropy = rl.nn.functional.cross_entropy


def pictures(count=70):
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (count, 6, 6), dtype=np.uint8)
    return images, images.reshape(count, -1)[:, :4].argmax(1)


def texts(count=45):
    random = np.random.default_rng(6)
    sequences = [random.integers(1, 30, random.integers(1, 6)) for _ in range(count)]
    return Ragged(sequences), np.array([int(one.sum()) % 2 for one in sequences])


def flat_pixels(images, labels):
    return images.reshape(len(images), 36) * (1 / 255), labels


def picture_net():
    return rl.nn.Sequential(rl.nn.Linear(36, 16), rl.nn.ReLU(), rl.nn.Linear(16, 4))


def text_net():
    bag = rl.nn.EmbeddingBag(30, 8, include_last_offset=True)
    return rl.nn.Sequential(bag, rl.nn.Linear(8, 2))


class MeanOfRows(rl.nn.Module):
    """The mean of the words of each row, padding not counted."""

    def __init__(self):
        self.embedding = rl.nn.Embedding(30, 8)
        self.out = rl.nn.Linear(8, 2)

    def forward(self, ids, lengths):
        real = (rl.arange(ids.shape[1]) < lengths.unsqueeze(1)).cast("float32").unsqueeze(2)
        return self.out((self.embedding(ids) * real).sum(1) / real.sum(1))


class TagOfEachWord(rl.nn.Module):
    """Scores for each word of a row, of which those of padding count for nothing."""

    def __init__(self):
        self.embedding = rl.nn.Embedding(30, 4)

    def forward(self, ids, lengths):
        real = (rl.arange(ids.shape[1]) < lengths.unsqueeze(1)).cast("float32").unsqueeze(2)
        return self.embedding(ids) * real

    @staticmethod
    def loss(scores, tags):
        return rl.nn.functional.cross_entropy(scores, tags)


def trained(net, loader, compiled, epochs=3):
    rl.manual_seed(1)
    model = net()
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    history = rl.fit(
        model,
        loader(),
        loss=getattr(model, "loss", cross_entropy),
        optimizer=optimizer,
        epochs=epochs,
        progress=False,
        compiled=compiled,
    )
    return history, {name: x.numpy().copy() for name, x in model.state_dict().items()}


def picture_batches():
    return DataLoader(Dataset(*pictures()), 16, shuffle=True, seed=2, prepare=flat_pixels)


def text_batches():
    return DataLoader(Dataset(*texts()), 8, shuffle=True, seed=2)


def text_after_text():
    return DataLoader(Dataset(*texts()), 1, shuffle=True, seed=2)


def pictures_drawn():
    options = {"replacement": True, "batches": 7, "prepare": flat_pixels}
    return DataLoader(Dataset(*pictures()), 16, seed=2, **options)


def texts_drawn_by_weight():
    images, labels = texts()
    options = {"replacement": True, "weights": labels + 0.5}
    return DataLoader(Dataset(images, labels), 1, seed=2, **options)


def bucketed_texts():
    return DataLoader(Dataset(*texts()), 8, shuffle=True, seed=2, buckets=3)


def padded_texts_drawn():
    options = {"replacement": True, "batches": 7, "buckets": (3, 6)}
    return DataLoader(Dataset(*texts()), 8, seed=2, **options)


def padded_text_after_text():
    return DataLoader(Dataset(*texts()), 1, shuffle=True, seed=2, buckets=(2, 5))


def tagged_texts():
    words, _ = texts()
    tags = Ragged([words[i] % 4 for i in range(len(words))])
    return DataLoader(Dataset(words, tags), 8, seed=2, drop_last=True, buckets=2, padding=3)


class Following(rl.nn.Module):
    """Scores of the next word after each."""

    def __init__(self):
        self.table = rl.nn.Embedding(30, 30)

    def forward(self, ids):
        return self.table(ids)


def sequence(step=1):
    ids = np.random.default_rng(8).integers(0, 30, 90).astype(np.uint8)
    return Dataset(windows(ids[:-1], 7, step), windows(ids[1:], 7, step))


def windows_in_order():
    return DataLoader(sequence(step=3), 4)


def windows_drawn():
    return DataLoader(sequence(), 4, seed=2, replacement=True, batches=9)


def window_after_window():
    return DataLoader(sequence(step=7), 1, shuffle=True, seed=2)


CASES = {
    "pictures": (picture_net, picture_batches),
    "texts": (text_net, text_batches),
    "text after text": (text_net, text_after_text),
    "pictures drawn with replacement": (picture_net, pictures_drawn),
    "texts drawn by weight": (text_net, texts_drawn_by_weight),
    "texts in buckets": (MeanOfRows, bucketed_texts),
    "padded texts drawn with replacement": (MeanOfRows, padded_texts_drawn),
    "padded text after text": (MeanOfRows, padded_text_after_text),
    "texts with a tag a word": (TagOfEachWord, tagged_texts),
    "windows in order": (Following, windows_in_order),
    "windows drawn with replacement": (Following, windows_drawn),
    "window after window": (Following, window_after_window),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_driven_training_is_training_batch_by_batch(case):
    net, loader = case
    history, state = trained(net, loader, compiled=True)
    wanted_history, wanted = trained(net, loader, compiled=False)
    for name, values in wanted.items():
        np.testing.assert_allclose(state[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    for epoch, like in zip(history.epochs, wanted_history.epochs, strict=True):
        np.testing.assert_allclose(epoch.loss, like.loss, rtol=1e-4)
        assert epoch.accuracy == like.accuracy


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_many_epochs_in_a_call_are_the_same_bits_as_one_after_another(case):
    net, loader = case
    history, state = trained(net, loader, compiled=True, epochs=30)
    rl.manual_seed(1)
    model = net()
    one_by_one = rl.fit(
        model,
        loader(),
        loss=getattr(model, "loss", cross_entropy),
        optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
        epochs=30,
        progress=False,
        on_epoch=lambda history: None,
    )
    assert one_by_one == history
    for name, values in state.items():
        np.testing.assert_array_equal(model.state_dict()[name].numpy(), values, err_msg=name)


def driven(loader, net):
    model = net().train()
    loss = getattr(model, "loss", cross_entropy)
    step = make_step(model, loss, rl.optim.SGD(model.parameters(), lr=0.1))
    return Driven(loader, step)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nothing_falls_back_to_numpy(case):
    net, loader = case
    found = driven(loader(), net)
    assert found.is_ready()
    assert found.reason is None


def test_a_transform_in_python_is_not_driven():
    loader = DataLoader(Dataset(*pictures()), 16, transform=lambda images, labels: (images, labels))
    found = driven(loader, picture_net)
    assert not found.is_ready()
    assert found.reason == "the loader's transform is Python"


def test_what_is_read_item_by_item_is_not_driven():
    found = driven(DataLoader(Items([(0, 1), (1, 0)])), picture_net)
    assert not found.is_ready()
    assert found.reason == "the data is read item by item"


def test_a_loader_that_begins_to_draw_is_followed():
    loader = pictures_drawn()
    found = driven(loader, picture_net)
    assert found.is_ready()
    loader.batches = 3
    assert found.is_ready()
    assert found.run(loader.orders(range(2)), 0, 6).counts.tolist() == [16] * 6


def test_a_label_out_of_range_is_named_and_changes_nothing():
    images, labels = pictures()
    labels[-1] = 4
    rl.manual_seed(1)
    model = picture_net()
    before = model[0].weight.numpy().copy()
    loader = DataLoader(Dataset(images, labels), 70, prepare=flat_pixels)
    with pytest.raises(rl.BoundsError, match="index 4 is outside of 0 to 3"):
        rl.fit(
            model,
            loader,
            loss=cross_entropy,
            optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
            epochs=1,
            progress=False,
        )
    np.testing.assert_array_equal(model[0].weight.numpy(), before)


def test_a_loss_that_is_not_finite_is_named_with_its_batch():
    x = np.ones((40, 3), np.float32)
    x[25] = np.inf
    model = rl.nn.Linear(3, 1)
    with pytest.raises(rl.TrainingError, match="in epoch 1, batch 6 of 8"):
        rl.fit(
            model,
            DataLoader(Dataset(x, np.zeros((40, 1), np.float32)), 5),
            loss=rl.nn.functional.mse_loss,
            optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
            epochs=3,
            progress=False,
        )


def test_a_loader_that_changes_between_epochs_is_followed():
    loader = picture_batches()
    found = driven(loader, picture_net)
    assert found.is_ready()
    loader.batch_size = 10
    loader.prepare = lambda images, labels: (images[:5].reshape(5, 36) / 255, labels[:5])
    assert found.is_ready()
    stretch = found.run(loader.orders(range(1)), 0, 7)
    assert stretch.counts.tolist() == [5] * 7
    loader.transform = lambda images, labels: (images, labels)
    assert not found.is_ready()


def test_windows_are_not_copied_to_be_trained_on():
    ids = np.zeros(2_000_000, np.uint8)
    loader = DataLoader(Dataset(windows(ids[:-1], 1000), windows(ids[1:], 1000)), 4)
    found = driven(loader, Following)
    tracemalloc.start()
    assert found.is_ready()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000  # all windows are 4 GB
    assert all(np.shares_memory(column, ids) for column in found.columns)
