"""What `rl.save` writes, `rl.load` gives back in another process: the same model, to the bit."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.formats.safetensors import StoredTensor, load_file, save_file
from rushlight.models import GPT, AttentionClassifier, RecurrentLM
from rushlight.nn.module import REGISTRY, register
from rushlight.tree import flatten

ROOT = Path(__file__).parent.parent.parent


def pictures() -> rl.Tensor:
    return rl.randn(3, 2, 6, 5)


def signals() -> rl.Tensor:
    return rl.randn(3, 2, 7)


def volumes() -> rl.Tensor:
    return rl.randn(2, 2, 4, 3, 5)


def rows() -> rl.Tensor:
    return rl.randn(5, 4)


def ids() -> rl.Tensor:
    return rl.randint(0, 7, (3, 5))


def labels() -> rl.Tensor:
    return rl.randint(0, 4, (5,))


def shares() -> rl.Tensor:
    return rl.rand(5, 4)


def signs() -> rl.Tensor:
    return rl.randint(0, 2, (5,)) * 2 - 1


def all_signs() -> rl.Tensor:
    return rl.randint(0, 2, (5, 4)) * 2 - 1


def logs() -> rl.Tensor:
    return rl.randn(6, 5, 4).log_softmax()


def sequences() -> rl.Tensor:
    return rl.randint(2, 4, (5, 3))


def times() -> rl.Tensor:
    return rl.randint(2, 7, (5,))


def lengths() -> rl.Tensor:
    return rl.randint(0, 4, (5,))


def words() -> rl.Tensor:
    return rl.randn(2, 3, 8)


def memories() -> rl.Tensor:
    return rl.randn(2, 5, 6)


# Each registered layer: how to make it with arguments that are not the defaults, what to give it.
LAYERS: dict[str, tuple[Callable[[], rl.nn.Module], list[Callable[[], rl.Tensor]]]] = {
    "ALiBi": (lambda: rl.nn.ALiBi(6), [words]),
    "AdaptiveAvgPool1d": (lambda: rl.nn.AdaptiveAvgPool1d(3), [signals]),
    "AdaptiveAvgPool2d": (lambda: rl.nn.AdaptiveAvgPool2d((None, 2)), [pictures]),
    "AdaptiveAvgPool3d": (lambda: rl.nn.AdaptiveAvgPool3d(1), [volumes]),
    "AdaptiveMaxPool1d": (lambda: rl.nn.AdaptiveMaxPool1d(None), [signals]),
    "AdaptiveMaxPool2d": (lambda: rl.nn.AdaptiveMaxPool2d(4), [pictures]),
    "AdaptiveMaxPool3d": (lambda: rl.nn.AdaptiveMaxPool3d((2, None, 3)), [volumes]),
    "AlphaDropout": (lambda: rl.nn.AlphaDropout(0.25), [rows]),
    "AttentionClassifier": (lambda: AttentionClassifier(7, 3, 8, 2, 0.1, 0.2), [ids]),
    "AvgPool1d": (lambda: rl.nn.AvgPool1d(3, 2, padding=1), [signals]),
    "AvgPool2d": (lambda: rl.nn.AvgPool2d((2, 3), 1, ceil_mode=True), [pictures]),
    "AvgPool3d": (lambda: rl.nn.AvgPool3d((2, 1, 3), count_include_pad=False), [volumes]),
    "BCELoss": (lambda: rl.nn.BCELoss("sum", [0.5, 1.0, 2.0, 0.1]), [shares, shares]),
    "BCEWithLogitsLoss": (
        lambda: rl.nn.BCEWithLogitsLoss("sum", pos_weight=[0.5, 1.0, 2.0, 0.1]),
        [rows, shares],
    ),
    "BatchNorm": (lambda: rl.nn.BatchNorm(4, eps=1e-3, momentum=None), [rows]),
    "BatchNorm1d": (lambda: rl.nn.BatchNorm1d(4, affine=False), [rows]),
    "BatchNorm2d": (lambda: rl.nn.BatchNorm2d(2, eps=1e-3, momentum=0.2), [pictures]),
    "BatchNorm3d": (lambda: rl.nn.BatchNorm3d(2, track_running_stats=False), [volumes]),
    "Bilinear": (lambda: rl.nn.Bilinear(4, 4, 3, bias=False), [rows, rows]),
    "CELU": (lambda: rl.nn.CELU(0.5), [rows]),
    "CTCLoss": (lambda: rl.nn.CTCLoss("sum", 1, True), [logs, sequences, times, lengths]),
    "Conv1d": (lambda: rl.nn.Conv1d(2, 3, 3, padding="same", dilation=2), [signals]),
    "Conv2d": (lambda: rl.nn.Conv2d(2, 4, (3, 2), stride=(2, 1), groups=2), [pictures]),
    "Conv3d": (lambda: rl.nn.Conv3d(2, 3, (2, 1, 3), stride=(1, 2, 1), bias=False), [volumes]),
    "ConvTranspose1d": (lambda: rl.nn.ConvTranspose1d(2, 3, 3, 2, output_padding=1), [signals]),
    "ConvTranspose2d": (
        lambda: rl.nn.ConvTranspose2d(2, 4, (3, 2), groups=2, dilation=2),
        [pictures],
    ),
    "ConvTranspose3d": (
        lambda: rl.nn.ConvTranspose3d(2, 1, 2, padding=(1, 0, 1), init="zeros"),
        [volumes],
    ),
    "CosineEmbeddingLoss": (lambda: rl.nn.CosineEmbeddingLoss("sum", 0.1), [rows, rows, signs]),
    "CosineSimilarity": (lambda: rl.nn.CosineSimilarity(-1, 1e-3), [rows, rows]),
    "CrossEntropyLoss": (
        lambda: rl.nn.CrossEntropyLoss("sum", [1.0, 2.0, 0.5, 0.1], 2, 0.1),
        [rows, labels],
    ),
    "Dropout": (lambda: rl.nn.Dropout(0.25), [rows]),
    "Dropout1d": (lambda: rl.nn.Dropout1d(0.25), [signals]),
    "Dropout2d": (lambda: rl.nn.Dropout2d(0.25), [pictures]),
    "Dropout3d": (lambda: rl.nn.Dropout3d(0.25), [volumes]),
    "ELU": (lambda: rl.nn.ELU(0.5), [rows]),
    "Embedding": (lambda: rl.nn.Embedding(7, 3, init="orthogonal"), [ids]),
    "EmbeddingBag": (lambda: rl.nn.EmbeddingBag(7, 3, mode="sum"), [ids]),
    "FeedForward": (lambda: rl.nn.FeedForward(8, 5, "swiglu", 0.2, bias=False), [words]),
    "Flatten": (lambda: rl.nn.Flatten(2), [pictures]),
    "GELU": (lambda: rl.nn.GELU("tanh"), [rows]),
    "GLU": (lambda: rl.nn.GLU(1), [pictures]),
    "GPT": (lambda: GPT(7, layers=2, heads=2, width=8, block=5, dropout=0.1, tied=True), [ids]),
    "GRU": (lambda: rl.nn.GRU(8, 5, 2, dropout=0.1, bidirectional=True), [words]),
    "GRUCell": (lambda: rl.nn.GRUCell(4, 5), [rows]),
    "GaussianNLLLoss": (lambda: rl.nn.GaussianNLLLoss("sum", True, 1e-3), [rows, rows, shares]),
    "GroupNorm": (lambda: rl.nn.GroupNorm(2, 4, affine=False), [rows]),
    "Hardshrink": (lambda: rl.nn.Hardshrink(0.1), [rows]),
    "Hardsigmoid": (lambda: rl.nn.Hardsigmoid(), [rows]),
    "Hardswish": (lambda: rl.nn.Hardswish(), [rows]),
    "Hardtanh": (lambda: rl.nn.Hardtanh(-0.5, 2), [rows]),
    "HingeEmbeddingLoss": (lambda: rl.nn.HingeEmbeddingLoss("sum", 0.5), [shares, all_signs]),
    "HuberLoss": (lambda: rl.nn.HuberLoss("sum", 0.5), [rows, rows]),
    "Identity": (lambda: rl.nn.Identity(), [rows]),
    "InstanceNorm1d": (lambda: rl.nn.InstanceNorm1d(2, 1e-3, affine=True), [signals]),
    "InstanceNorm2d": (lambda: rl.nn.InstanceNorm2d(2, track_running_stats=True), [pictures]),
    "InstanceNorm3d": (lambda: rl.nn.InstanceNorm3d(2), [volumes]),
    "KLDivLoss": (lambda: rl.nn.KLDivLoss("batchmean", True), [rows, rows]),
    "L1Loss": (lambda: rl.nn.L1Loss("sum"), [rows, rows]),
    "LSTM": (lambda: rl.nn.LSTM(8, 5, bias=False, batch_first=False), [words]),
    "LSTMCell": (lambda: rl.nn.LSTMCell(4, 5, bias=False), [rows]),
    "LayerNorm": (lambda: rl.nn.LayerNorm((6, 5), eps=1e-3, bias=False), [pictures]),
    "LeakyReLU": (lambda: rl.nn.LeakyReLU(0.2), [rows]),
    "LearnedPositions": (lambda: rl.nn.LearnedPositions(5, 8, init="zeros"), [words]),
    "Linear": (lambda: rl.nn.Linear(4, 3, bias=False, init="xavier_normal"), [rows]),
    "LocalResponseNorm": (lambda: rl.nn.LocalResponseNorm(2, 0.1, 0.5, 2), [pictures]),
    "LogSigmoid": (lambda: rl.nn.LogSigmoid(), [rows]),
    "LogSoftmax": (lambda: rl.nn.LogSoftmax(0), [rows]),
    "MSELoss": (lambda: rl.nn.MSELoss("sum"), [rows, rows]),
    "MarginRankingLoss": (lambda: rl.nn.MarginRankingLoss("sum", 0.5), [rows, rows, all_signs]),
    "MaxPool1d": (lambda: rl.nn.MaxPool1d(2, 3, dilation=2, ceil_mode=True), [signals]),
    "MaxPool2d": (lambda: rl.nn.MaxPool2d(2, stride=(1, 2), padding=1), [pictures]),
    "MaxPool3d": (lambda: rl.nn.MaxPool3d(2, stride=1), [volumes]),
    "Mish": (lambda: rl.nn.Mish(), [rows]),
    "MultiHeadAttention": (
        lambda: rl.nn.MultiHeadAttention(8, 4, 2, None, False, 0.1, True, rl.nn.ALiBi(4)),
        [words],
    ),
    "MultiMarginLoss": (
        lambda: rl.nn.MultiMarginLoss("sum", 2, 0.5, [1.0, 2.0, 0.5, 0.1]),
        [rows, labels],
    ),
    "NLLLoss": (lambda: rl.nn.NLLLoss("sum", rl.ones(4), 3), [rows, labels]),
    "Network": (lambda: rl.nn.build().input(4).linear(3).tanh().linear(2).mse(), [rows]),
    "PReLU": (lambda: rl.nn.PReLU(4, 0.1), [rows]),
    "PairwiseDistance": (lambda: rl.nn.PairwiseDistance(float("inf"), 0.1, True), [rows, rows]),
    "PixelShuffle": (
        lambda: rl.nn.Sequential(rl.nn.Conv2d(2, 4, 1), rl.nn.PixelShuffle(2)),
        [pictures],
    ),
    "PixelUnshuffle": (
        lambda: rl.nn.Sequential(rl.nn.Upsample(size=4), rl.nn.PixelUnshuffle(2)),
        [pictures],
    ),
    "PoissonNLLLoss": (lambda: rl.nn.PoissonNLLLoss("sum", False, True, 0.1), [shares, shares]),
    "RMSNorm": (lambda: rl.nn.RMSNorm(4, 1e-3), [rows]),
    "RNN": (lambda: rl.nn.RNN(8, 5, bidirectional=True), [words]),
    "RNNCell": (lambda: rl.nn.RNNCell(4, 5), [rows]),
    "ReLU": (lambda: rl.nn.ReLU(), [rows]),
    "ReLU6": (lambda: rl.nn.ReLU6(), [rows]),
    "RecurrentLM": (lambda: RecurrentLM(7, 4, 5, 2, "gru", 0.1), [ids]),
    "RotaryPositions": (lambda: rl.nn.RotaryPositions(8, base=100.0, halves=True), [words]),
    "SELU": (lambda: rl.nn.SELU(), [rows]),
    "Sequential": (
        lambda: rl.nn.Sequential(
            rl.nn.Conv2d(2, 3, 3, padding="same"),
            rl.nn.BatchNorm(3),
            rl.nn.Sequential(rl.nn.ReLU(), rl.nn.Dropout(0.5), rl.nn.Flatten()),
            rl.nn.Sequential(),
            rl.nn.Linear(90, 4),
        ),
        [pictures],
    ),
    "SiLU": (lambda: rl.nn.SiLU(), [rows]),
    "Sigmoid": (lambda: rl.nn.Sigmoid(), [rows]),
    "SinusoidalPositions": (lambda: rl.nn.SinusoidalPositions(8, base=100.0), [words]),
    "SmoothL1Loss": (lambda: rl.nn.SmoothL1Loss("sum", 0), [rows, rows]),
    "SoftMarginLoss": (lambda: rl.nn.SoftMarginLoss("sum"), [rows, all_signs]),
    "Softmax": (lambda: rl.nn.Softmax(axis=0), [rows]),
    "Softmin": (lambda: rl.nn.Softmin(axis=0), [rows]),
    "Softplus": (lambda: rl.nn.Softplus(2.0, 1), [rows]),
    "Softshrink": (lambda: rl.nn.Softshrink(0.1), [rows]),
    "Softsign": (lambda: rl.nn.Softsign(), [rows]),
    "Tanh": (lambda: rl.nn.Tanh(), [rows]),
    "Tanhshrink": (lambda: rl.nn.Tanhshrink(), [rows]),
    "Threshold": (lambda: rl.nn.Threshold(0.1, 7), [rows]),
    "TiedLinear": (lambda: rl.nn.TiedLinear(rl.nn.Embedding(7, 8)), [words]),
    "TransformerDecoder": (
        lambda: rl.nn.TransformerDecoder(
            [rl.nn.TransformerDecoderLayer(8, 2, 16, memory=6)], norm=rl.nn.RMSNorm(8)
        ),
        [words, memories],
    ),
    "TransformerDecoderLayer": (
        lambda: rl.nn.TransformerDecoderLayer(8, 2, 16, 0.2, "gelu", True, False, False, memory=6),
        [words, memories],
    ),
    "TransformerEncoder": (
        lambda: rl.nn.TransformerEncoder([rl.nn.TransformerEncoderLayer(8, 2, 16)] * 2),
        [words],
    ),
    "TransformerEncoderLayer": (
        lambda: rl.nn.TransformerEncoderLayer(
            8, 4, 16, 0.2, "silu", True, False, True, 2, rl.nn.RotaryPositions(2)
        ),
        [words],
    ),
    "TripletMarginLoss": (
        lambda: rl.nn.TripletMarginLoss("sum", 0.5, 1.0, 0.1, True),
        [rows, rows, rows],
    ),
    "Unflatten": (lambda: rl.nn.Unflatten(1, (2, -1)), [rows]),
    "Upsample": (
        lambda: rl.nn.Upsample(scale_factor=(1.5, 2), mode="bilinear", align_corners=True),
        [pictures],
    ),
    "WordDropout": (lambda: rl.nn.WordDropout(0.25), [ids]),
}

CHILD = """
import sys
from pathlib import Path
import rushlight as rl
from rushlight.formats.safetensors import StoredTensor, load_file, save_file
from rushlight.tree import flatten
for path in sorted(Path(sys.argv[1]).glob("*.model")):
    loaded = rl.load(path)
    with load_file(path.with_suffix(".given")) as file, rl.no_grad():
        output = loaded.model(*[rl.tensor(file.tensor(name).array) for name in sorted(file.names)])
    answer = {"output": StoredTensor.of(flatten(output)[0][0].numpy())}
    save_file(path.with_suffix(".answer"), answer, {"repr": repr(loaded.model)})
"""


def scrambled(model: rl.nn.Module) -> rl.nn.Module:
    """Give every parameter and buffer values that no constructor would."""
    for tensor in model.state_dict().values():
        tensor.assign((rl.rand(*tensor.shape) + 0.5).cast(tensor.dtype))
    return model


def same(got: rl.Tensor, wanted: rl.Tensor) -> None:
    assert got.dtype is wanted.dtype
    np.testing.assert_array_equal(got.numpy(), wanted.numpy())


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each layer saved, and what another process answered after loading it."""
    folder = tmp_path_factory.mktemp("layers")
    for name, (make, inputs) in LAYERS.items():
        rl.manual_seed(3)
        model = scrambled(make())
        given = [x() for x in inputs]
        rl.save(folder / f"{name}.model", model)
        stored = {str(place): StoredTensor.of(x.numpy()) for place, x in enumerate(given)}
        save_file(folder / f"{name}.given", stored)
        output = flatten(model.eval()(*given))[0][0]  # of a recurrent layer, what comes first
        wanted = {"output": StoredTensor.of(output.numpy())}
        save_file(folder / f"{name}.wanted", wanted, {"repr": repr(model)})
    subprocess.run([sys.executable, "-c", CHILD, str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_loaded_in_another_process_gives_the_same_bits(answers: Path, name: str) -> None:
    with (
        load_file(answers / f"{name}.answer") as got,
        load_file(answers / f"{name}.wanted") as want,
    ):
        np.testing.assert_array_equal(got.tensor("output").array, want.tensor("output").array)
        assert got.metadata == want.metadata


def test_every_registered_layer_has_its_case() -> None:
    ours = {name for name, cls in REGISTRY.items() if cls.__module__.startswith("rushlight.")}
    assert set(LAYERS) | {"ModuleList", "ModuleDict"} == ours  # below, as arguments of another


def test_the_names_shapes_and_values_of_all_tensors_come_back(tmp_path: Path) -> None:
    model = scrambled(LAYERS["Sequential"][0]())
    rl.save(tmp_path / "m.safetensors", model)
    loaded = rl.load(tmp_path / "m.safetensors").model
    assert list(loaded.state_dict()) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        same(loaded.state_dict()[name], tensor)


def test_task_and_training_facts_come_back(tmp_path: Path) -> None:
    task = {"kind": "text-classifier", "labels": ["ham", "späm \u2028"], "vocabulary": ["a\n", '"']}
    training = {"epochs": 3, "loss": 1e-300, "seed": 2**64 - 1, "notes": [None, True, {"x": []}]}
    rl.save(tmp_path / "m.safetensors", rl.nn.ReLU(), task=task, training=training)
    loaded = rl.load(tmp_path / "m.safetensors")
    assert loaded.task == task
    assert loaded.training == training
    assert loaded.path == tmp_path / "m.safetensors"


def test_a_model_without_task_or_training_facts_has_empty_ones(tmp_path: Path) -> None:
    rl.save(tmp_path / "m.safetensors", rl.nn.ReLU())
    loaded = rl.load(tmp_path / "m.safetensors")
    assert (loaded.task, loaded.training) == ({}, {})


def test_the_official_library_opens_the_file(tmp_path: Path) -> None:
    official = pytest.importorskip("safetensors")
    model = scrambled(LAYERS["Sequential"][0]())
    rl.save(tmp_path / "m.safetensors", model, task={"labels": ["ä"]})
    with official.safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["task"]) == {"labels": ["ä"]}
        assert sorted(file.keys()) == sorted(model.state_dict())
        for name, tensor in model.state_dict().items():
            np.testing.assert_array_equal(file.get_tensor(name), tensor.numpy())


def test_the_file_names_layers_and_all_their_arguments(tmp_path: Path) -> None:
    rl.save(tmp_path / "m.safetensors", rl.nn.Sequential(rl.nn.Softmax(), rl.nn.LayerNorm(3)))
    with load_file(tmp_path / "m.safetensors") as file:
        record = json.loads(file.metadata["rushlight"])
    assert record["format"] == 1
    assert record["version"] == rl.__version__
    softmax = {"module": "Softmax", "arguments": {"axis": -1}}
    given = {"shape": 3, "eps": 1e-05, "affine": True, "bias": True}
    norm = {"module": "LayerNorm", "arguments": given}
    assert record["model"] == {"module": "Sequential", "arguments": {"layers": [softmax, norm]}}


def test_metadata_of_others_is_left_alone(tmp_path: Path) -> None:
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(2, 1))
    with load_file(tmp_path / "m.safetensors") as file:
        tensors = {name: file.tensor(name) for name in file.names}
        save_file(tmp_path / "n.safetensors", tensors, {**file.metadata, "licence": "not { JSON"})
    assert repr(rl.load(tmp_path / "n.safetensors").model) == "Linear(2, 1)"


def test_a_loaded_model_is_in_evaluation_mode_and_can_be_trained(tmp_path: Path) -> None:
    rl.save(tmp_path / "m.safetensors", rl.nn.Sequential(rl.nn.Linear(4, 1), rl.nn.Dropout(0.5)))
    model = rl.load(tmp_path / "m.safetensors").model
    assert [module.training for module in model.modules()] == [False] * 3
    before = model.state_dict()["0.weight"].numpy().copy()
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    model(rl.ones(2, 4)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(model.state_dict()["0.weight"].numpy(), before - 0.2, rtol=1e-6)


@register
class Branches(rl.nn.Module):
    """Layers in a list and a dict, called by another."""

    def __init__(self, ways: rl.nn.ModuleList, ends: rl.nn.ModuleDict) -> None:
        self.ways = ways
        self.ends = ends

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        for way in self.ways:
            x = x + way(x)
        return self.ends["first"](x) + self.ends["second"](x)


def test_layers_in_lists_and_dicts_come_back(tmp_path: Path) -> None:
    linear = rl.nn.Linear
    ends = {"first": linear(4, 2), "second": rl.nn.Sequential(linear(4, 2), rl.nn.ReLU())}
    model = Branches(rl.nn.ModuleList([linear(4, 4), linear(4, 4)]), rl.nn.ModuleDict(ends))
    model.ways.append(rl.nn.Tanh())
    rl.save(tmp_path / "m.safetensors", scrambled(model))
    loaded = rl.load(tmp_path / "m.safetensors").model
    assert repr(loaded) == repr(model)
    same(loaded(rl.ones(3, 4)), model(rl.ones(3, 4)))


def test_layers_that_are_frozen_come_back_so(tmp_path: Path) -> None:
    norm, linear = rl.nn.BatchNorm(2), rl.nn.Linear(2, 1)
    rl.save(tmp_path / "m.safetensors", rl.nn.Sequential(norm.freeze(), linear))
    loaded = rl.load(tmp_path / "m.safetensors").model.train()
    assert [layer.frozen for layer in loaded.modules()] == [False, True, False]
    loaded(rl.rand(4, 2))
    assert loaded.state_dict()["0.running_mean"].tolist() == [0.0, 0.0]
    assert [x.requires_grad for x in loaded.parameters()] == [False, False, True, True]


def test_frozen_parameters_come_back_frozen(tmp_path: Path) -> None:
    model = rl.nn.Sequential(rl.nn.Linear(2, 2).requires_grad_(False), rl.nn.Linear(2, 1))
    rl.save(tmp_path / "m.safetensors", model)
    loaded = rl.load(tmp_path / "m.safetensors").model
    trained = {name: parameter.requires_grad for name, parameter in loaded.named_parameters()}
    assert trained == {"0.weight": False, "0.bias": False, "1.weight": True, "1.bias": True}


def test_a_later_change_of_the_file_does_not_reach_a_loaded_model(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    rl.save(path, rl.nn.Linear(2, 1))
    model = rl.load(path).model
    before = model.state_dict()["weight"].numpy().copy()
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    np.testing.assert_array_equal(model.state_dict()["weight"].numpy(), before)


def modes(model: rl.nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


class Scaled(rl.nn.Module):
    def __init__(self) -> None:
        self.inner = rl.nn.Sequential(rl.nn.Linear(4, 3), rl.nn.Dropout(0.5), rl.nn.BatchNorm(3))
        self.factor = rl.nn.Parameter([2.0])

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.inner(x) * self.factor


@pytest.mark.parametrize("example", [None, "rows"], ids=["as layers", "as a graph"])
def test_saving_leaves_modes_values_and_random_state_alone(tmp_path: Path, example: Any) -> None:
    rl.manual_seed(11)
    model: rl.nn.Module = Scaled() if example else LAYERS["Sequential"][0]()
    next(model.children()).eval()
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    modes_before = modes(model)
    rl.manual_seed(5)
    rl.save(tmp_path / "m.safetensors", model, example=rl.ones(2, 4) if example else None)
    after = rl.rand(4).tolist()
    rl.manual_seed(5)
    assert rl.rand(4).tolist() == after
    assert modes(model) == modes_before
    assert True in modes_before
    assert False in modes_before
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), before[name], err_msg=name)
        assert tensor.grad is None


def test_a_hook_is_no_part_of_a_graph_and_stays_on_the_model(tmp_path: Path) -> None:
    model = Scaled().eval()
    wanted = model(rl.ones(2, 4))
    seen = []
    model.inner[0].register_forward_hook(lambda module, args, y: seen.append(y.tolist()))
    model.register_forward_hook(lambda module, args, y: y * 2.0)
    rl.save(tmp_path / "m.safetensors", model, example=rl.ones(2, 4))
    assert not seen
    got = rl.load(tmp_path / "m.safetensors").model(rl.ones(2, 4))
    np.testing.assert_array_equal(got.numpy(), wanted.numpy())
    np.testing.assert_array_equal(model(rl.ones(2, 4)).numpy(), wanted.numpy() * 2.0)
    assert len(seen) == 1


def test_loading_leaves_the_random_state_alone(tmp_path: Path) -> None:
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(20, 10))
    rl.manual_seed(5)
    wanted = rl.rand(4).tolist()
    rl.manual_seed(5)
    rl.load(tmp_path / "m.safetensors")
    assert rl.rand(4).tolist() == wanted


def test_modes_come_back_even_when_saving_fails(tmp_path: Path) -> None:
    model = Scaled()
    with pytest.raises(rl.ShapeError):
        rl.save(tmp_path / "m.safetensors", model, example=rl.ones(2, 5))
    assert modes(model) == [True] * 5


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    rl.save(path, rl.nn.Linear(2, 1))
    old = path.read_bytes()
    with pytest.raises(rl.ModuleError):
        rl.save(path, Scaled())
    with pytest.raises(rl.UsageError):
        rl.save(path, rl.nn.Linear(2, 1), task={"labels": rl.ones(2)})
    with pytest.raises(rl.FormatError):
        rl.save(path, rl.nn.Linear(2, 1), task={"words": "x" * 17 * 2**20})
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(rl.FormatError, match="nowhere"):
        rl.save(tmp_path / "nowhere" / "m.safetensors", rl.nn.ReLU())


def loop() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


WRONG_FACTS = [
    ("a list instead of a dict", [1], "task is a dict, not list"),
    ("a tensor", {"labels": [rl.ones(2)]}, "task['labels'][0] is a Tensor"),
    ("a NumPy number", {"scale": np.float32(0.5)}, "task['scale'] is a float32"),
    ("a NaN", {"scale": float("nan")}, "task['scale'] is nan"),
    ("an infinity", {"a": {"b": float("inf")}}, "task['a']['b'] is inf"),
    ("a key that is no string", {"labels": {0: "ham"}}, "task['labels'] has the key 0"),
    ("a set", {"labels": {"ham"}}, "task['labels'] is a set"),
    ("bytes", {"labels": b"ham"}, "task['labels'] is a bytes"),
    ("an integer of 65 bits", {"seed": 2**64}, "task['seed'] is an integer of more than 64 bits"),
    ("half a surrogate pair", {"word": "\ud800"}, "task['word'] has half a surrogate pair"),
    ("a list that holds itself", {"list": loop()}, "task is more than 100 levels deep"),
]


@pytest.mark.parametrize(
    ("task", "fact"),
    [(task, fact) for _, task, fact in WRONG_FACTS],
    ids=[c[0] for c in WRONG_FACTS],
)
def test_task_facts_that_json_cannot_say_are_refused(tmp_path: Path, task: Any, fact: str) -> None:
    with pytest.raises(rl.UsageError) as caught:
        rl.save(tmp_path / "m.safetensors", rl.nn.ReLU(), task=task)
    assert fact in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_only_modules_are_saved(tmp_path: Path) -> None:
    with pytest.raises(
        rl.UsageError, match=r"a model is a Module, not dict\n  hint: rl\.save\(path"
    ):
        rl.save(tmp_path / "m.safetensors", {"w": rl.ones(2)})  # type: ignore[arg-type]


def test_saving_inside_a_trace_is_refused(tmp_path: Path) -> None:
    model = rl.nn.Linear(2, 1)

    def step(x: rl.Tensor) -> rl.Tensor:
        rl.save(tmp_path / "m.safetensors", model)
        return x

    with pytest.raises(rl.TraceError, match="saving a model"):
        rl.trace(step, rl.ones(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 5, b"model.safetensors"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(rl.UsageError, match="a path is a text or a Path"):
        rl.save(path, rl.nn.Linear(1, 1))
    with pytest.raises(rl.UsageError, match="a path is a text or a Path"):
        rl.load(path)
