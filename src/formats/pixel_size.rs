//! How large a pixel is, where a file says it beyond doubt.
//!
//! The resolution that most pictures carry (72 or 300 dots an inch) is what a program wrote that had to write something, and says
//! nothing of tissue. ImageJ and OME write a unit that somebody has calibrated, and are believed.

use std::ops::RangeInclusive;

use crate::geometry::Spacing;

/// Sides of a pixel that are believed, mm: from an electron microscope's to a map's.
const BELIEVED_MM: RangeInclusive<f64> = 1e-7..=1000.0;

/// The size of a TIFF file's pixels from its ImageDescription and, pixels a unit along x and along y, its XResolution and YResolution.
pub(super) fn from_tiff(description: &str, per_unit: [Option<f64>; 2]) -> Option<Spacing> {
    let [x_mm, y_mm] = if description.starts_with("ImageJ=") {
        let unit = description.lines().find_map(|line| line.strip_prefix("unit="))?.trim();
        if matches!(unit, "inch" | "cm") {
            return None; // ImageJ takes them over from the dots an inch, or a centimetre, of any picture.
        }
        let unit_mm = millimetres(unit)?;
        let [x, y] = per_unit;
        [unit_mm / x?, unit_mm / y?]
    } else {
        ome(description)?
    };
    let is_believed = [x_mm, y_mm].iter().all(|side| BELIEVED_MM.contains(side));
    is_believed.then_some(Spacing { x_mm, y_mm, z_mm: 1.0 })
}

/// PhysicalSizeX and PhysicalSizeY of the first picture that OME-XML describes (OME data model 2016-06; µm unless another unit
/// stands beside them). Two attributes of one element need no XML reader, which would be the page's largest.
fn ome(description: &str) -> Option<[f64; 2]> {
    if !description.contains("www.openmicroscopy.org/") {
        return None;
    }
    let (_, rest) = description.split_once("<Pixels ")?;
    let (pixels, _) = rest.split_once('>')?;
    let attribute = |name: &str| {
        let (_, rest) = pixels.split_once(&format!("{name}="))?;
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        rest[1..].split(quote).next()
    };
    let side_mm = |name: &str| {
        let unit_mm = millimetres(attribute(&format!("{name}Unit")).unwrap_or("µm"))?;
        Some(attribute(name)?.trim().parse::<f64>().ok()? * unit_mm)
    };
    Some([side_mm("PhysicalSizeX")?, side_mm("PhysicalSizeY")?])
}

/// What a unit of length is in mm, as ImageJ and OME write it. ImageJ escapes what is not ASCII.
fn millimetres(unit: &str) -> Option<f64> {
    match unit {
        "nm" => Some(1e-6),
        "µm" | "μm" | "\\u00B5m" | "um" | "micron" | "microns" | "&#181;m" | "&#xB5;m" => Some(1e-3),
        "mm" => Some(1.0),
        "cm" => Some(10.0),
        "m" => Some(1000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(description: &str, per_unit: [Option<f64>; 2]) -> Option<[f64; 2]> {
        from_tiff(description, per_unit).map(|spacing| [spacing.x_mm, spacing.y_mm])
    }

    #[test]
    fn imagej_gives_pixels_a_unit() {
        let describe = |unit: &str| format!("ImageJ=1.54f\nimages=1\nunit={unit}\nloop=false\n");
        for (unit, side_mm) in [("micron", 2.5e-4), ("\\u00B5m", 2.5e-4), ("um", 2.5e-4), ("mm", 0.25)] {
            let [x, y] = told(&describe(unit), [Some(4.0), Some(4.0)]).unwrap_or_else(|| panic!("{unit} is a unit"));
            assert!((x - side_mm).abs() < 1e-12 && x == y, "{unit}: {x}, {y}");
        }
        assert_eq!(told(&describe("mm"), [Some(2.0), Some(4.0)]), Some([0.5, 0.25]));
    }

    #[test]
    fn ome_gives_the_side_of_a_pixel() {
        let describe = |attributes: &str| {
            format!(
                "<?xml version=\"1.0\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\"><Image ID=\"Image:0\">\
                 <Pixels ID=\"Pixels:0\" {attributes} SizeX=\"9\"/></Image></OME>"
            )
        };
        let sides = "PhysicalSizeX=\"0.5\" PhysicalSizeY='0.25'";
        assert_eq!(told(&describe(sides), [None; 2]), Some([5e-4, 2.5e-4]));
        let in_mm = format!("{sides} PhysicalSizeXUnit=\"mm\" PhysicalSizeYUnit=\"mm\"");
        assert_eq!(told(&describe(&in_mm), [None; 2]), Some([0.5, 0.25]));
        assert_eq!(told(&describe("PhysicalSizeX=\"0.5\""), [None; 2]), None);
        assert_eq!(told(&describe(&format!("{sides} PhysicalSizeXUnit=\"pixel\"")), [None; 2]), None);
    }

    #[test]
    fn what_is_not_said_beyond_doubt_is_not_believed() {
        let dots = [Some(72.0), Some(72.0)];
        for description in [
            "",
            "Scanned on a Tuesday",
            "unit=mm",
            "ImageJ=1.54f\nimages=1\n",
            "ImageJ=1.54f\nunit=pixel\n",
            "ImageJ=1.54f\nunit=inch\n",
            "ImageJ=1.54f\nunit=cm\n",
            "ImageJ=1.54f\nunit=",
            "<OME><Pixels PhysicalSizeX=\"1\" PhysicalSizeY=\"1\"/></OME>",
            "www.openmicroscopy.org/ <Pixels PhysicalSizeX=\"1\" PhysicalSizeY=\"1\"",
            "www.openmicroscopy.org/ <Pixels PhysicalSizeX= PhysicalSizeY=>",
            "www.openmicroscopy.org/ <Pixels PhysicalSizeX=µ PhysicalSizeY=\">",
        ] {
            assert_eq!(told(description, dots), None, "{description}");
        }
        let in_mm = "ImageJ=1.54f\nunit=mm\n";
        for per_unit in [[None, Some(1.0)], [Some(0.0), Some(1.0)], [Some(f64::NAN), Some(1.0)], [Some(1e9), Some(1.0)]]
        {
            assert_eq!(told(in_mm, per_unit), None, "{per_unit:?}");
        }
    }
}
