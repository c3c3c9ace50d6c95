/** Pictures that were given together, to be leafed through. Their works lie aside with all others. Pure, like `update`, which it belongs to. */

/** @import {Effect, Item, Label, SavedPicture, Session, Source, State} from './types.js' */

import {maskPaths} from './export-name.js'
import {jobOfKind} from './jobs.js'
import {withMask} from './measure.js'
import {sessionOf} from './session.js'
import {isOpening, makeWay} from './stopping.js'
import {editedKey, maskKey, toldClass} from './work.js'

/** Where the page stands, or is about to: its place among the pictures, −1 for one that is none of them. @param {State} state */
export function placeIn(state) {
  const job = jobOfKind(state, 'open')
  const source = state.pending ?? (job?.kind === 'open' ? job.source : null) ?? state.study?.source
  return source ? state.series.indexOf(source) : -1
}

/**
 * The next picture or the one before, with what was made of it. At either end there is none, nor where nothing is open.
 * @param {State} state @param {1 | -1} step @returns {{source: Source, session: Session | null} | null}
 */
export function leafTarget(state, step) {
  const place = placeIn(state)
  const source = state.series[place + step]
  if (!state.study || state.fatal || place < 0 || !source) return null
  return {source, session: state.aside.find((one) => one.source === source) ?? null}
}

/** Who leafs back to the picture that is still open stays there. @param {State} state @returns {[State, Effect[]]} */
export const stayed = (state) => makeWay({...state, pending: null, reopening: null, batch: null, failure: null}, isOpening)

/**
 * The pictures to leaf through once one is open: those that it was given with, or those there were. Among the latter are the ones
 * that another picture was opened beside: a way back leads to them.
 * @param {Pick<State, 'series' | 'batch'>} state @param {Source} opened @returns {readonly Source[]}
 */
export const seriesThen = ({series, batch}, opened) => (batch && batch.series.length > 1 && batch.series.includes(opened) ? batch.series : series)

/** @param {readonly Source[]} series @param {Source} source  one that cannot be opened @returns {readonly Source[]} */
export const without = (series, source) => (series.includes(source) ? series.filter((one) => one !== source) : series)

/** Names of files for one line, of many the first. @param {readonly string[]} names */
export const firstNames = (names) => names.slice(0, 3).join(', ') + (names.length > 3 ? '…' : '')

/** Which of them is open. @param {readonly Source[]} series @param {Source} source @returns {Label | null} */
export function placeNotice(series, source) {
  const i = series.indexOf(source) + 1
  return i > 0 && series.length > 1 ? {key: 'notice.place', values: {name: source.name, i, n: series.length}} : null
}

/**
 * Works that lie aside and are to be spoken of: to those among which one leafs, leafing leads.
 * @param {Pick<State, 'aside' | 'series' | 'study' | 'shelved'>} state @returns {readonly Session[]}
 */
export function toBeTold(state) {
  const withObjects = state.aside.filter(({work, isHushed}) => work.items.length > 0 && !isHushed)
  return isAmong(state) ? withObjects.filter(({source}) => !state.series.includes(source)) : withObjects
}

/** Whether the open picture, or the one that was closed, is one of several. @param {Pick<State, 'series' | 'study' | 'shelved'>} state */
export function isAmong({series, study, shelved}) {
  const {source} = study ?? shelved ?? {}
  return source !== undefined && series.length > 1 && series.includes(source)
}

/** Whether there is something to save of the pictures that one leafs through. @param {State} state */
export function hasSeriesToSave(state) {
  const hasMask = (/** @type {Pick<Session, 'source' | 'work'>} */ {source, work}) => work.items.some(({mask}) => mask) && state.series.includes(source)
  return isAmong(state) && [state.study, ...state.aside].some((one) => one && hasMask(one))
}

/** Whether an object has not the mask that it is to have. @param {State} state @param {Session} session  whose it is @param {Item} item */
function isLate(state, {mode, model, refused, work: {classChoice}}, {id, box, mask, locked}) {
  if (!mask) return true
  if (locked || mask.key === editedKey(box)) return false
  // Whether another model took the class is not known here: it was told the choice, or nothing.
  const tellings = state.model?.name === model?.name ? [toldClass(state, classChoice)] : [classChoice, 'auto']
  const left = {...state, study: null, model: state.model && {...state.model, name: model?.name ?? ''}}
  return refused.includes(id) || !tellings.some((told) => mask.key === maskKey(left, box, mode, told))
}

/** The pictures with objects among those that one leafs through, in their order; an object may still lack its mask. @param {State} state @returns {readonly SavedPicture[]} */
export function savedPictures(state) {
  const shown = sessionOf({...state, study: state.study ?? state.shelved}) // It may be closed while all are being saved.
  const sessions = new Map([...state.aside, ...(shown ? [shown] : [])].map((session) => [session.source, session]))
  const paths = maskPaths(state.series.map(({name}) => name))
  return state.series.flatMap((source, i) => {
    const session = sessions.get(source)
    const items = session?.work.items ?? []
    if (!session || items.length === 0) return []
    const isWhole = !items.some((item) => isLate(state, session, item))
    return [{fileName: source.name, maskPath: paths[i] ?? '', size: session.size, items: withMask(items), isWhole}]
  })
}
