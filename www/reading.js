/** Reads files and fetches pictures, and tells how far it is. */

import {fetchBlob} from './assets.js'
import {PageError} from './protocol.js'
import {Ended} from './worker-client.js'

/** Smaller files are read before anybody could look. */
const QUIET_BYTES = 4e6
/** Between two messages of progress. */
const STEP_BYTES = 1e6

/** @typedef {(loaded: number, total: number) => void} OnRead  bytes; total 0 when not told */

/**
 * @param {Blob} blob @param {OnRead} [onRead] @returns {Promise<ArrayBuffer>}
 */
export async function readBytes(blob, onRead) {
  try {
    if (!onRead || blob.size < QUIET_BYTES) return await blob.arrayBuffer()
    const bytes = new Uint8Array(blob.size)
    let loaded = 0
    let told = 0
    for (const reader = blob.stream().getReader(); ;) {
      const {done, value} = await reader.read()
      if (done) return bytes.buffer
      bytes.set(value, loaded)
      loaded += value.length
      if (loaded - told < STEP_BYTES && loaded < blob.size) continue
      told = loaded
      onRead(loaded, blob.size)
    }
  } catch (error) {
    // A file that was moved, changed or taken away since it was chosen, or a folder that poses as a file.
    throw new PageError('page.unreadable', error instanceof Error ? error.message : String(error))
  }
}

/** Pictures that are fetched from the page's own server. */
export function createFetching() {
  /** @type {Map<number, AbortController>} by job */
  const running = new Map()
  return {
    /** @param {number} id of the job @param {string} url @param {OnRead} onRead @returns {Promise<Blob>} rejects with Ended when it was cancelled */
    async bring(id, url, onRead) {
      const {origin, href} = new URL(url, document.baseURI)
      if (origin !== location.origin) throw new PageError('page.cross-origin', origin)
      const controller = new AbortController()
      running.set(id, controller)
      try {
        return await fetchBlob(href, onRead, {signal: controller.signal})
      } catch (error) {
        if (controller.signal.aborted) throw new Ended()
        throw error instanceof PageError ? new PageError('page.no-picture', error.message) : error
      } finally {
        running.delete(id)
      }
    },
    /** @param {readonly number[]} ids */
    cancel(ids) {
      for (const id of ids) running.get(id)?.abort()
    },
  }
}
