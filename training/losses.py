"""What training minimises: mask losses with weight on the borders, class cross entropy, score regression, teachers.

Shapes: B images, n boxes on them, S the side. Masks are (n, S, S) of 0 and 1; logits (n, S, S) f32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Share of each term in the sum."""

    dice: float = 1.0
    bce: float = 1.0
    focal: float = 0.0
    edge: float = 4.0  # extra weight, inside BCE, of pixels near the reference's border
    class_ce: float = 0.3
    class_closer: float = 0.3  # of a crop in the class cross entropy; the runtime asks whole pictures for the class
    score: float = 1.0
    found: float = 0.25  # of what a teacher found (`teacher.py`), where there is one


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - soft Dice of each object, (n,)."""
    p = torch.sigmoid(logits)
    overlap = (p * masks).sum(dim=(1, 2))
    return 1 - (2 * overlap + 1) / (p.sum(dim=(1, 2)) + masks.sum(dim=(1, 2)) + 1)


def focal_loss(logits: Tensor, masks: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Cross entropy of each pixel times (1 - p of the right answer)^gamma, mean over the picture, (n,)."""
    bce = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (bce * (1 - torch.exp(-bce)) ** gamma).mean(dim=(1, 2))


def border_band(masks: Tensor, *, radius: int) -> Tensor:
    """1 where both inside and outside lie within `radius` pixels (in the square norm), else 0. (n, S, S)."""

    def widened(x: Tensor) -> Tensor:
        size = 2 * radius + 1
        x = F.max_pool2d(x[:, None], (size, 1), 1, (radius, 0))
        return F.max_pool2d(x, (1, size), 1, (0, radius))[:, 0]

    return widened(masks) * widened(1 - masks)


def weighted_bce(logits: Tensor, masks: Tensor, boxes: Tensor, *, edge: float, radius: int = 3) -> Tensor:
    """Cross entropy of each object, (n,), as a weighted mean over pixels: 1 in the box widened by a fifth of its sides,
    a tenth elsewhere, and `edge` more near the reference's border, so that small objects and borders count."""
    side = logits.shape[-1]
    centre = torch.arange(side, device=logits.device) + 0.5
    margin = 0.2 * (boxes[:, 2:] - boxes[:, :2]).clamp(min=5.0)
    low, high = boxes[:, :2] - margin, boxes[:, 2:] + margin
    inside = ((centre > low[..., None]) & (centre < high[..., None])).to(logits.dtype)  # (n, 2, S): x, y
    weight = 0.1 + 0.9 * inside[:, 1, :, None] * inside[:, 0, None, :] + edge * border_band(masks, radius=radius)
    bce = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (bce * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))


def found_loss(
    *, logits: Tensor, masks: Tensor, boxes: Tensor, valid: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The term of what a teacher found, weighted, and itself for the log: dice and border-weighted cross entropy against its
    probabilities. logits (n, 1, S, S), masks (n, S, S) of 0 .. 1, boxes (n, 4), valid (n,)."""
    logits, keep = logits[:, 0].float(), valid.float()
    each = dice_loss(logits, masks) + weighted_bce(logits, masks, boxes, edge=weights.edge)
    value = (each * keep).sum() / keep.sum().clamp(min=1)
    return weights.found * value, {"found": value.detach()}


@torch.no_grad()
def true_iou(logits: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union of the thresholded prediction with the reference, (n,); 0 where both are empty."""
    prediction = (logits > 0).to(masks.dtype)
    overlap = (prediction * masks).sum(dim=(1, 2))
    union = prediction.sum(dim=(1, 2)) + masks.sum(dim=(1, 2)) - overlap
    return overlap / union.clamp(min=1)


def total_loss(
    *,
    logits: Tensor,
    score: Tensor,
    masks: Tensor,
    boxes: Tensor,
    valid: Tensor,
    class_logits: Tensor | None,
    class_idx: Tensor,
    closer: Tensor,
    weights: LossWeights,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum to minimise and its terms, for the log.

    logits (n, 1, S, S), score (n, 1), masks (n, S, S), boxes (n, 4), valid (n,) with objects that do not count set to
    False; class_logits (B, 11) or None, class_idx (B,), closer (B,) bool, whether the picture is a crop.
    """
    logits, masks, keep = logits[:, 0].float(), masks.float(), valid.float()

    def mean(values: Tensor) -> Tensor:
        return (values * keep).sum() / keep.sum().clamp(min=1)

    iou = true_iou(logits, masks)
    terms = {"dice": mean(dice_loss(logits, masks)), "score": mean((score[:, 0].float() - iou) ** 2)}
    if weights.bce:
        terms["bce"] = mean(weighted_bce(logits, masks, boxes, edge=weights.edge))
    if weights.focal:
        terms["focal"] = mean(focal_loss(logits, masks))
    if class_logits is not None:
        entropy = F.cross_entropy(class_logits.float(), class_idx, label_smoothing=0.02, reduction="none")
        share = torch.where(closer, weights.class_closer, 1.0)
        terms["class_ce"] = (entropy * share).sum() / share.sum()
    total = sum(getattr(weights, name) * value for name, value in terms.items())
    return total, {**{name: value.detach() for name, value in terms.items()}, "iou": mean(iou)}
