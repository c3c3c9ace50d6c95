//! Label maps as NumPy archives, in the form that the challenge hands in.

use std::io::Cursor;

use ndarray::Array2;
use ndarray_npy::{NpzWriter, WriteNpzError};

use super::ExportError;
use crate::postprocess::LabelMap;

/// A label map as compressed `.npz` with the key `segs`, (H, W): uint8, or uint16 where a label is over 255 (the
/// challenge's own map wraps there).
///
/// # Errors
/// [`ExportError::Encode`] when the archive cannot hold it.
///
/// # Example
/// ```
/// use medbox::{export::npz, geometry::Size, postprocess::LabelMap};
/// use ndarray::{Array2, array};
/// let map = LabelMap::new(Size { width: 3, height: 1 }, vec![0, 1, 2]);
/// let mut file = ndarray_npy::NpzReader::new(std::io::Cursor::new(npz::segs(&map)?))?;
/// let segs: Array2<u8> = file.by_name("segs")?;
/// assert_eq!(segs, array![[0, 1, 2]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn segs(map: &LabelMap) -> Result<Vec<u8>, ExportError> {
    write(map).map_err(|e| ExportError::Encode { format: "NPZ", detail: e.to_string() })
}

fn write(map: &LabelMap) -> Result<Vec<u8>, WriteNpzError> {
    let shape = (map.size().height as usize, map.size().width as usize);
    let array = Array2::from_shape_vec(shape, map.labels().to_vec()).expect("one label a pixel");
    let mut file = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    if map.max_label() <= u8::MAX.into() {
        file.add_array("segs", &array.mapv(|label| label as u8))?;
    } else {
        file.add_array("segs", &array)?;
    }
    Ok(file.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use ndarray_npy::NpzReader;

    use super::*;
    use crate::geometry::Size;

    #[test]
    fn labels_over_255_are_16_bit_and_stay_what_they_are() {
        let map = LabelMap::new(Size { width: 2, height: 2 }, vec![0, 255, 256, 65535]);
        let mut file = NpzReader::new(Cursor::new(segs(&map).expect("an archive"))).expect("an archive");
        assert_eq!(file.names().expect("names"), ["segs"]);
        assert!(file.by_name::<ndarray::OwnedRepr<u8>, ndarray::Ix2>("segs").is_err());
        let read: Array2<u16> = file.by_name("segs").expect("an array");
        assert_eq!(read, array![[0, 255], [256, 65535]]);
    }
}
