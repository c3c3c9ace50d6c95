"""Objects that nobody has drawn: what LiteMedSAM finds in random boxes of the training views, as further masks to learn.

A student that has only seen the structures its data sets name forgets what its teacher makes of others: told of a patch inside
a lung, it draws the lung. So the teacher is asked too: a random box gives a mask, the box around that mask another, and where
both agree, there is something with a border, whatever it is called.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.model import SIDE, Segmenter

MIN_AREA = 150  # of a found object, input pixels; smaller ones are noise as often as not
MAX_SHARE = 0.8  # of the content that an object may cover; more of it is the picture itself
MIN_AGREEMENT = 0.75  # intersection over union of the two answers


def random_boxes(content: Tensor, *, n_each: int) -> Tensor:
    """Boxes of all sizes and shapes within the content. content: (B, 2) height and width -> (B, n_each, 4) f32 input pixels."""
    draw = torch.rand(5, len(content), n_each, device=content.device)
    extent = content[:, None, [1, 0]].float()  # as x, y
    longer = extent.amax(dim=2) * torch.exp(math.log(0.12) + draw[0] * (math.log(0.8) - math.log(0.12)))
    shorter = longer * torch.exp(-0.7 * draw[1])
    upright = draw[2] < 0.5
    size = torch.minimum(torch.stack([torch.where(upright, shorter, longer), torch.where(upright, longer, shorter)], -1), extent)
    low = draw[3:].permute(1, 2, 0) * (extent - size)
    return torch.cat([low, low + size], dim=-1)


def tight_boxes(masks: Tensor) -> Tensor:
    """(n, S, S) bool -> (n, 4) f32 around what is true; zeros where nothing is."""
    side = masks.shape[-1]
    steps = torch.arange(side, device=masks.device)
    edges = []
    for axis in (1, 2):  # columns, then rows
        hit = masks.any(dim=axis)
        edges.append(torch.where(hit, steps, side).amin(dim=1))
        edges.append(torch.where(hit, steps + 1, 0).amax(dim=1))
    boxes = torch.stack([edges[0], edges[2], edges[1], edges[3]], dim=1).float()
    return boxes * masks.flatten(1).any(dim=1, keepdim=True)


@dataclass(frozen=True)
class Found:
    """What a teacher found in B views: boxes (B, K, 4) in input pixels, jittered; probabilities (B, K, S, S); whether each
    counts (B, K) bool."""

    boxes: Tensor
    masks: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Teacher:
    """LiteMedSAM, asked for objects in training views."""

    model: Segmenter  # in eval mode, on the training's device
    n_each: int = 4
    jitter: float = 0.08  # of the student's boxes, as a share of their sides

    @torch.no_grad()
    def find(self, image: Tensor, content: Tensor) -> Found:
        """image (B, 3, S, S) f32 as networks are given them, content (B, 2) height and width that are not padding."""
        n_views = len(image)
        features = self.model.encode(image)
        asked = random_boxes(content, n_each=self.n_each).flatten(0, 1)
        first = self.model.decode(features, asked)[0][:, 0] > 0
        around = tight_boxes(first)
        probability = torch.sigmoid(self.model.decode(features, around)[0][:, 0].float())
        second = probability > 0.5
        union = (first | second).sum(dim=(1, 2))
        agreement = (first & second).sum(dim=(1, 2)) / union.clamp(min=1)
        area = second.sum(dim=(1, 2))
        most = MAX_SHARE * content.prod(dim=1).repeat_interleave(self.n_each)
        valid = (agreement >= MIN_AGREEMENT) & (area >= MIN_AREA) & (area <= most)
        boxes = self._jittered(tight_boxes(second), content.repeat_interleave(self.n_each, dim=0))
        return Found(
            boxes=boxes.reshape(n_views, self.n_each, 4),
            masks=probability.reshape(n_views, self.n_each, SIDE, SIDE),
            valid=valid.reshape(n_views, self.n_each),
        )

    def _jittered(self, boxes: Tensor, content: Tensor) -> Tensor:
        size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        moved = boxes + (2 * torch.rand_like(boxes) - 1) * self.jitter * size
        return torch.minimum(moved.clamp(min=0), content[:, [1, 0, 1, 0]].to(boxes))
