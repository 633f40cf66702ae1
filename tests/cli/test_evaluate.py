"""`rushlight evaluate`: figures, confusions and the worst mistakes, on known data and on files."""

import json
import re

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import mnist
from rushlight.formats.png import write_png


def test_a_digits_network_is_evaluated_on_the_test_part(rushlight, models):
    done = rushlight("evaluate", models / "digits.safetensors")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    trained = json.loads(rushlight("inspect", models / "digits.safetensors", "--json").stdout)
    accuracy = trained["training"]["test_accuracy"]
    assert lines[0] == "MNIST, test part: 10,000 examples"
    assert lines[1].startswith(f"accuracy {accuracy:.2%}  loss ")
    assert [line.split()[0] for line in lines[4:14]] == [str(digit) for digit in range(10)]
    captions = lines[-1].strip()
    assert len(re.findall(r"\d as \d \d\d%", captions)) == 5
    assert all(len(line) <= 80 for line in lines)


def test_json_has_the_same_figures(rushlight, models):
    done = rushlight("evaluate", models / "digits.safetensors", "mnist", "--json", "--worst", "3")
    facts = json.loads(done.stdout)
    matrix = np.array(facts["confusion"])
    assert facts["count"] == matrix.sum() == 10_000
    assert facts["accuracy"] == np.trace(matrix) / 10_000
    np.testing.assert_allclose(facts["recall"], np.diag(matrix) / matrix.sum(1))
    labels = mnist.load().test_labels
    assert [one["label"] for one in facts["worst"]] == [
        str(labels[one["index"]]) for one in facts["worst"]
    ]
    assert len(facts["worst"]) == 3


def test_a_watch_is_evaluated_on_wearers_that_it_never_saw(rushlight, models):
    model = models / "gesture.safetensors"
    done = rushlight("evaluate", model, "--worst", "1")
    trained = json.loads(rushlight("inspect", model, "--json").stdout)["training"]
    lines = done.stdout.splitlines()
    assert lines[0] == "gestures of wearers never seen: 1,400 examples"
    assert lines[1].startswith(f"accuracy {trained['test_accuracy']:.2%}  loss ")
    assert re.fullmatch(r".* as .*%: example \d+", lines[-1])
    at = lines.index("what was taken for what, the most frequent first:")
    assert re.fullmatch(r".+ taken for .+: \d+ of 200", lines[at + 1])
    refused = rushlight("evaluate", model, model.parent)
    assert refused.returncode == 2
    assert refused.stderr.endswith("is a folder, but the network takes a signal in a CSV file\n")


def test_a_spam_filter_is_evaluated_on_its_sentences(rushlight, models):
    done = rushlight("evaluate", models / "spam.safetensors")
    assert "40 examples\naccuracy " in done.stdout


def test_real_messages_are_divided_as_the_labels_say(rushlight, models):
    done = rushlight("evaluate", models / "spam.safetensors", "sms", "--worst", "2")
    assert "5,572 examples (2 without a word left out)" in done.stdout
    assert len(re.findall("^(?:HAM as SPAM|SPAM as HAM) ", done.stdout, re.M)) == 2


def test_what_a_recipe_has_learned_from_is_not_what_it_is_tested_on(rushlight, models, tmp_path):
    loaded = rl.load(models / "spam.safetensors")
    training = {"recipe": "sms", "division": 3}
    rl.save(tmp_path / "sms.safetensors", loaded.model, task=loaded.task, training=training)
    lines = rushlight("evaluate", "sms.safetensors").stdout.splitlines()
    assert re.fullmatch(r"SMS Spam Collection, test part: 1,11\d examples.*", lines[0])


@pytest.mark.parametrize(
    "text",
    ["a,b,kind\n-1,2,neg\n3,1,pos\n2,0,neg\n", "kind,a,b\nneg,-1,2\npos,3,1\nneg,2,0\n"],
    ids=["last", "first"],
)
def test_rows_of_numbers_are_told_apart_as_the_label_in_their_table_says(rushlight, tmp_path, text):
    net = rl.nn.Linear(2, 2, bias=False)
    net.weight.assign([[-1.0, 0.0], [1.0, 0.0]])
    task = {"kind": "number-classifier", "labels": ["neg", "pos"], "inputs": 2}
    rl.save(tmp_path / "sign.safetensors", net, task=task)
    (tmp_path / "sign.csv").write_text(text)
    lines = rushlight("evaluate", "sign.safetensors", "sign.csv").stdout.splitlines()
    assert lines[0] == "sign.csv: 3 examples"
    assert lines[1].startswith("accuracy 66.67%")
    assert lines[-1] == "neg as pos 98.2%: 2 0"
    assert rushlight("predict", "sign.safetensors", "-- 1").returncode == 2
    assert rushlight("predict", "sign.safetensors", "5 0").stdout.startswith("5 0: pos\n")
    (tmp_path / "wide.csv").write_text("1,2,3,pos\n")
    wide = rushlight("evaluate", "sign.safetensors", "wide.csv")
    assert wide.stderr.endswith("has 4 columns, 1 of them texts (2 of numbers, and a label)\n")


TABLES = {
    "texts.tsv": 'spam\tWin a free "prize now\nham\tSee you tomorrow\n',
    "texts.csv": 'label,text\nSPAM,"Win a free prize, now"\nHAM,See you tomorrow\n',
    "texts.txt": "SPAM\tWin a free prize now\n ham \tSee you tomorrow\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_texts_come_from_tables(rushlight, models, tmp_path, name):
    (tmp_path / name).write_text(TABLES[name])
    done = rushlight("evaluate", models / "spam.safetensors", name, "--json")
    facts = json.loads(done.stdout)
    assert (facts["count"], facts["accuracy"], facts["worst"]) == (2, 1.0, [])


def test_texts_come_from_a_folder(rushlight, models, tmp_path):
    for label, text in (("ham", "See you tomorrow"), ("spam", "Win money now")):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "1.txt").write_text(text)
    done = rushlight("evaluate", models / "spam.safetensors", "texts", "--json")
    assert json.loads(done.stdout)["accuracy"] == 1.0


def test_pictures_come_from_a_folder(rushlight, models, tmp_path):
    test = mnist.load()
    for index in range(30):
        folder = tmp_path / "pictures" / str(test.test_labels[index])
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / f"{index}.png", test.test_images[index])
    done = rushlight("evaluate", models / "digits.safetensors", "pictures", "--json")
    facts = json.loads(done.stdout)
    assert facts["count"] == 30
    assert facts["accuracy"] > 0.8


def test_coloured_pictures_of_any_size_come_from_a_folder(rushlight, tmp_path):
    for label, value in (("dark", 250), ("light", 250)):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        write_png(tmp_path / "pictures" / label / "1.png", np.full((9, 12, 3), value, np.uint8))
    model = rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(48, 2))
    model[1].weight.assign(np.repeat([[0.0], [1.0]], 48, axis=1))
    model[1].bias.assign([24.0, 0.0])
    task = {"kind": "image-classifier", "labels": ["dark", "light"], "shape": [3, 4, 4]}
    rl.save(tmp_path / "m.safetensors", model, task=task | {"scale": 1 / 255})
    done = rushlight("evaluate", "m.safetensors", "pictures")
    assert "2 examples\naccuracy 50.00%" in done.stdout
    assert re.fullmatch(
        r"dark as light 100\.0%: pictures.dark.1\.png", done.stdout.splitlines()[-1]
    )


def test_numbers_come_from_a_table(rushlight, models, tmp_path):
    (tmp_path / "xor.csv").write_text("a,b,both\n0,0,0\n0,1,1\n1,0,1\n1,1,0.25\n")
    done = rushlight("evaluate", models / "neuron.safetensors", "xor.csv", "--worst", "1")
    lines = done.stdout.splitlines()
    assert lines[0] == "xor.csv: 4 examples"
    assert re.fullmatch(r"mean absolute error 0\.\d+  root mean squared error .*  R² 0.*", lines[1])
    assert lines[3] == "farthest off:"
    assert re.fullmatch(r"1 1 → -?[\d.e-]+, it is 0.25", lines[4])
    facts = json.loads(
        rushlight("evaluate", models / "neuron.safetensors", "xor.csv", "--json").stdout
    )
    assert facts["worst"][0]["target"] == [0.25]


FILES = {
    "bird.csv": "bird,See you\nbird,Win\n",
    "three.csv": "ham,a,b\n",
    "one.csv": "ham\n",
    "empty.csv": "",
    "wordless.csv": "HAM,?!\n",
    "picture.png": "no picture",
    "narrow.csv": "1,2\n",
    "words.csv": "1,2,x\n3,4,y\n",
}
WRONG = [
    ("spam", ["mnist"], "mnist is a picture, but the network takes text"),
    ("digits", ["sms"], "sms is text, but the network takes a picture"),
    ("spam", ["nowhere"], "there is no data 'nowhere'"),
    ("spam", ["bird.csv"], "bird.csv has the label 'bird', the network has not"),
    ("spam", ["three.csv"], "three.csv has 3 columns (a label, then a text)"),
    ("spam", ["one.csv"], "one.csv has 1 column (a label, then a text)"),
    ("spam", ["empty.csv"], "the file is empty"),
    ("spam", ["wordless.csv"], "there is no text with a word in it"),
    ("digits", ["picture.png"], "picture.png is no table"),
    ("digits", ["bird.csv"], "bird.csv is a table, but the network takes a picture"),
    ("digits", ["."], "."),
    ("neuron", [], "the file does not say what to evaluate on: its recipe is neuron"),
    ("neuron", ["."], ". is a folder, but the network takes numbers"),
    ("neuron", ["narrow.csv"], "narrow.csv has 2 columns, but the network takes 2 numbers"),
    ("neuron", ["words.csv"], "has a column that is not made of numbers"),
    ("spam", ["--worst", "-1"], "-1 is less than 0"),
]


@pytest.mark.parametrize(("model", "arguments", "message"), WRONG, ids=[w[2] for w in WRONG])
def test_wrong_input_ends_with_one_line_and_exit_code_2(
    rushlight, models, tmp_path, model, arguments, message
):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    done = rushlight("evaluate", models / f"{model}.safetensors", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_an_ascii_stream_takes_the_pictures(rushlight, models):
    done = rushlight("evaluate", models / "digits.safetensors", encoding="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
