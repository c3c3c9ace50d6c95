/** What is kept of a study, when, and how the page comes back to it. Pure, like `update`, which it belongs to. */

/** @import {Action, Effect, ModelInfo, Session, State} from './types.js' */

import {withoutSaving} from './exporting.js'
import {isWorth, keepsOther, modelThen, sessionOf, withSession} from './session.js'
import {isOpening, makeWay, makeWayForPicture} from './stopping.js'

/** So many works lie aside at most, each with its picture; of more, those that were put aside last. */
const ASIDE_MAX = 5

/**
 * A session was read: its picture is opened, by its model if that is here. What the browser kept stands back where
 * something else is open by now.
 * @param {State} state @param {Extract<Action, {type: 'session-read'}>} action @returns {[State, Effect[]]}
 */
export function sessionRead(state, {session, from, savedMs, shelved}) {
  if (from === 'browser' && (state.study || state.pending || state.jobs.some(isOpening))) return [state, []]
  if (shelved && savedMs !== null) return [{...state, note: {kind: 'kept', session, savedMs}}, []]
  const asked = {...state, pending: session.source, batch: null, reopening: {session, from, savedMs}, failure: null, notice: null, note: state.note?.kind === 'replaced' ? state.note : null}
  const name = session.model?.name ?? state.modelName
  const entry = name === state.modelName ? undefined : state.models.find((model) => model.name === name)
  if (entry) {
    const [idle, effects] = makeWay(asked)
    const free = state.model ? withoutSaving(idle) : idle
    return [{...free, modelName: entry.name, standsInFor: null, model: null, refused: []}, [...effects, {type: 'load-model', entry}]]
  }
  const [idle, effects] = makeWayForPicture(asked)
  // The list of models may still be to come.
  return [state.models.length === 0 ? {...idle, modelName: name} : idle, effects]
}

/**
 * What is said of the work whose place another picture takes, or of what stood aside already: how to come back to it. That
 * files were not saved goes before it.
 * @param {State} state @returns {State['note']}
 */
export function setAside(state) {
  if (state.note?.kind === 'unsaved') return state.note
  const left = {...state, study: state.study ?? state.shelved}
  const session = left.study && left.study.work.items.length > 0 ? sessionOf(left) : null
  const before = state.note?.kind === 'replaced' ? state.note : null
  if (!session) return before
  return {kind: 'replaced', session, earlier: before ? [before.session, ...before.earlier].slice(0, ASIDE_MAX - 1) : []}
}

/** What is left to say once the way back to the work put aside last was taken, or was closed. @param {State['note']} note @returns {State['note']} */
export function earlierAside(note) {
  const [session, ...earlier] = note?.kind === 'replaced' ? note.earlier : []
  return session ? {kind: 'replaced', session, earlier} : null
}

/** That a session's model was not here is true until it is. @param {State['note']} note @param {ModelInfo} info @returns {State['note']} */
export function noteOfModel(note, info) {
  if (note?.kind !== 'reopened' || note.model !== 'absent' || note.modelName !== info.title) return note
  return note.from === 'browser' ? {...note, model: 'same'} : null
}

/**
 * The state with the work of the session whose picture was just opened, if it was a session's.
 * @param {State} state @returns {State}
 */
export function reopened(state) {
  const {study, reopening} = state
  const next = {...state, reopening: null, keeping: true}
  if (!study || reopening?.session.source !== study.source) return next
  const {session, from, savedMs} = reopening
  if (!fits(session, state)) {
    const message = 'its picture has another size than it says'
    return {...next, failure: {code: 'page.session', message, hint: ''}}
  }
  const model = modelThen(session, state)
  const n = session.work.items.length
  const isNews = from === 'browser' || model !== 'same'
  const name = session.model?.name ?? ''
  const modelName = state.models.find((one) => one.name === name)?.title ?? name
  const note = isNews ? {kind: /** @type {const} */ ('reopened'), from, savedMs, n, model, modelName} : next.note
  return {...withSession(next, study, session), note, hintSeen: state.hintSeen || n > 0}
}

/** @param {Session} session @param {State} state */
function fits({size}, {study}) {
  const slice = study?.slices[0]
  return slice?.width === size.width && slice.height === size.height
}

/**
 * Whether what a note says is still true after a step: it goes with its picture, unless it is of another one, and what
 * was restored is no news once something was done to it.
 * @param {State} before @param {State} after
 */
export function noteStands(before, after) {
  // What was put aside lies nowhere else, so the way back to it stays.
  if (after.note === null || after.note !== before.note || ['kept', 'unsaved', 'replaced'].includes(after.note.kind)) return true
  const isSamePicture = before.study?.source === after.study?.source
  const isNothingDone = before.study?.past.length === after.study?.past.length
  return isSamePicture && (after.note.kind !== 'reopened' || isNothingDone)
}

/** What the browser has to keep after a step. @param {State} before @param {State} after @returns {Effect[]} */
export function keepEffects(before, after) {
  const isClosed = before.study !== null && after.study === null
  const subject = isClosed ? before : after
  if (!after.keeping || !isWorth(subject) || !(isClosed || keepsOther(before, after))) return []
  const session = sessionOf(subject)
  return session ? [{type: 'keep', session, shelved: isClosed}] : []
}
