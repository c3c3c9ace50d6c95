"""Goldens of the pixel stages, as OpenCV and PyTorch compute them: `python -m training.make_goldens` writes tests/golden.

Preprocessing: a picture, what INTER_AREA makes of it, and where a box lands. Postprocessing: logits that a formula gives
(the test has the same one), and the mask that `interpolate` and a threshold make of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

SIDE = 256
# (height, width): enlarged, odd, equal, whole factors of 2 and 4, long, tall.
SIZES = [(17, 31), (100, 200), (49, 49), (255, 256), (256, 256), (257, 300), (480, 640), (300, 1024), (512, 512), (700, 90)]
OUT = Path("tests/golden")


def picture(height: int, width: int, *, grey: bool, seed: int) -> np.ndarray:
    """Smooth waves with texture and noise, (H, W, 3) u8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    channels = []
    for k in range(1 if grey else 3):
        waves = np.sin(x / (5 + 7 * k) + k) + np.cos(y / (9 + 3 * k)) + 0.5 * ((x // 4 + y // 3) % 2)
        channels.append(60 + 40 * waves + np.kron(rng.normal(0, 12, (height // 8 + 1, width // 8 + 1)), np.ones((8, 8)))[:height, :width])
    # Few levels, so that the files stay small.
    return np.clip(np.stack(channels * (3 if grey else 1), -1), 0, 255).astype(np.uint8) // 6 * 6


def wave_logits() -> torch.Tensor:
    """(SIDE, SIDE) f32; the formula stands in tests/golden.rs too."""
    y, x = torch.meshgrid(torch.arange(SIDE, dtype=torch.float64), torch.arange(SIDE, dtype=torch.float64), indexing="ij")
    return (torch.sin(x * 0.11) * torch.cos(y * 0.07) * 4 + torch.sin((x + 2 * y) * 0.05) - 0.5).float()


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    cases = []
    for i, (height, width) in enumerate(SIZES):
        image = picture(height, width, grey=i % 2 == 0, seed=i)
        scale = SIDE / max(height, width)
        filled = (int(height * scale + 0.5), int(width * scale + 0.5))
        small = cv2.resize(image, (filled[1], filled[0]), interpolation=cv2.INTER_AREA)
        low, high = small.min(), small.max()
        ratio = SIDE / max(height, width)
        box = [width // 5, height // 7, width, height - height // 9]
        name = f"{width}x{height}"
        compression = [cv2.IMWRITE_PNG_COMPRESSION, 9]
        cv2.imwrite(str(OUT / f"{name}.png"), image[..., 0] if i % 2 == 0 else image[..., ::-1], compression)
        cv2.imwrite(str(OUT / f"{name}.area.png"), small[..., 0] if i % 2 == 0 else small[..., ::-1], compression)

        logits = wave_logits()[None, None, : filled[0], : filled[1]]
        mask = F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)[0, 0] > 0
        cv2.imwrite(str(OUT / f"{name}.mask.png"), mask.numpy().astype(np.uint8), [*compression, cv2.IMWRITE_PNG_BILEVEL, 1])
        cases.append(
            {
                "name": name,
                "filled": [filled[1], filled[0]],
                "low": int(low),
                "high": int(high),
                "box": box,
                "box_model": [int(v * ratio) for v in box],
            }
        )
    (OUT / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
