"""The networks: TinyViT encoder, box and class prompt, two-way decoder, mask and score heads.

Read from the top: parts of the encoder, parts of the decoder, `Segmenter` which joins them, then the three models that
are built from them: `litemedsam` (the baseline), `paper` (baseline, class head, class prompt, third block) and `lite`
(the product: 256 pixels behind a stride-4 stem, a narrow decoder, image-only fine features for sharp borders).

Shapes: B images, n boxes, S the input's side (256), G the embedding's side, D its channels. All images are f32 in 0..1,
letterboxed; all boxes are x0, y0, x1, y1 in input pixels.
"""

from __future__ import annotations

import copy
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

SIDE = 256
N_CLASSES = 11

# Where the encoder can be cut, so that what comes before runs once and is kept: the prefixes of the parameters before it.
CUTS = {
    "stage2": (
        "encoder.stem", "encoder.stage0.", "encoder.merges.0.", "encoder.merges.1.", "encoder.stages.0.", "encoder.stages.1.",
    ),
    "embedding": ("encoder.",),
}  # fmt: skip


# ---- small parts -----------------------------------------------------------------------------------------------------


def length(x: Tensor, axis: int) -> int:
    """A length that depends on no input, as a plain number: the exporter then writes no arithmetic for it."""
    return int(x.shape[axis])


class ConvNorm(nn.Module):
    """Convolution without bias, then batch norm; `fuse` makes one convolution of them."""

    def __init__(self, n_in: int, n_out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    @torch.no_grad()
    def fused(self) -> nn.Conv2d:
        """The same map in eval mode, as a convolution with bias."""
        conv, norm = self.conv, self.norm
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        out = nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, groups=conv.groups
        )
        out.weight.copy_(conv.weight * gain[:, None, None, None])
        out.bias.copy_(norm.bias - norm.running_mean * gain)
        return out


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


def quarters(x: Tensor) -> Tensor:
    """(B, C, 2H, 2W) -> (B, 4C, H, W): the four pixels of each 2 x 2 become channels, a channel's four in a row."""
    channels, h, w = (length(x, axis) for axis in (1, 2, 3))
    x = x.reshape(-1, channels, h // 2, 2, w // 2, 2)
    return x.permute(0, 1, 3, 5, 2, 4).reshape(-1, 4 * channels, h // 2, w // 2)


def joined(x: Tensor) -> Tensor:
    """(B, 4C, H, W) -> (B, C, 2H, 2W): undoes `quarters`."""
    channels, h, w = (length(x, axis) for axis in (1, 2, 3))
    x = x.reshape(-1, channels // 4, 2, 2, h, w)
    return x.permute(0, 1, 4, 2, 5, 3).reshape(-1, channels // 4, 2 * h, 2 * w)


class Upscale(nn.Module):
    """(B, C, H, W) -> (B, C', 2H, 2W): every pixel becomes 2 x 2 by a linear map; a transposed convolution with kernel 2
    and stride 2, written so that the runtime sees a matrix product. `conv` gives the `quarters` of the result."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, 4 * n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return joined(self.conv(x))


def double(x: Tensor) -> Tensor:
    """Bilinear enlargement (B, C, H, W) -> (B, C, 2H, 2W) with half-pixel centres and clamped edges, as one convolution:
    each of a pixel's four successors is a mean of 2 x 2 pixels around it."""
    channels, h, w = (length(x, axis) for axis in (1, 2, 3))
    phases = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]], dtype=x.dtype, device=x.device)
    kernels = (phases[:, None, :, None] * phases[None, :, None, :]).reshape(4, 1, 3, 3)
    x = F.conv2d(F.pad(x.reshape(-1, 1, h, w), (1, 1, 1, 1), mode="replicate"), kernels)
    return joined(x.reshape(-1, 4 * channels, h, w))


# ---- encoder ---------------------------------------------------------------------------------------------------------


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): in training each picture skips a residual branch with probability `share`, and
    the others' weigh more for it. x: (B, …)."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0.0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.share
        return x * kept.to(x.dtype) / (1 - self.share)


class MBConv(nn.Module):
    """Inverted bottleneck with a residual; activation after the sum."""

    def __init__(self, channels: int, *, expand: int, act: type[nn.Module]) -> None:
        super().__init__()
        hidden = channels * expand
        self.widen = ConvNorm(channels, hidden)
        self.local = ConvNorm(hidden, hidden, kernel=3, groups=hidden)
        self.narrow = ConvNorm(hidden, channels)
        self.act = act()
        self.drop = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.local(self.act(self.widen(x))))
        return self.act(x + self.drop(self.narrow(y)))


class Merge(nn.Module):
    """Between two stages: changes the width and, with stride 2, halves the side. (B, C, H, W) in and out."""

    def __init__(self, n_in: int, n_out: int, *, stride: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.widen = ConvNorm(n_in, n_out)
        self.local = ConvNorm(n_out, n_out, kernel=3, stride=stride, groups=n_out)
        self.mix = ConvNorm(n_out, n_out)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.act(self.local(self.act(self.widen(x)))))


class WindowAttention(nn.Module):
    """Self-attention inside windows with a learned bias for each offset (|dy|, |dx|). x: (windows, side², C)."""

    def __init__(self, channels: int, *, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)  # by head: its q, k, v
        self.proj = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.zeros(heads, window * window))
        rows, columns = torch.arange(window * window) // window, torch.arange(window * window) % window
        offset = (rows[:, None] - rows).abs() * window + (columns[:, None] - columns).abs()
        self.register_buffer("offset", offset.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        _, n, channels = x.shape
        width = channels // self.heads
        qkv = self.qkv(self.norm(x)).reshape(-1, n, self.heads, 3 * width).transpose(1, 2)
        q, k, v = qkv.split(width, dim=-1)  # each (windows, heads, n, width)
        bias = self.bias.index_select(1, self.offset).reshape(1, self.heads, n, n)
        weights = ((q * width**-0.5) @ k.transpose(-2, -1) + bias).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(-1, n, channels))


class TokenMlp(nn.Module):
    """Layer norm, then a widening of four with an activation between."""

    def __init__(self, channels: int, *, act: type[nn.Module]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, 4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(self.act(self.widen(self.norm(x))))


class TinyViTBlock(nn.Module):
    """Window attention, a depthwise 3 x 3 convolution, and an MLP. x: (B, H, W, C)."""

    def __init__(self, channels: int, *, heads: int, window: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.window = window
        self.attention = WindowAttention(channels, heads=heads, window=window)
        self.local = ConvNorm(channels, channels, kernel=3, groups=channels)
        self.mlp = TokenMlp(channels, act=act)
        self.drop = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self._attend(x))
        x = self.local(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x + self.drop(self.mlp(x))

    def _attend(self, x: Tensor) -> Tensor:
        _, h, w, channels = x.shape
        side = self.window
        if (h, w) == (side, side):
            return self.attention(x.reshape(-1, h * w, channels)).reshape(-1, h, w, channels)
        down, right = -h % side, -w % side
        if down or right:
            x = F.pad(x, (0, 0, 0, right, 0, down))
        rows, columns = (h + down) // side, (w + right) // side
        x = x.reshape(-1, rows, side, columns, side, channels).transpose(2, 3)
        x = self.attention(x.reshape(-1, side * side, channels))
        x = x.reshape(-1, rows, columns, side, side, channels).transpose(2, 3)
        return x.reshape(-1, rows * side, columns * side, channels)[:, :h, :w]


class TinyViT(nn.Module):
    """Image (B, 3, S, S) -> features by stride. Stem of stride 1 or 4, one stage of MBConv, three of attention.

    Output: `stem` (B, C0/2, …) after the stem's first convolution, `stage0` … `stage3`, and `embedding` (B, D, G, G) with
    D = `neck_width`. The last merge keeps the side, as in LiteMedSAM. `windows` are those of the three attention stages.
    """

    def __init__(
        self,
        *,
        stem_stride: int,
        windows: tuple[int, int, int],
        neck_width: int,
        act: type[nn.Module] = nn.GELU,
        widths: tuple[int, int, int, int] = (64, 128, 160, 320),
        depths: tuple[int, int, int, int] = (2, 2, 6, 2),
        head_width: int = 32,
    ) -> None:
        super().__init__()
        kernel, stride = {1: (1, 1), 4: (3, 2)}[stem_stride]
        self.stem_in = ConvNorm(3, widths[0] // 2, kernel=kernel, stride=stride)
        self.stem_out = ConvNorm(widths[0] // 2, widths[0], kernel=kernel, stride=stride)
        self.act = act()
        self.stage0 = nn.Sequential(*(MBConv(widths[0], expand=4, act=act) for _ in range(depths[0])))
        self.merges = nn.ModuleList(
            Merge(widths[i], widths[i + 1], stride=stride, act=act) for i, stride in enumerate((2, 2, 1))
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    TinyViTBlock(widths[i], heads=widths[i] // head_width, window=windows[i - 1], act=act)
                    for _ in range(depths[i])
                )
            )
            for i in (1, 2, 3)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(widths[3], neck_width, 1, bias=False),
            ChannelNorm(neck_width),
            nn.Conv2d(neck_width, neck_width, 3, padding=1, bias=False),
            ChannelNorm(neck_width),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.late(self.early(image))

    def early(self, image: Tensor) -> dict[str, Tensor]:
        """`stem` … `stage2`."""
        stem = self.act(self.stem_in(image))
        x = self.stage0(self.stem_out(stem))
        out = {"stem": stem, "stage0": x}
        for i in (1, 2):
            x = out[f"stage{i}"] = self._stage(i, x)
        return out

    def late(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """`features` with `stage3` and `embedding`, from `stage2`."""
        x = self._stage(3, features["stage2"])
        return {**features, "stage3": x, "embedding": self.neck(x)}

    def _stage(self, i: int, x: Tensor) -> Tensor:
        return self.stages[i - 1](self.merges[i - 1](x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class FineFeatures(nn.Module):
    """Image-only features of strides 4 and 2, into which coarser ones are mixed: computed once an image, so that the
    mask head can be sharp at little cost a box. Output: (B, C4, S/4, S/4), and of (B, C2, S/2, S/2) the `quarters`."""

    def __init__(self, *, widths: tuple[int, int, int, int], fine4: int, fine2: int, act: type[nn.Module]) -> None:
        super().__init__()
        stem, stage0, stage1, embedding = widths
        self.from16 = ConvNorm(embedding, fine4)
        self.from8 = ConvNorm(stage1, fine4)
        self.from4 = ConvNorm(stage0, fine4)
        self.mix4 = ConvNorm(fine4, fine4, kernel=3)
        self.from2 = ConvNorm(stem, fine2)
        self.down4 = ConvNorm(fine4, fine2)
        self.mix2 = ConvNorm(fine2, fine2, kernel=3)
        self.act = act()

    def forward(self, features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        x = self.from8(features["stage1"]) + double(self.from16(features["embedding"]))
        fine4 = self.mix4(self.act(self.from4(features["stage0"]) + double(x)))
        fine2 = self.mix2(self.act(self.from2(features["stem"]) + double(self.down4(self.act(fine4)))))
        return fine4, quarters(fine2)


# ---- prompts ---------------------------------------------------------------------------------------------------------


class FourierPosition(nn.Module):
    """Random Fourier features of positions: points (…, 2) as x, y in 0..1 -> (…, D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(dim)
        self.register_buffer("frequencies", torch.randn(2, dim // 2, generator=generator))

    def forward(self, points: Tensor) -> Tensor:
        points = 2 * points - 1
        x, y = points[..., :1], points[..., 1:]
        angle = 2 * math.pi * (x * self.frequencies[0] + y * self.frequencies[1])
        return torch.cat([angle.sin(), angle.cos()], dim=-1)

    def grid(self, side: int) -> Tensor:
        """(side², D): the features of the pixel centres of a grid, row by row."""
        centre = (torch.arange(side, device=self.frequencies.device) + 0.5) / side
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        return self(torch.stack([x, y], dim=-1).flatten(0, 1))


class BoxTokens(nn.Module):
    """Boxes (n, 4) in input pixels -> one token for each of two corners (n, 2, D)."""

    def __init__(self, position: FourierPosition, dim: int) -> None:
        super().__init__()
        self.position = position
        self.corner = nn.Parameter(torch.randn(2, dim) * 0.02)

    def forward(self, boxes: Tensor) -> Tensor:
        return self.position((boxes.reshape(-1, 2, 2) + 0.5) / SIDE) + self.corner


class BoxMap(nn.Module):
    """Boxes (n, 4) -> (n, C, grid, grid): how much of each cell the box covers, and the clipped distance to each side."""

    def __init__(self, channels: int, *, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.reach = 2.0 * SIDE / grid  # a side is felt within two cells …
        self.far = SIDE / 4  # … and, in a second pair of maps, within a quarter of the picture
        self.mix = nn.Conv2d(9, channels, 1)
        start = torch.arange(grid) * (SIDE / grid)
        self.register_buffer("start", start, persistent=False)

    def forward(self, boxes: Tensor) -> Tensor:
        cell, low, high = SIDE / self.grid, boxes[:, :2, None], boxes[:, 2:, None]
        covered = (torch.minimum(high, self.start + cell) - torch.maximum(low, self.start)).clamp(min=0) / cell
        inside = covered[:, :1, None, :] * covered[:, 1:, :, None]  # (n, 1, G, G)
        centre = self.start + cell / 2
        sides = torch.cat([centre - low, high - centre], dim=1)  # (n, 4, G) as x, y, x, y: positive inside
        sides = torch.cat([(sides / self.reach).clamp(-1, 1), (sides / self.far).clamp(-1, 1)], dim=1)
        # The 1 x 1 convolution over (inside, four maps along x, four along y), without ever making the maps: what is the
        # same in all rows or all columns is multiplied once. (tract 0.23.9 fails on the expanded form.)
        weight = self.mix.weight[:, :, 0, 0]  # (C, 9)
        along_x = weight[:, 1:5] @ sides[:, 0::2]  # (n, C, G)
        along_y = weight[:, 5:] @ sides[:, 1::2]
        out = along_x[:, :, None, :] + along_y[:, :, :, None]
        return out + (inside * weight[:, 0, None, None] + self.mix.bias[:, None, None]).to(out.dtype)


# ---- decoder ---------------------------------------------------------------------------------------------------------

PROJECTED = ("image_key", "image_value", "image_query")  # of the first block: keys, values and queries of the image


class Attention(nn.Module):
    """Multi-head attention with an inner width of its own. q: (n, Q, D), k and v: (n or 1, K, D) -> (n, Q, D).

    Products of matrices may be grouped as one likes. Where the `few` (`queries` or `keys`) times the heads are fewer than the
    inner width, the projections of the many are folded into the few: the same result, up to rounding, for less work.
    """

    def __init__(self, dim: int, *, heads: int, inner: int, few: Literal["queries", "keys"] | None = None) -> None:
        super().__init__()
        self.heads, self.inner, self.few = heads, inner, few
        self.q, self.k, self.v = (nn.Linear(dim, inner) for _ in range(3))
        self.out = nn.Linear(inner, dim)

    @property
    def scale(self) -> float:
        return (self.inner // self.heads) ** -0.5

    def _split(self, x: Tensor) -> Tensor:
        """(n, L, inner) -> (n, heads, L, inner / heads)."""
        return x.reshape(-1, length(x, 1), self.heads, self.inner // self.heads).transpose(1, 2)

    def _joined(self, x: Tensor) -> Tensor:
        """(n, heads, L, inner / heads) -> (n, L, inner)."""
        x = x.transpose(1, 2)
        return x.reshape(-1, length(x, 1), self.inner)

    def _by_head(self, weight: Tensor) -> Tensor:
        """(inner, D) -> (heads, inner / heads, D)."""
        return weight.reshape(self.heads, self.inner // self.heads, -1)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if self.few == "queries":
            return self._few_queries(q, k, v)
        if self.few == "keys":
            return self._few_keys(q, k, v)
        return self.attend(self.q(q), self.k(k), self.v(v))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """From queries, keys and values that are projected already: q (n or 1, Q, inner), k and v (n or 1, K, inner)."""
        q, k, v = self._split(q), self._split(k), self._split(v)
        weights = (q * self.scale @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.out(self._joined(weights @ v))

    def _few_queries(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n_queries, dim = length(q, 1), length(k, 2)
        asked = self._split(self.q(q) * self.scale) @ self._by_head(self.k.weight)
        # The keys' bias adds the same to all logits of a query, which a softmax does not see.
        weights = (asked.reshape(-1, self.heads * n_queries, dim) @ k.transpose(1, 2)).softmax(dim=-1)
        seen = (weights @ v).reshape(-1, self.heads, n_queries, dim)
        x = seen @ self._by_head(self.v.weight).transpose(1, 2)
        return self.out(self._joined(x) + self.v.bias)

    def _few_keys(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n_queries, n_keys, dim = length(q, 1), length(k, 1), length(q, 2)
        keys = self._split(self.k(k) * self.scale)
        folded = (keys @ self._by_head(self.q.weight)).reshape(-1, self.heads * n_keys, dim)
        shift = (keys @ self.q.bias.reshape(self.heads, -1, 1)).reshape(-1, 1, self.heads * n_keys)
        logits = q @ folded.transpose(1, 2) + shift
        weights = logits.reshape(-1, n_queries, self.heads, n_keys).softmax(dim=-1)
        told = (self._split(self.v(v)) @ self._by_head(self.out.weight.T)).reshape(-1, self.heads * n_keys, dim)
        return weights.reshape(-1, n_queries, self.heads * n_keys) @ told + self.out.bias


class TwoWayBlock(nn.Module):
    """Tokens attend to each other and to the image, then the image attends to the tokens.

    tokens (n, T, D), image (n, G², D); `token_position` is what the tokens were at the start, `image_position` (G², D).
    The first block replaces the tokens by their self-attention instead of adding to them. A gated block is the identity
    until training opens its gate. A `folded` one projects tokens in place of the image, see Attention.
    """

    def __init__(
        self, dim: int, *, heads: int, hidden: int, first: bool = False, gated: bool = False, folded: bool = False
    ) -> None:
        super().__init__()
        self.first = first
        self.self_attention = Attention(dim, heads=heads, inner=dim)
        self.to_image = Attention(dim, heads=heads, inner=dim // 2, few="queries" if folded else None)
        self.mlp = Mlp(dim, hidden, dim)
        self.to_tokens = Attention(dim, heads=heads, inner=dim // 2, few="keys" if folded else None)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))
        self.gate = nn.Parameter(torch.zeros(2, dim)) if gated else None

    def project(self, image: Tensor, *, image_position: Tensor) -> dict[str, Tensor]:
        """What the block makes of the image alone, (n, G², D / 2) each, by the names of PROJECTED."""
        keyed = image + image_position
        return dict(zip(PROJECTED, (self.to_image.k(keyed), self.to_image.v(image), self.to_tokens.q(keyed)), strict=True))

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        *,
        token_position: Tensor,
        image_position: Tensor,
        projected: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """`projected` holds what `project` gives for this image, where that is known already."""
        tokens_before, image_before = tokens, image
        keyed = image + image_position
        if self.first:
            tokens = self.self_attention(tokens, tokens, tokens)
        else:
            q = tokens + token_position
            tokens = tokens + self.self_attention(q, q, tokens)
        tokens = self.norms[0](tokens)
        if projected:
            key, value = projected["image_key"], projected["image_value"]
            seen = self.to_image.attend(self.to_image.q(tokens + token_position), key, value)
        else:
            seen = self.to_image(tokens + token_position, keyed, image)
        tokens = self.norms[1](tokens + seen)
        tokens = self.norms[2](tokens + self.mlp(tokens))
        if projected:
            key, value = self.to_tokens.k(tokens + token_position), self.to_tokens.v(tokens)
            told = self.to_tokens.attend(projected["image_query"], key, value)
        else:
            told = self.to_tokens(keyed, tokens + token_position, tokens)
        image = self.norms[3](image + told)
        if self.gate is None:
            return tokens, image
        return (
            tokens_before + self.gate[0] * (tokens - tokens_before),
            image_before + self.gate[1] * (image - image_before),
        )


class SamMaskHead(nn.Module):
    """SAM's: two enlargements by two, then the product with a vector made from the mask token."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.up1 = Upscale(dim, dim // 4)
        self.norm = ChannelNorm(dim // 4)
        self.up2 = Upscale(dim // 4, dim // 8)
        self.hyper = Mlp(dim, dim, dim, dim // 8)

    def forward(self, image: Tensor, token: Tensor, features: dict[str, Tensor], boxes: Tensor) -> Tensor:
        x = F.gelu(self.up2(F.gelu(self.norm(self.up1(image)))))
        channels, h, w = (length(x, axis) for axis in (1, 2, 3))
        return (self.hyper(token)[:, None] @ x.reshape(-1, channels, h * w)).reshape(-1, 1, h, w)


class FineMaskHead(nn.Module):
    """Cheap and sharp: from the decoder's cells to strides 4 and 2, mixing in what the encoder saw there. The logits of
    stride 2 are enlarged bilinearly. What is of stride 2 stays in `quarters` until there is one channel of it to join."""

    def __init__(self, dim: int, *, fine4: int, fine2: int) -> None:
        super().__init__()
        self.up8 = Upscale(dim, fine4)
        self.up4 = Upscale(fine4, fine4)
        self.box_map = BoxMap(fine4, grid=SIDE // 4)
        self.mix4 = nn.Conv2d(fine4, fine4, 3, padding=1)
        self.up2 = Upscale(fine4, fine2)
        self.hyper = Mlp(dim, dim, fine2 + 1)

    def forward(self, image: Tensor, token: Tensor, features: dict[str, Tensor], boxes: Tensor) -> Tensor:
        x = self.up4(F.relu(self.up8(image))) + self.box_map(boxes) + features["fine4"]
        x = F.relu(self.mix4(F.relu(x)))
        x = F.relu(self.up2.conv(x) + features["fine2"])
        channels, h, w = length(x, 1) // 4, length(x, 2), length(x, 3)
        vector = self.hyper(token)[:, None]  # (n, 1, C2 + 1)
        logits = vector[:, :, :channels] @ x.reshape(-1, channels, 4 * h * w) + vector[:, :, channels:]
        return double(joined(logits.reshape(-1, 4, h, w)))


class Decoder(nn.Module):
    """Features of one image and its boxes -> logits (n, 1, S, S) and score (n, 1).

    `class_weights` (n, 11) times the class table is added to the box tokens; zeros mean an unknown class. Where no box map
    is mixed into the image, the first block's projections of it are the same for all boxes: `prepare` gives them.
    """

    def __init__(
        self,
        *,
        dim: int,
        grid: int,
        heads: int,
        blocks: list[TwoWayBlock],
        mask_head: nn.Module,
        mask_tokens: int,
        score_head: Mlp,
        class_prompt: bool,
        box_map: bool,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.position = FourierPosition(dim)
        self.box_tokens = BoxTokens(self.position, dim)
        self.box_map = BoxMap(dim, grid=grid) if box_map else None
        self.class_table = nn.Parameter(torch.zeros(N_CLASSES, dim)) if class_prompt else None
        self.no_mask = None if box_map else nn.Parameter(torch.zeros(dim))
        self.output_tokens = nn.Parameter(torch.randn(1 + mask_tokens, dim) * 0.5)  # score, then masks
        self.blocks = nn.ModuleList(blocks)
        self.final = Attention(dim, heads=heads, inner=dim // 2, few=blocks[0].to_image.few)
        self.norm = nn.LayerNorm(dim)
        self.mask_head = mask_head
        self.score_head = score_head

    def prepare(self, embedding: Tensor) -> dict[str, Tensor]:
        """Embedding (B, D, G, G) -> PROJECTED, (B, G², D / 2) each; nothing with a box map."""
        if self.box_map is not None:
            return {}
        image = self._flat(embedding + self.no_mask[:, None, None])
        return self.blocks[0].project(image, image_position=self.position.grid(self.grid))

    @staticmethod
    def _flat(image: Tensor) -> Tensor:
        """(n, D, G, G) -> (n, G², D)."""
        return image.flatten(2).transpose(1, 2)

    def forward(
        self, features: dict[str, Tensor], boxes: Tensor, class_weights: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        corners = self.box_tokens(boxes)
        if self.class_table is not None:
            corners = corners + (class_weights @ self.class_table)[:, None]
        tokens = torch.cat([self.output_tokens.expand(boxes.shape[0], -1, -1), corners], dim=1)
        image = features["embedding"]
        dim = length(image, 1)
        dense = self.box_map(boxes) if self.box_map is not None else self.no_mask[:, None, None]
        image = self._flat(image + dense)

        start, places = tokens, self.position.grid(self.grid)
        for i, block in enumerate(self.blocks):
            projected = features if i == 0 and self.box_map is None else None
            tokens, image = block(tokens, image, token_position=start, image_position=places, projected=projected)
        tokens = self.norm(tokens + self.final(tokens + start, image + places, image))

        image = image.transpose(1, 2).reshape(-1, dim, self.grid, self.grid)
        return self.mask_head(image, tokens[:, 1], features, boxes), self.score_head(tokens[:, 0])


# ---- the whole -------------------------------------------------------------------------------------------------------


class Segmenter(nn.Module):
    """A model of medbox: `encode` once an image, `decode` once a set of boxes on it.

    `feature_names` are the encoder's outputs that the decoder takes, in order.
    """

    def __init__(
        self,
        *,
        encoder: TinyViT,
        decoder: Decoder,
        class_head: Mlp | None = None,
        fine: FineFeatures | None = None,
        bounded_score: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.class_head, self.fine = encoder, decoder, class_head, fine
        self.bounded_score = bounded_score
        sharp = ("fine4", "fine2") if fine is not None else ()
        self.feature_names = ("embedding", *sharp, *(PROJECTED if decoder.box_map is None else ()))

    @property
    def has_class_prompt(self) -> bool:
        return self.decoder.class_table is not None

    def encode(self, image: Tensor) -> dict[str, Tensor]:
        """image (B, 3, S, S) in 0..1 -> `embedding` (B, D, G, G), for `lite` also `fine4` (B, 32, S/4, S/4) and `fine2`
        (B, 16, S/2, S/2), for the others what the decoder's `prepare` gives, and, with a class head, `class_logits` (B, 11).
        """
        return self._finish(self.encoder(image))

    def encode_from(self, cut: str, kept: Tensor) -> dict[str, Tensor]:
        """What `encode` gives, from what the encoder gave at `cut` (CUTS) and was kept: (B, C, G, G). Only for models
        whose decoder needs the embedding alone."""
        return self._finish({"embedding": kept} if cut == "embedding" else self.encoder.late({cut: kept}))

    def _finish(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        out = {"embedding": features["embedding"], **self.decoder.prepare(features["embedding"])}
        if self.fine is not None:
            out["fine4"], out["fine2"] = self.fine(features)
        if self.class_head is not None:
            pooled = features["stage3"] if self.fine is not None else features["embedding"]
            out["class_logits"] = self.class_head(pooled.mean(dim=(2, 3)))
        return out

    def decode(
        self, features: dict[str, Tensor], boxes: Tensor, class_weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Boxes (n, 4) and class weights (n, 11; None where the model has no class prompt) -> logits (n, 1, S, S), score
        (n, 1). Features of one image serve all boxes; those of B images serve n / B boxes each, in order."""
        n_images = features["embedding"].shape[0]
        if n_images > 1:
            n_each = boxes.shape[0] // n_images
            features = {name: features[name].repeat_interleave(n_each, dim=0) for name in self.feature_names}
        logits, score = self.decoder(features, boxes, class_weights)
        return logits, torch.sigmoid(score) if self.bounded_score else score


def set_drop_path(model: Segmenter, share: float) -> None:
    """Stochastic depth in the encoder: nothing in its first block, `share` in its last, evenly more between."""
    drops = [module for module in model.encoder.modules() if isinstance(module, DropPath)]
    for i, drop in enumerate(drops):
        drop.share = share * i / max(1, len(drops) - 1)


def fuse(model: nn.Module) -> nn.Module:
    """A copy in eval mode with every batch norm folded into its convolution."""
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, ConvNorm):
                setattr(module, name, child.fused())
    return model


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@torch.no_grad()
def gmac(model: Segmenter, *, n_boxes: int = 8) -> tuple[float, float]:
    """Billions of multiply-adds of one encode, and of one box in a batch of `n_boxes`."""
    model = fuse(model)
    device = next(model.parameters()).device
    with FlopCounterMode(display=False) as encode:
        features = model.encode(torch.zeros(1, 3, SIDE, SIDE, device=device))
    boxes = torch.tensor([[40.0, 40.0, 200.0, 200.0]], device=device).repeat(n_boxes, 1)
    weights = torch.zeros(n_boxes, N_CLASSES, device=device) if model.has_class_prompt else None
    with FlopCounterMode(display=False) as decode:
        model.decode(features, boxes, weights)
    return encode.get_total_flops() / 2e9, decode.get_total_flops() / 2e9 / n_boxes


# ---- the three models ------------------------------------------------------------------------------------------------


def _sam_decoder(*, n_gated: int, class_prompt: bool, folded: bool) -> Decoder:
    dim, heads, hidden = 256, 8, 2048
    blocks = [
        TwoWayBlock(dim, heads=heads, hidden=hidden, first=i == 0, gated=i >= 2, folded=folded) for i in range(2 + n_gated)
    ]
    return Decoder(
        dim=dim,
        grid=SIDE // 4,
        heads=heads,
        blocks=blocks,
        mask_head=SamMaskHead(dim),
        mask_tokens=4,
        score_head=Mlp(dim, dim, dim, 1),
        class_prompt=class_prompt,
        box_map=False,
    )


def litemedsam() -> Segmenter:
    """The baseline's layout. What it never uses with boxes (points, mask prompts, three of four mask outputs) is left
    out; all four mask tokens stay, because they attend to each other. Its attention is computed as it was published: it is
    what others are measured against, also in time."""
    encoder = TinyViT(stem_stride=1, windows=(7, 14, 7), neck_width=256)
    return Segmenter(encoder=encoder, decoder=_sam_decoder(n_gated=0, class_prompt=False, folded=False))


def paper(*, class_prompt: bool = True) -> Segmenter:
    """The paper's: LiteMedSAM with a class head, a class prompt and a third block. Loaded with LiteMedSAM's weights it
    gives LiteMedSAM's masks, until training opens the third block's gate and fills the class table."""
    encoder = TinyViT(stem_stride=1, windows=(7, 14, 7), neck_width=256)
    return Segmenter(
        encoder=encoder,
        decoder=_sam_decoder(n_gated=1, class_prompt=class_prompt, folded=True),
        class_head=Mlp(256, 256, 256, N_CLASSES),
    )


def lite(
    *, dim: int = 128, hidden: int = 512, heads: int = 4, fine4: int = 32, fine2: int = 16, class_prompt: bool = True
) -> Segmenter:
    """The product's: encoder of 256 pixels behind a stride-4 stem, decoder of three narrow blocks on 16 x 16 cells."""
    act = nn.SiLU  # x · sigmoid(x): the runtime has vector code for it, not for GELU
    return Segmenter(
        encoder=TinyViT(stem_stride=4, windows=(8, 16, 8), neck_width=dim, act=act),
        decoder=Decoder(
            dim=dim,
            grid=SIDE // 16,
            heads=heads,
            blocks=[TwoWayBlock(dim, heads=heads, hidden=hidden, first=i == 0, folded=True) for i in range(3)],
            mask_head=FineMaskHead(dim, fine4=fine4, fine2=fine2),
            mask_tokens=1,
            score_head=Mlp(dim, dim, 1),
            class_prompt=class_prompt,
            box_map=True,
        ),
        class_head=Mlp(320, 256, 256, N_CLASSES),
        fine=FineFeatures(widths=(32, 64, 128, dim), fine4=fine4, fine2=fine2, act=act),
        bounded_score=True,
    )


BUILDERS = {"litemedsam": litemedsam, "paper": paper, "lite": lite}

# Side of a tile in longer sides of the box it is made for: how closely each model looks best (decision 2).
TILE_PER_BOX = {"litemedsam": 3.0, "paper": 3.5, "lite": 2.5}
