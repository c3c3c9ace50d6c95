"""Writes splits.json and sources.json: `python -m training.make_splits DATA`.

Units (patients; pictures where patients are unknown) are divided 7:3 inside each data set. The order is that of a hash of
their names, so the result depends on the data's names only and a new data set does not move those that were there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path

from training.catalogue import SOURCES_PATH, SPLITS_PATH, Picture, read_index, sources
from training.data import evenly

HELD_OUT_SHARE = 0.3
EVAL_PICTURES = 12  # of each data set

# Never held out: repeat scans of the same eyes; a single patient, without whom PET would have one source only; the one
# patient with most slices of its data set, and one without a data set.
TRAIN_ONLY = frozenset({
    "qin_headneck/QIN-HEADNECK-01-0139", "kits19/kits19_10036", "ct_volumes/IBSI_PAT1",
})  # fmt: skip
TRAIN_ONLY_DATASETS = frozenset({"octa_faz"})

# Pictures of one subject under several names, found by comparing thumbnails and looking.
SAME_SUBJECT = (
    ("busi/malignant_3", "busi/malignant_4", "busi/malignant_9"),
    ("busi/malignant_40", "busi/malignant_42"),
    ("dsb2018/20b20ab049372d18", "dsb2018/cb4df20a83b2f38b"),
    ("wbc_tecom/wbc1_071", "wbc_tecom/wbc1_084"),
)
_FIRST_NAME = {unit: group[0] for group in SAME_SUBJECT for unit in group}


def divide(pictures: list[Picture]) -> dict[str, str]:
    """Unit -> side. A data set's units are held out in hashed order until 30 % of its pictures are; STS patients, who
    appear in several, are divided once, by their pictures in all of them."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for picture in pictures:
        name = _FIRST_NAME.get(picture.unit, picture.unit)
        groups["STS" if name.startswith("STS_") else name.partition("/")[0]][name] += 1
    side_of_name: dict[str, str] = {}
    for group, counts in sorted(groups.items()):
        wanted, held = HELD_OUT_SHARE * counts.total(), 0
        for name in sorted(counts, key=lambda unit: hashlib.sha256(unit.encode()).digest()):
            train_only = group in TRAIN_ONLY_DATASETS or name in TRAIN_ONLY
            # Half a unit over is as good as half a unit under.
            hold = not train_only and held + counts[name] / 2 <= wanted
            side_of_name[name] = "held_out" if hold else "train"
            held += counts[name] * hold
    return {p.unit: side_of_name[_FIRST_NAME.get(p.unit, p.unit)] for p in pictures}


def one_by_one(pictures: list[Picture]) -> list[Picture]:
    """Pictures reordered so that the first n come from as many units as possible."""
    queues: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        queues[picture.unit].append(picture)
    ordered: list[Picture] = []
    while queues:
        for unit in sorted(queues):
            ordered.append(queues[unit].pop(len(queues[unit]) // 2))
            if not queues[unit]:
                del queues[unit]
    return ordered


def make_splits(data_dir: Path) -> dict:
    pictures = read_index(data_dir)
    sides = divide(pictures)
    held_out: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        if picture.kind == "image" and sides[picture.unit] == "held_out":
            held_out[picture.dataset].append(picture)
    subset = {}
    for dataset, members in sorted(held_out.items()):
        n_units = len({p.unit for p in members})
        ordered = one_by_one(members)
        chosen = evenly(ordered[:n_units], EVAL_PICTURES) if n_units >= EVAL_PICTURES else ordered[:EVAL_PICTURES]
        subset[dataset] = sorted(p.stem for p in chosen)
    return {
        "rule": "7:3 by patient inside each data set; see training/make_splits.py",
        "train": sorted(unit for unit, side in sides.items() if side == "train"),
        "held_out": sorted(unit for unit, side in sides.items() if side == "held_out"),
        "eval_subset": subset,
        "held_out_only": {name: sorted(p.stem for p in members) for name, members in sorted(held_out.items())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with images/ and volumes/")
    args = parser.parse_args()
    splits = make_splits(args.data)
    SPLITS_PATH.write_text(json.dumps(splits, indent=1) + "\n", encoding="utf-8")
    table = json.dumps(sources(args.data), indent=1, ensure_ascii=False)
    SOURCES_PATH.write_text(table + "\n", encoding="utf-8")
    print(f"{len(splits['train'])} units train, {len(splits['held_out'])} held out")
    for dataset, stems in splits["held_out_only"].items():
        print(f"{dataset:30} {len(stems):4} pictures held out, {len(splits['eval_subset'][dataset]):3} in the subset")


if __name__ == "__main__":
    main()
