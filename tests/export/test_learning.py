"""Exported C goes on learning as the compiled training step does, to the bit."""

import ctypes
import re

import numpy as np
import pytest

import rushlight as rl
from rushlight.export.learning import OPTIMIZERS, learner_of
from rushlight.export.subject import subject_of
from rushlight.predictor import Predictor
from tests.export.conftest import MODELS, Library, own, run

STEPS = 8
KINDS = ("sgd", "momentum", "adam")  # for all models; the others for one
RATE = 0.05


def batches(learner, seed=0):
    """Return inputs and labels for some steps."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(STEPS):
        arrays = []
        for one in (*learner.subject.inputs, learner.labels):
            if one.name == "count":
                arrays.append(np.array(random.integers(1, 20)))
            elif one.dtype == rl.int64:
                most = 8 if one.name == "ids" else len(learner.subject.labels)
                arrays.append(random.integers(0, most, one.shape))
            else:
                arrays.append(random.standard_normal(one.shape).astype(one.dtype.storage))
        found.append(arrays)
    return found


def learner(path, optimizer="sgd", batch=4):
    subject = subject_of(path)
    return learner_of(subject, optimizer, 1 if subject.words else batch)


def learned_in_python(learner, steps):
    """Return the losses of some compiled steps."""
    rl.manual_seed(0)
    learner.optimizer.lr.assign(rl.tensor(RATE, dtype="float64"))
    step = rl.compile(learner.step)
    learner.subject.model.train()
    losses = [step(*map(rl.tensor, batch)).item() for batch in steps]
    learner.subject.model.eval()
    return losses


class Device:
    """A model that learns in C."""

    def __init__(self, folder, name, **options):
        self.library = Library(folder, name, **options)
        header = (folder / f"{name}.h").read_text()
        fields = re.findall(r"^    (\w+) state_\d+\[(\d+)\];", header, re.MULTILINE)
        sizes = {"float": 4, "double": 8, "uint32_t": 4, "int64_t": 8}
        self.file_size = int(re.search(r"_FILE (\d+)", header)[1])
        self.state = np.zeros(64 + sum(sizes[kind] * int(n) for kind, n in fields) * 2, np.uint8)
        assert self.library.call("start", self.state) == 0

    def train(self, arrays, rate=RATE):
        loss = np.zeros((), np.float32)
        *inputs, labels = [x if x.shape else ctypes.c_int64(int(x)) for x in arrays]
        rate = ctypes.c_double(rate)
        failed = self.library.call("train", self.state, *inputs, labels, rate, loss)
        return failed, loss.item()

    def save(self):
        file = np.zeros(self.file_size, np.uint8)
        self.library.call("save", self.state, file)
        return file


CASES = [(name, one) for name in MODELS for one in OPTIMIZERS if name == "dense" or one in KINDS]


@pytest.mark.parametrize(("name", "optimizer"), CASES)
def test_the_losses_and_weights_have_the_bits_of_the_compiled_step(
    saved, exported, name, optimizer, tmp_path
):
    rl.manual_seed(0)
    own_learner = learner(saved(name), optimizer)
    options = {} if name == "text" else {"train_batch": 4}
    folder = exported(name, train=True, optimizer=optimizer, **options)
    steps = batches(own_learner)
    device = Device(folder, name)
    losses = [device.train(arrays) for arrays in steps]
    expected = learned_in_python(own_learner, steps)
    assert [failed for failed, _ in losses] == [0] * STEPS
    np.testing.assert_array_equal([loss for _, loss in losses], np.float32(expected))
    (tmp_path / "learned.safetensors").write_bytes(device.save().tobytes())
    loaded = rl.load(tmp_path / "learned.safetensors").model
    for key, tensor in own_learner.subject.model.state_dict().items():
        np.testing.assert_array_equal(loaded.state_dict()[key].numpy(), tensor.numpy(), key)


@pytest.mark.parametrize("name", MODELS)
def test_the_program_tests_its_learning_too(exported, name):
    said = run("make", "-s", "test", cwd=exported(name, train=True)).decode()
    assert "training: the same bits as when it was exported\n" in said


def test_what_was_learned_is_asked_and_changes_the_answer(saved, exported):
    device = Device(exported("dense", train=True, train_batch=4), "dense")
    pixels = np.ones((1, 36), np.float32)
    before, same, after = (np.zeros(3, np.float32) for _ in range(3))
    device.library.call("predict", pixels, before)
    device.library.call("predict_with", device.state, pixels, same)
    np.testing.assert_array_equal(before, same)
    batch = np.ones((4, 36), np.float32), np.full(4, 2)
    for _ in range(50):
        device.train(batch)
    device.library.call("predict_with", device.state, pixels, after)
    assert after.argmax() == 2
    assert after[2] > 0.9
    device.library.call("predict", pixels, same)
    np.testing.assert_array_equal(before, same)


def test_a_model_saved_on_the_device_is_a_model_file(saved, exported, tmp_path):
    device = Device(exported("text", train=True), "text")
    file = tmp_path / "text.safetensors"
    assert device.save().tobytes() == saved("text").read_bytes()
    for _ in range(30):
        device.train([np.array([1, 2, 3] + [0] * 253), np.array(3), np.array([1])])
    file.write_bytes(device.save().tobytes())
    assert Predictor(file).ask("win money now").label == "SPAM"


def test_learning_goes_on_from_a_saved_model_and_from_no_other(saved, exported):
    folder = exported("dense", train=True, train_batch=4)
    first, second = Device(folder, "dense"), Device(folder, "dense")
    steps = batches(learner(saved("dense")))
    for arrays in steps[:4]:
        first.train(arrays)
    file = first.save()
    size = ctypes.c_int64(file.size)
    assert second.library.call("restore", second.state, file, size) == 0
    for arrays in steps[4:]:
        assert first.train(arrays) == second.train(arrays)
    np.testing.assert_array_equal(first.state, second.state)
    file[20] ^= 1
    before = second.state.copy()
    assert second.library.call("restore", second.state, file, size) != 0
    assert second.library.call("restore", second.state, file, ctypes.c_int64(7)) != 0
    np.testing.assert_array_equal(second.state, before)


def test_a_label_out_of_range_changes_nothing(exported):
    device = Device(exported("dense", train=True, train_batch=4), "dense")
    before = device.state.copy()
    for wrong in (-1, 3, 2**40):
        failed, _ = device.train([np.ones((4, 36), np.float32), np.array([0, 1, wrong, 2])])
        assert failed == 1
        np.testing.assert_array_equal(device.state, before)


def test_threads_learn_the_same_bits(saved, exported):
    folder = exported("convolution", train=True, train_batch=4)
    command, usual = own()
    one = Device(folder, "convolution")
    threads = [*usual, "-DCONVOLUTION_THREADS=3", "-pthread"]
    three = Device(folder, "convolution", command=command, options=threads)
    for arrays in batches(learner(saved("convolution"))):
        assert one.train(arrays) == three.train(arrays)
    np.testing.assert_array_equal(one.state, three.state)


def test_weights_in_a_file_of_their_own_are_learned_from(saved, exported):
    folder = exported("dense", train=True, train_batch=4, limit=100)
    said = run("make", "-s", "test", cwd=folder).decode()
    assert said.count("the same bits") == 2
