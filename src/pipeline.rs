//! The line as a whole: one open picture, its embeddings, and the answer to a list of boxes.

use crate::{
    Error,
    geometry::{PixelBox, Rect, Size},
    image::Image,
    model::{Embedding, Encoding, Network},
    postprocess::{Mask, mask_from_logits},
    preprocess::Letterbox,
    prompt::{BoxPrompt, ClassPrompt, Modality, N_CLASSES, PromptError},
    tiles::{Plan, Tile, most_tiles},
};

/// Embeddings are kept until they hold this much memory; those used longest ago go first.
const CACHE_BYTES: usize = 192 << 20;

/// Labels are 16 bit and 0 is background.
pub const MAX_BOXES: usize = u16::MAX as usize;
/// Boxes whose logits are in memory at a time, a quarter of a megabyte each; more at once are not faster.
const DECODED_TOGETHER: usize = 64;

/// What the masks of one request may take, one byte a pixel of each one's block: cells by the ten thousand take a tenth of it.
const MAX_MASK_BYTES: usize = 2 << 30;

/// How boxes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Small boxes are looked at closer (`tiles.rs`), boxes keep their fractions.
    #[default]
    Default,
    /// Exactly what LiteMedSAM's published inference does: one view, boxes cut to integers.
    Challenge,
}

impl Mode {
    /// The name on the command line and in the page's messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Challenge => "challenge",
        }
    }
}

/// What a request may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// How boxes are looked at.
    pub mode: Mode,
    /// Which class the decoder is told.
    pub class: ClassPrompt,
    /// How many new tiles a request encodes at most in [`Mode::Default`]; `None`: as many as people wait for
    /// ([`most_tiles`]).
    pub max_tiles: Option<usize>,
}

/// The answer to a list of boxes.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// One a box, in the order of the boxes.
    pub objects: Vec<Object>,
    /// What the class head says of the whole picture; `None` without a class head.
    pub probabilities: Option<[f32; N_CLASSES]>,
    /// What the decoder was told; all zero for an unknown class, or a model without a class prompt.
    pub class_weights: [f32; N_CLASSES],
    /// How many views this request encoded; those kept from before are not counted.
    pub encodes: usize,
    /// Through how many tiles boxes were looked at.
    pub tiles: usize,
    /// Where the time went.
    pub timings: Timings,
}

/// One box and what was found in it.
#[derive(Debug, Clone)]
pub struct Object {
    /// The box asked for.
    pub prompt: BoxPrompt,
    /// The object's pixels in the picture.
    pub mask: Mask,
    /// The model's own estimate of the mask's overlap with the truth, 0 to 1.
    pub score: f32,
}

/// Milliseconds by stage, of one request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// Crop, letterbox and normalisation of all views encoded.
    pub preprocess_ms: f64,
    /// The encoder alone, all views encoded.
    pub encode_ms: f64,
    /// The decoder alone, all boxes.
    pub decode_ms: f64,
    /// Logits to masks, all boxes.
    pub postprocess_ms: f64,
}

/// Why an open study cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are named in the messages.
pub enum SegmentError {
    /// Nothing is open.
    #[error("no picture is open")]
    NothingOpen,
    /// More boxes than labels.
    #[error("{found} boxes were given, a label map holds {MAX_BOXES} objects")]
    TooManyBoxes { found: usize },
    /// Masks that would not fit in memory.
    #[error("the masks of {n_boxes} boxes take more than {max_bytes} bytes, one for each pixel of each mask's block")]
    TooMuchMemory { n_boxes: usize, max_bytes: usize },
    /// A view that the picture does not have.
    #[error("the view of {width} × {height} pixels at ({x}, {y}) is not inside the picture")]
    View { x: u32, y: u32, width: u32, height: u32 },
    /// Feature tensors that the model in use does not have.
    #[error("the encoding is of another model: its feature tensors are not those of “{model}”")]
    ForeignEncoding { model: String },
}

impl SegmentError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingOpen => "segment.nothing-open",
            Self::TooManyBoxes { .. } => "segment.too-many-boxes",
            Self::TooMuchMemory { .. } => "segment.too-much-memory",
            Self::View { .. } => "segment.view",
            Self::ForeignEncoding { .. } => "segment.foreign-encoding",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NothingOpen => "open a picture first",
            Self::TooManyBoxes { .. } | Self::TooMuchMemory { .. } => "split the list of boxes",
            Self::View { .. } => "ask for a part of the picture that is open",
            Self::ForeignEncoding { .. } => "encode the picture again with the model in use",
        }
    }
}

/// One open picture, a network, and the embeddings made so far: the only long-lived state of the crate.
///
/// # Example
/// See `src/bin/medbox/segment.rs`, which is little more than this:
/// ```no_run
/// # use medbox::{Error, formats, manifest::Manifest, model::OnnxModel, pipeline::{Options, Pipeline}, prompt::BoxPrompt};
/// # fn example(manifest: &str, encoder: &[u8], decoder: &[u8], bytes: &[u8]) -> Result<(), Error> {
/// let model = OnnxModel::load(Manifest::parse(manifest)?, encoder, decoder)?;
/// let mut pipeline = Pipeline::new(model, || 0.0);
/// pipeline.open(formats::open(bytes, &formats::Limits::default())?.image);
/// let size = pipeline.image()?.size();
/// let answer = pipeline.segment(&[BoxPrompt::new(100.0, 50.0, 300.0, 200.0, size)?], &Options::default())?;
/// println!("{} px", answer.objects[0].mask.area_px());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pipeline<N> {
    network: N,
    /// Milliseconds since some moment; the core has no clock of its own.
    clock: fn() -> f64,
    image: Option<Image>,
    cache: Cache,
}

impl<N: Network> Pipeline<N> {
    /// A pipeline with nothing open. `clock` gives milliseconds and is only used to report timings.
    pub fn new(network: N, clock: fn() -> f64) -> Self {
        Self { network, clock, image: None, cache: Cache::default() }
    }

    /// The network in use.
    pub fn network(&self) -> &N {
        &self.network
    }

    /// Opens another picture; what was known of the last one is forgotten.
    pub fn open(&mut self, image: Image) {
        self.cache = Cache::default();
        self.image = Some(image);
    }

    /// The open picture.
    ///
    /// # Errors
    /// [`SegmentError::NothingOpen`].
    pub fn image(&self) -> Result<&Image, SegmentError> {
        self.image.as_ref().ok_or(SegmentError::NothingOpen)
    }

    /// Shows the open picture through another window: its embeddings are made again when next asked for.
    ///
    /// # Errors
    /// [`SegmentError::NothingOpen`].
    pub fn set_window(&mut self, window: crate::image::Window) -> Result<(), SegmentError> {
        self.image.as_mut().ok_or(SegmentError::NothingOpen)?.set_window(window);
        self.cache = Cache::default();
        Ok(())
    }

    /// Encodes the whole picture unless that was done, and gives the class head's probabilities.
    ///
    /// # Errors
    /// [`SegmentError::NothingOpen`], or [`crate::model::ModelError`] when the network fails.
    pub fn encode(&mut self) -> Result<Option<[f32; N_CLASSES]>, Error> {
        let whole = self.image()?.size().rect();
        Ok(self.view(whole, &mut Tally::default())?.probabilities)
    }

    /// Through which views of a picture of this size boxes are looked at; those in `known` are encoded already.
    ///
    /// # Errors
    /// [`SegmentError::TooManyBoxes`].
    pub fn plan(
        &self,
        image: Size,
        boxes: &[BoxPrompt],
        options: &Options,
        known: &[Rect],
    ) -> Result<Plan, SegmentError> {
        check_count(boxes)?;
        let boxes_image: Vec<PixelBox> = boxes.iter().map(|prompt| prompt.box_image()).collect();
        let most = options.max_tiles.unwrap_or(most_tiles(boxes.len()));
        Ok(match options.mode {
            Mode::Default => Plan::closer(image, &boxes_image, known, self.network.manifest().tile_per_box, most),
            Mode::Challenge => Plan::whole(boxes.len()),
        })
    }

    /// The masks of boxes on the open picture; encodes only what is not kept from before.
    ///
    /// # Errors
    /// - [`SegmentError::NothingOpen`], [`SegmentError::TooManyBoxes`], [`SegmentError::TooMuchMemory`];
    /// - [`PromptError::NoClassPrompt`] when a class is chosen for a model that takes none;
    /// - [`crate::model::ModelError`] when the network fails.
    pub fn segment(&mut self, boxes: &[BoxPrompt], options: &Options) -> Result<Segmentation, Error> {
        let image = self.image()?.size();
        let plan = self.plan(image, boxes, options, &self.cache.tiles(image.rect()))?;
        self.segment_planned(boxes, options, &plan, None)
    }

    /// The masks of boxes through one view of the open picture: a part of what [`Self::plan`] gives, so that several pipelines
    /// can share a long list. `probabilities` are what the class head said of the whole picture, where that is known;
    /// else a model with a class head encodes the whole picture too.
    ///
    /// # Errors
    /// [`SegmentError::View`] when the view is not inside the picture, and those of [`Self::segment`].
    pub fn segment_through(
        &mut self,
        view: Rect,
        boxes: &[BoxPrompt],
        options: &Options,
        probabilities: Option<[f32; N_CLASSES]>,
    ) -> Result<Segmentation, Error> {
        let whole = self.image()?.size().rect();
        check_view(whole, view)?;
        let every_box = (0..boxes.len()).collect();
        let plan = if view == whole {
            Plan { whole: every_box, tiles: Vec::new() }
        } else {
            Plan { whole: Vec::new(), tiles: vec![Tile { rect: view, boxes: every_box }] }
        };
        self.segment_planned(boxes, options, &plan, probabilities)
    }

    /// What is kept of a view of the open picture, for another pipeline to [`adopt`](Self::adopt).
    pub fn kept(&mut self, view: Rect) -> Option<Encoding> {
        self.cache.get(view)
    }

    /// Takes over the encoding of a view from another pipeline that has the same model, picture and window.
    ///
    /// # Errors
    /// [`SegmentError::NothingOpen`], [`SegmentError::View`], or [`SegmentError::ForeignEncoding`] when the tensors are
    /// not those of the model in use.
    pub fn adopt(&mut self, view: Rect, encoding: Encoding) -> Result<(), SegmentError> {
        check_view(self.image()?.size().rect(), view)?;
        let manifest = self.network.manifest();
        let found = encoding.embedding.features().map(|(shape, _)| shape);
        if !found.eq(manifest.encoder.features.iter().map(|feature| feature.shape.as_slice())) {
            return Err(SegmentError::ForeignEncoding { model: manifest.name.clone() });
        }
        if self.cache.get(view).is_none() {
            self.cache.put(view, encoding);
        }
        Ok(())
    }

    fn segment_planned(
        &mut self,
        boxes: &[BoxPrompt],
        options: &Options,
        plan: &Plan,
        probabilities: Option<[f32; N_CLASSES]>,
    ) -> Result<Segmentation, Error> {
        check_count(boxes)?;
        let image = self.image()?.size();
        let manifest = self.network.manifest();
        let (has_class_head, takes_class) = (manifest.has_class_head(), manifest.takes_class());
        if let ClassPrompt::Chosen(class) = options.class
            && !takes_class
        {
            return Err(PromptError::NoClassPrompt { model: manifest.name.clone(), class }.into());
        }

        let mut tally = Tally::default();
        let probabilities = match probabilities {
            None if has_class_head => self.view(image.rect(), &mut tally)?.probabilities,
            known => known,
        };
        let class_weights = class_weights(options.class, probabilities.filter(|_| takes_class));

        let boxes_image: Vec<PixelBox> = boxes.iter().map(|prompt| prompt.box_image()).collect();
        let mut found: Vec<Option<Object>> = boxes.iter().map(|_| None).collect();
        let mut mask_bytes = 0;
        let whole = (!plan.whole.is_empty()).then_some((image.rect(), plan.whole.as_slice()));
        let tiles = plan.tiles.iter().map(|tile| (tile.rect, tile.boxes.as_slice()));
        for (rect, indices) in whole.into_iter().chain(tiles) {
            let embedding = self.view(rect, &mut tally)?.embedding;
            let letterbox = Letterbox::new(rect.size(), self.network.manifest().input.side);
            for indices in indices.chunks(DECODED_TOGETHER) {
                let boxes_model: Vec<PixelBox> = indices
                    .iter()
                    .map(|&i| {
                        let box_view = boxes_image[i].relative_to(f64::from(rect.x), f64::from(rect.y));
                        match options.mode {
                            Mode::Default => letterbox.model_from_view(box_view),
                            Mode::Challenge => letterbox.model_from_view_truncated(box_view),
                        }
                    })
                    .collect();
                let started = (self.clock)();
                let decoded = self.network.decode(&embedding, &boxes_model, &class_weights)?;
                let decoded_at = (self.clock)();
                for (&i, decoded) in indices.iter().zip(decoded) {
                    let mask = mask_from_logits(&decoded.logits, &letterbox).pasted(image, rect.x, rect.y);
                    mask_bytes += mask.bits().len();
                    check_memory(mask_bytes, boxes.len())?;
                    found[i] = Some(Object { prompt: boxes[i], mask, score: decoded.score });
                }
                tally.timings.decode_ms += decoded_at - started;
                tally.timings.postprocess_ms += (self.clock)() - decoded_at;
            }
        }
        Ok(Segmentation {
            objects: found.into_iter().map(|object| object.expect("the plan serves each box once")).collect(),
            probabilities,
            class_weights,
            encodes: tally.encodes,
            tiles: plan.tiles.len(),
            timings: tally.timings,
        })
    }

    /// The encoding of a part of the open picture, kept or made.
    fn view(&mut self, rect: Rect, tally: &mut Tally) -> Result<Encoding, Error> {
        if let Some(encoding) = self.cache.get(rect) {
            return Ok(encoding);
        }
        let image = self.image()?;
        let started = (self.clock)();
        let letterbox = Letterbox::new(rect.size(), self.network.manifest().input.side);
        let input =
            if rect == image.size().rect() { letterbox.input(image) } else { letterbox.input(&image.crop(rect)) };
        let prepared_at = (self.clock)();
        let encoding = self.network.encode(&input)?;
        tally.timings.preprocess_ms += prepared_at - started;
        tally.timings.encode_ms += (self.clock)() - prepared_at;
        tally.encodes += 1;
        self.cache.put(rect, encoding.clone());
        Ok(encoding)
    }
}

fn check_count(boxes: &[BoxPrompt]) -> Result<(), SegmentError> {
    if boxes.len() > MAX_BOXES {
        return Err(SegmentError::TooManyBoxes { found: boxes.len() });
    }
    Ok(())
}

fn check_memory(mask_bytes: usize, n_boxes: usize) -> Result<(), SegmentError> {
    if mask_bytes > MAX_MASK_BYTES {
        return Err(SegmentError::TooMuchMemory { n_boxes, max_bytes: MAX_MASK_BYTES });
    }
    Ok(())
}

fn check_view(whole: Rect, Rect { x, y, width, height }: Rect) -> Result<(), SegmentError> {
    let fits =
        |start: u32, extent: u32, length: u32| extent > 0 && start.checked_add(extent).is_some_and(|end| end <= length);
    if fits(x, width, whole.width) && fits(y, height, whole.height) {
        return Ok(());
    }
    Err(SegmentError::View { x, y, width, height })
}

/// What one request did.
#[derive(Default)]
struct Tally {
    encodes: usize,
    timings: Timings,
}

/// The numbers that tell the decoder the class: probabilities as predicted, one-hot as chosen, zeros when unknown.
fn class_weights(prompt: ClassPrompt, probabilities: Option<[f32; N_CLASSES]>) -> [f32; N_CLASSES] {
    let one_hot = |class: Modality| std::array::from_fn(|i| if i == class.index() { 1.0 } else { 0.0 });
    match prompt {
        ClassPrompt::Predicted => probabilities.unwrap_or_default(),
        ClassPrompt::Unknown => [0.0; N_CLASSES],
        ClassPrompt::Chosen(class) => one_hot(class),
    }
}

/// Encodings by view, the one used last at the end.
#[derive(Debug, Default)]
struct Cache {
    entries: Vec<(Rect, Encoding)>,
}

impl Cache {
    fn get(&mut self, rect: Rect) -> Option<Encoding> {
        let position = self.entries.iter().position(|(known, _)| *known == rect)?;
        let entry = self.entries.remove(position);
        let encoding = entry.1.clone();
        self.entries.push(entry);
        Some(encoding)
    }

    fn put(&mut self, rect: Rect, encoding: Encoding) {
        self.entries.push((rect, encoding));
        let bytes = |entries: &[(Rect, Encoding)]| -> usize {
            entries.iter().map(|(_, encoding)| Embedding::bytes(&encoding.embedding)).sum()
        };
        while self.entries.len() > 1 && bytes(&self.entries) > CACHE_BYTES {
            self.entries.remove(0);
        }
    }

    /// Every view but the whole picture.
    fn tiles(&self, whole: Rect) -> Vec<Rect> {
        self.entries.iter().map(|(rect, _)| *rect).filter(|rect| *rect != whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{
        manifest::{Manifest, tests::json},
        model::{Decoded, ModelError},
        postprocess::Logits,
        preprocess::EncoderInput,
    };

    /// A network whose mask is its box, whose score is the weight of class 0, and which counts its encodes.
    struct Fake {
        manifest: Manifest,
        encodes: Cell<usize>,
        most_boxes: Cell<usize>,
    }

    impl Fake {
        fn new(takes_class: bool) -> Self {
            let manifest = Manifest::parse(&json(takes_class).to_string()).expect("a valid manifest");
            Self { manifest, encodes: Cell::new(0), most_boxes: Cell::new(0) }
        }
    }

    impl Network for Fake {
        fn manifest(&self) -> &Manifest {
            &self.manifest
        }

        fn encode(&self, input: &EncoderInput) -> Result<Encoding, ModelError> {
            assert_eq!(input.side(), 16);
            self.encodes.set(self.encodes.get() + 1);
            let probabilities =
                self.manifest.has_class_head().then(|| std::array::from_fn(|i| if i == 0 { 0.75 } else { 0.025 }));
            Ok(Encoding { embedding: Embedding::new([(vec![1, 1, 4, 4], vec![0.0; 16])]), probabilities })
        }

        fn decode(
            &self,
            _: &Embedding,
            boxes_model: &[PixelBox],
            class_weights: &[f32; N_CLASSES],
        ) -> Result<Vec<Decoded>, ModelError> {
            self.most_boxes.set(self.most_boxes.get().max(boxes_model.len()));
            let logits = |b: &PixelBox| {
                let inside = |low: f64, high: f64, i: usize| (low..high).contains(&(i as f64 + 0.5));
                let value = |i: usize| inside(b.x0, b.x1, i % 16) && inside(b.y0, b.y1, i / 16);
                Logits::new(16, (0..256).map(|i| if value(i) { 1.0 } else { -1.0 }).collect())
            };
            Ok(boxes_model.iter().map(|b| Decoded { logits: logits(b), score: class_weights[0] }).collect())
        }
    }

    fn open(takes_class: bool, size: Size) -> Pipeline<Fake> {
        let mut pipeline = Pipeline::new(Fake::new(takes_class), || 0.0);
        pipeline.open(Image::from_grey8(size, &vec![7; size.area()]).expect("not empty"));
        pipeline
    }

    fn prompt(x0: f64, y0: f64, x1: f64, y1: f64, size: Size) -> BoxPrompt {
        BoxPrompt::new(x0, y0, x1, y1, size).expect("a valid box")
    }

    const SIZE: Size = Size { width: 64, height: 32 };

    #[test]
    fn another_window_is_another_embedding() {
        let mut pipeline = open(true, SIZE);
        pipeline.encode().expect("an encoding");
        pipeline.encode().expect("the same one");
        assert_eq!(pipeline.network().encodes.get(), 1);
        pipeline.set_window(crate::image::Window { level: 3.0, width: 2.0 }).expect("a picture is open");
        pipeline.encode().expect("a new one");
        assert_eq!(pipeline.network().encodes.get(), 2);
    }

    #[test]
    fn embeddings_that_were_used_longest_ago_go_first() {
        let n = CACHE_BYTES / 3 / size_of::<f32>();
        let third = Encoding { embedding: Embedding::new([(vec![n], vec![0.0; n])]), probabilities: None };
        let view = |x| Rect { x, y: 0, width: 1, height: 1 };
        let mut cache = Cache::default();
        (0..3).for_each(|x| cache.put(view(x), third.clone()));
        assert!(cache.get(view(0)).is_some());
        cache.put(view(3), third);
        assert_eq!([0, 1, 2, 3].map(|x| cache.get(view(x)).is_some()), [true, false, true, true]);
    }

    #[test]
    fn few_boxes_are_decoded_at_a_time() {
        let mut pipeline = open(false, SIZE);
        let boxes: Vec<BoxPrompt> = (0..150).map(|i| prompt(0.0, 0.0, f64::from(i % 50 + 10), 30.0, SIZE)).collect();
        let answer = pipeline.segment(&boxes, &Options { mode: Mode::Challenge, ..Options::default() }).expect("masks");
        assert_eq!((answer.objects.len(), pipeline.network().most_boxes.get()), (150, DECODED_TOGETHER));
        for (object, asked) in answer.objects.iter().zip(&boxes) {
            assert_eq!(object.prompt, *asked);
            let width = object.mask.region().width as f64;
            assert!((width - asked.box_image().x1).abs() <= 4.0, "{width} for {asked:?}");
        }
    }

    #[test]
    fn nothing_open_is_an_error() {
        let err = Pipeline::new(Fake::new(false), || 0.0).encode().unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str()), ("segment.nothing-open", "no picture is open"));
        assert_eq!(err.hint(), "open a picture first");
    }

    #[test]
    fn masks_that_fill_the_memory_are_refused() {
        assert_eq!(check_memory(MAX_MASK_BYTES, 400), Ok(()));
        let err = check_memory(MAX_MASK_BYTES + 1, 400).unwrap_err();
        let message = "the masks of 400 boxes take more than 2147483648 bytes, one for each pixel of each mask's block";
        assert_eq!(
            (err.code(), err.to_string().as_str(), err.hint()),
            ("segment.too-much-memory", message, "split the list of boxes")
        );
    }

    #[test]
    fn too_many_boxes_are_refused() {
        let boxes = vec![prompt(0.0, 0.0, 9.0, 9.0, SIZE); MAX_BOXES + 1];
        let err = open(false, SIZE).segment(&boxes, &Options::default()).unwrap_err();
        assert_eq!(err.to_string(), "65536 boxes were given, a label map holds 65535 objects");
    }

    #[test]
    fn a_class_for_a_model_without_class_prompt_is_refused() {
        let options = Options { class: ClassPrompt::Chosen(Modality::Mr), ..Options::default() };
        let err = open(false, SIZE).segment(&[prompt(0.0, 0.0, 9.0, 9.0, SIZE)], &options).unwrap_err();
        assert_eq!(err.code(), "prompt.no-class-prompt");
        assert_eq!(err.to_string(), "the model “fake” takes no class prompt, so it cannot be told “MR”");
        assert_eq!(err.hint(), "leave the class at auto, or choose a model with a class prompt");
    }

    #[test]
    fn the_mask_of_a_large_box_comes_from_the_whole_picture() {
        let mut pipeline = open(false, SIZE);
        let answer = pipeline.segment(&[prompt(16.0, 8.0, 48.0, 32.0, SIZE)], &Options::default()).expect("an answer");
        assert_eq!((answer.encodes, answer.tiles), (1, 0));
        assert_eq!(answer.objects[0].mask.region(), Rect { x: 16, y: 8, width: 32, height: 24 });
    }

    #[test]
    fn the_mask_of_a_small_box_lands_where_its_tile_was() {
        let size = Size { width: 640, height: 320 };
        let mut pipeline = open(false, size);
        let small = prompt(480.0, 160.0, 512.0, 192.0, size);
        let answer = pipeline.segment(&[small], &Options::default()).expect("an answer");
        assert_eq!((answer.encodes, answer.tiles), (1, 1), "without class head the whole picture is not needed");
        let region = answer.objects[0].mask.region();
        // The tile is 96 pixels, 6 a model pixel, and the fake's masks are whole model pixels.
        for (found, asked) in [(region.x, 480), (region.y, 160), (region.right(), 512), (region.bottom(), 192)] {
            assert!(found.abs_diff(asked) <= 6, "{region:?}");
        }
        assert_eq!(answer.objects[0].mask.image_size(), size);

        let options = Options { mode: Mode::Challenge, ..Options::default() };
        assert_eq!(pipeline.segment(&[small], &options).expect("an answer").tiles, 0);
    }

    #[test]
    fn what_was_encoded_is_not_encoded_again() {
        let mut pipeline = open(true, SIZE);
        pipeline.encode().expect("an embedding");
        let answer = pipeline.segment(&[prompt(0.0, 0.0, 60.0, 30.0, SIZE)], &Options::default()).expect("an answer");
        assert_eq!((answer.encodes, pipeline.network().encodes.get()), (0, 1));
        pipeline.open(Image::from_grey8(SIZE, &vec![9; SIZE.area()]).expect("not empty"));
        pipeline.encode().expect("an embedding");
        assert_eq!(pipeline.network().encodes.get(), 2, "another picture is another embedding");
    }

    #[test]
    fn the_parts_of_a_plan_give_what_the_whole_list_gives() {
        let size = Size { width: 640, height: 320 };
        let boxes = [
            prompt(480.0, 160.0, 512.0, 192.0, size),
            prompt(10.0, 10.0, 400.0, 300.0, size),
            prompt(40.0, 40.0, 70.0, 60.0, size),
        ];
        let mut alone = open(true, size);
        let together = alone.segment(&boxes, &Options::default()).expect("an answer");
        assert_eq!(together.encodes, 3);

        let plan = alone.plan(size, &boxes, &Options::default(), &[]).expect("a plan");
        assert_eq!((plan.whole.as_slice(), plan.tiles.len()), ([1].as_slice(), 2));
        for tile in &plan.tiles {
            let part: Vec<BoxPrompt> = tile.boxes.iter().map(|&i| boxes[i]).collect();
            let mut other = open(true, size);
            let answer = other
                .segment_through(tile.rect, &part, &Options::default(), together.probabilities)
                .expect("an answer");
            assert_eq!(answer.encodes, 1, "the class is told, so the whole picture is not encoded");
            for (&i, object) in tile.boxes.iter().zip(&answer.objects) {
                assert_eq!(object.mask, together.objects[i].mask);
                assert_eq!(object.score, together.objects[i].score);
            }
        }
    }

    #[test]
    fn an_encoding_that_was_adopted_is_not_made_again() {
        let (mut first, mut second) = (open(true, SIZE), open(true, SIZE));
        first.encode().expect("an embedding");
        let encoding = first.kept(SIZE.rect()).expect("kept");
        second.adopt(SIZE.rect(), encoding).expect("of the same model");
        let answer = second.segment(&[prompt(0.0, 0.0, 60.0, 30.0, SIZE)], &Options::default()).expect("an answer");
        assert_eq!((answer.encodes, answer.probabilities.map(|p| p[0])), (0, Some(0.75)));

        let other = Encoding { embedding: Embedding::new([(vec![1, 1, 2, 2], vec![0.0; 4])]), probabilities: None };
        let err = second.adopt(SIZE.rect(), other).unwrap_err();
        assert_eq!(err.code(), "segment.foreign-encoding");
        assert_eq!(err.to_string(), "the encoding is of another model: its feature tensors are not those of “fake”");
        assert_eq!(err.hint(), "encode the picture again with the model in use");
    }

    #[test]
    fn a_view_outside_the_picture_is_refused() {
        let view = Rect { x: 60, y: 0, width: 8, height: 8 };
        let err = open(false, SIZE).segment_through(view, &[], &Options::default(), None).unwrap_err();
        assert_eq!(err.code(), "segment.view");
        assert_eq!(err.to_string(), "the view of 8 × 8 pixels at (60, 0) is not inside the picture");
        assert_eq!(err.hint(), "ask for a part of the picture that is open");
    }

    #[test]
    fn the_decoder_is_told_the_class() {
        let mut pipeline = open(true, SIZE);
        let mut score = |class| {
            let options = Options { class, ..Options::default() };
            let boxes = [prompt(0.0, 0.0, 60.0, 30.0, SIZE)];
            pipeline.segment(&boxes, &options).expect("an answer").objects[0].score
        };
        assert_eq!(score(ClassPrompt::Predicted), 0.75);
        assert_eq!(score(ClassPrompt::Unknown), 0.0);
        assert_eq!(score(ClassPrompt::Chosen(Modality::Ct)), 1.0);
        assert_eq!(score(ClassPrompt::Chosen(Modality::Mr)), 0.0);
    }
}
