/**
 * Large files that a person has used, kept in this browser by their hashes: they are downloaded once, survive without a
 * network, and a file that was damaged in the store is fetched again. Without the store (a page that came by plain http)
 * every visit fetches them.
 */

import {PageError} from './protocol.js'
import {sha256} from './sha256.js'

/** Several pages may live on one origin, each below its own path. */
const cacheName = () => `medbox files ${new URL('./', document.baseURI).href}`

/** Null where the browser keeps nothing for this page, or forbids it. */
const openStore = async () => {
  try {
    return await caches.open(cacheName())
  } catch {
    return null
  }
}

/** @param {Blob} blob */
const sumOf = async (blob) => sha256(await blob.arrayBuffer())

/** Each state of a file has its own place: tabs of two versions of the page may be open. @param {string} url @param {string} hash */
const keyOf = (url, hash) => `${url}?${hash}`

/** Of each file the newest two states are kept: the service worker adds those of new versions. @param {Cache} store @param {string} url */
async function deleteOlder(store, url) {
  const states = await store.keys(url, {ignoreSearch: true})
  for (const key of states.slice(0, -2)) await store.delete(key)
}

/**
 * @param {string} url
 * @param {readonly string[]} hashes  that the file may have: some servers unpack what was packed; what has none is not kept
 * @param {(cache: RequestCache) => Promise<Blob>} fetchIt  reload: what the browser has of it is of another version
 * @returns {Promise<{blob: Blob, kept: boolean}>} kept: it is there for a visit without a network
 */
export async function keptOrFetched(url, hashes, fetchIt) {
  const store = hashes.length > 0 ? await openStore() : null
  if (!store) return {blob: await fetchIt('default'), kept: false}
  await deleteOlder(store, url).catch(() => {})
  for (const hash of hashes) {
    const blob = await (await store.match(keyOf(url, hash)))?.blob()
    if (blob && (await sumOf(blob)) === hash) return {blob, kept: true}
  }
  let blob = await fetchIt('default')
  if (!hashes.includes(await sumOf(blob))) blob = await fetchIt('reload')
  const sum = await sumOf(blob)
  if (!hashes.includes(sum)) throw new PageError('page.changed', url)
  const kept = await store.put(keyOf(url, sum), new Response(blob)).then(() => true, () => false) // No room left: it is used all the same.
  return {blob, kept}
}
