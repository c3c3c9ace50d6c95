//! Objects as COCO JSON, readable by pycocotools and by annotation tools.

use serde::Serialize;

use super::{ExportError, ExportObject, check_picture};
use crate::{geometry::Size, postprocess::Mask};

/// Objects as a COCO data set of one image: `images`, `annotations` with compressed RLE masks, and one category.
///
/// `bbox` is the mask's tight box (x, y, width, height), zeros for an empty mask; `score` is the model's, absent where a
/// person has drawn or changed the mask, `prompt_box` the box asked for (x0, y0, x1, y1), and `name` what a person calls
/// the object, absent where it has none: three keys that COCO does not know and its readers pass over.
/// The file's name is only written when it is given, because names can say who a patient is.
///
/// # Errors
/// [`ExportError::OtherPicture`] when a mask belongs to a picture of another size.
///
/// # Example
/// ```
/// use medbox::{export::{ExportObject, json}, geometry::{PixelBox, Size}, postprocess::Mask};
/// let size = Size { width: 3, height: 2 };
/// let mask = Mask::new(size, &[false, true, true, false, true, false]);
/// let box_image = PixelBox::new(1.0, 0.0, 3.0, 2.0);
/// let object = ExportObject { id: 1, box_image, mask: &mask, score: Some(0.9), name: Some("cyst"), colour: 0 };
/// let coco: serde_json::Value = serde_json::from_slice(&json::coco(size, Some("lesion.png"), &[object])?)?;
/// let annotation = &coco["annotations"][0];
/// assert_eq!(annotation["bbox"], serde_json::json!([1, 0, 2, 2]));
/// assert_eq!(annotation["name"], "cyst");
/// // Column by column: two pixels of background, three of the object, one of background.
/// assert_eq!(annotation["segmentation"], serde_json::json!({"size": [2, 3], "counts": "231"}));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn coco(size: Size, file_name: Option<&str>, objects: &[ExportObject<'_>]) -> Result<Vec<u8>, ExportError> {
    check_picture(size, objects)?;
    let annotations = objects
        .iter()
        .map(|object| {
            let (b, region) = (object.box_image, object.mask.region());
            Annotation {
                id: object.id,
                image_id: 1,
                category_id: 1,
                segmentation: Rle { size: [size.height, size.width], counts: compressed(&run_lengths(object.mask)) },
                area: object.mask.area_px(),
                bbox: [region.x, region.y, region.width, region.height],
                iscrowd: 0,
                score: object.score,
                prompt_box: [b.x0, b.y0, b.x1, b.y1],
                name: object.name,
            }
        })
        .collect();
    let coco = Coco {
        images: [Picture { id: 1, width: size.width, height: size.height, file_name: file_name.unwrap_or_default() }],
        annotations,
        categories: [Category { id: 1, name: "object" }],
    };
    serde_json::to_vec(&coco).map_err(|e| ExportError::Encode { format: "JSON", detail: e.to_string() })
}

#[derive(Serialize)]
struct Coco<'a> {
    images: [Picture<'a>; 1],
    annotations: Vec<Annotation<'a>>,
    categories: [Category; 1],
}

#[derive(Serialize)]
struct Picture<'a> {
    id: u32,
    width: u32,
    height: u32,
    file_name: &'a str,
}

#[derive(Serialize)]
struct Category {
    id: u32,
    name: &'static str,
}

#[derive(Serialize)]
struct Annotation<'a> {
    id: u32,
    image_id: u32,
    category_id: u32,
    segmentation: Rle,
    area: usize,
    bbox: [u32; 4],
    iscrowd: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    prompt_box: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Rle {
    size: [u32; 2],
    counts: String,
}

/// How many pixels of background, object, background, … follow each other, column by column from the left. The last
/// run of background is included, as pycocotools does.
fn run_lengths(mask: &Mask) -> Vec<i64> {
    let (image, region) = (mask.image_size(), mask.region());
    let (height, stride) = (i64::from(image.height), region.width as usize);
    let mut counts = vec![0];
    let mut end = 0; // one past the last pixel counted
    for x in 0..stride {
        let column_start = (i64::from(region.x) + x as i64) * height + i64::from(region.y);
        for (y, row) in mask.bits().chunks_exact(stride).enumerate() {
            if !row[x] {
                continue;
            }
            let at = column_start + y as i64;
            let is_inside = counts.len() % 2 == 0;
            let last = counts.last_mut().expect("there is a first count");
            if is_inside && at == end {
                *last += 1;
            } else if is_inside {
                counts.extend([at - end, 1]);
            } else {
                *last = at;
                counts.push(1);
            }
            end = at + 1;
        }
    }
    let n_pixels = i64::from(image.width) * height;
    if counts.len() == 1 {
        counts[0] = n_pixels;
    } else if end < n_pixels {
        counts.push(n_pixels - end);
    }
    counts
}

/// COCO's text form of run lengths (pycocotools, `maskApi.c`, `rleToString`): from the fourth on, each is written as
/// its difference to the one two before it, five bits a character, lowest first, the sixth bit telling that more follow.
fn compressed(counts: &[i64]) -> String {
    let mut text = String::new();
    for (i, &count) in counts.iter().enumerate() {
        let mut rest = if i > 2 { count - counts[i - 2] } else { count };
        loop {
            let five = (rest & 0x1f) as u8;
            rest >>= 5;
            let ends_here = if five & 0x10 == 0 { rest == 0 } else { rest == -1 };
            text.push(char::from(48 + five + if ends_here { 0 } else { 0x20 }));
            if ends_here {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::tests::{mask, object},
        geometry::Rect,
    };

    /// The text as `pycocotools.mask.encode` gives it for the same mask (version 2.0.11).
    #[track_caller]
    fn check_counts(mask: &Mask, expected: &str) {
        assert_eq!(compressed(&run_lengths(mask)), expected);
    }

    #[test]
    fn counts_are_those_of_pycocotools() {
        check_counts(&mask(&["....", ".##.", "..#.", "...."]), "51312");
        check_counts(&mask(&["###", "###"]), "06");
        check_counts(&mask(&["...", "..."]), "6");
        check_counts(&mask(&["#.#", ".#.", "#.#"]), "0110000000");
    }

    #[test]
    fn long_runs_are_those_of_pycocotools() {
        // A ring with radii 20 and 50 around (90, 140) in a picture of 200 × 300.
        let size = Size { width: 200, height: 300 };
        let ring = Rect { x: 40, y: 90, width: 101, height: 101 };
        let bits = (0..101 * 101).map(|i| {
            let (x, y) = (i % 101 - 50, i / 101 - 50);
            (400..2500).contains(&(x * x + y * y))
        });
        let mask = Mask::from_region(size, ring, bits.collect());
        assert_eq!((mask.area_px(), mask.region()), (6580, Rect { x: 41, y: 91, width: 99, height: 99 }));
        check_counts(
            &mask,
            "_T<c0e88H8J4L4L4L4L4M2N2M4M2N2N2N2N2N2N2N2O0O2N2N2O0O2O0O2O0O2O0O]NmI0R6NRJ0m5OWJ0h5OZJ0f5N^J0b5O`J0_50cJ0\
             \\50dJ0\\5OfJ0Z5OhJ0W51iJ0V5OlJ0T50lJ0T5OnJ0R50nJ0R50nJ0R50nJ0R50nJ0R50nJ0R50nJ0R50nJ0R50nJ0R50nJ0R50nJ0R50n\
             J0R50nJ0R51lJ0T50lJ0T51jJ0W5OiJ0X51fJ0Z51dJ0\\50dJ0]50aJ0`51^J0b52ZJ0f51XJ0i51SJ0n52nI0S6c1101N101N101N101N2\
             N2N101N2N2N2N2N2N2N2N3L3N2N3L4L4L4L4L6H8Ha^a0",
        );
    }

    #[test]
    fn an_annotation_has_what_coco_and_medbox_know_of_an_object() {
        let (mask, empty) = (mask(&["....", ".##.", "..#.", "...."]), mask(&["....", "....", "....", "...."]));
        let json = coco(mask.image_size(), None, &[object(1, &mask), object(2, &empty)]).expect("JSON");
        assert_eq!(
            String::from_utf8(json).expect("text"),
            concat!(
                r#"{"images":[{"id":1,"width":4,"height":4,"file_name":""}],"annotations":["#,
                r#"{"id":1,"image_id":1,"category_id":1,"segmentation":{"size":[4,4],"counts":"51312"},"area":3,"#,
                r#""bbox":[1,1,2,2],"iscrowd":0,"score":0.9,"prompt_box":[0.5,1.0,4.0,3.0]},"#,
                r#"{"id":2,"image_id":1,"category_id":1,"segmentation":{"size":[4,4],"counts":"`0"},"area":0,"#,
                r#""bbox":[0,0,0,0],"iscrowd":0,"score":0.9,"prompt_box":[0.5,1.0,4.0,3.0]}],"#,
                r#""categories":[{"id":1,"name":"object"}]}"#
            )
        );
    }

    #[test]
    fn an_object_has_the_name_and_no_score_that_a_person_gave_it() {
        let mask = mask(&["....", ".##.", "..#.", "...."]);
        let objects = [
            ExportObject { score: None, ..object(1, &mask) },
            ExportObject { name: Some("cyst, \"left\""), ..object(2, &mask) },
        ];
        let json = coco(mask.image_size(), None, &objects).expect("JSON");
        let read: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let [by_hand, named] = &read["annotations"].as_array().expect("a list")[..] else { panic!("two annotations") };
        assert_eq!((by_hand.get("score"), by_hand.get("name")), (None, None));
        assert_eq!((named["score"].as_f64(), named["name"].as_str()), (Some(0.9), Some("cyst, \"left\"")));
        assert_eq!(read["categories"], serde_json::json!([{"id": 1, "name": "object"}]));
    }
}
