//! What was measured: means, the JSON that tools read, the table that people read, and one line an object.

use std::{collections::BTreeMap, fmt};

use medbox::{geometry::PixelBox, pipeline::Mode, prompt::Modality};
use serde_json::{Map, Value, json};

/// Objects under this share of their picture's area are small.
const SMALL_SHARE: f64 = 0.01;

/// How well one object, or one case, was drawn: from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scores {
    pub(super) dsc: f64,
    pub(super) nsd: f64,
    pub(super) nsd_contour: f64,
}

impl Scores {
    /// `None` when there is nothing to average.
    fn mean(scores: impl IntoIterator<Item = Self>) -> Option<Self> {
        let (mut n, mut sum) = (0, Self { dsc: 0.0, nsd: 0.0, nsd_contour: 0.0 });
        for one in scores {
            n += 1;
            sum.dsc += one.dsc;
            sum.nsd += one.nsd;
            sum.nsd_contour += one.nsd_contour;
        }
        let mean = |sum: f64| sum / f64::from(n);
        (n > 0).then(|| Self { dsc: mean(sum.dsc), nsd: mean(sum.nsd), nsd_contour: mean(sum.nsd_contour) })
    }
}

/// What means are taken over: an object, or a case of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Share of the picture's area; of a case, the mean of its objects'.
    pub(super) share: f64,
    pub(super) scores: Scores,
}

/// One object, as `--rows` writes it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: u16,
    /// Of its label map, as meta.json has it; label maps of one picture may share ids.
    pub(super) mask_suffix: String,
    /// The box that was asked for.
    pub(super) box_image: PixelBox,
    pub(super) area_px: usize,
    /// Share of the picture's area.
    pub(super) share: f64,
    pub(super) scores: Scores,
}

/// One evaluated picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) data_set: String,
    /// As the data set spells it.
    pub(super) modality: String,
    pub(super) stem: String,
    pub(super) patient: Option<String>,
    /// The modality, where it is one of the 11.
    pub(super) class: Option<Modality>,
    /// What the class head says; `None` without class head.
    pub(super) predicted: Option<Modality>,
    pub(super) items: Vec<Item>,
    pub(super) rows: Vec<Row>,
    /// Boxes that no mask was asked for, because they have no area or miss the picture.
    pub(super) n_empty_boxes: usize,
    pub(super) encodes: usize,
    /// The encoder alone, one view.
    pub(super) encode_ms: f64,
    pub(super) decode_ms_per_box: f64,
}

/// Means over the items of some pictures.
#[derive(Debug)]
struct Group {
    n: usize,
    mean: Option<Scores>,
    n_small: usize,
    small: Option<Scores>,
    /// Share of the pictures whose class was predicted right; `None` without class head.
    class_accuracy: Option<f64>,
}

impl Group {
    fn of<'a>(pictures: &(impl Iterator<Item = &'a Picture> + Clone)) -> Self {
        let items = || pictures.clone().flat_map(|picture| &picture.items);
        let small = || items().filter(|item| item.share < SMALL_SHARE);
        let guesses: Vec<bool> =
            pictures.clone().filter_map(|picture| Some(picture.predicted? == picture.class?)).collect();
        let n_right = guesses.iter().filter(|&&right| right).count();
        Self {
            n: items().count(),
            mean: Scores::mean(items().map(|item| item.scores)),
            n_small: small().count(),
            small: Scores::mean(small().map(|item| item.scores)),
            class_accuracy: (!guesses.is_empty()).then(|| n_right as f64 / guesses.len() as f64),
        }
    }
}

/// Everything that `medbox eval` prints.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// What is counted: `objects` or `cases`.
    unit: &'static str,
    model: &'a str,
    mode: Mode,
    n_pictures: usize,
    n_not_scored: usize,
    modalities: BTreeMap<&'a str, Group>,
    /// By name.
    data_sets: BTreeMap<&'a str, Group>,
    /// By modality and name, as they are printed: challenge files of all modalities may lie in one folder.
    parts: BTreeMap<(&'a str, &'a str), Group>,
    encodes: usize,
    encode_ms: Option<f64>,
    decode_ms_per_box: Option<f64>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        unit: &'static str,
        model: &'a str,
        mode: Mode,
        pictures: &'a [Picture],
        n_not_scored: usize,
    ) -> Self {
        fn grouped<'a, K: Ord>(pictures: &'a [Picture], key: impl Fn(&'a Picture) -> K) -> BTreeMap<K, Group> {
            let mut lists: BTreeMap<K, Vec<&Picture>> = BTreeMap::new();
            for picture in pictures {
                lists.entry(key(picture)).or_default().push(picture);
            }
            lists.into_iter().map(|(key, list)| (key, Group::of(&list.iter().copied()))).collect()
        }
        Self {
            unit,
            model,
            mode,
            n_pictures: pictures.len(),
            n_not_scored,
            modalities: grouped(pictures, |picture| picture.modality.as_str()),
            data_sets: grouped(pictures, |picture| picture.data_set.as_str()),
            parts: grouped(pictures, |picture| (picture.modality.as_str(), picture.data_set.as_str())),
            encodes: pictures.iter().map(|picture| picture.encodes).sum(),
            encode_ms: median(pictures.iter().map(|picture| picture.encode_ms)),
            decode_ms_per_box: median(pictures.iter().map(|picture| picture.decode_ms_per_box)),
        }
    }

    /// The mean of the modalities' means.
    fn mean(&self) -> Option<Scores> {
        Scores::mean(self.modalities.values().filter_map(|group| group.mean))
    }

    /// The mean of the modalities' means over small items, of those that have any.
    fn small(&self) -> Option<Scores> {
        Scores::mean(self.modalities.values().filter_map(|group| group.small))
    }

    fn n(&self) -> usize {
        self.modalities.values().map(|group| group.n).sum()
    }

    fn n_small(&self) -> usize {
        self.modalities.values().map(|group| group.n_small).sum()
    }

    /// The object that `--json` prints. Tools rely on its form.
    pub(super) fn json(&self) -> Value {
        let counted = |n: usize, scores: Option<Scores>| {
            let mut object = scores_json(scores);
            object.insert(self.unit.to_owned(), json!(n));
            object
        };
        let group = |group: &Group| {
            let mut object = counted(group.n, group.mean);
            object.insert("class_accuracy".to_owned(), json!(group.class_accuracy));
            object.insert("small".to_owned(), Value::Object(counted(group.n_small, group.small)));
            Value::Object(object)
        };
        let modalities: Map<String, Value> =
            self.modalities.iter().map(|(&name, means)| (name.to_owned(), group(means))).collect();
        let data_sets: Map<String, Value> =
            self.data_sets.iter().map(|(&name, means)| (name.to_owned(), group(means))).collect();
        json!({
            "model": self.model,
            "mode": self.mode.name(),
            self.unit: self.n(),
            "pictures": self.n_pictures,
            "not_scored": self.n_not_scored,
            "mean": scores_json(self.mean()),
            "small": counted(self.n_small(), self.small()),
            "modalities": modalities,
            "datasets": data_sets,
            "ms": {"encode": self.encode_ms, "decode_per_box": self.decode_ms_per_box},
            "encodes": self.encodes,
        })
    }
}

fn scores_json(scores: Option<Scores>) -> Map<String, Value> {
    let values = [
        ("dsc", scores.map(|scores| scores.dsc)),
        ("nsd", scores.map(|scores| scores.nsd)),
        ("nsd_contour", scores.map(|scores| scores.nsd_contour)),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

/// The middle value, of two the mean; values that are no numbers (no encode in that call) are left out.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

impl fmt::Display for Report<'_> {
    /// A table in percent, as the field prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, mode) = (self.unit, self.mode.name());
        let (n, n_pictures, encodes) = (self.n(), self.n_pictures, self.encodes);
        writeln!(f, "{}, mode {mode}: {n} {unit} in {n_pictures} pictures, {encodes} encodes", self.model)?;
        writeln!(f, "in percent; small: under {:.0} % of the picture's area", SMALL_SHARE * 100.0)?;
        writeln!(
            f,
            "{:<28}{unit:>8}{:>8}{:>8}{:>9} |{:>7}{:>8}{:>8}{:>9} |{:>7}",
            "", "DSC", "NSD", "contour", "small", "DSC", "NSD", "contour", "class"
        )?;
        for (&name, group) in &self.modalities {
            write_line(f, name, group)?;
            for ((_, data_set), group) in self.parts.iter().filter(|((modality, _), _)| *modality == name) {
                write_line(f, &format!("  {data_set}"), group)?;
            }
        }
        let mean = Group {
            n,
            mean: self.mean(),
            n_small: self.n_small(),
            small: self.small(),
            class_accuracy: mean_of(self.modalities.values().filter_map(|group| group.class_accuracy)),
        };
        write_line(f, "mean of modalities", &mean)?;
        let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"));
        writeln!(f, "medians: encode {}, decode a box {}", ms(self.encode_ms), ms(self.decode_ms_per_box))
    }
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn write_line(f: &mut fmt::Formatter<'_>, name: &str, group: &Group) -> fmt::Result {
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value * 100.0));
    let columns = |scores: Option<Scores>| {
        let values = [scores.map(|s| s.dsc), scores.map(|s| s.nsd), scores.map(|s| s.nsd_contour)];
        let [dsc, nsd, contour] = values.map(percent);
        format!("{dsc:>8}{nsd:>8}{contour:>9}")
    };
    let Group { n, mean, n_small, small, class_accuracy } = group;
    let (mean, small, class) = (columns(*mean), columns(*small), percent(*class_accuracy));
    writeln!(f, "{name:<28}{n:>8}{mean} |{n_small:>7}{small} |{class:>7}")
}

/// A CSV file's bytes, one line an object.
pub(super) fn rows(pictures: &[Picture]) -> Vec<u8> {
    let write = || -> Result<Vec<u8>, csv::Error> {
        let mut file = csv::Writer::from_writer(Vec::new());
        file.write_record([
            "dataset",
            "modality",
            "stem",
            "patient",
            "id",
            "box",
            "area",
            "share",
            "dsc",
            "nsd",
            "nsd_contour",
            "predicted_class",
            "mask_suffix",
        ])?;
        for picture in pictures {
            for Row { id, mask_suffix, box_image: b, area_px, share, scores } in &picture.rows {
                // The box is written as `segment --box` takes it.
                let sides = format!("{},{},{},{}", b.x0, b.y0, b.x1, b.y1);
                let predicted = picture.predicted.map(Modality::title);
                let Picture { data_set, modality, stem, patient, .. } = picture;
                let Scores { dsc, nsd, nsd_contour } = scores;
                file.serialize((
                    data_set,
                    modality,
                    stem,
                    patient,
                    id,
                    sides,
                    area_px,
                    share,
                    dsc,
                    nsd,
                    nsd_contour,
                    predicted,
                    mask_suffix,
                ))?;
            }
        }
        file.into_inner().map_err(|e| e.into_error().into())
    };
    write().expect("memory takes all of it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(data_set: &str, modality: Modality, predicted: Modality, objects: &[(f64, f64)]) -> Picture {
        let items =
            objects.iter().map(|&(share, dsc)| Item { share, scores: Scores { dsc, nsd: 1.0, nsd_contour: 0.5 } });
        Picture {
            data_set: data_set.to_owned(),
            modality: modality.title().to_owned(),
            stem: "a".to_owned(),
            patient: None,
            class: Some(modality),
            predicted: Some(predicted),
            items: items.collect(),
            rows: Vec::new(),
            n_empty_boxes: 0,
            encodes: 1,
            encode_ms: 10.0,
            decode_ms_per_box: 1.0,
        }
    }

    #[test]
    fn the_mean_is_that_of_modality_means_over_objects() {
        let pictures = [
            picture("a", Modality::Ct, Modality::Ct, &[(0.5, 0.5), (0.005, 0.25)]),
            picture("b", Modality::Ct, Modality::Mr, &[(0.01, 0.75), (0.001, 0.5)]),
            picture("c", Modality::Us, Modality::Us, &[(0.02, 1.0)]),
        ];
        let json = Report::new("objects", "fake", Mode::Challenge, &pictures, 0).json();
        assert_eq!((&json["model"], &json["mode"], &json["objects"]), (&json!("fake"), &json!("challenge"), &json!(5)));
        assert_eq!(json["mean"], json!({"dsc": 0.75, "nsd": 1.0, "nsd_contour": 0.5})); // (0.5 + 1) / 2
        assert_eq!(
            json["modalities"]["CT"],
            json!({"objects": 4, "dsc": 0.5, "nsd": 1.0, "nsd_contour": 0.5, "class_accuracy": 0.5,
                "small": {"objects": 2, "dsc": 0.375, "nsd": 1.0, "nsd_contour": 0.5}})
        );
        assert_eq!(json["small"], json!({"objects": 2, "dsc": 0.375, "nsd": 1.0, "nsd_contour": 0.5}));
        assert_eq!(
            json["datasets"]["c"]["small"],
            json!({"objects": 0, "dsc": null, "nsd": null, "nsd_contour": null})
        );
        assert_eq!((&json["encodes"], &json["ms"]), (&json!(3), &json!({"encode": 10.0, "decode_per_box": 1.0})));
    }

    #[test]
    fn a_data_set_of_two_modalities_is_printed_under_both() {
        let pictures = [
            picture("all", Modality::Us, Modality::Us, &[(0.5, 0.5)]),
            picture("all", Modality::Ct, Modality::Ct, &[(0.5, 1.0), (0.5, 0.5)]),
        ];
        let report = Report::new("cases", "fake", Mode::Challenge, &pictures, 0);
        let table = report.to_string();
        let counts: Vec<Vec<&str>> =
            table.lines().skip(3).map(|line| line.split_whitespace().take(3).collect()).collect();
        assert_eq!(
            counts[..4],
            [["CT", "2", "75.00"], ["all", "2", "75.00"], ["US", "1", "50.00"], ["all", "1", "50.00"]]
        );
        assert_eq!(report.json()["datasets"]["all"]["cases"], 3);
    }

    #[test]
    fn cases_are_counted_as_cases() {
        let json =
            Report::new("cases", "fake", Mode::Default, &[picture("a", Modality::Us, Modality::Us, &[(0.5, 0.5)])], 0)
                .json();
        assert_eq!((&json["cases"], &json["modalities"]["US"]["cases"]), (&json!(1), &json!(1)));
        assert_eq!(json.get("objects"), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, f64::NAN, 2.0, 8.0].into_iter()), Some(3.0));
        assert_eq!(median([4.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([f64::NAN].into_iter()), None);
    }
}
