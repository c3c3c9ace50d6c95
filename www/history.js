/**
 * Undo and redo: versions of a work, newest last. Versions share the items that did not change, and hold masks folded
 * (runs.js). The oldest are forgotten when there are very many or their masks grow too large together.
 */

/** @import {Item, Label, PackedItem, PackedWork, Study, Version, Work} from './types.js' */

import {packMask, unpackMask} from './runs.js'

const VERSIONS_MAX = 1000
/** Of folded masks. A blob over a whole picture of 4000 × 3000 pixels takes some 24 kB of it. */
const BYTES_MAX = 128e6

/**
 * The study with a new work. What was there before can be brought back under the step's name.
 * With `merge`, a step of the same name continues the last one: ten nudges of a box are undone together.
 * @param {Study} study @param {Work} work @param {Label} label @param {{merge?: boolean}} [options] @returns {Study}
 */
export function commit(study, work, label, {merge = false} = {}) {
  const last = study.past.at(-1)
  if (merge && last && sameLabel(last.label, label)) return {...study, work, future: []}
  return {...study, work, past: within([...study.past, versionOf(label, study.work, last)]), future: []}
}

/** @param {Study} study @returns {Study} */
export function undo(study) {
  const last = study.past.at(-1)
  if (!last) return study
  const future = [...study.future, versionOf(last.label, study.work, last)]
  return {...study, work: unpack(last.work, study.work), past: study.past.slice(0, -1), future}
}

/** @param {Study} study @returns {Study} */
export function redo(study) {
  const next = study.future.at(-1)
  if (!next) return study
  const past = within([...study.past, versionOf(next.label, study.work, study.past.at(-1))])
  return {...study, work: unpack(next.work, study.work), past, future: study.future.slice(0, -1)}
}

/**
 * @param {Study} study @param {(work: Work) => Work} change  applied to what is, was and may be again. In versions masks
 * are folded: it may put masks in and look at their keys, not at their bytes.
 * @returns {Study}
 */
export function changeEverywhere(study, change) {
  const inVersion = (/** @type {Version} */ version) => ({
    ...version,
    work: pack(change(/** @type {Work} */ (/** @type {unknown} */ (version.work)))),
  })
  return {...study, work: change(study.work), past: study.past.map(inVersion), future: study.future.map(inVersion)}
}

/** @param {Label} label @param {Work} work @param {Version | undefined} neighbour  whose masks are held already @returns {Version} */
function versionOf(label, work, neighbour) {
  const small = pack(work)
  const held = new Set(neighbour?.work.items.map(({mask}) => mask))
  const bytes = small.items.reduce((sum, {mask}) => sum + (mask && !held.has(mask) ? mask.packed.byteLength : 0), 0)
  return {label, work: small, bytes}
}

/** The newest versions, as many as there is room for; the last one always. @param {Version[]} versions @returns {Version[]} */
function within(versions) {
  let room = BYTES_MAX
  let n = 0
  while (n < Math.min(versions.length, VERSIONS_MAX)) {
    room -= /** @type {Version} */ (versions[versions.length - 1 - n]).bytes
    if (room < 0 && n > 0) break
    n++
  }
  return versions.slice(-n)
}

/** An item is folded once, however many versions hold it; what is folded stands for itself. @type {WeakMap<Item | PackedItem, PackedItem>} */
const packedItems = new WeakMap()

/** @param {Item | PackedItem} item @returns {PackedItem} */
function packItem(item) {
  const known = packedItems.get(item)
  if (known) return known
  const {mask} = item
  const small = {...item, mask: mask && ('packed' in mask ? mask : packMask(mask))}
  packedItems.set(item, small)
  packedItems.set(small, small)
  return small
}

/** @param {Work} work @returns {PackedWork} */
const pack = (work) => ({...work, items: work.items.map(packItem)})

/**
 * @param {PackedWork} small @param {Work} current  what the two have in common stays the very same, so that nothing that
 * was made from it (a row of the list, an outline) is made again
 * @returns {Work}
 */
function unpack(small, current) {
  const items = new Map(current.items.map((item) => [packItem(item), item]))
  const masks = new Map(current.items.flatMap(({mask}) => (mask ? [[packMask(mask), mask]] : [])))
  const itemOf = (/** @type {PackedItem} */ packed) => {
    const item = items.get(packed) ?? {...packed, mask: packed.mask && (masks.get(packed.mask) ?? unpackMask(packed.mask))}
    packedItems.set(item, packed)
    return item
  }
  return {...small, items: small.items.map(itemOf)}
}

/** @param {Label} a @param {Label} b */
const sameLabel = (a, b) => a.key === b.key && JSON.stringify(a.values) === JSON.stringify(b.values)
