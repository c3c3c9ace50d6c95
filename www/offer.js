/**
 * A file that is given while a picture is open may be meant as something else than the next picture. It is looked into,
 * and where there is a choice, a note beside the picture offers it. Pure, like `update`.
 */

/** @import {Action, Effect, Extent, Failure, LookJob, OfferWay, Source, State, Structure} from './types.js' */

import {withReference} from './compare.js'
import {withBoxes} from './items.js'
import {endJob, jobAnswered, nextJobId, startJob} from './jobs.js'
import {currentSlice} from './work.js'

/** Files that can hold masks. */
const CAN_HOLD_MASKS = /\.(png|tiff?|bmp|gif|npz)$/i
/** Files that hold boxes, and no picture. */
const HOLDS_BOXES = /\.json$/i
/** Files that can hold several things at once. */
const CAN_HOLD_MORE = /\.npz$/i
/** A label map is flat: at most this share of its pixels differs from the one before. Photographs and scans are far above. */
const EDGES_MAX = 0.12

/**
 * Whether a file is worth a look before it is opened. While another picture is on its way, it is the newer wish for one.
 * @param {State} state @param {string} name
 */
export const isWorthALook = ({study, model, pending, jobs}, name) =>
  study !== null && (HOLDS_BOXES.test(name) || (model !== null && CAN_HOLD_MASKS.test(name) && !pending && !jobs.some(({kind}) => kind === 'open')))

/** Boxes need a picture to lie on. @param {State} state @param {string} name @returns {Failure | null} */
export const boxesAlone = ({study}, name) =>
  study === null && HOLDS_BOXES.test(name) ? {code: 'page.boxes-alone', message: name, hint: ''} : null

/** Looks for what else is in the file that a picture was just opened from. @param {State} state @returns {[State, Effect[]]} */
export function lookForRest(state) {
  const {study} = state
  return study && CAN_HOLD_MORE.test(study.source.name) && study.work.items.length === 0 ? lookAsked(state, study.source, 'rest') : [state, []]
}

/**
 * Looks into a file. Only the newest one is looked into.
 * @param {State} state @param {Source} source @param {LookJob['wish']} wish  what a person said it is @returns {[State, Effect[]]}
 */
export function lookAsked(state, source, wish) {
  if (!state.study) return [state, []]
  const {width, height} = currentSlice(state.study)
  const picture = {name: state.study.source.name, width, height}
  const older = state.jobs.flatMap((job) => (job.kind === 'look' ? [job.id] : []))
  const free = older.reduce(endJob, state)
  const idle = wish === 'rest' ? free : {...free, failure: null, dropping: false, menu: null, note: null}
  const id = nextJobId(state)
  const [next, effects] = startJob(idle, {kind: 'look', id, startedMs: null, source, wish}, {type: 'look', id, source, picture, wish})
  return [next, older.length > 0 ? [{type: 'cancel', ids: older}, ...effects] : effects]
}

/**
 * What was found in the file. Where it can be meant in one way only, it is taken so; null: nothing is to be opened.
 * @param {State} state @param {Extract<Action, {type: 'looked'}>} action @returns {{state: State, open: Source | null}}
 */
export function looked(state, {id, structures, boxes, takenFrom = null, isPicture}) {
  const job = jobAnswered(state, 'look', id)
  if (!job) return {state, open: null}
  const idle = endJob(state, id)
  const {source, wish} = job
  if (wish === 'reference' && idle.study && (!structures || isFlat(edgesOf(structures), currentSlice(idle.study)))) {
    return {state: withReference(idle, source.name, structures ?? []), open: null}
  }
  /** @type {OfferWay[]} */
  const ways = []
  if (structures) ways.push('reference')
  if (boxes) ways.push('boxes')
  if (isPicture && wish !== 'rest') ways.push('picture')
  if (wish === 'rest' && ways.length === 0) return {state: idle, open: null}
  if (!idle.study || ways.length === 0 || ways.join() === 'picture') return {state: idle, open: source}
  if (wish !== 'rest' && ways.length === 1) {
    return {state: structures ? withReference(idle, source.name, structures) : withBoxes(idle, boxes ?? [], takenFrom), open: null}
  }
  return {state: {...idle, note: {kind: 'offer', source, ways, structures: structures ?? [], boxes: boxes ?? []}}, open: null}
}

/**
 * Whether masks are flat enough to be labels that somebody drew. `edges` counts the pixels that differ from the one
 * before them in their row.
 * @param {number} edges @param {Extent} size
 */
export const isFlat = (edges, {width, height}) => edges <= width * height * EDGES_MAX

/** @param {readonly Structure[]} structures */
export function edgesOf(structures) {
  let edges = 0
  for (const {region: [, , width, height], bytes} of structures) {
    for (let y = 0; y < height; y++) {
      let before = 0
      for (let i = y * width; i < (y + 1) * width; i++) {
        const bit = /** @type {number} */ (bytes[i])
        edges += bit ^ before
        before = bit
      }
    }
  }
  return edges
}

/**
 * Width, height and bits of a value that the head of a PNG tells; null where it is none.
 * @param {Uint8Array} head its first 26 bytes
 */
export function pngHead(head) {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  if (head.length < 26 || view.getUint32(0) !== 0x89504e47 || view.getUint32(12) !== 0x49484452) return null
  return {width: view.getUint32(16), height: view.getUint32(20), bits: view.getUint8(24)}
}
