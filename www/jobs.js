/** What is under way: how jobs start, how they end, and what is left behind when one is stopped. */

/** @import {State, Effect, Job} from './types.js' */

/**
 * A job of a kind that is under way, or undefined.
 * @template {Job['kind']} K
 * @param {State} state @param {K} kind @returns {Extract<Job, {kind: K}> | undefined}
 */
export const jobOfKind = (state, kind) =>
  /** @type {Extract<Job, {kind: K}> | undefined} */ (state.jobs.find((job) => job.kind === kind))

/**
 * The job that an answer speaks of; undefined when nobody waits for it any more.
 * @template {Job['kind']} K
 * @param {State} state @param {K} kind @param {number} id @returns {Extract<Job, {kind: K}> | undefined}
 */
export const jobAnswered = (state, kind, id) =>
  /** @type {Extract<Job, {kind: K}> | undefined} */ (state.jobs.find((job) => job.kind === kind && job.id === id))

/** @param {State} state @returns {number} for the next job and its effect */
export const nextJobId = (state) => state.lastJobId + 1

/** @param {State} state @param {Job} job @param {Effect} effect  that does it @returns {[State, Effect[]]} */
export function startJob(state, job, effect) {
  const effects = state.ticking ? [effect] : [effect, /** @type {Effect} */ ({type: 'tick-later'})]
  return [{...state, jobs: [...state.jobs, job], lastJobId: job.id, ticking: true}, effects]
}

/** @param {State} state @param {number} id @returns {State} */
export const endJob = (state, id) => ({...state, jobs: state.jobs.filter((job) => job.id !== id)})

/** @param {State} state @param {Job['kind'][]} kinds  whose answers nobody waits for any more @returns {State} */
export const withoutJobs = (state, ...kinds) => ({...state, jobs: state.jobs.filter((job) => !kinds.includes(job.kind))})

/** @template {Job} J @param {State} state @param {J} job @param {Partial<J>} change @returns {State} */
export const changeJob = (state, job, change) => ({
  ...state,
  jobs: state.jobs.map((one) => (one.id === job.id ? {...job, ...change} : one)),
})

/** Jobs that a person may stop: saving takes a moment and is left alone. @param {Job} job */
export const canStop = ({kind}) => kind === 'fetch' || kind === 'open' || kind === 'look' || kind === 'encode' || kind === 'segment'

/**
 * The job that the status line speaks of: what everything else waits for comes first.
 * @param {State} state @returns {Job | undefined}
 */
export function foremostJob(state) {
  const segments = state.jobs.filter((job) => job.kind === 'segment')
  return (
    jobOfKind(state, 'fetch') ?? jobOfKind(state, 'open') ?? jobOfKind(state, 'look') ?? jobOfKind(state, 'window') ?? jobOfKind(state, 'encode') ??
    segments.find((job) => !job.isDraft) ?? segments[0] ?? state.jobs[0]
  )
}
