"""Trains a model: `python -m training.train --model lite --data DATA --litemedsam lite_medsam.pth --minutes 75`.

One loop serves all models, CPU and GPU. The schedule runs by wall clock (`--minutes`) or by steps (`--steps`): in both
cases the learning rate falls to zero at its end, however fast the machine is. `last.pt` is enough to go on after a stop
(the same command resumes); `best.pt` holds the averaged weights that did best on patients never trained on.

On a CPU, PyTorch spends half its time on fresh memory pages unless its allocator keeps them: start it with
`LD_PRELOAD=libjemalloc.so.2 MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.catalogue import leave_out, source_names, split_hash
from training.class_fit import fit_class_head
from training.data import (
    CLASSES,
    EvalSet,
    EvalView,
    Sampler,
    SampleSettings,
    TileRule,
    data_hash,
    load_split,
    minmax,
    open_stores,
    read_index,
)
from training.kept import Pool, PoolSampler, keep_views, pool_settings, whole_settings
from training.losses import LossWeights, found_loss, total_loss
from training.model import BUILDERS, CUTS, N_CLASSES, TILE_PER_BOX, Segmenter, set_drop_path
from training.pretrained import lite_from_litemedsam, load_litemedsam, paper_from_litemedsam
from training.teacher import Teacher

# ---- settings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on besides the data; stored in its checkpoints."""

    model: str = "lite"
    minutes: float = 75.0  # of training, evaluation included; ignored when `steps` is set
    steps: int = 0
    batch: int = 8  # images at once
    accumulate: int = 1  # batches to an optimiser step
    lr: float = 1e-3  # of new parts
    lr_pretrained: float = 3e-4
    lr_stem: float = 6e-4  # pretrained, but in a new place
    lr_class: float = 0.0  # of the class head; 0: as other new parts
    warmup_steps: int = 40
    plateau: bool = False  # after warm-up ReduceLROnPlateau on the evaluation's mark instead of a cosine
    plateau_patience: int = 3
    weight_decay: float = 0.02
    clip_norm: float = 2.0
    ema: float = 0.998
    class_true: float = 0.40  # shares of boxes whose class prompt is the true class …
    class_predicted: float = 0.35  # … the softmax of the class head; the rest: unknown
    freeze: tuple[str, ...] = ()  # prefixes of parameters that stay as they are
    cut: str = ""  # where what the encoder gives is kept (`kept.py`); what comes before is frozen
    views: int = 2200  # that are kept …
    whole_views: int = 0  # … and as many whole pictures besides, for the class head
    found_share: float = 0.0  # of the views that LiteMedSAM is asked for further objects in (`teacher.py`)
    drop_path: float = 0.0  # stochastic depth of the encoder's last block, less in those before
    norm_statistics: bool = True  # batch norms go on averaging; without, pretrained statistics stay
    class_prompt: bool = True  # without: the same network whose decoder is told nothing, for the ablation
    modalities: tuple[str, ...] = ()  # trained on and watched alone, all where empty
    leave_out: tuple[str, ...] = ()  # data sets that are not trained on, to be measured on as sets never seen
    bf16: bool = False
    eval_minutes: float = 12.0
    save_minutes: float = 4.0
    eval_pictures: int = 4  # of each data set
    eval_objects: int = 2  # of each label map
    seed: int = 0
    losses: LossWeights = field(default_factory=LossWeights)
    samples: SampleSettings = field(default_factory=SampleSettings)


PRESETS = {
    "lite": Settings(),
    "paper": Settings(
        model="paper",
        accumulate=8,
        lr=5e-4,
        lr_pretrained=5e-5,
        lr_stem=5e-5,
        plateau=True,
        ema=0.99,
        norm_statistics=False,
        losses=LossWeights(bce=0.0, focal=20.0),
    ),
}
PRESETS["litemedsam"] = dataclasses.replace(PRESETS["paper"], model="litemedsam")  # fine-tuned, as in the paper's figure 3

# Parameters that no pretrained weights exist for, by prefix; of `paper`, the third block's names are the only blocks.2.
NEW_PARTS = {
    "lite": ("class_head.", "decoder.", "fine.", "encoder.neck."),
    "paper": ("class_head.", "decoder.class_table", "decoder.blocks.2."),
    "litemedsam": (),
}


def build(settings: Settings | dict) -> Segmenter:
    """The network of a run, untrained. `settings` may be those of a checkpoint, which lack what did not exist then."""
    given = settings if isinstance(settings, dict) else dataclasses.asdict(settings)
    return BUILDERS[given["model"]](**({} if given.get("class_prompt", True) else {"class_prompt": False}))


def start_model(settings: Settings, litemedsam: Path | None) -> Segmenter:
    """A model to train: with LiteMedSAM's weights where it has a use for them, else from nothing."""
    if litemedsam is None:
        return build(settings)
    if settings.model == "litemedsam":
        return load_litemedsam(litemedsam)
    start = {"lite": lite_from_litemedsam, "paper": paper_from_litemedsam}[settings.model]
    return start(litemedsam, class_prompt=settings.class_prompt)


# ---- optimiser, schedule, average ------------------------------------------------------------------------------------


def parameter_groups(model: nn.Module, settings: Settings) -> list[dict]:
    """AdamW groups by rate and decay. Vectors, tables and tokens are not decayed; frozen parameters are left out."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if name.startswith(settings.freeze):
            parameter.requires_grad_(False)
            continue
        lr = settings.lr_pretrained
        if name.startswith(NEW_PARTS[settings.model]):
            lr = settings.lr
            if name.startswith("class_head.") and settings.lr_class:
                lr = settings.lr_class
        elif name.startswith("encoder.stem"):
            lr = settings.lr_stem
        free = parameter.ndim < 2 or name.endswith(("attention.bias", "class_table", "output_tokens", "corner", "gate"))
        groups[lr, 0.0 if free else settings.weight_decay].append(parameter)
    return [
        {"params": members, "lr": lr, "lr_start": lr, "weight_decay": decay} for (lr, decay), members in groups.items()
    ]


def rate(*, step: int, progress: float, settings: Settings) -> float:
    """Factor on every group's learning rate: linear warm-up, then a cosine to zero at `progress` 1."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    return warm if settings.plateau else warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Average:
    """Exponential moving average of all parameters and batch-norm statistics, faster at the start."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        current = model.state_dict()
        names = [name for name, value in self.state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.state[n] for n in names], [current[n] for n in names], weight)


# ---- class prompt ----------------------------------------------------------------------------------------------------


def draw_class_weights(class_idx: Tensor, class_logits: Tensor, *, settings: Settings, n_boxes: int) -> Tensor:
    """What the decoder is told in training, (B * n_boxes, 11): one-hot of the true class, softmax of the predicted one
    (without gradient), or zeros, drawn for each box."""
    true = F.one_hot(class_idx, N_CLASSES).float().repeat_interleave(n_boxes, dim=0)
    predicted = class_logits.detach().float().softmax(dim=-1).repeat_interleave(n_boxes, dim=0)
    draw = torch.rand(len(true), 1, device=true.device)
    told = torch.where(draw < settings.class_true, true, predicted)
    return torch.where(draw < settings.class_true + settings.class_predicted, told, torch.zeros_like(told))


# ---- evaluation ------------------------------------------------------------------------------------------------------


def _border(mask: np.ndarray) -> np.ndarray:
    return mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)


def contour_agreement(reference: np.ndarray, prediction: np.ndarray, *, tolerance_px: float = 2.0) -> float:
    """Share of both masks' border pixels that lie within the tolerance of the other's border: NSD's quick cousin, for
    watching a run. Masks are (H, W) bool; 0 if one is empty."""
    borders = _border(reference), _border(prediction)
    if not borders[0].any() or not borders[1].any():
        return 0.0
    near = 0
    for border, other in (borders, borders[::-1]):
        distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 5)
        near += int((distance[border] <= tolerance_px).sum())
    return near / int(borders[0].sum() + borders[1].sum())


@torch.no_grad()
def evaluate(model: Segmenter, views: Sequence[EvalView] | EvalSet, *, device: torch.device, cut: str = "") -> dict:
    """Mean Dice and contour agreement at the input's resolution, by modality, data set and over modalities, and class
    accuracy on whole pictures. As in the runtime's default mode a tile has its whole picture's predicted class."""
    model.eval()
    dice, contour = defaultdict(list), defaultdict(list)
    right, told = [], None
    for view in views:
        if view.kept is None:
            features = model.encode(minmax(view.image[None], view.content[None]).to(device))
        else:
            features = model.encode_from(cut, view.kept[None].float().to(device))
        if "class_logits" in features:
            if view.whole:
                told = features["class_logits"].softmax(dim=-1)
                right.append(CLASSES[int(told.argmax())] == view.picture.modality)
        if not len(view.boxes):
            continue
        weights = told.expand(len(view.boxes), -1) if told is not None and model.has_class_prompt else None
        logits, _ = model.decode(features, view.boxes.to(device), weights)
        for prediction, reference in zip((logits[:, 0] > 0).cpu().numpy(), view.masks.numpy().astype(bool)):
            key = (view.picture.modality, view.picture.dataset)
            sizes = int(prediction.sum() + reference.sum())
            dice[key].append(2 * int((prediction & reference).sum()) / max(1, sizes))
            contour[key].append(contour_agreement(reference, prediction))

    def by(part: int, values: dict) -> dict[str, float]:
        lists = defaultdict(list)
        for key, members in values.items():
            lists[key[part]].extend(members)
        return {name: round(100 * float(np.mean(members)), 2) for name, members in sorted(lists.items())}

    modalities = {"dice": by(0, dice), "contour": by(0, contour)}
    result = {name: round(float(np.mean(list(values.values()))), 2) for name, values in modalities.items()}
    if right:
        result["class_accuracy"] = round(100 * float(np.mean(right)), 2)
    return {**result, "n_objects": sum(map(len, dice.values())), "modalities": modalities, "datasets": by(1, dice)}


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def save(path: Path, record: dict) -> None:
    """Writes a checkpoint so that a crash never leaves half of one under its name."""
    part = path.with_suffix(".part")
    torch.save(record, part)
    part.replace(path)


def load_trained(path: Path) -> tuple[Segmenter, dict]:
    """A checkpoint's averaged model in eval mode, and its record without weights (`settings`, `step`, `metrics`, …)."""
    record = torch.load(path, map_location="cpu", weights_only=True)
    model = build(record["settings"])
    model.load_state_dict(record["ema"])
    return model.eval(), {name: value for name, value in record.items() if name not in ("model", "ema", "optimizer")}


def load_given(path: Path, *, settings: Settings, option: str) -> dict:
    """The checkpoint that an option names. Raises ValueError where it has learnt from a data set that this run leaves out."""
    record = torch.load(path, map_location="cpu", weights_only=True)
    learnt_already = set(settings.leave_out) - set(record["settings"].get("leave_out", ()))
    if learnt_already:
        raise ValueError(
            f"{option} {path} has learnt from {', '.join(sorted(learnt_already))}: --leave-out needs weights that have not"
        )
    return record


def origin(record: dict) -> dict:
    """What a run's checkpoint says of another's that it took weights from."""
    return {"run": record.get("run"), "steps": record["step"], "seed": record["settings"]["seed"]}


def _commit() -> str:
    """The checked-out commit, or `unknown` outside a repository."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


# ---- the loop --------------------------------------------------------------------------------------------------------


# What a run that goes on must have in common with the one that was stopped: of its settings, and of what lay on the disk.
LEARNT_FROM = ("modalities", "leave_out", "samples")
HASHES = ("data_hash", "split_hash")


class Trainer:
    """Model, optimiser, average and clock of one run; `run` trains until the schedule ends."""

    def __init__(
        self,
        *,
        settings: Settings,
        model: Segmenter,
        folder: Path,
        device: torch.device,
        data_hash: str = "",
        trained_on: Sequence[str] = (),
        started_from: dict | None = None,
        teacher: Segmenter | None = None,
        compiled: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        """`teacher` finds further objects in `found_share` of the views; `compiled`: PyTorch fuses the step's operations, which
        takes it two minutes and pays on a GPU."""
        self.settings, self.folder, self.device, self.say = settings, folder, device, say
        self.facts = {  # about this run, as it starts: the checked-out commit may be another one when it ends
            "run": folder.name,
            "data_hash": data_hash,
            "trained_on": list(trained_on),
            "started_from": started_from,
            "split_hash": split_hash(),
            "commit": _commit(),
        }
        set_drop_path(model, settings.drop_path)
        self.model = model.to(device, memory_format=torch.channels_last)
        self.teacher = Teacher(teacher.to(device, memory_format=torch.channels_last).eval()) if teacher else None
        self.loss = torch.compile(self._loss, dynamic=False) if compiled else self._loss
        self.optimizer = torch.optim.AdamW(parameter_groups(model, settings), betas=(0.9, 0.98), fused=True)
        self.average = Average(self.model, settings.ema)
        self.step, self.seconds = 0, 0.0  # optimiser steps and wall clock of training so far, over all resumes
        self.metrics: list[dict] = []
        self.plateau_factor = 1.0
        self.n_worse = 0  # evaluations since the best one, or since the rate was halved
        folder.mkdir(parents=True, exist_ok=True)

    # -- state

    def record(self, *, resumable: bool) -> dict:
        record = {
            "settings": dataclasses.asdict(self.settings),
            "step": self.step,
            "seconds": self.seconds,
            "metrics": self.metrics,
            **self.facts,
            "plateau_factor": self.plateau_factor,
            "n_worse": self.n_worse,
            "ema": self.average.state,
        }
        if resumable:
            record |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        return record

    def resume(self) -> bool:
        """Goes on from `last.pt` if there is one, with the facts of the run as it began. Raises ValueError where that run started
        from other weights than `--init` names, or learnt from something else."""
        path = self.folder / "last.pt"
        if not path.exists():
            return False
        record = torch.load(path, map_location=self.device, weights_only=True)
        began, wished = record.get("started_from"), self.facts["started_from"]
        if wished and began != wished:
            raise ValueError(
                f"{path} is of a run that started from {began}, and this one is to start from {wished}: delete it, or give "
                f"this run another --name"
            )
        learnt_from = {name: record["settings"].get(name) for name in LEARNT_FROM} | {n: record.get(n) for n in HASHES}
        wishes = dataclasses.asdict(self.settings)
        differing = [n for n, value in learnt_from.items() if value not in (None, wishes.get(n, self.facts.get(n)))]
        if differing:
            raise ValueError(
                f"{path} is of a run that learnt from something else ({', '.join(differing)} differ): delete it, or give this "
                f"run another --name"
            )
        self.facts |= {name: record[name] for name in self.facts if name in record}
        self.model.load_state_dict(record["model"])
        self.optimizer.load_state_dict(record["optimizer"])
        self.average.state = record["ema"]
        self.step, self.seconds, self.metrics = record["step"], record["seconds"], record["metrics"]
        self.plateau_factor, self.n_worse = record["plateau_factor"], record.get("n_worse", 0)
        return True

    @property
    def progress(self) -> float:
        """Share of the schedule that is over, 0..1."""
        if self.settings.steps:
            return min(1.0, self.step / self.settings.steps)
        return min(1.0, self.seconds / (60 * self.settings.minutes))

    # -- one step

    def _find(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the teacher finds in the first views of the batch, which are as random as the others."""
        if self.teacher is None:
            return {}
        n_views = max(1, round(self.settings.found_share * len(batch["image"])))
        content = batch["content"][:n_views]
        image = minmax(batch["image"][:n_views], content).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16):
            found = self.teacher.find(image, content)
        return {"found_boxes": found.boxes, "found_masks": found.masks, "found_valid": found.valid}

    def _loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        settings = self.settings
        n_boxes = batch["boxes"].shape[1]
        boxes = batch["boxes"].flatten(0, 1)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.bf16):
            if settings.cut:
                features = self.model.encode_from(settings.cut, batch["kept"].float())
            else:
                image = minmax(batch["image"], batch["content"])
                features = self.model.encode(image.contiguous(memory_format=torch.channels_last))
            class_logits, weights = features.get("class_logits"), None
            if self.model.has_class_prompt:
                weights = draw_class_weights(batch["class_idx"], class_logits, settings=settings, n_boxes=n_boxes)
            logits, score = self.model.decode(features, boxes, weights)
            if "found_boxes" in batch:
                n_views, n_found = batch["found_boxes"].shape[:2]
                told = None
                if self.model.has_class_prompt:
                    told = draw_class_weights(
                        batch["class_idx"][:n_views], class_logits[:n_views], settings=settings, n_boxes=n_found
                    )
                seen = {name: value[:n_views] for name, value in features.items()}
                found_logits, _ = self.model.decode(seen, batch["found_boxes"].flatten(0, 1), told)
        loss, terms = total_loss(
            logits=logits,
            score=score,
            masks=batch["masks"].flatten(0, 1),
            boxes=boxes,
            valid=batch["valid"].flatten(0, 1),
            class_logits=class_logits,
            class_idx=batch["class_idx"],
            closer=batch["closer"],
            weights=settings.losses,
        )
        if "found_boxes" in batch:
            found, term = found_loss(
                logits=found_logits,
                masks=batch["found_masks"].flatten(0, 1),
                boxes=batch["found_boxes"].flatten(0, 1),
                valid=batch["found_valid"].flatten(0, 1),
                weights=settings.losses,
            )
            loss, terms = loss + found, terms | term
        return loss, terms

    def train_step(self, batches: Iterator[dict[str, Tensor]]) -> dict[str, float]:
        """One optimiser step over `accumulate` batches. Gives the mean of each term; a step whose gradient is not finite
        is skipped."""
        settings = self.settings
        self.model.train()
        for name, module in self.model.named_modules():
            frozen = f"{name}.".startswith(settings.freeze)
            if frozen or (isinstance(module, nn.BatchNorm2d) and not settings.norm_statistics):
                module.eval()  # batch-norm statistics stay as well
        factor = rate(step=self.step, progress=self.progress, settings=settings) * self.plateau_factor
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr_start"] * factor
        sums: dict[str, float] = defaultdict(float)
        for _ in range(settings.accumulate):
            batch = {name: value.to(self.device, non_blocking=True) for name, value in next(batches).items()}
            loss, terms = self.loss(batch | self._find(batch))
            (loss / settings.accumulate).backward()
            for name, value in {"loss": loss.detach(), **terms}.items():
                sums[name] += float(value) / settings.accumulate
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        if torch.isfinite(norm):
            self.optimizer.step()
            self.average.update(self.model, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return {**sums, "norm": float(norm)}

    # -- evaluation

    def evaluate(self, views: Sequence[EvalView] | EvalSet) -> dict:
        """Evaluates the averaged weights, keeps them as `best.pt` if their mark (Dice + contour) is the best so far."""
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.state)
        result = {"step": self.step, "seconds": round(self.seconds), **evaluate(self.model, views, device=self.device, cut=self.settings.cut)}
        self.model.load_state_dict(own)
        best = max((_mark(m) for m in self.metrics), default=-1.0)
        self.metrics.append(result)
        if _mark(result) > best:
            save(self.folder / "best.pt", self.record(resumable=False))
        self.n_worse = 0 if _mark(result) > best else self.n_worse + 1
        if self.settings.plateau and self.n_worse >= self.settings.plateau_patience:
            self.plateau_factor *= 0.5
            self.n_worse = 0
        (self.folder / "metrics.json").write_text(json.dumps(self.metrics, indent=1), encoding="utf-8")
        return result

    # -- the run

    def run(self, batches: Iterator[dict[str, Tensor]], views: Sequence[EvalView] | EvalSet) -> None:
        """Trains until the schedule's end, evaluates once more and writes `last.pt`."""
        settings = self.settings
        if self.progress >= 1.0 and self.metrics and self.metrics[-1]["step"] == self.step:
            self.say(f"nothing left to do: {self.folder} was trained to the end of this schedule")
            return
        started, before = time.monotonic(), self.seconds
        saved = evaluated = told = self.seconds
        sums: dict[str, float] = defaultdict(float)
        n_steps = 0
        while self.progress < 1.0:
            for name, value in self.train_step(batches).items():
                sums[name] += value
            n_steps += 1
            self.seconds = before + time.monotonic() - started
            if self.seconds - told > 30 or self.progress >= 1.0:
                means = "  ".join(f"{name} {value / n_steps:.3f}" for name, value in sums.items())
                pace = (self.seconds - told) / n_steps
                left = 60 * settings.minutes - self.seconds if not settings.steps else pace * (settings.steps - self.step)
                factor = self.optimizer.param_groups[0]["lr"] / self.optimizer.param_groups[0]["lr_start"]
                self.say(
                    f"step {self.step}  {100 * self.progress:.1f} %  {pace:.2f} s/step  "
                    f"left {max(0, left) / 60:.0f} min  rate {factor:.2f}  {means}"
                )
                told, n_steps = self.seconds, 0
                sums.clear()
            if self.seconds - evaluated > 60 * settings.eval_minutes and self.progress < 0.97:
                self._say_metrics(self.evaluate(views))
                self.seconds = before + time.monotonic() - started
                # Whoever is stopped now knows how good `best.pt` is.
                save(self.folder / "last.pt", self.record(resumable=True))
                evaluated = told = saved = self.seconds
            if self.seconds - saved > 60 * settings.save_minutes:
                save(self.folder / "last.pt", self.record(resumable=True))
                saved = self.seconds
        save(self.folder / "last.pt", self.record(resumable=True))
        self._say_metrics(self.evaluate(views))
        save(self.folder / "last.pt", self.record(resumable=True))

    def average_best(self, other: dict, views: Sequence[EvalView] | EvalSet) -> None:
        """Puts the mean of the best weights and another checkpoint's in the place of the best, once: of a network and what it was
        fine-tuned from, it keeps most of what tuning brought and loses less of what was there (WiSE-FT, Wortsman et al. 2022).
        Raises ValueError where they are the mean with another checkpoint's already."""
        record = torch.load(self.folder / "best.pt", map_location=self.device, weights_only=True)
        if "averaged_with" in record:
            if record["averaged_with"] != origin(other):
                raise ValueError(
                    f"{self.folder / 'best.pt'} is the mean with {record['averaged_with']}, and is to be that with "
                    f"{origin(other)}: give this run another --name"
                )
            return
        mean = {n: v.lerp(other["ema"][n].to(v), 0.5) if v.is_floating_point() else v for n, v in record["ema"].items()}
        self.model.load_state_dict(mean)
        self.say(f"averaged with {origin(other)}")
        self._replace_best({**record, "averaged_with": origin(other), "class_head_fitted": False}, views)

    def finish_class_head(self, pools: Sequence[Pool], views: Sequence[EvalView]) -> None:
        """Fits the class head of the best weights on the pools, once."""
        record = torch.load(self.folder / "best.pt", map_location=self.device, weights_only=True)
        if record.get("class_head_fitted"):
            return
        self.model.load_state_dict(record["ema"])
        settings = self.settings
        share = fit_class_head(
            self.model, pools, closer=settings.losses.class_closer, bf16=settings.bf16, seed=settings.seed
        )
        self.say(f"class head fitted: it names {100 * share:.1f} % of {sum(pool.n for pool in pools)} kept views")
        self._replace_best({**record, "class_head_fitted": True}, views)

    def _replace_best(self, record: dict, views: Sequence[EvalView] | EvalSet) -> None:
        """Evaluates the model as it is and writes it as the best weights, with what `record` says of them."""
        times = {"step": record["step"], "seconds": round(record["seconds"])}
        result = {**times, **evaluate(self.model, views, device=self.device, cut=self.settings.cut)}
        # With what was watched after the best weights too.
        others = [m for m in self.metrics or record["metrics"] if m["step"] != record["step"]]
        metrics = sorted([*others, result], key=lambda m: m["step"])
        save(self.folder / "best.pt", {**record, "ema": self.model.state_dict(), "metrics": metrics})
        (self.folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
        self._say_metrics(result)

    def _say_metrics(self, result: dict) -> None:
        modalities = "  ".join(f"{name} {value:.1f}" for name, value in result["modalities"]["dice"].items())
        self.say(
            f"held out at step {result['step']}: Dice {result['dice']}  contour {result['contour']}  "
            f"class {result.get('class_accuracy', '-')} %  ({result['n_objects']} objects)  {modalities}"
        )


def _mark(result: dict) -> float:
    return result["dice"] + result["contour"]


def _weight(text: str) -> tuple[str, float]:
    """`MR=1.5` -> ("MR", 1.5)."""
    name, _, value = text.partition("=")
    if name not in CLASSES:
        raise argparse.ArgumentTypeError(f"{name!r} is no modality; they are {', '.join(CLASSES)}")
    return name, float(value)


def parse(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, Settings]:
    """Command line -> paths and settings. Every scalar of `Settings` and of `SampleSettings` is an option of the same name, every
    share of `LossWeights` one of its name after `--loss-`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sorted(PRESETS), default="lite")
    parser.add_argument("--data", type=Path, required=True, help="data folder (see training/README.md)")
    parser.add_argument("--litemedsam", type=Path, help="lite_medsam.pth to start from")
    parser.add_argument("--init", type=Path, help="checkpoint whose averaged weights to start from")
    parser.add_argument("--average-with", type=Path, help="checkpoint whose averaged weights the best ones end as the mean with")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="decoded pictures and checkpoints")
    parser.add_argument("--name", help="folder of this run in the cache; the model's name unless given")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, help="processes that make samples (default: 1, with a GPU all cores but two)")
    parser.add_argument("--compile", action="store_true", help="let PyTorch fuse operations: two minutes to start, faster on a GPU")
    fields, sample_fields = (
        [f for f in dataclasses.fields(kind) if f.name not in ("model", "side") and f.type in ("int", "float", "bool")]
        for kind in (Settings, SampleSettings)
    )
    for f in (*fields, *sample_fields):
        kind = {"int": int, "float": float}.get(f.type)
        option = "--" + f.name.replace("_", "-")
        if kind:
            parser.add_argument(option, type=kind)
        else:
            parser.add_argument(option, action=argparse.BooleanOptionalAction)
    loss_names = [f.name for f in dataclasses.fields(LossWeights)]
    for name in loss_names:
        parser.add_argument(f"--loss-{name.replace('_', '-')}", type=float, metavar="SHARE")
    parser.add_argument("--freeze", nargs="*", metavar="PREFIX", help="parameters that stay, for example encoder.")
    parser.add_argument("--cut", choices=sorted(CUTS), help="keep what the encoder gives there, and freeze what is before")
    parser.add_argument("--kept-gb", type=float, default=12.0, help="that kept views may take on disk")
    parser.add_argument("--modalities", nargs="*", choices=CLASSES, help="to train on alone")
    parser.add_argument("--leave-out", nargs="*", metavar="DATASET", help="data sets that are not trained on")
    parser.add_argument(
        "--weights", nargs="*", type=_weight, metavar="MODALITY=W", help="shares of modalities; those not named weigh 1"
    )
    options = parser.parse_args(arguments)

    settings = PRESETS[options.model]
    given = {f.name: getattr(options, f.name) for f in fields if getattr(options, f.name) is not None}
    for name in ("freeze", "leave_out", "modalities"):
        if getattr(options, name) is not None:
            given[name] = tuple(getattr(options, name))
    if options.cut:
        given |= {"cut": options.cut, "freeze": tuple(dict.fromkeys((*CUTS[options.cut], *given.get("freeze", ()))))}
    of_samples = {f.name: getattr(options, f.name) for f in sample_fields if getattr(options, f.name) is not None}
    samples = dataclasses.replace(settings.samples, **of_samples)
    if options.weights:
        samples = dataclasses.replace(samples, modality_weights=tuple(options.weights))
    of_losses = {n: value for n in loss_names if (value := getattr(options, f"loss_{n}")) is not None}
    given |= {"samples": samples, "losses": dataclasses.replace(settings.losses, **of_losses)}
    return options, dataclasses.replace(settings, **given)


def main(arguments: Sequence[str] | None = None) -> None:
    options, settings = parse(arguments)
    if settings.found_share and not options.litemedsam:
        raise ValueError("--found-share asks LiteMedSAM for objects: give its weights, --litemedsam FILE")
    if settings.found_share and settings.cut:
        raise ValueError("--found-share needs pictures, and --cut keeps none: leave one of them out")
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True  # all batches have one shape
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = read_index(options.data)
    stores = open_stores(pictures, cache=options.cache)
    split = load_split()
    learnt = leave_out(pictures, settings.leave_out)
    if settings.modalities:
        learnt = [p for p in learnt if p.modality in settings.modalities]

    torch.manual_seed(settings.seed)
    random.seed(settings.seed)
    model = start_model(settings, options.litemedsam)
    started_from = None
    if options.init:
        first = load_given(options.init, settings=settings, option="--init")
        model.load_state_dict(first["ema"])
        started_from = origin(first)
    other = load_given(options.average_with, settings=settings, option="--average-with") if options.average_with else None
    trainer = Trainer(
        settings=settings,
        model=model,
        folder=options.cache / (options.name or settings.model),
        device=device,
        data_hash=data_hash(stores),
        trained_on=source_names(p for p in learnt if split.side(p) == "train"),
        started_from=started_from,
        teacher=load_litemedsam(options.litemedsam) if settings.found_share else None,
        compiled=options.compile,
        say=lambda line: print(time.strftime("%H:%M:%S "), line, flush=True),
    )
    resumed = trainer.resume()
    trainer.say(f"{'resumes at step ' + str(trainer.step) if resumed else 'starts'}  {settings.model} on {device}, {settings}")

    # A resumed run draws other samples than the run it goes on from drew at its start.
    seed = settings.seed + trainer.step
    views = EvalSet(
        pictures=learnt,
        max_objects=settings.eval_objects,
        max_pictures=settings.eval_pictures,
        rule=TileRule(scale=TILE_PER_BOX[settings.model]),
        stores=stores,
    )
    if settings.cut:
        folder = options.cache / "kept"
        # Of all modalities, so that models of one modality share them with those of all.
        everything = leave_out(pictures, settings.leave_out)
        kinds = [(pool_settings(settings.samples), settings.views), (whole_settings(settings.samples), settings.whole_views)]
        pools = [
            Pool(
                folder=folder,
                model=trainer.model,
                cut=settings.cut,
                sampler=Sampler(pictures=everything, settings=kind, seed=0, stores=stores),
                data_hash=trainer.facts["data_hash"],
                n=n,
                limit_gb=options.kept_gb,
                bf16=settings.bf16,
            )
            for kind, n in kinds
            if n
        ]
        for pool in pools:
            pool.fill(say=trainer.say)
        classes = [CLASSES.index(name) for name in settings.modalities]
        samples = PoolSampler(pools, settings=settings.samples, seed=seed, classes=classes)
        views = keep_views(
            list(views), folder=folder, model=trainer.model, cut=settings.cut, bf16=settings.bf16, say=trainer.say
        )
    else:
        samples = Sampler(pictures=learnt, settings=settings.samples, seed=seed, stores=stores)
    n_workers = options.workers
    if n_workers is None:
        n_workers = max(1, (os.cpu_count() or 1) - 2) if device.type == "cuda" else 1
    loader = DataLoader(
        samples,
        batch_size=settings.batch,
        num_workers=n_workers,
        persistent_workers=n_workers > 0,
        prefetch_factor=4 if n_workers else None,
        pin_memory=device.type == "cuda",
    )
    trainer.run(iter(loader), views)
    if other:
        trainer.average_best(other, views)
    if settings.cut and trainer.model.class_head is not None:
        trainer.finish_class_head(pools, views)


if __name__ == "__main__":
    main()
