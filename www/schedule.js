/** Which worker does what next, and how long lists of boxes are cut up. Pure: no worker, no clock. */

/** @import {Level} from './engine.js' */
/** @import {Part} from './protocol.js' */

import {rankOf} from './engine.js'

/**
 * What waits for a worker.
 * @typedef {object} Waiting
 * @property {number} rank  those of a lower rank go first; `RANK`
 * @property {number} job  of many masks, those of the newest job go first
 * @property {Level} needs  what its worker must have
 * @property {string | null} view  through which it looks
 * @property {boolean} encodes  whether a worker that has not its view has to encode it
 * @property {number} boxes  that it decodes
 */
/**
 * A worker that runs.
 * @typedef {object} Runner
 * @property {boolean} busy
 * @property {Level} level
 * @property {ReadonlySet<string>} views  that it has encoded or been given
 * @property {string | null} making  the view through which its present task looks
 * @property {number} ms  how long that task is expected to take
 */
/**
 * Times that were measured here, in ms; 0 where they are not known yet.
 * @typedef {object} Costs
 * @property {number} start  a fresh worker up to the open picture
 * @property {number} encode  one view
 * @property {number} box  one decode
 */

/** Under the pointer; at once; a picture that is opened or looked at; many masks. */
export const RANK = /** @type {const} */ ({preview: 0, light: 1, picture: 2, masks: 3})

/** So many boxes go through the decoder at once; a part of a list is no longer, so that others get their turn. */
export const BOXES_PER_PART = 16

/**
 * The next task and its worker, by their places in the lists; `worker: null` asks for a fresh one. Null when nothing can
 * or should start now.
 *
 * - A task goes to the idle worker that has most of what it needs; decodes go where their view was encoded, and wait for
 *   that worker while it is busy.
 * - A fresh worker is started when all are busy and that is quicker than waiting.
 * - While a person draws (`held`), many masks leave one worker free for previews.
 * @param {readonly Waiting[]} queue @param {readonly Runner[]} workers @param {{free: number, costs: Costs, held: boolean}} pool  free: how many more may be started
 * @returns {{task: number, worker: number | null} | null}
 */
export function nextStep(queue, workers, {free, costs, held}) {
  const order = queue.map((_, i) => i).sort((a, b) => before(at(queue, a), at(queue, b)) || a - b)
  const idle = workers.flatMap(({busy}, i) => (busy ? [] : [i]))
  for (const i of order) {
    const task = at(queue, i)
    if (held && task.rank === RANK.masks && idle.length + free < 2) continue
    if (isMadeElsewhere(task, workers)) continue
    const [best] = [...idle].sort((a, b) => fitness(task, at(workers, b)) - fitness(task, at(workers, a)))
    if (best !== undefined) return {task: i, worker: best}
    if (free > 0 && (workers.length === 0 || isWorthStarting(task, queue, workers, costs))) return {task: i, worker: null}
  }
  return null
}

/** @param {Waiting} a @param {Waiting} b */
const before = (a, b) => a.rank - b.rank || (a.rank === RANK.masks ? b.job - a.job : 0)

/** @template T @param {readonly T[]} list @param {number} i */
const at = (list, i) => /** @type {T} */ (list[i])

/** Whether the view of a task is with a worker that is busy, or is being encoded there. @param {Waiting} task @param {readonly Runner[]} workers */
function isMadeElsewhere({view, encodes}, workers) {
  if (!encodes || view === null) return false
  if (workers.some((worker) => !worker.busy && worker.views.has(view))) return false
  return workers.some((worker) => worker.busy && (worker.making === view || worker.views.has(view)))
}

/** @param {Waiting} task @param {Runner} worker */
const fitness = ({needs, view}, {level, views}) => Math.min(rankOf(level), rankOf(needs)) + (view !== null && views.has(view) ? 10 : 0)

/**
 * Starting takes a while: it pays when the work that waits would take the workers longer than that.
 * @param {Waiting} task @param {readonly Waiting[]} queue @param {readonly Runner[]} workers @param {Costs} costs
 */
function isWorthStarting(task, queue, workers, costs) {
  if (task.needs === 'core') return true
  const views = new Set(queue.flatMap(({encodes, view}) => (encodes && view !== null ? [view] : [])))
  const boxes = queue.reduce((sum, one) => sum + one.boxes, 0)
  const firstFreeMs = Math.min(...workers.map(({ms}) => ms))
  return firstFreeMs + (views.size * costs.encode + boxes * costs.box) / workers.length >= costs.start
}

/**
 * How long a task is expected to take.
 * @param {Pick<Waiting, 'view' | 'encodes' | 'boxes'>} task @param {ReadonlySet<string>} views  that its worker has @param {Costs} costs
 */
export const expectedMs = ({view, encodes, boxes}, views, costs) =>
  (encodes && view !== null && !views.has(view) ? costs.encode : 0) + boxes * costs.box

/**
 * The parts of a plan, none with more than `BOXES_PER_PART` boxes. Those of one view stay together: its first encodes it.
 * @param {readonly Part[]} plan @returns {Part[]}
 */
export const cut = (plan) =>
  plan.flatMap(({view, boxes}) => {
    const n = Math.ceil(boxes.length / BOXES_PER_PART)
    return Array.from({length: n}, (_, i) => ({view, boxes: boxes.slice(i * BOXES_PER_PART, (i + 1) * BOXES_PER_PART)}))
  })

/**
 * How many workers there may be: a core is left for the page, and each takes about a gigabyte at worst.
 * @param {{hardwareConcurrency?: number, deviceMemory?: number}} device  deviceMemory: gigabytes, where the browser tells
 */
export const workersFor = ({hardwareConcurrency = 2, deviceMemory = 4}) =>
  Math.max(1, Math.min(hardwareConcurrency - 1, Math.floor(deviceMemory)))

/**
 * From how many bytes on a worker is not kept for another picture: memory that a module was given never comes back
 * otherwise.
 * @param {{deviceMemory?: number}} device @param {number} workers
 */
export const bytesPerWorker = ({deviceMemory = 4}, workers) => Math.max(0.75, Math.min(2, deviceMemory / workers)) * 2 ** 30
