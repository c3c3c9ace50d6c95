/**
 * A study as it is kept, in a session file or in the browser: between the state and plain values that JSON can hold.
 * What comes from a file is hostile until it has been read.
 */

/** @import {Box, Extent, GreyWindow, Item, Mask, ModelId, Session, State, Study, Work} from './types.js' */

import {changeEverywhere} from './history.js'
import {isPixelMm} from './measure.js'
import {PageError} from './protocol.js'
import {fromRunLengths, packMask, runLengths} from './runs.js'
import {currentSlice, maskKey, progressOf} from './work.js'

/** The form that is written. A reader refuses a later one. */
export const SESSION_VERSION = 1
/** Of a file's name with its folders, letters from its end. */
const NAME_MAX = 400
/** No picture that medbox opens is larger, so no mask is either. */
const PIXELS_MAX = 150e6
const ITEMS_MAX = 65_535
/** What the masks of a session take together, a byte for each pixel of their regions: a few letters can ask for all of a machine. */
const MASK_BYTES_MAX = 2 ** 30

/** @param {State} state @returns {Session | null} null where nothing is open */
export function sessionOf(state) {
  const {study, model, mode} = state
  if (!study) return null
  const {width, height} = currentSlice(study)
  const id = model && {name: model.name, sha256: model.sha256}
  const refused = study.work.items.filter((item) => progressOf(state, item) === 'refused').map((item) => item.id)
  return {source: study.source, size: {width, height}, work: study.work, sliceIdx: study.sliceIdx, mode, model: id, refused}
}

/** Whether something was made that is worth keeping. What was undone is: without it, what was kept before would come back. @param {State} state */
export const isWorth = ({study}) => study !== null && (study.work.items.length > 0 || study.past.length > 0 || study.future.length > 0)

/** Whether two states would be kept as different sessions. @param {State} a @param {State} b */
export function keepsOther(a, b) {
  return (
    a.study?.source !== b.study?.source || a.study?.work !== b.study?.work || a.study?.sliceIdx !== b.study?.sliceIdx ||
    a.mode !== b.mode || a.model !== b.model || a.refused !== b.refused
  )
}

/**
 * The session as JSON can hold it, without the picture's bytes.
 * @param {Session} session
 */
export function writeSession({source, size, work, sliceIdx, mode, model, refused}) {
  return {
    medbox: SESSION_VERSION,
    picture: {name: source.name.slice(-NAME_MAX), type: source.blob.type, ...size, demo: source.demo},
    model,
    mode,
    sliceIdx,
    classChoice: work.classChoice,
    window: work.window,
    pixelMm: work.pixelMm,
    refused,
    lastItemId: work.lastItemId,
    items: work.items.map(({mask, ...item}) => ({...item, mask: mask && writeMask(mask)})),
  }
}

/** @param {Mask} mask  runs: lengths of background and mask by turns, row after row of the region */
function writeMask(mask) {
  const {region, packed, score, key, window} = packMask(mask) // The history folds it too, once for both.
  return {region, runs: [...(packed instanceof Uint32Array ? packed : runLengths(packed))], score, key, window}
}

/**
 * A session from what `writeSession` made. Throws a PageError with what is wrong where it was not made so.
 * @param {unknown} value @param {Blob} picture the picture's original bytes @returns {Session}
 */
export function readSession(value, picture) {
  const record = object(value, 'the session')
  const version = whole(record.medbox, 'its version')
  if (version > SESSION_VERSION) throw new PageError('page.session-newer', String(version))
  const told = object(record.picture, 'its picture')
  const size = {width: whole(told.width, 'the width'), height: whole(told.height, 'the height')}
  if (size.width * size.height > PIXELS_MAX) throw wrong(`the picture has ${size.width} × ${size.height} pixels`)
  const rows = list(record.items, 'the objects')
  if (rows.length > ITEMS_MAX) throw wrong(`it has ${rows.length} objects`)
  // Before the first of them is made.
  const bytes = rows.reduce((/** @type {number} */ sum, /** @type {any} */ item) => sum + Math.abs(item?.mask?.region?.[2] * item?.mask?.region?.[3] || 0), 0)
  if (bytes > MASK_BYTES_MAX) throw wrong(`its masks take more than ${MASK_BYTES_MAX} bytes`)
  const found = rows.flatMap((item, i) => readItem(item, i + 1, size) ?? [])
  const [items, lastItemId] = numbered(found, whole(record.lastItemId, 'the last number'))
  const window = readWindow(record.window)
  const pixelMm = record.pixelMm ?? null // Earlier pages did not ask.
  if (pixelMm !== null && !isPixelMm(pixelMm)) throw wrong('the size of a pixel is none')
  const work = /** @type {Work} */ ({items, lastItemId, classChoice: text(record.classChoice, 'the modality', 40), window, pixelMm})
  if (record.mode !== 'default' && record.mode !== 'challenge') throw wrong(`there is no mode “${String(record.mode).slice(0, 40)}”`)
  if (record.sliceIdx !== 0) throw wrong('it speaks of a slice that pictures do not have')
  return {
    source: {blob: picture, name: text(told.name, 'the file name', 10_000).slice(-NAME_MAX), demo: readDemo(told.demo, size)},
    size,
    work,
    sliceIdx: 0,
    mode: record.mode,
    model: record.model === null ? null : readModel(record.model),
    refused: readRefused(record.refused ?? []), // Earlier pages did not tell.
  }
}

/**
 * The objects, and the highest number of all. Earlier pages could give two objects one number: the later one gets another.
 * @param {readonly Item[]} items @param {number} last  that was told @returns {[Item[], number]}
 */
function numbered(items, last) {
  last = items.reduce((highest, {id}) => Math.max(highest, id), last)
  const ids = new Set()
  const one = (/** @type {Item} */ item) => {
    const id = ids.has(item.id) ? ++last : item.id
    ids.add(id)
    return {...item, id}
  }
  return [items.map(one), last]
}

/**
 * An object; null for one whose box lies beyond the picture. Earlier pages kept boxes that a hand had dragged from one
 * picture onto the next, and the work beside them is not to be lost.
 * @param {unknown} value @param {number} n @param {Extent} size @returns {Item | null}
 */
function readItem(value, n, size) {
  const item = object(value, `object ${n}`)
  const box = readBox(item.box, `the box of object ${n}`)
  if (!isWithin(box, size)) return null
  return {
    id: whole(item.id, `the number of object ${n}`),
    name: text(item.name, `the name of object ${n}`, 80),
    colour: whole(item.colour, `the colour of object ${n}`),
    sliceIdx: 0,
    box,
    visible: item.visible !== false,
    locked: item.locked === true,
    mask: item.mask === null ? null : readMask(item.mask, n, size),
  }
}

/** @param {unknown} value @param {string} what @returns {Box} */
function readBox(value, what) {
  const sides = list(value, what).map((side) => whole(side, what))
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = sides
  if (sides.length !== 4 || x0 > x1 || y0 > y1) throw wrong(`${what} has not its four sides in order`)
  return [x0, y0, x1, y1]
}

/** @param {Box} box @param {Extent} size */
const isWithin = ([, , x1, y1], {width, height}) => x1 <= width && y1 <= height

/** @param {unknown} value @param {number} n @param {Extent} size @returns {Mask} */
function readMask(value, n, size) {
  const what = `the mask of object ${n}`
  const mask = object(value, what)
  const [x = 0, y = 0, width = 0, height = 0, ...more] = list(mask.region, what).map((side) => whole(side, what))
  if (more.length > 0 || x + width > size.width || y + height > size.height) throw wrong(`${what} does not lie in the picture`)
  const runs = list(mask.runs, what).map((run) => whole(run, what))
  if (runs.reduce((sum, run) => sum + run, 0) !== width * height) throw wrong(`${what} does not fill its region`)
  const bytes = fromRunLengths(Uint32Array.from(runs), width * height)
  const areaPx = runs.reduce((sum, run, i) => sum + (i % 2 === 1 ? run : 0), 0)
  const score = typeof mask.score === 'number' && mask.score >= 0 && mask.score <= 1 ? mask.score : 0
  const window = readWindow(mask.window)
  return {region: [x, y, width, height], bytes, areaPx, score, key: text(mask.key, what, 400), ...(window && {window})}
}

/** @param {unknown} value @returns {GreyWindow | null} null: none is told */
function readWindow(value) {
  if (value === null || value === undefined) return null
  const {level, width} = object(value, 'the window')
  if (typeof level !== 'number' || typeof width !== 'number' || !Number.isFinite(level) || !(width > 0 && width < Infinity)) {
    throw wrong('a window has no level or no width')
  }
  return {level, width}
}

/** @param {unknown} value @returns {number[]} */
function readRefused(value) {
  const ids = list(value, 'what was stopped')
  if (ids.length > ITEMS_MAX) throw wrong(`it has ${ids.length} objects`)
  return ids.map((id) => whole(id, 'what was stopped'))
}

/** @param {unknown} value @returns {ModelId} */
function readModel(value) {
  const model = object(value, 'its model')
  const {encoder, decoder} = object(model.sha256, 'the model’s sha256')
  return {name: text(model.name, 'the model’s name', 100), sha256: {encoder: text(encoder, 'a sha256', 64), decoder: text(decoder, 'a sha256', 64)}}
}

/** @param {unknown} value @param {Extent} size @returns {Session['source']['demo']} */
function readDemo(value, size) {
  if (value === null || value === undefined) return null
  const demo = object(value, 'the demo picture')
  const box = readBox(demo.box, 'the demo picture’s box')
  if (!isWithin(box, size)) throw wrong('the demo picture’s box does not lie in the picture')
  const word = (/** @type {string} */ key) => text(demo[key], `the demo picture’s ${key}`, 2000)
  return {
    file: word('file'),
    title: word('title'),
    modality: word('modality'),
    source: word('source'),
    licence: word('licence'),
    attribution: word('attribution'),
    box,
  }
}

/** @param {string} detail */
const wrong = (detail) => new PageError('page.session', detail)

/** @param {unknown} value @param {string} what @returns {Record<string, unknown>} */
function object(value, what) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${what} is missing`)
  return /** @type {Record<string, unknown>} */ (value)
}
/** @param {unknown} value @param {string} what @returns {unknown[]} */
function list(value, what) {
  if (!Array.isArray(value)) throw wrong(`${what} are missing`)
  return value
}
/** @param {unknown} value @param {string} what @param {number} longest @returns {string} */
function text(value, what, longest) {
  if (typeof value !== 'string' || value.length > longest) throw wrong(`${what} is no text of at most ${longest} letters`)
  return value
}
/** @param {unknown} value @param {string} what @returns {number} */
function whole(value, what) {
  if (!Number.isSafeInteger(value) || /** @type {number} */ (value) < 0) throw wrong(`${what} is no whole number`)
  return /** @type {number} */ (value)
}

/**
 * The state with a session's work in the study that was just opened from it. Masks stay as they were saved: where the
 * model of today is another, they count as its own until their box changes.
 * @param {State} state @param {Study} study freshly opened @param {Session} session @returns {State}
 */
export function withSession(state, study, session) {
  const {mode, model, sliceIdx} = session
  const shown = {...state, mode, study: {...study, sliceIdx, work: session.work}}
  const refused = new Set(session.refused)
  const stopped = session.work.items.filter(({id}) => refused.has(id))
  const restored = {...shown, refused: stopped.map(({box}) => maskKey(shown, box))}
  if (model?.name === state.model?.name) return restored
  const then = {...restored, model: state.model && {...state.model, name: model?.name ?? ''}}
  // Whether that model took the class is not known here: it was told the choice, or nothing.
  const tellings = [session.work.classChoice, 'auto']
  const items = session.work.items.map((item) => {
    const {mask} = item
    const wasUpToDate = mask !== null && tellings.some((told) => mask.key === maskKey(then, item.box, mode, told))
    return mask && wasUpToDate ? {...item, mask: {...mask, key: maskKey(restored, item.box), savedKey: mask.key}} : item
  })
  return {...restored, study: {...restored.study, work: {...session.work, items}}}
}

/**
 * Masks of a session that another model stood in for are their own model's again, as they were saved.
 * @param {State} state  with the model that was loaded @returns {State}
 */
export function withOwnMasks(state) {
  const {study} = state
  const isBack = (/** @type {Item} */ {box, mask}) => mask?.savedKey != null && mask.savedKey === maskKey(state, box)
  if (!study?.work.items.some(isBack)) return state
  const change = (/** @type {Work} */ work) => ({...work, items: work.items.map((item) =>
    (isBack(item) ? {...item, mask: {.../** @type {Mask} */ (item.mask), key: maskKey(state, item.box)}} : item))})
  return {...state, study: changeEverywhere(study, change)}
}

/** How the model of a session stands to the one that is loaded. @param {Session} session @param {State} state @returns {'same' | 'changed' | 'absent'} */
export function modelThen({model}, state) {
  if (!model || !state.model) return 'same'
  if (model.name !== state.model.name) return 'absent'
  const {encoder, decoder} = state.model.sha256
  return model.sha256.encoder === encoder && model.sha256.decoder === decoder ? 'same' : 'changed'
}
