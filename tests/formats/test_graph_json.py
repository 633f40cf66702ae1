"""Graphs go through JSON unchanged: every primitive, and modules of a user's own classes."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.mode import no_grad
from rushlight.formats.graph_json import at_batch, graph_from_json, graph_to_json, merge_batches
from rushlight.formats.plain import read_json, write_json
from rushlight.formats.safetensors import load_file
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.graph.trace import trace_tree
from rushlight.nn.module import Module, Parameter
from rushlight.testing.cases import Case, all_cases
from rushlight.tree import flatten


def skeleton(graph: Graph) -> list[Any]:
    """Return all of a graph but its name and the lines of the source."""
    return [
        [value.spec for value in graph.values],
        [(n.primitive.name, str(n.inputs), n.params, str(n.outputs)) for n in graph.nodes],
        str(graph.outputs),
    ]


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_every_primitive_goes_through_json(case: Case) -> None:
    tensors = case.inputs()
    with no_grad():
        traced = trace_tree(case, tuple(tensors), {})
    record, large = graph_to_json(traced, {})
    read = graph_from_json(read_json(write_json(record), "the graph"), large)
    assert skeleton(read.graph) == skeleton(traced.graph)
    arrays = [x.data for x in tensors]
    wanted = Interpreter(traced.graph).run(arrays)
    states = [x.data for x, _ in read.graph.states]
    for got, want in zip(Interpreter(read.graph).run([*arrays, *states]), wanted, strict=True):
        np.testing.assert_array_equal(got, want)


class Classifier(Module):
    """A module of no registered class, with all that a graph must keep."""

    def __init__(self) -> None:
        self.convolution = rl.nn.Conv2d(1, 3, 3)
        self.norm = rl.nn.BatchNorm(3)
        self.dropout = rl.nn.Dropout(0.5)
        self.heads = [rl.nn.Linear(12, 4), rl.nn.Linear(12, 2, bias=False)]
        self.scale = Parameter([0.5, 2.0, 1.0, 1.0])
        self.unused = Parameter([9.0])
        self.buffer("offset", rl.tensor([1.0, -1.0, 0.0, 3.0]))
        self.plain = rl.arange(20).cast("float32")

    def forward(self, x: rl.Tensor) -> dict[str, Any]:
        x = x.cast("float32") / 255.0
        x = self.dropout(self.norm(self.convolution(x)).relu())
        x = x.flatten(1)
        scores = self.heads[0](x) * self.scale + self.offset + self.plain[:4]
        return {"scores": scores, "more": (self.heads[1](x).argmax(-1), [None, x.shape[0]])}


def pictures(count: int) -> rl.Tensor:
    return rl.randint(0, 256, (count, 1, 4, 4)).cast("uint8")


@pytest.fixture
def classifier() -> Classifier:
    rl.manual_seed(2)
    model = Classifier()
    for _ in range(3):
        model(pictures(8))  # moves the running statistics
    return model


def saved(path: Path, model: Module, example: Any) -> Module:
    rl.save(path / "m.safetensors", model, example=example)
    return rl.load(path / "m.safetensors").model


def same_outputs(got: Any, wanted: Any) -> None:
    got_leaves, got_tree = flatten(got)
    wanted_leaves, wanted_tree = flatten(wanted)
    assert got_tree == wanted_tree
    for one, other in zip(got_leaves, wanted_leaves, strict=True):
        assert one.spec == other.spec
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 37, 50])
def test_a_graph_traced_for_one_batch_takes_any(
    tmp_path: Path, classifier: Classifier, count: int
) -> None:
    loaded = saved(tmp_path, classifier, pictures(2))
    x = pictures(count)
    same_outputs(loaded(x), classifier.eval()(x))


def test_a_loaded_graph_keeps_the_names_of_all_tensors(
    tmp_path: Path, classifier: Classifier
) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    for kind in ("named_parameters", "named_buffers"):
        got, wanted = dict(getattr(loaded, kind)()), dict(getattr(classifier, kind)())
        assert list(got) == list(wanted)
        for name in wanted:
            np.testing.assert_array_equal(got[name].numpy(), wanted[name].numpy(), err_msg=name)


def test_a_loaded_graph_does_not_change_in_training_mode(
    tmp_path: Path, classifier: Classifier
) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    x = pictures(5)
    before = {name: tensor.numpy().copy() for name, tensor in loaded.state_dict().items()}
    same_outputs(loaded.train()(x), classifier.eval()(x))
    for name, tensor in loaded.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), before[name], err_msg=name)


def test_a_loaded_graph_has_the_gradients_of_its_model(
    tmp_path: Path, classifier: Classifier
) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    x = pictures(5)
    for model in (loaded, classifier.eval()):
        (model(x)["scores"] ** 2).sum().backward()
    wanted = dict(classifier.named_parameters())
    for name, parameter in loaded.named_parameters():
        if wanted[name].grad is None:
            assert parameter.grad is None
        else:
            np.testing.assert_array_equal(parameter.grad.numpy(), wanted[name].grad.numpy())
    assert wanted["convolution.weight"].grad is not None


def test_a_loaded_graph_sees_its_parameters_change(tmp_path: Path, classifier: Classifier) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    x = pictures(3)
    loaded(x)
    for model in (loaded, classifier.eval()):
        model.state_dict()["scale"].assign(rl.tensor([1.0, 2.0, 3.0, 4.0]))
    same_outputs(loaded(x), classifier(x))


def test_a_loaded_graph_saved_again_is_the_same_file(
    tmp_path: Path, classifier: Classifier
) -> None:
    rl.save(tmp_path / "a", classifier, task={"kind": "x"}, example=pictures(1))
    rl.save(tmp_path / "b", rl.load(tmp_path / "a").model, task={"kind": "x"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_loaded_graph_inside_another_model_is_traced_with_it(
    tmp_path: Path, classifier: Classifier
) -> None:
    class Around(Module):
        def __init__(self, inner: Module) -> None:
            self.inner = inner

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return self.inner(x)["scores"].softmax()

    inner = saved(tmp_path, classifier, pictures(1))
    loaded = saved(tmp_path, Around(inner), pictures(1))
    x = pictures(6)
    same_outputs(loaded(x), classifier.eval()(x)["scores"].softmax())
    assert "inner.heads.0.weight" in loaded.state_dict()


def test_a_loaded_graph_compiles_and_copies(tmp_path: Path, classifier: Classifier) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    x = pictures(3)
    same_outputs(rl.compile(loaded)(x)["scores"], loaded(x)["scores"])
    other = copy.deepcopy(loaded)
    loaded.state_dict()["scale"].assign(rl.zeros(4))
    same_outputs(other(x), classifier.eval()(x))


def test_an_error_in_a_loaded_graph_names_the_layer(tmp_path: Path) -> None:
    class Words(Module):
        def __init__(self) -> None:
            self.table = rl.nn.Sequential(rl.nn.Embedding(5, 2))

        def forward(self, ids: rl.Tensor) -> rl.Tensor:
            return self.table(ids)

    loaded = saved(tmp_path, Words(), rl.tensor([[1, 2]]))
    with pytest.raises(rl.BoundsError, match=r"in table\.0"):
        loaded(rl.tensor([[1, 5]]))


def test_a_graph_with_several_inputs_shares_the_batch(tmp_path: Path) -> None:
    class Pair(Module):
        def forward(self, x: rl.Tensor, y: rl.Tensor, mask: rl.Tensor) -> tuple[rl.Tensor, Any]:
            return x @ mask + y.unsqueeze(1), y

    loaded = saved(tmp_path, Pair(), (rl.randn(2, 3), rl.randn(2), rl.randn(3, 3)))
    inputs = (rl.randn(5, 3), rl.randn(5), rl.randn(3, 3))
    same_outputs(loaded(*inputs), Pair()(*inputs))
    with pytest.raises(rl.ShapeError, match=r"argument 1 of Pair is \(4,\), traced as \(batch,\)"):
        loaded(rl.randn(5, 3), rl.randn(4), rl.randn(3, 3))


def test_what_depends_on_the_whole_batch_is_right_for_any_batch(tmp_path: Path) -> None:
    class Centred(Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return (x.mean(0) - x).softmax(0)

    loaded = saved(tmp_path, Centred(), rl.randn(1, 3))
    x = rl.randn(6, 3)
    same_outputs(loaded(x), Centred()(x))


class OfOneSize(Module):
    """Its 1/n is a number of the graph, which holds for one batch only."""

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * (1.0 / x.shape[0])


class OfEightRows(Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x.reshape(8, 4)


class ByBatch(Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * 2.0 if x.shape[0] == 8 else x * 3.0


@pytest.mark.parametrize("cls", [OfOneSize, OfEightRows, ByBatch])
def test_a_graph_that_holds_for_one_batch_refuses_others(tmp_path: Path, cls: type[Module]) -> None:
    loaded = saved(tmp_path, cls(), rl.randn(8, 4))
    x = rl.randn(8, 4)
    same_outputs(loaded(x), cls()(x))
    with pytest.raises(rl.ShapeError, match=r"is \(5, 4\), traced as \(8, 4\)"):
        loaded(rl.randn(5, 4))


def test_no_inputs_and_scalars_are_fine(tmp_path: Path) -> None:
    class Nothing(Module):
        def __init__(self) -> None:
            self.w = Parameter([3.0])

        def forward(self) -> rl.Tensor:
            return self.w * 2.0

    class Scalar(Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return x * 2.0

    assert saved(tmp_path, Nothing(), ())().tolist() == [6.0]
    assert saved(tmp_path, Scalar(), rl.tensor(1.0))(rl.tensor(4.0)).item() == 8.0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int8", "uint64", "bool"])
def test_casts_and_tensors_of_every_dtype_go_through(tmp_path: Path, dtype: str) -> None:
    class Cast(Module):
        def __init__(self) -> None:
            self.buffer("kept", rl.tensor([1.0, 0.0, 3.0]).cast(dtype))
            self.small = rl.tensor([0.0, 1.0, 1.0]).cast(dtype)

        def forward(self, x: rl.Tensor) -> Any:
            return x.cast(dtype), self.kept.cast("float32") + x, self.small.cast("float64") * 2.0

    loaded = saved(tmp_path, Cast(), rl.ones(3))
    x = rl.tensor([0.0, 1.0, 0.7])
    same_outputs(loaded(x), Cast()(x))
    assert loaded.state_dict()["kept"].dtype.name == dtype


def test_constants_are_exact_whatever_they_are(tmp_path: Path) -> None:
    numbers = [0.1, -0.0, 1e-45, 3.4028235e38, 1 / 3]

    class Constants(Module):
        def __init__(self) -> None:
            self.odd = rl.tensor([float("nan"), float("inf"), -float("inf")])
            self.many = rl.randn(40)

        def forward(self, x: rl.Tensor) -> Any:
            return x * rl.tensor(numbers), x[:3] + self.odd, x[0] + self.many, x.clip(-1e-7, 2**60)

    model = Constants()
    loaded = saved(tmp_path, model, rl.ones(5))
    same_outputs(loaded(rl.ones(5)), model(rl.ones(5)))
    with load_file(tmp_path / "m.safetensors") as file:
        assert sorted(file.names) == ["constant.0", "constant.1"]


def test_a_constant_gives_way_to_a_tensor_of_its_name(tmp_path: Path) -> None:
    class Named(Module):
        def __init__(self) -> None:
            self.constant = [Parameter([2.0])]
            self.large = rl.randn(20)

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return x * self.constant[0] + self.large

    model = Named()
    loaded = saved(tmp_path, model, rl.ones(20))
    same_outputs(loaded(rl.ones(20)), model(rl.ones(20)))
    assert list(loaded.state_dict()) == ["constant.0"]


def test_a_shared_parameter_stays_shared(tmp_path: Path) -> None:
    tied = rl.nn.Sequential(rl.nn.Linear(3, 3), rl.nn.ReLU(), rl.nn.Linear(3, 3))
    tied[2].weight = tied[0].weight
    loaded = saved(tmp_path, tied, rl.ones(1, 3))
    same_outputs(loaded(rl.ones(4, 3)), tied(rl.ones(4, 3)))
    assert list(loaded.state_dict()) == ["0.weight", "0.bias", "2.bias"]


# --- models that registered layers alone would not give back ---


def tied(layer: rl.nn.Linear) -> rl.nn.Linear:
    other = rl.nn.Linear(4, 4)
    other.weight = layer.weight
    return other


def altered(change: Any) -> rl.nn.Sequential:
    model = rl.nn.Sequential(rl.nn.Linear(4, 4), rl.nn.Dropout(0.5), rl.nn.LayerNorm(4))
    change(model)
    return model


class Own(Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x


class OwnLinear(rl.nn.Linear):
    """A subclass of a registered layer is not registered itself."""


ALTERED = [
    ("a layer of an own class", lambda m: m.append(Own()), "layers[3] is of class Own"),
    ("a subclass", lambda m: m.append(OwnLinear(4, 4)), "layers[3] is of class OwnLinear"),
    ("another eps", lambda m: setattr(m[2], "eps", 0.5), "eps of 2 is 0.5 by now, its constructor"),
    ("another share", lambda m: setattr(m[1], "p", 0.1), "p of 1 is 0.1 by now"),
    ("an attribute more", lambda m: setattr(m[0], "note", "x"), "note of 0 was added"),
    ("one layer of another dtype", lambda m: m[0].cast("float64"), "is float32 (4,) by now"),
    (
        "another shape",
        lambda m: setattr(m[0], "weight", Parameter(rl.zeros(5, 4))),
        "0.weight is float32 (5, 4) by now, its constructor made it float32 (4, 4)",
    ),
    ("a bias less", lambda m: setattr(m[0], "bias", None), "bias of 0 is None by now"),
    ("a parameter more", lambda m: setattr(m[1], "w", Parameter([1.0])), "w of 1 was added"),
    ("a buffer more", lambda m: m[1].buffer("b", rl.ones(1)), "b of 1 was added"),
    ("an attribute less", lambda m: delattr(m[1], "p"), "p of 1 was taken away"),
    ("a named layer", lambda m: setattr(m, "last", rl.nn.ReLU()), "last of the model was added"),
    ("a shared weight", lambda m: m.append(tied(m[0])), "3.weight is shared"),
    (
        "a constructor argument that is a function",
        lambda m: m.append(Chosen(np.tanh)),
        "layers[3].function is of type ufunc, which JSON cannot say",
    ),
]


@rl.nn.module.register
class Chosen(Module):
    def __init__(self, function: Any) -> None:
        self.function = function

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x


@pytest.mark.parametrize(
    ("change", "fact"), [(change, fact) for _, change, fact in ALTERED], ids=[c[0] for c in ALTERED]
)
def test_a_model_that_its_layers_alone_do_not_give_needs_an_example(
    tmp_path: Path, change: Any, fact: str
) -> None:
    with pytest.raises(rl.ModuleError) as caught:
        rl.save(tmp_path / "m.safetensors", altered(change))
    assert fact in str(caught.value)
    assert "hint: pass example=" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_altered_model_is_saved_as_the_graph_of_what_it_is(tmp_path: Path) -> None:
    def change(model: rl.nn.Sequential) -> None:
        model[2].eps = 0.5
        model[0].weight = Parameter(rl.randn(4, 4))
        model.append(OwnLinear(4, 2))

    model = altered(change)
    loaded = saved(tmp_path, model, rl.ones(1, 4))
    x = rl.randn(3, 4)
    same_outputs(loaded(x), model.eval()(x))


def test_layers_that_were_replaced_or_appended_are_saved_as_layers(tmp_path: Path) -> None:
    def change(model: rl.nn.Sequential) -> None:
        setattr(model, "1", rl.nn.Tanh())
        model.append(rl.nn.Linear(4, 2))

    model = altered(change)
    loaded = saved(tmp_path, model, None)
    assert repr(loaded) == repr(model)
    x = rl.randn(3, 4)
    same_outputs(loaded(x), model.eval()(x))


def test_one_activation_used_twice_is_saved_as_layers(tmp_path: Path) -> None:
    relu = rl.nn.ReLU()
    model = rl.nn.Sequential(rl.nn.Linear(4, 4), relu, rl.nn.Linear(4, 2), relu)
    loaded = saved(tmp_path, model, None)
    assert repr(loaded) == repr(model)


# --- what cannot be saved ---


class Noisy(Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x + rl.randn(*x.shape)


class Counting(Module):
    def __init__(self) -> None:
        self.buffer("calls", rl.tensor(0))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        self.calls = self.calls + 1
        return x


class Deciding(Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x if x.sum() > 0 else -x


class Forgetful(Module):
    def __init__(self) -> None:
        self.called = 0.0

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        self.called += 1.0
        return x * self.called


class Answering(Module):
    def forward(self, x: rl.Tensor) -> Any:
        return x, object()


IMPOSSIBLE = [
    (Noisy, rl.ModuleError, "forward draws random numbers in evaluation mode"),
    (Counting, rl.ModuleError, "forward changes calls in evaluation mode"),
    (Deciding, rl.TraceError, "has none yet"),
    (Forgetful, rl.ModuleError, "does not give what the model itself gives"),
    (Answering, rl.ModuleError, "the result of forward is an object"),
]


@pytest.mark.parametrize(
    ("cls", "kind", "fact"), IMPOSSIBLE, ids=[cls.__name__ for cls, _, _ in IMPOSSIBLE]
)
def test_a_model_that_is_no_pure_function_of_its_input_is_refused(
    tmp_path: Path, cls: type[Module], kind: type[Exception], fact: str
) -> None:
    model = cls()
    with pytest.raises(kind) as caught:
        rl.save(tmp_path / "m.safetensors", model, example=rl.ones(2))
    assert fact in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert model.training


@pytest.mark.parametrize("example", [3, [1.0, 2.0], np.ones((2, 4)), {"x": rl.ones(2)}, "x"])
def test_an_example_is_made_of_tensors(tmp_path: Path, example: Any) -> None:
    with pytest.raises(rl.UsageError, match="an example is a tensor, or several"):
        rl.save(tmp_path / "m.safetensors", Own(), example=example)


def test_a_registered_model_needs_and_ignores_no_example(tmp_path: Path) -> None:
    loaded = saved(tmp_path, rl.nn.Linear(2, 1), rl.ones(7))
    assert repr(loaded) == "Linear(2, 1)"


# --- calling a loaded graph wrongly ---

CALLS = [
    ((), rl.ModuleError, "Classifier takes 1 tensors, got 0"),
    ((rl.ones(1), rl.ones(1)), rl.ModuleError, "Classifier takes 1 tensors, got 2"),
    ((rl.ones(2, 1, 4, 4),), rl.DTypeError, "is float32, traced as uint8"),
    ((rl.zeros(2, 1, 4, 5, dtype="uint8"),), rl.ShapeError, "traced as (batch, 1, 4, 4)"),
    ((rl.zeros(4, dtype="uint8"),), rl.ShapeError, "is (4,), traced as"),
]


@pytest.mark.parametrize(("inputs", "kind", "fact"), CALLS, ids=[fact for *_, fact in CALLS])
def test_a_wrong_call_says_what_the_graph_takes(
    tmp_path: Path, classifier: Classifier, inputs: Any, kind: type[Exception], fact: str
) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    with pytest.raises(kind) as caught:
        loaded(*inputs)
    assert fact in str(caught.value)


def test_a_loaded_graph_cast_to_another_dtype_says_that_it_cannot_run(
    tmp_path: Path, classifier: Classifier
) -> None:
    loaded = saved(tmp_path, classifier, pictures(1))
    loaded(pictures(1))
    with pytest.raises(rl.ShapeError, match="dtypes differ: float32 and float64"):
        loaded.cast("float64")(pictures(1))


# --- sizes that grow with the batch ---


def test_only_integers_that_grow_in_a_straight_line_are_merged() -> None:
    sizes = (3, 5, 11)
    assert merge_batches(sizes, [[7, 3 * n - 1, {"a": n}] for n in sizes]) == [
        7,
        {"batch": 3, "plus": -1},
        {"a": {"batch": 1, "plus": 0}},
    ]
    for different in (
        [n * n for n in sizes],
        [n // 2 for n in sizes],
        [1.0 / n for n in sizes],
        [str(n) for n in sizes],
        [n > 4 for n in sizes],
        [[0] * n for n in sizes],
        [3, 5, 11.0],
        [{"a": 1}, {"a": 1}, {"b": 1}],
    ):
        assert merge_batches(sizes, different) is None


def test_merged_records_give_back_each_size() -> None:
    sizes = (3, 5, 11)
    records = [{"shape": [n, 4 * n + 2, 7], "name": "x", "flag": True} for n in sizes]
    merged = merge_batches(sizes, records)
    assert [at_batch(merged, n) for n in sizes] == records


def test_the_file_says_which_sizes_grow_with_the_batch(tmp_path: Path) -> None:
    class Flat(Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return x.reshape(-1)

    rl.save(tmp_path / "m.safetensors", Flat(), example=rl.ones(1, 3))
    with load_file(tmp_path / "m.safetensors") as file:
        graph = json.loads(file.metadata["rushlight"])["graph"]
    assert graph["nodes"] == [
        {
            "op": "reshape",
            "inputs": [0],
            "params": {"shape": [{"batch": 3, "plus": 0}]},
            "module": "",
        }
    ]
