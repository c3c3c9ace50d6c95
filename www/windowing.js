/**
 * The window: which range of stored values is shown from black to white. A person drags it and sees it at once through a
 * look-up; the picture itself comes from the core, and is encoded again, because the model sees what the person sees.
 */

/** @import {Effect, GreyWindow, Item, Job, Preset, Slice, State, Study} from './types.js' */

import {clamp} from './geometry.js'
import {commit} from './history.js'
import {endJob, jobAnswered, jobOfKind, nextJobId, startJob} from './jobs.js'
import {changeSlice, currentItems, currentSlice, isEdited, maskKey} from './work.js'

/** Eight bits shown as they are. @type {GreyWindow} */
export const WINDOW_8_BIT = {level: 127.5, width: 255}

/** In Hounsfield units, as radiologists set them. @type {Readonly<Partial<Record<Preset, GreyWindow>>>} */
const HOUNSFIELD = {
  soft: {level: 40, width: 400},
  lung: {level: -600, width: 1500},
  bone: {level: 480, width: 2500},
  brain: {level: 40, width: 80},
}

/** In the order of their keys, 1 to 6. @type {readonly Preset[]} */
export const PRESETS = ['soft', 'lung', 'bone', 'brain', 'auto', 'full']

/** A new encode and its worker cost about this much more than letting one that is nearly done come to its end. */
const RESTART_MS = 1500

/** Larger pictures come from the core when the hand lets go; until then the look-up alone shows them. */
const LIVE_PX_MAX = 4_000_000

/** @param {GreyWindow} a @param {GreyWindow} b */
export const sameWindow = (a, b) => a.level === b.level && a.width === b.width

/** The window that the picture is to be seen through now. @param {State} state @param {Study} study @returns {GreyWindow} */
export const wantedWindow = (state, study) => state.windowDraft ?? study.work.window ?? currentSlice(study).openedWindow

/** Whether stored values can be Hounsfield units: eight bits cannot hold them. @param {Slice} slice */
export const canBeHounsfield = (slice) => slice.stored

/**
 * What a preset means for a picture; null where it means nothing.
 * @param {Slice} slice @param {Preset} preset @returns {GreyWindow | null}
 */
export function presetWindow(slice, preset) {
  if (preset === 'auto') return slice.stored ? slice.openedWindow : percentileWindow(slice.opened)
  if (preset === 'full') {
    if (!slice.stored) return WINDOW_8_BIT
    return slice.valueRange.max > slice.valueRange.min ? windowOf(slice.valueRange.min, slice.valueRange.max) : null
  }
  const wished = canBeHounsfield(slice) ? HOUNSFIELD[preset] : undefined
  const {min, max} = slice.valueRange
  // Where all values are white, or all black, they are of another scale.
  return wished && Math.abs((min + max) / 2 - wished.level) < (max - min + wished.width) / 2 ? wished : null
}

/** @param {number} low shown black @param {number} high shown white @returns {GreyWindow} */
const windowOf = (low, high) => ({level: (low + high) / 2, width: high - low})

/** Pictures are sampled for their percentiles, as these do not need every pixel. */
const SAMPLES_MAX = 1_000_000

/** @type {WeakMap<ImageData, GreyWindow>} */
const percentiles = new WeakMap()

/**
 * Between the 0.5 and the 99.5 percentile of the levels of an 8-bit picture, zeros left out: the rule by which the core
 * opens pictures with more bits.
 * @param {ImageData} picture @returns {GreyWindow}
 */
export function percentileWindow(picture) {
  const known = percentiles.get(picture)
  if (known) return known
  const counts = new Uint32Array(256)
  const {data} = picture
  const step = 4 * Math.max(1, Math.floor(data.length / 4 / SAMPLES_MAX))
  for (let i = 0; i < data.length; i += step) {
    for (let channel = 0; channel < 3; channel++) counts[/** @type {number} */ (data[i + channel])]++
  }
  counts[0] = 0
  const total = counts.reduce((sum, count) => sum + count, 0)
  const at = (/** @type {number} */ share) => {
    let left = Math.round(share * (total - 1))
    return counts.findIndex((count) => (left -= count) < 0)
  }
  const [low, high] = total > 0 ? [at(0.005), at(0.995)] : [0, 255]
  const found = high > low ? windowOf(low, high) : windowOf(0, Math.max(high, 1))
  percentiles.set(picture, found)
  return found
}

/** Within what level and width can be set. @param {Slice} slice @returns {{min: number, max: number, least: number}} least: width */
export function windowBounds({stored, valueRange: {min, max}}) {
  if (!stored) return {min: 0, max: 255, least: 1}
  // Presets lie within, whatever the picture holds.
  const isWhole = max - min > 50
  return isWhole ? {min: Math.min(min, -1350), max: Math.max(max, 1730), least: 1} : {min, max, least: (max - min) / 1000 || 1e-6}
}

/** Cut to what can be set, in steps that can be read. @param {GreyWindow} wished @param {Slice} slice @returns {GreyWindow} */
export function tidyWindow({level, width}, slice) {
  const {min, max, least} = windowBounds(slice)
  const step = windowStep(slice)
  const round = (/** @type {number} */ value) => Number((Math.round(value / step) * step).toPrecision(12))
  return {level: clamp(round(level), min, max), width: clamp(round(width), least, Math.max(least, 2 * (max - min)))}
}

/** @param {Slice} slice @returns {number} a power of ten, 1 for whole numbers */
export function windowStep(slice) {
  const {min, max} = windowBounds(slice)
  return max - min > 50 ? 1 : 10 ** Math.floor(Math.log10((max - min || 1) / 500))
}

/** So many CSS pixels to the right double the width, and so many downwards move the level by half of it. */
const DRAG_PX = 150

/**
 * To the right is wider, down is a higher level, which is darker.
 * @param {GreyWindow} start @param {number} dx CSS pixels since the press @param {number} dy @param {Slice} slice @returns {GreyWindow}
 */
export const dragWindow = (start, dx, dy, slice) =>
  tidyWindow({level: start.level + (dy / DRAG_PX) * (start.width / 2), width: start.width * 2 ** (dx / DRAG_PX)}, slice)

/**
 * The grey level through `to` for each that was shown through `from`.
 * @param {GreyWindow} from @param {GreyWindow} to @returns {Uint8ClampedArray}
 */
export function lookup(from, to) {
  const table = new Uint8ClampedArray(256) // rounds and cuts
  const low = to.level - to.width / 2
  for (let grey = 0; grey < 256; grey++) table[grey] = ((valueOfGrey(grey, from) - low) / to.width) * 255
  return table
}

/** The stored value in the middle of those shown as a grey level. @param {number} grey 0 to 255 @param {GreyWindow} window */
export const valueOfGrey = (grey, {level, width}) => level + (grey / 255 - 0.5) * width

/** @param {State} state @param {GreyWindow} wished @returns {State} */
export function windowDragged(state, wished) {
  const {study} = state
  return study ? {...state, windowDraft: tidyWindow(wished, currentSlice(study))} : state
}

/**
 * The window under the hand becomes a step of the work.
 * @param {State} state @param {{merge: boolean}} options  merge: it continues the last step @returns {[State, Effect[]]}
 */
export function windowKept(state, {merge}) {
  const {windowDraft} = state
  return windowDraft ? windowChosen({...state, windowDraft: null}, windowDraft, {merge}) : [state, []]
}

/** @param {State} state @param {Preset} preset @returns {[State, Effect[]]} */
export function presetChosen(state, preset) {
  if (!state.study) return [state, []]
  const wished = presetWindow(currentSlice(state.study), preset)
  if (!wished) return [{...state, notice: {key: preset === 'full' ? 'notice.noRange' : 'notice.noHounsfield'}}, []]
  return windowChosen({...state, windowDraft: null}, wished)
}

/** @param {State} state @param {GreyWindow} wished @param {{merge?: boolean}} [options] @returns {[State, Effect[]]} */
function windowChosen(state, wished, {merge = false} = {}) {
  const {study} = state
  if (!study || sameWindow(wantedWindow(state, study), wished)) return [state, []]
  const chosen = sameWindow(wished, currentSlice(study).openedWindow) ? null : wished
  const label = {key: /** @type {const} */ ('undo.window'), values: {by: merge ? 'step' : 'hand'}}
  const turn = state.lastTurn + 1
  const next = {...state, study: commit(study, {...study.work, window: chosen}, label, {merge}), notice: null, settling: turn, lastTurn: turn}
  const [free, effects] = withoutOldEncode(next)
  return [free, [...effects, {type: 'settle-later', turn}]]
}

/**
 * An encode that is under way sees the picture as it was. It is ended where waiting for it would take longer.
 * @param {State} state @returns {[State, Effect[]]}
 */
function withoutOldEncode(state) {
  const job = jobOfKind(state, 'encode')
  if (!state.study || !job) return [state, []]
  const expected = state.encodeMs[state.modelName ?? ''] ?? Infinity
  const elapsed = job.startedMs === null ? 0 : state.nowMs - job.startedMs
  if (expected - elapsed < RESTART_MS) return [state, []]
  return [{...endJob(state, job.id), study: changeSlice(state.study, {encoding: 'waiting'})}, [{type: 'cancel', ids: [job.id]}]]
}

/** @param {State} state @param {number} turn @returns {State} */
export const windowSettled = (state, turn) => (state.settling === turn ? {...state, settling: null} : state)

/**
 * Whether the picture in the core is not the one that is looked at, or may soon not be.
 * @param {State} state @param {Study} study
 */
export const isWindowMoving = (state, study) =>
  state.windowDraft !== null || state.settling !== null || !sameWindow(wantedWindow(state, study), currentSlice(study).window)

/** Jobs that change the core's picture, or see it as it is. @type {readonly Job['kind'][]} */
const HOLD_WINDOW = ['window', 'encode', 'segment', 'rival']

/**
 * Asks the core for the picture through the window that is wanted. One answer is under way at a time; what the window has
 * become by then is asked for next. An encode holds the picture as it is, and so do masks that are being made: all of a list
 * are made through one window.
 * @param {State} state @returns {[State, Effect[]] | null}
 */
export function nextWindow(state) {
  const {study} = state
  if (!study || HOLD_WINDOW.some((kind) => jobOfKind(state, kind))) return null
  const slice = currentSlice(study)
  const wished = wantedWindow(state, study)
  const isLarge = slice.width * slice.height > LIVE_PX_MAX
  if (sameWindow(wished, slice.window) || (state.windowDraft && isLarge)) return null
  const id = nextJobId(state)
  const size = {width: slice.width, height: slice.height}
  return startJob(state, {kind: 'window', id, startedMs: null, window: wished}, {type: 'window', id, window: wished, size})
}

/** @param {State} state @param {{id: number, picture: ImageData}} answer @returns {State} */
export function windowed(state, {id, picture}) {
  const job = jobAnswered(state, 'window', id)
  if (!job) return state
  const idle = endJob(state, id)
  const change = {picture, window: job.window, encoding: /** @type {const} */ ('waiting')}
  if (state.study) return {...idle, study: changeSlice(state.study, change)}
  // Who has closed the picture meanwhile finds it as the core has it.
  return state.shelved ? {...idle, shelved: changeSlice(state.shelved, change)} : idle
}

/**
 * Objects whose masks were made while the picture was seen through another window. Those that a person has changed or
 * locked are their own affair.
 * @param {State} state @returns {Item[]}
 */
export function otherWindowItems(state) {
  const {study} = state
  if (!study) return []
  const {window: shown} = currentSlice(study)
  return currentItems(study).filter((item) => item.mask?.window && !item.locked && !isEdited(item) && !sameWindow(item.mask.window, shown))
}

/** Has these masks made again, through the window of now. @param {State} state @returns {State} */
export function masksRenewed(state) {
  const {study} = state
  const old = new Set(otherWindowItems(state).map(({id}) => id))
  if (!study || old.size === 0) return state
  const items = study.work.items.map((item) => (item.mask && old.has(item.id) ? {...item, mask: {...item.mask, key: ''}} : item))
  const refused = state.refused.filter((key) => !study.work.items.some((item) => old.has(item.id) && maskKey(state, item.box) === key))
  return {...state, refused, notice: null, study: commit(study, {...study.work, items}, {key: 'undo.renew'})}
}

/** A window that the core refused is left. @param {State} state @returns {State} */
export function withoutWindow(state) {
  const {study} = state
  if (!study) return state
  const {window: shown, openedWindow} = currentSlice(study)
  const work = {...study.work, window: sameWindow(shown, openedWindow) ? null : shown}
  return {...state, windowDraft: null, study: {...study, work}}
}
