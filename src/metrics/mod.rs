//! How well a prediction agrees with a reference: DSC and NSD, exactly as the challenge computes them, with PyPI's
//! `surface-distance` 0.1 (`tests/metrics.rs` holds the two together).
//!
//! **Empty masks**: where both are empty there is nothing to agree on and the answer is `None`; where one is empty, they
//! agree on nothing and the answer is 0.

mod surface;

use crate::{
    geometry::{Rect, Size, Spacing},
    postprocess::Mask,
};
use surface::{Surface, contour_lengths, surface_agreement, surface_areas};

/// How far surfaces may be apart and still agree: what the challenge allows, in pixels of pictures.
pub const TOLERANCE_PX: f64 = 2.0;

/// Why masks cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are named in the messages.
pub enum MetricError {
    /// Masks of two pictures.
    #[error(
        "the reference is a mask of {} × {} pixels, the prediction of {} × {}",
        reference.width, reference.height, prediction.width, prediction.height
    )]
    Sizes { reference: Size, prediction: Size },
    /// Masks of two volumes.
    #[error(
        "the reference is a mask of {} × {} × {} voxels, the prediction of {} × {} × {}",
        reference[0], reference[1], reference[2], prediction[0], prediction[1], prediction[2]
    )]
    Shapes { reference: [usize; 3], prediction: [usize; 3] },
    /// Not one flag a voxel.
    #[error("a volume of {} × {} × {} voxels was given {found} flags", shape[0], shape[1], shape[2])]
    Voxels { shape: [usize; 3], found: usize },
    /// Voxels without extent.
    #[error("the spacing must be more than 0 mm along every axis: it is {}, {} and {}", spacing_mm[0], spacing_mm[1], spacing_mm[2])]
    Spacing { spacing_mm: [f64; 3] },
}

impl MetricError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sizes { .. } => "metric.sizes",
            Self::Shapes { .. } => "metric.shapes",
            Self::Voxels { .. } => "metric.voxels",
            Self::Spacing { .. } => "metric.spacing",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Sizes { .. } | Self::Shapes { .. } => "compare masks of the same picture",
            Self::Voxels { .. } => "give one flag a voxel, in the order (D, H, W)",
            Self::Spacing { .. } => "take the spacing from the volume's header",
        }
    }
}

/// How one mask agrees with another, all told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// [`dsc`]; `None` when both masks are empty, as are the two below.
    pub dsc: Option<f64>,
    /// [`nsd`].
    pub nsd: Option<f64>,
    /// [`nsd_contour`].
    pub nsd_contour: Option<f64>,
    /// Pixels of the reference that the prediction lacks.
    pub missed_px: usize,
    /// Pixels of the prediction that the reference lacks.
    pub extra_px: usize,
}

/// Every score of a picture's mask, and the pixels where it differs.
///
/// # Errors
/// [`MetricError::Sizes`] when the masks belong to pictures of different sizes.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, metrics::{TOLERANCE_PX, compare}, postprocess::Mask};
/// let size = Size { width: 5, height: 1 };
/// let reference = Mask::new(size, &[true, true, true, false, false]);
/// let prediction = Mask::new(size, &[false, true, true, true, true]);
/// let found = compare(&reference, &prediction, TOLERANCE_PX)?;
/// assert_eq!((found.missed_px, found.extra_px, found.dsc), (1, 2, Some(4.0 / 7.0)));
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn compare(reference: &Mask, prediction: &Mask, tolerance_px: f64) -> Result<Comparison, MetricError> {
    let common = common_block(reference, prediction)?;
    let pairs = || reference.window(common).into_iter().zip(prediction.window(common));
    Ok(Comparison {
        dsc: dsc(reference, prediction)?,
        nsd: nsd(reference, prediction, tolerance_px)?,
        nsd_contour: nsd_contour(reference, prediction, tolerance_px)?,
        missed_px: pairs().filter(|&(wanted, found)| wanted && !found).count(),
        extra_px: pairs().filter(|&(wanted, found)| found && !wanted).count(),
    })
}

/// Dice similarity coefficient, 2·|A∩B| / (|A|+|B|), from 0 to 1; `None` when both masks are empty.
///
/// # Errors
/// [`MetricError::Sizes`] when the masks belong to pictures of different sizes.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, metrics::dsc, postprocess::Mask};
/// let size = Size { width: 4, height: 1 };
/// let reference = Mask::new(size, &[false, true, true, false]);
/// let prediction = Mask::new(size, &[false, true, true, true]);
/// assert_eq!(dsc(&reference, &prediction)?, Some(0.8)); // 2·2 / (2 + 3)
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn dsc(reference: &Mask, prediction: &Mask) -> Result<Option<f64>, MetricError> {
    let common = common_block(reference, prediction)?;
    Ok(overlap(&reference.window(common), &prediction.window(common)))
}

/// Normalised surface dice as the challenge computes it for pictures: the masks as a volume of one slice, (H, W, 1) with
/// voxels of 1 mm. Both flat faces count as surface, so the number follows area more than contour.
/// From 0 to 1; `None` when both masks are empty.
///
/// # Errors
/// [`MetricError::Sizes`] when the masks belong to pictures of different sizes.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, metrics::{nsd, nsd_contour}, postprocess::Mask};
/// let size = Size { width: 40, height: 40 };
/// let square = |from, to| {
///     let inside = |i: u32| (from..to).contains(&(i % 40)) && (from..to).contains(&(i / 40));
///     Mask::new(size, &(0..1600).map(inside).collect::<Vec<_>>())
/// };
/// let (reference, prediction) = (square(10, 30), square(7, 33));
/// assert_eq!(nsd_contour(&reference, &prediction, 2.0)?, Some(0.0)); // the contours are 3 pixels apart
/// assert!(nsd(&reference, &prediction, 2.0)? > Some(0.8)); // the faces cover each other
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn nsd(reference: &Mask, prediction: &Mask, tolerance_px: f64) -> Result<Option<f64>, MetricError> {
    let common = common_block(reference, prediction)?;
    // One slice of (1, H, W) has the surface of (H, W, 1): with equal spacing the order of axes changes nothing.
    let shape = [1, common.height as usize, common.width as usize];
    let (reference, prediction) = (reference.window(common), prediction.window(common));
    Ok(volume_agreement(shape, &reference, &prediction, [1.0; 3], tolerance_px))
}

/// Normalised surface dice of the contours alone: the share of both contours' length that lies within the tolerance of
/// the other contour. From 0 to 1; `None` when both masks are empty.
///
/// # Errors
/// [`MetricError::Sizes`] when the masks belong to pictures of different sizes.
pub fn nsd_contour(reference: &Mask, prediction: &Mask, tolerance_px: f64) -> Result<Option<f64>, MetricError> {
    let common = common_block(reference, prediction)?;
    let shape = [common.height as usize, common.width as usize];
    let contour = |mask: &Mask| Surface::of_picture(shape, &mask.window(common));
    let lengths = contour_lengths([1.0; 2]);
    Ok(surface_agreement(&contour(reference), &contour(prediction), &lengths, [1.0; 3], tolerance_px))
}

/// One object's voxels in a volume, (D, H, W).
#[derive(Debug, Clone, Copy)]
pub struct VolumeMask<'a> {
    shape: [usize; 3],
    bits: &'a [bool],
}

impl<'a> VolumeMask<'a> {
    /// A mask from one flag a voxel, slice by slice, row by row.
    ///
    /// # Errors
    /// [`MetricError::Voxels`] when there is not one flag a voxel.
    pub fn new(shape: [usize; 3], bits: &'a [bool]) -> Result<Self, MetricError> {
        if shape.iter().product::<usize>() != bits.len() {
            return Err(MetricError::Voxels { shape, found: bits.len() });
        }
        Ok(Self { shape, bits })
    }

    fn check_beside(&self, prediction: &Self) -> Result<(), MetricError> {
        if self.shape != prediction.shape {
            return Err(MetricError::Shapes { reference: self.shape, prediction: prediction.shape });
        }
        Ok(())
    }
}

/// [`dsc`] of volumes.
///
/// # Errors
/// [`MetricError::Shapes`] when the masks belong to volumes of different shapes.
pub fn dsc_3d(reference: &VolumeMask<'_>, prediction: &VolumeMask<'_>) -> Result<Option<f64>, MetricError> {
    reference.check_beside(prediction)?;
    Ok(overlap(reference.bits, prediction.bits))
}

/// Normalised surface dice of volumes: the share of both surfaces' area that lies within the tolerance of the other
/// surface. From 0 to 1; `None` when both masks are empty.
///
/// # Errors
/// [`MetricError::Shapes`] when the masks belong to volumes of different shapes, [`MetricError::Spacing`] when a spacing
/// is not greater than zero.
pub fn nsd_3d(
    reference: &VolumeMask<'_>,
    prediction: &VolumeMask<'_>,
    spacing: Spacing,
    tolerance_mm: f64,
) -> Result<Option<f64>, MetricError> {
    nsd_3d_by_axis(reference, prediction, [spacing.z_mm, spacing.y_mm, spacing.x_mm], tolerance_mm)
}

/// [`nsd_3d`] with the spacing by axis of the array, whatever that axis is. The challenge hands on the three numbers in
/// the order in which a file stores them, which is x, y, z beside a (D, H, W) array in some: to repeat its scores, pass
/// them as they are.
///
/// # Errors
/// As [`nsd_3d`].
pub fn nsd_3d_by_axis(
    reference: &VolumeMask<'_>,
    prediction: &VolumeMask<'_>,
    spacing_mm: [f64; 3],
    tolerance_mm: f64,
) -> Result<Option<f64>, MetricError> {
    reference.check_beside(prediction)?;
    if !spacing_mm.iter().all(|&mm| mm > 0.0 && mm.is_finite()) {
        return Err(MetricError::Spacing { spacing_mm });
    }
    let Some(block) = common_voxels(reference, prediction) else { return Ok(None) };
    let (reference, prediction) = (block.cut(reference), block.cut(prediction));
    Ok(volume_agreement(block.extent, &reference, &prediction, spacing_mm, tolerance_mm))
}

fn overlap(reference: &[bool], prediction: &[bool]) -> Option<f64> {
    let count = |bits: &[bool]| bits.iter().filter(|&&bit| bit).count();
    let both = reference.iter().zip(prediction).filter(|&(&a, &b)| a && b).count();
    let sum = count(reference) + count(prediction);
    (sum > 0).then(|| 2.0 * both as f64 / sum as f64)
}

fn volume_agreement(
    shape: [usize; 3],
    reference: &[bool],
    prediction: &[bool],
    spacing_mm: [f64; 3],
    tolerance_mm: f64,
) -> Option<f64> {
    let surface = |bits: &[bool]| Surface::of_volume(shape, bits);
    surface_agreement(&surface(reference), &surface(prediction), &surface_areas(spacing_mm), spacing_mm, tolerance_mm)
}

/// The block of the picture that holds both objects: outside of it nothing changes the metrics.
fn common_block(reference: &Mask, prediction: &Mask) -> Result<Rect, MetricError> {
    let (a, b) = (reference.image_size(), prediction.image_size());
    if a != b {
        return Err(MetricError::Sizes { reference: a, prediction: b });
    }
    Ok(reference.region().union(prediction.region()))
}

/// A block of whole voxels.
struct VoxelBlock {
    start: [usize; 3],
    extent: [usize; 3],
}

impl VoxelBlock {
    fn cut(&self, mask: &VolumeMask<'_>) -> Vec<bool> {
        let ([z, y, x], [depth, height, width]) = (self.start, self.extent);
        let mut bits = Vec::with_capacity(depth * height * width);
        for slice in z..z + depth {
            for row in y..y + height {
                let first = (slice * mask.shape[1] + row) * mask.shape[2] + x;
                bits.extend_from_slice(&mask.bits[first..first + width]);
            }
        }
        bits
    }
}

/// The block that holds both objects; `None` when there is none.
fn common_voxels(reference: &VolumeMask<'_>, prediction: &VolumeMask<'_>) -> Option<VoxelBlock> {
    let [_, height, width] = reference.shape;
    let mut ends: Option<([usize; 3], [usize; 3])> = None;
    let rows = reference.bits.chunks_exact(width.max(1)).zip(prediction.bits.chunks_exact(width.max(1)));
    for (row, (a, b)) in rows.enumerate() {
        let either = |x: usize| a[x] || b[x];
        let Some(first) = (0..width).find(|&x| either(x)) else { continue };
        let last = (first..width).rfind(|&x| either(x)).unwrap_or(first);
        let (low, high) = ([row / height, row % height, first], [row / height, row % height, last]);
        let (lowest, highest) = ends.get_or_insert((low, high));
        for axis in 0..3 {
            lowest[axis] = lowest[axis].min(low[axis]);
            highest[axis] = highest[axis].max(high[axis]);
        }
    }
    let (start, last) = ends?;
    Some(VoxelBlock { start, extent: std::array::from_fn(|axis| last[axis] - start[axis] + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let size = Size { width: rows[0].len() as u32, height: rows.len() as u32 };
        let bits: Vec<bool> = rows.iter().flat_map(|row| row.bytes().map(|byte| byte == b'#')).collect();
        Mask::new(size, &bits)
    }

    #[track_caller]
    fn check_close(found: Result<Option<f64>, MetricError>, expected: f64) {
        let found = found.expect("masks of one picture").expect("something drawn");
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn dsc_counts_the_overlap_twice() {
        let (reference, prediction) = (mask(&[".##.", ".##."]), mask(&[".###", ".###"]));
        assert_eq!(dsc(&reference, &prediction), Ok(Some(0.8))); // 2·4 / (4 + 6)
    }

    #[test]
    fn a_comparison_counts_what_differs_on_both_sides() {
        let (reference, prediction) = (mask(&["##....", "##....", "......"]), mask(&[".##...", ".##...", "....##"]));
        let found = compare(&reference, &prediction, 2.0).expect("masks of one picture");
        assert_eq!((found.missed_px, found.extra_px, found.dsc), (2, 4, Some(0.4))); // 2·2 / (4 + 6)
        assert_eq!(Ok(found.nsd), nsd(&reference, &prediction, 2.0));
        assert_eq!(Ok(found.nsd_contour), nsd_contour(&reference, &prediction, 2.0));
        let empty = mask(&["......", "......", "......"]);
        let nothing = Comparison { dsc: None, nsd: None, nsd_contour: None, missed_px: 0, extra_px: 0 };
        assert_eq!(compare(&empty, &empty, 2.0), Ok(nothing));
    }

    #[test]
    fn two_empty_masks_have_nothing_to_agree_on() {
        let empty = mask(&["....", "...."]);
        assert_eq!(dsc(&empty, &empty), Ok(None));
        assert_eq!(nsd(&empty, &empty, 2.0), Ok(None));
        assert_eq!(nsd_contour(&empty, &empty, 2.0), Ok(None));
        let nothing = VolumeMask::new([2, 2, 2], &[false; 8]).expect("one flag a voxel");
        assert_eq!(
            (dsc_3d(&nothing, &nothing), nsd_3d_by_axis(&nothing, &nothing, [1.0; 3], 2.0)),
            (Ok(None), Ok(None))
        );
    }

    #[test]
    fn an_empty_mask_beside_one_that_is_not_scores_zero() {
        let (empty, dot) = (mask(&["...", "..."]), mask(&["...", ".#."]));
        for (reference, prediction) in [(&empty, &dot), (&dot, &empty)] {
            assert_eq!(dsc(reference, prediction), Ok(Some(0.0)));
            assert_eq!(nsd(reference, prediction, 2.0), Ok(Some(0.0)));
            assert_eq!(nsd_contour(reference, prediction, 2.0), Ok(Some(0.0)));
        }
    }

    #[test]
    fn the_contour_of_a_pixel_is_four_cut_corners() {
        // Around one pixel lie four nodes, each √½ long; a pixel three to the right shares none of them. Its nearest two
        // nodes are 2 px from the other's nearest two, the rest 3 or more.
        let (reference, prediction) = (mask(&["#..."]), mask(&["...#"]));
        check_close(nsd_contour(&reference, &prediction, 2.0), 0.5);
        check_close(nsd_contour(&reference, &prediction, 1.9), 0.0);
        check_close(nsd_contour(&reference, &prediction, 3.0), 1.0);
    }

    #[test]
    fn the_edge_of_the_picture_is_contour_like_any_other() {
        // The reference fills the left column of two, the prediction both: 2 × 1 and 2 × 2 pixels.
        // Reference: 4 corners of √½ and 2 nodes of 1 in its long sides; prediction: 4 corners and 4 nodes of 1.
        // At tolerance 0.5 only nodes that are elements of both agree: 2 corners on the left with 1 node between them on
        // both, and the reference's right corners coincide with the prediction's upper and lower middle.
        let (reference, prediction) = (mask(&["#.", "#."]), mask(&["##", "##"]));
        let corner = f64::sqrt(0.5);
        let all = (4.0 * corner + 2.0) + (4.0 * corner + 4.0);
        let within = (4.0 * corner + 1.0) + (2.0 * corner + 3.0);
        check_close(nsd_contour(&reference, &prediction, 0.5), within / all);
    }

    #[test]
    fn masks_of_different_pictures_are_refused() {
        let err = dsc(&mask(&["#..", "..."]), &mask(&["#..."])).unwrap_err();
        assert_eq!(err.code(), "metric.sizes");
        assert_eq!(err.to_string(), "the reference is a mask of 3 × 2 pixels, the prediction of 4 × 1");
        assert_eq!(err.hint(), "compare masks of the same picture");
    }

    #[test]
    fn volumes_that_cannot_be_compared_are_refused() {
        let err = VolumeMask::new([2, 3, 4], &[true; 23]).unwrap_err();
        assert_eq!(err.to_string(), "a volume of 2 × 3 × 4 voxels was given 23 flags");
        assert_eq!((err.code(), err.hint()), ("metric.voxels", "give one flag a voxel, in the order (D, H, W)"));
        let (flat, tall) = (VolumeMask::new([1, 2, 2], &[true; 4]), VolumeMask::new([2, 2, 1], &[true; 4]));
        let (flat, tall) = (flat.expect("one flag a voxel"), tall.expect("one flag a voxel"));
        let err = dsc_3d(&flat, &tall).unwrap_err();
        assert_eq!(err.to_string(), "the reference is a mask of 1 × 2 × 2 voxels, the prediction of 2 × 2 × 1");
        let err = nsd_3d_by_axis(&flat, &flat, [1.0, 0.0, 1.0], 2.0).unwrap_err();
        assert_eq!(err.to_string(), "the spacing must be more than 0 mm along every axis: it is 1, 0 and 1");
        assert_eq!((err.code(), err.hint()), ("metric.spacing", "take the spacing from the volume's header"));
    }

    #[test]
    fn the_axes_of_the_spacing_have_names() {
        // Two bars along x, two slices apart: 2 mm by z, farther by any other reading of the spacing.
        let bar = |slice: usize| -> Vec<bool> { (0..5 * 3 * 6).map(|i| i / 18 == slice && i / 6 % 3 == 1).collect() };
        let (a, b) = (bar(1), bar(3));
        let mask = |bits| VolumeMask::new([5, 3, 6], bits).expect("one flag a voxel");
        let spacing = Spacing { x_mm: 7.0, y_mm: 5.0, z_mm: 1.0 };
        assert_eq!(nsd_3d(&mask(&a), &mask(&b), spacing, 2.0), Ok(Some(1.0)));
        assert_eq!(nsd_3d_by_axis(&mask(&a), &mask(&b), [7.0, 5.0, 1.0], 2.0), Ok(Some(0.0)));
    }
}
