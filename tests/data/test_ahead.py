"""Batches that threads make ahead: the same ones, and no thread is left behind."""

import gc
import threading
import time

import numpy as np
import pytest

import rushlight as rl
from rushlight.data.ahead import ahead
from rushlight.data.dataset import Dataset
from rushlight.data.items import Items
from rushlight.data.loader import DataLoader


class Slow:
    """Items of which the first ones take longest."""

    def __init__(self, n=40, broken=()):
        self.n, self.broken = n, broken

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        time.sleep(0.002 if i < 10 else 0)
        if i in self.broken:
            raise OSError(f"item {i} is broken")
        return np.float32([i, -i]), i % 3


def values(loader):
    return [[part.tolist() for part in batch] for batch in loader]


def threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("rushlight-ahead")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert threads() == []


@pytest.mark.parametrize("prefetch", [1, 3, 100])
@pytest.mark.parametrize("dataset", [Dataset(np.arange(40.0)), Items(Slow())], ids=["all", "items"])
def test_batches_and_their_order_are_those_without_threads(dataset, prefetch):
    options = {"batch_size": 4, "shuffle": True, "seed": 1}
    plain, fetched = [DataLoader(dataset, prefetch=n, **options) for n in (0, prefetch)]
    for _ in range(2):
        assert values(fetched) == values(plain)
    assert fetched.state_dict() == plain.state_dict()


@pytest.mark.parametrize("prefetch", [0, 4])
def test_a_transform_that_draws_random_numbers_is_called_in_order(prefetch):
    random = np.random.default_rng(1)

    def noisy(points, labels):
        return points + random.standard_normal(points.shape), labels

    loader = DataLoader(Items(Slow()), 4, transform=noisy, prefetch=prefetch)
    wanted = np.random.default_rng(1).standard_normal((40, 2))
    wanted += np.stack([np.arange(40), -np.arange(40)], axis=1)
    np.testing.assert_array_equal(np.concatenate([batch[0].numpy() for batch in loader]), wanted)


def test_only_as_many_batches_as_wanted_are_made_ahead():
    made = []

    def note(points):
        made.append(len(points))
        return points

    batches = iter(DataLoader(Dataset(np.arange(100)), 1, transform=note, prefetch=3))
    next(batches)
    for _ in range(200):
        time.sleep(0.005)
        if len(made) == 4:
            break
    time.sleep(0.02)
    assert len(made) == 4
    batches.close()


@pytest.mark.parametrize("given_batches", [0, 1, 5])
def test_a_state_counts_the_batches_given_not_those_made_ahead(given_batches):
    def make():
        return DataLoader(Dataset(np.arange(40)), 4, shuffle=True, prefetch=5)

    wanted = values(make())
    stopped = make()
    batches = iter(stopped)
    for _ in range(given_batches):
        next(batches)
    assert stopped.state_dict()["batch"] == given_batches
    resumed = make()
    resumed.load_state_dict(stopped.state_dict())
    assert values(resumed) == wanted[given_batches:]
    batches.close()


def test_an_error_comes_up_at_its_batch_and_ends_the_threads():
    loader = DataLoader(Items(Slow(broken={21})), 4, prefetch=4)
    seen = []
    with pytest.raises(OSError, match="item 21 is broken"):
        seen.extend(batch[1].shape[0] for batch in loader)
    assert threads() == []
    assert loader.state_dict()["batch"] == 5


@pytest.mark.parametrize("place", ["transform", "prepare"])
def test_an_error_of_what_changes_batches_ends_the_threads(place):
    def refuse(points, labels):
        if 9 in np.asarray(points)[:, 0]:
            raise ValueError("no nines")
        return points, labels

    loader = DataLoader(Items(Slow()), 4, prefetch=4, **{place: refuse})
    with pytest.raises(ValueError, match="no nines"):
        list(loader)
    assert threads() == []


def test_leaving_a_loop_early_ends_the_threads():
    for _ in DataLoader(Items(Slow()), 4, prefetch=4):
        break
    gc.collect()
    assert threads() == []


def test_an_iteration_that_nobody_holds_any_more_ends_its_threads():
    batches = iter(DataLoader(Items(Slow()), 4, prefetch=4))
    next(batches)
    assert threads()
    del batches
    gc.collect()
    assert threads() == []


def test_threads_see_the_settings_of_the_one_that_asks():
    def divide(points):
        return points / np.float32(0)

    with np.errstate(all="ignore"):
        loader = DataLoader(Dataset(np.ones(4, np.float32)), transform=divide, prefetch=2)
        assert values(loader) == [[[np.inf] * 4]]


def test_jobs_without_end_are_taken_as_they_are_needed():
    def endless():
        number = 0
        while True:
            yield number
            number += 1

    results = ahead(endless(), lambda x: x * 2, str, 3)
    assert [next(results) for _ in range(3)] == [(0, "0"), (1, "2"), (2, "4")]
    results.close()


def test_fit_trains_on_batches_made_ahead():
    def trained(prefetch):
        rl.manual_seed(0)
        model = rl.nn.Linear(2, 3)
        history = rl.fit(
            model,
            DataLoader(Items(Slow()), 8, shuffle=True, prefetch=prefetch),
            loss=rl.nn.functional.cross_entropy,
            optimizer=rl.optim.SGD(model.parameters(), lr=0.01),
            epochs=2,
            progress=False,
        )
        return history.last.loss, model.weight.numpy()

    loss, weight = trained(0)
    again, same = trained(4)
    assert loss == again
    np.testing.assert_array_equal(same, weight)
