/** What leaves the page's memory, and what comes back: files to save, sessions, and what the browser keeps. */

/** @import {Action, CoreExportKind, Effect, Failure} from './types.js' */
/** @import {createPool} from './pool.js' */

import {csvOf} from './csv.js'
import {createKeep} from './keep.js'
import {exportName} from './export-name.js'
import {exportObjects} from './exporting.js'
import {failureFrom, PageError} from './protocol.js'

/** Changes in quick succession are kept together, but for the first, as some browsers keep nothing of a page that ends. */
const KEEP_MS = 300

/** Needed by few visits, so loaded by those alone. */
const archive = () => import('./archive.js')

/** @typedef {Extract<Effect, {type: 'export'}>} Export */
/** @type {readonly CoreExportKind[]} */
const CORE_KINDS = ['label', 'overlay', 'coco', 'npz']

/** @param {(action: Action) => void} dispatch @param {Pick<ReturnType<typeof createPool>, 'ask'>} pool */
export function createSaving(dispatch, pool) {
  const keep = createKeep()
  /** Reads and writes of the store, one after the other. */
  let turn = Promise.resolve()
  /** @typedef {Omit<Extract<Effect, {type: 'keep'}>, 'type'>} Change */
  /** @type {Change | null} */
  let waiting = null
  /** Handed to the store, which has not answered: a page that ends meanwhile hands it over again. @type {Change | null} */
  let unanswered = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let lastMs = -Infinity
  /** What was told already: a page that keeps nothing, or not all, says so once. @type {Set<string>} */
  const told = new Set()
  /** Whether it is settled which record is this tab's. */
  let isReady = false

  /** @param {() => Promise<void>} work */
  const inTurn = (work) => (turn = turn.then(work).catch(tellOnce))

  /** Storage may be forbidden or full: the page works without. @param {unknown} error */
  const tellOnce = (error) => {
    if (error instanceof PageError) return dispatch({type: 'failed', failure: failureFrom(error), fatal: false})
    notKept('page.not-kept', error)
  }
  /** @param {'page.not-kept' | 'page.not-kept-aside'} code @param {unknown} error */
  const notKept = (code, error) => {
    if (told.has(code)) return
    told.add(code)
    const {name, message} = /** @type {Partial<Error>} */ (error instanceof Object ? error : {})
    dispatch({type: 'failed', failure: {code, message: (message || name || String(error)).replace(/\.$/, ''), hint: ''}, fatal: false})
  }

  const keepNow = (isLast = false) => {
    clearTimeout(timer)
    const change = waiting ?? (isLast ? unanswered : null)
    if (!change) return
    const {session, ...about} = change
    waiting = null
    unanswered = change
    const put = async () => {
      const lack = await keep.put(session, {...about, search: location.search, nowMs: Date.now()}, isLast)
      if (lack) notKept('page.not-kept-aside', lack)
      if (unanswered === change) unanswered = null
    }
    // The store itself does one change after the other.
    if (isLast && isReady) put().catch(tellOnce)
    else inTurn(put)
  }
  const drop = () => {
    clearTimeout(timer)
    waiting = null
    unanswered = null
  }
  // A page that is hidden may be ended without another word.
  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && keepNow(true))
  window.addEventListener('pagehide', () => keepNow(true))

  return {
    /** Opens what this tab, or one that is gone, left behind. @returns {Promise<boolean>} whether there was something */
    async reopen() {
      let found = false
      await inTurn(async () => {
        const kept = await keep.find(location.search)
        if (!kept) return
        found = true
        dispatch({type: 'session-read', from: 'browser', ...kept})
      })
      isReady = true
      return found
    },
    /** @param {Change} change */
    keepSoon({session, aside, shelved, series}) {
      waiting = {session, aside, shelved, series}
      clearTimeout(timer)
      const nowMs = performance.now()
      timer = setTimeout(keepNow, nowMs - lastMs < KEEP_MS ? KEEP_MS : 0)
      lastMs = nowMs
    },
    /** Of what this tab kept nothing is left. */
    letGo() {
      drop()
      return inTurn(keep.letGo)
    },
    forget() {
      drop()
      return inTurn(async () => {
        await keep.forget()
        dispatch({type: 'forgot'})
      })
    },
    /** @param {Blob} blob */
    async readSession(blob) {
      /** @type {Failure} */
      let failure
      try {
        const {unpackSession} = await archive()
        return dispatch({type: 'session-read', session: await unpackSession(blob), from: 'file', savedMs: null, shelved: false})
      } catch (error) {
        // A module that could not be fetched is a file of the page; all else is told by what threw it.
        failure = failureFrom(error instanceof TypeError ? new PageError('page.fetch', 'archive.js') : error)
      }
      dispatch({type: 'failed', failure, fatal: false})
    },
    /** The bytes of what is saved. @param {Export} effect @returns {Promise<Uint8Array<ArrayBuffer>>} */
    async make(effect) {
      if (effect.what === 'session') return (await archive()).packSession(effect.session)
      const csv = () => new TextEncoder().encode(csvOf(effect.rows))
      if (effect.what === 'csv') return csv()
      if (effect.what === 'series') {
        const {packSeries} = await archive()
        return packSeries(effect.pictures, (picture, what) => byCore({...picture, id: effect.id}, what))
      }
      if (effect.what !== 'zip') return byCore(effect, effect.what)
      const {zip} = await archive()
      /** @type {Record<string, Uint8Array>} */
      const files = {[exportName(effect.fileName, 'csv')]: csv()}
      for (const what of CORE_KINDS) files[exportName(effect.fileName, what)] = await byCore(effect, what)
      return zip(files)
    },
  }

  /** @param {Pick<Export, 'id' | 'fileName' | 'size' | 'items'>} effect @param {CoreExportKind} what */
  async function byCore({id, fileName, size, items}, what) {
    const objects = exportObjects(items, what)
    const {bytes} = await (what === 'overlay' ? pool.ask(id, what, {objects}) : pool.ask(id, 'export', {what, fileName, size, objects}))
    return bytes
  }
}

/** By the ending of the name. Browsers put `.zip` behind a name when told of a zip, so a session is just bytes. */
const MIME = {
  png: 'image/png', json: 'application/json', csv: 'text/csv', zip: 'application/zip', npz: 'application/octet-stream', medbox: 'application/octet-stream',
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {string} name */
export function download(bytes, name) {
  const ending = /** @type {keyof typeof MIME} */ (name.slice(name.lastIndexOf('.') + 1))
  const url = URL.createObjectURL(new Blob([bytes], {type: MIME[ending]}))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Copies a text. Pages that are not served safely have no clipboard, but may answer the command to copy. @param {string} words */
export async function copyText(words) {
  if (navigator.clipboard) return navigator.clipboard.writeText(words)
  const answer = (/** @type {ClipboardEvent} */ event) => {
    event.clipboardData?.setData('text/plain', words)
    event.preventDefault()
  }
  document.addEventListener('copy', answer, {once: true})
  const isDone = document.execCommand('copy')
  document.removeEventListener('copy', answer)
  if (!isDone) throw new Error('the browser does not allow it')
}
