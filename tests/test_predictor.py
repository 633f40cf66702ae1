"""A saved network answers from its file alone, however it was given texts or pictures."""

import json
import math

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data import BPETokenizer, CharTokenizer, Tokenizer, Vocabulary, image_folder
from rushlight.export.write import export_model
from rushlight.formats.png import write_png
from rushlight.predictor import Predictor

TEXTS = ["Win money now!", "Hello friend."]


def save(path, tokenizer, /, **changes):
    """Save a model that calls spam what has more of the tokens of the first text."""
    vocabulary = Vocabulary.build(TEXTS, tokenizer=tokenizer)
    rl.manual_seed(0)
    bag = rl.nn.EmbeddingBag(len(vocabulary), 2, mode="sum")
    spam = set(vocabulary.encode(TEXTS[0]).tolist())
    rows = [[0.0, 1.0] if i in spam else [1.0, 0.0] for i in range(1, len(vocabulary))]
    bag.weight.assign(rl.tensor([[0.0, 0.0], *rows]))
    task = {"kind": "text-classifier", "labels": ["HAM", "SPAM"], **vocabulary.to_task()}
    rl.save(path, rl.nn.Sequential(bag), task=task | changes)
    return path


@pytest.mark.parametrize(
    "tokenizer",
    [None, Tokenizer(punctuation=True, ngrams=(1, 2), characters=(3, 5)), Tokenizer(ngrams=(2, 2))],
    ids=["words", "all", "pairs"],
)
def test_a_text_classifier_cuts_texts_as_it_was_trained(tmp_path, tokenizer):
    predictor = Predictor(save(tmp_path / "m.safetensors", tokenizer))
    assert predictor.text("WIN MONEY now").label == "SPAM"
    assert predictor.text("hello friend").label == "HAM"
    assert predictor.vocabulary == Vocabulary.build(TEXTS, tokenizer=tokenizer)


def test_words_that_were_not_seen_are_counted_as_words_not_as_tokens(tmp_path):
    tokenizer = Tokenizer(ngrams=(1, 2), characters=(3, 4))
    predictor = Predictor(save(tmp_path / "m.safetensors", tokenizer))
    notes = predictor.text("win big money").notes
    assert notes == ("1 of 3 words were not seen in training",)
    assert predictor.text("xyz").notes == ("none of these words was seen in training",)


def test_marks_are_words_where_the_tokenizer_keeps_them(tmp_path):
    plain = Predictor(save(tmp_path / "plain.safetensors", None))
    with pytest.raises(DataError, match="there is no word in"):
        plain.text("!!")
    keeping = Predictor(save(tmp_path / "marks.safetensors", Tokenizer(punctuation=True)))
    assert keeping.text("!!").label == "SPAM"


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": "xyz"},
        {"channels": [1, 2]},
        {"length": 4.0},
        {"length": None},
        {"channels": []},
    ],
    ids=str,
)
def test_a_signal_classifier_without_channels_or_length_is_refused(tmp_path, changes):
    model = rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(8, 2))
    task = {"kind": "signal-classifier", "labels": ["a", "b"], "channels": ["x", "y"], "length": 4}
    path = tmp_path / "m.safetensors"
    rl.save(path, model, task=task | changes)
    with pytest.raises(FormatError, match="its task has no channels and length of signals"):
        Predictor(path)


def test_a_signal_is_answered_by_its_file_alone(tmp_path):
    model = rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(4, 2, bias=False))
    model[1].weight.assign(rl.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]))
    task = {"kind": "signal-classifier", "labels": ["x", "y"], "channels": ["x", "y"], "length": 2}
    rl.save(tmp_path / "m.safetensors", model, task=task)
    (tmp_path / "s.csv").write_text("y,x\n3,0\n4,1\n")
    predictor = Predictor(tmp_path / "m.safetensors")
    answer = predictor.ask(str(tmp_path / "s.csv"))
    assert (answer.label, answer.signal.tolist()) == ("y", [[0.0, 1.0], [3.0, 4.0]])
    with pytest.raises(UsageError, match="takes a signal in a CSV file, not text"):
        predictor.text("hello")


@pytest.mark.parametrize("tokenizer", [None, 1, {}, {"words": True}, "words"])
def test_a_tokenizer_that_is_none_is_refused(tmp_path, tokenizer):
    path = save(tmp_path / "m.safetensors", None, tokenizer=tokenizer)
    with pytest.raises(FormatError, match=r"m.safetensors: a tokenizer is an object of words"):
        Predictor(path)


def test_the_file_says_it_all_in_plain_json(tmp_path):
    tokenizer = Tokenizer(ngrams=(1, 2))
    task = rl.load(save(tmp_path / "m.safetensors", tokenizer)).task
    assert json.loads(json.dumps(task))["tokenizer"]["ngrams"] == [1, 2]


def test_a_model_with_a_tokenizer_that_c_does_not_know_is_not_exported(tmp_path):
    path = save(tmp_path / "m.safetensors", Tokenizer(punctuation=True))
    with pytest.raises(UsageError, match="the model's tokenizer cannot be exported"):
        export_model(path, "c", tmp_path / "c")
    assert not (tmp_path / "c").exists()


def brightness(path, shape):
    """Save a model that tells dark pictures from bright ones, by the sum of the first channel."""
    model = rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(math.prod(shape), 2))
    weight = np.zeros((2, *shape), np.float32)
    weight[1, 0] = 1.0
    model[1].weight.assign(weight.reshape(2, -1))
    model[1].bias.assign([float(math.prod(shape[1:])) / 2, 0.0])
    task = {"kind": "image-classifier", "labels": ["dark", "bright"], "shape": list(shape)}
    rl.save(path, model, task=task | {"scale": 1 / 255})
    return path


@pytest.mark.parametrize("shape", [(3, 8, 6), (1, 4, 4), (3, 28, 28)])
@pytest.mark.parametrize("value", [10, 240])
def test_pictures_that_are_no_digits_are_read_as_image_folder_reads_them(tmp_path, shape, value):
    predictor = Predictor(brightness(tmp_path / "m.safetensors", shape))
    (tmp_path / "all" / "one").mkdir(parents=True)
    path = tmp_path / "all" / "one" / "1.png"
    write_png(path, np.full((30, 40, 3), value, np.uint8))
    answer = predictor.picture(path)
    assert answer.label == ("bright" if value > 127 else "dark")
    assert answer.notes == ("resized from 40x30",)
    (same,) = image_folder(tmp_path / "all", size=shape[1:], channels=shape[0]).arrays[0]
    np.testing.assert_array_equal(predictor.read_picture(path)[0], same)


def test_a_shape_that_no_picture_has_is_refused(tmp_path):
    write_png(tmp_path / "1.png", np.zeros((4, 4), np.uint8))
    predictor = Predictor(brightness(tmp_path / "m.safetensors", (2, 4, 4)))
    with pytest.raises(FormatError, match=r"does not become \(2, 4, 4\), the shape in its task"):
        predictor.picture(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"takes pictures of \(2, 4, 4\), these are \(3, 4, 4\)"):
        predictor.outputs(np.zeros((5, 3, 4, 4), np.uint8))


def test_a_file_that_does_not_say_how_it_is_asked_tells_how_to(tmp_path):
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(1, 1))
    with pytest.raises(
        FormatError, match=r'no task, not one of (.|\n)*task=\{"kind": ...\}\) says'
    ):
        Predictor(tmp_path / "m.safetensors")


@pytest.mark.parametrize("inputs", [None, 0, "2", 2.0, True])
def test_a_classifier_of_numbers_says_how_many_it_takes(tmp_path, inputs):
    task = {"kind": "number-classifier", "labels": ["a", "b"], "inputs": inputs}
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(2, 2), task=task)
    with pytest.raises(FormatError, match="its task has no count of inputs"):
        Predictor(tmp_path / "m.safetensors")


def test_numbers_given_one_by_one_are_asked_for_together(tmp_path):
    task = {"kind": "regressor", "inputs": 3}
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(3, 1), task=task)
    with pytest.raises(DataError, match="takes 3 numbers, got 1\n  hint: all of them are one inp"):
        Predictor(tmp_path / "m.safetensors").ask("1")


class Pair(rl.nn.Module):
    def forward(self, x):
        return x, x


class Total(rl.nn.Module):
    def forward(self, x):
        return x.sum((0,)).reshape(1, -1)


def digits(**changes):
    task = {"kind": "image-classifier", "labels": ["0", "1"], "shape": [784], "scale": 0.5}
    return task | changes


NUMBERS = {"kind": "regressor", "inputs": 2}


@pytest.mark.parametrize(
    ("model", "task", "words"),
    [
        (rl.nn.Linear(784, 2), digits(shape=[3, 5]), "the network takes pictures of"),
        (rl.nn.Linear(784, 2), digits(shape=[2**62, 2**62]), "the network takes pictures of"),
        (rl.nn.Linear(784, 2), digits(scale=1e308), "no shape and scale"),
        (Pair(), digits(), "the network gives tuple, not one tensor"),
    ],
)
def test_a_task_that_is_not_the_network_s_is_explained(tmp_path, model, task, words):
    rl.save(tmp_path / "m", model, task=task, example=rl.ones(1, 784))
    with pytest.raises(rl.RushlightError, match=words):
        Predictor(tmp_path / "m").pixels(np.zeros((28, 28), np.uint8))


def test_a_network_without_parameters_answers(tmp_path):
    rl.save(tmp_path / "m", rl.nn.ReLU(), task=NUMBERS)
    predictor = Predictor(tmp_path / "m")
    assert predictor.numbers("-1 2").values == (0.0, 2.0)
    np.testing.assert_array_equal(predictor.outputs([[-1, 2]]).numpy(), [[0, 2]])


def test_answers_that_are_not_one_an_input_are_refused(tmp_path):
    rl.save(tmp_path / "m", Total(), task=NUMBERS, example=rl.ones(1, 2))
    with pytest.raises(FormatError, match="the network gives 1 answers to 3 inputs"):
        Predictor(tmp_path / "m").outputs(np.ones((3, 2)))


def test_numbers_that_are_too_large_are_answered_without_a_warning(tmp_path, recwarn):
    model = rl.nn.Linear(2, 1)
    model.weight.assign(rl.full((1, 2), 3e38))
    rl.save(tmp_path / "m", model, task=NUMBERS)
    with pytest.raises(DataError, match="the network answers inf"):
        Predictor(tmp_path / "m").numbers("9 9")
    Predictor(tmp_path / "m").outputs(np.full((1, 2), 1e300))
    assert list(recwarn) == []


def test_a_text_is_explained_word_by_word(tmp_path):
    predictor = Predictor(save(tmp_path / "m.safetensors", None))
    why = predictor.explain("Win some money, friend").why
    assert [word.text for word in why.words] == ["win", "some", "money", "friend"]
    assert [word.score for word in why.words] == [1, 0, 1, -1]
    assert [word.known for word in why.words] == [True, False, True, True]
    assert why.rest == 0
    answer = predictor.text("Win some money, friend")
    assert predictor.explain("Win some money, friend").probabilities == answer.probabilities
    assert answer.why is None


def test_a_network_saved_as_a_graph_is_explained_too(tmp_path):
    class Doubled(rl.nn.Module):
        def __init__(self):
            self.bag = rl.nn.EmbeddingBag(3, 2, mode="sum")

        def forward(self, ids):
            return self.bag(ids) * 2

    model = Doubled()
    model.bag.weight.assign([[0.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    example = rl.tensor([[1, 2]])
    task = {"kind": "text-classifier", "labels": ["a", "b"], **Vocabulary(["x", "y"]).to_task()}
    rl.save(tmp_path / "m.safetensors", model, task=task, example=example)
    why = Predictor(tmp_path / "m.safetensors").explain("x y").why
    assert [word.score for word in why.words] == [-2, 6]


def test_a_picture_is_not_explained(tmp_path):
    task = {"kind": "image-classifier", "labels": ["a", "b"], "scale": 1.0, "shape": [2]}
    rl.save(tmp_path / "m.safetensors", rl.nn.Linear(2, 2), task=task)
    with pytest.raises(
        UsageError, match=r"is of kind image-classifier, and why is told of a text-classifier alone"
    ):
        Predictor(tmp_path / "m.safetensors").explain("x.png")


def test_a_text_classifier_may_read_characters_or_byte_pairs(tmp_path):
    for tokenizer in (CharTokenizer("abc "), BPETokenizer([(97, 98)])):
        model = rl.nn.Sequential(rl.nn.EmbeddingBag(len(tokenizer), 2))
        task = {"kind": "text-classifier", "labels": ["x", "y"], **tokenizer.to_task()}
        rl.save(tmp_path / "m.safetensors", model, task=task)
        predictor = Predictor(tmp_path / "m.safetensors")
        assert predictor.vocabulary == tokenizer
        assert predictor.text("abc cab").notes == ()
        with pytest.raises(UsageError, match="the model's tokenizer cannot be exported"):
            export_model(tmp_path / "m.safetensors", "c", tmp_path / "m")
