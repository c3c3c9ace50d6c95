/**
 * The shapes that the page's modules hand each other. No code lives here.
 *
 * Everything below is read-only by habit: `update` makes new values and never changes one that it was given.
 */

/** @typedef {import('./locales/en.js').Messages} Messages */
/** @typedef {keyof Messages} MessageKey */
/** @typedef {keyof typeof import('./i18n.js').LANGUAGES} Locale */
/** @typedef {'dark' | 'light'} Theme */

/**
 * Left, top, right and bottom side in whole image pixels, ends exclusive: (0, 0, 1, 1) is the first pixel.
 * @typedef {readonly [number, number, number, number]} Box
 */
/** @typedef {readonly [number, number]} Point  x and y; which space is said where one is used */
/** @typedef {{width: number, height: number}} Extent */
/**
 * The range of stored values that is shown from black to white: its middle and its extent, in stored units (grey levels
 * of 8-bit pictures, Hounsfield units of a CT that has them).
 * @typedef {{readonly level: number, readonly width: number}} GreyWindow
 */

/**
 * A mask as the core cuts it: one byte (0 or 1) for each pixel of its region, rows from the top.
 * @typedef {object} Mask
 * @property {readonly [number, number, number, number]} region  x, y, width, height in image pixels
 * @property {Uint8Array} bytes
 * @property {number} areaPx
 * @property {number} score  the decoder's own estimate of its overlap, 0 to 1; 1 once a person has changed it
 * @property {string} key  what it was made from (`maskKey`): when the wish differs, the mask is out of date. A mask that
 *   a person has changed has the `editedKey` of its box, and is out of date when the box is another
 * @property {GreyWindow} [window]  through which the model saw the picture
 * @property {string} [savedKey]  that of the model that made it, where another one stands in
 */

/**
 * One structure on one slice.
 * @typedef {object} Item
 * @property {number} id
 * @property {string} name
 * @property {number} colour  index into the palette
 * @property {number} sliceIdx
 * @property {Box} box
 * @property {boolean} visible
 * @property {boolean} locked  it is not moved, edited or removed, and its mask is not asked for again
 * @property {Mask | null} mask
 */

/**
 * One plane of a study: its picture as shown and what the model said of it.
 * @typedef {object} Slice
 * @property {number} width
 * @property {number} height
 * @property {ImageData} picture  RGBA
 * @property {GreyWindow} window  that `picture` is shown through, and that the model sees it through
 * @property {GreyWindow} openedWindow  the one it was opened with
 * @property {ImageData} opened  the picture as it was opened
 * @property {ValueRange} valueRange
 * @property {PixelMm | null} pixelMm  as the file says; null: it does not
 * @property {boolean} stored  whether there are stored values of more than 8 bits behind the picture
 * @property {'waiting' | 'running' | 'done' | 'stopped'} encoding  stopped: by a person, or failed; the next box asks again
 * @property {readonly number[] | null} probabilities  of the 11 classes; null without a class head
 */

/** @typedef {{blob: Blob, name: string, demo: Demo | null}} Source  what a study was opened from, so that a worker can be rebuilt */

/** @typedef {{n: number, left: readonly Source[], skipped: readonly string[], series: readonly Source[]}} Batch  n files were given; skipped could not be opened; series: to leaf through once one is open */

/**
 * What a person has made. Undo keeps whole copies of it; they share the items that did not change.
 * @typedef {object} Work
 * @property {readonly Item[]} items
 * @property {number} lastItemId
 * @property {ClassChoice} classChoice
 * @property {GreyWindow | null} window  that the picture is to be seen through; null for the one it was opened with
 * @property {number | null} pixelMm  side of a pixel in mm, as a person says; null: nobody has
 */
/** @typedef {Omit<Mask, 'bytes'> & {packed: Uint32Array | Uint8Array}} PackedMask  runs of equal bytes, or the bytes where they are fewer */
/** @typedef {Omit<Item, 'mask'> & {mask: PackedMask | null}} PackedItem */
/** @typedef {Omit<Work, 'items'> & {items: readonly PackedItem[]}} PackedWork */
/** @typedef {{label: Label, work: PackedWork, bytes: number}} Version  a work and the name of the step that left it; bytes: of masks that its neighbour has not */
/** @typedef {{key: MessageKey, values?: Record<string, string | number>}} Label  a text still to be translated */

/**
 * @typedef {object} Study
 * @property {Source} source
 * @property {string} format
 * @property {number} bits
 * @property {readonly Slice[]} slices  one for a picture; a volume has more
 * @property {number} sliceIdx
 * @property {Work} work
 * @property {readonly Version[]} past
 * @property {readonly Version[]} future
 */

/** @typedef {'auto' | 'unknown' | string} ClassChoice  or the name of a class as the model spells it */
/** @typedef {'default' | 'challenge'} Mode  with or without looking closer */
/** @typedef {'soft' | 'lung' | 'bone' | 'brain' | 'auto' | 'full'} Preset  of the window */
/** @typedef {'both' | 'picture' | 'masks'} Layers  what is shown */
/** @typedef {'box' | 'select' | 'brush' | 'eraser' | 'lasso' | 'pan'} Tool */
/** @typedef {'model' | 'class' | 'save' | 'more'} Menu */
/** @typedef {'keys' | 'about'} Sheet */
/** @typedef {'label' | 'overlay' | 'coco' | 'npz'} CoreExportKind  what the core writes */
/** @typedef {CoreExportKind | 'csv' | 'zip' | 'session' | 'series'} ExportKind  series: of all pictures that one leafs through */

/** @typedef {{name: string, title: string, bytes: number, encodeGmac: number, licence: string, intendedUse: string, default: boolean}} ModelEntry  encodeGmac: multiply-adds of one look at a picture, in thousands of millions */
/** @typedef {{name: string, title: string, licence: string, intendedUse: string, bytes: number, classes: readonly string[] | null, takesClass: boolean, sha256: ModelId['sha256']}} ModelInfo */
/**
 * @typedef {object} Demo
 * @property {string} file  beside www/demos/index.json
 * @property {string} title
 * @property {string} modality
 * @property {string} source
 * @property {string} licence
 * @property {string} attribution
 * @property {Box} box  around the structure that the hint speaks of
 */

/** @typedef {{code: string, message: string, hint: string, model?: string, file?: string}} Failure  as the core says it, or as the page does; model: that could not be loaded; file: that a person did not name, among others */

/**
 * Where the viewer looks. `fit` follows the window's size until a person zooms or pans.
 * @typedef {object} View
 * @property {boolean} fit
 * @property {number} zoom  CSS pixels for an image pixel
 * @property {Point} centre  image point in the middle of the viewer
 */

/**
 * A box under the pointer that is not yet part of the work.
 * @typedef {object} Draft
 * @property {number} id  of the item it moves, or of the one it will become
 * @property {boolean} isNew
 * @property {'draw' | 'move' | 'resize'} verb
 * @property {Box} box
 * @property {Mask | null} mask  live preview
 */

/**
 * A line of brush, eraser or lasso under the pointer that is not yet part of the work.
 * @typedef {object} Stroke
 * @property {number} id  of the object that it changes, or of the one that it will become
 * @property {boolean} isNew
 * @property {'brush' | 'lasso'} shape
 * @property {'add' | 'subtract'} verb
 * @property {number} radiusPx  of the brush, image pixels
 * @property {readonly number[]} points  x, y, x, y … in image pixels
 * @property {Item} from  a copy, made for this stroke alone, of the object as it was when the stroke began
 */

/**
 * What is being fetched, and what the workers do. A job's start is known with the first tick of the clock; which worker
 * does it, and in how many parts, is the pool's affair.
 * @typedef {{kind: 'engine' | 'model' | 'start', loaded: number, total: number}} Loading  bytes; total 0 when not told
 * @typedef {{loaded: number, total: number}} Progress  bytes; total 0 when not told
 * @typedef {{kind: 'fetch', id: number, startedMs: number | null, name: string, demo: Demo | null, read: Progress | null}} FetchJob
 * @typedef {{kind: 'open', id: number, startedMs: number | null, source: Source, read: Progress | null}} OpenJob  read: null until it is worth telling
 * @typedef {{kind: 'encode', id: number, startedMs: number | null, sliceIdx: number}} EncodeJob
 * @typedef {{kind: 'segment', id: number, startedMs: number | null, ids: readonly number[], keys: readonly string[], isDraft: boolean, left: number, window: GreyWindow}} SegmentJob  left: boxes that have no answer yet
 * @typedef {{kind: 'look', id: number, startedMs: number | null, source: Source, wish: OfferWay | 'rest' | null}} LookJob  into a file that may hold masks or boxes; rest: what it holds beside the picture that was opened from it
 * @typedef {{kind: 'export', id: number, startedMs: number | null, what: ExportKind}} ExportJob
 * @typedef {{kind: 'refine', id: number, startedMs: number | null, itemId: number, how: Refinement, mask: Mask}} RefineJob
 * @typedef {{kind: 'rival', id: number, startedMs: number | null, of: Uint8Array, key: string}} RivalJob  of: the bytes of the object's own mask
 * @typedef {{kind: 'window', id: number, startedMs: number | null, window: GreyWindow}} WindowJob
 * @typedef {FetchJob | OpenJob | RefineJob | EncodeJob | SegmentJob | ExportJob | LookJob | WindowJob | RivalJob} Job
 */

/**
 * A second class that the selected object is looked at through; `made` is what came of it, for the mask with the bytes `of`.
 * @typedef {{choice: ClassChoice, made: {of: Uint8Array, mask: Mask, agreement: Comparison} | null}} Rival
 */
/** @typedef {{name: string, sha256: {encoder: string, decoder: string}}} ModelId  which files a model is made of */
/**
 * A study as it is kept: all that is needed to open it again as it was. Steps that could be undone are not written down.
 * @typedef {object} Session
 * @property {Source} source
 * @property {Extent} size
 * @property {Work} work
 * @property {number} sliceIdx
 * @property {Mode} mode
 * @property {ModelId | null} model  null: none was loaded
 * @property {boolean} [isForgotten]  a person had the browser forget it: it lies aside in this page alone
 * @property {boolean} [isHushed]  a person closed the note that told how to come back to it
 * @property {Pick<Study, 'past' | 'future'>} [history]  its steps, as long as this page lives
 * @property {readonly number[]} refused  objects whose masks are out of date because a person stopped them
 */
/** @typedef {{session: Session, from: 'file' | 'browser' | 'series', savedMs: number | null, left?: Session | null}} Reopening  a session whose picture is being opened; left: that of the picture before */

/**
 * Something that is said beside the picture, with what can be done about it. One at a time, and nothing waits for it.
 * `reopened` tells of a session that was opened, `kept` of one that can be, `restarted` of a worker that broke down,
 * `unsaved` of files that were to be saved and were not; `offer` is a file that can be meant in more than one way. Where
 * there is no news, `replaced` tells of the work that was put aside last.
 * @typedef {{kind: 'reopened', from: Reopening['from'], savedMs: number | null, n: number, model: 'same' | 'changed' | 'absent', modelName: string}
 *   | {kind: 'kept', session: Session, savedMs: number}
 *   | {kind: 'restarted'}
 *   | {kind: 'unsaved', names: string}
 *   | {kind: 'replaced', session: Session}
 *   | {kind: 'offer', source: Source, ways: readonly OfferWay[], structures: readonly Structure[], boxes: readonly Sides[]}} Note
 */
/** @typedef {'picture' | 'reference' | 'boxes'} OfferWay */
/** @typedef {readonly [number, number, number, number]} Sides  of a box, with fractions where its file has them */

/** @typedef {{id: number, region: Mask['region'], bytes: Uint8Array, areaPx: number}} Structure  of a reference: one label of a label map, and its pixels */
/** @typedef {{name: string, structures: readonly Structure[], isShown: boolean}} Reference  isShown: what differs is drawn on the picture */
/** @typedef {{item: Item & {mask: Mask}, structure: Structure | null, comparison: Comparison | null}} Pair  an object and what it is compared with; comparison: null until it is there */
/** @typedef {{item: Item & {mask: Mask}, measures: Measures | null, pair: Pair | null}} CsvRow  pair: null without a reference */
/** @typedef {{mask: Mask, structure: Structure}} MaskPair */
/** @typedef {{fileName: string, maskPath: string, size: Extent, items: readonly (Item & {mask: Mask})[], isWhole: boolean}} SavedPicture  maskPath: of its label map in the zip; isWhole: every object has a mask, and it is that of its box */
/** @typedef {OfferWay | 'reopen' | 'forget'} NoteAnswer */

/**
 * Whether the page comes without a network. insecure: it came by plain http, and browsers keep no such pages.
 * @typedef {'unknown' | 'insecure' | 'unsupported' | 'preparing' | 'ready' | 'failed'} Offline
 */

/** @typedef {{ms: number, encodes: number, tiles: number}} LastRun  tiles: through how many the boxes were looked at so far */

/**
 * @typedef {object} State
 * @property {Locale} locale
 * @property {Theme} theme
 * @property {boolean} touch  handles are larger under a finger
 * @property {boolean} pen  a pen was used: it draws, and fingers move the picture
 * @property {boolean} calm  reduced motion is wished for
 * @property {Extent} viewport  of the viewer, CSS pixels
 * @property {View} view
 * @property {Tool} tool
 * @property {Menu | null} menu
 * @property {Sheet | null} sheet
 * @property {boolean} panelOpen  where the panel is a drawer
 * @property {boolean} dropping  a file hangs over the page
 * @property {'fill' | 'outline'} maskStyle
 * @property {Layers} layers
 * @property {number} opacity  of filled masks, 0 to 1
 * @property {boolean} invert  white for black: how it looks, not what the model sees
 * @property {boolean} smooth  whether enlarged pixels run into each other
 * @property {Point | null} pointer  the pixel under it
 * @property {{at: Point, value: number | null} | null} probed  the stored value of a pixel, as the core told it; null where it has none
 * @property {Point | null} probing  the pixel that is being asked for
 * @property {GreyWindow | null} windowDraft  under the hand, not yet part of the work
 * @property {number | null} settling  the turn of the clock that is waited for before a picture in a new window is encoded
 * @property {number} lastTurn  of that clock
 * @property {readonly ModelEntry[]} models
 * @property {string | null} modelName  the one that is loaded or being loaded
 * @property {string | null} standsInFor  the one that was asked for and could not be loaded
 * @property {boolean} modelComes  one is being loaded, and masks wait for it
 * @property {string | null} provenModel  the last that was loaded, so that it can be loaded again
 * @property {ModelInfo | null} model  the one that is loaded
 * @property {Readonly<Record<string, number>>} encodeMs  last time of one encode on this device, for each model
 * @property {Mode} mode
 * @property {Rival | null} rival
 * @property {readonly Demo[]} demos
 * @property {Study | null} study
 * @property {Study | null} shelved  the one that was closed last, to go back to
 * @property {Reference | null} shelvedReference  that it was compared with
 * @property {Source | null} pending  waits for the model, and for what is saved of the picture before
 * @property {Batch | null} batch  of files that were given together, of which the first that can be opened is opened
 * @property {readonly Source[]} series  pictures that were given together, to leaf through
 * @property {Reopening | null} reopening
 * @property {Note | null} note
 * @property {readonly Session[]} aside  works whose place another picture took, the newest first: the browser keeps them with the open one
 * @property {boolean} keeping  what is made is kept in the browser; not after a person had it forgotten, until the next picture
 * @property {readonly ExportKind[]} saving  asked for, the first first, and waits for the masks
 * @property {readonly number[]} selected  ids; one at most for now
 * @property {number | null} hovered
 * @property {Point | null} anchor  first of two clicks, image pixels
 * @property {Draft | null} draft
 * @property {Stroke | null} stroke
 * @property {number | null} brushPx  diameter in image pixels, not rounded; null: as it suits the picture
 * @property {Point | null} brushAt  where the brush hangs over the picture, image pixels
 * @property {Stroke['verb']} lassoVerb
 * @property {Loading | null} loading
 * @property {readonly Job[]} jobs  under way, oldest first; started and ended through `jobs.js`
 * @property {readonly number[]} workers  memory of each that runs, in bytes
 * @property {number} workersMax
 * @property {number} nowMs  moves while something runs
 * @property {boolean} ticking
 * @property {number} lastJobId
 * @property {ReadonlyMap<Uint8Array, Measures | null>} measures  by the bytes of the mask; null where measuring failed
 * @property {number | null} measuring  the request that is under way
 * @property {Reference | null} reference  that the objects are compared with
 * @property {ReadonlyMap<Uint8Array, {structure: Structure, comparison: Comparison | null}>} comparisons  by the bytes of the mask; null where comparing failed
 * @property {number | null} comparing  the request that is under way
 * @property {number} lastAsideId  of requests that are no jobs: nothing waits for them
 * @property {readonly string[]} refused  keys of masks that failed or that a person stopped: not asked for again by themselves
 * @property {LastRun | null} lastRun
 * @property {Failure | null} failure  shown until the next success or until it is closed
 * @property {boolean} fatal  the engine cannot run here at all
 * @property {Label | null} notice  what was done last
 * @property {Offline} offline
 * @property {'waiting' | 'kept' | 'refused'} files  whether engine and model are kept in this browser; refused: it has no room
 * @property {boolean} hasUpdate  whether a reload brings a new version of the page
 * @property {boolean} installable  the browser would install the page now
 * @property {boolean} hintSeen
 */

/**
 * `segmented` comes once or, where boxes are spread over workers, in parts: `at` are the places of the boxes in the job.
 * @typedef {{width: number, height: number, format: string, bits: number, hasMore: boolean, picture: ImageData, window: GreyWindow | null, valueRange: ValueRange, pixelMm: PixelMm | null}} Opened  window: null for pictures that are shown as they are
 * @typedef {{type: 'listed', models: readonly ModelEntry[], demos: readonly Demo[]}
 *   | {type: 'loading', loading: Loading | null}
 *   | {type: 'model-chosen', name: string}
 *   | {type: 'model-loaded', info: ModelInfo}
 *   | {type: 'file-given', blob: Blob, name: string, demo: Demo | null, as?: OfferWay}
 *   | {type: 'files-given', files: readonly {blob: Blob, name: string}[]}
 *   | {type: 'leafed', step: 1 | -1}
 *   | {type: 'read-on', id: number, loaded: number, total: number}
 *   | {type: 'fetched', id: number, blob: Blob}
 *   | {type: 'demo-chosen', demo: Demo}
 *   | {type: 'source-asked', url: string, name: string}
 *   | {type: 'session-read', session: Session, from: Reopening['from'], savedMs: number | null, shelved: boolean, aside?: readonly Session[], series?: readonly Source[]}
 *   | {type: 'opened', id: number, opened: Opened}
 *   | {type: 'encoded', id: number, probabilities: readonly number[] | null, ms: number}
 *   | {type: 'segmented', id: number, at: readonly number[], masks: readonly Omit<Mask, 'key'>[], run: LastRun}
 *   | {type: 'measured', id: number, masks: readonly Mask[], measures: readonly Measures[] | null}
 *   | {type: 'compared', id: number, pairs: readonly MaskPair[], comparisons: readonly (Comparison | null)[]}
 *   | {type: 'reference-given', blob: Blob, name: string}
 *   | {type: 'reference-toggled'}
 *   | {type: 'reference-removed'}
 *   | {type: 'looked', id: number, structures: readonly Structure[] | null, boxes: readonly Sides[] | null, takenFrom?: string | null, isPicture: boolean}
 *   | {type: 'copy-asked', words: string}
 *   | {type: 'copied'}
 *   | {type: 'exported', id: number, name: string}
 *   | {type: 'job-failed', id: number, failure: Failure}
 *   | {type: 'workers-changed', bytes: readonly number[], max: number}
 *   | {type: 'worker-restarted'}
 *   | {type: 'offline-changed', offline: Offline}
 *   | {type: 'files-kept', kept: boolean}
 *   | {type: 'update-found'}
 *   | {type: 'update-taken'}
 *   | {type: 'installable', installable: boolean}
 *   | {type: 'install-asked'}
 *   | {type: 'failed', failure: Failure, fatal: boolean}
 *   | {type: 'model-failed', name: string, failure: Failure, fatal: boolean}
 *   | {type: 'failure-closed'}
 *   | {type: 'note-closed'}
 *   | {type: 'note-answered', answer: NoteAnswer}
 *   | {type: 'forget-asked'}
 *   | {type: 'forgot'}
 *   | {type: 'recognised', pairs: readonly (readonly [Source, Source])[]}
 *   | {type: 'cancelled'}
 *   | {type: 'retried'}
 *   | {type: 'tick', nowMs: number}
 *   | {type: 'closed'}
 *   | {type: 'resumed'}
 *   | {type: 'viewport-changed', viewport: Extent}
 *   | {type: 'view-changed', view: View}
 *   | {type: 'zoomed', factor: number, at: Point | null}
 *   | {type: 'fitted'}
 *   | {type: 'tool-chosen', tool: Tool}
 *   | {type: 'touch-used', touch: boolean}
 *   | {type: 'calm-wished', calm: boolean}
 *   | {type: 'menu-toggled', menu: Menu | null}
 *   | {type: 'sheet-toggled', sheet: Sheet | null}
 *   | {type: 'panel-toggled', open: boolean}
 *   | {type: 'dropping', over: boolean}
 *   | {type: 'mask-style-toggled'}
 *   | {type: 'masks-toggled'}
 *   | {type: 'picture-toggled'}
 *   | {type: 'layers-chosen', layers: Layers}
 *   | {type: 'opacity-chosen', opacity: number}
 *   | {type: 'invert-toggled'}
 *   | {type: 'smooth-toggled'}
 *   | {type: 'pointed', at: Point | null}
 *   | {type: 'probed', at: Point, value: number | null}
 *   | {type: 'window-dragged', window: GreyWindow}
 *   | {type: 'window-kept', merge: boolean}
 *   | {type: 'preset-chosen', preset: Preset}
 *   | {type: 'masks-renewed'}
 *   | {type: 'pixel-sized', mm: number | null}
 *   | {type: 'windowed', id: number, picture: ImageData}
 *   | {type: 'window-settled', turn: number}
 *   | {type: 'theme-toggled'}
 *   | {type: 'locale-chosen', locale: Locale}
 *   | {type: 'mode-chosen', mode: Mode}
 *   | {type: 'class-chosen', choice: ClassChoice}
 *   | {type: 'rival-chosen', choice: ClassChoice | null}
 *   | {type: 'rival-made', id: number, mask: Omit<Mask, 'key'>, agreement: Comparison}
 *   | {type: 'anchor-set', at: Point | null}
 *   | {type: 'drafted', id: number | null, verb: Draft['verb'], box: Box}
 *   | {type: 'draft-kept'}
 *   | {type: 'draft-dropped'}
 *   | {type: 'selected', id: number | null}
 *   | {type: 'hovered', id: number | null}
 *   | {type: 'select-next', step: 1 | -1}
 *   | {type: 'nudged', dx: number, dy: number, resize: boolean}
 *   | {type: 'box-placed'}
 *   | {type: 'removed', id: number}
 *   | {type: 'all-removed'}
 *   | {type: 'renamed', id: number, name: string}
 *   | {type: 'visibility-toggled', id: number}
 *   | {type: 'lock-toggled', id: number}
 *   | {type: 'duplicated', id: number}
 *   | {type: 'pen-used'}
 *   | {type: 'brush-sized', factor: number}
 *   | {type: 'brush-chosen', px: number}
 *   | {type: 'brush-at', at: Point | null}
 *   | {type: 'brush-moved', dx: number, dy: number}
 *   | {type: 'brush-pressed'}
 *   | {type: 'verb-swapped'}
 *   | {type: 'lasso-verb-chosen', verb: Stroke['verb']}
 *   | {type: 'stroke-begun', shape: Stroke['shape'], verb: Stroke['verb'], at: Point}
 *   | {type: 'stroke-moved', points: readonly Point[]}
 *   | {type: 'stroke-kept'}
 *   | {type: 'refine-asked', how: Refinement}
 *   | {type: 'refined', id: number, mask: Omit<Mask, 'key' | 'score'>}
 *   | {type: 'mask-reset', id: number}
 *   | {type: 'undo'}
 *   | {type: 'redo'}
 *   | {type: 'save-asked', what: ExportKind}
 *   | {type: 'escape'}} Action
 */

/**
 * What `update` asks the outside to do. Answers come back as actions.
 * @typedef {{type: 'load-model', entry: ModelEntry}
 *   | {type: 'fetch-picture', id: number, url: string}
 *   | {type: 'open', id: number, source: Source}
 *   | {type: 'encode', id: number, size: Extent}
 *   | {type: 'segment', id: number, size: Extent, boxes: readonly Box[], mode: Mode, classChoice: ClassChoice, isDraft: boolean}
 *   | {type: 'window', id: number, window: GreyWindow, size: Extent}
 *   | {type: 'rival', id: number, size: Extent, box: Box, mode: Mode, choice: ClassChoice, mask: Pick<Mask, 'region' | 'bytes'>}
 *   | {type: 'settle-later', turn: number}
 *   | {type: 'probe', at: Point}
 *   | {type: 'export', id: number, what: ExportKind, name: string, fileName: string, size: Extent, items: readonly (Item & {mask: Mask})[], rows: readonly CsvRow[], session: Session, pictures: readonly SavedPicture[]}
 *   | {type: 'cancel', ids: readonly number[]}
 *   | {type: 'measure', id: number, masks: readonly Mask[]}
 *   | {type: 'compare', id: number, size: Extent, pairs: readonly MaskPair[]}
 *   | {type: 'look', id: number, source: Source, picture: Extent & {name: string}, wish: LookJob['wish']}
 *   | {type: 'copy', words: string}
 *   | {type: 'read-session', blob: Blob}
 *   | {type: 'keep', session: Session, aside: readonly Session[], shelved: boolean, series: readonly Source[]}
 *   | {type: 'forget'}
 *   | {type: 'let-go'}
 *   | {type: 'recognise', old: readonly Source[], files: readonly Source[]}
 *   | {type: 'drop', ids: readonly number[]}
 *   | {type: 'refine', id: number, size: Extent, mask: Mask, how: Refinement}
 *   | {type: 'reload'}
 *   | {type: 'install'}
 *   | {type: 'tick-later'}
 *   | {type: 'remember', settings: Settings}} Effect
 */

/** @typedef {{locale: Locale, theme: Theme, mode: Mode, modelName: string | null, encodeMs: Readonly<Record<string, number>>, hintSeen: boolean, invert: boolean, smooth: boolean, opacity: number}} Settings  kept in the browser */

/**
 * The wasm module's exports as `src/wasm.rs` gives them. One instance holds one model and one open picture; all but
 * `default` throw errors with `code` and `hint`.
 * @typedef {object} Core
 * @property {(options: {module_or_path: WebAssembly.Module}) => Promise<{memory: WebAssembly.Memory}>} default
 * @property {(manifest: string, encoder: Uint8Array, decoder: Uint8Array, sums?: {encoder: string, decoder: string}) => Omit<ModelInfo, 'sha256'>} loadModel  sums: SHA-256, where they are known already
 * @property {(source: Uint8Array | ImageData) => {width: number, height: number, format: string, bits: number, hasMore: boolean, window: GreyWindow | null, valueRange: ValueRange, pixelMm: PixelMm | null}} open
 * @property {() => Uint8ClampedArray<ArrayBuffer>} pixels  RGBA
 * @property {() => {probabilities: number[] | null, ms: number}} encode
 * @property {(level: number, width: number) => void} setWindow  of what is shown and segmented; masks that were made stay
 * @property {(view: import('./protocol.js').ViewRect) => import('./protocol.js').KeptView | undefined} keptView
 * @property {(view: import('./protocol.js').ViewRect, kept: import('./protocol.js').KeptView) => void} adoptView
 * @property {(width: number, height: number, boxes: Float64Array, mode: Mode, known: readonly import('./protocol.js').ViewRect[]) => import('./protocol.js').Part[]} plan
 * @property {(boxes: Float64Array, options: {mode: Mode, class: ClassChoice, view: import('./protocol.js').ViewRect, probabilities?: readonly number[]}) => {objects: CoreObject[], encodes: number, tiles: number}} segment
 * @property {(width: number, height: number, objects: readonly ExportObject[]) => Uint8Array<ArrayBuffer>} labelPng
 * @property {(objects: readonly ExportObject[]) => Uint8Array<ArrayBuffer>} overlayPng  on the open picture
 * @property {(width: number, height: number, fileName: string | undefined, objects: readonly ExportObject[]) => Uint8Array<ArrayBuffer>} cocoJson
 * @property {(width: number, height: number, objects: readonly ExportObject[]) => Uint8Array<ArrayBuffer>} npzSegs
 * @property {(m: number, k: number, n: number) => string} matrixKernel  the engine's for m × k by k × n, on this machine
 * @property {() => string} siluKernel  what computes SiLU
 * @property {(width: number, height: number, object: CoreMask, how: Refinement) => CoreMask & {areaPx: number}} refine
 * @property {(objects: readonly CoreMask[]) => Measures[]} measure  on the open picture
 * @property {(width: number, height: number, object: CoreMask, reference: CoreMask) => Comparison} compare
 * @property {(bytes: Uint8Array, width: number, height: number) => (CoreMask & {id: number, areaPx: number})[]} readLabels
 * @property {(bytes: Uint8Array, width: number, height: number, name: string) => {boxes: [number, number, number, number][], takenFrom: string | null}} readBoxes  inside the picture, with fractions where the file has them; takenFrom: what the file calls the picture, where it was taken for its size alone
 */
/** @typedef {{region: Mask['region'], mask: Uint8Array}} CoreMask */
/** @typedef {CoreMask & {box: Box, score: number, areaPx: number}} CoreObject */
/** @typedef {CoreMask & {box: Box, score: number | null, name?: string, colour?: number}} ExportObject  to be written; score: null where a person has made the mask; colour: index into the palette, the place in the list where it is left out */
/** @typedef {'fill-holes' | 'largest-part' | 'smooth'} Refinement */

/** @typedef {{dsc: number | null, nsd: number | null, nsdContour: number | null, missedPx: number, extraPx: number}} Comparison  scores from 0 to 1, null for two empty masks */
/** @typedef {{x: number, y: number}} PixelMm  sides of a pixel */
/** @typedef {{min: number, max: number}} ValueRange  what a window can usefully show: 0 to 255 for pictures of eight bits */

/**
 * What is measured of one object. Lengths run between pixel outlines, mm are null while the picture's spacing is unknown.
 * @typedef {object} Measures
 * @property {number} areaPx
 * @property {number | null} areaMm2
 * @property {Segment | null} longest  the longest diameter; null for an empty mask
 * @property {Segment | null} perpendicular  the longest chord at a right angle to it
 * @property {number | null} mean  of the stored values, of the luminance in colour pictures; null for an empty mask
 * @property {number | null} sd
 * @property {number | null} min
 * @property {number | null} max
 */
/** @typedef {{from: Point, to: Point, px: number, mm: number | null}} Segment  ends in image pixels, with fractions */

export {}
