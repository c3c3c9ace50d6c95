/**
 * What a person asked to save: when it can be made, and what is said when it cannot be. Pure, like `update`, which it
 * belongs to.
 */

/** @import {CoreExportKind, Effect, ExportKind, ExportObject, Item, Label, Mask, SavedPicture, State} from './types.js' */

import {csvRows, isCompared} from './compare.js'
import {modelScore} from './correct.js'
import {exportName} from './export-name.js'
import {jobOfKind, nextJobId, startJob} from './jobs.js'
import {isMeasured, withMask} from './measure.js'
import {firstNames, savedPictures} from './series.js'
import {sessionOf} from './session.js'
import {makeWay} from './stopping.js'
import {currentItems, currentSlice, progressOf} from './work.js'

/**
 * Saving is asked for. It is of the picture that is seen: one that is being opened waits for it, as the core holds one only.
 * @param {State} state @param {ExportKind} what @returns {[State, Effect[]]}
 */
export function saveAsked(state, what) {
  if (!state.study) return [{...state, menu: null, notice: {key: 'notice.nothingToSave'}}, []]
  const opening = jobOfKind(state, 'open')
  const [idle, effects] = makeWay(state, ({kind}) => kind === 'open')
  const saving = state.saving.includes(what) ? state.saving : [...state.saving, what]
  // Between two clicks no hand holds the box that is begun.
  const free = idle.anchor ? {...idle, anchor: null, draft: null} : idle
  return [{...free, menu: null, notice: null, pending: opening?.source ?? state.pending, saving}, effects]
}

/** Whether something is being saved, or waits to be: another picture would take away what it is made of. @param {State} state */
export const isSaving = ({study, saving, jobs}) => (study !== null && saving.length > 0) || jobs.some(({kind}) => kind === 'export')

/** Saving waits until every mask is up to date. @param {State} state @returns {[State, Effect[]] | null} */
export function nextExport(state) {
  const {study} = state
  if (!study || state.draft || state.stroke || jobOfKind(state, 'segment') || jobOfKind(state, 'refine')) return null
  const items = withMask(study.work.items)
  const pictures = state.saving.includes('series') ? savedPictures(state).filter((one) => one.items.length > 0) : []
  const isEmpty = (/** @type {ExportKind} */ what) =>
    (what === 'series' ? pictures : items).length === 0 && what !== 'session' && !masksToCome(state)
  const what = state.saving.find((one) => isEmpty(one) || canBeMade(state, one))
  if (!what) return null
  const next = {...state, saving: state.saving.filter((one) => one !== what)}
  if (isEmpty(what)) return [{...next, notice: {key: 'notice.nothingToSave'}}, []]
  const id = nextJobId(state)
  const {width, height} = currentSlice(study)
  const name = exportName(study.source.name, what)
  const effect = /** @type {Effect} */ ({
    type: 'export', id, what, name, fileName: study.source.name, size: {width, height}, items, rows: csvRows(state), session: sessionOf(state), pictures,
  })
  return startJob(next, {kind: 'export', id, startedMs: null, what}, effect)
}

/**
 * Whether a model that is still being loaded will make masks. One that does not load makes none: then what is there can
 * be saved.
 * @param {State} state
 */
const masksToCome = (state) =>
  state.modelComes && state.study !== null && currentItems(state.study).some((item) => progressOf(state, item) === 'pending')

/**
 * A session holds what is there. All else waits for masks, a table for what is measured too, a picture for the model,
 * without which the core opens none.
 * @param {State} state @param {ExportKind} what
 */
function canBeMade(state, what) {
  if (what !== 'session' && masksToCome(state)) return false
  if ((what === 'csv' || what === 'zip') && !(isMeasured(state) && isCompared(state))) return false
  return state.model !== null || (what !== 'overlay' && what !== 'zip')
}

/** What is in a file: all objects, but on the picture only those that the page shows. @param {readonly (Item & {mask: Mask})[]} items @param {boolean} isOverlay */
const written = (items, isOverlay) => (isOverlay ? items.filter(({visible}) => visible) : items)

/** Objects as the core writes them. @param {readonly (Item & {mask: Mask})[]} items @param {CoreExportKind} what @returns {ExportObject[]} */
export const exportObjects = (items, what) =>
  written(items, what === 'overlay').map(({box, name, colour, mask}) => ({
    box, name, colour, score: modelScore(mask), region: mask.region, mask: mask.bytes,
  }))

/** The names of the files that wait to be saved. @param {State} state */
export const waitingNames = ({study, saving}) => saving.map((what) => exportName(study?.source.name ?? '', what)).join(', ')

/** What waited to be saved cannot be made any more, and that is said. @param {State} state @returns {State} */
export const withoutSaving = (state) =>
  state.study && state.saving.length > 0 ? {...state, saving: [], note: {kind: 'unsaved', names: waitingNames(state)}} : state

/** What waited for masks that do not come. A session holds what is there. @param {State} state @returns {State} */
export function withoutMasks(state) {
  const isSession = (/** @type {ExportKind} */ what) => what === 'session'
  const rest = withoutSaving({...state, saving: state.saving.filter((what) => !isSession(what))})
  return {...rest, saving: state.saving.filter(isSession)}
}

/** What holds one number a pixel, so that of two objects that lie on each other the later one is seen. @type {readonly ExportKind[]} */
const LABEL_MAPS = ['label', 'npz', 'zip']

/**
 * The objects of which others cover more than half in a label map.
 * @param {readonly (Item & {mask: Mask})[]} items in their order @param {{width: number, height: number}} size @returns {number[]} ids
 */
export function coveredIn(items, {width, height}) {
  const places = new Uint16Array(width * height)
  items.forEach(({mask: {region: [x0, y0, columns], bytes}}, i) => {
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at]) places[(y0 + Math.floor(at / columns)) * width + x0 + (at % columns)] = i + 1
    }
  })
  const left = new Uint32Array(items.length + 1)
  for (const place of places) left[place]++
  return items.filter(({mask}, i) => /** @type {number} */ (left[i + 1]) < mask.areaPx / 2).map(({id}) => id)
}

/** @param {State} state @param {string} name @returns {Label | null} */
export function savedNotice(state, name) {
  const study = state.study ?? state.shelved
  if (!study) return null
  if (name === exportName('', 'series')) return seriesNotice(savedPictures(state), name)
  const {width, height} = currentSlice(study)
  const items = written(withMask(study.work.items), name === exportName(study.source.name, 'overlay'))
  const n = items.length
  const stale = name === exportName(study.source.name, 'session') ? [] : items.filter((item) => progressOf(state, item) === 'refused')
  if (stale.length > 0) return {key: 'notice.savedStale', values: {name, ids: stale.map(({id}) => id).join(', ')}}
  const isLabelMap = LABEL_MAPS.some((what) => name === exportName(study.source.name, what))
  const covered = isLabelMap ? coveredIn(items, {width, height}) : []
  if (covered.length > 0) return {key: 'notice.savedCovered', values: {name, ids: covered.join(', ')}}
  return {key: n === 1 ? 'notice.saved.one' : 'notice.saved.other', values: {name, n, width, height}}
}

/** @param {readonly SavedPicture[]} pictures @param {string} name @returns {Label} */
function seriesNotice(pictures, name) {
  const late = pictures.filter(({isWhole}) => !isWhole).map(({fileName}) => fileName)
  if (late.length > 0) return {key: 'notice.savedSeriesLate', values: {name, names: firstNames(late)}}
  const covered = pictures.filter(({items, size}) => anyMeet(items) && coveredIn(items, size).length > 0).map(({fileName}) => fileName)
  if (covered.length > 0) return {key: 'notice.savedSeriesCovered', values: {name, names: firstNames(covered)}}
  const n = pictures.reduce((sum, {items}) => sum + items.length, 0)
  return {key: 'notice.savedSeries', values: {name, pictures: pictures.length, n}}
}

/** Whether the regions of two masks meet: only then can one cover the other. @param {readonly (Item & {mask: Mask})[]} items */
const anyMeet = (items) => items.some(({mask: {region: [x, y, width, height]}}, i) => items.slice(i + 1).some(({mask: {region: [left, top, columns, rows]}}) =>
  left < x + width && x < left + columns && top < y + height && y < top + rows))
