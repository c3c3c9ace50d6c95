/** A reference: which of its structures an object is compared with, and what came of it. Pure, like `update`. */

/** @import {Action, CsvRow, Effect, Mask, MaskPair, Pair, State, Structure, Study} from './types.js' */

import {jobOfKind} from './jobs.js'
import {measuresOf, withMask} from './measure.js'

/** @typedef {Pick<Mask, 'region' | 'bytes'>} Pixels */

/** What was counted once is kept beside the masks, which never change. @type {WeakMap<Uint8Array, WeakMap<Uint8Array, number>>} */
const overlaps = new WeakMap()

/** Pixels that two masks share. @param {Pixels} a @param {Pixels} b */
export function overlapPx(a, b) {
  if (!meet(a.region, b.region)) return 0
  let known = overlaps.get(a.bytes)
  if (!known) overlaps.set(a.bytes, (known = new WeakMap()))
  let n = known.get(b.bytes)
  if (n === undefined) known.set(b.bytes, (n = countShared(a, b)))
  return n
}

/** @param {Mask['region']} a @param {Mask['region']} b */
const meet = ([ax, ay, aWidth, aHeight], [bx, by, bWidth, bHeight]) => ax < bx + bWidth && bx < ax + aWidth && ay < by + bHeight && by < ay + aHeight

/** @param {Pixels} a @param {Pixels} b */
function countShared({region: [ax, ay, aWidth, aHeight], bytes: a}, {region: [bx, by, bWidth, bHeight], bytes: b}) {
  const [left, right] = [Math.max(ax, bx), Math.min(ax + aWidth, bx + bWidth)]
  const [top, bottom] = [Math.max(ay, by), Math.min(ay + aHeight, by + bHeight)]
  let n = 0
  for (let y = top; y < bottom; y++) {
    let [i, j] = [(y - ay) * aWidth + left - ax, (y - by) * bWidth + left - bx]
    for (let x = left; x < right; x++) n += /** @type {number} */ (a[i++]) & /** @type {number} */ (b[j++])
  }
  return n
}

/**
 * For each mask the structure that it is compared with: the pair that shares most comes first, and a structure is taken
 * once. Null where nothing is shared.
 * @template {Pixels} S
 * @param {readonly Pixels[]} masks @param {readonly S[]} structures @returns {(S | null)[]}
 */
export function matched(masks, structures) {
  const pairs = masks.flatMap((mask, i) =>
    structures.flatMap((structure, j) => {
      const shared = overlapPx(mask, structure)
      return shared > 0 ? [{i, j, shared}] : []
    }),
  )
  pairs.sort((a, b) => b.shared - a.shared || a.i - b.i || a.j - b.j)
  /** @type {(S | null)[]} */
  const found = masks.map(() => null)
  const taken = new Set()
  for (const {i, j} of pairs) {
    if (found[i] || taken.has(j)) continue
    found[i] = /** @type {S} */ (structures[j])
    taken.add(j)
  }
  return found
}

/** @type {WeakMap<Study['work']['items'], {structures: readonly Structure[], found: readonly (Structure | null)[]}>} */
const matches = new WeakMap()

/** Every object that has a mask, with its structure and its scores. @param {State} state @returns {Pair[]} */
export function pairsOf({study, reference, comparisons}) {
  if (!study || !reference) return []
  const items = withMask(study.work.items)
  const {structures} = reference
  let match = matches.get(study.work.items)
  if (match?.structures !== structures) {
    match = {structures, found: matched(items.map(({mask}) => mask), structures)}
    matches.set(study.work.items, match)
  }
  const {found} = match
  return items.map((item, i) => {
    const structure = found[i] ?? null
    const known = comparisons.get(item.mask.bytes)
    return {item, structure, comparison: known && known.structure === structure ? known.comparison : null}
  })
}

/** Structures that no object has. @param {State} state @returns {Structure[]} */
export function unmatched(state) {
  const taken = new Set(pairsOf(state).map(({structure}) => structure))
  return (state.reference?.structures ?? []).filter((structure) => !taken.has(structure))
}

/**
 * The mean of each score over the pairs that have one; null where none has.
 * @param {readonly Pair[]} pairs @returns {{n: number, dsc: number | null, nsd: number | null, nsdContour: number | null}}
 */
export function meanOf(pairs) {
  const scored = pairs.flatMap(({comparison}) => (comparison && comparison.dsc !== null ? [comparison] : []))
  const mean = (/** @type {'dsc' | 'nsd' | 'nsdContour'} */ key) =>
    scored.length === 0 ? null : scored.reduce((sum, one) => sum + (one[key] ?? 0), 0) / scored.length
  return {n: scored.length, dsc: mean('dsc'), nsd: mean('nsd'), nsdContour: mean('nsdContour')}
}

/** @param {State} state @returns {MaskPair[]} */
const uncompared = (state) => pairsOf(state).flatMap(({item: {mask}, structure}) =>
  structure && state.comparisons.get(mask.bytes)?.structure !== structure ? [{mask, structure}] : [])

/** @param {State} state */
export const isCompared = (state) => uncompared(state).length === 0

/**
 * Asks for the scores that are missing, once the masks have settled.
 * @param {State} state @returns {[State, Effect[]]}
 */
export function askComparisons(state) {
  const {study, comparing, draft} = state
  if (!study || !state.reference || !state.model || state.fatal || draft || comparing !== null || jobOfKind(state, 'segment')) return [state, []]
  const pairs = uncompared(state)
  if (pairs.length === 0) return [state, []]
  const id = state.lastAsideId + 1
  const {width, height} = /** @type {Study['slices'][number]} */ (study.slices[study.sliceIdx])
  return [{...state, lastAsideId: id, comparing: id}, [{type: 'compare', id, size: {width, height}, pairs}]]
}

/** @param {State} state @param {Extract<Action, {type: 'compared'}>} action @returns {State} */
export function compared(state, {id, pairs, comparisons}) {
  if (state.comparing !== id) return state
  const known = new Map(state.comparisons)
  pairs.forEach(({mask, structure}, i) => known.set(mask.bytes, {structure, comparison: comparisons[i] ?? null}))
  const there = new Set(withMask(state.study?.work.items ?? []).map(({mask}) => mask.bytes))
  return {...state, comparing: null, comparisons: new Map([...known].filter(([bytes]) => there.has(bytes)))}
}

/** Compares with the structures of a file from now on. @param {State} state @param {string} name @param {readonly Structure[]} structures @returns {State} */
export const withReference = (state, name, structures) => ({
  ...state,
  reference: {name, structures, isShown: true},
  comparisons: new Map(),
  comparing: null,
  failure: null,
  panelOpen: true,
  notice: /** @type {const} */ ({key: 'notice.compared', values: {name, n: structures.length}}),
})

/** All that is known of each object that has a mask. @param {State} state @returns {CsvRow[]} */
export function csvRows(state) {
  const pairs = pairsOf(state)
  return withMask(state.study?.work.items ?? []).map((item, i) => ({item, measures: measuresOf(state, item), pair: pairs[i] ?? null}))
}

/** What belongs to the picture that is open, and goes with it. */
export const noReference = () => ({reference: null, comparisons: new Map(), comparing: null})
