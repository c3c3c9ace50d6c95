"""What there is to learn from: the index of pictures, the split by patient, and the cache of decoded pixels.

The line is: folder of data -> `read_index` -> `Picture`s -> `Store` (decoded once, memory-mapped). Who may be trained on
stands in `splits.json`, made by `make_splits.py`. `README.md` says how the data folder is laid out.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

CLASSES: tuple[str, ...] = (
    "CT", "MR", "PET", "US", "XRay", "Dermoscopy", "Endoscopy", "Fundus", "Microscopy", "OCT", "Mammography",
)  # fmt: skip
MIN_OBJECT_AREA = 16  # px² of the picture: smaller objects are neither trained on nor scored
SLICE_STEP = 5  # every fifth slice of a volume, as in the paper
SPLITS_PATH = Path(__file__).with_name("splits.json")
SOURCES_PATH = Path(__file__).with_name("sources.json")  # where each data set comes from, for manifests and cards

# Shown windows of a CT in Hounsfield units (low, high): soft tissue, and wide enough for lung and bone.
CT_WINDOWS = ((-160.0, 240.0), (-1000.0, 1000.0))


# ---- index -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """One image with its label maps: a file of `images/`, or one slice of a volume."""

    dataset: str
    modality: str
    stem: str
    unit: str  # what may not be divided between training and evaluation: a patient where known, else the picture
    image: Path
    maps: tuple[Path, ...]  # one label map for each suffix that exists
    base: str  # the data set whose units this picture shares: `dataset` without `_fullsize`
    slice_idx: int | None = None  # z in a volume's (x, y, z) array
    window: tuple[float, float] | None = None  # CT slices: the stored values shown, low and high

    @property
    def class_idx(self) -> int:
        return CLASSES.index(self.modality)

    @property
    def kind(self) -> str:
        """`image`, `fullsize` or `slice`."""
        if self.slice_idx is not None:
            return "slice"
        return "image" if self.dataset == self.base else "fullsize"


def unit_of(*, dataset: str, stem: str, patient: str | None) -> str:
    """What may not be divided, and what is resampled for intervals: the patient where known, else the picture."""
    if patient and patient.startswith("STS_"):
        return patient  # the same patients were scanned with CT, MR and PET
    if dataset == "dsb2018":
        patient = None  # there this field names the kind of picture (its size and stain)
    return f"{dataset}/{patient or stem}"


def _read_images(folder: Path) -> Iterator[Picture]:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    dataset = meta["name"]
    base = dataset.removesuffix("_fullsize")
    patients = meta.get("patients") or {}
    suffixes = meta.get("mask_suffixes") or [""]
    for image in sorted((folder / "images").iterdir()):
        maps = (folder / "masks" / f"{image.stem}{suffix}.png" for suffix in suffixes)
        yield Picture(
            dataset=dataset,
            modality=meta["modality"],
            stem=image.stem,
            unit=unit_of(dataset=base, stem=image.stem, patient=patients.get(image.stem)),
            image=image,
            maps=tuple(path for path in maps if path.exists()),
            base=base,
        )


def _read_slices(folder: Path, *, unit_of_patient: dict[str, str]) -> Iterator[Picture]:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    modality, patient = meta["modality"], meta["patient"]
    dataset = f"{modality.lower()}_volumes"
    unit = unit_of_patient.get(patient) or unit_of(dataset=dataset, stem=meta["name"], patient=patient)
    label = _load_volume(folder / "label.nii.gz")
    with_object = np.flatnonzero(label.any(axis=(0, 1)))
    for z in with_object[::SLICE_STEP].tolist():
        for window in CT_WINDOWS if modality == "CT" else (None,):
            yield Picture(
                dataset=dataset,
                modality=modality,
                stem=f"{meta['name']}_z{z:03d}" + (f"_w{window[1] - window[0]:.0f}" if window else ""),
                unit=unit,
                image=folder / "image.nii.gz",
                maps=(folder / "label.nii.gz",),
                base=dataset,
                slice_idx=z,
                window=window,
            )


def read_index(data_dir: Path) -> list[Picture]:
    """Every picture below `data_dir`, sorted: `images/` (with `_fullsize`), then every fifth slice of `volumes/` that
    holds an object (CT twice, in two windows). Raises FileNotFoundError if there is no data set at all."""
    pictures = [p for meta in sorted(data_dir.glob("images/*/*/meta.json")) for p in _read_images(meta.parent)]
    unit_of_patient = {}
    for picture in pictures:
        unit_of_patient[picture.unit.rpartition("/")[2]] = picture.unit
    for meta in sorted(data_dir.glob("volumes/*/*/meta.json")):
        pictures.extend(_read_slices(meta.parent, unit_of_patient=unit_of_patient))
    if not pictures:
        raise FileNotFoundError(f"no images/<modality>/<data set>/meta.json below the data folder {data_dir}")
    return pictures


def sources(data_dir: Path) -> list[dict]:
    """Where each data set comes from, one record a data set: what model cards and manifests state."""
    records: dict[str, dict] = {}
    paths = [*sorted(data_dir.glob("images/*/*/meta.json")), *sorted(data_dir.glob("volumes/*/*/meta.json"))]
    for path in paths:
        meta = json.loads(path.read_text(encoding="utf-8"))
        if meta["name"].endswith("_fullsize"):
            continue
        repos = meta["source"].get("sources") or [meta["source"]]
        records[meta["name"]] = {
            "dataset": meta["name"],
            "part": path.relative_to(data_dir).parts[0],
            "modality": meta["modality"],
            "original": meta["original_dataset"],
            "licence": meta["licence"],
            "citation": meta.get("citation", ""),
            "repositories": [
                {"repo": r["repo"].removeprefix("https://github.com/"), "commit": r["commit"], "path": r.get("path", "")}
                for r in repos
            ],
        }
    return list(records.values())


def source_names(pictures: Iterable[Picture]) -> list[str]:
    """The names under which `sources` lists where these pictures come from, sorted: data sets and volumes."""
    return sorted({p.base if p.slice_idx is None else p.image.parent.name for p in pictures})


# ---- split -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Which units train and which are held out. One committed file serves all models."""

    train: frozenset[str]
    held_out: frozenset[str]
    eval_subset: dict[str, list[str]]  # data set -> stems: a small, fixed, balanced part of the held-out pictures
    held_out_only: dict[str, list[str]]  # data set -> stems: all held-out pictures of `images/` but the full-size ones

    def side(self, picture: Picture) -> str:
        """`train` or `held_out`. Raises KeyError for a patient the split file does not know."""
        if picture.unit in self.train:
            return "train"
        if picture.unit in self.held_out:
            return "held_out"
        raise KeyError(f"splits.json does not know {picture.unit}; make_splits.py writes it anew")


def split_hash() -> str:
    """SHA-256 of the split file, by which a model tells what it was trained by."""
    return hashlib.sha256(SPLITS_PATH.read_bytes()).hexdigest()


def load_split(path: Path = SPLITS_PATH) -> Split:
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    return Split(
        train=frozenset(record["train"]),
        held_out=frozenset(record["held_out"]),
        eval_subset=record["eval_subset"],
        held_out_only=record["held_out_only"],
    )


def leave_out(pictures: Sequence[Picture], names: Sequence[str]) -> list[Picture]:
    """The pictures without the data sets `names`, their full-size pictures, and the slices of the same patients and
    modality. Raises ValueError for a name that no data set has."""
    known = {p.base for p in pictures if p.slice_idx is None}
    unknown = sorted(set(names) - known)
    if unknown:
        raise ValueError(f"there is no data set {unknown[0]} (there are {', '.join(sorted(known))})")
    dropped = {(p.unit, p.modality) for p in pictures if p.base in names}
    return [p for p in pictures if p.base not in names and (p.slice_idx is None or (p.unit, p.modality) not in dropped)]


def never_trained_on(pictures: Sequence[Picture], names: Sequence[str], *, split: Split) -> dict[str, list[str]]:
    """What a model trained without the data sets `names` may be measured on: their pictures on both sides of the split, but
    of no patient that training saw in another modality. Data set -> stems, as `medbox eval --only` takes them."""
    trained = {p.unit for p in leave_out(pictures, names) if split.side(p) == "train"}
    chosen: dict[str, list[str]] = {name: [] for name in names}
    for picture in pictures:
        if picture.kind == "image" and picture.dataset in names and picture.unit not in trained:
            chosen[picture.dataset].append(picture.stem)
    return {name: sorted(stems) for name, stems in chosen.items() if stems}


# ---- pixels ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def _load_volume(path: Path) -> np.ndarray:
    """Voxels (x, y, z) as stored."""
    import nibabel  # only here: data without volumes needs no NIfTI reader

    return np.asanyarray(nibabel.load(path).dataobj)


def _to_u8(values: np.ndarray, *, low: float, high: float) -> np.ndarray:
    scaled = (values.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)


def _decode_slice(picture: Picture) -> np.ndarray:
    """(H, W) u8. Without a window: between the 0.5 and 99.5 percentiles of the volume's non-zero voxels."""
    volume = _load_volume(picture.image)
    low, high = picture.window or np.percentile(volume[volume > max(volume.min(), 0)], (0.5, 99.5))
    return _to_u8(volume[:, :, picture.slice_idx].T, low=low, high=high)


def decode_image(picture: Picture) -> np.ndarray:
    """(H, W) u8 where all channels agree, else (H, W, 3) u8 RGB."""
    if picture.slice_idx is not None:
        return _decode_slice(picture)
    image = cv2.imread(str(picture.image), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"not an image that OpenCV reads: {picture.image}")
    if (image == image[:, :, :1]).all():
        return np.ascontiguousarray(image[:, :, 0])
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def decode_map(picture: Picture, path: Path) -> np.ndarray:
    """A label map (H, W) u8 or u16."""
    if picture.slice_idx is not None:
        return np.ascontiguousarray(_load_volume(path)[:, :, picture.slice_idx].T)
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2:
        raise ValueError(f"not a label map of one channel: {path}")
    return labels


OBJECT = np.dtype(
    [("map", "i4"), ("id", "i4"), ("x0", "i4"), ("y0", "i4"), ("x1", "i4"), ("y1", "i4"), ("area", "i4"), ("part", "?")]
)


def find_objects(labels: np.ndarray, *, map_idx: int, part: bool) -> np.ndarray:
    """Objects of at least MIN_OBJECT_AREA in a label map, ascending by id, as OBJECT records with tight boxes."""
    ys, xs = np.nonzero(labels)
    if len(ys) == 0:
        return np.zeros(0, OBJECT)
    ids, index, areas = np.unique(labels[ys, xs], return_inverse=True, return_counts=True)
    records = np.zeros(len(ids), OBJECT)
    records["map"], records["id"], records["area"], records["part"] = map_idx, ids, areas, part
    for low, high, values in (("x0", "x1", xs), ("y0", "y1", ys)):
        records[low] = np.iinfo(np.int32).max
        np.minimum.at(records[low], index, values)
        np.maximum.at(records[high], index, values + 1)
    return records[areas >= MIN_OBJECT_AREA]


def split_into_parts(labels: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """A label map (H, W) u16 of the connected parts of objects that have several, 0 elsewhere.

    A pair of kidneys with one id is a fair target as a pair and one by one. Parts whose boxes meet are left out: the box
    of one would show pieces of the other that its mask denies.
    """
    parts = np.zeros(labels.shape, np.uint16)
    n_parts = 0
    for obj in objects:
        window = np.s_[obj["y0"] : obj["y1"], obj["x0"] : obj["x1"]]
        n, components, stats, _ = cv2.connectedComponentsWithStats((labels[window] == obj["id"]).astype(np.uint8))
        large = [k for k in range(1, n) if stats[k, cv2.CC_STAT_AREA] >= 4 * MIN_OBJECT_AREA]
        if n <= 2 or not large:
            continue
        x0, y0 = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
        x1, y1 = x0 + stats[:, cv2.CC_STAT_WIDTH], y0 + stats[:, cv2.CC_STAT_HEIGHT]
        for k in large:
            meets = (x0 < x1[k]) & (x1 > x0[k]) & (y0 < y1[k]) & (y1 > y0[k])
            meets[[0, k]] = False  # the background, and itself
            if not meets.any():
                n_parts += 1
                parts[window][components == k] = n_parts
    return parts


class Store:
    """Decoded pictures, label maps and object tables of one data set, packed into one memory-mapped file.

    Workers that are forked or started later share the same pages. The file's name holds a hash of the contents of all
    source files, so a changed data set is packed again.
    """

    VERSION = 1  # of the layout of the packed files

    def __init__(self, *, pictures: Sequence[Picture], cache: Path) -> None:
        self.hash = self._hash(pictures)
        stem = Path(cache) / "pictures" / f"{pictures[0].dataset}-{self.hash[:16]}"
        index_path, pixels_path = stem.with_suffix(".json"), stem.with_suffix(".bin")
        if not index_path.exists():
            self._pack(pictures, index_path=index_path, pixels_path=pixels_path)
        record = json.loads(index_path.read_text(encoding="utf-8"))
        self._entries: dict[str, dict] = record["pictures"]
        self._pixels_path = pixels_path
        self._pixels = np.memmap(pixels_path, np.uint8, "r")

    def __getstate__(self) -> dict:
        """Without the pixels: a worker that is started, not forked, maps the file again instead of copying it."""
        return {name: value for name, value in self.__dict__.items() if name != "_pixels"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._pixels = np.memmap(self._pixels_path, np.uint8, "r")

    @classmethod
    def _hash(cls, pictures: Sequence[Picture]) -> str:
        digest = hashlib.sha256(str(cls.VERSION).encode())
        contents: dict[Path, bytes] = {}
        for picture in pictures:
            digest.update(f"{picture.stem} {picture.slice_idx} {picture.window}".encode())
            for path in (picture.image, *picture.maps):
                if path not in contents:
                    contents[path] = hashlib.sha256(path.read_bytes()).digest()
                digest.update(contents[path])
        return digest.hexdigest()

    @staticmethod
    def _pack(pictures: Sequence[Picture], *, index_path: Path, pixels_path: Path) -> None:
        index_path.parent.mkdir(parents=True, exist_ok=True)
        entries: dict[str, dict] = {}
        with pixels_path.with_suffix(".part").open("wb") as file:

            def write(array: np.ndarray) -> dict:
                file.write(b"\0" * (-file.tell() % 8))  # aligned for every type stored
                place = {"offset": file.tell(), "shape": array.shape, "dtype": array.dtype.str}
                file.write(np.ascontiguousarray(array).tobytes())
                return place

            for picture in pictures:
                image = decode_image(picture)
                maps = [decode_map(picture, path) for path in picture.maps]
                tables = []
                for k, labels in enumerate(list(maps)):
                    if labels.shape != image.shape[:2]:
                        raise ValueError(f"map {labels.shape} does not fit image {image.shape[:2]}: {picture.maps[k]}")
                    tables.append(find_objects(labels, map_idx=k, part=False))
                    parts = split_into_parts(labels, tables[-1])
                    if parts.any():
                        tables.append(find_objects(parts, map_idx=len(maps), part=True))
                        maps.append(parts)
                objects = np.concatenate(tables) if tables else np.zeros(0, OBJECT)
                entries[picture.stem] = {
                    "image": write(image),
                    "maps": [write(labels) for labels in maps],
                    "objects": [tuple(o) for o in objects.tolist()],
                }
        pixels_path.with_suffix(".part").replace(pixels_path)
        # The index comes last: where it exists, the pixels are complete.
        index_path.with_suffix(".tmp").write_text(json.dumps({"pictures": entries}), encoding="utf-8")
        index_path.with_suffix(".tmp").replace(index_path)

    def _view(self, place: dict) -> np.ndarray:
        dtype = np.dtype(place["dtype"])
        size = math.prod(place["shape"]) * dtype.itemsize
        return self._pixels[place["offset"] : place["offset"] + size].view(dtype).reshape(place["shape"])

    def image(self, picture: Picture) -> np.ndarray:
        """(H, W) or (H, W, 3) u8, read-only."""
        return np.asarray(self._view(self._entries[picture.stem]["image"]))

    def maps(self, picture: Picture) -> list[np.ndarray]:
        """Label maps (H, W), read-only; those of parts come after those of files."""
        return [np.asarray(self._view(place)) for place in self._entries[picture.stem]["maps"]]

    def objects(self, picture: Picture) -> np.ndarray:
        """OBJECT records, map by map, ascending by id."""
        return np.array([tuple(o) for o in self._entries[picture.stem]["objects"]], OBJECT)


def open_stores(pictures: Iterable[Picture], *, cache: Path) -> dict[str, Store]:
    """A store for each data set; packs what is not in `cache` yet (a minute for the shared data)."""
    by_dataset: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_dataset[picture.dataset].append(picture)
    return {name: Store(pictures=members, cache=cache) for name, members in by_dataset.items()}


def data_hash(stores: dict[str, Store]) -> str:
    """sha256 over all pictures and masks, for checkpoints and manifests."""
    return hashlib.sha256("".join(f"{name} {stores[name].hash}\n" for name in sorted(stores)).encode()).hexdigest()
