"""The commands that show: layers, graph, machine, and two networks that learn."""

import json
import re

import pytest


def test_inspect_lists_layers_and_facts(rushlight, models):
    done = rushlight("inspect", models / "digits.safetensors")
    assert "218,058 parameters" in done.stdout
    assert "test_accuracy" in done.stdout


def test_inspect_gives_json(rushlight, models):
    facts = json.loads(rushlight("inspect", models / "spam.safetensors", "--json").stdout)
    assert facts["task"]["labels"] == ["HAM", "SPAM"]


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
