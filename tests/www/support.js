/** Small values for the tests of the page's pure modules. */

/** @import {Action, Box, Effect, Item, Job, Mask, ModelEntry, ModelInfo, State, Study} from '../../www/types.js' */

import {jobOfKind} from '../../www/jobs.js'
import {initialState, update} from '../../www/update.js'
import {isUpToDate as hasItsMask} from '../../www/work.js'

/** @type {ModelEntry} */
export const ENTRY = {name: 'tiny', title: 'Tiny', bytes: 10, encodeGmac: 2, licence: 'CC0', intendedUse: 'tests', default: true}
/** @type {ModelInfo} */
export const INFO = {...ENTRY, classes: null, takesClass: false, sha256: {encoder: 'e1', decoder: 'd1'}}
export const CLASSES = ['ct', 'mr', 'pet', 'us', 'xray', 'dermoscopy', 'endoscopy', 'fundus', 'microscopy', 'oct', 'mammography']
/** One that takes a class. @type {ModelInfo} */
export const CLASSY = {...INFO, classes: CLASSES, takesClass: true}

/** Nothing looks inside the pixels. @param {number} width @param {number} height */
export const picture = (width, height) => /** @type {ImageData} */ (/** @type {unknown} */ ({width, height}))

/** Plays actions one after the other. @param {State} state @param {Action[]} actions @returns {{state: State, effects: Effect[]}} */
export function play(state, ...actions) {
  /** @type {Effect[]} */
  const effects = []
  for (const action of actions) {
    const [next, asked] = update(state, action)
    state = next
    effects.push(...asked)
  }
  return {state, effects}
}

/** A page of 400 × 300 with a picture of 200 × 100 open, encoded, and nothing drawn. @returns {State} */
export function openedState() {
  const {state} = play(
    initialState(),
    {type: 'viewport-changed', viewport: {width: 400, height: 300}},
    {type: 'listed', models: [ENTRY, {...ENTRY, name: 'other', default: false}], demos: []},
    {type: 'model-loaded', info: INFO},
    {type: 'file-given', blob: new Blob(), name: 'scan.png', demo: null},
  )
  const {id} = lastJob(state)
  const opened = {width: 200, height: 100, format: 'PNG', bits: 8, hasMore: false, picture: picture(200, 100), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  return play(state, {type: 'opened', id, opened}, {type: 'encoded', id: id + 1, probabilities: null, ms: 1200}).state
}

/** Another model is chosen, loads, and looks at the picture. @param {State} state @param {ModelInfo} info */
export function withModel(state, info) {
  const loaded = play(state, {type: 'model-chosen', name: info.name}, {type: 'model-loaded', info}).state
  return play(loaded, {type: 'encoded', id: loaded.lastJobId, probabilities: null, ms: 1})
}

/** The job that was started last. @param {State} state @returns {Job} */
export const lastJob = (state) => /** @type {Job} */ (state.jobs.at(-1))

/** @param {State} state @returns {Study} */
export const studyOf = (state) => /** @type {Study} */ (state.study)
/** @param {State} state @param {number} [i] @returns {Item} */
export const itemOf = (state, i = 0) => /** @type {Item} */ (studyOf(state).work.items[i])

/** Draws a box and lets the preview's and the final mask arrive. @param {State} state @param {Box} box @returns {State} */
export function withObject(state, box) {
  state = play(state, {type: 'drafted', id: null, verb: 'draw', box}, {type: 'draft-kept'}).state
  while (jobOfKind(state, 'segment')) state = answer(state)
  return state
}

/** What a worker answers to a segment job. @param {number} id @param {number} n of boxes @returns {Action} */
export const segmentedAll = (id, n) => ({
  type: 'segmented',
  id,
  at: Array.from({length: n}, (_, i) => i),
  masks: Array.from({length: n}, () => /** @type {Omit<Mask, 'key'>} */ ({region: [0, 0, 1, 1], bytes: new Uint8Array([1]), areaPx: 1, score: 0.9})),
  run: {ms: 5, encodes: 0, tiles: 0},
})

/** The oldest segment job is answered. @param {State} state @returns {State} */
export function answer(state) {
  const job = jobOfKind(state, 'segment')
  if (!job) throw new Error('nothing is under way')
  return play(state, segmentedAll(job.id, job.ids.length)).state
}

/** @param {State} state @param {number} [i] */
export const isUpToDate = (state, i = 0) => hasItsMask(state, itemOf(state, i))

/** Without what goes along with every step of the work: it is measured, and the browser keeps it. @param {readonly {type: string}[]} list */
export const types = (list) => list.map(({type}) => type).filter((type) => !['keep', 'measure'].includes(type))

/** Rows of `#` and `.` as a mask. @param {string[]} rows @param {number} [x] @param {number} [y] */
export function mask(rows, x = 0, y = 0) {
  const width = rows[0]?.length ?? 0
  const bytes = Uint8Array.from(rows.join(''), (letter) => (letter === '#' ? 1 : 0))
  return {region: /** @type {const} */ ([x, y, width, rows.length]), bytes}
}
