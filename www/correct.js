/**
 * Masks as a person makes them: strokes of brush, eraser and lasso, and what the core does to a mask on request. A mask
 * that was changed stays as it was made until its box is, or until the model's is wanted back. Pure.
 */

/** @import {Action, Effect, Item, Label, Mask, MessageKey, Point, Refinement, State, Stroke} from './types.js' */

import {clamp, sameBox} from './geometry.js'
import {itemById, lockedNotice, newItem, withWork} from './items.js'
import {endJob, jobAnswered, jobOfKind, nextJobId, startJob} from './jobs.js'
import {afterStroke, boxOfRegion, sameRaster} from './raster.js'
import {changeItem, currentItems, currentSlice, editedKey, isEdited, isHandMade, maskKey, progressOf} from './work.js'

export const BRUSH_MAX_PX = 500
/** Part of the picture's longer side that a brush has at first. */
const BRUSH_SHARE = 1 / 40

/** Tools that draw a line under the pointer. @param {State['tool']} tool */
export const isStrokeTool = (tool) => tool === 'brush' || tool === 'eraser' || tool === 'lasso'

/** Diameter in whole image pixels. @param {State} state */
export function brushSize({brushPx, study}) {
  const picture = study && currentSlice(study)
  const suited = picture ? Math.max(picture.width, picture.height) * BRUSH_SHARE : 1
  return Math.round(clamp(brushPx ?? suited, 1, BRUSH_MAX_PX))
}

/** @param {State} state @param {number} factor @returns {State} by one pixel at least */
export function withBrushBy(state, factor) {
  const size = Math.max(state.brushPx ?? brushSize(state), 1)
  const grown = factor > 1 ? Math.max(size * factor, size + 0.5) : Math.min(size * factor, size - 0.5)
  return {...state, brushPx: clamp(grown, 1, BRUSH_MAX_PX)}
}

/** What the line of a tool does; `swapped` turns it round. @param {State} state @param {boolean} swapped @returns {Stroke['verb']} */
export function verbOf({tool, lassoVerb}, swapped) {
  const verb = tool === 'eraser' ? 'subtract' : tool === 'lasso' ? lassoVerb : 'add'
  return swapped ? (verb === 'add' ? 'subtract' : 'add') : verb
}

/** The object that a stroke would change: the selected one. @param {State} state @returns {Item | undefined} */
export const target = ({study, selected}) => study ? currentItems(study).find(({id}) => id === selected[0]) : undefined

/**
 * A stroke begins on the selected object; without one it begins a new object.
 * @param {State} state @param {{shape: Stroke['shape'], verb: Stroke['verb'], at: Point}} line @returns {State}
 */
export function strokeBegun(state, {shape, verb, at}) {
  const {study} = state
  if (!study) return state
  const item = target(state)
  if (!item && verb === 'subtract') return {...state, notice: {key: 'notice.chooseObject'}}
  const refusal = item && (lockedNotice(item) ?? awaitedNotice(state, item))
  if (refusal) return {...state, notice: refusal}
  const id = item?.id ?? study.work.lastItemId + 1
  const from = item ? {...item} : newItem(id, study.sliceIdx)
  const stroke = {id, isNew: !item, shape, verb, radiusPx: brushSize(state) / 2, points: at, from}
  return {...state, stroke, brushAt: at, layers: state.layers === 'picture' ? 'both' : state.layers, notice: null, anchor: null}
}

/** The stroke goes on. Points that add nothing that can be seen are left out. @param {State} state @param {readonly Point[]} points @returns {State} */
export function strokeMoved(state, points) {
  const {stroke} = state
  const last = points.at(-1)
  if (!stroke || !last) return state
  const reach = stroke.shape === 'lasso' ? Math.max(0.5, 1 / state.view.zoom) : Math.max(0.25, stroke.radiusPx / 16)
  const line = [...stroke.points]
  for (const [x, y] of points) {
    const [lastX, lastY] = /** @type {number[]} */ (line.slice(-2))
    if (Math.hypot(x - /** @type {number} */ (lastX), y - /** @type {number} */ (lastY)) >= reach) line.push(x, y)
  }
  return {...state, brushAt: last, stroke: line.length > stroke.points.length ? {...stroke, points: line} : stroke}
}

/** The stroke becomes a step; one that changes no pixel does not. @param {State} state @returns {State} */
export function strokeKept(state) {
  const {study, stroke} = state
  const idle = {...state, stroke: null, brushAt: state.touch ? null : state.brushAt}
  if (!study || !stroke) return idle
  // Others may have come meanwhile, and taken the number that it began under.
  const id = stroke.isNew ? study.work.lastItemId + 1 : stroke.id
  const item = stroke.isNew ? {...stroke.from, id, colour: id - 1} : itemById(state, id)
  if (!item) return idle
  const refusal = lockedNotice(item)
  if (refusal) return {...idle, notice: refusal}
  const raster = afterStroke(item.mask, stroke, currentSlice(study))
  if (raster.areaPx === (item.mask?.areaPx ?? 0)) return idle
  const edited = withMask({...item, visible: true}, raster)
  const label = {key: strokeKey(stroke), values: {n: id}}
  if (!stroke.isNew) return withWork(idle, changeItem(study.work, id, () => edited), label)
  const work = {...study.work, items: [...study.work.items, edited], lastItemId: id}
  return {...withWork(idle, work, label), selected: [id], hintSeen: true}
}

/** @param {Stroke} stroke @returns {MessageKey} */
function strokeKey({isNew, shape, verb}) {
  if (isNew) return 'undo.paintNew'
  if (shape === 'brush') return verb === 'add' ? 'undo.paint' : 'undo.erase'
  return verb === 'add' ? 'undo.lassoAdd' : 'undo.lassoCut'
}

/** The keyboard's brush: it moves over the picture, and draws while it is down. @param {State} state @param {number} dx @param {number} dy @returns {State} */
export function brushMoved(state, dx, dy) {
  if (!state.study) return state
  const {width, height} = currentSlice(state.study)
  const [x, y] = state.brushAt ?? state.view.centre
  const at = /** @type {Point} */ ([clamp(x + dx, 0, width), clamp(y + dy, 0, height)])
  return state.stroke ? strokeMoved(state, [at]) : {...state, brushAt: at}
}

/** The key that puts the brush down, and lifts it. @param {State} state @returns {State} */
export function brushPressed(state) {
  if (state.stroke) return strokeKept(state)
  const shape = state.tool === 'lasso' ? 'lasso' : 'brush'
  return strokeBegun(state, {shape, verb: verbOf(state, false), at: state.brushAt ?? state.view.centre})
}

/** Brush becomes eraser, the lasso's adding becomes taking away, and back. @param {State} state @returns {State} */
export function verbSwapped(state) {
  if (state.tool === 'brush') return {...state, tool: 'eraser'}
  if (state.tool === 'eraser') return {...state, tool: 'brush'}
  return {...state, lassoVerb: state.lassoVerb === 'add' ? 'subtract' : 'add'}
}

/** Asks the core to refine the selected object's mask. @param {State} state @param {Refinement} how @returns {[State, Effect[]]} */
export function refineAsked(state, how) {
  const {study} = state
  const item = target(state)
  if (!study || jobOfKind(state, 'refine')) return [state, []]
  if (!item) return [{...state, notice: {key: 'notice.chooseObject'}}, []]
  const refusal = lockedNotice(item) ?? awaitedNotice(state, item)
  if (refusal) return [{...state, notice: refusal}, []]
  const {mask} = item
  if (!mask || mask.areaPx === 0) return [{...state, notice: {key: 'notice.noMask', values: {n: item.id}}}, []]
  const id = nextJobId(state)
  const {width, height} = currentSlice(study)
  const job = /** @type {const} */ ({kind: 'refine', id, startedMs: null, itemId: item.id, how, mask})
  return startJob({...state, stroke: null}, job, {type: 'refine', id, size: {width, height}, mask, how})
}

/** @type {Record<Refinement, MessageKey>} */
const REFINED = {'fill-holes': 'undo.fillHoles', 'largest-part': 'undo.largestPart', smooth: 'undo.smooth'}

/**
 * What the core made of a mask. It is dropped when the mask has changed since, or was locked.
 * @param {State} state @param {Extract<Action, {type: 'refined'}>} answer @returns {State}
 */
export function refined(state, {id, mask}) {
  const {study} = state
  const job = jobAnswered(state, 'refine', id)
  if (!job) return state
  const idle = endJob(state, id)
  const item = itemById(state, job.itemId)
  if (!study || !item || item.mask !== job.mask || item.locked) return idle
  if (sameRaster(mask, job.mask)) return {...idle, notice: {key: 'notice.nothingToRefine', values: {n: item.id}}}
  const work = changeItem(study.work, item.id, () => withMask(item, mask))
  return withWork(idle, work, {key: REFINED[job.how], values: {n: item.id}})
}

/** The model is asked for the mask again. That is a step where it takes away what a person has made. @param {State} state @param {number} id @returns {State} */
export function maskReset(state, id) {
  const {study} = state
  const item = itemById(state, id)
  if (!study || !item) return state
  const refusal = lockedNotice(item)
  if (refusal) return {...state, notice: refusal}
  const key = maskKey(state, item.box)
  const asked = {...state, refused: state.refused.filter((one) => one !== key), notice: null}
  if (!isEdited(item)) return asked
  const work = changeItem(study.work, id, (one) => ({...one, mask: null}))
  return withWork(asked, work, {key: 'undo.reset', values: {n: id}})
}

/** Whether the model can be asked for an object's mask again: a person has changed it, or has stopped it. @param {State} state @param {Item} item */
export const canReset = (state, item) => !item.locked && (isEdited(item) || progressOf(state, item) === 'refused')

/** The model's own estimate of a mask, 0 to 1; null for one that a person has made. @param {Pick<Mask, 'score' | 'key'>} mask */
export const modelScore = (mask) => (isHandMade(mask) ? null : mask.score)

/** @param {State} state @param {Item} item @returns {Label | null} a mask that is on its way is not drawn over */
const awaitedNotice = (state, item) =>
  state.model && progressOf(state, item) === 'pending' ? {key: 'notice.maskAwaited', values: {n: item.id}} : null

/**
 * The object with a mask of a person's own. A box that was the tight box of such a mask stays its tight box.
 * @param {Item} item @param {Pick<Mask, 'region' | 'bytes' | 'areaPx'>} raster @returns {Item}
 */
function withMask(item, {region, bytes, areaPx}) {
  const before = item.mask && isEdited(item) ? boxOfRegion(item.mask.region) : null
  const follows = item.box[2] === 0 || (before !== null && sameBox(before, item.box))
  const box = (follows ? boxOfRegion(region) : null) ?? item.box
  return {...item, box, mask: {region, bytes, areaPx, score: 1, key: editedKey(box)}}
}
