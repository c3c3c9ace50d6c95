"""What a scanner, a display or a file format may do to a picture: photometric augmentation.

Geometry (crop, flip, rotation) belongs to `data.py`; nothing here moves a pixel, so masks need no twin of it.
Every picture keeps the look of its modality: the class head has to name it afterwards.
"""

from __future__ import annotations

import cv2
import numpy as np

# Acquired on an arbitrary or windowed grey scale, so the same tissue may have any brightness.
GREY_SCALE_IS_ARBITRARY = frozenset({"CT", "MR", "PET", "OCT", "US", "XRay", "Mammography"})
# Shown bright-on-dark as often as dark-on-bright somewhere in practice.
MAY_BE_INVERTED = frozenset({"CT", "MR", "PET", "XRay", "Mammography"})
HAS_SPECKLE = frozenset({"US", "OCT"})
HAS_BIAS_FIELD = frozenset({"MR", "US", "Endoscopy", "Dermoscopy", "Fundus", "Microscopy"})

_NOISE_SIZE = 1 << 20
_noise: np.ndarray | None = None


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal values of `shape` cut from a fixed bank: drawing them afresh would cost more than all the rest."""
    global _noise
    if _noise is None:
        _noise = np.random.default_rng(0).standard_normal(_NOISE_SIZE, dtype=np.float32)
    count = int(np.prod(shape))
    start = int(rng.integers(0, _NOISE_SIZE - count)) if count < _NOISE_SIZE else 0
    return np.resize(_noise[start : start + count], shape)


def tone_curve(rng: np.random.Generator, *, modality: str, low: float, high: float) -> np.ndarray:
    """A random look-up table (256,) u8: window, gamma, bend, contrast, inversion.

    `low` and `high` are the grey values between which the picture lies; windows are drawn relative to them.
    """
    arbitrary = modality in GREY_SCALE_IS_ARBITRARY
    value = np.arange(256, dtype=np.float32)
    windowed = rng.random() < (0.6 if arbitrary else 0.25)
    if windowed:
        width = max(high - low, 1.0)
        low = low + width * rng.uniform(-0.15, 0.20)
        high = high - width * rng.uniform(-0.15, 0.30 if modality in ("CT", "PET") else 0.20)
    value = np.clip((value - low) / max(high - low, 1.0), 0.0, 1.0)
    if rng.random() < 0.5:  # gamma
        value = value ** np.exp(rng.uniform(-0.5, 0.5))
    if arbitrary and rng.random() < 0.25:  # a monotone bend through random points
        knots = np.sort(rng.uniform(0.0, 1.0, 3))
        value = np.interp(value, [0.0, 0.25, 0.5, 0.75, 1.0], [0.0, *(0.5 * knots + [0.125, 0.25, 0.375]), 1.0])
    if not windowed and rng.random() < 0.5:  # contrast and brightness, which saturate as a narrow window does
        value = np.clip((value - 0.5) * rng.uniform(0.7, 1.35) + 0.5 + rng.uniform(-0.12, 0.12), 0.0, 1.0)
    if modality in MAY_BE_INVERTED and rng.random() < 0.07:
        value = 1.0 - value
    return np.rint(value * 255.0).astype(np.uint8)


def _colour(image: np.ndarray, rng: np.random.Generator, *, modality: str) -> np.ndarray:
    """Hue, saturation and white balance of an RGB picture (H, W, 3) u8."""
    if rng.random() < 0.5:
        hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
        reach = 12 if modality == "Microscopy" else 7  # stains differ more than skin; OpenCV's hue has 180 steps
        hue = cv2.LUT(hue, ((np.arange(256) + int(rng.integers(-reach, reach + 1))) % 180).astype(np.uint8))
        saturation = cv2.convertScaleAbs(saturation, alpha=rng.uniform(0.6, 1.4))
        image = cv2.cvtColor(cv2.merge((hue, saturation, value)), cv2.COLOR_HSV2RGB)
    if rng.random() < 0.3:
        gains = rng.uniform(0.85, 1.1, 3)
        table = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)  # (256, 3)
        image = cv2.LUT(image, table[None])
    if rng.random() < 0.03:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return image


def _bias_field(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven illumination or coil sensitivity: a smooth factor of 0.7 to 1.3."""
    height, width = image.shape[:2]
    field = cv2.resize(rng.uniform(0.7, 1.3, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    if image.ndim == 3:
        field = cv2.merge((field, field, field))
    return cv2.multiply(image, field, dtype=cv2.CV_8U)


def _resample(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As if the scanner or an earlier export had fewer pixels."""
    height, width = image.shape[:2]
    factor = rng.uniform(1.3, 3.0)
    small = (max(8, int(width / factor)), max(8, int(height / factor)))
    back = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[rng.choice(3, p=(0.5, 0.4, 0.1))]
    return cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=back)


def _jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(30, 90))
    _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    # Channel order does not matter to a codec that is run there and back.
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if image.ndim == 2 else cv2.IMREAD_COLOR)


def augment(image: np.ndarray, *, modality: str, rng: np.random.Generator) -> np.ndarray:
    """A photometric variant of `image`, (H, W) or (H, W, 3) u8 RGB; same shape and type."""
    if rng.random() < 0.85:
        sample = image[::4, ::4]
        low, high = (float(v) for v in (sample.min(), sample.max()))
        image = cv2.LUT(image, tone_curve(rng, modality=modality, low=low, high=high))
    if image.ndim == 3:
        image = _colour(image, rng, modality=modality)
    if modality in HAS_BIAS_FIELD and rng.random() < 0.15:
        image = _bias_field(image, rng)
    if rng.random() < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5))
    elif rng.random() < 0.10:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 1.5))
        amount = rng.uniform(0.3, 1.2)
        image = cv2.addWeighted(image, 1.0 + amount, soft, -amount, 0.0)
    if rng.random() < 0.15:
        image = _resample(image, rng)
    if rng.random() < 0.25:
        image = cv2.add(image, rng.uniform(2.0, 12.0) * _normal(rng, image.shape), dtype=cv2.CV_8U)
    if modality in HAS_SPECKLE and rng.random() < 0.25:
        image = cv2.multiply(image, 1.0 + rng.uniform(0.05, 0.25) * _normal(rng, image.shape), dtype=cv2.CV_8U)
    if rng.random() < 0.15:
        image = _jpeg(image, rng)
    return image
