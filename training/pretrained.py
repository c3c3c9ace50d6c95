"""LiteMedSAM's published weights in our networks: as they are, and as the start of `paper` and `lite`."""

from __future__ import annotations

import math
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model import Segmenter, lite, litemedsam, paper

# From the published names to ours, applied in this order.
_RENAMED = [
    (r"^image_encoder\.patch_embed\.seq\.0\.", "encoder.stem_in."),
    (r"^image_encoder\.patch_embed\.seq\.2\.", "encoder.stem_out."),
    (r"^image_encoder\.layers\.0\.blocks\.", "encoder.stage0."),
    (r"^image_encoder\.layers\.(\d)\.downsample\.conv1\.", r"encoder.merges.\1.widen."),
    (r"^image_encoder\.layers\.(\d)\.downsample\.conv2\.", r"encoder.merges.\1.local."),
    (r"^image_encoder\.layers\.(\d)\.downsample\.conv3\.", r"encoder.merges.\1.mix."),
    (r"^image_encoder\.layers\.1\.blocks\.", "encoder.stages.0."),
    (r"^image_encoder\.layers\.2\.blocks\.", "encoder.stages.1."),
    (r"^image_encoder\.layers\.3\.blocks\.", "encoder.stages.2."),
    (r"^image_encoder\.neck\.", "encoder.neck."),
    (r"^(encoder\.stage0\.\d)\.conv1\.", r"\1.widen."),
    (r"^(encoder\.stage0\.\d)\.conv2\.", r"\1.local."),
    (r"^(encoder\.stage0\.\d)\.conv3\.", r"\1.narrow."),
    (r"\.attn\.attention_biases$", ".attention.bias"),
    (r"\.attn\.", ".attention."),
    (r"\.mlp\.fc1\.", ".mlp.widen."),
    (r"\.mlp\.fc2\.", ".mlp.narrow."),
    (r"\.local_conv\.", ".local."),
    (r"\.c\.weight$", ".conv.weight"),
    (r"\.bn\.", ".norm."),
    (r"^mask_decoder\.transformer\.layers\.", "decoder.blocks."),
    (r"^mask_decoder\.transformer\.final_attn_token_to_image\.", "decoder.final."),
    (r"^mask_decoder\.transformer\.norm_final_attn\.", "decoder.norm."),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.cross_attn_token_to_image\.", ".to_image."),
    (r"\.cross_attn_image_to_token\.", ".to_tokens."),
    (r"\.([qkv])_proj\.", r".\1."),
    (r"\.out_proj\.", ".out."),
    (r"\.mlp\.lin1\.", ".mlp.layers.0."),
    (r"\.mlp\.lin2\.", ".mlp.layers.1."),
    (r"^mask_decoder\.output_upscaling\.0\.", "decoder.mask_head.up1.conv."),
    (r"^mask_decoder\.output_upscaling\.1\.", "decoder.mask_head.norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "decoder.mask_head.up2.conv."),
    (r"^mask_decoder\.output_hypernetworks_mlps\.0\.", "decoder.mask_head.hyper."),
    (r"^mask_decoder\.iou_prediction_head\.", "decoder.score_head."),
    (r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$", "decoder.position.frequencies"),
]
_UNUSED = re.compile(
    r"^prompt_encoder\.(point_embeddings\.[01]|not_a_point_embed|mask_downscaling)"
    r"|^mask_decoder\.output_hypernetworks_mlps\.[123]"
)


def litemedsam_state(path: Path) -> dict[str, Tensor]:
    """The published checkpoint (`lite_medsam.pth`) as a state dict of `litemedsam()`. Raises KeyError on a name that is
    neither known nor known to be unused."""
    published = torch.load(path, map_location="cpu", weights_only=True)
    published = published.get("model", published)
    state: dict[str, Tensor] = {}
    for name, value in published.items():
        if _UNUSED.search(name) or name.endswith("num_batches_tracked"):
            continue
        ours = name
        for pattern, replacement in _RENAMED:
            ours = re.sub(pattern, replacement, ours)
        ours = re.sub(r"^(decoder\.blocks\.\d)\.norm([1-4])\.", lambda m: f"{m[1]}.norms.{int(m[2]) - 1}.", ours)
        state[ours] = value
    state["decoder.output_tokens"] = torch.cat(
        [state.pop("mask_decoder.iou_token.weight"), state.pop("mask_decoder.mask_tokens.weight")]
    )
    state["decoder.box_tokens.corner"] = torch.cat(
        [state.pop(f"prompt_encoder.point_embeddings.{i}.weight") for i in (2, 3)]
    )
    state["decoder.no_mask"] = state.pop("prompt_encoder.no_mask_embed.weight")[0]
    state["decoder.box_tokens.position.frequencies"] = state["decoder.position.frequencies"]
    for up in ("up1", "up2"):  # a transposed convolution (in, out, 2, 2) as a product that gives out x 2 x 2 channels
        key = f"decoder.mask_head.{up}.conv"
        weight = state[f"{key}.weight"]
        state[f"{key}.weight"] = weight.permute(1, 2, 3, 0).reshape(-1, weight.shape[0], 1, 1)
        state[f"{key}.bias"] = state[f"{key}.bias"].repeat_interleave(4)
    for part in ("weight", "bias"):  # the first of four masks is the one that boxes ask for
        key = f"decoder.score_head.layers.2.{part}"
        state[key] = state[key][:1]
    strangers = [name for name in state if not name.startswith(("encoder.", "decoder."))]
    if strangers:
        raise KeyError(f"not a LiteMedSAM checkpoint, it has {strangers[0]}: {path}")
    return state


def load_litemedsam(path: Path) -> Segmenter:
    """`litemedsam()` with the published weights, in eval mode."""
    model = litemedsam()
    _load(model, litemedsam_state(path), missing_may_start_with=())
    return model.eval()


def paper_from_litemedsam(path: Path, *, class_prompt: bool = True) -> Segmenter:
    """`paper()` with the published weights; the class head, the class table and the third block are new."""
    model = paper(class_prompt=class_prompt)
    new = ("class_head.", "decoder.class_table", "decoder.blocks.2.")
    _load(model, litemedsam_state(path), missing_may_start_with=new)
    return model


def lite_from_litemedsam(path: Path, *, class_prompt: bool = True) -> Segmenter:
    """`lite()` with LiteMedSAM's encoder. Its 1 x 1 stem becomes a stem that blurs and halves twice, so that at first the
    stages see what they would see of a picture a quarter as large; attention biases are resized to the new windows.

    GELU(x) is about silu(k x) / k with k = 1.702. The factor goes into the weights before and after each activation, so
    that a plain SiLU takes GELU's place.
    """
    model = lite(class_prompt=class_prompt)
    k = 1.702
    scaled = re.compile(  # what feeds an activation: the affine part of a norm, or a linear layer
        r"\.stem_(in|out)\.norm\.(weight|bias)$|\.stage0\.\d\.\w+\.norm\.(weight|bias)$"
        r"|\.merges\.\d\.(widen|local)\.norm\.(weight|bias)$|\.mlp\.widen\.(weight|bias)$"
    )
    fed = re.compile(  # what reads an activation's output; stage 0 carries its residual scaled
        r"\.stem_out\.conv\.weight$|\.stage0\.\d\.\w+\.conv\.weight$|\.merges\.0\.widen\.conv\.weight$"
        r"|\.merges\.\d\.(local|mix)\.conv\.weight$|\.mlp\.narrow\.weight$"
    )
    ours = model.state_dict()
    state = {}
    for name, value in litemedsam_state(path).items():
        if not name.startswith("encoder.") or name.startswith("encoder.neck."):
            continue
        target = ours[name].shape
        if name.endswith(".attention.bias"):
            old, new = math.isqrt(value.shape[1]), math.isqrt(target[1])
            table = value.reshape(1, -1, old, old)
            table = F.interpolate(table, size=(new, new), mode="bilinear", align_corners=True)
            value = table.reshape(target)
        elif name.startswith("encoder.stem_") and value.ndim == 4:
            blur = torch.tensor([1.0, 2.0, 1.0]) / 4
            noise = torch.randn(target, generator=torch.Generator().manual_seed(0))
            value = value * torch.outer(blur, blur) + noise * (0.5 * value.std() / 3)
        if scaled.search(name):
            value = value * k
        if fed.search(name):
            value = value / k
        state[name] = value
    new = ("class_head.", "decoder.", "fine.", "encoder.neck.")
    _load(model, state, missing_may_start_with=new)
    return model


def _load(model: nn.Module, state: dict[str, Tensor], *, missing_may_start_with: tuple[str, ...]) -> None:
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [m for m in missing if not m.endswith("num_batches_tracked") and not m.startswith(missing_may_start_with)]
    if missing or unexpected:
        raise KeyError(f"weights do not fit: missing {missing[:3]}, unexpected {unexpected[:3]}")
