"""Fits the class head of a model whose encoder was kept (`kept.py`), once everything else is trained.

The head reads the mean of the embedding over the picture. Those means differ little from picture to picture, so that beside
masks the head learns slowly; alone, on means that are computed once and brought to one scale, it takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.kept import Pool
from training.model import Mlp, Segmenter


@torch.no_grad()
def pooled(model: Segmenter, pool: Pool, *, bf16: bool, chunk: int = 8) -> Tensor:
    """(n, D) f32: what the class head reads of each view of a filled pool."""
    model.eval()
    device = next(model.parameters()).device
    means = []
    for start in range(0, pool.n, chunk):
        kept = torch.stack([pool.kept[k] for k in range(start, min(pool.n, start + chunk))]).to(device).float()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            embedding = kept if pool.cut == "embedding" else model.encoder.late({pool.cut: kept})["embedding"]
        means.append(embedding.float().mean(dim=(2, 3)).cpu())
    return torch.cat(means)


def fit(head: Mlp, features: Tensor, classes: Tensor, weights: Tensor, *, steps: int = 1500, seed: int = 0) -> float:
    """Trains a head from its present weights on features (n, D), classes (n,) and weights (n,) of views, and gives the
    weighted share of them that it names rightly. Features are standardised; the head that is left reads them as they are."""
    generator = torch.Generator().manual_seed(seed)
    centre, spread = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    standard = (features - centre) / spread
    first = head.layers[0]
    with torch.no_grad():  # the same function of standardised features …
        first.bias += first.weight @ centre
        first.weight *= spread
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    for _ in range(steps):
        drawn = torch.multinomial(weights, min(256, len(features)), replacement=True, generator=generator)
        noise = 0.2 * torch.randn(len(drawn), features.shape[1], generator=generator)  # or it learns views by heart
        loss = F.cross_entropy(head(standard[drawn] + noise), classes[drawn], label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():  # … and back
        right = (head(standard).argmax(dim=-1) == classes).float()
        first.weight /= spread
        first.bias -= first.weight @ centre
    return float((right * weights).sum() / weights.sum())


def fit_class_head(model: Segmenter, pools: Sequence[Pool], *, closer: float, bf16: bool, seed: int) -> float:
    """Fits the class head of `model` on the views of filled pools, crops with the weight `closer`; gives the share of them
    that it names rightly."""
    classes, is_closer = (
        torch.from_numpy(np.concatenate([pool.records[name] for pool in pools])) for name in ("class_idx", "closer")
    )
    classes, weights = classes.long(), torch.where(is_closer, closer, 1.0)
    features = torch.cat([pooled(model, pool, bf16=bf16) for pool in pools])
    head = model.class_head.cpu()
    with torch.enable_grad():
        for parameter in head.parameters():
            parameter.requires_grad_(True)
        share = fit(head, features, classes, weights, seed=seed)
    head.to(next(model.encoder.parameters()).device)
    return share
