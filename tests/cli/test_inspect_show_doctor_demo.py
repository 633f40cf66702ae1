"""The commands that show: layers, graph, machine, and two networks that learn."""

import json
import re

import pytest

import rushlight as rl


def test_inspect_lists_layers_and_facts(rushlight, models):
    done = rushlight("inspect", models / "digits.safetensors")
    assert "218,058 parameters" in done.stdout
    assert "test_accuracy" in done.stdout


def test_inspect_counts_what_each_layer_costs(rushlight, models):
    lines = rushlight("inspect", models / "digits.safetensors").stdout.splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "bytes", "multiply-adds"]
    rows = [line.split() for line in lines[1:7]]
    assert rows[0][2:] == ["10", "218,058", "872,232", "217,728"]
    assert rows[1][2:] == ["256", "200,960", "803,840", "200,704"]
    assert rows[2][2:] == ["256", "0", "0", "0"]
    assert "217,728 multiply-adds for an input float32 (1, 784)" in lines
    assert any(
        re.fullmatch(r"[\d,]+ bytes beside the weights, in \d kernels of C", x) for x in lines
    )


def test_inspect_draws_the_losses_of_training(rushlight, models):
    lines = rushlight("inspect", models / "spam.safetensors").stdout.splitlines()
    assert lines[-1].strip().startswith("⣀⣀ loss")
    ascii_lines = rushlight("inspect", models / "spam.safetensors", encoding="ascii").stdout
    assert "** loss" in ascii_lines


def test_inspect_gives_json(rushlight, models):
    facts = json.loads(rushlight("inspect", models / "spam.safetensors", "--json").stdout)
    assert facts["task"]["labels"] == ["HAM", "SPAM"]
    assert facts["multiply_adds"] == 32 == facts["layers"][0]["multiply_adds"]
    assert facts["bytes"] == 4 * facts["parameters"]
    assert len(facts["training"]["losses"]) == 100


TASKS = {
    "none": None,
    "of a kind that is not known": {"kind": "oracle"},
    "of another network": {"kind": "image-classifier", "shape": [1, 28, 28], "labels": ["a"]},
    "of an input too large": {"kind": "regressor", "inputs": 10**18},
    "of an input below nothing": {"kind": "regressor", "inputs": -1},
    "of no input": {"kind": "image-classifier", "shape": [], "labels": ["a"]},
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_inspect_of_a_network_whose_task_says_no_input_shows_the_rest(rushlight, tmp_path, task):
    losses = {"losses": ["x", None], "epochs": -3}
    path = tmp_path / "net.safetensors"
    rl.save(path, rl.nn.Sequential(rl.nn.Linear(3, 2), rl.nn.ReLU()), task=task, training=losses)
    done = rushlight("inspect", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["layer", "kind", "parameters", "bytes"]
    assert "8 parameters (8 trained), 32 bytes" in done.stdout
    facts = json.loads(rushlight("inspect", path, "--json").stdout)
    assert (facts["input"], facts["multiply_adds"]) == (None, None)


@pytest.mark.parametrize(
    ("task", "training"),
    [
        ({"kind": "regressor", "inputs": 2**62}, {}),
        ({"kind": "image-classifier", "shape": [2**40, 2**40]}, {}),
        ({}, {"losses": [1e308, -1e308], "validation_losses": [1e-308, 1e308]}),
        ({"kind": "\x1b[31mred\x07"}, {"by": ["\x1b]0;title\x07"]}),
    ],
)
def test_inspect_shows_a_hostile_file_calmly(rushlight, tmp_path, task, training):
    path = tmp_path / "model.safetensors"
    rl.save(path, rl.nn.Linear(2, 1), task=task, training=training)
    done = rushlight("inspect", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 parameters" in done.stdout
    assert not set("\x1b\x07") & set(done.stdout)


def test_show_prints_the_graph(rushlight, models):
    for name in ("spam", "digits", "neuron"):
        done = rushlight("show", models / f"{name}.safetensors")
        assert "= matmul_t " in done.stdout


def test_show_prints_the_c_and_the_passes(rushlight, models):
    source = rushlight("show", models / "digits.safetensors", "--c").stdout
    assert "int64_t rl_program(rl_call *call)" in source
    stages = rushlight("show", models / "spam.safetensors", "--passes").stdout
    assert re.findall("^# (traced|rewritten for C)$", stages, re.M) == ["traced", "rewritten for C"]
    assert rushlight("show", models / "spam.safetensors", "--passes", "--c").returncode == 2


def test_doctor_says_what_there_is(rushlight):
    facts = json.loads(rushlight("doctor", "--json").stdout)
    assert facts["numpy"]
    assert "compiler" in rushlight("doctor").stdout


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_the_demo_trains_nothing_without_a_folder_to_keep_it_in(rushlight, tmp_path, out):
    (tmp_path / "file").write_text("mine")
    done = rushlight("demo", "--out", out)
    assert done.returncode == 2
    assert done.stderr.startswith(f"rushlight: the folder {out} cannot be made: ")
    assert (done.stdout, (tmp_path / "file").read_text()) == ("", "mine")


def test_the_demo_ends_with_the_accuracy_and_a_picture(rushlight):
    done = rushlight("demo", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    accuracy = next(
        i for i, line in enumerate(lines) if re.fullmatch(r"test accuracy \d\d\.\d\d%", line)
    )
    assert len(lines) - accuracy > 5
    for sentence, label in (("Win money now", "SPAM"), ("See you tomorrow", "HAM")):
        assert any(line.startswith(sentence) and label in line for line in lines)
