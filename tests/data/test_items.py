import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import BoundsError, DataError, DTypeError, UsageError
from rushlight.data.items import Items
from rushlight.data.loader import DataLoader
from rushlight.data.ragged import Ragged
from rushlight.data.split import split
from rushlight.train.batches import as_loader


class Points:
    """Counts how often it is asked."""

    def __init__(self, n=6):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.asked.append(i)
        return np.float32([i, 2 * i]), i % 2


def test_items_are_made_when_they_are_asked_for():
    points = Points()
    items = Items(points, labels=["even", "odd"])
    assert points.asked == []
    assert len(items) == 6
    pair, label = items[-1]
    np.testing.assert_array_equal(pair, [5, 10])
    assert (label, points.asked) == (1, [5])


def test_the_items_of_a_batch_are_stacked():
    pairs, labels = Items(Points())[np.array([4, 1])]
    np.testing.assert_array_equal(pairs, np.float32([[4, 8], [1, 2]]))
    assert pairs.dtype == np.float32
    assert labels.tolist() == [0, 1]


def test_ints_of_any_length_are_sequences_where_they_are_said_to_be():
    items = Items(Sequences(), sequences=(0,))
    for batch, wanted in [(items[:], [[0], [0, 1], [0, 1, 2]]), (items[[1, 1]], [[0, 1]] * 2)]:
        (texts,) = batch
        assert isinstance(texts, Ragged)
        assert [row.tolist() for row in texts] == wanted
    assert items.take(np.array([2, 0]))[:][0].lengths.tolist() == [3, 1]
    with pytest.raises(DataError, match=r"item 1 has shape \(2,\) in array 0") as caught:
        Items(Sequences())[:]
    assert caught.value.hint == (
        "texts as ints may differ in length: Items(source, sequences=(0,))"
    )


class Sequences:
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return np.arange(i + 1)


def test_a_part_is_still_not_read():
    points = Points()
    train, test = split(Items(points, labels=["even", "odd"]), [0.5, 0.5], stratify=[0, 1] * 3)
    assert points.asked == []
    assert train.labels == ("even", "odd")
    both = [part[i][0][0] for part in (train, test) for i in range(len(part))]
    assert sorted(both) == [0, 1, 2, 3, 4, 5]


def test_items_are_trained_and_evaluated_on():
    model = rl.nn.Linear(2, 2)
    loss = rl.nn.functional.cross_entropy
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    rl.fit(model, Items(Points()), loss=loss, optimizer=optimizer, epochs=2, progress=False)
    value, accuracy = rl.evaluate(model, Items(Points()), loss)
    assert np.isfinite(value)
    assert 0 <= accuracy <= 1
    assert as_loader(Items(Points()), train=True).shuffle


def test_a_checkpoint_resumes_training_on_items(tmp_path):
    def train(epochs, folder):
        rl.manual_seed(0)
        model = rl.nn.Linear(2, 2)
        loader = DataLoader(Items(Points()), 2, shuffle=True, prefetch=2)
        rl.fit(
            model,
            loader,
            loss=rl.nn.functional.cross_entropy,
            optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
            epochs=epochs,
            progress=False,
            checkpoint=folder,
            resume=True,
        )
        return model.weight.numpy()

    train(2, tmp_path / "a")
    resumed = train(4, tmp_path / "a")
    np.testing.assert_array_equal(resumed, train(4, tmp_path / "b"))


def made(*items):
    class Given:
        def __len__(self):
            return len(items)

        def __getitem__(self, i):
            return items[i]

    return Items(Given())


@pytest.mark.parametrize(
    ("items", "kind", "message"),
    [
        (
            (np.zeros(2), np.zeros(3)),
            DataError,
            r"item 1 has shape \(3,\) in array 0, item 0 \(2,\)",
        ),
        (((1, 2), (1, 2, 3)), DataError, "item 1 has 3 arrays, item 0 2"),
        ((((1,), 1), ("x", 2)), DataError, r"item 1 has shape \(\) in array 0"),
        (("a", "b"), DTypeError, "array 0: .*<U1"),
        ((None, None), DTypeError, "array 0: .*object"),
    ],
)
def test_items_that_make_no_batch_are_named(items, kind, message):
    with pytest.raises(kind, match=message):
        made(*items)[:]


@pytest.mark.parametrize(
    ("index", "kind", "message"),
    [
        (6, BoundsError, "index outside of a data set of 6 items"),
        ([0, 7], BoundsError, "index outside of a data set of 6 items"),
        ("a", DTypeError, "items are not found by str"),
        ([True], DataError, "a mask has a bool for each of 6 items"),
        (slice(3, 3), DataError, "there is no batch of no items"),
    ],
)
def test_what_is_no_index_is_refused(index, kind, message):
    with pytest.raises(kind, match=message):
        Items(Points())[index]


def test_what_has_no_items_is_refused():
    with pytest.raises(UsageError, match="items come from what has __len__, not int"):
        Items(3)
    with pytest.raises(UsageError, match="items come from what has __getitem__, not set"):
        Items({1, 2})
    with pytest.raises(DataError, match="the data set is empty"):
        Items([])
    with pytest.raises(UsageError, match="Items are not read to be divided"):
        split(Items(Points()), [0.5, 0.5], stratify=-1)


def test_an_item_of_lists_of_differing_lengths_is_explained():
    with pytest.raises(DataError, match="array 0 is made of lists of differing lengths"):
        Items([([[1, 2], [3]], 0)])[0:1]
