"""Means over modalities and their bootstrap intervals: patients are drawn again, all objects of a patient together.

Patients are drawn within strata, so that no modality goes missing: a stratum is a data set, or data sets together that
share patients. Two runs are compared on the same draws, which is what makes small differences visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A number and where it lies in LEVEL of the draws."""

    value: float
    low: float
    high: float

    def percent(self, *, signed: bool = False) -> str:
        """As tables print it: `+1.23 [+0.80, +1.70]`."""
        form = "{:+.2f}" if signed else "{:.2f}"
        value, low, high = (form.format(round(100 * v, 2) + 0.0) for v in (self.value, self.low, self.high))  # no -0.00
        return f"{value} [{low}, {high}]"

    def record(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def strata(units: Sequence[str], datasets: Sequence[str]) -> np.ndarray:
    """Stratum of each object: data sets that share a unit have one stratum. units, datasets: one name an object."""
    parent = {name: name for name in datasets}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    first: dict[str, str] = {}
    for unit, dataset in zip(units, datasets, strict=True):
        a, b = root(first.setdefault(unit, dataset)), root(dataset)
        parent[max(a, b)] = min(a, b)
    return np.array([root(name) for name in datasets])


class Bootstrap:
    """Draws of patients for one set of objects.

    `groups` (one name an object) are what means are taken of, and over: the modalities. `DRAWS` draws of a seed; equal
    arguments give equal draws.
    """

    def __init__(
        self, *, units: Sequence[str], datasets: Sequence[str], groups: Sequence[str], draws: int = DRAWS, seed: int = 0
    ) -> None:
        self.names, self._group = np.unique(groups, return_inverse=True)
        unit_names, self._unit = np.unique(units, return_inverse=True)
        self.n_units = len(unit_names)
        stratum_of_unit = np.empty(self.n_units, dtype=object)
        stratum_of_unit[self._unit] = strata(units, datasets)
        rng = np.random.default_rng(seed)
        self._weights = np.ones((draws + 1, self.n_units))  # (draws + 1, units); row 0 is the data as it is
        for name in sorted(set(stratum_of_unit)):
            members = np.flatnonzero(stratum_of_unit == name)
            drawn = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
            self._weights[1:, members] = drawn

    def _means(self, values: np.ndarray, where: np.ndarray | None) -> np.ndarray:
        """(draws + 1, groups): means of the objects chosen by `where`; NaN where a draw has none."""
        where = np.ones(len(values), bool) if where is None else where
        shape = (self.n_units, len(self.names))
        place = np.ravel_multi_index((self._unit[where], self._group[where]), shape)
        sums = np.bincount(place, weights=values[where], minlength=shape[0] * shape[1]).reshape(shape)
        counts = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (self._weights @ sums) / (self._weights @ counts)

    def by_group(self, values: np.ndarray, *, where: np.ndarray | None = None) -> dict[str, Interval]:
        """The mean of each group that has objects."""
        means = self._means(values, where)
        return {str(name): _interval(means[:, k]) for k, name in enumerate(self.names) if not np.isnan(means[0, k])}

    def overall(self, values: np.ndarray, *, where: np.ndarray | None = None) -> Interval:
        """The mean of the groups' means, each group counting once."""
        means = self._means(values, where)
        present = ~np.isnan(means[0])  # groups without such objects take no part
        # Where a draw has none of a group's few, the group counts as it is: without it the mean would be of something else.
        means = np.where(np.isnan(means), means[0], means)
        return _interval(means[:, present].mean(axis=1))


def _interval(draws: np.ndarray) -> Interval:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(draws[1:], (tail, 100 - tail))
    return Interval(float(draws[0]), float(low), float(high))
