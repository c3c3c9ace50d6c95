"""Training samples and evaluation views: pictures cut, letterboxed and prompted as the runtime will.

Pictures come from `catalogue.py`, what a scanner may do to them from `augment.py`. Boxes are x0, y0, x1, y1 with
exclusive ends; pixel i covers [i, i + 1).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.augment import augment
from training.catalogue import (  # the names that are not used below belong to this module's interface
    CLASSES,
    MIN_OBJECT_AREA,
    OBJECT,
    SPLITS_PATH,
    Picture,
    Split,
    Store,
    data_hash,
    load_split,
    open_stores,
    read_index,
    sources,
)

__all__ = [
    "CLASSES", "MIN_OBJECT_AREA", "OBJECT", "SIDE", "SPLITS_PATH", "EvalSet", "EvalView", "Picture", "SampleSettings",
    "Sampler", "Split", "Store", "TileRule", "View", "data_hash", "evenly", "jitter_box", "letterbox", "letterbox_size",
    "load_split", "minmax", "open_stores", "pad", "read_index", "sources", "square_view", "tight_box", "whole_view",
]  # fmt: skip

SIDE = 256
DEFAULT_CACHE = Path(".cache")

# Modalities whose pictures have no up and down that a model could rely on, so quarter turns cost nothing.
TURNS_FREELY = frozenset({"CT", "MR", "PET", "Dermoscopy", "Endoscopy", "Fundus", "Microscopy"})


# ---- geometry --------------------------------------------------------------------------------------------------------


def letterbox_size(*, height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """(height, width) of the picture inside the square input. Twin: src/preprocess, `Letterbox`."""
    scale = side / max(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def letterbox(image: np.ndarray, *, side: int = SIDE) -> tuple[np.ndarray, tuple[int, int]]:
    """Resizes (H, W) or (H, W, 3) u8 and pads it at right and bottom with zeros, as the runtime does before min-max.
    Gives (side, side, 3) u8 and the content's (h, w)."""
    height, width = letterbox_size(height=image.shape[0], width=image.shape[1], side=side)
    return pad(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), side=side), (height, width)


def pad(content: np.ndarray, *, side: int = SIDE) -> np.ndarray:
    """Content (h, w) or (h, w, 3) u8 at the upper left of zeros (side, side, 3)."""
    square = np.zeros((side, side, 3), np.uint8)
    square[: content.shape[0], : content.shape[1]] = content if content.ndim == 3 else content[:, :, None]
    return square


def minmax(images: Tensor, content: Tensor) -> Tensor:
    """What a network is given. images: (B, 3, S, S) u8; content: (B, 2) height and width that are not padding.
    Gives f32 of that shape: (v - min) / max(max - min, 1e-8) over the content, all channels together; padding is 0."""
    values = images.float()
    steps = torch.arange(images.shape[-1], device=images.device)
    content = content.to(images.device)
    inside = (steps[None, :, None] < content[:, 0, None, None]) & (steps[None, None, :] < content[:, 1, None, None])
    inside = inside[:, None]  # (B, 1, S, S)
    low = values.masked_fill(~inside, torch.inf).amin(dim=(1, 2, 3), keepdim=True)
    high = values.masked_fill(~inside, -torch.inf).amax(dim=(1, 2, 3), keepdim=True)
    return ((values - low) / (high - low).clamp_min(1e-8)).masked_fill(~inside, 0.0)


@dataclass(frozen=True)
class View:
    """How an input is cut from a picture: a rectangle, perhaps turned about its centre, brought to `height` x `width`."""

    x: int
    y: int
    w: int
    h: int  # rectangle in picture pixels
    width: int
    height: int  # content in input pixels
    angle: float = 0.0  # radians

    def cut(self, source: np.ndarray, *, enlarge: int = cv2.INTER_LINEAR) -> np.ndarray:
        """The content (height, width[, 3]); where the turned rectangle leaves the picture, zeros."""
        if self.angle == 0.0:
            region = source[self.y : self.y + self.h, self.x : self.x + self.w]
            smaller = self.width <= self.w and self.height <= self.h
            return cv2.resize(region, (self.width, self.height), interpolation=cv2.INTER_AREA if smaller else enlarge)
        sx, sy = self.width / self.w, self.height / self.h
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        # Picture to content, both in continuous coordinates: p -> turn (p - centre), scale, move to the middle.
        matrix = np.array([[sx * cos, sx * sin, 0.0], [-sy * sin, sy * cos, 0.0]])
        centre = (self.x + self.w / 2, self.y + self.h / 2)
        matrix[:, 2] = np.array([self.width / 2, self.height / 2]) - matrix[:, :2] @ centre
        # Only what is seen is touched, and it is brought to about the right scale first, so that shrinking averages.
        reach_x = (self.w * abs(cos) + self.h * abs(sin)) / 2 + 2
        reach_y = (self.w * abs(sin) + self.h * abs(cos)) / 2 + 2
        x0, x1 = max(0, int(centre[0] - reach_x)), min(source.shape[1], int(centre[0] + reach_x) + 1)
        y0, y1 = max(0, int(centre[1] - reach_y)), min(source.shape[0], int(centre[1] + reach_y) + 1)
        region = source[y0:y1, x0:x1]
        before = np.array([region.shape[1], region.shape[0]], float)
        if sx < 1.0 or sy < 1.0:
            size = (max(1, round(before[0] * min(sx, 1.0))), max(1, round(before[1] * min(sy, 1.0))))
            region = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
        matrix[:, 2] += matrix[:, :2] @ (x0, y0)
        matrix[:, :2] *= before / (region.shape[1], region.shape[0])
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # to OpenCV's pixel centres
        return cv2.warpAffine(region, matrix, (self.width, self.height), flags=enlarge)

    def cut_mask(self, labels: np.ndarray, *, object_id: int) -> np.ndarray:
        """The part of one object inside the view, (height, width) u8 of 0 and 1: pixels covered by half or more."""
        margin = 2 + (0 if self.angle == 0.0 else max(self.w, self.h))  # corners of a turned rectangle stick out
        y0, x0 = max(0, self.y - margin), max(0, self.x - margin)
        nearby = labels[y0 : self.y + self.h + margin, x0 : self.x + self.w + margin] == object_id
        moved = View(self.x - x0, self.y - y0, self.w, self.h, self.width, self.height, self.angle)
        return (moved.cut(nearby.astype(np.uint8) * 255) > 127).astype(np.uint8)

    def box(self, box: Sequence[float]) -> np.ndarray:
        """A box of the picture in input pixels, clipped to the content; for views that are not turned."""
        sx, sy = self.width / self.w, self.height / self.h
        moved = np.array([(box[0] - self.x) * sx, (box[1] - self.y) * sy, (box[2] - self.x) * sx, (box[3] - self.y) * sy])
        return np.clip(moved, 0.0, (self.width, self.height, self.width, self.height)).astype(np.float32)


def whole_view(*, height: int, width: int, side: int = SIDE) -> View:
    content = letterbox_size(height=height, width=width, side=side)
    return View(x=0, y=0, w=width, h=height, width=content[1], height=content[0])


def square_view(*, x: float, y: float, size: float, height: int, width: int, side: int = SIDE) -> View:
    """A square crop moved inside the picture, and narrower than square only where the picture is."""
    w, h = min(round(size), width), min(round(size), height)
    x, y = (int(min(max(round(v), 0), room)) for v, room in ((x, width - w), (y, height - h)))
    content = letterbox_size(height=h, width=w, side=side)
    return View(x=x, y=y, w=w, h=h, width=content[1], height=content[0])


@dataclass(frozen=True)
class TileRule:
    """When a box is looked at through a tile rather than in the whole picture (docs/decisions/0002-looking-closer.md)."""

    below: float = 1 / 3  # box's longer side as a share of the picture's longer side
    scale: float = 3.0  # tile's side in units of the box's longer side; `model.TILE_PER_BOX` has each model's
    min_px: int = 48  # tile's least side, picture pixels

    def view(self, box: Sequence[float], *, height: int, width: int, side: int = SIDE) -> View | None:
        """The tile's view, or None where the whole picture serves."""
        longer = max(box[2] - box[0], box[3] - box[1])
        if longer >= self.below * max(height, width):
            return None
        size = max(self.min_px, math.ceil(self.scale * longer))
        x, y = (box[0] + box[2] - size) / 2, (box[1] + box[3] - size) / 2
        return square_view(x=x, y=y, size=size, height=height, width=width, side=side)


# ---- training samples ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SampleSettings:
    """What a training sample looks like. Probabilities are independent unless said otherwise."""

    side: int = SIDE
    boxes_per_image: int = 3
    crop_probability: float = 0.6  # samples that look closer at one object
    crop_scale: tuple[float, float] = (1.1, 6.0)  # crop's side in units of the box's longer side, log-uniform
    min_crop_px: int = 12
    whole_exact: float = 0.5  # whole pictures taken exactly as the runtime would; the others are cropped and stretched
    part_probability: float = 0.15  # one connected part for the object, where it has several
    dataset_power: float = 0.5  # a data set's share within its modality is its number of pictures to this power
    modality_weights: tuple[tuple[str, float], ...] = ()  # others weigh 1
    # Boxes: a share is tight, a share loose (outward only), a share rough, the rest moves by up to `box_jitter` a side.
    box_tight: float = 0.25
    box_loose: float = 0.10
    box_rough: float = 0.10
    box_jitter: float = 0.08
    box_loose_jitter: float = 0.20
    box_rough_jitter: float = 0.15
    flip_probability: float = 0.5  # left-right, and up-down
    turn_probability: float = 0.3  # a quarter turn, in modalities without an up
    rotate_probability: float = 0.35
    rotate_degrees: float = 15.0
    stretch_probability: float = 0.3
    stretch: float = 0.18  # width against height, as |log ratio|
    bend_probability: float = 0.0  # a smooth displacement, as tissue and optics differ
    bend: float = 0.05  # its reach at most, as a share of the content's shorter side
    photometric: bool = True


def jitter_box(box: np.ndarray, *, settings: SampleSettings, rng: np.random.Generator, content: tuple[int, int]) -> np.ndarray:
    """A box as a person or a detector may draw it. box: (4,) input pixels; content: (h, w), which it never leaves."""
    w, h = box[2] - box[0], box[3] - box[1]
    draw = rng.random()
    outward = np.array([-1.0, -1.0, 1.0, 1.0])
    if draw < settings.box_tight:
        shift = np.zeros(4)
    elif draw < settings.box_tight + settings.box_loose:
        shift = outward * rng.uniform(0.0, settings.box_loose_jitter, 4)
    elif draw < settings.box_tight + settings.box_loose + settings.box_rough:
        shift = rng.uniform(-settings.box_rough_jitter, settings.box_rough_jitter, 4)
    else:
        shift = rng.uniform(-settings.box_jitter, settings.box_jitter, 4)
    moved = box + shift * (w, h, w, h)
    return np.clip(moved, 0.0, (content[1], content[0], content[1], content[0])).astype(np.float32)


def tight_box(mask: np.ndarray) -> np.ndarray:
    """(4,) f32 around the pixels > 0 of a mask (h, w) that has some."""
    x, y, w, h = cv2.boundingRect(mask)
    return np.array([x, y, x + w, y + h], np.float32)


def bend_field(shape: tuple[int, int], *, reach: float, rng: np.random.Generator) -> np.ndarray:
    """Where each pixel of a bent picture (h, w) comes from, (h, w, 2) f32 as x, y: random displacements of up to `reach` times
    the shorter side on a grid of 4 x 4, smooth between."""
    h, w = shape
    moved = rng.uniform(-reach, reach, (4, 4, 2)).astype(np.float32) * min(h, w)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    return np.dstack([x, y]) + cv2.resize(moved, (w, h), interpolation=cv2.INTER_CUBIC)


def _bend(
    content: np.ndarray, masks: list[np.ndarray], boxes: list[np.ndarray], *, field: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Content and masks (h, w), bent, with boxes around what is left of the masks; a mask that is too small then goes."""
    bent = cv2.remap(content, field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    bent_masks, bent_boxes = [], []
    for mask in masks:
        mask = cv2.remap(mask * np.uint8(255), field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = (mask > 127).astype(np.uint8)
        if int(mask.sum()) >= MIN_OBJECT_AREA:
            bent_masks.append(mask)
            bent_boxes.append(tight_box(mask))
    return (bent, bent_masks, bent_boxes) if bent_masks else (content, masks, boxes)


def _dihedral(array: np.ndarray, *, lr: bool, ud: bool, turn: bool) -> np.ndarray:
    """Flips, then transposes, the first two axes."""
    array = array[::-1] if ud else array
    array = array[:, ::-1] if lr else array
    return array.swapaxes(0, 1) if turn else array


def _dihedral_box(box: np.ndarray, *, lr: bool, ud: bool, turn: bool, content: tuple[int, int]) -> np.ndarray:
    x0, y0, x1, y1 = box.tolist()
    if ud:
        y0, y1 = content[0] - y1, content[0] - y0
    if lr:
        x0, x1 = content[1] - x1, content[1] - x0
    return np.array([y0, x0, y1, x1] if turn else [x0, y0, x1, y1], np.float32)


class Sampler(IterableDataset):
    """Endless training samples, balanced over modalities, then data sets, then pictures.

    Each sample is a dict:
        image      (3, S, S) u8, letterboxed and augmented, before min-max (see `minmax`)
        content    (2,) i64, height and width of what is not padding
        masks      (K, S, S) u8 of 0 and 1
        boxes      (K, 4) f32, x0 y0 x1 y1 in input pixels, jittered
        valid      (K,) bool, always true today: an image with fewer objects repeats them with other boxes
        class_idx  i64, index into CLASSES
        dataset    i64, index into `self.datasets`
        closer     bool, whether this is a crop around one object

    Equal `seed` and number of workers give equal samples. Each new iteration starts over: to go on after a resume, pass
    another seed. A store is opened (and packed, the first time) for every data set of `pictures`; pass both sides, so
    that training and evaluation share it. `side` may be `all`, for a released model that is not evaluated any more.
    """

    def __init__(
        self,
        *,
        pictures: Sequence[Picture],
        side: str = "train",
        settings: SampleSettings,
        seed: int,
        cache: Path = DEFAULT_CACHE,
        split: Split | None = None,
        stores: dict[str, Store] | None = None,
    ) -> None:
        if side not in ("train", "held_out", "all"):
            raise ValueError(f"side is train, held_out or all, not {side!r}")
        super().__init__()
        self.settings, self.seed = settings, seed
        self.stores = stores or open_stores(pictures, cache=cache)
        if side != "all":
            split = split or load_split()
            pictures = [p for p in pictures if split.side(p) == side]
        self.objects = [self.stores[p.dataset].objects(p) for p in pictures]
        kept = [k for k, objects in enumerate(self.objects) if len(objects)]
        self.pictures, self.objects = [pictures[k] for k in kept], [self.objects[k] for k in kept]
        if not self.pictures:
            raise ValueError(f"none of the pictures on side {side!r} has an object of {MIN_OBJECT_AREA} px² or more")

        members: dict[str, list[int]] = defaultdict(list)
        for k, picture in enumerate(self.pictures):
            members[picture.dataset].append(k)
        self.datasets = sorted(members)
        self._members = [np.array(members[name]) for name in self.datasets]
        modality = [self.pictures[m[0]].modality for m in self._members]
        share = np.array([len(m) ** settings.dataset_power for m in self._members])
        total: dict[str, float] = defaultdict(float)
        for name, value in zip(modality, share, strict=True):
            total[name] += value
        wanted = dict(settings.modality_weights)
        weight = np.array([wanted.get(name, 1.0) * v / total[name] for name, v in zip(modality, share, strict=True)])
        self._cumulative = np.cumsum(weight / weight.sum())

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        cv2.setNumThreads(0)
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield self.draw(rng=rng)

    def draw(self, *, rng: np.random.Generator) -> dict[str, Tensor]:
        """One random sample of the whole distribution."""
        while True:
            dataset = min(int(np.searchsorted(self._cumulative, rng.random(), side="right")), len(self.datasets) - 1)
            sample = self.sample(int(rng.choice(self._members[dataset])), rng=rng)
            if sample is not None:
                return {**sample, "dataset": torch.tensor(dataset)}

    def sample(self, k: int, *, rng: np.random.Generator) -> dict[str, Tensor] | None:
        """A random sample of `self.pictures[k]`, or None if the view drawn shows no object well enough."""
        settings, picture, objects = self.settings, self.pictures[k], self.objects[k]
        image = self.stores[picture.dataset].image(picture)
        height, width = image.shape[:2]

        closer = bool(rng.random() < settings.crop_probability)
        first = self._choose(objects, rng=rng)
        view = self._close_view(objects[first], height=height, width=width, rng=rng) if closer else (
            self._whole_view(height=height, width=width, rng=rng)
        )  # fmt: skip
        angle = 0.0
        if rng.random() < settings.rotate_probability and not (view.w == width and view.h == height and rng.random() < 0.5):
            angle = math.radians(rng.uniform(-settings.rotate_degrees, settings.rotate_degrees))
        view = View(view.x, view.y, view.w, view.h, view.width, view.height, angle)

        masks, boxes = self._targets(picture, objects, first=first, view=view, rng=rng)
        if not masks:
            return None
        enlarge = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)[int(rng.choice(3, p=(0.4, 0.2, 0.4)))]
        if angle != 0.0 and enlarge == cv2.INTER_AREA:
            enlarge = cv2.INTER_LINEAR  # a turn cannot average over areas
        content = view.cut(image, enlarge=enlarge)
        if settings.bend_probability and rng.random() < settings.bend_probability:
            field = bend_field(content.shape[:2], reach=settings.bend * rng.uniform(0.3, 1.0), rng=rng)
            content, masks, boxes = _bend(content, masks, boxes, field=field)
        if settings.photometric:
            content = augment(content, modality=picture.modality, rng=rng)

        moves = {
            "lr": bool(rng.random() < settings.flip_probability),
            "ud": bool(rng.random() < settings.flip_probability),
            "turn": picture.modality in TURNS_FREELY and bool(rng.random() < settings.turn_probability),
        }
        boxes = [_dihedral_box(box, **moves, content=(view.height, view.width)) for box in boxes]
        content = _dihedral(content, **moves)
        shape = content.shape[:2]

        count, side = settings.boxes_per_image, settings.side
        order = list(range(len(masks))) + rng.integers(0, len(masks), max(0, count - len(masks))).tolist()
        all_masks = np.zeros((count, side, side), np.uint8)
        all_boxes = np.zeros((count, 4), np.float32)
        for slot, source in enumerate(order[:count]):
            all_masks[slot, : shape[0], : shape[1]] = _dihedral(masks[source], **moves)
            all_boxes[slot] = jitter_box(boxes[source], settings=settings, rng=rng, content=shape)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(pad(content, side=side).transpose(2, 0, 1))),
            "content": torch.tensor(shape),
            "masks": torch.from_numpy(all_masks),
            "boxes": torch.from_numpy(all_boxes),
            "valid": torch.ones(count, dtype=torch.bool),
            "class_idx": torch.tensor(picture.class_idx),
            "closer": torch.tensor(closer),
        }

    def _choose(self, objects: np.ndarray, *, rng: np.random.Generator) -> int:
        """An object's index: parts with their probability, then evenly over maps, then over the map's objects, so that
        one optic disc is seen as often as hundreds of exudates."""
        part = objects["part"].any() and rng.random() < self.settings.part_probability
        candidates = np.flatnonzero(objects["part"] == part)
        candidates = candidates if len(candidates) else np.arange(len(objects))
        maps = np.unique(objects["map"][candidates])
        return int(rng.choice(candidates[objects["map"][candidates] == rng.choice(maps)]))

    def _close_view(self, obj: np.void, *, height: int, width: int, rng: np.random.Generator) -> View:
        """A square around the object, which is seldom in its middle but always inside."""
        w, h = int(obj["x1"] - obj["x0"]), int(obj["y1"] - obj["y0"])
        scale = math.exp(rng.uniform(*(math.log(v) for v in self.settings.crop_scale)))
        size = max(self.settings.min_crop_px, round(scale * max(w, h)))
        x = obj["x0"] - (size - w) * (0.5 + rng.uniform(-0.4, 0.4))
        y = obj["y0"] - (size - h) * (0.5 + rng.uniform(-0.4, 0.4))
        view = square_view(x=x, y=y, size=size, height=height, width=width, side=self.settings.side)
        return self._stretch(view, rng=rng)

    def _whole_view(self, *, height: int, width: int, rng: np.random.Generator) -> View:
        if rng.random() < self.settings.whole_exact:
            return whole_view(height=height, width=width, side=self.settings.side)
        w, h = (max(1, round(v * rng.uniform(0.7, 1.0))) for v in (width, height))
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        content = letterbox_size(height=h, width=w, side=self.settings.side)
        return self._stretch(View(x=x, y=y, w=w, h=h, width=content[1], height=content[0]), rng=rng)

    def _stretch(self, view: View, *, rng: np.random.Generator) -> View:
        """Changes the content's width against its height; the longer side stays the input's."""
        if rng.random() >= self.settings.stretch_probability:
            return view
        ratio = math.exp(rng.uniform(-self.settings.stretch, self.settings.stretch))
        height, width = letterbox_size(height=view.h, width=max(1, round(view.w * ratio)), side=self.settings.side)
        return View(x=view.x, y=view.y, w=view.w, h=view.h, width=max(1, width), height=max(1, height))

    def _targets(
        self, picture: Picture, objects: np.ndarray, *, first: int, view: View, rng: np.random.Generator
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Masks (height, width) and tight boxes of up to `boxes_per_image` objects that the view shows well enough: the
        first one if it can be, then others at random."""
        seen_w = np.minimum(objects["x1"], view.x + view.w) - np.maximum(objects["x0"], view.x)
        seen_h = np.minimum(objects["y1"], view.y + view.h) - np.maximum(objects["y0"], view.y)
        box_area = (objects["x1"] - objects["x0"]) * (objects["y1"] - objects["y0"])
        scale = view.width * view.height / (view.w * view.h)
        share = np.clip(seen_w, 0, None) * np.clip(seen_h, 0, None) / box_area
        shown = (share >= 0.3) & ~objects["part"] & (objects["area"] * share * scale >= MIN_OBJECT_AREA)
        shown[first] = False
        others = np.flatnonzero(shown)
        tried = [first, *rng.permutation(others)[: self.settings.boxes_per_image + 3].tolist()]

        maps = self.stores[picture.dataset].maps(picture)
        masks, boxes = [], []
        for k in tried:
            obj = objects[k]
            mask = view.cut_mask(maps[obj["map"]], object_id=int(obj["id"]))
            if int(mask.sum()) < MIN_OBJECT_AREA:
                continue
            clipped = share[k] < 1.0
            if view.angle == 0.0 and not clipped:
                box = view.box([obj["x0"], obj["y0"], obj["x1"], obj["y1"]])
            else:
                box = tight_box(mask)
            masks.append(mask)
            boxes.append(box)
            if len(masks) == self.settings.boxes_per_image:
                break
        return masks, boxes


# ---- evaluation views ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EvalView:
    """One encode of the validation and the boxes asked on it."""

    picture: Picture
    whole: bool  # else a tile; the class prompt of a tile is that of its whole picture, which comes before it
    image: Tensor  # (3, S, S) u8, before min-max
    content: Tensor  # (2,) height and width
    boxes: Tensor  # (n, 4) f32 input pixels, tight; n may be 0 for a whole picture all of whose boxes have tiles
    masks: Tensor  # (n, S, S) u8, the reference in this view
    kept: Tensor | None = None  # (C, G, G) f16: what the encoder's frozen part gave for this view (`kept.py`)


class EvalSet:
    """The fixed evaluation subset as the runtime would look at it, for a quick Dice at the input's resolution.

    Iterating gives, picture by picture, the view of the whole, then one tile for each box that `rule` gives a tile; with
    `rule` None every box is asked on the whole picture (the mode `challenge`). Objects are chosen as `medbox eval
    --max-objects` does: of each label map's n objects, positions floor(k * n / N).
    """

    def __init__(
        self,
        *,
        pictures: Sequence[Picture],
        split: Split | None = None,
        max_objects: int = 3,
        max_pictures: int | None = None,
        side: int = SIDE,
        rule: TileRule | None = TileRule(),
        cache: Path = DEFAULT_CACHE,
        stores: dict[str, Store] | None = None,
    ) -> None:
        subset = (split or load_split()).eval_subset
        chosen: dict[str, list[Picture]] = {name: [] for name in subset}
        for picture in pictures:
            if picture.stem in subset.get(picture.dataset, ()):
                chosen[picture.dataset].append(picture)
        self.pictures = [p for members in chosen.values() for p in evenly(members, max_pictures)]
        self.stores = stores or open_stores(pictures, cache=cache)
        self.max_objects, self.side, self.rule = max_objects, side, rule

    def __iter__(self) -> Iterator[EvalView]:
        for picture in self.pictures:
            yield from self.views(picture)

    def views(self, picture: Picture) -> Iterator[EvalView]:
        store = self.stores[picture.dataset]
        image, maps, objects = store.image(picture), store.maps(picture), store.objects(picture)
        height, width = image.shape[:2]
        objects = objects[~objects["part"]]
        asked = [o for k in np.unique(objects["map"]) for o in evenly(objects[objects["map"] == k], self.max_objects)]

        on_whole, on_tiles = [], []
        for obj in asked:
            box = [int(obj[name]) for name in ("x0", "y0", "x1", "y1")]
            tile = self.rule and self.rule.view(box, height=height, width=width, side=self.side)
            (on_tiles if tile else on_whole).append((tile, obj))
        if not asked:
            return
        whole = whole_view(height=height, width=width, side=self.side)
        yield self._look(picture, image, maps, view=whole, objects=[obj for _, obj in on_whole], whole=True)
        for tile, obj in on_tiles:
            yield self._look(picture, image, maps, view=tile, objects=[obj], whole=False)

    def _look(
        self, picture: Picture, image: np.ndarray, maps: list[np.ndarray], *, view: View, objects: list[np.void], whole: bool
    ) -> EvalView:
        content = view.cut(image, enlarge=cv2.INTER_AREA)
        boxes = [view.box([o["x0"], o["y0"], o["x1"], o["y1"]]) for o in objects]
        masks = np.zeros((len(objects), self.side, self.side), np.uint8)
        for slot, obj in enumerate(objects):
            masks[slot, : view.height, : view.width] = view.cut_mask(maps[obj["map"]], object_id=int(obj["id"]))
        return EvalView(
            picture=picture,
            whole=whole,
            image=torch.from_numpy(np.ascontiguousarray(pad(content, side=self.side).transpose(2, 0, 1))),
            content=torch.tensor([view.height, view.width]),
            boxes=torch.from_numpy(np.array(boxes, np.float32).reshape(-1, 4)),
            masks=torch.from_numpy(masks),
        )


def evenly(items: Sequence, count: int | None) -> list:
    """All items, or those at positions floor(k * n / count): the rule of `medbox eval`."""
    n = len(items)
    if count is None or n <= count:
        return list(items)
    return [items[k * n // count] for k in range(count)]
