/** What a person gives the page to open: files, folders, addresses. Pure, like `update`, which it belongs to. */

/** @import {Batch, Effect, Failure, Label, Source, State} from './types.js' */

import {changeJob, endJob, jobAnswered, nextJobId, startJob} from './jobs.js'
import {firstNames, placeNotice, without} from './series.js'

/** Endings of files that are likely pictures. What a file is, its content says; these are tried first. */
const PICTURE = /\.(png|jpe?g|tiff?|webp|bmp|gif|npz)$/i
/** What lies in folders unseen, or belongs to a picture and is none. */
const NOT_A_PICTURE = /(^|\/)(\.[^/]*|thumbs\.db|desktop\.ini)$|\.(json|csv|txt|md|medbox)$/i

/**
 * Several files in the order in which they are tried: likely pictures first, then others, each as they came.
 * @template {{name: string}} F
 * @param {readonly F[]} files @returns {F[]}
 */
export function ordered(files) {
  const seen = files.filter(({name}) => !NOT_A_PICTURE.test(name))
  return [...seen.filter(({name}) => PICTURE.test(name)), ...seen.filter(({name}) => !PICTURE.test(name))]
}

/**
 * The file to begin with, and what to do when it cannot be opened. One file is just that file, whatever it is.
 * @param {readonly Source[]} files @returns {{first: Source, batch: Batch | null} | null} null: there is nothing to open
 */
export function batchOf(files) {
  const [only] = files
  if (only && files.length === 1) return {first: only, batch: null}
  const all = ordered(files)
  const [first, ...left] = all
  const pictures = all.filter(({name}) => PICTURE.test(name))
  return first ? {first, batch: {n: files.length, left, skipped: [], series: pictures.length > 0 ? pictures : all}} : null
}

/** @param {number} n of files that were given */
export const noneOpens = (n) => /** @type {Failure} */ ({code: n === 0 ? 'page.not-a-file' : 'page.none-opens', message: String(n), hint: ''})

/**
 * A file of several could not be opened: the next one is tried. Null where there is no other, or where the fault is not
 * the file's.
 * @param {State} state @param {Source} source @param {Failure} failure @returns {State | null}
 */
export function nextOfBatch(state, source, failure) {
  const {batch} = state
  const [next, ...left] = batch?.left ?? []
  if (!batch || !next || !failure.code.startsWith('open.')) return null
  return {...state, pending: next, batch: {...batch, left, skipped: [...batch.skipped, source.name], series: without(batch.series, source)}}
}

/**
 * What was left out: other pictures in the file, or other files; or else which of several it is.
 * @param {Batch | null} batch @param {readonly Source[]} series @param {Source} source @param {boolean} hasMore @returns {Label | null}
 */
export function openedNotice(batch, series, source, hasMore) {
  // Other files can be seen in their folder, what is in a file cannot.
  if (hasMore) return {key: 'notice.firstPicture', values: {name: source.name}}
  return (batch && skippedNotice(batch, source)) ?? placeNotice(series, source) ?? (batch && {key: 'notice.firstOf', values: {name: source.name, n: batch.n}})
}

/** Which files could not be opened. @param {Batch} batch @param {Source} source @returns {Label | null} */
function skippedNotice({n, skipped}, {name}) {
  if (skipped.length === 0) return null
  return {key: 'notice.firstReadable', values: {name, n, names: firstNames(skipped)}}
}

/**
 * Asks for a picture by its address. Only the newest is waited for.
 * @param {State} state @param {{url: string, name: string, demo: Source['demo']}} wish @returns {[State, Effect[]]}
 */
export function pictureAsked(state, {url, name, demo}) {
  const older = state.jobs.flatMap((job) => (job.kind === 'fetch' ? [job.id] : []))
  const free = older.reduce(endJob, {...state, failure: null, menu: null})
  const id = nextJobId(state)
  const job = /** @type {const} */ ({kind: 'fetch', id, startedMs: null, name, demo, read: null})
  const [next, effects] = startJob(free, job, {type: 'fetch-picture', id, url})
  return [next, older.length > 0 ? [{type: 'cancel', ids: older}, ...effects] : effects]
}

/** @param {State} state @param {{id: number, loaded: number, total: number}} progress @returns {State} */
export function readOn(state, {id, loaded, total}) {
  const job = jobAnswered(state, 'fetch', id) ?? jobAnswered(state, 'open', id)
  return job ? changeJob(state, job, {read: {loaded, total}}) : state
}

/** The file name in an address. @param {string} address absolute or relative @returns {string} */
export function nameOfAddress(address) {
  const path = address.replace(/[?#].*$/, '')
  const name = path.slice(path.lastIndexOf('/') + 1)
  try {
    return decodeURIComponent(name) || path
  } catch {
    return name // A stray percent sign is part of the name.
  }
}
