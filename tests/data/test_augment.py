import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.data import DataLoader, Dataset, augment
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.train.driven import Driven
from rushlight.train.step import make_step

random = np.random.default_rng(0)
PICTURES = random.random((9, 2, 6, 5), np.float32)
PIXELS = random.integers(0, 256, (9, 6, 5), dtype=np.uint8)

STEPS = {
    "normalise": augment.Normalise(mean=[0.1, 0.2], std=[0.3, 0.4]),
    "shift": augment.Shift(2, fill=0.5),
    "flip": augment.Flip(vertical=0.5),
    "crop": augment.RandomCrop(4, padding=1, fill=0.25),
    "rotate": augment.Rotate(30),
    "noise": augment.Noise(0.1),
    "all": augment.Augment(
        augment.Flip(), augment.Shift(1), augment.Rotate(10), augment.Noise(0.01)
    ),
}


def seeded(step, *given, seed=1):
    rl.manual_seed(seed)
    return step(*given)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_seed_fixes_what_becomes_of_pictures(step):
    first = seeded(step, PICTURES).numpy()
    assert_identical(seeded(step, PICTURES).numpy(), first)
    if not isinstance(step, augment.Normalise):
        assert not np.array_equal(seeded(step, PICTURES, seed=2).numpy(), first)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_compiled_pictures_are_the_same(step):
    compiled = rl.compile(lambda x: step(x))
    pictures = rl.tensor(PICTURES)
    for seed in (1, 2):
        assert_close(
            seeded(compiled, pictures, seed=seed).numpy(), seeded(step, pictures, seed=seed).numpy()
        )
    rl.manual_seed(1)
    again = [compiled(pictures).numpy() for _ in range(2)]
    if not isinstance(step, augment.Normalise):
        assert not np.array_equal(*again)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_labels_go_through_and_channels_may_be_absent(step):
    grey = PICTURES[:, 0]
    if step is STEPS["normalise"]:
        with pytest.raises(ShapeError, match="2 numbers for pictures of 1 channels"):
            step(grey)
        return
    changed, labels = step(grey, np.arange(9))
    assert changed.ndim == 3
    np.testing.assert_array_equal(labels, np.arange(9))
    whole = seeded(step, PICTURES[:, :1]).numpy()[:, 0]
    assert_identical(seeded(step, grey).numpy(), whole)


def test_each_picture_is_shifted_by_whole_pixels_within_the_bounds():
    changed = seeded(augment.Shift(2, fill=7), PIXELS)
    assert changed.dtype.name == "uint8"
    padded = np.pad(PIXELS, ((0, 0), (2, 2), (2, 2)), constant_values=7)
    moves = []
    for i, picture in enumerate(changed.numpy()):
        fits = [
            (r, c)
            for r in range(5)
            for c in range(5)
            if np.array_equal(picture, padded[i, r : r + 6, c : c + 5])
        ]
        assert len(fits) == 1
        moves += fits
    assert len(set(moves)) > 4


def test_shifts_of_either_way_are_met_alike():
    points = np.zeros((4000, 5, 5), np.float32)
    points[:, 2, 2] = 1
    places = np.argwhere(seeded(augment.Shift(2), points).numpy())[:, 1:]
    counts = np.bincount(places[:, 0] * 5 + places[:, 1], minlength=25)
    np.testing.assert_allclose(counts / 4000, 1 / 25, atol=0.02)


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        (augment.Flip(1.0, 0.0), PIXELS[:, :, ::-1]),
        (augment.Flip(0.0, 1.0), PIXELS[:, ::-1]),
        (augment.Flip(1.0, 1.0), PIXELS[:, ::-1, ::-1]),
        (augment.Flip(0.0, 0.0), PIXELS),
        (augment.Shift(0), PIXELS),
        (augment.RandomCrop(5), None),
    ],
)
def test_what_leaves_no_choice_is_exact(step, wanted):
    changed = step(PIXELS).numpy()
    if wanted is None:
        tops = [PIXELS[:, :5], PIXELS[:, 1:]]
        assert all(any(np.array_equal(p, top[i]) for top in tops) for i, p in enumerate(changed))
    else:
        np.testing.assert_array_equal(changed, wanted)


def test_half_of_the_pictures_are_mirrored():
    rows = np.tile(np.float32([[0, 1]]), (2000, 1, 1))
    changed = seeded(augment.Flip(), rows).numpy()
    np.testing.assert_allclose(changed[:, 0, 0].mean(), 0.5, atol=0.05)


def test_a_crop_lies_within_the_padded_picture():
    changed = seeded(augment.RandomCrop(4, padding=2, fill=9), PIXELS).numpy()
    padded = np.pad(PIXELS, ((0, 0), (2, 2), (2, 2)), constant_values=9)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(1, 2))
    for picture, around in zip(changed, windows, strict=True):
        assert (picture == around).all(axis=(2, 3)).any()


def turned_by_hand(picture, angle):
    """A picture turned counter-clockwise, pixel by pixel; 0 outside."""
    height, width = picture.shape
    padded = np.pad(picture, 1)
    result = np.zeros_like(picture)
    for row in range(height):
        for column in range(width):
            right, up = column - (width - 1) / 2, (height - 1) / 2 - row
            x = right * np.cos(angle) + up * np.sin(angle) + (width - 1) / 2
            y = (height - 1) / 2 - (up * np.cos(angle) - right * np.sin(angle))
            top, left = int(np.floor(y)), int(np.floor(x))
            if -1 <= top < height and -1 <= left < width:
                near = padded[top + 1 : top + 3, left + 1 : left + 3]
                result[row, column] = [1 - (y - top), y - top] @ near @ [1 - (x - left), x - left]
    return result


def test_pictures_are_turned_by_angles_of_the_default_generator():
    angles = rl.random.Generator(1).uniform((9,), -np.pi, np.pi).numpy()
    turned = seeded(augment.Rotate(180), PICTURES).numpy()
    for picture, angle, found in zip(PICTURES, angles, turned, strict=True):
        wanted = np.stack([turned_by_hand(channel, angle) for channel in picture])
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_turned_pictures_keep_their_middle_and_lose_their_corners():
    turned = seeded(augment.Rotate(45), np.ones((50, 9, 9), np.float32)).numpy()
    np.testing.assert_allclose(turned[:, 2:7, 2:7], 1, atol=1e-5)
    assert turned[:, 0, 0].min() < 0.5
    filled = seeded(augment.Rotate(45, fill=1), np.ones((50, 9, 9), np.float32)).numpy()
    np.testing.assert_allclose(filled, 1, atol=1e-5)


def test_noise_has_the_standard_deviation_that_is_asked_for():
    noisy = seeded(augment.Noise(0.25), np.ones((10, 50, 50)))
    assert noisy.dtype.name == "float64"
    np.testing.assert_allclose(noisy.numpy().std(), 0.25, rtol=0.02)
    np.testing.assert_allclose(noisy.numpy().mean(), 1, atol=0.01)


def test_pixels_become_numbers_around_0():
    changed = augment.Normalise(0.5, 0.25)(PIXELS)
    assert changed.dtype.name == "float32"
    np.testing.assert_allclose(changed.numpy(), (PIXELS / 255 - 0.5) / 0.25, rtol=1e-5, atol=1e-6)


def loader(**options):
    labels = PIXELS.reshape(9, -1)[:, :3].argmax(1)

    def prepare(pictures, labels):
        steps = augment.Augment(augment.Normalise(), augment.Shift(1), augment.Rotate(20))
        return steps(pictures).reshape(len(pictures), 30), labels

    return DataLoader(Dataset(PIXELS, labels), 3, shuffle=True, prepare=prepare, **options)


def trained(epochs, folder=None, compiled=True):
    rl.manual_seed(3)
    model = rl.nn.Linear(30, 3)
    rl.fit(
        model,
        loader(),
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
        epochs=epochs,
        progress=False,
        compiled=compiled,
        checkpoint=folder,
        resume=folder is not None,
    )
    return model.weight.numpy()


def test_training_on_changed_pictures_is_driven_in_c():
    model = rl.nn.Linear(30, 3).train()
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    step = make_step(model, rl.nn.functional.cross_entropy, optimizer)
    driven = Driven(loader(), step)
    if not driven.is_ready() and "compiler" in str(driven.reason):
        pytest.skip("there is no C compiler")
    assert driven.reason is None


def test_training_in_c_and_step_by_step_see_the_same_pictures():
    np.testing.assert_allclose(trained(3), trained(3, compiled=False), rtol=1e-3, atol=1e-5)


def test_training_goes_on_with_the_pictures_it_would_have_had(tmp_path):
    trained(2, tmp_path / "a")
    assert_identical(trained(4, tmp_path / "a"), trained(4, tmp_path / "b"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: augment.Shift(-1), "most is an int of 0 or more, not -1"),
        (lambda: augment.Shift(1.5), "most is an int of 0 or more"),
        (lambda: augment.Flip(2), "horizontal is at least 0 and at most 1, not 2"),
        (lambda: augment.RandomCrop(0), "size is an int of 1 or more"),
        (lambda: augment.Rotate(float("nan")), "degrees is a finite number"),
        (lambda: augment.Rotate(400), "degrees is at least 0 and at most 360"),
        (lambda: augment.Noise("x"), "std is a finite number"),
        (lambda: augment.Normalise(std=0), "a std is above 0, not 0"),
        (lambda: augment.Normalise(mean=[0, "x"]), "a mean is a finite number"),
        (lambda: augment.Augment(abs), "is no step"),
    ],
)
def test_steps_that_make_no_sense_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 1, 4, 4, 1), (0, 3, 3), (2, 0, 3)])
def test_what_are_no_pictures_is_refused(shape):
    with pytest.raises(ShapeError, match=r"pictures are \(n, height|there are no pictures"):
        augment.Shift(1)(np.zeros(shape, np.float32))


@pytest.mark.parametrize("step", [augment.Rotate(5), augment.Noise(0.1)])
def test_what_takes_floats_says_so(step):
    with pytest.raises(DTypeError, match="pictures of floats are") as caught:
        step(PIXELS)
    assert caught.value.hint == "put Normalise() first"


def test_a_crop_larger_than_the_pictures_is_refused():
    with pytest.raises(ShapeError, match="no 9x9 pixels in pictures of 6x5"):
        augment.RandomCrop(9, padding=1)(PIXELS)
