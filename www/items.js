/** What is done to objects as a whole: locked, copied, removed. Pure. */

/** @import {Box, Item, Label, Sides, State, Work} from './types.js' */

import {boxBetween, moveBox} from './geometry.js'
import {commit} from './history.js'
import {shifted} from './raster.js'
import {changeItem, currentSlice, editedKey, isEdited, isUpToDate} from './work.js'

/** How far a copy lies beside its object, CSS pixels. */
const COPY_OFFSET = 14

/** Why an object is left as it is, or null. @param {Item} item @returns {Label | null} */
export const lockedNotice = ({id, locked}) => (locked ? {key: 'notice.locked', values: {n: id}} : null)

/** @param {State} state @param {number} id @returns {Item | undefined} */
export const itemById = ({study}, id) => study?.work.items.find((item) => item.id === id)

/** Locking is a step, so that undo never changes an object that is locked. @param {State} state @param {number} id @returns {State} */
export function lockToggled(state, id) {
  const item = itemById(state, id)
  if (!state.study || !item) return state
  const work = changeItem(state.study.work, id, (one) => ({...one, locked: !one.locked}))
  const next = withWork(state, work, {key: item.locked ? 'undo.unlock' : 'undo.lock', values: {n: id}})
  const givesWay = item.locked && item.mask && !isUpToDate(state, {...item, locked: false})
  return givesWay ? {...next, notice: {key: 'notice.asksAgain', values: {n: id}}} : next
}

/**
 * A copy beside the object, and selected. A mask of a person's own goes along; the model is asked for any other.
 * @param {State} state @param {number} id @returns {State}
 */
export function duplicated(state, id) {
  const {study} = state
  const item = itemById(state, id)
  if (!study || !item) return state
  const picture = currentSlice(study)
  const copyId = study.work.lastItemId + 1
  const box = besides(item.box, Math.max(1, Math.round(COPY_OFFSET / state.view.zoom)), picture)
  const mask = item.mask && isEdited(item)
    ? {...item.mask, ...shifted(item.mask, box[0] - item.box[0], box[1] - item.box[1], picture), key: editedKey(box)}
    : null
  const copy = {...item, id: copyId, colour: copyId - 1, box, mask, visible: true, locked: false}
  const work = {...study.work, items: [...study.work.items, copy], lastItemId: copyId}
  return {...withWork(state, work, {key: 'undo.duplicate', values: {n: id}}), selected: [copyId]}
}

/**
 * Boxes from elsewhere become objects, in one step; the model is asked for their masks. Those that lie outside of the
 * picture are left out.
 * @param {State} state @param {readonly Sides[]} list @param {string | null} [takenFrom]  what the list calls the picture, where it was
 * taken for its size alone @returns {State}
 */
export function withBoxes(state, list, takenFrom = null) {
  const {study} = state
  if (!study) return state
  const picture = currentSlice(study)
  const boxes = list.map(([x0, y0, x1, y1]) => boxBetween([x0, y0], [x1, y1], picture)).filter(([x0, y0, x1, y1]) => x1 > x0 && y1 > y0)
  if (boxes.length === 0) return {...state, notice: {key: 'notice.noBoxes'}}
  const {items, lastItemId} = study.work
  const added = boxes.map((box, i) => newItem(lastItemId + 1 + i, study.sliceIdx, box))
  const n = added.length
  const next = withWork(state, {...study.work, items: [...items, ...added], lastItemId: lastItemId + n}, {key: 'undo.boxes', values: {n}})
  const told = takenFrom === null ? {key: n === 1 ? /** @type {const} */ ('notice.boxes.one') : /** @type {const} */ ('notice.boxes.other'), values: {n}}
    : {key: /** @type {const} */ ('notice.boxesOf'), values: {n, name: takenFrom}}
  return {...next, selected: [], hintSeen: true, notice: told}
}

/** @param {number} id @param {number} sliceIdx @param {Box} [box] @returns {Item} without a mask as yet, and without a box where none is told */
export const newItem = (id, sliceIdx, box = [0, 0, 0, 0]) => ({
  id,
  name: '',
  colour: id - 1,
  sliceIdx,
  box,
  visible: true,
  locked: false,
  mask: null,
})

/** Right and down, or left and up where the picture ends. @param {Box} box @param {number} by @param {{width: number, height: number}} picture @returns {Box} */
function besides(box, by, picture) {
  const dx = box[2] + by <= picture.width ? by : -by
  const dy = box[3] + by <= picture.height ? by : -by
  return moveBox(box, dx, dy, picture)
}

/** @param {State} state @param {number} id @returns {State} */
export function removed(state, id) {
  const item = itemById(state, id)
  if (!state.study || !item) return state
  const notice = lockedNotice(item)
  if (notice) return {...state, notice}
  const items = state.study.work.items.filter((one) => one !== item)
  const next = withWork(state, {...state.study.work, items}, {key: 'undo.remove', values: {n: id}})
  return {...next, selected: state.selected.filter((one) => one !== id), hovered: null}
}

/** All but those that are locked. @param {State} state @returns {State} */
export function allRemoved(state) {
  const {study} = state
  if (!study || study.work.items.length === 0) return state
  const kept = study.work.items.filter(({locked}) => locked)
  const notice = kept.length > 0 ? {key: /** @type {const} */ ('notice.lockedStay'), values: {n: kept.length}} : null
  if (kept.length === study.work.items.length) return {...state, notice, menu: null}
  const next = withWork(state, {...study.work, items: kept}, {key: 'undo.removeAll'})
  return {...next, selected: state.selected.filter((id) => kept.some((item) => item.id === id)), hovered: null, menu: null, notice}
}

/** @param {State} state @param {number} id @param {string} name @returns {State} */
export function renamed(state, id, name) {
  const item = itemById(state, id)
  if (!state.study || !item || item.name === name) return state
  const notice = lockedNotice(item)
  if (notice) return {...state, notice}
  const work = changeItem(state.study.work, id, (one) => ({...one, name}))
  return withWork(state, work, {key: 'undo.rename', values: {n: id}})
}

/** @param {State} state @param {Work} work @param {Label} label @returns {State} */
export const withWork = (state, work, label) => (state.study ? {...state, study: commit(state.study, work, label), notice: null} : state)
