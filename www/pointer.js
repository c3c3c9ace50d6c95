/** What stands under the pointer: which pixel, and which stored value. */

/** @import {Effect, Point, State} from './types.js' */

import {valueOfGrey} from './windowing.js'
import {currentSlice} from './work.js'

/** @param {Point} a @param {Point} b */
const isSame = (a, b) => a[0] === b[0] && a[1] === b[1]

/**
 * @param {State} state @param {Point | null} atImage image space; null when the pointer has left @returns {State}
 */
export function pointed(state, atImage) {
  const {study, pointer} = state
  const slice = study && currentSlice(study)
  const [x, y] = atImage?.map(Math.floor) ?? [-1, -1]
  const isInside = slice && x !== undefined && y !== undefined && x >= 0 && y >= 0 && x < slice.width && y < slice.height
  if (!isInside) return pointer === null ? state : {...state, pointer: null}
  return pointer && isSame(pointer, [x, y]) ? state : {...state, pointer: [x, y]}
}

/**
 * Asks the core for the stored value under the pointer, where the page does not have it: one at a time, and only while the
 * workers rest.
 * @param {State} state @returns {[State, Effect[]]}
 */
export function askProbe(state) {
  const {study, pointer, probed, probing, jobs} = state
  if (!study || !pointer || !state.model || probing || jobs.length > 0 || state.windowDraft) return [state, []]
  const isKnown = probed !== null && isSame(probed.at, pointer)
  if (isKnown || !currentSlice(study).stored || currentSlice(study).encoding !== 'done') return [state, []]
  return [{...state, probing: pointer}, [{type: 'probe', at: pointer}]]
}

/** @param {State} state @param {{at: Point, value: number | null}} answer @returns {State} */
export const probeAnswered = (state, {at, value}) =>
  state.probing && isSame(state.probing, at) ? {...state, probing: null, probed: {at, value}} : state

/**
 * The values under the pointer: one of a grey pixel, red, green and blue of another. `about`: worked out from the grey
 * level that is shown, which stands for a range of values; `beyond`: and it lies at this end of the window or past it.
 * @typedef {{x: number, y: number, values: readonly number[], about: boolean, beyond: 'low' | 'high' | null}} Reading
 */

/** @param {State} state @returns {Reading | null} */
export function reading({study, pointer, probed}) {
  if (!study || !pointer) return null
  const slice = currentSlice(study)
  const [x, y] = pointer
  const at = 4 * (y * slice.width + x)
  if (!slice.stored) {
    const [red = 0, green = 0, blue = 0] = slice.opened.data.subarray(at, at + 3)
    return {x, y, values: red === green && green === blue ? [red] : [red, green, blue], about: false, beyond: null}
  }
  if (probed && probed.value !== null && isSame(probed.at, pointer)) return {x, y, values: [probed.value], about: false, beyond: null}
  const grey = slice.picture.data[at] ?? 0
  return {x, y, values: [valueOfGrey(grey, slice.window)], about: true, beyond: grey === 0 ? 'low' : grey === 255 ? 'high' : null}
}
