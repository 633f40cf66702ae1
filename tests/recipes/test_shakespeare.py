"""The Shakespeare recipe: a quick version learns, is saved and writes."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import shakespeare as text
from rushlight.llm import Sampler, TextGenerator
from rushlight.models import GPT
from rushlight.recipes import shakespeare

LETTERS_ALONE = 3.3  # the loss of one who knows how frequent each character is, and no more


@pytest.fixture(scope="module")
def run():
    return shakespeare.train(steps=60, progress=False)


def test_a_minute_s_worth_of_steps_is_better_than_counting_letters(run):
    assert run.facts["validation_loss"] < 2.9 < LETTERS_ALONE
    assert run.facts["epochs"] == 1
    assert len(run.facts["sample"]) == shakespeare.SAMPLE


def test_the_saved_file_writes_alone(run, tmp_path):
    path = tmp_path / "shakespeare.safetensors"
    rl.save(path, run.model, task=run.task, training=run.facts)
    writer = TextGenerator.load(path)
    again = writer.write("\n", shakespeare.SAMPLE, Sampler(temperature=0.8, seed=0))
    assert "".join(again) == run.facts["sample"]


def test_the_validation_part_is_never_learnt_from():
    ids = np.arange(1000)
    cut = int(shakespeare.LEARNT * len(ids))
    learnt = shakespeare.pieces(ids[:cut], 64)
    held = shakespeare.pieces(ids[cut:], 64, step=64)
    assert max(x.max() for x in learnt.arrays) < cut <= min(x.min() for x in held.arrays)
    for inputs, following in (learnt.arrays, held.arrays):
        np.testing.assert_array_equal(inputs + 1, following)
    assert held.arrays[0].size == len(np.unique(held.arrays[0]))  # each character is judged once


def test_matrices_decay_and_norms_do_not():
    optimizer, _ = shakespeare.adamw(GPT(65, layers=1), 10)
    decayed, others = optimizer.groups
    assert {x.ndim for x in decayed.parameters} == {2}
    assert {x.ndim for x in others.parameters} == {1}
    assert (decayed.weight_decay, others.weight_decay) == (0.1, 0.0)


def test_the_rate_rises_then_falls():
    optimizer, schedule = shakespeare.adamw(GPT(65, layers=1), 2000)
    rates = []
    for _ in range(2000):
        rates.append(optimizer.groups[0].lr.item())
        schedule.step()
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) == shakespeare.WARMUP
    assert rates[0] == pytest.approx(1e-3 / 101)
    assert rates[-1] == pytest.approx(1e-4, rel=1e-3)


def test_the_text_is_the_one_of_the_figures():
    characters = set(text.load())
    assert len(characters) == 65
