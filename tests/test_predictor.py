"""A saved text classifier answers from its file alone, however it cuts texts into tokens."""

import json

import pytest

import rushlight as rl
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data import Tokenizer, Vocabulary
from rushlight.export.write import export_model
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
