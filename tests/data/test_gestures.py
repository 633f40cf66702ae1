"""Made-up gestures: the same from the same seed, and as a sensor on a wrist would measure them."""

import numpy as np
import pytest

from rushlight.core.errors import UsageError
from rushlight.data import gestures
from rushlight.data.gestures import AXES, GESTURES, SAMPLES
from rushlight.data.signals import read_signal


def of(gesture, wearers=range(4), each=10):
    """Return the traces of one gesture, (n, 3, 128)."""
    traces, numbers = gestures.load(wearers, each).arrays
    return traces[numbers == GESTURES.index(gesture)]


def strongest(traces):
    """Return how far each trace is at most from what it is on average, along each axis (n, 3)."""
    return np.abs(traces - traces.mean(2, keepdims=True)).max(2)


def test_every_wearer_makes_every_gesture_as_often():
    data = gestures.load([3, 5], each=4)
    traces, numbers = data.arrays
    assert traces.shape == (2 * 7 * 4, len(AXES), SAMPLES)
    assert traces.dtype == np.float32
    assert data.labels == GESTURES
    np.testing.assert_array_equal(np.bincount(numbers), [8] * 7)


def test_a_wearer_is_the_same_whoever_else_there_is():
    both, second = gestures.load([3, 5], 2).arrays, gestures.load([5], 2).arrays
    np.testing.assert_array_equal(both[0][14:], second[0])
    np.testing.assert_array_equal(both[1][14:], second[1])


def test_wearers_and_seeds_differ():
    first, other, seeded = [gestures.load([w], 1, s).arrays[0] for w, s in ((0, 0), (1, 0), (0, 1))]
    assert np.abs(first - other).max() > 0.1
    assert np.abs(first - seeded).max() > 0.1


def test_the_traces_of_a_seed_stay_what_they_are():
    traces = gestures.load([0], 1).arrays[0]
    np.testing.assert_allclose(traces[1, :, 64], [-0.394233, 0.805830, 2.449055], atol=1e-5)


def test_gravity_is_one_g_where_little_moves():
    strength = np.linalg.norm(of("nothing").mean(2), axis=1)
    np.testing.assert_allclose(strength, 1.0, atol=0.2)


def test_a_shake_is_strongest_from_side_to_side():
    x, y, z = strongest(of("shake")).T
    assert np.all(x > y)
    assert np.mean(x > 2 * z) > 0.8


def test_a_swipe_begins_towards_its_side():
    for gesture, sense in (("swipe left", -1), ("swipe right", 1)):
        across = of(gesture)[:, 0]
        across = across - np.median(across, axis=1, keepdims=True)
        first = np.argmax(np.abs(across) > 0.6 * np.abs(across).max(1, keepdims=True), axis=1)
        assert np.mean(np.sign(across[np.arange(len(across)), first]) == sense) > 0.9


def test_gravity_turns_when_the_watch_is_raised():
    traces = of("raise")
    begin, end = traces[:, :, :5].mean(2), traces[:, :, -5:].mean(2)
    angle = np.degrees(
        np.arccos(
            np.sum(begin * end, 1)
            / np.prod([np.linalg.norm(part, axis=1) for part in (begin, end)], axis=0)
        )
    )
    assert np.all(angle > 30)


def test_a_trace_is_saved_as_a_table(tmp_path):
    gestures.save(tmp_path / "tap.csv", "tap", wearer=7)
    saved = read_signal(tmp_path / "tap.csv", AXES, SAMPLES)
    np.testing.assert_allclose(saved, of("tap", [7], 1)[0], atol=6e-5)
    assert (tmp_path / "tap.csv").read_text().startswith("x,y,z\n")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: gestures.load([]), "at least one wearer"),
        (lambda: gestures.load([0], each=0), "each gesture at least once"),
        (lambda: gestures.load([0], each=1.5), "each gesture at least once"),
        (lambda: gestures.load([-1]), "ints from 0 to 2\\^32 - 1, not -1"),
        (lambda: gestures.load([0.5]), "ints from 0 to 2\\^32 - 1, not 0.5"),
        (lambda: gestures.load([0], seed=1 << 32), "ints from 0 to"),
        (lambda: gestures.save("x.csv", "wave"), "there is no gesture 'wave'"),
        (lambda: gestures.save("x.csv", 3), "there is no gesture 3"),
    ],
)
def test_a_mistake_gets_a_clear_error(mistake, message):
    with pytest.raises(UsageError, match=message):
        mistake()
