//! DSC and NSD against the numbers that PyPI's `surface-distance` 0.1 gives for the same masks.

use medbox::{
    geometry::{Size, Spacing},
    metrics::{VolumeMask, dsc, dsc_3d, nsd, nsd_3d, nsd_contour},
    postprocess::Mask,
};
use serde::Deserialize;

/// Two masks and what the Python package says of them; `None` where it says NaN.
#[derive(Deserialize)]
struct Case {
    /// (H, W) or (D, H, W).
    shape: Vec<usize>,
    /// By axis of a volume; pictures have 1 mm.
    spacing_zyx: Option<[f64; 3]>,
    tolerance: f64,
    /// Where the flags change, row by row, starting from background.
    reference: Vec<usize>,
    prediction: Vec<usize>,
    dsc: Option<f64>,
    nsd: Option<f64>,
    /// Pictures only.
    nsd_contour: Option<f64>,
}

fn flags(changes: &[usize], n: usize) -> Vec<bool> {
    let mut flags = vec![false; n];
    for run in changes.chunks_exact(2) {
        flags[run[0]..run[1]].fill(true);
    }
    flags
}

#[track_caller]
fn check_close(what: &str, found: Option<f64>, expected: Option<f64>) {
    let close = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        (found, expected) => found == expected,
    };
    assert!(close, "{what} is {found:?} instead of {expected:?}");
}

#[test]
fn scores_are_those_of_surface_distance() -> Result<(), medbox::Error> {
    let text = std::fs::read_to_string("tests/golden/metrics.json").expect("the reference values");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("a list of cases");
    for (i, case) in cases.iter().enumerate() {
        let n = case.shape.iter().product();
        let (reference, prediction) = (flags(&case.reference, n), flags(&case.prediction, n));
        match (case.shape.as_slice(), case.spacing_zyx) {
            (&[height, width], None) => {
                let size = Size::new(width as u32, height as u32)?;
                let (reference, prediction) = (Mask::new(size, &reference), Mask::new(size, &prediction));
                check_close(&format!("DSC {i}"), dsc(&reference, &prediction)?, case.dsc);
                check_close(&format!("NSD {i}"), nsd(&reference, &prediction, case.tolerance)?, case.nsd);
                let contour = nsd_contour(&reference, &prediction, case.tolerance)?;
                check_close(&format!("contour NSD {i}"), contour, case.nsd_contour);
            }
            (&[depth, height, width], Some([z_mm, y_mm, x_mm])) => {
                let shape = [depth, height, width];
                let (reference, prediction) =
                    (VolumeMask::new(shape, &reference)?, VolumeMask::new(shape, &prediction)?);
                check_close(&format!("DSC {i}"), dsc_3d(&reference, &prediction)?, case.dsc);
                let spacing = Spacing { x_mm, y_mm, z_mm };
                check_close(&format!("NSD {i}"), nsd_3d(&reference, &prediction, spacing, case.tolerance)?, case.nsd);
            }
            _ => panic!("case {i} is neither a picture nor a volume"),
        }
    }
    assert!(cases.len() >= 20, "{} cases", cases.len());
    Ok(())
}
