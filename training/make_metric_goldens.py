"""Goldens of DSC and NSD: masks and what PyPI's `surface-distance` 0.1 says of them, for `tests/metrics.rs`.

    python -m training.make_metric_goldens        writes tests/golden/metrics.json
"""

import json
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

# surface-distance 0.1 uses names that NumPy 2 dropped.
np.Inf, np.NaN = np.inf, np.nan
import surface_distance  # noqa: E402

OUT = Path("tests/golden/metrics.json")
SPACINGS_MM = (0.5, 0.7, 1.0, 1.25, 2.5, 5.0)


def blobs(rng, shape: tuple[int, ...]) -> np.ndarray:
    """Smooth random shapes, bool; some touch the border."""
    field = gaussian_filter(rng.standard_normal(shape), rng.uniform(0.5, 3.0))
    return field / field.std() > rng.uniform(-0.3, 1.2)


def pair(rng, shape: tuple[int, ...], index: int) -> tuple[np.ndarray, np.ndarray]:
    """A reference and a prediction: shifted copies, unrelated shapes, one pixel each, one or both empty."""
    reference = blobs(rng, shape)
    prediction = blobs(rng, shape)
    if index % 3 == 0:
        prediction = np.roll(reference, rng.integers(-2, 3, len(shape)), range(len(shape)))
    if index == 1:
        prediction[...] = False
    if index == 2:
        reference[...] = prediction[...] = False
    if index == 4:
        reference[...] = prediction[...] = False
        reference[(0,) * len(shape)] = prediction[(-1,) * len(shape)] = True
    return reference, prediction


def changes(mask: np.ndarray) -> list[int]:
    """Where the flags change, in C order, starting from background."""
    flags = np.concatenate([[0], mask.ravel().astype(np.int8), [0]])
    return np.flatnonzero(np.diff(flags)).tolist()


def dsc(reference: np.ndarray, prediction: np.ndarray) -> float | None:
    value = surface_distance.compute_dice_coefficient(reference, prediction)
    return None if np.isnan(value) else float(value)


def nsd(reference: np.ndarray, prediction: np.ndarray, spacing_mm: tuple[float, ...], tolerance: float) -> float | None:
    if not (reference.any() or prediction.any()):
        return None  # The package divides zero by zero.
    distances = surface_distance.compute_surface_distances(reference, prediction, spacing_mm)
    return float(surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))


def picture(rng, index: int) -> dict:
    shape = tuple(int(n) for n in rng.integers(5, 40, 2))
    reference, prediction = pair(rng, shape, index)
    tolerance = float(rng.choice([0.0, 1.0, 1.5, 2.0, 3.0]))
    return {
        "shape": shape,
        "tolerance": tolerance,
        "reference": changes(reference),
        "prediction": changes(prediction),
        "dsc": dsc(reference, prediction),
        "nsd": nsd(reference[..., None], prediction[..., None], (1.0, 1.0, 1.0), tolerance),
        "nsd_contour": nsd(reference, prediction, (1.0, 1.0), tolerance),
    }


def volume(rng, index: int) -> dict:
    shape = tuple(int(n) for n in rng.integers(2, 14, 3))
    reference, prediction = pair(rng, shape, index)
    spacing_mm = tuple(float(mm) for mm in rng.choice(SPACINGS_MM, 3))
    tolerance = float(rng.choice([0.5, 1.0, 2.0, 2.1, 5.0]))
    return {
        "shape": shape,
        "spacing_zyx": spacing_mm,
        "tolerance": tolerance,
        "reference": changes(reference),
        "prediction": changes(prediction),
        "dsc": dsc(reference, prediction),
        "nsd": nsd(reference, prediction, spacing_mm, tolerance),
    }


def main() -> None:
    rng = np.random.default_rng(0)
    cases = [picture(rng, i) for i in range(30)] + [volume(rng, i) for i in range(30)]
    OUT.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
