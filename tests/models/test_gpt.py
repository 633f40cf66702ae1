"""GPT: what it sees, what it counts, and what a file gives back."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.core.errors import ModuleError, ShapeError, UsageError
from rushlight.models import GPT
from rushlight.testing.compare import assert_close, assert_identical


def small(**options):
    rl.manual_seed(0)
    return GPT(11, layers=2, heads=2, width=16, block=8, **options)


def test_a_place_does_not_see_what_comes_later():
    gpt, ids = small(), np.array([[1, 2, 3, 4, 5]])
    changed = np.array([[1, 2, 3, 9, 9]])
    assert_identical(gpt(changed)[:, :3], gpt(ids)[:, :3].detach().numpy())
    assert abs(gpt(changed)[:, 3:] - gpt(ids)[:, 3:]).max().item() > 1e-4


def test_it_begins_as_unsure_as_one_can_be():
    gpt, ids = small(), rl.randint(0, 11, (4, 8))
    assert gpt.loss(gpt(ids), ids).item() == pytest.approx(np.log(11), abs=0.05)


def test_its_parameters_are_those_of_nanogpt():
    gpt = GPT(65)
    width, block, layers, vocabulary = 128, 64, 4, 65
    each = 12 * width * width + 2 * width
    wanted = 2 * vocabulary * width + block * width + layers * each + width
    assert sum(x.size for x in gpt.parameters()) == wanted
    assert sum(x.size for x in GPT(65, tied=True).parameters()) == wanted - vocabulary * width
    stds = {name: x.numpy().std() for name, x in gpt.named_parameters() if x.ndim == 2}
    for name, std in stds.items():
        writes = name.endswith(("out.weight", "leave.weight"))
        assert std == pytest.approx(0.02 / 8**0.5 if writes else 0.02, rel=0.05)


@pytest.mark.parametrize("tied", [False, True])
def test_it_learns_a_text_by_heart_and_is_saved(tied, tmp_path):
    gpt = small(tied=tied)
    text = rl.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 5]])
    optimizer = rl.optim.AdamW(gpt.parameters(), lr=1e-2)

    @rl.compile
    def step():
        loss = gpt.loss(gpt(text[:, :-1]), text[:, 1:])
        optimizer.backward_step(loss)
        return loss

    losses = [step().item() for _ in range(60)]
    assert losses[-1] < 0.05 < 2.0 < losses[0]
    assert gpt(text[:, :-1]).argmax(-1).tolist() == text[:, 1:].tolist()
    rl.save(tmp_path / "gpt.safetensors", gpt)
    loaded = rl.load(tmp_path / "gpt.safetensors").model
    assert isinstance(loaded, GPT)
    assert (loaded.block, loaded.vocabulary) == (8, 11)
    # The bits of a product depend on how its weight lies in memory, which a file does not keep.
    assert_close(loaded(text[:, :-1]), gpt(text[:, :-1]).detach().numpy(), rtol=1e-5, atol=1e-5)


def test_with_a_cache_it_scores_as_without():
    gpt, ids = small().eval(), rl.randint(0, 11, (3, 8))
    cache = gpt.cache(batch=3)
    with rl.no_grad():
        parts = [gpt(ids[:, a:b], cache).numpy() for a, b in ((0, 5), (5, 6), (6, 8))]
        assert_close(np.concatenate(parts, 1), gpt(ids).numpy(), rtol=1e-4, atol=1e-5)


def test_wrong_inputs_are_refused():
    with pytest.raises(ShapeError, match=r"\(batch, up to 8\), not \(1, 9\)"):
        small()(np.zeros((1, 9), int))
    with pytest.raises(ShapeError, match=r"\(batch, up to 8\), not \(3,\)"):
        small()([1, 2, 3])
    with pytest.raises(ModuleError, match="do not divide evenly"):
        GPT(11, heads=3)
    with pytest.raises(ModuleError, match="layers must be an int of at least 1"):
        GPT(11, layers=0)
    ids = rl.tensor([[1, 2]])
    with pytest.raises(UsageError, match="the cache is a KVCache, not int"):
        small()(ids, 3)
    with pytest.raises(ModuleError, match="and a cache for 5"):
        small()(ids, GPT(11, layers=5, block=8).cache())
    longer = nn.KVCache(len(small().blocks), batch=1, heads=2, length=9, size=8)
    with pytest.raises(ShapeError, match="a cache of 9 tokens for a block of 8"):
        small()(ids, longer)
