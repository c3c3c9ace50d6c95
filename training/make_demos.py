"""Makes the demo pictures of the page, `www/demos/`, from a data folder.

    python -m training.make_demos DATA [--out www/demos]

Eight real pictures of eight modalities, all from openly licensed data sets and all from patients that no model was
trained on (`splits.json`), each with its licence, its attribution and one box around the structure that a newcomer is
asked to try. The pictures are copied as the data folder has them, scaled and re-encoded there as their attributions
say; nothing is drawn or enhanced.
"""

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = Path(__file__).with_name("splits.json")
BYTES_MAX = 2_000_000
# Pictures of HAM10000 among the CC0 pictures of the ISIC archive: CC BY-NC-SA, so not for the page.
NOT_OPEN = {"ISIC_0024311", "ISIC_0027001", "ISIC_0027287", "ISIC_0027533", "ISIC_0027800"}

STS = (
    "Vallières M, Freeman CR, Skamene SR, El Naqa I. Soft-tissue-Sarcoma. The Cancer Imaging Archive, 2015, "
    "doi:10.7937/K9/TCIA.2015.7GO2GSKS. Cropped for the IBSI validation by Zwanenburg A et al.; one slice, shown in "
    "8 bit. Licence: creativecommons.org/licenses/by/3.0."
)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One picture: where it lies in the data folder, and what the page says of it."""

    path: str  # below images/: MODALITY/data set
    stem: str
    object_id: int  # in the label map: what the suggested box encloses
    suffix: str = ""  # of the label map
    file: str  # beside index.json, without its ending
    title: str
    source: str
    licence: str
    attribution: str


SCALED = " Scaled and re-encoded. Licence: creativecommons.org/licenses/by/4.0."

DEMOS = (
    Demo(
        path="CT/sts_ct", stem="STS_031_z026", object_id=1, file="ct-thigh",
        title="Tumour in a thigh", source="TCIA STS", licence="CC BY 3.0", attribution=STS,
    ),
    Demo(
        path="MR/sts_mr_t1", stem="STS_007_z031", object_id=1, file="mr-hip",
        title="Tumour behind a hip, T1", source="TCIA STS", licence="CC BY 3.0", attribution=STS,
    ),
    Demo(
        path="PET/sts_pet", stem="STS_007_z032", object_id=1, file="pet-hip",
        title="The same tumour in FDG-PET", source="TCIA STS", licence="CC BY 3.0", attribution=STS,
    ),
    Demo(
        path="US/hc18", stem="587_2HC", object_id=1, file="us-fetal-head",
        title="Head of a fetus", source="HC18", licence="CC BY 4.0",
        attribution="van den Heuvel TLA, de Bruijn D, de Korte CL, van Ginneken B. Automated measurement of fetal head "
        "circumference using 2D ultrasound images. Zenodo, 2018, doi:10.5281/zenodo.1322001." + SCALED,
    ),
    Demo(
        path="Dermoscopy/isic", stem="ISIC_0011333", object_id=1, file="dermoscopy-lesion",
        title="Pigmented skin lesion", source="ISIC archive", licence="CC0 1.0",
        attribution="Picture ISIC_0011333 of the ISIC archive; Codella N et al. Skin lesion analysis toward melanoma "
        "detection, 2018.",
    ),
    Demo(
        path="Fundus/idrid", stem="IDRiD_18", object_id=1, suffix="_disc", file="fundus-retina",
        title="Retina with its optic disc", source="IDRiD", licence="CC BY 4.0",
        attribution="Porwal P et al. Indian Diabetic Retinopathy Image Dataset. Data 3:25, 2018, "
        "doi:10.3390/data3030025." + SCALED,
    ),
    Demo(
        path="Microscopy/dsb2018", stem="6ab24e7e1f6c9fdd", object_id=3, file="microscopy-nuclei",
        title="Stained nuclei", source="BBBC038", licence="CC0 1.0",
        attribution="Caicedo JC et al. Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl. "
        "Nature Methods 16:1247, 2019.",
    ),
    Demo(
        path="Mammography/cdd_cesm_lowenergy", stem="P276_L_DM_CC", object_id=1, file="mammography-mass",
        title="Mass in a breast", source="TCIA CDD-CESM", licence="CC BY 4.0",
        attribution="Khaled R et al. Categorized contrast enhanced mammography dataset. The Cancer Imaging Archive, "
        "2022, doi:10.7937/29kw-ae92; Scientific Data 9:122." + SCALED,
    ),
)


def tight_box(*, label_map: np.ndarray, object_id: int) -> list[int]:
    """Bounding box of one object: x0, y0, x1, y1 with exclusive ends. label_map: (H, W) of ids."""
    ys, xs = np.nonzero(label_map == object_id)
    if len(xs) == 0:
        raise ValueError(f"the label map has no object {object_id}, only {np.unique(label_map).tolist()}")
    return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]


def check_allowed(demo: Demo, *, held_out: dict[str, list[str]]) -> None:
    """Raises ValueError for a picture that a model was trained on, or whose licence is not open."""
    dataset = demo.path.split("/")[1]
    if demo.stem not in held_out.get(dataset, []):
        raise ValueError(f"{dataset}/{demo.stem} is not held out: models were trained on it")
    if demo.stem in NOT_OPEN:
        raise ValueError(f"{demo.stem} is CC BY-NC-SA")


def make(*, data: Path, out: Path) -> int:
    """Writes the pictures and index.json; gives the bytes of all together."""
    held_out = json.loads(SPLITS.read_text())["held_out_only"]
    out.mkdir(parents=True, exist_ok=True)
    index = []
    for demo in DEMOS:
        check_allowed(demo, held_out=held_out)
        folder = data / "images" / demo.path
        (picture,) = (folder / "images").glob(f"{demo.stem}.*")
        label_map = np.asarray(Image.open(folder / "masks" / f"{demo.stem}{demo.suffix}.png"))  # (H, W)
        file = demo.file + picture.suffix
        shutil.copyfile(picture, out / file)
        index.append(
            {
                "file": file,
                "title": demo.title,
                "modality": demo.path.split("/")[0],
                "source": demo.source,
                "licence": demo.licence,
                "attribution": demo.attribution,
                "box": tight_box(label_map=label_map, object_id=demo.object_id),
            }
        )
    (out / "index.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n")
    total = sum(path.stat().st_size for path in out.iterdir())
    if total > BYTES_MAX:
        raise ValueError(f"the demos take {total} bytes, {BYTES_MAX} are allowed")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that holds images/")
    parser.add_argument("--out", type=Path, default=Path("www/demos"))
    args = parser.parse_args()
    total = make(data=args.data, out=args.out)
    print(f"{args.out}: {len(DEMOS)} pictures, {total / 1000:.0f} kB")


if __name__ == "__main__":
    main()
