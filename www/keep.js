/**
 * Keeps what is being made in this browser, so that a crash or a reload loses nothing. Each tab has a record of its own;
 * a record whose tab is gone is taken over by the next tab that opens.
 */

/** @import {Session, Source} from './types.js' */

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
 * @typedef {{json: string, picture?: string, aside?: readonly {json: string, picture: string, isAmong?: boolean}[] | undefined, savedMs: number, search: string, shelved: boolean, leafing?: boolean}} KeptRecord
 * picture: its key in the store, without one the record's; aside: works that were put aside; search: the query of the page's
 * address; shelved: the picture had been closed; leafing: it was one of several that were leafed through, and isAmong: so was this one
 * @typedef {{session: Session, aside: readonly Session[], savedMs: number, shelved: boolean, series: readonly Source[]}} Kept
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
    localStorage.setItem(LAST_KEY + key, JSON.stringify({...record, aside: undefined})) // It is small, and those have not changed.
  } catch {
    // Full or forbidden: the database may still have time for it.
  }
}

/** What was kept last under this name. @param {Awaited<ReturnType<typeof open>>} database @param {string} key @returns {Promise<KeptRecord | undefined>} */
async function newest(database, key) {
  const record = /** @type {KeptRecord | undefined} */ (await database.get(RECORDS, key))
  const last = /** @type {KeptRecord | null} */ (JSON.parse(localStorage.getItem(LAST_KEY + key) ?? 'null'))
  if (!last || last.savedMs < (record?.savedMs ?? 0)) return record
  const {picture = key, json, aside = []} = record ?? {}
  // What was open by the store's word lies aside, where the page had gone on to another picture.
  const isOther = json !== undefined && picture !== (last.picture ?? key)
  return {...last, aside: (isOther ? [{json, picture, isAmong: record?.leafing === true}, ...aside] : aside).filter((one) => one.picture !== last.picture)}
}

/** A session never changes, and those aside are written with each change of the open one. @type {WeakMap<Session, string>} */
const written = new WeakMap()
/** @param {Session} session */
function jsonOf(session) {
  const json = written.get(session) ?? JSON.stringify(writeSession(session))
  written.set(session, json)
  return json
}

const freshKey = () => crypto.getRandomValues(new Uint32Array(2)).join('-')

export function createKeep() {
  let tab = ''
  /** The pictures that stand in the store. @type {Set<Blob>} */
  let stored = new Set()
  /** Where each stands, or is to stand. @type {WeakMap<Blob, string>} */
  const pictureKeys = new WeakMap()
  /** @param {Session} session */
  const keyOf = ({source: {blob}}) => {
    const key = pictureKeys.get(blob) ?? freshKey()
    pictureKeys.set(blob, key)
    return key
  }
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
        stored.add(picture)
        pictureKeys.set(picture, key)
        return readSession(JSON.parse(json), picture)
      }
      if (!record) return null
      const {savedMs, shelved, leafing = false} = record
      // One that cannot be read takes nothing from the others.
      const found = await Promise.all((record.aside ?? []).map((one) => read(one).catch(() => null)))
      const [next, ...aside] = found.flatMap((one) => one ?? [])
      // Earlier pages did not tell which of them.
      const among = found.flatMap((one, i) => (one && leafing && record.aside?.[i]?.isAmong !== false ? [one.source] : []))
      const session = await read(record).catch((error) => {
        if (!next) throw error
        return null
      })
      if (session) return {session, aside: next ? [next, ...aside] : [], savedMs, shelved, series: leafing ? [session.source, ...among] : []}
      return next ? {session: next, aside, savedMs, shelved: true, series: among} : null
    },
    /**
     * @param {Session} session @param {{aside: readonly Session[], search: string, shelved: boolean, series: readonly Source[], nowMs: number}} about
     * @param {boolean} isLast  the page may end: all is handed over at once, without waiting for an answer, and written
     * down beside the database
     * @returns {Promise<Error | null>}  why only the open work is kept, and not what lies aside; null: all is
     */
    async put(session, {aside, search, shelved, series, nowMs}, isLast) {
      const number = ++last
      const among = new Set(series)
      const record = /** @type {KeptRecord} */ ({json: jsonOf(session), picture: keyOf(session), savedMs: nowMs, search, shelved, leafing: series.length > 0})
      const {blob} = session.source
      if (isLast && stored.has(blob)) keepAtOnce(tab, record)
      const database = await open()
      // Another tab may have had everything forgotten. It is asked before: a change that waits for an answer is lost with its page.
      if (!isLast) for (const one of stored) if ((await database.count(PICTURES, pictureKeys.get(one))) === 0) stored.delete(one)
      if (number !== last) return null // A newer one was handed over meanwhile.
      /** @param {readonly Session[]} others */
      const write = async (others) => {
        const wanted = new Map([session, ...others].map((one) => [one.source.blob, keyOf(one)]))
        const change = database.transaction([RECORDS, PICTURES], 'readwrite')
        change.done.catch(() => {}) // What fails is told by the step that failed.
        const pictures = change.objectStore(PICTURES)
        /** @type {Promise<unknown>[]} */
        const steps = [change.objectStore(RECORDS).put({...record, aside: others.map((one) => ({json: jsonOf(one), picture: keyOf(one), isAmong: among.has(one.source)}))}, tab)]
        for (const [one, key] of wanted) if (!stored.has(one)) steps.push(pictures.put(one, key))
        const keys = new Set(wanted.values())
        for (const one of stored) if (!wanted.has(one) && !keys.has(pictureKeys.get(one) ?? '')) steps.push(pictures.delete(/** @type {string} */ (pictureKeys.get(one))))
        change.commit()
        await Promise.all([...steps, change.done])
        stored = new Set(wanted.keys())
      }
      /** @type {Error | null} */
      let lack = null
      try {
        await write(aside)
      } catch (error) {
        if (aside.length === 0 || number !== last) throw error
        await write([]) // There may be room for the open work alone.
        lack = /** @type {Error} */ (error)
      }
      if (number === last) localStorage.removeItem(LAST_KEY + tab)
      return lack
    },
    /** Nothing remains of this tab. */
    async letGo() {
      const number = ++last
      localStorage.removeItem(LAST_KEY + tab)
      const change = (await open()).transaction([RECORDS, PICTURES], 'readwrite')
      const pictures = [...stored].map((one) => change.objectStore(PICTURES).delete(/** @type {string} */ (pictureKeys.get(one))))
      await Promise.all([change.objectStore(RECORDS).delete(tab), ...pictures, change.done])
      if (number === last) stored = new Set()
    },
    /** Nothing remains, of no tab. */
    async forget() {
      stored = new Set()
      for (const key of Object.keys(localStorage)) if (key.startsWith(LAST_KEY)) localStorage.removeItem(key)
      const change = (await open()).transaction([RECORDS, PICTURES], 'readwrite')
      await Promise.all([change.objectStore(RECORDS).clear(), change.objectStore(PICTURES).clear(), change.done])
    },
  }
}
