//! Which JPEG files the decoder does not read.

/// What makes an intact JPEG one that is not read, as scanners write them: the kind of its first frame (ITU-T T.81, table B.1)
/// or its bits.
pub(super) fn unread_kind(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes.get(2..)?;
    loop {
        let marker = rest.get(..2).filter(|marker| marker[0] == 0xff)?[1];
        if marker == 0xff {
            rest = &rest[1..]; // padding
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let kind = match marker {
            0xc0..=0xc2 => match *rest.get(4)? {
                8 => return None,
                bits => return Some(format!("it has {bits} bits")),
            },
            0xc3 => "it is lossless JPEG",
            0xf7 => "it is JPEG-LS",
            0xc5..=0xc7 | 0xcd..=0xcf => "it is hierarchical JPEG",
            0xc9..=0xcb => "it has arithmetic coding",
            0xd9 | 0xda => return None,
            _ => {
                rest = rest.get(2 + length..)?;
                continue;
            }
        };
        return Some(kind.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::raster::tests::{check_refused, jpeg_of_halves};

    #[test]
    fn an_intact_jpeg_of_another_kind_is_not_called_damaged() {
        let jpeg = jpeg_of_halves();
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a baseline frame");
        let with = |place: usize, value: u8| {
            let mut changed = jpeg.clone();
            changed[frame + place] = value;
            changed
        };
        let spiff = [&[0xff, 0xd8, 0xff, 0xe8, 0, 4, 0, 0], &with(1, 0xf7)[2..]].concat();
        for (bytes, detail) in [
            (with(1, 0xc3), "it is lossless JPEG"),
            (with(4, 12), "it has 12 bits"),
            (with(1, 0xc9), "it has arithmetic coding"),
            (with(1, 0xc5), "it is hierarchical JPEG"),
            (spiff, "it is JPEG-LS"),
        ] {
            check_refused(
                &bytes,
                "open.unsupported",
                &format!("this JPEG file cannot be read by medbox: {detail}"),
                "save it as an 8-bit or 16-bit PNG and open that",
            );
        }
    }
}
