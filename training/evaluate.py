"""Models beside each other on patients that training never saw: tables, intervals, plots, `docs/results.md`.

    python -m training.evaluate --medbox target/release/medbox --data DATA --models litemedsam lite

`medbox eval` measures, in every mode, with every class told and with moved boxes; this reads what it wrote (`runs.py`),
draws patients again for intervals (`intervals.py`), and writes the document's tables between their markers, a JSON with all
numbers beside it, and plots. What was measured before is not measured again.

The first model is the one that others are compared with. `--max-images` and `--max-objects` give a quick look, which the
document then says. `--update-models` also writes what was measured into the models' manifests.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training import plots
from training.catalogue import CLASSES, load_split, never_trained_on, read_index, split_hash
from training.intervals import DRAWS, Bootstrap, Interval
from training.runs import METRICS, Ask, Bench, Model, Objects, Run, find_model

METRIC_TITLES = {"dsc": "DSC", "nsd": "NSD", "nsd_contour": "contour NSD"}
SMALL_SHARE = 0.01  # of the picture's area, as in `medbox eval`
TOLD = {"auto": "predicted", "true": "true", "wrong": "wrong", "unknown": "unknown"}
PARTS = ("class", "jitter")  # what is measured besides each model in each mode


# ---- the document ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """One piece of the document, between its markers."""

    key: str
    title: str
    text: str
    commands: tuple[str, ...] = ()

    def body(self) -> str:
        if not self.commands:
            return self.text
        lines = "\n".join(self.commands)
        return f"{self.text}\n\n<details><summary>Commands</summary>\n\n```\n{lines}\n```\n\n</details>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def place(document: str, sections: Sequence[Section]) -> str:
    """The document with each section's text between `<!-- KEY -->` and `<!-- /KEY -->`. Sections that it does not have are
    added at its end under their titles, what stands between other markers is of another measurement and goes; all other text
    stays."""
    for section in sections:
        start, end = f"<!-- {section.key} -->", f"<!-- /{section.key} -->"
        block = f"{start}\n{section.body()}\n{end}"
        found = re.search(f"{re.escape(start)}.*?{re.escape(end)}", document, flags=re.DOTALL)
        if found:
            document = document[: found.start()] + block + document[found.end() :]
        else:
            document = f"{document.rstrip()}\n\n## {section.title}\n\n{block}\n"
    keys = {section.key for section in sections}
    stale = re.compile(r"<!-- ([\w-]+) -->\n.*?\n<!-- /\1 -->", flags=re.DOTALL)
    gone = "<!-- {0} -->\nNot measured this time.\n<!-- /{0} -->"
    return stale.sub(lambda m: m[0] if m[1] in keys else gone.format(m[1]), document)


def percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.2f}"


# ---- what is compared ------------------------------------------------------------------------------------------------


@dataclass
class Comparison:
    """Runs on the same objects, and the draws that all of them share."""

    runs: dict[Ask, Run] = field(default_factory=dict)
    bootstrap: Bootstrap | None = None
    objects: Objects | None = None

    def add(self, run: Run) -> None:
        """Raises ValueError where the run scored other objects than those before it."""
        if self.objects is None:
            o = self.objects = run.objects
            self.bootstrap = Bootstrap(units=o.unit, datasets=o.dataset, groups=o.modality)
        elif run.objects.keys != self.objects.keys:
            raise ValueError(
                f"{run.rows} holds other objects than {next(iter(self.runs.values())).rows}: measure both again"
            )
        self.runs[run.ask] = run

    def __contains__(self, ask: Ask) -> bool:
        return ask in self.runs

    def values(self, ask: Ask, metric: str = "dsc") -> np.ndarray:
        return self.runs[ask].objects.values[metric]

    def overall(self, ask: Ask, metric: str = "dsc", **where: np.ndarray) -> Interval:
        return self.bootstrap.overall(self.values(ask, metric), **where)

    def difference(self, ask: Ask, base: Ask, metric: str = "dsc", **where: np.ndarray) -> Interval:
        return self.bootstrap.overall(self.values(ask, metric) - self.values(base, metric), **where)

    def differences(self, ask: Ask, base: Ask, metric: str = "dsc", **where: np.ndarray) -> dict[str, Interval]:
        return self.bootstrap.by_group(self.values(ask, metric) - self.values(base, metric), **where)

    def modalities(self) -> list[str]:
        """Those that have objects, in the classes' order."""
        return sorted(set(self.objects.modality.tolist()), key=lambda name: (_rank(name), name))


def _rank(modality: str) -> int:
    return CLASSES.index(modality) if modality in CLASSES else len(CLASSES)


def label(ask: Ask) -> str:
    """`lite, default`; with what is told and how boxes are moved where that is not the usual."""
    told = "" if ask.told == "auto" else f", class {TOLD[ask.told]}"
    return f"{ask.model.name}, {ask.mode}{told}" + (f", boxes ± {100 * ask.jitter:g} %" if ask.jitter else "")


def plan(
    models: Sequence[Model],
    *,
    modes: Sequence[str],
    jitters: Sequence[float],
    seeds: int,
    parts: Sequence[str],
    baseline: bool,
) -> list[Ask]:
    """All that is measured on the common pictures; with moved boxes the first of several models only if `baseline`."""
    asks = [Ask(model=model, mode=mode) for mode in modes for model in models]
    if "class" in parts:
        told = [name for name in TOLD if name != "auto"]
        asks += [Ask(model=model, mode=modes[0], told=name) for model in models if model.takes_class for name in told]
    if "jitter" in parts:
        asks += [
            Ask(model=model, mode=modes[0], jitter=share, seed=seed)
            for model in (models if baseline else models[1:] or models)
            for share in jitters
            for seed in range(seeds)
        ]
    return asks


# ---- sections: accuracy ----------------------------------------------------------------------------------------------


def accuracy(c: Comparison, models: Sequence[Model], mode: str) -> str:
    """The form of the paper's table 3: a row a modality, DSC and NSD a model."""
    asks = [Ask(model=model, mode=mode) for model in models]
    header = ["modality", "objects", *(f"{a.model.name} {t}" for a in asks for t in METRIC_TITLES.values())]
    by_group = {(a, m): c.bootstrap.by_group(c.values(a, m)) for a in asks for m in METRICS}
    rows = []
    for name in c.modalities():
        n = int((c.objects.modality == name).sum())
        rows.append([name, str(n), *(percent(by_group[a, m][name].value) for a in asks for m in METRICS)])
    means = [percent(c.overall(a, m).value) for a in asks for m in METRICS]
    return table(header, [*rows, ["**mean**", str(len(c.objects)), *(f"**{mean}**" for mean in means)]])


def against(c: Comparison, pairs: Sequence[tuple[Ask, Ask]]) -> str:
    """Differences of means over modalities with their intervals, and the modality that fares worst."""
    rows = []
    for ask, base in pairs:
        worst, by = min(c.differences(ask, base).items(), key=lambda item: item[1].value)
        cells = [c.difference(ask, base, metric).percent(signed=True) for metric in METRICS]
        rows.append([f"{label(ask)} − {label(base)}", *cells, f"{worst} {by.percent(signed=True)}"])
    return table(["difference, points", *METRIC_TITLES.values(), "lowest modality, DSC"], rows)


def against_by_modality(c: Comparison, pairs: Sequence[tuple[Ask, Ask]]) -> str:
    columns = [c.differences(ask, base) for ask, base in pairs]
    header = ["DSC, points", *(f"{label(ask)} − {label(base)}" for ask, base in pairs)]
    return table(
        header, [[name, *(column[name].percent(signed=True) for column in columns)] for name in c.modalities()]
    )


def by_dataset(c: Comparison, asks: Sequence[Ask]) -> str:
    o, rows = c.objects, []
    for name in sorted(set(o.dataset.tolist()), key=lambda d: (_rank(o.modality[o.dataset == d][0]), d)):
        where = o.dataset == name
        cells = [percent(float(c.values(ask, m)[where].mean())) for ask in asks for m in ("dsc", "nsd")]
        rows.append([f"`{name}`", o.modality[where][0], str(len(set(o.unit[where]))), str(int(where.sum())), *cells])
    header = ["data set", "modality", "patients", "objects", *(f"{label(a)} {t}" for a in asks for t in ("DSC", "NSD"))]
    return table(header, rows)


def small_objects(c: Comparison, asks: Sequence[Ask], base: Ask) -> str:
    where = c.objects.share < SMALL_SHARE
    columns = {ask: c.bootstrap.by_group(c.values(ask), where=where) for ask in asks}
    rows = []
    for name in c.modalities():
        n = int((where & (c.objects.modality == name)).sum())
        if n:
            rows.append([name, str(n), *(percent(columns[ask][name].value) for ask in asks)])
    rows.append(["**mean**", str(int(where.sum())), *(f"**{percent(c.overall(a, where=where).value)}**" for a in asks)])
    against_base = [c.difference(a, base, where=where).percent(signed=True) if a != base else "" for a in asks]
    rows.append([f"against {label(base)}", "", *against_base])
    return table(["modality", "small objects", *(f"{label(ask)}, DSC" for ask in asks)], rows)


# ---- sections: class -------------------------------------------------------------------------------------------------


def class_effect(c: Comparison, models: Sequence[Model], mode: str, ablations: dict[str, Model]) -> str:
    """What the decoder is told, and what that changes."""
    rows = []
    for model in models:
        if not model.takes_class:
            continue
        usual = Ask(model=model, mode=mode)
        told = [(f"{model.name}, {TOLD[t]} class", Ask(model=model, mode=mode, told=t)) for t in TOLD]
        if model.name in ablations:
            told.append((f"{ablations[model.name].name}: trained without", Ask(model=ablations[model.name], mode=mode)))
        for name, ask in told:
            if ask not in c:
                continue
            means = [percent(c.overall(ask, metric).value) for metric in METRICS]
            change = [c.difference(ask, usual, m).percent(signed=True) if ask != usual else "" for m in ("dsc", "nsd")]
            rows.append([name, *means, *change])
    return table(["told", *METRIC_TITLES.values(), "DSC − predicted", "NSD − predicted"], rows)


def confusion_counts(objects: Objects) -> np.ndarray:
    """(11, 11) pictures: what they are, and what the class head said."""
    counts = np.zeros((len(CLASSES), len(CLASSES)), int)
    _, first = np.unique(objects.picture, return_index=True)
    for k in first:
        if objects.modality[k] in CLASSES and objects.predicted[k] in CLASSES:
            counts[CLASSES.index(objects.modality[k]), CLASSES.index(objects.predicted[k])] += 1
    return counts


def class_accuracy(c: Comparison, models: Sequence[Model], mode: str) -> str:
    heads = {model.name: confusion_counts(c.runs[Ask(model=model, mode=mode)].objects) for model in models}
    rows, means = [], {name: [] for name in heads}
    for k, modality in enumerate(CLASSES):
        cells = []
        for name, counts in heads.items():
            n, right = int(counts[k].sum()), int(counts[k, k])
            if n:
                means[name].append(right / n)
            mistaken = ", ".join(
                f"{CLASSES[j]} {counts[k, j]}" for j in np.argsort(-counts[k]) if j != k and counts[k, j]
            )
            cells += [f"{right}/{n}", percent(right / n) if n else "–", mistaken]
        rows.append([modality, *cells])
    overall = []
    for name, counts in heads.items():
        right, n = int(np.trace(counts)), int(counts.sum())
        overall += [
            f"{right}/{n}",
            f"**{percent(float(np.mean(means[name])))}**",
            f"all pictures alike: {percent(right / n)}",
        ]
    header = ["pictures", *(f"{name}: {part}" for name in heads for part in ("right", "%", "taken for"))]
    return table(header, [*rows, ["**mean**", *overall]])


# ---- sections: boxes, cost, training ---------------------------------------------------------------------------------


def robustness(c: Comparison, models: Sequence[Model], *, mode: str, jitters: Sequence[float], seeds: int) -> str:
    rows = []
    for model in models:
        if Ask(model=model, mode=mode, jitter=jitters[0]) not in c:
            continue
        tight = Ask(model=model, mode=mode)
        cells = [percent(c.overall(tight).value)]
        for share in jitters:
            asks = [Ask(model=model, mode=mode, jitter=share, seed=seed) for seed in range(seeds)]
            for metric in ("dsc", "nsd"):
                moved = np.mean([c.values(ask, metric) for ask in asks], axis=0)
                cells.append(c.bootstrap.overall(moved - c.values(tight, metric)).percent(signed=True))
        rows.append([f"{model.name}, {mode}", *cells])
    header = ["boxes", "tight: DSC", *(f"± {100 * j:g} %: {t}" for j in jitters for t in ("DSC", "NSD"))]
    return table(header, rows)


def cost(models: Sequence[Model], c: Comparison, modes: Sequence[str]) -> str:
    """Times only where one build measured all models with as many threads: others are of other conditions."""
    rows = []
    conditions = {(run.medbox, run.threads) for run in (c.runs[Ask(model=model, mode=modes[0])] for model in models)}
    for model in models:
        m, ms = model.manifest, c.runs[Ask(model=model, mode=modes[0])].summary["ms"]
        if len(conditions) > 1:
            ms = dict.fromkeys(ms)
        size = (m["encoder"]["bytes"] + m["decoder"]["bytes"]) / 1e6
        views = [c.runs[Ask(model=model, mode=mode)].summary["encodes"] for mode in modes]
        rows.append([
            model.name, f"{m['parameters'] / 1e6:.2f}", f"{size:.1f}", m["weights"],
            f"{m['gmac']['encode']:.2f}", f"{m['gmac']['decode_per_box']:.3f}",
            *(f"{ms[k]:.0f}" if ms[k] is not None else "–" for k in ("encode", "decode_per_box")), *map(str, views),
        ])  # fmt: skip
    header = ["model", "M parameters", "MB", "weights", "GMAC a view", "GMAC a box", "ms a view", "ms a box"]
    return table(header + [f"views, {mode}" for mode in modes], rows)


def training_runs(runs: Sequence[Path]) -> str:
    rows = []
    for run in runs:
        metrics = plots.read_metrics(run)
        best = max(metrics, key=lambda m: m["dice"] + m["contour"])
        cells = [
            f"{m[k]:.2f}" if k in m else "–" for m in (metrics[-1], best) for k in ("dice", "contour", "class_accuracy")
        ]
        rows.append(
            [
                run.name,
                str(metrics[-1]["step"]),
                f"{metrics[-1]['seconds'] / 60:.0f}",
                *cells[:3],
                str(best["step"]),
                *cells[3:],
            ]
        )
    watched = ["Dice", "contour", "class"]
    return table(["run", "steps", "minutes", *(f"last: {w}" for w in watched), "best at", *watched], rows)


# ---- sections: other data --------------------------------------------------------------------------------------------


def same_objects(a: Run, b: Run) -> None:
    """Raises ValueError where two runs scored other objects, or the same in another order."""
    if a.objects.keys != b.objects.keys:
        raise ValueError(f"{a.ask.model.name} and {b.ask.model.name} were measured on different objects: measure again")


def left_out(runs: Sequence[tuple[str, Run, Run, Run | None, set[str]]]) -> str:
    """runs: (data set, model without it, baseline, model trained on all with the same schedule, units that this one was
    not trained on). Ends with the mean over data sets, each counting once."""
    rows = []
    for name, without, base, full, unseen in runs:
        o = without.objects
        for run in filter(None, (base, full)):
            same_objects(without, run)
        bootstrap = Bootstrap(units=o.unit, datasets=o.dataset, groups=o.modality)
        dsc, base_dsc = o.values["dsc"], base.objects.values["dsc"]
        cells = [
            percent(float(base_dsc.mean())),
            percent(float(dsc.mean())),
            bootstrap.overall(dsc - base_dsc).percent(signed=True),
        ]
        if full is not None:
            where = np.isin(o.unit, sorted(unseen))
            gap = (
                bootstrap.overall(dsc - full.objects.values["dsc"], where=where).percent(signed=True)
                if where.any()
                else "–"
            )
            cells.append(gap)
        rows.append([f"`{name}`", o.modality[0], str(len(set(o.unit))), str(len(o)), *cells])
    of_all = [without.objects for _, without, *_ in runs]
    units, datasets = (np.concatenate([getattr(o, name) for o in of_all]) for name in ("unit", "dataset"))
    bootstrap = Bootstrap(units=units, datasets=datasets, groups=datasets)
    dsc, base_dsc = (np.concatenate([run[k].objects.values["dsc"] for run in runs]) for k in (1, 2))
    means = [percent(bootstrap.overall(values).value) for values in (base_dsc, dsc)]
    mean = ["**mean**", "", str(len(set(units))), str(len(dsc)), *means, bootstrap.overall(dsc - base_dsc).percent(signed=True)]
    rows.append(mean + ([""] if runs[0][3] else []))
    base_name = runs[0][2].ask.model.name
    header = ["left out", "modality", "patients", "objects", f"{base_name}, DSC", "without the set, DSC", "difference"]
    return table(header + (["− trained on all, held-out patients"] if runs[0][3] else []), rows)


def specialists(c: Comparison, models: Sequence[Model], mode: str, special: dict[str, Run]) -> str:
    """Fine-tuned on one modality alone, and measured there: the paper's figure 3."""
    rows = []
    for modality, run in special.items():
        where = c.objects.modality == modality
        if run.objects.keys != tuple(itertools.compress(c.objects.keys, where)):
            raise ValueError(f"{run.ask.model.name} was measured on other objects of {modality} than the models beside it")
        cells = [percent(float(run.objects.values["dsc"].mean())), percent(float(run.objects.values["nsd"].mean()))]
        for model in models:
            for metric in ("dsc", "nsd"):
                cells.append(percent(float(c.values(Ask(model=model, mode=mode), metric)[where].mean())))
        rows.append([modality, str(len(run.objects)), *cells])
    names = ["fine-tuned on it alone", *(model.name for model in models)]
    return table(["modality", "objects", *(f"{name}, {t}" for name in names for t in ("DSC", "NSD"))], rows)


# ---- main ------------------------------------------------------------------------------------------------------------


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medbox", type=Path, default=Path("target/release/medbox"), help="the binary that measures")
    parser.add_argument("--data", type=Path, required=True, help="data folder (see training/README.md)")
    parser.add_argument("--models", nargs="+", required=True, help="names or folders; the first is compared with")
    parser.add_argument(
        "--modes", nargs="+", default=["default", "challenge"], help="the first is that of the further tables"
    )
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS), help="what is measured besides")
    parser.add_argument("--jitter", nargs="+", type=float, default=[0.05, 0.15], help="shares by which boxes are moved")
    parser.add_argument("--jitter-seeds", type=int, default=1)
    parser.add_argument(
        "--jitter-baseline", action="store_true", help="move boxes for the first model too, which takes long"
    )
    parser.add_argument(
        "--ablation", nargs="*", default=[], metavar="MODEL=WITHOUT", help="the same, trained without class prompt"
    )
    parser.add_argument("--left-out", nargs="*", default=[], metavar="DIR", help="models trained with --leave-out")
    parser.add_argument("--left-out-full", metavar="DIR", help="model of the same schedule trained on all")
    parser.add_argument(
        "--specialists", nargs="*", default=[], metavar="MODALITY=DIR", help="models fine-tuned on one modality"
    )
    parser.add_argument("--runs", nargs="*", type=Path, default=[], help="folders of training runs, for their curves")
    parser.add_argument("--max-images", type=int, default=0, help="quick look: pictures of each data set")
    parser.add_argument("--max-objects", type=int, default=0, help="quick look: objects of each label map")
    parser.add_argument("--threads", type=int, default=0, help="that medbox may use; 0: all")
    parser.add_argument("--reuse-older", action="store_true", help="take what another build of medbox measured")
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"), help="its plots and JSON lie beside it")
    parser.add_argument("--update-models", action="store_true", help="write what was measured into the manifests")
    options = parser.parse_args(arguments)
    if options.update_models and (options.max_images or options.max_objects):
        parser.error("--update-models takes the whole measurement, not a quick look")
    return options


def pairs_of(text: Sequence[str]) -> dict[str, Model]:
    """`NAME=MODEL` arguments."""
    return {name: find_model(folder) for name, _, folder in (item.partition("=") for item in text)}


def common_sections(
    c: Comparison, *, models: list[Model], ablations: dict[str, Model], special: dict[str, Run],
    options: argparse.Namespace, commands: dict[Ask, str], plots_dir: Path,
) -> list[Section]:  # fmt: skip
    """What is said of the common pictures; draws the plots on the way."""
    base, others, modes = models[0], models[1:], options.modes
    asked = models + [a for a in ablations.values() if a not in models]
    link = plots_dir.name
    sections = []

    def add(key: str, title: str, text: str, asks: Iterable[Ask] = ()) -> None:
        sections.append(
            Section(key=key, title=title, text=text, commands=tuple(commands[a] for a in asks if a in commands))
        )

    for mode in modes:
        asks = [Ask(model=m, mode=mode) for m in asked]
        text = accuracy(c, asked, mode)
        plots.bars(
            plots_dir / f"accuracy-{mode}.svg", groups=c.modalities(), label="DSC, %",
            series={a.model.name: [_points(c.bootstrap.by_group(c.values(a))[g]) for g in c.modalities()] for a in asks},
        )  # fmt: skip
        add(
            f"accuracy-{mode}",
            f"Accuracy, mode {mode}",
            f"{text}\n\n![DSC by modality]({link}/accuracy-{mode}.svg)",
            asks,
        )

    compared = [(Ask(model=m, mode=mode), Ask(model=base, mode=mode)) for mode in modes for m in others]
    published = Ask(model=base, mode="challenge")
    if published in c:
        compared += [(Ask(model=m, mode="default"), published) for m in models if Ask(model=m, mode="default") in c]
    compared += [
        (Ask(model=b, mode=mode), Ask(model=a, mode=mode)) for mode in modes for a, b in itertools.combinations(others, 2)
    ]
    if compared:
        add("differences", "Differences", against(c, compared), dict.fromkeys(a for pair in compared for a in pair))
        wide = [pair for pair in compared if pair[0].mode == modes[0] and pair[1].model == base]
        add(
            "differences-by-modality",
            "Differences by modality",
            against_by_modality(c, wide),
            dict.fromkeys(a for pair in wide for a in pair),
        )
    usual = [Ask(model=m, mode=modes[0]) for m in models]
    add("datasets", "By data set", by_dataset(c, usual), usual)
    shown = list(dict.fromkeys([*([published] if published in c else []), *usual]))
    add("small", "Small objects", small_objects(c, shown, shown[0]), shown)

    heads = [m for m in asked if m.has_class_head]
    if heads:
        figures = []
        for model in heads:
            counts = confusion_counts(c.runs[Ask(model=model, mode=modes[0])].objects)
            plots.confusion(
                plots_dir / f"confusion-{model.name}.svg", names=list(CLASSES), counts=counts, title=model.name
            )
            figures.append(f"![Confusion matrix of {model.name}]({link}/confusion-{model.name}.svg)")
        text = class_accuracy(c, heads, modes[0]) + "\n\n" + "\n".join(figures)
        add("class-accuracy", "Class accuracy", text, [Ask(model=m, mode=modes[0]) for m in heads])
    prompted = [m for m in models if m.takes_class]
    if prompted and "class" in options.parts:
        asks = [Ask(model=m, mode=modes[0], told=t) for m in prompted for t in TOLD]
        add("class-prompt", "Effect of the class prompt", class_effect(c, models, modes[0], ablations), asks)
    if "jitter" in options.parts:
        asks = [a for a in c.runs if a.jitter]
        text = robustness(c, models, mode=modes[0], jitters=options.jitter, seeds=options.jitter_seeds)
        add("boxes", "Robustness to boxes", text, asks)
    if special:
        text = specialists(c, models, modes[0], special)
        nan = float("nan")
        series = {
            "fine-tuned on it alone": [
                100 * float(special[g].objects.values["dsc"].mean()) if g in special else nan for g in c.modalities()
            ]
        }
        for m in models:
            means = c.bootstrap.by_group(c.values(Ask(model=m, mode=modes[0])))
            series[m.name] = [100 * means[g].value for g in c.modalities()]
        plots.radar(plots_dir / "radar.svg", groups=c.modalities(), series=series, label="DSC, %")
        add(
            "specialists",
            "Fine-tuned on one modality",
            f"{text}\n\n![DSC by modality, as a radar]({link}/radar.svg)",
            [r.ask for r in special.values()],
        )
    add("cost", "Cost", cost(asked, c, modes), [Ask(model=m, mode=modes[0]) for m in asked])
    return sections


def _points(interval: Interval) -> tuple[float, float, float]:
    return 100 * interval.value, 100 * interval.low, 100 * interval.high


def setup_text(c: Comparison, options: argparse.Namespace, *, builds: int) -> str:
    o = c.objects
    text = (
        f"Measured by `medbox eval` on {len(o)} objects in {len(set(o.picture))} pictures of {len(set(o.unit))} patients "
        f"(pictures, where patients are unknown) and {len(set(o.dataset))} data sets that our training never saw "
        "(`held_out_only` of `training/splits.json`); LiteMedSAM may have seen some. Boxes are tight "
        f"unless said otherwise. Means are over modalities, each counting once; in brackets the 95 % interval of {DRAWS} draws "
        "of patients, the same draws for all models. DSC and NSD in percent, NSD at a tolerance of 2 px; NSD as the challenge "
        "counts it, in which faces count too, so that it goes with the area; contour NSD is the share of both contours' length."
    )
    limits = [
        f"at most {n} {what}" for n, what in
        ((options.max_images, "pictures of each data set"), (options.max_objects, "objects of each label map")) if n
    ]  # fmt: skip
    if limits:
        text = f"**A quick look**: {' and '.join(limits)}. {text}"
    if builds > 1:
        text += f" {builds} builds of medbox measured (`--reuse-older`)."
    return text


def shown_command(arguments: Sequence[str], options: argparse.Namespace) -> str:
    """This call as the document shows it: paths of one machine become names."""
    shown = ["python", "-m", "training.evaluate"]
    known = {str(options.data): "DATA", str(options.medbox): "target/release/medbox", str(options.cache): ".cache"}
    for word in arguments:
        name, equals, value = word.rpartition("=") if "=" in word else ("", "", word)
        value = known.get(value, Path(value).name if value.startswith("/") else value)
        shown.append(name + equals + value)
    return shlex.join(shown)


def record_of(c: Comparison) -> dict:
    """All numbers of the common pictures, for other programs."""
    out = []
    where = c.objects.share < SMALL_SHARE
    for ask, run in c.runs.items():
        out.append({
            "model": ask.model.name, "mode": ask.mode, "told": ask.told, "box_jitter": ask.jitter, "seed": ask.seed,
            "mean": {m: c.overall(ask, m).record() for m in METRICS},
            "small": {m: c.overall(ask, m, where=where).record() for m in METRICS} if where.any() else None,
            "modalities": {
                name: {m: c.bootstrap.by_group(c.values(ask, m))[name].record() for m in METRICS} for name in c.modalities()
            },
            "datasets": {n: {m: d[m] for m in (*METRICS, "objects")} for n, d in run.summary["datasets"].items()},
            "class_accuracy": {n: g["class_accuracy"] for n, g in run.summary["modalities"].items()},
            "ms": run.summary["ms"], "encodes": run.summary["encodes"],
        })  # fmt: skip
    return {
        "objects": len(c.objects),
        "pictures": len(set(c.objects.picture)),
        "patients": len(set(c.objects.unit)),
        "runs": out,
    }


def update_model(c: Comparison, model: Model, modes: Sequence[str]) -> None:
    """Writes what was measured into the model's manifest (`measured`)."""
    measured: dict = {
        "by": "medbox eval", "split": "training/splits.json, held_out_only",
        "objects": len(c.objects), "patients": len(set(c.objects.unit)),
    }  # fmt: skip
    for mode in modes:
        ask = Ask(model=model, mode=mode)
        measured[mode] = {m: round(c.overall(ask, m).value, 4) for m in METRICS}
        accuracies = [g["class_accuracy"] for g in c.runs[ask].summary["modalities"].values()]
        if model.has_class_head:
            measured[mode]["class_accuracy"] = round(float(np.mean(accuracies)), 4)
    path = model.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) | {"measured": measured}
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def check_split(model: Model) -> None:
    """Raises ValueError where a model was trained by another split, so that the held-out side is not held out of it."""
    split = (model.manifest.get("training") or {}).get("split") or {}
    if split.get("sha256") not in (None, split_hash()) or split.get("side") not in (None, "train"):
        raise ValueError(
            f"{model.name} was trained by another split than training/splits.json, or on all patients: it cannot be measured "
            "on what this one holds out"
        )


def measure_left_out(
    options: argparse.Namespace, base: Model, *, say
) -> list[tuple[str, Run, Run, Run | None, set[str]]]:
    """Each model of `--left-out` on what it was never trained on, beside the baseline and the model trained on all."""
    if not options.left_out:
        return []
    split, pictures = load_split(), read_index(options.data)
    held_out = {p.unit for p in pictures if split.side(p) == "held_out"}
    full = find_model(options.left_out_full) if options.left_out_full else None
    found = []
    for model in map(find_model, options.left_out):
        names = model.manifest["training"]["left_out"]
        if not names:
            raise ValueError(f"{model.name} was not trained with --leave-out")
        for name, stems in never_trained_on(pictures, names, split=split).items():
            bench = Bench(
                medbox=options.medbox, data=options.data, only={name: stems}, cache=options.cache, threads=options.threads,
                max_images=options.max_images, max_objects=options.max_objects, reuse_older=options.reuse_older, say=say,
            )  # fmt: skip
            asked = [bench.run(Ask(model=m, mode=options.modes[0])) for m in (model, base, *([full] if full else []))]
            found.append((name, asked[0], asked[1], asked[2] if full else None, held_out))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = parse(arguments)
    models = [find_model(name) for name in options.models]
    ablations, special_models = pairs_of(options.ablation), pairs_of(options.specialists)

    def say(line: str) -> None:
        print(line, flush=True)

    for model in (*models, *ablations.values(), *special_models.values(), *map(find_model, options.left_out)):
        check_split(model)
    bench = Bench(
        medbox=options.medbox, data=options.data, only=load_split().held_out_only, cache=options.cache,
        max_images=options.max_images, max_objects=options.max_objects, threads=options.threads,
        reuse_older=options.reuse_older, say=say,
    )  # fmt: skip
    asks = plan(
        models,
        modes=options.modes,
        jitters=options.jitter,
        seeds=options.jitter_seeds,
        parts=options.parts,
        baseline=options.jitter_baseline,
    )
    asks += [Ask(model=m, mode=mode) for m in ablations.values() for mode in options.modes if m not in models]
    c = Comparison()
    for ask in asks:
        c.add(bench.run(ask))
    special = {
        name: bench.run(Ask(model=m, mode=options.modes[0], modality=name)) for name, m in special_models.items()
    }
    lefts = measure_left_out(options, models[0], say=say)

    def command(ask: Ask) -> str:
        folder = "DATA/images" + (f"/{ask.modality}" if ask.modality else "")
        return " ".join(["medbox eval", folder, "--only held_out.json", *ask.arguments(), *bench.limits()])

    plots_dir = options.out.with_suffix("")
    of_left_out = [run for _, *runs, _ in lefts for run in runs if run]
    builds = len({run.medbox for run in (*c.runs.values(), *special.values(), *of_left_out)})
    made_by = f"Made by\n\n```\n{shown_command(arguments, options)}\n```"
    sections = [
        Section(key="setup", title="What was measured", text=f"{setup_text(c, options, builds=builds)}\n\n{made_by}")
    ]
    sections += common_sections(
        c, models=models, ablations=ablations, special=special, options=options, plots_dir=plots_dir,
        commands={ask: command(ask) for ask in (*c.runs, *(r.ask for r in special.values()))},
    )  # fmt: skip
    if lefts:
        sections.append(Section(key="left-out", title="Data sets never seen", text=left_out(lefts)))
    if options.runs:
        names = {run.name: plots.read_metrics(run) for run in options.runs}
        plots.curves(plots_dir / "training.svg", runs=names)
        text = f"{training_runs(options.runs)}\n\n![Training curves]({plots_dir.name}/training.svg)"
        sections.append(Section(key="training", title="Training runs", text=text))

    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = options.out.read_text(encoding="utf-8") if options.out.exists() else "# Results\n"
    options.out.write_text(place(document, sections), encoding="utf-8")
    options.out.with_suffix(".json").write_text(json.dumps(record_of(c), indent=1) + "\n", encoding="utf-8")
    if options.update_models:
        for model in models:
            update_model(c, model, options.modes)
    print(
        against(
            c,
            [(Ask(model=m, mode=mode), Ask(model=models[0], mode=mode)) for mode in options.modes for m in models[1:]],
        )
    )
    print(f"wrote {options.out}, {options.out.with_suffix('.json')} and plots in {plots_dir}")


if __name__ == "__main__":
    main()
