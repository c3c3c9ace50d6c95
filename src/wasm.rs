//! The browser boundary: what a worker, or anyone's page, calls. The only file that names wasm-bindgen, js-sys and
//! web-sys, and the only one whose types are JavaScript's.
//!
//! One instance holds one model and one open picture. In five lines:
//! ```js
//! import init, {loadModel, segmentOnce} from './pkg/medbox.js'
//! await init({module_or_path: wasmBytes})
//! loadModel(manifestJson, encoderBytes, decoderBytes)
//! const {objects} = segmentOnce(pictureBytes, [100, 50, 300, 200], {})
//! const {region: [x, y, width, height], mask} = objects[0]  // one byte a pixel of the region
//! ```

use std::cell::RefCell;

use js_sys::{Array, Float32Array, Float64Array, Object, Reflect, Uint8Array, Uint8ClampedArray};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};

use crate::{
    Error,
    export::{self, ExportObject},
    formats::{self, Limits, Study},
    geometry::{PixelBox, Rect, Size},
    image::{Image, Window},
    import,
    manifest::Manifest,
    measure::{self, Segment},
    metrics,
    model::{self, Embedding, Encoding, FileSums, ModelError, Network as _, OnnxModel},
    pipeline::{Mode, Options, Pipeline, Segmentation, Timings},
    postprocess::{LabelMap, Mask},
    prompt::{BoxPrompt, ClassPrompt, N_CLASSES},
    refine,
};

thread_local! {
    static PIPELINE: RefCell<Option<Pipeline<OnnxModel>>> = const { RefCell::new(None) };
}

/// Panics are bugs: they reach the console with their place in the source.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// What `loadModel` says of a model.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelRecord {
    name: String,
    title: String,
    licence: String,
    intended_use: String,
    attribution: String,
    bytes: u64,
    classes: Option<Vec<String>>,
    takes_class: bool,
}

/// What `open` says of a picture.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StudyRecord {
    width: u32,
    height: u32,
    format: &'static str,
    bits: u8,
    has_more: bool,
    /// Null for pictures that are shown as they are.
    window: Option<WindowRecord>,
    value_range: RangeRecord,
    /// Null where the file does not say how large a pixel is.
    pixel_mm: Option<PixelRecord>,
}

/// Sides of a pixel, in mm.
#[derive(Serialize)]
struct PixelRecord {
    x: f64,
    y: f64,
}

#[derive(Serialize)]
struct WindowRecord {
    level: f64,
    width: f64,
}

/// What a window can usefully show, in stored units.
#[derive(Serialize)]
struct RangeRecord {
    min: f64,
    max: f64,
}

/// What `measure` says of an object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MeasuresRecord {
    area_px: usize,
    area_mm2: Option<f64>,
    longest: Option<SegmentRecord>,
    perpendicular: Option<SegmentRecord>,
    mean: Option<f64>,
    sd: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize)]
struct SegmentRecord {
    from: [f64; 2],
    to: [f64; 2],
    px: f64,
    mm: Option<f64>,
}

impl From<Segment> for SegmentRecord {
    fn from(Segment { from, to, px, mm }: Segment) -> Self {
        Self { from, to, px, mm }
    }
}

/// What `compare` says of a mask.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComparisonRecord {
    dsc: Option<f64>,
    nsd: Option<f64>,
    nsd_contour: Option<f64>,
    missed_px: usize,
    extra_px: usize,
}

/// What `readBoxes` says of a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BoxListRecord {
    boxes: Vec<[f64; 4]>,
    taken_from: Option<String>,
}

/// What `segment` may be told.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct OptionsRecord {
    mode: ModeRecord,
    class: Option<String>,
    /// Look through this part of the picture (x, y, width, height), as `plan` says, and nothing else.
    view: Option<[u32; 4]>,
    /// What the class head said of the whole picture; only asked for with `view`.
    probabilities: Option<[f32; N_CLASSES]>,
}

impl OptionsRecord {
    fn read(options: JsValue) -> Result<Self, JsValue> {
        if options.is_undefined() { Ok(Self::default()) } else { Ok(serde_wasm_bindgen::from_value(options)?) }
    }

    fn options(&self) -> Result<Options, JsValue> {
        let class = self.class.as_deref().map_or(Ok(ClassPrompt::Predicted), ClassPrompt::parse).map_err(js_error)?;
        Ok(Options { mode: self.mode.into(), class, max_tiles: None })
    }
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ModeRecord {
    #[default]
    Default,
    Challenge,
}

impl From<ModeRecord> for Mode {
    fn from(mode: ModeRecord) -> Self {
        match mode {
            ModeRecord::Default => Self::Default,
            ModeRecord::Challenge => Self::Challenge,
        }
    }
}

#[derive(Serialize)]
struct TimingsRecord {
    preprocess: f64,
    encode: f64,
    decode: f64,
    postprocess: f64,
}

#[derive(Deserialize)]
struct SumsRecord {
    encoder: String,
    decoder: String,
}

/// Checks a model's files against its manifest and makes it the one in use; a picture that was open is closed.
///
/// `sums` are the files' SHA-256 sums in hexadecimal, `{encoder, decoder}`, where the caller has them: WebCrypto makes them
/// much faster than this module, which makes them itself where they are left out.
#[wasm_bindgen(js_name = loadModel)]
pub fn load_model(manifest: &str, encoder: &[u8], decoder: &[u8], sums: JsValue) -> Result<JsValue, JsValue> {
    let manifest = Manifest::parse(manifest).map_err(js_error)?;
    let sums = match serde_wasm_bindgen::from_value::<Option<SumsRecord>>(sums)? {
        Some(SumsRecord { encoder, decoder }) => FileSums { encoder, decoder },
        None => FileSums::of(encoder, decoder),
    };
    let model = OnnxModel::load_summed(manifest, encoder, decoder, &sums).map_err(js_error)?;
    let manifest = model.manifest().clone();
    PIPELINE.set(Some(Pipeline::new(model, now_ms)));
    to_js(&ModelRecord {
        bytes: manifest.bytes(),
        takes_class: manifest.takes_class(),
        name: manifest.name,
        title: manifest.title,
        licence: manifest.licence,
        intended_use: manifest.intended_use,
        attribution: manifest.attribution,
        classes: manifest.classes,
    })
}

/// Opens a picture: the bytes of a file (`Uint8Array`), or pixels of a canvas (`ImageData`).
#[wasm_bindgen]
pub fn open(source: &JsValue) -> Result<JsValue, JsValue> {
    let Study { image, source } = read_source(source)?;
    let (min, max) = image.value_range();
    let record = StudyRecord {
        width: image.size().width,
        height: image.size().height,
        format: source.format,
        bits: source.bits,
        has_more: source.has_more,
        window: image.window().map(|window| WindowRecord { level: window.level, width: window.width }),
        value_range: RangeRecord { min, max },
        pixel_mm: image.spacing().map(|spacing| PixelRecord { x: spacing.x_mm, y: spacing.y_mm }),
    };
    with_pipeline(|pipeline| {
        pipeline.open(image);
        Ok(())
    })?;
    to_js(&record)
}

/// The open picture as a canvas takes it: RGBA, (H, W, 4).
#[wasm_bindgen]
pub fn pixels() -> Result<Uint8ClampedArray, JsValue> {
    with_pipeline(|pipeline| {
        let rgb = pipeline.image().map_err(js_error)?.rgb();
        let rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX]).collect();
        Ok(Uint8ClampedArray::from(rgba.as_slice()))
    })
}

/// Shows the open picture through another window, in stored units; what is segmented is what is shown.
#[wasm_bindgen(js_name = setWindow)]
pub fn set_window(level: f64, width: f64) -> Result<(), JsValue> {
    let window = Window::new(level, width).map_err(js_error)?;
    with_pipeline(|pipeline| pipeline.set_window(window).map_err(js_error))
}

/// Encodes the whole picture unless that was done: `{probabilities: number[] | null, ms}`.
#[wasm_bindgen]
pub fn encode() -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    struct Encoded {
        probabilities: Option<[f32; N_CLASSES]>,
        ms: f64,
    }
    with_pipeline(|pipeline| {
        let started = now_ms();
        let probabilities = pipeline.encode().map_err(js_error)?;
        to_js(&Encoded { probabilities, ms: now_ms() - started })
    })
}

/// The masks of boxes (four numbers each, image pixels, right and bottom exclusive) on the open picture.
#[wasm_bindgen]
pub fn segment(boxes: &Float64Array, options: JsValue) -> Result<JsValue, JsValue> {
    let options = OptionsRecord::read(options)?;
    with_pipeline(|pipeline| answer(pipeline, &boxes.to_vec(), &options))
}

/// Through which views the loaded model looks at boxes, each `{view: [x, y, width, height], boxes: indices}`: work that several
/// instances can share. `known` lists the views that are encoded already.
#[wasm_bindgen]
pub fn plan(width: u32, height: u32, boxes: &Float64Array, mode: JsValue, known: JsValue) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    struct Part {
        view: [u32; 4],
        boxes: Vec<usize>,
    }
    let size = Size::new(width, height).map_err(js_error)?;
    let mode = serde_wasm_bindgen::from_value::<ModeRecord>(mode)?.into();
    let options = Options { mode, ..Options::default() };
    let known: Vec<[u32; 4]> = serde_wasm_bindgen::from_value(known)?;
    let known: Vec<Rect> = known.into_iter().map(rect).filter(|&view| view != size.rect()).collect();
    let boxes = read_boxes(&boxes.to_vec(), size)?;
    let plan = with_pipeline(|pipeline| pipeline.plan(size, &boxes, &options, &known).map_err(js_error))?;
    let whole = (!plan.whole.is_empty()).then(|| Part { view: sides(size.rect()), boxes: plan.whole });
    let tiles = plan.tiles.into_iter().map(|tile| Part { view: sides(tile.rect), boxes: tile.boxes });
    to_js(&whole.into_iter().chain(tiles).collect::<Vec<_>>())
}

/// What this instance keeps of a view, or undefined: `{probabilities, features: [{shape, values: Float32Array}]}`.
#[wasm_bindgen(js_name = keptView)]
pub fn kept_view(view: JsValue) -> Result<JsValue, JsValue> {
    let view = rect(serde_wasm_bindgen::from_value(view)?);
    with_pipeline(|pipeline| {
        let Some(encoding) = pipeline.kept(view) else { return Ok(JsValue::UNDEFINED) };
        let features = Array::new();
        for (shape, values) in encoding.embedding.features() {
            let feature = Object::new();
            Reflect::set(&feature, &"shape".into(), &to_js(&shape)?)?;
            Reflect::set(&feature, &"values".into(), &Float32Array::from(values).into())?;
            features.push(&feature);
        }
        let record = Object::new();
        Reflect::set(&record, &"probabilities".into(), &to_js(&encoding.probabilities)?)?;
        Reflect::set(&record, &"features".into(), &features.into())?;
        Ok(record.into())
    })
}

/// Takes over what `keptView` gave in another instance that has the same model and picture.
#[wasm_bindgen(js_name = adoptView)]
pub fn adopt_view(view: JsValue, encoding: &JsValue) -> Result<(), JsValue> {
    let wrong = || js_sys::TypeError::new("an encoding is {probabilities, features: [{shape, values}]}");
    let view = rect(serde_wasm_bindgen::from_value(view)?);
    let probabilities = serde_wasm_bindgen::from_value(Reflect::get(encoding, &"probabilities".into())?)?;
    let features = Array::from(&Reflect::get(encoding, &"features".into())?)
        .iter()
        .map(|feature| {
            let shape: Vec<usize> = serde_wasm_bindgen::from_value(Reflect::get(&feature, &"shape".into())?)?;
            let values = Reflect::get(&feature, &"values".into())?.dyn_into::<Float32Array>().map_err(|_| wrong())?;
            let n_values = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
            if n_values != Some(values.length() as usize) {
                return Err(wrong().into());
            }
            Ok((shape, values.to_vec()))
        })
        .collect::<Result<Vec<_>, JsValue>>()?;
    let encoding = Encoding { embedding: Embedding::new(features), probabilities };
    with_pipeline(|pipeline| pipeline.adopt(view, encoding).map_err(js_error))
}

/// Opens a picture and gives the masks of boxes on it, in one call.
#[wasm_bindgen(js_name = segmentOnce)]
pub fn segment_once(source: &JsValue, boxes: &JsValue, options: JsValue) -> Result<JsValue, JsValue> {
    let image = read_source(source)?.image;
    let options = OptionsRecord::read(options)?;
    let boxes = Array::from(boxes).iter().map(|side| side.as_f64().unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    with_pipeline(|pipeline| {
        pipeline.open(image);
        answer(pipeline, &boxes, &options)
    })
}

/// A mask corrected: `object` is `{region, mask}`, `how` `'fill-holes'`, `'largest-part'` or `'smooth'`.
#[wasm_bindgen]
pub fn refine(width: u32, height: u32, object: &JsValue, how: &str) -> Result<JsValue, JsValue> {
    let mask = read_mask(Size::new(width, height).map_err(js_error)?, object)?;
    let refined = match how {
        "fill-holes" => refine::fill_holes(&mask),
        "largest-part" => refine::largest_part(&mask),
        "smooth" => refine::smooth(&mask),
        _ => return Err(js_sys::TypeError::new("a mask is refined by fill-holes, largest-part or smooth").into()),
    };
    Ok(mask_to_js(&refined)?.into())
}

/// Area, diameters and stored values of objects (`{region, mask}`) on the open picture, one record an object.
#[wasm_bindgen]
pub fn measure(objects: &Array) -> Result<JsValue, JsValue> {
    with_pipeline(|pipeline| {
        let image = pipeline.image().map_err(js_error)?;
        let records = objects
            .iter()
            .map(|object| {
                let measures = measure::measure(image, &read_mask(image.size(), &object)?);
                let (diameters, intensity) = (measures.diameters, measures.intensity);
                Ok(MeasuresRecord {
                    area_px: measures.area_px,
                    area_mm2: measures.area_mm2,
                    longest: diameters.map(|diameters| diameters.longest.into()),
                    perpendicular: diameters.map(|diameters| diameters.perpendicular.into()),
                    mean: intensity.map(|values| values.mean),
                    sd: intensity.map(|values| values.sd),
                    min: intensity.map(|values| values.min),
                    max: intensity.map(|values| values.max),
                })
            })
            .collect::<Result<Vec<_>, JsValue>>()?;
        to_js(&records)
    })
}

/// How a mask agrees with a reference, both `{region, mask}`: scores from 0 to 1 (null when both are empty), and the
/// pixels that it misses and has too many.
#[wasm_bindgen]
pub fn compare(width: u32, height: u32, object: &JsValue, reference: &JsValue) -> Result<JsValue, JsValue> {
    let size = Size::new(width, height).map_err(js_error)?;
    let (prediction, reference) = (read_mask(size, object)?, read_mask(size, reference)?);
    let found = metrics::compare(&reference, &prediction, metrics::TOLERANCE_PX).map_err(js_error)?;
    to_js(&ComparisonRecord {
        dsc: found.dsc,
        nsd: found.nsd,
        nsd_contour: found.nsd_contour,
        missed_px: found.missed_px,
        extra_px: found.extra_px,
    })
}

/// The objects of a label map (PNG, TIFF, BMP, GIF, or NPZ with `segs` or `gts`) for a picture of this size:
/// `{id, region, mask, areaPx}`, ids ascending.
#[wasm_bindgen(js_name = readLabels)]
pub fn read_labels(bytes: &[u8], width: u32, height: u32) -> Result<Array, JsValue> {
    let size = Size::new(width, height).map_err(js_error)?;
    let objects = import::labels(bytes, size, &Limits::default()).map_err(js_error)?;
    let record = |(id, mask): &(u16, Mask)| -> Result<Object, JsValue> {
        let record = mask_to_js(mask)?;
        Reflect::set(&record, &"id".into(), &(*id).into())?;
        Ok(record)
    };
    objects.iter().map(record).collect()
}

/// The boxes of a list (JSON, COCO, or NPZ with `boxes`) on a picture of this size and name: `{boxes, takenFrom}`, each box
/// `[x0, y0, x1, y1]` inside of it; `takenFrom` is what a COCO file calls the picture, where it was taken for its size alone.
#[wasm_bindgen(js_name = readBoxes)]
pub fn read_box_list(bytes: &[u8], width: u32, height: u32, name: &str) -> Result<JsValue, JsValue> {
    let size = Size::new(width, height).map_err(js_error)?;
    let import::Boxes { boxes, taken_from } =
        import::boxes(bytes, size, Some(name), &Limits::default()).map_err(js_error)?;
    let sides = |b: PixelBox| [b.x0, b.y0, b.x1, b.y1];
    to_js(&BoxListRecord { boxes: boxes.into_iter().map(|prompt| sides(prompt.box_image())).collect(), taken_from })
}

/// The label map of masks as PNG: `objects` are `{box, score, region, mask}` as `segment` gives them, edited or not.
///
/// Here and in the functions below an object may also have a `name`, which COCO JSON takes, and a `colour`, the place of its
/// colour from 0 in the picture with masks: without it, its place in the list. A `score` that is null or absent is not
/// written; a mask that a person has drawn or changed has none.
#[wasm_bindgen(js_name = labelPng)]
pub fn label_png(width: u32, height: u32, objects: &Array) -> Result<Uint8Array, JsValue> {
    let size = Size::new(width, height).map_err(js_error)?;
    let bytes = export::png::label_map(&label_map(size, &read_objects(size, objects)?)).map_err(js_error)?;
    Ok(Uint8Array::from(bytes.as_slice()))
}

/// The open picture with boxes and masks drawn on it, as PNG.
#[wasm_bindgen(js_name = overlayPng)]
pub fn overlay_png(objects: &Array) -> Result<Uint8Array, JsValue> {
    with_pipeline(|pipeline| {
        let image = pipeline.image().map_err(js_error)?;
        let drawn = read_objects(image.size(), objects)?;
        let bytes = export::overlay::png(image, &export_objects(&drawn)).map_err(js_error)?;
        Ok(Uint8Array::from(bytes.as_slice()))
    })
}

/// The objects as COCO JSON.
#[wasm_bindgen(js_name = cocoJson)]
pub fn coco_json(width: u32, height: u32, file_name: Option<String>, objects: &Array) -> Result<Uint8Array, JsValue> {
    let size = Size::new(width, height).map_err(js_error)?;
    let drawn = read_objects(size, objects)?;
    let bytes = export::json::coco(size, file_name.as_deref(), &export_objects(&drawn)).map_err(js_error)?;
    Ok(Uint8Array::from(bytes.as_slice()))
}

/// The label map as NumPy archive with the key `segs`.
#[wasm_bindgen(js_name = npzSegs)]
pub fn npz_segs(width: u32, height: u32, objects: &Array) -> Result<Uint8Array, JsValue> {
    let size = Size::new(width, height).map_err(js_error)?;
    let bytes = export::npz::segs(&label_map(size, &read_objects(size, objects)?)).map_err(js_error)?;
    Ok(Uint8Array::from(bytes.as_slice()))
}

/// The engine's kernel that multiplies a matrix of `m` × `k` by one of `k` × `n` on this machine, for benchmarks and tests.
#[wasm_bindgen(js_name = matrixKernel)]
pub fn matrix_kernel(m: usize, k: usize, n: usize) -> String {
    model::kernels::matrix_kernel(m, k, n)
}

/// The kernel that computes SiLU, for tests.
#[wasm_bindgen(js_name = siluKernel)]
pub fn silu_kernel() -> String {
    model::kernels::silu_kernel()
}

/// An object that came back from the page.
struct Drawn {
    box_image: PixelBox,
    mask: Mask,
    score: Option<f32>,
    name: Option<String>,
    /// Place of its colour, from 0.
    colour: u64,
}

fn label_map(size: Size, drawn: &[Drawn]) -> LabelMap {
    LabelMap::from_masks(size, drawn.iter().map(|object| &object.mask))
}

fn export_objects(drawn: &[Drawn]) -> Vec<ExportObject<'_>> {
    drawn
        .iter()
        .enumerate()
        .map(|(index, object)| ExportObject {
            id: index as u32 + 1,
            box_image: object.box_image,
            mask: &object.mask,
            score: object.score,
            name: object.name.as_deref(),
            colour: object.colour,
        })
        .collect()
}

fn read_objects(size: Size, objects: &Array) -> Result<Vec<Drawn>, JsValue> {
    objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            let get = |key: &str| Reflect::get(&object, &key.into());
            let &[x0, y0, x1, y1] = numbers(&object, "box")?.as_slice() else {
                return Err(js_sys::TypeError::new("the box of an object is four numbers").into());
            };
            Ok(Drawn {
                box_image: PixelBox::new(x0, y0, x1, y1),
                mask: read_mask(size, &object)?,
                score: get("score")?.as_f64().map(|score| score as f32),
                name: get("name")?.as_string().filter(|name| !name.is_empty()),
                colour: get("colour")?.as_f64().map_or(index as u64, |colour| colour as u64),
            })
        })
        .collect()
}

/// The mask of `{region, mask}`, one byte a pixel of the region.
fn read_mask(size: Size, object: &JsValue) -> Result<Mask, JsValue> {
    let wrong = || js_sys::TypeError::new("each object is {region, mask} inside the picture, with one byte a pixel");
    let region: Vec<u32> = numbers(object, "region")?.into_iter().map(|number| number as u32).collect();
    let mask = Reflect::get(object, &"mask".into())?.dyn_into::<Uint8Array>().map_err(|_| wrong())?.to_vec();
    let &[x, y, width, height] = region.as_slice() else { return Err(wrong().into()) };
    let region = Rect { x, y, width, height };
    let fits = |start: u32, extent: u32, length: u32| start.checked_add(extent).is_some_and(|end| end <= length);
    if !fits(x, width, size.width) || !fits(y, height, size.height) || mask.len() != region.area() {
        return Err(wrong().into());
    }
    Ok(Mask::from_region(size, region, mask.iter().map(|&bit| bit != 0).collect()))
}

fn numbers(object: &JsValue, key: &str) -> Result<Vec<f64>, JsValue> {
    Ok(Array::from(&Reflect::get(object, &key.into())?).iter().filter_map(|number| number.as_f64()).collect())
}

/// `{region, mask, areaPx}`.
fn mask_to_js(mask: &Mask) -> Result<Object, JsValue> {
    let (record, region) = (Object::new(), mask.region());
    let set = |key: &str, value: &JsValue| Reflect::set(&record, &key.into(), value).map(drop);
    set("areaPx", &(mask.area_px() as u32).into())?;
    set("region", &to_js(&sides(region))?)?;
    let bytes: Vec<u8> = mask.bits().iter().map(|&bit| u8::from(bit)).collect();
    set("mask", &Uint8Array::from(bytes.as_slice()).into())?;
    Ok(record)
}

fn rect([x, y, width, height]: [u32; 4]) -> Rect {
    Rect { x, y, width, height }
}

fn sides(Rect { x, y, width, height }: Rect) -> [u32; 4] {
    [x, y, width, height]
}

fn read_boxes(sides: &[f64], size: Size) -> Result<Vec<BoxPrompt>, JsValue> {
    if !sides.len().is_multiple_of(4) {
        return Err(js_sys::TypeError::new("boxes are four numbers each: x0, y0, x1, y1").into());
    }
    sides.chunks_exact(4).map(|b| BoxPrompt::new(b[0], b[1], b[2], b[3], size).map_err(js_error)).collect()
}

fn answer(pipeline: &mut Pipeline<OnnxModel>, sides: &[f64], record: &OptionsRecord) -> Result<JsValue, JsValue> {
    let options = record.options()?;
    let boxes = read_boxes(sides, pipeline.image().map_err(js_error)?.size())?;
    let answer = match record.view {
        Some(view) => pipeline.segment_through(rect(view), &boxes, &options, record.probabilities),
        None => pipeline.segment(&boxes, &options),
    }
    .map_err(js_error)?;
    let record = Object::new();
    let set = |key: &str, value: &JsValue| Reflect::set(&record, &key.into(), value).map(drop);
    set("objects", &objects_to_js(&answer)?)?;
    set("probabilities", &to_js(&answer.probabilities)?)?;
    set("encodes", &(answer.encodes as u32).into())?;
    set("tiles", &(answer.tiles as u32).into())?;
    let Timings { preprocess_ms, encode_ms, decode_ms, postprocess_ms } = answer.timings;
    let ms =
        TimingsRecord { preprocess: preprocess_ms, encode: encode_ms, decode: decode_ms, postprocess: postprocess_ms };
    set("ms", &to_js(&ms)?)?;
    Ok(record.into())
}

fn objects_to_js(answer: &Segmentation) -> Result<JsValue, JsValue> {
    let objects = Array::new();
    for object in &answer.objects {
        let (record, b) = (mask_to_js(&object.mask)?, object.prompt.box_image());
        Reflect::set(&record, &"box".into(), &to_js(&[b.x0, b.y0, b.x1, b.y1])?)?;
        Reflect::set(&record, &"score".into(), &object.score.into())?;
        objects.push(&record);
    }
    Ok(objects.into())
}

fn read_source(source: &JsValue) -> Result<Study, JsValue> {
    if let Some(data) = source.dyn_ref::<web_sys::ImageData>() {
        let size = Size { width: data.width(), height: data.height() };
        let rgb: Vec<u8> = data.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let image = Image::from_rgb8(size, rgb).map_err(js_error)?;
        return Ok(Study {
            image,
            source: formats::Source {
                format: "ImageData",
                bits: 8,
                channels: 4,
                float: false,
                has_more: false,
                turned: false,
            },
        });
    }
    let bytes = source
        .dyn_ref::<Uint8Array>()
        .ok_or_else(|| js_sys::TypeError::new("a picture is a Uint8Array with a file's bytes, or an ImageData"))?;
    formats::open(&bytes.to_vec(), &Limits::default()).map_err(js_error)
}

fn with_pipeline<T>(act: impl FnOnce(&mut Pipeline<OnnxModel>) -> Result<T, JsValue>) -> Result<T, JsValue> {
    PIPELINE.with_borrow_mut(|pipeline| match pipeline {
        Some(pipeline) => act(pipeline),
        None => Err(js_error(ModelError::NotLoaded)),
    })
}

fn to_js<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}

/// A JavaScript `Error` named `MedboxError`, with `code` and `hint` beside the message.
fn js_error(error: impl Into<Error>) -> JsValue {
    let error = error.into();
    let js = js_sys::Error::new(&error.to_string());
    js.set_name("MedboxError");
    for (key, value) in [("code", error.code()), ("hint", error.hint())] {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&js, &key.into(), &value.into());
    }
    js.into()
}

/// Milliseconds by the clock of the worker or the page.
fn now_ms() -> f64 {
    let performance = Reflect::get(&js_sys::global(), &"performance".into());
    performance.ok().and_then(|p| p.dyn_into::<web_sys::Performance>().ok()).map_or(0.0, |p| p.now())
}
