"""Pictures for docs/results.md: bars by modality, the radar of the paper's figure 3, confusion, training curves, as SVG.

Text stays text, and equal numbers give equal files, so that a change in a plot is a change in what was measured.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

# Distinct in light and dark surroundings and for colour-blind readers (Okabe and Ito); the baseline is grey.
COLOURS = ("#8a8a8a", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "medbox",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}


def _save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    plt.close(figure)
    # Shorter numbers and no trailing blanks: half the size, the same picture.
    lines = (line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def bars(path: Path, *, groups: list[str], series: dict[str, list[tuple[float, float, float]]], label: str) -> None:
    """Bars with intervals: one cluster a group; `series` has (value, low, high) in percent for each group."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8.5, 3.4))
        width = 0.8 / len(series)
        for k, (name, values) in enumerate(series.items()):
            value, low, high = np.array(values).T
            place = np.arange(len(groups)) + (k - (len(series) - 1) / 2) * width
            axes.bar(place, value, width * 0.92, label=name, color=COLOURS[k % len(COLOURS)])
            errors = np.clip([value - low, high - value], 0, None)
            axes.errorbar(place, value, errors, fmt="none", ecolor="#333333", elinewidth=0.8)
        axes.set_xticks(range(len(groups)), groups, rotation=30, ha="right")
        axes.grid(axis="x", visible=False)
        axes.set_ylim(max(0, min(v[0] for values in series.values() for v in values) - 15), 100)
        axes.set_ylabel(label)
        axes.legend(ncols=min(4, len(series)), loc="upper center", bbox_to_anchor=(0.5, 1.2), frameon=False)
        _save(figure, path)


def radar(path: Path, *, groups: list[str], series: dict[str, list[float]], label: str) -> None:
    """One closed line a series over the groups as directions; NaN leaves a gap."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5, 5), subplot_kw={"projection": "polar"})
        angles = [2 * math.pi * k / len(groups) for k in range(len(groups))]
        for k, (name, values) in enumerate(series.items()):
            closed = "o-" if not any(math.isnan(v) for v in values) else "o"
            axes.plot(
                [*angles, angles[0]], [*values, values[0]], closed, label=name, color=COLOURS[k % len(COLOURS)],
                markersize=4, linewidth=1.4,
            )  # fmt: skip
        axes.set_xticks(angles, groups)
        known = [v for values in series.values() for v in values if not math.isnan(v)]
        axes.set_ylim(max(0, math.floor(min(known) / 10) * 10 - 10), 100)
        axes.set_title(label, pad=18)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, frameon=False)
        _save(figure, path)


def confusion(path: Path, *, names: list[str], counts: np.ndarray, title: str) -> None:
    """Rows are what the picture is, columns what the class head says; shades are shares of the row."""
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = plt.subplots(figsize=(5.4, 4.8))
        share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
        axes.invert_yaxis()
        for y, x in np.argwhere(counts):
            axes.text(
                x + 0.5, y + 0.5, str(counts[y, x]), ha="center", va="center", fontsize=7,
                color="white" if share[y, x] > 0.6 else "black",
            )  # fmt: skip
        middle = np.arange(len(names)) + 0.5
        axes.set_xticks(middle, names, rotation=45, ha="right")
        axes.set_yticks(middle, names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("picture")
        axes.set_title(title)
        _save(figure, path)


def curves(path: Path, *, runs: dict[str, list[dict]]) -> None:
    """What was watched while training, by step: Dice, contour agreement and class accuracy on held-out pictures."""
    watched = {"dice": "Dice", "contour": "contour agreement", "class_accuracy": "class accuracy"}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(watched), figsize=(9.5, 2.8), layout="constrained")
        for k, (name, metrics) in enumerate(runs.items()):
            for axis, metric in zip(axes, watched, strict=True):
                known = [(m["step"], m[metric]) for m in metrics if metric in m]
                if known:
                    axis.plot(
                        *zip(*known, strict=True), "o-", markersize=3, label=name, color=COLOURS[(k + 1) % len(COLOURS)]
                    )
        for axis, title in zip(axes, watched.values(), strict=True):
            axis.set_title(f"{title}, %")
            axis.set_xlabel("step")
        axes[0].legend(frameon=False)
        _save(figure, path)


def read_metrics(run: Path) -> list[dict]:
    """What `training.train` wrote about a run while it went on."""
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))
