"""Measurements: `medbox eval` is called, what it wrote is kept, and the objects it scored are read.

Nothing is measured here: the binary scores, this file remembers. A result is kept under a hash of all that it depends on
(the model's files, mode, class told, boxes, pictures, data), so that a second call costs nothing. Results of another build
of medbox are measured again unless the caller wants the older ones.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from training.catalogue import unit_of

METRICS = ("dsc", "nsd", "nsd_contour")


# ---- models ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """An exported model: its folder and what its manifest says."""

    folder: Path
    manifest: dict = field(compare=False)

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def asked(self) -> str:
        """As `--model` finds it: by its name where it lies among the models, else by its folder."""
        if self.folder in (root / self.name for root in model_roots()):
            return self.name
        return str(self.folder.relative_to(Path.cwd()) if self.folder.is_relative_to(Path.cwd()) else self.folder)

    @property
    def takes_class(self) -> bool:
        return self.manifest["decoder"]["class_weights"] is not None

    @property
    def has_class_head(self) -> bool:
        return self.manifest["encoder"]["class_logits"] is not None

    @property
    def hash(self) -> str:
        """Of both networks; medbox refuses files that are not those of the manifest."""
        parts = (self.manifest[part]["sha256"] for part in ("encoder", "decoder"))
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def model_roots() -> list[Path]:
    named = [Path(os.environ["MEDBOX_MODELS"])] if "MEDBOX_MODELS" in os.environ else []
    return [*named, Path("models")]


def find_model(name_or_folder: str) -> Model:
    """A model by name, looked for in `$MEDBOX_MODELS` and `./models`, or by folder. Raises FileNotFoundError."""
    for folder in (*(root / name_or_folder for root in model_roots()), Path(name_or_folder)):
        if (folder / "manifest.json").is_file():
            return Model(
                folder=folder.resolve(), manifest=json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            )
    raise FileNotFoundError(f"no manifest.json in models/{name_or_folder} or {name_or_folder}; export the model first")


# ---- what is asked and what is answered ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """One call of `medbox eval`, besides the pictures: model, mode, the class the decoder is told, how boxes are moved."""

    model: Model
    mode: str = "default"
    told: str = "auto"
    jitter: float = 0.0
    seed: int = 0
    modality: str | None = None  # only this folder of the data

    def arguments(self) -> list[str]:
        """Of `medbox eval`, as they stand in the document."""
        out = ["--model", self.model.asked, "--mode", self.mode]
        if self.told != "auto":
            out += ["--class", self.told]
        if self.jitter:
            out += ["--box-jitter", f"{self.jitter:g}", "--seed", str(self.seed)]
        return out


@dataclass(frozen=True)
class Objects:
    """The objects of one run, in the order of measuring, which is the same for every run on the same pictures."""

    keys: tuple[tuple[str, str, str, str], ...]  # data set, stem, id, area: what makes two runs comparable
    modality: np.ndarray
    dataset: np.ndarray
    picture: np.ndarray  # data set/stem
    unit: np.ndarray  # who is resampled: the patient where known, else the picture
    share: np.ndarray
    values: dict[str, np.ndarray]  # by metric, 0..1
    predicted: np.ndarray  # class of the picture, empty without class head

    @staticmethod
    def read(path: Path) -> Objects:
        """What `medbox eval --rows` wrote."""
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError(f"no objects in {path}")

        def column(name: str) -> np.ndarray:
            return np.array([row[name] for row in rows])

        return Objects(
            keys=tuple((row["dataset"], row["stem"], row["id"], row["area"]) for row in rows),
            modality=column("modality"),
            dataset=column("dataset"),
            picture=np.array([f"{row['dataset']}/{row['stem']}" for row in rows]),
            unit=np.array([unit_of(dataset=r["dataset"], stem=r["stem"], patient=r["patient"] or None) for r in rows]),
            share=column("share").astype(float),
            values={name: column(name).astype(float) for name in METRICS},
            predicted=column("predicted_class"),
        )

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class Run:
    """An answered `Ask`."""

    ask: Ask
    summary: dict  # what medbox printed
    rows: Path
    medbox: str  # hash of the binary that measured
    threads: int | None  # it measured with; 0: all cores, None: not recorded

    @cached_property
    def objects(self) -> Objects:
        return Objects.read(self.rows)


class Bench:
    """Answers asks on one set of pictures, from its folder of kept results or by calling medbox."""

    def __init__(
        self,
        *,
        medbox: Path,
        data: Path,
        only: dict[str, list[str]] | None,
        cache: Path,
        max_images: int = 0,
        max_objects: int = 0,
        threads: int = 0,
        reuse_older: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self.medbox, self.data, self.cache = medbox.resolve(), data, cache / "eval"
        self.max_images, self.max_objects, self.threads = max_images, max_objects, threads
        self.reuse_older, self.say = reuse_older, say
        self.cache.mkdir(parents=True, exist_ok=True)
        self.only = None
        if only is not None:
            text = json.dumps(only, sort_keys=True)
            self.only = self.cache / f"only-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
            self.only.write_text(text, encoding="utf-8")
        self._pictures = _fingerprint(data / "images", only)
        self._build = hashlib.sha256(self.medbox.read_bytes()).hexdigest()

    def limits(self) -> list[str]:
        """Arguments of `medbox eval` that leave something out."""
        out = ["--max-images", str(self.max_images)] if self.max_images else []
        return out + (["--max-objects", str(self.max_objects)] if self.max_objects else [])

    def stem(self, ask: Ask) -> Path:
        """Where an answer is kept, without ending."""
        depends = {
            "model": ask.model.hash,
            "mode": ask.mode,
            "told": ask.told,
            "jitter": [ask.jitter, ask.seed] if ask.jitter else 0,
            "modality": ask.modality,
            "limits": [self.max_images, self.max_objects],
            "pictures": self._pictures,
        }
        if ask.mode == "default":  # the only one that looks closer
            depends["tile_per_box"] = ask.model.manifest.get("tile_per_box")
        key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
        return self.cache / f"{ask.model.name}-{ask.mode}-{ask.told}-{key}"

    def kept(self, ask: Ask) -> Run | None:
        """The answer, if it was measured before."""
        stem = self.stem(ask)
        record_path, rows = Path(f"{stem}.json"), Path(f"{stem}.csv")
        if not (record_path.exists() and rows.exists()):
            return None
        record = json.loads(record_path.read_text(encoding="utf-8"))
        if record["medbox"] != self._build and not self.reuse_older:
            return None
        return Run(ask=ask, summary=record["summary"], rows=rows, medbox=record["medbox"], threads=record.get("threads"))

    def run(self, ask: Ask) -> Run:
        """The answer, measured now if need be. Raises RuntimeError with medbox's own words where it fails."""
        found = self.kept(ask)
        if found is not None:
            return found
        stem = self.stem(ask)
        part = Path(f"{stem}.part.csv")
        arguments = ask.arguments()
        arguments[arguments.index("--model") + 1] = str(ask.model.folder)
        if self.only is not None:
            arguments += ["--only", str(self.only)]
        folder = self.data / "images" / (ask.modality or "")
        command = [str(self.medbox), "eval", str(folder), *arguments, *self.limits(), "--rows", str(part), "--json"]
        env = dict(os.environ, RAYON_NUM_THREADS=str(self.threads)) if self.threads else None
        started = time.monotonic()
        self.say(f"medbox eval {' '.join(ask.arguments())}")
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"medbox eval {' '.join(ask.arguments())} failed: {done.stderr.strip()}")
        seconds = round(time.monotonic() - started, 1)
        summary = json.loads(done.stdout)
        self.say(f"  {summary['objects']} objects, DSC {100 * summary['mean']['dsc']:.2f}, {seconds:.0f} s")
        rows = Path(f"{stem}.csv")
        part.replace(rows)
        record = {
            "medbox": self._build,
            "seconds": seconds,
            "threads": self.threads,
            "arguments": [*ask.arguments(), *self.limits()],
            "summary": summary,
        }
        Path(f"{stem}.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        return Run(ask=ask, summary=summary, rows=rows, medbox=self._build, threads=self.threads)


def _fingerprint(images: Path, only: dict[str, list[str]] | None) -> str:
    """Hash of what is measured: names, sizes and meta.json of the data sets, of the pictures in `only` alone where given."""
    digest = hashlib.sha256(json.dumps(only, sort_keys=True).encode())
    for meta in sorted(images.glob("*/*/meta.json")):
        content = meta.read_bytes()
        if only is not None and json.loads(content)["name"] not in only:
            continue
        digest.update(meta.parent.name.encode() + content)
        for path in sorted((*(meta.parent / "images").iterdir(), *(meta.parent / "masks").iterdir())):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()
