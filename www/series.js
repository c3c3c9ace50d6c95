/** Pictures that were given together, to be leafed through. Their works lie aside with all others. Pure, like `update`, which it belongs to. */

/** @import {Effect, Label, Session, Source, State} from './types.js' */

import {jobOfKind} from './jobs.js'
import {makeWayForPicture} from './stopping.js'

/** Where the page stands, or is about to: its place among the pictures, −1 for one that is none of them. @param {State} state */
export function placeIn(state) {
  const job = jobOfKind(state, 'open')
  const source = state.pending ?? (job?.kind === 'open' ? job.source : null) ?? state.study?.source
  return source ? state.series.indexOf(source) : -1
}

/** The next picture or the one before, as it was left. At either end there is none. @param {State} state @param {1 | -1} step @returns {[State, Effect[]]} */
export function leafed(state, step) {
  const place = placeIn(state)
  const target = state.series[place + step]
  if (!state.study || place < 0 || !target) return [state, []]
  const session = workOn(state, target)
  const reopening = session && {session, from: /** @type {const} */ ('series'), savedMs: null}
  return makeWayForPicture({...state, pending: target, reopening, batch: null, failure: null, notice: null, menu: null})
}

/** What was made of a picture that was left. @param {State} state @param {Source} source @returns {Session | null} */
const workOn = ({aside}, source) => aside.find((one) => one.source === source) ?? null

/**
 * The pictures to leaf through once one is open: those that it was given with, or those there were. Among the latter are the ones
 * that another picture was opened beside: a way back leads to them.
 * @param {Pick<State, 'series' | 'batch'>} state @param {Source} opened @returns {readonly Source[]}
 */
export const seriesThen = ({series, batch}, opened) => (batch && batch.series.length > 1 && batch.series.includes(opened) ? batch.series : series)

/** @param {readonly Source[]} series @param {Source} source  one that cannot be opened @returns {readonly Source[]} */
export const without = (series, source) => (series.includes(source) ? series.filter((one) => one !== source) : series)

/** Which of them is open. @param {readonly Source[]} series @param {Source} source @returns {Label | null} */
export function placeNotice(series, source) {
  const i = series.indexOf(source) + 1
  return i > 0 && series.length > 1 ? {key: 'notice.place', values: {name: source.name, i, n: series.length}} : null
}

/**
 * Works that lie aside and are to be spoken of: to those among which one leafs, leafing leads.
 * @param {Pick<State, 'aside' | 'series' | 'study'>} state @returns {readonly Session[]}
 */
export const toBeTold = (state) => (isAmong(state) ? state.aside.filter(({source}) => !state.series.includes(source)) : state.aside)

/** Whether the open picture is one of several. @param {Pick<State, 'series' | 'study'>} state */
export const isAmong = ({series, study}) => study !== null && series.length > 1 && series.includes(study.source)
