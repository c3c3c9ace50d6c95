"""Pictures drawn here stand for the data; with MEDBOX_DATA set, the committed split is held against the real index."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training import catalogue, data, make_splits
from training.augment import augment
from training.data import (
    CLASSES,
    EvalSet,
    SampleSettings,
    Sampler,
    Split,
    TileRule,
    View,
    evenly,
    jitter_box,
    letterbox,
    letterbox_size,
    load_split,
    minmax,
    open_stores,
    read_index,
    sources,
    square_view,
    tight_box,
    whole_view,
)

PLAIN = SampleSettings(photometric=False)


def ellipse(shape: tuple[int, int], *, centre: tuple[int, int], axes: tuple[int, int]) -> np.ndarray:
    return cv2.ellipse(np.zeros(shape, np.uint8), centre, axes, 30.0, 0.0, 360.0, 1, -1)


def write_dataset(root: Path, modality: str, name: str, maps: dict[str, dict[str, np.ndarray]], **meta) -> None:
    """maps: stem -> suffix -> label map; the picture shows every object bright on a darker ground."""
    folder = root / "images" / modality / name
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for stem, by_suffix in maps.items():
        shown = np.max([labels > 0 for labels in by_suffix.values()], axis=0)
        cv2.imwrite(str(folder / "images" / f"{stem}.png"), np.where(shown, 220, 30).astype(np.uint8))
        for suffix, labels in by_suffix.items():
            cv2.imwrite(str(folder / "masks" / f"{stem}{suffix}.png"), labels)
    record = {
        "name": name,
        "modality": modality,
        "source": {"repo": "someone/something", "commit": "0" * 40, "path": "data"},
        "original_dataset": name.upper(),
        "licence": "CC0",
        "citation": "Someone, 2020",
        **meta,
    }
    (folder / "meta.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    sts = {f"STS_{k:03d}_z010": {"": ellipse((40, 50), centre=(24, 20), axes=(9, 6))} for k in range(20)}
    patients = {stem: stem[:7] for stem in sts}
    write_dataset(root, "CT", "sts_ct", sts, patients=patients)
    write_dataset(root, "PET", "sts_pet", sts, patients=patients)
    nested = {
        f"eye{k}": {
            "_disc": ellipse((300, 400), centre=(200, 150), axes=(40, 36)),
            "_cup": ellipse((300, 400), centre=(200, 150), axes=(16, 14)),
        }
        for k in range(10)
    }
    write_dataset(root, "Fundus", "eyes", nested, mask_suffixes=["_disc", "_cup"], patients=None)
    write_dataset(root, "Fundus", "eyes_fullsize", {"eye3": nested["eye3"]}, mask_suffixes=["_disc", "_cup"])
    pair = ellipse((200, 200), centre=(60, 100), axes=(20, 14)) | ellipse((200, 200), centre=(150, 100), axes=(20, 14))
    dots = np.zeros((200, 200), np.uint16)
    for k in range(300):  # more objects than eight bits can name; every third is a speck of 9 px²
        x, y, size = 10 * (k % 20), 10 * (k // 20), 3 if k % 3 == 0 else 6
        dots[y : y + size, x : x + size] = k + 1
    write_dataset(root, "Microscopy", "cells", {f"cell{k}": {"": pair if k else dots} for k in range(10)})
    return root


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def pictures(data_dir: Path) -> list[catalogue.Picture]:
    return read_index(data_dir)


@pytest.fixture(scope="session")
def split(pictures: list[catalogue.Picture], data_dir: Path) -> Split:
    record = make_splits.make_splits(data_dir)
    return Split(
        train=frozenset(record["train"]),
        held_out=frozenset(record["held_out"]),
        eval_subset=record["eval_subset"],
        held_out_only=record["held_out_only"],
    )


def sampler(pictures, split, cache, *, settings: SampleSettings = PLAIN, seed: int = 0, **kwargs) -> Sampler:
    return Sampler(pictures=pictures, settings=settings, seed=seed, cache=cache, split=split, **kwargs)


# ---- index and split -------------------------------------------------------------------------------------------------


def test_index_knows_modality_maps_and_kind(pictures):
    eye = next(p for p in pictures if p.stem == "eye3" and p.dataset == "eyes")
    assert (eye.modality, eye.class_idx, eye.kind) == ("Fundus", 7, "image")
    assert [path.name for path in eye.maps] == ["eye3_disc.png", "eye3_cup.png"]
    assert [p.kind for p in pictures if p.dataset == "eyes_fullsize"] == ["fullsize"]


def test_an_empty_folder_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="no images/<modality>/<data set>/meta.json below the data folder"):
        read_index(tmp_path)


def test_sts_patients_fall_on_one_side_in_all_modalities(pictures, split):
    sides = defaultdict(set)
    for picture in pictures:
        if picture.stem.startswith("STS_"):
            sides[picture.stem[:7]].add(split.side(picture))
    assert len(sides) == 20
    assert all(len(found) == 1 for found in sides.values())
    assert sum(found == {"held_out"} for found in sides.values()) == 6  # 30 % of 20


def test_full_size_pictures_follow_their_base_and_are_not_scored_twice(pictures, split):
    assert len({split.side(p) for p in pictures if p.stem == "eye3"}) == 1
    assert set(split.held_out_only) == {"sts_ct", "sts_pet", "eyes", "cells"}


def test_three_tenths_are_held_out_and_named_by_stem(pictures, split):
    assert len(split.held_out_only["eyes"]) == 3
    held_out = {p.stem for p in pictures if p.dataset == "eyes" and split.side(p) == "held_out"}
    assert set(split.held_out_only["eyes"]) == held_out
    assert set(split.eval_subset["eyes"]) <= held_out


def test_a_new_patient_does_not_move_the_others(pictures):
    fewer = [p for p in pictures if p.stem != "eye9"]
    before, after = make_splits.divide(fewer), make_splits.divide(pictures)
    moved = [unit for unit, side in before.items() if after[unit] != side]
    assert len(moved) <= 1  # only the one at the border of 30 %


def test_an_unknown_patient_is_an_error(pictures, split):
    with pytest.raises(KeyError, match="splits.json does not know eyes/stranger"):
        split.side(replace(pictures[0], unit="eyes/stranger"))


def test_a_set_that_is_left_out_takes_its_slices_and_full_size_pictures_along(pictures):
    def slices(unit: str, modality: str) -> catalogue.Picture:
        name = f"{modality.lower()}_volumes"
        return replace(pictures[0], dataset=name, base=name, unit=unit, modality=modality, slice_idx=3)

    more = [*pictures, slices("STS_000", "CT"), slices("STS_000", "PET"), slices("other/p", "CT")]
    kept = catalogue.leave_out(more, ["sts_ct", "eyes"])
    assert {p.dataset for p in kept} == {"sts_pet", "cells", "pet_volumes", "ct_volumes"}
    assert [p.unit for p in kept if p.dataset == "ct_volumes"] == ["other/p"]
    with pytest.raises(ValueError, match=r"^there is no data set eye \(there are cells, eyes, sts_ct, sts_pet\)$"):
        catalogue.leave_out(pictures, ["eye"])


def test_a_left_out_set_is_measured_on_patients_that_no_other_set_trained_on(pictures, split):
    chosen = catalogue.never_trained_on(pictures, ["sts_ct", "eyes"], split=split)
    assert len(chosen["eyes"]) == 10  # both sides of the split, full-size pictures not twice
    assert set(chosen["sts_ct"]) == set(split.held_out_only["sts_ct"])  # the other patients' PET was trained on


def test_sources_name_repository_commit_and_licence(data_dir):
    records = {r["dataset"]: r for r in sources(data_dir)}
    assert set(records) == {"sts_ct", "sts_pet", "eyes", "cells"}
    assert records["eyes"]["repositories"] == [{"repo": "someone/something", "commit": "0" * 40, "path": "data"}]
    assert records["eyes"]["licence"] == "CC0"


def test_the_committed_split_is_disjoint_and_its_subset_is_held_out():
    split = load_split()
    assert split.train and split.held_out and not split.train & split.held_out
    for dataset, stems in split.eval_subset.items():
        assert 0 < len(stems) <= 12
        assert set(stems) <= set(split.held_out_only[dataset])


@pytest.mark.skipif("MEDBOX_DATA" not in os.environ, reason="MEDBOX_DATA does not name the data folder")
def test_the_committed_split_divides_no_patient_of_the_real_data():
    root, split = Path(os.environ["MEDBOX_DATA"]), load_split()
    pictures = read_index(root)
    # Patients are read here once more, from meta.json, and not through `unit`.
    sides: dict[str, set[str]] = defaultdict(set)
    for picture in pictures:
        side = split.side(picture)
        if picture.kind == "slice":
            patient = json.loads((picture.image.parent / "meta.json").read_text(encoding="utf-8"))["patient"]
        else:
            meta = json.loads((picture.image.parent.parent / "meta.json").read_text(encoding="utf-8"))
            patient = (meta.get("patients") or {}).get(picture.stem)
            sides[f"{picture.base}: {picture.stem}"].add(side)
        if patient and picture.base != "dsb2018":  # whose "patients" are kinds of pictures
            sides[patient].add(side)
    assert {name for name, found in sides.items() if len(found) > 1} == set()
    assert {split.side(p) for p in pictures if p.dataset == "octa_faz"} == {"train"}
    for modality in CLASSES:
        held = [split.side(p) == "held_out" for p in pictures if p.modality == modality and p.kind == "image"]
        assert 0.1 < np.mean(held) < 0.35, modality


# ---- objects and pixels ----------------------------------------------------------------------------------------------


def test_objects_are_tight_ascending_and_not_specks(pictures, cache):
    dots = next(p for p in pictures if p.stem == "cell0")
    objects = open_stores(pictures, cache=cache)["cells"].objects(dots)
    assert len(objects) == 200  # 300 less the specks of 9 px²
    assert objects["id"].tolist() == sorted(objects["id"].tolist())
    first = objects[0]  # k = 1: x 10..16, y 0..6, id 2
    assert [first[name].item() for name in ("id", "x0", "y0", "x1", "y1", "area", "part")] == [2, 10, 0, 16, 6, 36, False]
    assert objects["id"].max() > 255


def test_parts_of_one_object_are_objects_of_their_own(pictures, cache):
    pair = next(p for p in pictures if p.stem == "cell1")
    store = open_stores(pictures, cache=cache)["cells"]
    objects = store.objects(pair)
    assert objects["part"].tolist() == [False, True, True]
    whole, left, right = objects
    assert left["area"] + right["area"] == whole["area"]
    assert left["x1"] < right["x0"]
    assert (store.maps(pair)[1] == left["id"]).sum() == left["area"]


def test_a_changed_mask_is_packed_again(tmp_path):
    labels = ellipse((60, 60), centre=(30, 30), axes=(10, 10))
    write_dataset(tmp_path, "US", "small", {"a": {"": labels}})
    cache = tmp_path / "cache"
    before = open_stores(read_index(tmp_path), cache=cache)["small"]
    cv2.imwrite(str(tmp_path / "images/US/small/masks/a.png"), ellipse((60, 60), centre=(30, 30), axes=(5, 5)))
    pictures = read_index(tmp_path)
    after = open_stores(pictures, cache=cache)["small"]
    assert before.hash != after.hash
    assert after.objects(pictures[0])["area"].item() < before.objects(pictures[0])["area"].item()


# ---- geometry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (480, 640, (192, 256)),
        (49, 49, (256, 256)),
        (1000, 1, (256, 0)),  # int(0.256 + 0.5)
        (300, 400, (192, 256)),
        (333, 500, (170, 256)),  # 170.496 + 0.5 is cut to 170
    ],
)
def test_letterbox_rounds_half_up(height, width, expected):
    assert letterbox_size(height=height, width=width) == expected


def test_letterbox_pads_right_and_bottom_with_zeros():
    square, content = letterbox(np.full((100, 50), 200, np.uint8))
    assert content == (256, 128)
    assert (square[:, :128] == 200).all() and (square[:, 128:] == 0).all()


def test_minmax_looks_at_the_content_only():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    images[0, :, :2, :4] = 100
    images[0, 1, 0, 0] = 150
    images[1] = 7  # no contrast at all
    values = minmax(images, torch.tensor([[2, 4], [4, 4]]))
    assert values[0, 1, 0, 0] == 1.0 and values[0, 0].sum() == 0.0  # 100 is the least of the content; padding stays 0
    assert (values[1] == 0.0).all()


def test_views_map_boxes_as_they_cut_pixels():
    source = np.zeros((200, 300), np.uint8)
    source[80:120, 100:160] = 1
    view = square_view(x=60, y=50, size=128, height=200, width=300)  # twofold enlargement
    np.testing.assert_array_equal(view.box([100, 80, 160, 120]), [80, 60, 200, 140])
    np.testing.assert_array_equal(tight_box(view.cut_mask(source, object_id=1)), [80, 60, 200, 140])


def test_a_square_view_moves_inside_the_picture():
    view = square_view(x=-30, y=90, size=100, height=120, width=300)
    assert (view.x, view.y, view.w, view.h) == (0, 20, 100, 100)
    narrow = square_view(x=10, y=10, size=200, height=120, width=300)
    assert (narrow.y, narrow.w, narrow.h, narrow.width, narrow.height) == (0, 200, 120, 256, 154)


def test_a_turned_view_turns_about_its_middle():
    source = np.zeros((200, 200), np.uint8)
    source[98:102, 120:180] = 255  # a bar to the right of the middle
    turned = View(x=0, y=0, w=200, h=200, width=256, height=256, angle=math.pi / 2).cut(source)
    x0, y0, x1, y1 = tight_box(turned)
    # Now upright in the middle column, above the middle: 128 - 1.28 * 80 to 128 - 1.28 * 20.
    assert abs((x0 + x1) / 2 - 128) <= 1 and x1 - x0 <= 8
    assert abs(y0 - 25.6) <= 2 and abs(y1 - 102.4) <= 2


def test_tiles_are_for_small_boxes():
    rule = TileRule(below=1 / 3, scale=3.0, min_px=64)
    assert rule.view([0, 0, 100, 50], height=200, width=300) is None
    tile = rule.view([140, 90, 170, 110], height=200, width=300)
    assert (tile.x, tile.y, tile.w, tile.h) == (110, 55, 90, 90)
    assert rule.view([140, 90, 144, 94], height=200, width=300).w == 64


# ---- samples ---------------------------------------------------------------------------------------------------------


def test_samples_have_the_agreed_shapes(pictures, split, cache):
    sample = next(iter(sampler(pictures, split, cache, settings=SampleSettings(boxes_per_image=4))))
    assert sample["image"].shape == (3, 256, 256) and sample["image"].dtype == torch.uint8
    assert sample["masks"].shape == (4, 256, 256) and sample["masks"].dtype == torch.uint8
    assert sample["boxes"].shape == (4, 4) and sample["boxes"].dtype == torch.float32
    assert sample["valid"].tolist() == [True] * 4
    assert 0 <= sample["class_idx"] < len(CLASSES)


def test_equal_seeds_give_equal_samples(pictures, split, cache):
    def draw(seed):
        return list(islice(sampler(pictures, split, cache, settings=SampleSettings(), seed=seed), 12))

    for a, b in zip(draw(3), draw(3), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a["image"], b["image"]) for a, b in zip(draw(3), draw(4), strict=True))


def test_training_never_shows_a_held_out_picture(pictures, split, cache):
    train, held_out = (sampler(pictures, split, cache, side=side).pictures for side in ("train", "held_out"))
    assert {p.unit for p in train}.isdisjoint(p.unit for p in held_out)
    assert len(train) + len(held_out) == len(pictures) == len(sampler(pictures, split, cache, side="all").pictures)


def test_modalities_are_balanced(pictures, split, cache):
    drawn = [int(s["class_idx"]) for s in islice(sampler(pictures, split, cache), 800)]
    shares = np.bincount(drawn, minlength=11)[[0, 2, 7, 8]] / 800
    assert np.abs(shares - 0.25).max() < 0.06
    only_ct = SampleSettings(modality_weights=(("PET", 0.0), ("Fundus", 0.0), ("Microscopy", 0.0)))
    assert {int(s["class_idx"]) for s in islice(sampler(pictures, split, cache, settings=only_ct), 20)} == {0}


def test_most_samples_look_closer_and_objects_span_15_to_90_percent(pictures, split, cache):
    settings = replace(PLAIN, box_tight=1.0, box_loose=0.0, box_rough=0.0, part_probability=0.0, rotate_probability=0.0)
    samples = list(islice(sampler([p for p in pictures if p.dataset == "eyes"], split, cache, settings=settings), 300))
    closer = [s for s in samples if s["closer"]]
    assert 0.52 < len(closer) / len(samples) < 0.68
    spans = [float((s["boxes"][0, 2:] - s["boxes"][0, :2]).max()) / 256 for s in closer]
    assert 0.13 < min(spans) < 0.25 and 0.8 < max(spans) < 0.95


def test_pixels_masks_and_boxes_stay_together_under_every_move(pictures, split, cache):
    settings = replace(
        PLAIN, rotate_probability=0.7, rotate_degrees=45.0, stretch_probability=0.5, turn_probability=0.5, part_probability=0.0,
        box_tight=1.0, box_loose=0.0, box_rough=0.0,
    )  # fmt: skip
    # One object in each picture, bright: what is bright is the mask.
    alone = [p for p in pictures if p.modality in ("CT", "PET")]
    for sample in islice(sampler(alone, split, cache, settings=settings), 150):
        bright = sample["image"][0].numpy() > 125
        mask = sample["masks"][0].numpy() > 0
        assert (bright & mask).sum() / (bright | mask).sum() > 0.93
        assert np.abs(tight_box(mask.astype(np.uint8)) - sample["boxes"][0].numpy()).max() <= 4.0  # a fifth of a source pixel
        h, w = sample["content"].tolist()
        assert not sample["image"][:, h:].any() and not sample["image"][:, :, w:].any()
        assert max(h, w) == 256


def test_nested_structures_are_asked_for_one_by_one(pictures, split, cache):
    eyes = [p for p in pictures if p.dataset == "eyes"]
    settings = replace(PLAIN, crop_probability=0.0, boxes_per_image=2, rotate_probability=0.0, whole_exact=1.0)
    sample = next(iter(sampler(eyes, split, cache, settings=settings)))
    areas = sorted(int(mask.sum()) for mask in sample["masks"])
    assert areas[1] > 3 * areas[0] > 0
    inner, outer = sorted(sample["masks"].numpy() > 0, key=np.sum)
    assert (inner & ~outer).sum() == 0


def test_specks_of_the_whole_picture_are_no_targets(pictures, split, cache):
    view = View(x=0, y=0, w=200, h=200, width=25, height=25)  # squares of 6 px are 0.56 px² here
    dots = sampler(pictures, split, cache, side="all")
    k = next(k for k, p in enumerate(dots.pictures) if p.stem == "cell0")
    masks, _ = dots._targets(dots.pictures[k], dots.objects[k], first=0, view=view, rng=np.random.default_rng(0))
    assert masks == []


@pytest.mark.parametrize(
    ("share", "reach_in", "reach_out"),
    [("box_tight", 0.0, 0.0), ("box_loose", 0.0, 0.20), ("box_rough", 0.15, 0.15), (None, 0.08, 0.08)],
)
def test_boxes_move_within_their_bounds(share, reach_in, reach_out):
    shares = {name: 1.0 if name == share else 0.0 for name in ("box_tight", "box_loose", "box_rough")}
    settings, rng = SampleSettings(**shares), np.random.default_rng(0)
    box = np.array([100.0, 80.0, 200.0, 120.0])
    outward = []
    for _ in range(500):
        moved = jitter_box(box, settings=settings, rng=rng, content=(256, 256))
        outward.append((moved - box) * (-1, -1, 1, 1) / (100, 40, 100, 40))
    outward = np.array(outward)
    assert -reach_in - 1e-6 <= outward.min() and outward.max() <= reach_out + 1e-6
    assert outward.max() >= 0.9 * reach_out  # and the bounds are made use of
    assert outward.min() <= -0.9 * reach_in + 0.01


def test_boxes_never_leave_the_content():
    loose = SampleSettings(box_tight=0.0, box_loose=1.0)
    moved = jitter_box(np.array([0.0, 0, 256, 100]), settings=loose, rng=np.random.default_rng(0), content=(100, 256))
    assert moved.tolist() == [0, 0, 256, 100]


def test_a_bent_sample_keeps_masks_on_what_they_outline(pictures, split, cache):
    bent = SampleSettings(photometric=False, bend_probability=1.0, rotate_probability=0.0, box_tight=1.0, box_loose=0.0, box_rough=0.0)
    plain = replace(bent, bend_probability=0.0)
    areas = {"bent": [], "plain": []}
    for name, settings in (("bent", bent), ("plain", plain)):
        for sample in islice(sampler(pictures, split, cache, settings=settings), 30):
            for mask, box in zip(sample["masks"].numpy(), sample["boxes"].numpy(), strict=True):
                areas[name].append(int(mask.sum()))
                if name == "bent":
                    assert np.array_equal(tight_box(mask), box)
    assert areas["bent"] != areas["plain"]


def test_picture_and_mask_bend_alike():
    content = np.zeros((120, 200), np.uint8)
    content[30:90, 60:140] = 255
    mask = (content > 0).astype(np.uint8)
    field = data.bend_field(mask.shape, reach=0.1, rng=np.random.default_rng(1))
    bent, (bent_mask,), (box,) = data._bend(content, [mask], [tight_box(mask)], field=field)
    assert not np.array_equal(bent_mask, mask)
    assert np.array_equal(bent > 127, bent_mask > 0) and np.array_equal(tight_box(bent_mask), box)


def test_a_bend_that_leaves_no_object_is_not_done():
    content = np.full((64, 64), 7, np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[0, 0] = 1
    kept = data._bend(content, [mask], [tight_box(mask)], field=np.full((64, 64, 2), 32, np.float32))
    assert kept[0] is content and kept[1][0] is mask


@pytest.mark.parametrize("modality", CLASSES)
@pytest.mark.parametrize("shape", [(256, 192), (40, 256, 3)])
def test_photometric_augmentation_keeps_shape_and_edges(modality, shape):
    image = np.full(shape, 60, np.uint8)
    image[:, shape[1] // 2 :] = 180
    n_edges = 0
    for seed in range(40):
        changed = augment(image, modality=modality, rng=np.random.default_rng(seed))
        assert changed.shape == image.shape and changed.dtype == np.uint8
        steps = np.abs(np.diff(changed.reshape(shape[0], shape[1], -1).astype(float).mean(axis=(0, 2))))
        if steps.max() > 30:  # where a narrow window has not swallowed the edge
            n_edges += 1
            assert abs(int(steps.argmax()) + 1 - shape[1] // 2) <= 2
    assert n_edges >= 20


# ---- evaluation views ------------------------------------------------------------------------------------------------


def test_eval_views_show_each_chosen_object_once(pictures, split, cache):
    views = list(EvalSet(pictures=pictures, split=split, cache=cache))
    asked = defaultdict(int)
    for view in views:
        asked[view.picture.dataset] += len(view.boxes)
        assert view.image.shape == (3, 256, 256) and view.masks.shape == (len(view.boxes), 256, 256)
        for box, mask in zip(view.boxes, view.masks, strict=True):
            assert np.abs(tight_box(mask.numpy()) - box.numpy()).max() <= 1.0
    assert asked["eyes"] == 2 * len(split.eval_subset["eyes"])
    assert all(any(view.whole and view.picture == p for view in views) for p in {v.picture for v in views})


def test_eval_tiles_follow_the_rule_and_challenge_has_none(pictures, split, cache):
    eyes = [p for p in pictures if p.dataset == "eyes"]
    # Disc 80 px and cup 32 px of 400: both under a third.
    tiled = list(EvalSet(pictures=eyes, split=split, cache=cache))
    assert [v.whole for v in tiled[:3]] == [True, False, False] and len(tiled[0].boxes) == 0
    plain = list(EvalSet(pictures=eyes, split=split, cache=cache, rule=None))
    assert all(v.whole and len(v.boxes) == 2 for v in plain)


def test_evenly_keeps_the_positions_that_medbox_eval_keeps():
    assert evenly(range(10), 3) == [0, 3, 6]
    assert evenly(range(2), 3) == [0, 1]
    assert evenly(range(5), None) == [0, 1, 2, 3, 4]


def test_whole_view_is_the_letterbox():
    image = np.random.default_rng(0).integers(0, 256, (333, 500), dtype=np.uint8)
    square, (height, width) = letterbox(image)
    view = whole_view(height=333, width=500)
    assert (view.height, view.width) == (height, width)
    np.testing.assert_array_equal(view.cut(image, enlarge=cv2.INTER_AREA), square[:height, :width, 0])
