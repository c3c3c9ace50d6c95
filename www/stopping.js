/**
 * Work that is ended before it is done. What a person stopped, or what failed, is not asked for again by itself; what only
 * gave way to something newer is. Pure, like `update`, which it belongs to.
 */

/** @import {Effect, Job, Slice, Source, State} from './types.js' */

import {canStop, endJob, jobOfKind} from './jobs.js'
import {rivalChosen} from './rival.js'
import {withoutWindow} from './windowing.js'
import {changeSlice, currentItems, currentSlice, maskKey, progressOf} from './work.js'

/** Jobs at whose end another picture may be open. @param {Job} job */
export const isOpening = ({kind}) => kind === 'fetch' || kind === 'open' || kind === 'look'

/** A person stops what can be stopped. @param {State} state @returns {[State, Effect[]]} */
export const stopWork = (state) => endWork(state, state.jobs.filter(canStop), afterStop)

/**
 * Work gives way to what a person asked for since.
 * @param {State} state @param {(job: Job) => boolean} [which] @returns {[State, Effect[]]}
 */
export const makeWay = (state, which = () => true) => endWork(state, state.jobs.filter((job) => canStop(job) && which(job)), afterMakingWay)

/**
 * Work gives way to another picture. What is to be saved of this one is made first, and does not wait for what is only
 * begun.
 * @param {State} state @param {Source} source @returns {[State, Effect[]]}
 */
export const makeWayForPicture = (state, source) =>
  state.saving.length > 0 || isFinishing(state, source) ? makeWay({...state, draft: null, anchor: null, stroke: null}, isOpening) : makeWay(state)

/** Few: who leafs away from more does not wait for them. */
const AWAITED_MAX = 16

/**
 * Whether who leafs on waits for masks: a picture that is left without them keeps its boxes alone until somebody comes back.
 * @param {State} state @param {Source} source  the one to come
 */
export function isFinishing(state, source) {
  const {series, study} = state
  if (!state.model || !study || state.draft || !series.includes(study.source) || !series.includes(source)) return false
  if (currentSlice(study).encoding !== 'done' && !jobOfKind(state, 'encode')) return false
  const n = currentItems(study).filter((item) => progressOf(state, item) === 'pending').length
  return n > 0 && n <= AWAITED_MAX
}

/**
 * What waits for a worker is dropped, and a worker that has begun is ended.
 * @param {State} state @param {readonly Job[]} jobs @param {(state: State, job: Job) => State} after @returns {[State, Effect[]]}
 */
function endWork(state, jobs, after) {
  return jobs.length === 0 ? [state, []] : [jobs.reduce(after, state), [{type: 'cancel', ids: jobs.map(({id}) => id)}]]
}

/** The state without a job that failed or was stopped. @param {State} state @param {Job} job @returns {State} */
export function afterStop(state, job) {
  const idle = endJob(state, job.id)
  if (job.kind === 'window') return withoutWindow(idle)
  if (job.kind === 'rival') return rivalChosen(idle, null)
  if (job.kind === 'encode') return refuseStale(withEncoding(idle, 'stopped'))
  if (job.kind === 'segment') return {...idle, refused: [...state.refused, ...job.keys]}
  return idle
}

/** The state without a job that gave way. Masks are asked for as long as they are missing. @param {State} state @param {Job} job @returns {State} */
function afterMakingWay(state, job) {
  const idle = endJob(state, job.id)
  return job.kind === 'encode' ? withEncoding(idle, 'waiting') : idle
}

/**
 * Masks of objects that are gone are asked for no longer: what waits for a worker is dropped, and what one has begun it ends.
 * @param {State} state @returns {[State, Effect[]]}
 */
export function withoutGone(state) {
  const there = new Set(state.study?.work.items.map(({id}) => id))
  const gone = state.jobs.filter((job) => job.kind === 'segment' && !job.isDraft && !job.ids.some((id) => there.has(id)))
  const ids = gone.map(({id}) => id)
  return ids.length === 0 ? [state, []] : [ids.reduce(endJob, state), [{type: 'drop', ids}]]
}

/** @param {State} state @returns {State} */
function refuseStale(state) {
  const keys = state.study ? currentItems(state.study).map((item) => maskKey(state, item.box)) : []
  return {...state, refused: [...state.refused, ...keys]}
}

/** @param {State} state @param {Slice['encoding']} encoding @returns {State} */
export function withEncoding(state, encoding) {
  const {study} = state
  return study ? {...state, study: changeSlice(study, encoding === 'waiting' ? {encoding, probabilities: null} : {encoding})} : state
}

/** Another model has seen no picture yet, nor the one that was closed. @param {State} state @returns {State} */
export const withNothingSeen = ({shelved, ...state}) =>
  withEncoding({...state, shelved: shelved && changeSlice(shelved, {encoding: 'waiting', probabilities: null})}, 'waiting')
