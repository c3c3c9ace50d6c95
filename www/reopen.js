/** What is kept of a study, when, and how the page comes back to it. Pure, like `update`, which it belongs to. */

/** @import {Action, Effect, ModelInfo, Note, Reopening, Session, Source, State, Study} from './types.js' */

import {withoutMasks} from './exporting.js'
import {loadAsked} from './model-choice.js'
import {isWorth, keepsOther, modelThen, sessionOf, withSession} from './session.js'
import {toBeTold} from './series.js'
import {isOpening, makeWay, makeWayForPicture} from './stopping.js'

/** So many works lie aside at most, each with its picture, as many as files that can be given together; of more, those that were put aside last. */
const ASIDE_MAX = 2000
/** Of so many of them the steps can be taken back: the history of one takes at most 128 MB, and mostly a thousandth of it. */
const HISTORIES_MAX = 10

/**
 * A session was read: its picture is opened, by its model if that is here. What the browser kept stands back where
 * something else is open by now.
 * @param {State} before @param {Extract<Action, {type: 'session-read'}>} action @returns {[State, Effect[]]}
 */
export function sessionRead(before, {session, from, savedMs, shelved, aside: kept = [], series: leafed = []}) {
  const series = before.series.length === 0 ? byName(leafed) : before.series
  const state = kept.length > 0 ? {...before, aside: [...before.aside, ...kept].slice(0, ASIDE_MAX), series} : before
  if (from === 'browser' && (state.study || state.pending || state.jobs.some(isOpening))) return [{...state, aside: withAside(state.aside, session)}, []]
  if (shelved && savedMs !== null) return [{...state, note: {kind: 'kept', session, savedMs}}, []]
  const aside = withAside(state.aside, keptOf(state))
  const asked = {...state, aside, pending: session.source, batch: null, reopening: {session, from, savedMs, left: sessionOf(before)}, failure: null, notice: null, note: null}
  const name = session.model?.name ?? state.modelName
  const entry = name === state.modelName ? undefined : state.models.find((model) => model.name === name)
  if (entry) {
    const [idle, effects] = makeWay(asked)
    const free = state.model ? withoutMasks(idle) : idle
    const [next, loads] = loadAsked({...free, standsInFor: null, model: null, refused: []}, entry)
    return [next, [...effects, ...loads]]
  }
  const [idle, effects] = makeWayForPicture(asked, session.source)
  // The list of models may still be to come.
  return [state.models.length === 0 ? {...idle, modelName: name} : idle, effects]
}

/** Pictures in the order of a folder: that in which they were given is gone. @param {readonly Source[]} sources @returns {readonly Source[]} */
const byName = (sources) =>
  [...sources].sort((a, b) => a.name.localeCompare(b.name, undefined, {numeric: true}))

/** A picture has one work. @param {readonly Session[]} aside @param {Session | null} session  the newest @returns {readonly Session[]} */
const withAside = (aside, session) =>
  session && isMade(session) ? [session, ...aside.filter(({source}) => source !== session.source)].slice(0, ASIDE_MAX) : aside

/** Whether there is more than at the start, or was: what was removed can be had back. @param {Session} session */
const isMade = ({work: {items, classChoice, window, pixelMm}, history}) =>
  items.length > 0 || classChoice !== 'auto' || window !== null || pixelMm !== null || (history !== undefined && history.past.length > 0)

/** What the browser kept and a note offers. @param {Pick<State, 'note'>} state */
const keptOf = ({note}) => (note?.kind === 'kept' ? note.session : null)

/**
 * The works that lie aside once a picture was opened: that of the picture before, and what the browser kept that was not gone back to.
 * @param {State} state @param {Source} opened @returns {readonly Session[]}
 */
export function setAside(state, opened) {
  const left = {...state, study: state.study ?? state.shelved}
  const {reopening} = state
  const waiting = reopening?.from === 'browser' && reopening.session.source !== opened ? reopening.session : null
  // As it was left: the model that is loaded by now may be that of the picture to come.
  const isAsLeft = reopening?.left?.source === left.study?.source && reopening?.left?.work === left.study?.work
  const session = (isAsLeft && reopening?.left) || sessionOf(left)
  const own = session && left.study && {...session, history: historyOf(left.study), ...(state.keeping ? {} : {isForgotten: true})}
  const before = [keptOf(state), waiting].reduce(withAside, state.aside)
  const aside = withAside(before, own)
  // Who goes back goes on to what was put aside before: the work that is left for it is the last to be spoken of.
  const isWayBack = reopening?.from === 'file' && before.some(({source}) => source === opened)
  const [first, ...others] = aside
  return withHistories(isWayBack && first && first === own ? [...others, first] : aside)
}

/** @param {Study} study */
const historyOf = ({past, future}) => ({past, future})

/** Steps take memory: those of the works that were left last can be taken back, of the others no more. @param {readonly Session[]} aside */
const withHistories = (aside) => aside.map((one, i) => (i >= HISTORIES_MAX && one.history ? withoutHistory(one) : one)).filter(isMade)

/** @param {Session} session @returns {Session} */
const withoutHistory = ({history, ...session}) => session

/** What is said beside the picture: the news, and else how to come back to the work that was put aside last. @param {State} state @returns {Note | null} */
export function shownNote(state) {
  const [session] = toBeTold(state)
  return state.note ?? (session ? {kind: 'replaced', session} : null)
}

/** The note is closed. Of works that lie aside none is spoken of any more; all stay, and are told after a reload. @param {State} state @returns {State} */
export function noteClosed(state) {
  if (state.note) return {...state, note: null}
  const told = new Set(toBeTold(state))
  return {...state, aside: state.aside.map((one) => (told.has(one) ? {...one, isHushed: true} : one))}
}

/** That a session's model was not here is true until it is. @param {State['note']} note @param {ModelInfo} info @returns {State['note']} */
export function noteOfModel(note, info) {
  if (note?.kind !== 'reopened' || note.model !== 'absent' || note.modelName !== info.title) return note
  return note.from === 'browser' ? {...note, model: 'same'} : null
}

/**
 * The state with the work of the session whose picture was just opened, if it was a session's, or was known again while it was opened.
 * @param {State} state @returns {State}
 */
export function reopened(state) {
  const {study} = state
  const next = {...state, reopening: null, keeping: true}
  const reopening = [state.reopening, ...state.aside.map(asLeft)].find((one) => one?.session.source === study?.source)
  if (!study || !reopening) return next
  // What a person had forgotten is not kept because it is seen again.
  const keeping = !reopening.session.isForgotten
  const {session, from, savedMs} = reopening
  if (!fits(session, state)) {
    const message = 'its picture has another size than it says'
    return {...next, failure: {code: 'page.session', message, hint: ''}}
  }
  const model = modelThen(session, state)
  const n = session.work.items.length
  // Who leafs back comes to what was just left.
  const isNews = from === 'browser' || (from === 'file' && model !== 'same')
  const name = session.model?.name ?? ''
  const modelName = state.models.find((one) => one.name === name)?.title ?? name
  const note = isNews ? {kind: /** @type {const} */ ('reopened'), from, savedMs, n, model, modelName} : next.note
  const aside = state.aside.filter(({source}) => source !== session.source)
  return {...withHistory(withSession(next, study, session), session), keeping, aside, note, hintSeen: state.hintSeen || n > 0}
}

/** @param {Session} session @returns {Reopening} */
const asLeft = (session) => ({session, from: 'series', savedMs: null})

/**
 * Asks which of the files that were given are pictures with work that lies aside: their bytes say so, as names and times do not.
 * @param {State} state  in which the first of them is open @returns {Effect[]}
 */
export function recogniseEffects({series, aside}) {
  const old = aside.map(({source}) => source).filter((source) => !series.includes(source))
  return old.length > 0 && series.length > 1 ? [{type: 'recognise', old, files: series}] : []
}

/**
 * Work goes on with the files that were given again. That of the open picture is given back, to be opened, if nothing was done
 * anew and nobody has gone on.
 * @param {State} state @param {readonly (readonly [Source, Source])[]} pairs  of the picture that has the work and the file that is the same
 * @returns {{state: State, session: Session | null}}
 */
export function recognised(state, pairs) {
  const {study, series} = state
  const files = new Map(pairs.filter(([, file]) => series.includes(file) && !state.aside.some(({source}) => source === file)))
  const isTouched = isWorth(state)
  const aside = state.aside.map((one) => {
    const file = files.get(one.source)
    return file && !(isTouched && file === study?.source) ? {...one, source: file} : one
  })
  const isLeft = state.pending !== null || state.jobs.some(isOpening)
  return {state: {...state, aside}, session: isTouched || isLeft ? null : aside.find(({source}) => source === study?.source) ?? null}
}

/** Nothing of what is here is to be kept, nor what is about to be seen again. @param {State} state @returns {State} */
export const allForgotten = (state) => ({
  ...state, note: null, keeping: false, aside: state.aside.map(forgotten), reopening: state.reopening && {...state.reopening, session: forgotten(state.reopening.session)},
})

/** @param {Session} session @returns {Session} */
const forgotten = (session) => ({...session, isForgotten: true})

/**
 * One of the works that lie aside is let go of, in the browser too.
 * @param {State} state @param {Session} session @returns {[State, Effect[]]}
 */
export function asideForgotten(state, session) {
  const next = {...state, aside: state.aside.filter((one) => one !== session)}
  if (isWorth(next)) return [next, []] // It is kept, and so are those beside it.
  // The browser has what was closed as the open work, or else what was put aside.
  const closed = {...next, study: next.shelved}
  const [first = null] = next.keeping && isWorth(closed) ? [sessionOf(closed)] : toBeKept(next)
  return [next, [first ? keepEffect(next, first, true) : {type: 'let-go'}]]
}

/** @param {State} state @param {Session} session  the open work, or what stands for it @param {boolean} shelved @returns {Effect} */
function keepEffect(state, session, shelved) {
  const {series} = state
  const isOne = series.length > 1 && series.includes(session.source)
  return {type: 'keep', session, aside: toBeKept(state).filter((one) => one !== session), shelved, series: isOne ? series : []}
}

/** A work of which steps alone are left has nothing that outlives the page. @param {State} state */
const toBeKept = ({aside}) => aside.filter((one) => !one.isForgotten && isMade(withoutHistory(one)))

/** What was done before it was left can still be taken back. @param {State} state @param {Session} session @returns {State} */
const withHistory = (state, {history}) => (state.study && history ? {...state, study: {...state.study, ...history}} : state)

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
  if (after.note === null || after.note !== before.note || after.note.kind === 'kept' || after.note.kind === 'unsaved') return true
  const isSamePicture = before.study?.source === after.study?.source
  const isNothingDone = before.study?.past.length === after.study?.past.length
  return isSamePicture && (after.note.kind !== 'reopened' || isNothingDone)
}

/** What the browser has to keep after a step. @param {State} before @param {State} after @returns {Effect[]} */
export function keepEffects(before, after) {
  const isClosed = before.study !== null && after.study === null
  const subject = isClosed ? before : after
  if (!after.keeping || !isWorth(subject) || !(isClosed || keepsOther(before, after) || before.aside !== after.aside)) return []
  const session = sessionOf(subject)
  return session ? [keepEffect(after, session, isClosed)] : []
}
