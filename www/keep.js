/**
 * Keeps what is being made in this browser, so that a crash or a reload loses nothing. Each tab has a record of its own;
 * a record whose tab is gone is taken over by the next tab that opens.
 */

/** @import {Session} from './types.js' */

import {readSession, writeSession} from './session.js'
import {openDB} from './vendor/idb.js'

const DATABASE = 'medbox'
const RECORDS = 'sessions'
const PICTURES = 'pictures'
/** Where a tab remembers, over a reload, which record is its own. */
const TAB_KEY = 'medbox.tab'
/** What a page had to keep when it ended: browsers may drop what their database has not begun by then. Before a tab's name. */
const LAST_KEY = 'medbox.last '
/** How long to wait for a record that this tab, or another one, holds. */
const [OWN_MS, OTHER_MS] = [500, 250]

/**
 * @typedef {{json: string, picture?: string, aside?: readonly {json: string, picture: string}[], savedMs: number, search: string, shelved: boolean}} KeptRecord
 * picture: its key in the store, without one the record's; aside: works that were put aside; search: the query of the page's
 * address; shelved: the picture had been closed
 * @typedef {{session: Session, aside: readonly Session[], savedMs: number, shelved: boolean}} Kept
 */

/** Stays open: a page that ends has no time left for opening it. @type {ReturnType<typeof openDB> | null} */
let opened = null
const open = () => {
  opened ??= openDB(DATABASE, 1, {
    upgrade(database) {
      database.createObjectStore(RECORDS)
      database.createObjectStore(PICTURES)
    },
    blocking: close,
    terminated: close,
  })
  opened.catch(() => (opened = null))
  return opened
}

/** Another tab, or the browser, wants it closed. It is opened again when needed. */
function close() {
  opened?.then((database) => database.close())
  opened = null
}

/**
 * Holds a record's name for as long as the tab lives. Without locks (a page that is not served safely) every tab takes
 * the same record, and the last one that changes something has it.
 * @param {string} key @param {number} waitMs a page that is being reloaded lets go of its own a moment later
 * @returns {Promise<boolean>} false: another tab has it
 */
const claim = (key, waitMs) => new Promise((resolve) => {
  if (!navigator.locks) return resolve(true)
  const hold = () => {
    resolve(true)
    return new Promise(() => {})
  }
  navigator.locks.request(`${TAB_KEY} ${key}`, {signal: AbortSignal.timeout(waitMs)}, hold).catch(() => resolve(false))
})

/** @param {string} key @param {KeptRecord} record */
function keepAtOnce(key, record) {
  try {
    localStorage.setItem(LAST_KEY + key, JSON.stringify(record))
  } catch {
    // Full or forbidden: the database may still have time for it.
  }
}

/** What was kept last under this name. @param {Awaited<ReturnType<typeof open>>} database @param {string} key @returns {Promise<KeptRecord | undefined>} */
async function newest(database, key) {
  const record = /** @type {KeptRecord | undefined} */ (await database.get(RECORDS, key))
  const last = /** @type {KeptRecord | null} */ (JSON.parse(localStorage.getItem(LAST_KEY + key) ?? 'null'))
  return last && last.savedMs >= (record?.savedMs ?? 0) ? last : record
}

const freshKey = () => crypto.getRandomValues(new Uint32Array(2)).join('-')

export function createKeep() {
  let tab = ''
  /** The pictures that stand in the store, with their keys. @type {Map<Blob, string>} */
  let stored = new Map()
  /** Number of the last change. */
  let last = 0

  return {
    /**
     * What this tab, or one that is gone, left behind. Comes first: it settles which record is this tab's.
     * @param {string} search @returns {Promise<Kept | null>}
     */
    async find(search) {
      const database = await open()
      const own = sessionStorage.getItem(TAB_KEY) ?? ''
      const keys = /** @type {string[]} */ (await database.getAllKeys(RECORDS))
      const records = new Map(await Promise.all(keys.map(async (key) => /** @type {const} */ ([key, await newest(database, key)]))))
      // An address that names a picture is not answered with another one.
      const isFor = (/** @type {string} */ key) => search === '' || records.get(key)?.search === search
      const newestFirst = keys.filter(isFor).sort((a, b) => (records.get(b)?.savedMs ?? 0) - (records.get(a)?.savedMs ?? 0))
      const isMine = own !== '' && (isFor(own) || !records.has(own))
      for (tab of new Set([...(isMine ? [own] : []), ...newestFirst, freshKey()])) {
        if (await claim(tab, tab === own ? OWN_MS : OTHER_MS)) break
      }
      sessionStorage.setItem(TAB_KEY, tab)
      // Once more, as a page that is reloaded keeps its last change while it ends.
      const record = await newest(database, tab)
      /** @param {{json: string, picture?: string}} one @returns {Promise<Session | null>} */
      const read = async ({json, picture: key = tab}) => {
        const picture = /** @type {Blob | undefined} */ (await database.get(PICTURES, key))
        if (!picture) return null
        stored.set(picture, key)
        return readSession(JSON.parse(json), picture)
      }
      const session = record && (await read(record))
      if (!record || !session) return null
      // One that cannot be read takes nothing from the others.
      const aside = await Promise.all((record.aside ?? []).map((one) => read(one).catch(() => null)))
      return {session, aside: aside.flatMap((one) => one ?? []), savedMs: record.savedMs, shelved: record.shelved}
    },
    /**
     * @param {Session} session @param {{aside: readonly Session[], search: string, shelved: boolean, nowMs: number}} about
     * @param {boolean} isLast  the page may end: all is handed over at once, without waiting for an answer, and written
     * down beside the database
     */
    async put(session, {aside, search, shelved, nowMs}, isLast) {
      const number = ++last
      const keys = new Map([session, ...aside].map(({source: {blob}}) => [blob, stored.get(blob) ?? freshKey()]))
      const written = (/** @type {Session} */ one) => ({json: JSON.stringify(writeSession(one)), picture: /** @type {string} */ (keys.get(one.source.blob))})
      const record = /** @type {KeptRecord} */ ({...written(session), aside: aside.map(written), savedMs: nowMs, search, shelved})
      const isStored = [...keys.keys()].every((blob) => stored.has(blob))
      if (isLast && isStored) keepAtOnce(tab, record)
      const database = await open()
      // Another tab may have had everything forgotten. It is asked before: a change that waits for an answer is lost with its page.
      const isForgotten = !isLast && isStored && (await database.count(PICTURES, record.picture)) === 0
      if (number !== last) return // A newer one was handed over meanwhile.
      const change = database.transaction([RECORDS, PICTURES], 'readwrite')
      change.done.catch(() => {}) // What fails is told by the step that failed.
      const pictures = change.objectStore(PICTURES)
      /** @type {Promise<unknown>[]} */
      const steps = [change.objectStore(RECORDS).put(record, tab)]
      for (const [blob, key] of keys) if (isForgotten || !stored.has(blob)) steps.push(pictures.put(blob, key))
      for (const [blob, key] of stored) if (!keys.has(blob)) steps.push(pictures.delete(key))
      change.commit()
      await Promise.all([...steps, change.done])
      stored = keys
      if (number === last) localStorage.removeItem(LAST_KEY + tab)
    },
    /** Nothing remains, of no tab. */
    async forget() {
      stored = new Map()
      for (const key of Object.keys(localStorage)) if (key.startsWith(LAST_KEY)) localStorage.removeItem(key)
      const change = (await open()).transaction([RECORDS, PICTURES], 'readwrite')
      await Promise.all([change.objectStore(RECORDS).clear(), change.objectStore(PICTURES).clear(), change.done])
    },
  }
}
