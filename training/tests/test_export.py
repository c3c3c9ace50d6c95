"""Export of a tiny checkpoint: files, manifest and parity vectors, and what is refused."""

from __future__ import annotations

import json

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper

from training import export, train
from training.tests.test_model import SETTINGS, tiny_batches, tiny_model, tiny_views


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    torch.manual_seed(0)
    run = train.Trainer(
        settings=SETTINGS,
        model=tiny_model(),
        folder=folder,
        device=torch.device("cpu"),
        data_hash="d" * 64,
        trained_on=["busi", "STS_003_CT"],
        say=lambda line: None,
    )
    for _ in range(3):
        run.train_step(tiny_batches())
    run.evaluate(tiny_views())
    return folder / "best.pt"


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(train.BUILDERS, "lite", tiny_model)


@pytest.fixture
def exported(checkpoint, tmp_path):
    picture = tmp_path / "picture.png"
    rng = np.random.default_rng(0)
    cv2.imwrite(str(picture), cv2.resize(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), (300, 200)))
    out, parity = tmp_path / "models" / "tiny", tmp_path / "parity"
    export.export(name="lite", weights=checkpoint, out=out, picture=picture, parity=parity, measured={"dsc": 0.5})
    return out, parity


def test_a_checkpoint_of_training_becomes_files_that_give_its_masks(checkpoint, exported):
    out, parity = exported
    case = json.loads((parity / "case.json").read_text())
    expected = np.load(parity / "expected.npz")
    assert case["model"] == "tiny" and expected["score"].shape == (3,) and expected["probabilities"].shape == (11,)

    pixels = cv2.cvtColor(cv2.imread(str(parity / "input.png")), cv2.COLOR_BGR2RGB).astype(np.float32)
    image = ((pixels - pixels.min()) / (pixels.max() - pixels.min())).transpose(2, 0, 1)[None]
    encoder, decoder = (onnxruntime.InferenceSession(str(out / f"{part}.onnx")) for part in ("encoder", "decoder"))
    embedding, class_logits = encoder.run(["embedding", "class_logits"], {"image": image})
    weights = np.exp(class_logits) / np.exp(class_logits).sum()
    np.testing.assert_allclose(weights[0], expected["probabilities"], atol=1e-4)
    feed = {"embedding": embedding, "boxes": np.array(case["boxes"], np.float32), "class_weights": weights.repeat(3, 0)}
    logits, score = decoder.run(["logits", "score"], feed)
    step = case["step"]
    np.testing.assert_allclose(logits[:, 0, ::step, ::step], expected["logits"], atol=2e-3 * np.abs(logits).max())
    np.testing.assert_allclose(score[:, 0], expected["score"], atol=1e-4)

    # The averaged weights are exported, not those of the last step.
    kept, _ = train.load_trained(checkpoint)
    with torch.no_grad():
        wanted = kept.encode(torch.from_numpy(image))["class_logits"]
    np.testing.assert_allclose(class_logits, wanted.numpy(), atol=1e-2)


def test_the_manifest_says_how_the_model_was_trained(exported):
    manifest = json.loads((exported[0] / "manifest.json").read_text())
    training = manifest["training"]
    assert (manifest["name"], manifest["title"], manifest["measured"]) == ("tiny", "medbox lite: tiny", {"dsc": 0.5})
    assert (training["run"], training["steps"], training["seed"], training["data_hash"]) == ("tiny", 3, 0, "d" * 64)
    assert training["split"]["file"] == "training/splits.json" and len(training["split"]["sha256"]) == 64
    assert training["watched"]["n_objects"] == 4
    assert [(d["dataset"], d["modality"]) for d in training["data"]] == [("busi", "US"), ("STS_003_CT", "CT")]
    assert all(d["licence"] for d in training["data"])


def test_an_export_that_is_refused_leaves_what_was_there(checkpoint, exported, tmp_path, monkeypatch):
    out, parity = exported
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(export, "MOST_CHANGED", -1.0)
    with pytest.raises(ValueError, match=r"^int8 weights change \d+\.\d% of the mask pixels of the parity picture: store it as f16$"):
        export.export(name="lite", weights=checkpoint, out=out, picture=tmp_path / "picture.png", parity=parity, measured=None)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_checkpoint_of_another_model_is_refused(checkpoint):
    with pytest.raises(ValueError, match="^the checkpoint holds the model lite, not paper: "):
        export.load("paper", checkpoint)


def test_weights_that_are_no_checkpoint_of_training_are_refused(tmp_path):
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="^not a checkpoint of training.train, which lite needs: "):
        export.load("lite", tmp_path / "other.pt")


def test_a_checkpoint_of_before_runs_were_recorded_is_exported_too(checkpoint):
    record = train.load_trained(checkpoint)[1]
    for name in ("run", "trained_on", "split_hash"):
        del record[name]
    training = export.training_record(record, sources=[{"dataset": "a", "modality": "CT", "licence": "CC0"}])
    assert training["run"] is None and training["split"]["sha256"] is None and len(training["data"]) == 1


def test_int8_keeps_what_it_rounded_to_and_stores_it_without_loss():
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 40)
    before = layer.weight.detach().clone()
    export.round_weights(layer, "int8")
    step = before.abs().amax(dim=1, keepdim=True) / 127
    assert ((layer.weight - before).abs() <= 0.51 * step).all()

    parts, nodes = export.stored(numpy_helper.from_array(layer.weight.detach().numpy(), "w"))
    assert [(p.name, p.data_type) for p in parts] == [("w_i8", TensorProto.INT8), ("w_scale", TensorProto.FLOAT)]
    whole, scale = (numpy_helper.to_array(part) for part in parts)
    assert np.array_equal(whole.astype(np.float32) * scale, layer.weight.detach().numpy())
    assert [node.op_type for node in nodes] == ["Cast", "Mul"]


def test_what_no_small_form_holds_is_stored_as_it_is():
    values = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    tensor = numpy_helper.from_array(values, "w")
    assert export.stored(tensor) == ([tensor], [])
    half, nodes = export.stored(numpy_helper.from_array(values.astype(np.float16).astype(np.float32), "w"))
    assert half[0].data_type == TensorProto.FLOAT16 and len(nodes) == 1
    index = numpy_helper.from_array(np.arange(2048) % 250, "i")
    assert export.stored(index)[0][0].data_type == TensorProto.UINT8
