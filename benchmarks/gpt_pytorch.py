"""The small GPT in PyTorch, like nanoGPT's, with a cache of keys and values to write with."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

STD = 0.02

Cache = list[tuple[torch.Tensor, torch.Tensor]]  # of each layer: (1, heads, block, size)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inside = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor, kept: Any, start: int) -> torch.Tensor:
        batch, time, width = x.shape
        parts = self.inside(x).split(width, dim=2)
        shape = batch, time, self.heads, width // self.heads
        q, k, v = (part.view(shape).transpose(1, 2) for part in parts)
        if kept is not None:
            for all_of, new in zip(kept, (k, v), strict=True):
                all_of[:, :, start : start + time] = new
            k, v = (all_of[:, :, : start + time] for all_of in kept)
        causal = time > 1
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(y.transpose(1, 2).contiguous().view(batch, time, width))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, bias=False)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: torch.Tensor, kept: Any, start: int) -> torch.Tensor:
        x = x + self.attention(self.norm1(x), kept, start)
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, vocabulary: int, layers: int, heads: int, width: int, block: int) -> None:
        super().__init__()
        self.block = block
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(block, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Linear(width, vocabulary, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                writes = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=STD / (2 * layers) ** 0.5 if writes else STD)

    def forward(
        self, ids: torch.Tensor, cache: Cache | None = None, start: int = 0
    ) -> torch.Tensor:
        places = torch.arange(start, start + ids.shape[1])
        x = self.tokens(ids) + self.positions(places)
        for block, kept in zip(self.blocks, cache or [None] * len(self.blocks), strict=True):
            x = block(x, kept, start)
        if cache is not None:
            x = x[:, -1:]  # what is written next follows the last alone
        return self.head(self.norm(x))

    def cache(self) -> Cache:
        """Return room for the keys and values of one text."""
        heads = self.blocks[0].attention.heads
        shape = 1, heads, self.block, self.tokens.embedding_dim // heads
        return [(torch.zeros(shape), torch.zeros(shape)) for _ in self.blocks]


def adamw(model: GPT, rate: float) -> torch.optim.Optimizer:
    """Return nanoGPT's optimiser: matrices decay, and each step is one call for all weights."""
    weights = list(model.parameters())
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)


def train_step(
    model: Any, weights: list[nn.Parameter], optimizer: Any, x: torch.Tensor, y: torch.Tensor
) -> float:
    """Make a step on ids (batch, time) and those that follow; return the loss."""
    scores = model(x)
    loss = functional.cross_entropy(scores.view(-1, scores.shape[-1]), y.view(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


@torch.inference_mode()
def write(model: GPT, ids: list[int], count: int, temperature: float) -> list[int]:
    """Return ids that follow some, each drawn from what the model thinks likely.

    Once the window is full, it begins anew with the last half of it.
    """
    cache, start, known = model.cache(), 0, len(ids)
    new = torch.tensor([ids])
    for _ in range(count):
        if start + new.shape[1] > model.block:
            new, start = torch.tensor([ids[-model.block // 2 :]]), 0
        scores = model(new, cache, start)[:, -1] / temperature
        start += new.shape[1]
        new = torch.multinomial(functional.softmax(scores, dim=-1), num_samples=1)
        ids = [*ids, new.item()]
    return ids[known:]


@torch.inference_mode()
def loss_of(model: GPT, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Return the mean loss of batches."""
    losses = [
        functional.cross_entropy(model(x).flatten(0, 1), y.flatten()).item() for x, y in batches
    ]
    return sum(losses) / len(losses)
