"""What a frozen part of the encoder gives is computed once and kept on disk, so that the rest trains fast on a CPU.

A `Pool` holds a fixed number of training views (whole pictures and crops, each augmented anew for every view) as the
encoder's output at a cut (`model.CUTS`) in f16, memory-mapped, with their masks and tight boxes; `PoolSampler` draws from it
and moves the boxes as `Sampler` does. `keep_views` does the same for the views of the evaluation. Both go on where they were
stopped. A pool belongs to the weights before the cut, not to a run: the class prompt's ablation and models of one modality
train from the same one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.data import CLASSES, SIDE, EvalView, Sampler, SampleSettings, jitter_box, minmax
from training.model import CUTS, Segmenter

OBJECTS = 4  # of a view at most
VERSION = 1  # of what a view is made of: code that samples or encodes differently takes the next number
CHUNK = 8  # views that are encoded together, and at most lost when stopped


def weights_hash(model: Segmenter, cut: str) -> str:
    """Of what comes before the cut."""
    digest = hashlib.sha256(cut.encode())
    for name, value in sorted(model.state_dict().items()):
        if name.startswith(CUTS[cut]) and not name.endswith("num_batches_tracked"):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def encode_until(model: Segmenter, cut: str, image: Tensor, *, bf16: bool) -> Tensor:
    """(B, C, G, G) f16 at the cut, in eval mode. image: (B, 3, S, S) in 0..1."""
    model.eval()
    with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
        features = model.encoder(image) if cut == "embedding" else model.encoder.early(image)
    return features[cut].half()


class Kept:
    """An append-only array (n, C, G, G) f16 in a file, of which the first `done` are there."""

    def __init__(self, path: Path, *, n: int, shape: Sequence[int]) -> None:
        self.path, self.n, self.shape = path, n, tuple(shape)
        self._progress = path.with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            self._progress.unlink(missing_ok=True)  # of a file that somebody deleted
            with path.open("wb") as file:
                file.truncate(self.bytes)  # sparse: it grows as it is filled
        self.done = json.loads(self._progress.read_text())["done"] if self._progress.exists() else 0
        self._map()

    @property
    def bytes(self) -> int:
        return 2 * self.n * int(np.prod(self.shape))

    def _map(self) -> None:
        self._array = np.memmap(self.path, np.float16, "r+", shape=(self.n, *self.shape))

    def __getstate__(self) -> dict:
        """Without the pages: a worker maps the file again."""
        return {name: value for name, value in self.__dict__.items() if name != "_array"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._map()

    def append(self, values: Tensor) -> None:
        """values: (k, C, G, G). After it returns they are there whatever happens."""
        self._array[self.done : self.done + len(values)] = values.cpu().numpy()
        self._array.flush()
        self.done += len(values)
        self._progress.with_suffix(".tmp").write_text(json.dumps({"done": self.done}))
        self._progress.with_suffix(".tmp").replace(self._progress)

    def __getitem__(self, k: int) -> Tensor:
        """(C, G, G) f16, on the file's pages."""
        if not 0 <= k < self.done:
            raise IndexError(f"view {k} of {self.done}")
        return torch.from_numpy(self._array[k])


RECORD = np.dtype(
    [
        ("masks", "u1", (OBJECTS, SIDE * SIDE // 8)),
        ("boxes", "f4", (OBJECTS, 4)),
        ("content", "i4", (2,)),
        ("class_idx", "i4"),
        ("closer", "?"),
    ]
)


def pool_settings(settings: SampleSettings) -> SampleSettings:
    """Those of the sampler that fills a pool: boxes are kept tight and moved when they are drawn, there are more objects
    than a batch takes, for variety, and modalities have even shares, whatever those of a run that draws from it."""
    even = replace(settings, modality_weights=())
    return replace(even, box_tight=1.0, box_loose=0.0, box_rough=0.0, boxes_per_image=OBJECTS)


def whole_settings(settings: SampleSettings) -> SampleSettings:
    """Those of the sampler that fills a pool of whole pictures, all data sets of a modality alike: the runtime names the
    modality of these, and a modality's rarest kind of picture is to be named as well as its most frequent."""
    return replace(pool_settings(settings), crop_probability=0.0, whole_exact=0.8, dataset_power=0.0)


class Pool:
    """Training views at a cut of the encoder. `fill` makes what is missing."""

    def __init__(
        self,
        *,
        folder: Path,
        model: Segmenter,
        cut: str,
        sampler: Sampler,
        data_hash: str,
        n: int,
        limit_gb: float,
        bf16: bool,
    ) -> None:
        """`sampler` has `pool_settings`. Raises ValueError where the pools of `folder` would take more than `limit_gb`
        together, or the model cannot be cut."""
        if model.fine is not None:
            raise ValueError("this model's decoder needs more than the embedding: its encoder cannot be cut")
        self.model, self.cut, self.sampler, self.n, self.bf16 = model, cut, sampler, n, bf16
        pictures = [(p.dataset, p.stem) for p in sampler.pictures]
        depends = [VERSION, bf16, weights_hash(model, cut), repr(sampler.settings), sampler.seed, data_hash, pictures]
        key = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:12]
        path, shape = folder / f"{cut}-{n}-{key}.bin", _shape(model, cut)
        others = sum(p.stat().st_size for p in folder.rglob("*.bin") if p != path)
        needed = 2 * n * int(np.prod(shape))
        if others + needed > limit_gb * 1e9:
            raise ValueError(
                f"{n} views at {cut} take {needed / 1e9:.1f} GB beside {others / 1e9:.1f} GB that are kept already, which is "
                f"over the limit of {limit_gb:g} GB: ask for fewer views or delete old ones in {folder}"
            )
        self.kept = Kept(path, n=n, shape=shape)
        self.records_path = path.with_suffix(".records")
        if not self.records_path.exists():
            self.kept.done = 0
            np.zeros(n, RECORD).tofile(self.records_path)
        self.records = np.memmap(self.records_path, RECORD, "r+", shape=(n,))

    def fill(self, *, say: Callable[[str], None] = print) -> None:
        """Draws and encodes what is not there yet; view k depends on the sampler's seed and k alone."""
        device = next(self.model.parameters()).device
        started, first, told = time.monotonic(), self.kept.done, time.monotonic()
        while self.kept.done < self.n:
            indices = range(self.kept.done, min(self.n, self.kept.done + CHUNK))
            views = [self.sampler.draw(rng=np.random.default_rng([self.sampler.seed, 7, k])) for k in indices]
            for k, view in zip(indices, views, strict=True):
                self.records[k] = _record(view)
            self.records.flush()
            image, content = (torch.stack([view[name] for view in views]) for name in ("image", "content"))
            self.kept.append(encode_until(self.model, self.cut, minmax(image, content).to(device), bf16=self.bf16))
            now = time.monotonic()
            if now - told > 30 or self.kept.done == self.n:
                pace = (now - started) / (self.kept.done - first)
                left = pace * (self.n - self.kept.done) / 60
                say(f"kept {self.kept.done} of {self.n} views at {self.cut}  {pace:.2f} s/view  left {left:.0f} min")
                told = now


def _shape(model: Segmenter, cut: str) -> tuple[int, ...]:
    """(C, G, G) at the cut."""
    device = next(model.parameters()).device
    return tuple(encode_until(model, cut, torch.zeros(1, 3, SIDE, SIDE, device=device), bf16=False).shape[1:])


def _record(view: dict[str, Tensor]) -> np.void:
    record = np.zeros((), RECORD)
    record["masks"] = np.packbits(view["masks"].numpy().reshape(OBJECTS, -1), axis=1)
    for name in ("boxes", "content", "class_idx", "closer"):
        record[name] = view[name].numpy()
    return record[()]


class PoolSampler(IterableDataset):
    """Endless samples of filled pools, as `Sampler` gives them but with `kept` (C, G, G) f16 in place of `image`.

    Views of a modality are drawn alike, as they were balanced when they were made, and modalities by the settings' weights;
    `classes` takes those of some modalities only.
    """

    def __init__(
        self, pools: Sequence[Pool], *, settings: SampleSettings, seed: int, classes: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self._kept, self._records_paths = [pool.kept for pool in pools], [pool.records_path for pool in pools]
        self._records = [pool.records for pool in pools]
        wanted = [np.isin(r["class_idx"], list(classes)) if classes else np.ones(len(r), bool) for r in self._records]
        self.views = [(p, int(k)) for p, mask in enumerate(wanted) for k in np.flatnonzero(mask)]  # pool, and place in it
        weights = dict(settings.modality_weights)
        share = [weights.get(CLASSES[int(self._records[p][k]["class_idx"])], 1.0) for p, k in self.views]
        if not sum(share):
            raise ValueError("the pools have no view of the modalities asked for")
        self._cumulative = np.cumsum(np.array(share) / sum(share))

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "_records"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._records = [np.memmap(path, RECORD, "r") for path in self._records_paths]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, 8, worker.id if worker else 0])
        while True:
            view = min(int(np.searchsorted(self._cumulative, rng.random(), side="right")), len(self.views) - 1)
            yield self.sample(*self.views[view], rng=rng)

    def sample(self, p: int, k: int, *, rng: np.random.Generator) -> dict[str, Tensor]:
        record, count = self._records[p][k], self.settings.boxes_per_image
        order = np.resize(rng.permutation(OBJECTS), count)
        masks = np.unpackbits(record["masks"][order], axis=1).reshape(count, SIDE, SIDE)
        content = tuple(int(v) for v in record["content"])
        boxes = [jitter_box(record["boxes"][j], settings=self.settings, rng=rng, content=content) for j in order]
        return {
            "kept": self._kept[p][k],
            "content": torch.tensor(content),
            "masks": torch.from_numpy(masks),
            "boxes": torch.from_numpy(np.stack(boxes)),
            "valid": torch.ones(count, dtype=torch.bool),
            "class_idx": torch.tensor(int(record["class_idx"])),
            "closer": torch.tensor(bool(record["closer"])),
        }


def keep_views(
    views: Sequence[EvalView],
    *,
    folder: Path,
    model: Segmenter,
    cut: str,
    bf16: bool,
    say: Callable[[str], None] = print,
) -> list[EvalView]:
    """The views of an evaluation with what the encoder gives for them at the cut, computed once."""
    digest = hashlib.sha256(f"{VERSION} {bf16} {weights_hash(model, cut)}".encode())
    for view in views:
        digest.update(view.image.numpy().tobytes())
    path = folder / "views" / f"{cut}-{len(views)}-{digest.hexdigest()[:12]}.bin"
    kept, device = Kept(path, n=len(views), shape=_shape(model, cut)), next(model.parameters()).device
    while kept.done < len(views):
        part = views[kept.done : kept.done + CHUNK]
        image, content = torch.stack([v.image for v in part]), torch.stack([v.content for v in part])
        kept.append(encode_until(model, cut, minmax(image, content).to(device), bf16=bf16))
        say(f"kept {kept.done} of {len(views)} views of the evaluation at {cut}")
    return [replace(view, kept=kept[k]) for k, view in enumerate(views)]
