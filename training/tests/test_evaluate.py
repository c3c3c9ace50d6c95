"""Tables and intervals from what a stand-in for `medbox eval` says; nothing is measured here."""

from __future__ import annotations

import csv
import dataclasses
import json
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from training import catalogue, evaluate, intervals, runs

# The stand-in: two modalities, three patients each of whom has two objects; scores follow from the arguments.
FAKE = """#!{python}
import csv, json, sys
arguments = sys.argv[1:]
def given(name, usual=None):
    return arguments[arguments.index(name) + 1] if name in arguments else usual
with open({log!r}, "a") as file:
    file.write(" ".join(arguments) + "\\n")
name = json.load(open(given("--model") + "/manifest.json"))["name"]
if name == "broken":
    sys.exit("error[model.load]: it is broken")
gain = {{"base": 0.0, "ours": 0.1}}[name] + 0.05 * (given("--mode") == "default")
gain -= {{"auto": 0, "true": -0.01, "wrong": 0.2, "unknown": 0.02}}[given("--class", "auto")] + float(given("--box-jitter", 0))
rows = []
folder = arguments[arguments.index("eval") + 1]
both = (("CT", "scans"), ("US", "sounds"))
for modality, dataset in [pair for pair in both if folder.endswith(pair[0])] or both:
    for patient in range(3):
        for k in range(2):
            dsc = 0.5 + gain + 0.1 * patient + (0.05 if modality == "US" else 0) * (name == "ours")
            said = "CT" if name == "ours" and patient < 2 else "US"
            rows.append([dataset, modality, f"p{{patient}}_{{k}}", f"p{{patient}}", 1, "0,0,9,9", 81, 0.005 if k else 0.2,
                         dsc, dsc, dsc, said if name == "ours" else ""])
with open(given("--rows"), "w", newline="") as file:
    out = csv.writer(file)
    out.writerow("dataset,modality,stem,patient,id,box,area,share,dsc,nsd,nsd_contour,predicted_class".split(","))
    out.writerows(rows)
group = {{"dsc": 0.5, "nsd": 0.5, "nsd_contour": 0.5, "objects": 6, "class_accuracy": 0.5}}
print(json.dumps({{"model": name, "objects": len(rows), "mean": {{"dsc": 0.5}}, "ms": {{"encode": 7.0, "decode_per_box": None}},
    "encodes": 12, "modalities": {{"CT": group, "US": group}}, "datasets": {{"scans": group, "sounds": group}}}}))
"""


def write_model(root: Path, name: str, *, takes_class: bool, left_out: tuple[str, ...] = ()) -> Path:
    folder = root / "models" / name
    folder.mkdir(parents=True)
    named = "class" if takes_class else None
    manifest = {
        "name": name,
        "weights": "f16",
        "parameters": 2_000_000,
        "gmac": {"encode": 1.0, "decode_per_box": 0.01},
        "encoder": {"sha256": f"{name} encoder", "bytes": 10**6, "class_logits": named},
        "decoder": {"sha256": f"{name} decoder", "bytes": 10**6, "class_weights": named},
        "training": {"left_out": list(left_out)},
        "measured": None,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the stand-in, two models and an empty data folder."""
    fake = tmp_path / "medbox"
    fake.write_text(FAKE.format(python=sys.executable, log=str(tmp_path / "calls.log")))
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    write_model(tmp_path, "base", takes_class=False)
    write_model(tmp_path, "ours", takes_class=True)
    monkeypatch.setenv("MEDBOX_MODELS", str(tmp_path / "models"))
    return tmp_path


def bench(place: Path, **kwargs) -> runs.Bench:
    settings = {"medbox": place / "medbox", "data": place / "data", "only": None, "cache": place / "cache", **kwargs}
    return runs.Bench(**settings, say=lambda line: None)


def ask(name: str = "ours", **kwargs) -> runs.Ask:
    return runs.Ask(model=runs.find_model(name), **kwargs)


def calls(place: Path) -> int:
    return len((place / "calls.log").read_text().splitlines())


def compared(place: Path, *asks: runs.Ask) -> evaluate.Comparison:
    c = evaluate.Comparison()
    for one in asks:
        c.add(bench(place).run(one))
    return c


# ---- intervals -------------------------------------------------------------------------------------------------------


def test_means_are_over_objects_then_over_modalities():
    draws = intervals.Bootstrap(units=list("aabc"), datasets=list("xxyy"), groups=["CT", "CT", "US", "US"])
    values = np.array([0.2, 0.4, 0.5, 0.7])
    assert {name: i.value for name, i in draws.by_group(values).items()} == pytest.approx({"CT": 0.3, "US": 0.6})
    overall = draws.overall(values)
    assert overall.value == pytest.approx(0.45)
    # CT has one patient, so only US moves: its mean is 0.5, 0.6 or 0.7.
    assert (overall.low, overall.high) == pytest.approx((0.4, 0.5))


def test_objects_of_one_patient_are_drawn_together():
    alone = intervals.Bootstrap(units=list("abcdefgh"), datasets=["x"] * 8, groups=["CT"] * 8)
    together = intervals.Bootstrap(units=list("aaaabbbb"), datasets=["x"] * 8, groups=["CT"] * 8)
    values = np.array([0.0] * 4 + [1.0] * 4)
    width = [draws.overall(values).high - draws.overall(values).low for draws in (alone, together)]
    assert width[0] < width[1] == 1.0


def test_equal_seeds_give_equal_intervals():
    values = np.random.default_rng(0).random(30)
    units = [f"p{k // 3}" for k in range(30)]

    def interval(seed):
        return intervals.Bootstrap(units=units, datasets=["x"] * 30, groups=["CT"] * 30, seed=seed).overall(values)

    assert interval(1) == interval(1) != interval(2)


def test_data_sets_that_share_a_patient_are_one_stratum():
    found = intervals.strata(["p", "p", "q", "r"], ["pet", "ct", "mr", "us"])
    assert found.tolist() == ["ct", "ct", "mr", "us"]


def test_a_modality_without_such_objects_takes_no_part():
    draws = intervals.Bootstrap(units=list("abcd"), datasets=list("xxyy"), groups=["CT", "CT", "US", "US"])
    where = np.array([True, True, False, False])
    assert draws.overall(np.array([0.2, 0.4, 0.9, 0.9]), where=where).value == pytest.approx(0.3)
    assert list(draws.by_group(np.ones(4), where=where)) == ["CT"]
    # One of two modalities has one such object: where a draw misses it, the mean is still of both.
    one = np.array([True, True, True, False])
    found = draws.overall(np.array([0.2, 0.2, 1.0, 0.0]), where=one)
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.6, 0.6))


def test_an_interval_prints_in_percent_points():
    assert intervals.Interval(0.0123, -0.00001, 0.017).percent(signed=True) == "+1.23 [+0.00, +1.70]"
    assert intervals.Interval(0.5, 0.4, 0.6).percent() == "50.00 [40.00, 60.00]"


# ---- runs ------------------------------------------------------------------------------------------------------------


def test_what_was_measured_is_not_measured_again(place):
    first = bench(place).run(ask())
    again = bench(place).run(ask())
    assert calls(place) == 1 and again.summary == first.summary and len(again.objects) == 12
    bench(place).run(ask(told="wrong"))
    bench(place, max_images=1).run(ask())
    assert calls(place) == 3


def test_another_build_measures_again_unless_older_results_will_do(place):
    bench(place).run(ask())
    with (place / "medbox").open("a") as file:
        file.write("# another build\n")
    assert bench(place).kept(ask()) is None
    assert bench(place, reuse_older=True).run(ask()).summary["objects"] == 12
    assert calls(place) == 1


def test_a_model_that_looks_closer_otherwise_is_measured_again_where_it_does(place):
    for mode in ("default", "challenge"):
        bench(place).run(ask(mode=mode))
    path = place / "models/ours/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tile_per_box": 2.5}))
    assert bench(place).kept(ask(mode="default")) is None
    assert bench(place).kept(ask(mode="challenge")) is not None


def test_medbox_is_called_as_the_document_says(place):
    bench(place, only={"scans": ["p0_0"]}, max_objects=2).run(ask(mode="challenge", jitter=0.05, seed=3))
    words = (place / "calls.log").read_text().split()
    assert words[:2] == ["eval", f"{place}/data/images/"[:-1]]
    assert "--mode challenge --box-jitter 0.05 --seed 3 --only" in " ".join(words)
    assert json.loads(Path(words[words.index("--only") + 1]).read_text()) == {"scans": ["p0_0"]}
    assert "--max-objects 2 --rows" in " ".join(words)


def test_a_failure_is_told_in_medboxs_words(place):
    write_model(place, "broken", takes_class=False)
    with pytest.raises(
        RuntimeError, match=r"^medbox eval --model broken --mode default failed: error\[model.load\]: it is broken$"
    ):
        bench(place).run(ask("broken"))
    assert bench(place).kept(ask("broken")) is None


def test_a_model_that_is_nowhere_is_named(place):
    with pytest.raises(FileNotFoundError, match="^no manifest.json in models/none or none; export the model first$"):
        runs.find_model("none")


def test_patients_are_units_and_sts_patients_are_one_over_modalities():
    assert catalogue.unit_of(dataset="busi", stem="a", patient=None) == "busi/a"
    assert catalogue.unit_of(dataset="hc18", stem="a", patient="7") == "hc18/7"
    assert catalogue.unit_of(dataset="sts_ct", stem="a", patient="STS_003") == "STS_003"
    assert catalogue.unit_of(dataset="dsb2018", stem="a", patient="purple") == "dsb2018/a"


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_differences_are_paired(place):
    c = compared(place, ask("base"), ask("ours"))
    gain = c.difference(ask("ours"), ask("base"))
    # 0.1 in every object of CT and 0.15 in US: patients differ, differences do not.
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.125, 0.125, 0.125))
    text = evaluate.against(c, [(ask("ours"), ask("base"))])
    assert (
        "| ours, default − base, default | +12.50 [+12.50, +12.50] |" in text
        and "| CT +10.00 [+10.00, +10.00] |" in text
    )


def test_runs_on_other_objects_are_refused(place):
    c = compared(place, ask("base"))
    run = bench(place).run(ask("ours"))
    rows = run.rows.read_text().splitlines()
    run.rows.write_text("\n".join(rows[:-1]) + "\n")
    with pytest.raises(ValueError, match="holds other objects than"):
        c.add(bench(place).run(ask("ours")))


def test_the_accuracy_table_has_the_form_of_the_papers(place):
    lines = evaluate.accuracy(
        compared(place, ask("base"), ask("ours")), [ask("base").model, ask("ours").model], "default"
    ).splitlines()
    assert (
        lines[0]
        == "| modality | objects | base DSC | base NSD | base contour NSD | ours DSC | ours NSD | ours contour NSD |"
    )
    assert lines[2].startswith("| CT | 6 | 65.00 | 65.00 | 65.00 | 75.00 |")
    assert lines[4].startswith("| **mean** | 12 | **65.00** |")


def test_the_class_prompt_table_tells_what_each_class_changes(place):
    asks = [ask(told=told) for told in evaluate.TOLD]
    text = evaluate.class_effect(compared(place, ask("base"), *asks), [ask("base").model, ask().model], "default", {})
    assert "| ours, wrong class | 57.50 | 57.50 | 57.50 | -20.00 [-20.00, -20.00] |" in text
    assert "| ours, true class | 78.50 |" in text and "base" not in text


def test_classes_are_counted_by_picture(place):
    c = compared(place, ask())
    counts = evaluate.confusion_counts(c.objects)
    assert counts[0, 0] == 4 and counts[0, 3] == 2 and counts[3, 0] == 4 and counts.sum() == 12
    text = evaluate.class_accuracy(c, [ask().model], "default")
    assert "| CT | 4/6 | 66.67 | US 2 |" in text
    assert "| **mean** | 6/12 | **50.00** | all pictures alike: 50.00 |" in text


def test_small_objects_are_those_under_one_hundredth(place):
    text = evaluate.small_objects(compared(place, ask("base"), ask()), [ask("base"), ask()], ask("base"))
    assert "| **mean** | 6 | **65.00** | **77.50** |" in text and "| against base, default |  |  | +12.50 [" in text


def test_boxes_are_moved_for_the_compared_models_and_for_the_baseline_when_asked(place):
    models = [ask("base").model, ask("ours").model]
    given = {"modes": ["default"], "jitters": [0.05], "seeds": 2, "parts": ["jitter"]}
    moved = [a for a in evaluate.plan(models, **given, baseline=False) if a.jitter]
    assert [(a.model.name, a.seed) for a in moved] == [("ours", 0), ("ours", 1)]
    assert len([a for a in evaluate.plan(models, **given, baseline=True) if a.jitter]) == 4
    assert len([a for a in evaluate.plan(models[:1], **given, baseline=False) if a.jitter]) == 2


def test_robustness_is_the_loss_against_tight_boxes(place):
    c = compared(place, ask(), ask(jitter=0.05), ask(jitter=0.05, seed=1))
    text = evaluate.robustness(c, [ask().model], mode="default", jitters=[0.05], seeds=2)
    assert "| ours, default | 77.50 | -5.00 [-5.00, -5.00] | -5.00 [-5.00, -5.00] |" in text


# ---- the document ----------------------------------------------------------------------------------------------------


def test_sections_are_replaced_between_their_markers_and_other_text_stays():
    section = evaluate.Section(key="a", title="A", text="new")
    document = "# Results\n\nBefore.\n\n<!-- a -->\nold\n<!-- /a -->\n\nAfter.\n"
    assert evaluate.place(document, [section]) == "# Results\n\nBefore.\n\n<!-- a -->\nnew\n<!-- /a -->\n\nAfter.\n"
    stale = document.replace("After.", "<!-- z -->\nof last week\n<!-- /z -->")
    assert "<!-- z -->\nNot measured this time.\n<!-- /z -->" in evaluate.place(stale, [section])
    added = evaluate.place(document, [evaluate.Section(key="b", title="B", text="more")])
    assert added.endswith("After.\n\n## B\n\n<!-- b -->\nmore\n<!-- /b -->\n")


@pytest.fixture
def document(place, monkeypatch):
    (place / "data" / "images").mkdir(parents=True)
    (place / "run").mkdir()
    watched = [
        {"step": k, "seconds": 60 * k, "dice": 80.0 + k, "contour": 70.0, "class_accuracy": 90.0} for k in (1, 2)
    ]
    (place / "run" / "metrics.json").write_text(json.dumps(watched))

    def make(*more: str) -> Path:
        out = place / "docs" / "results.md"
        evaluate.main([
            "--medbox", str(place / "medbox"), "--data", str(place / "data"), "--models", "base", "ours",
            "--cache", str(place / "cache"), "--out", str(out), *more,
        ])  # fmt: skip
        return out

    return make


def test_one_command_writes_document_numbers_and_plots(place, document):
    out = document("--runs", str(place / "run"), "--specialists", f"CT={place}/models/base")
    text = out.read_text()
    for title in (
        "Accuracy, mode default",
        "Accuracy, mode challenge",
        "Differences",
        "Small objects",
        "Class accuracy",
        "Cost",
    ):
        assert f"## {title}\n" in text
    assert "12 objects in 12 pictures of 6 patients" in text and "quick look" not in text
    assert "medbox eval DATA/images --only held_out.json --model ours --mode default --class wrong" in text
    assert "quick" not in text and "| ours, default − base, challenge | +17.50 [" in text
    assert str(place) not in text and str(place) not in out.with_suffix(".json").read_text()
    drawn = sorted(path.name for path in (out.parent / "results").iterdir())
    assert drawn == [
        "accuracy-challenge.svg",
        "accuracy-default.svg",
        "confusion-ours.svg",
        "radar.svg",
        "training.svg",
    ]
    numbers = json.loads(out.with_suffix(".json").read_text())
    wrong = next(r for r in numbers["runs"] if r["told"] == "wrong")
    assert wrong["mean"]["dsc"]["value"] == pytest.approx(0.575) and numbers["patients"] == 6


def test_a_second_call_is_cheap_and_gives_the_same_files(place, document):
    out = document()
    before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
    n = calls(place)
    document()
    assert calls(place) == n
    assert {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()} == before


def test_a_quick_look_is_called_one(document):
    text = document("--max-images", "2", "--parts").read_text()
    assert "**A quick look**: at most 2 pictures of each data set." in text
    with pytest.raises(SystemExit):
        document("--max-images", "2", "--update-models")


def test_manifests_say_what_was_measured_and_cards_stay_as_they_were_written(place, document):
    card = place / "models" / "ours" / "README.md"
    card.write_text("# Card\n")
    document("--update-models")
    measured = json.loads((place / "models" / "ours" / "manifest.json").read_text())["measured"]
    assert measured["default"] == {"dsc": 0.775, "nsd": 0.775, "nsd_contour": 0.775, "class_accuracy": 0.5}
    assert (
        measured["patients"] == 6
        and "class_accuracy" not in json.loads((place / "models/base/manifest.json").read_text())["measured"]["default"]
    )
    assert card.read_text() == "# Card\n"


def of_another_set(run: runs.Run, *, n: int, dsc: float) -> runs.Run:
    """As if the first n objects of a run were of n patients of the data set `others`, all with the same DSC."""
    with run.rows.open(newline="") as file:
        rows = list(csv.DictReader(file))[:n]
    path = run.rows.with_name(f"others-{run.rows.name}")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "dataset": "others", "patient": f"q{k}", "dsc": dsc} for k, row in enumerate(rows))
    return dataclasses.replace(run, rows=path)


def test_a_model_trained_without_a_set_is_measured_on_all_of_it(place, monkeypatch):
    monkeypatch.setattr(evaluate, "read_index", lambda data: [])
    monkeypatch.setattr(evaluate, "never_trained_on", lambda pictures, names, split: {name: ["p0_0"] for name in names})
    folder = write_model(place, "ours-without", takes_class=True, left_out=("scans",))
    manifest = json.loads((folder / "manifest.json").read_text()) | {"name": "ours"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (place / "data" / "images").mkdir(parents=True)
    options = evaluate.parse(["--medbox", str(place / "medbox"), "--data", str(place / "data"), "--cache", str(place / "cache"),
                              "--models", "base", "--left-out", str(folder), "--left-out-full", "ours"])  # fmt: skip
    found = evaluate.measure_left_out(options, runs.find_model("base"), say=lambda line: None)
    text = evaluate.left_out([(name, *asked, {"scans/p2"}) for name, *asked, _ in found])
    assert "| left out | modality | patients | objects | base, DSC | without the set, DSC | difference |" in text
    assert "| `scans` | CT | 6 | 12 | 65.00 | 77.50 | +12.50 [+12.50, +12.50] | +0.00 [+0.00, +0.00] |" in text


    ((_, without, base, *_),) = found
    few = [of_another_set(run, n=3, dsc=dsc) for run, dsc in ((without, 0.5), (base, 0.6))]
    text = evaluate.left_out([("scans", without, base, None, set()), ("others", *few, None, set())])
    assert "| **mean** |  | 9 | 15 | 63.33 | 68.33 | +5.00 [+5.00, +5.00] |" in text, "scans, sounds and others count once each"

    plain = evaluate.parse(["--data", "d", "--models", "base", "--left-out", "ours"])
    with pytest.raises(ValueError, match="^ours was not trained with --leave-out$"):
        evaluate.measure_left_out(plain, runs.find_model("base"), say=lambda line: None)
