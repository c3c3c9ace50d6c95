/**
 * The service worker: keeps the page's own files, each verified by its hash, and serves them without asking the network.
 * A classic script, because not every browser runs modules here. The page's policy does not bind it, so it is kept small:
 * it asks for nothing but the files of its list, and passes on what the page may ask for anyway.
 */

/* global medboxFiles */
// The list is part of what browsers compare: a file that changed makes another version of this worker.
importScripts('pkg/precache.js')

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self))
const {version, files} = /** @type {{version: string, files: Record<string, string>}} */ (Reflect.get(self, 'medboxFiles'))
const {scope} = worker.registration
/** Several pages may live on one origin, each below its own path. */
const CACHE_PREFIX = `medbox page ${scope} `
const CACHE = CACHE_PREFIX + version

/** @param {ArrayBuffer} bytes */
const sha256 = async (bytes) =>
  [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** Caches of this page, newest last. */
const ownCaches = async () => (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX))

/** What an older version kept of a file, where that has not changed since. @param {string} url @param {string} hash */
async function keptBefore(url, hash) {
  for (const name of await ownCaches()) {
    const response = await (await caches.open(name)).match(url)
    if (response && (await sha256(await response.clone().arrayBuffer())) === hash) return response
  }
  return null
}

/** @param {string} url @param {string} hash */
async function fetched(url, hash) {
  const response = await fetch(url, {cache: 'no-cache', credentials: 'same-origin'})
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  if ((await sha256(await response.clone().arrayBuffer())) !== hash) throw new Error(`${url} is not the file of this version`)
  return response
}

async function fill() {
  const cache = await caches.open(CACHE)
  try {
    await Promise.all(Object.entries(files).map(async ([path, hash]) => {
      const url = new URL(path, scope).href
      await cache.put(url, (await keptBefore(url, hash)) ?? (await fetched(url, hash)))
    }))
    const list = `self.medboxFiles = ${JSON.stringify(Reflect.get(self, 'medboxFiles'))}\n`
    await cache.put(new URL('pkg/precache.js', scope).href, new Response(list, {headers: {'Content-Type': 'text/javascript'}}))
  } catch (error) {
    // A version is kept whole or not at all.
    await caches.delete(CACHE)
    throw error
  }
}

worker.addEventListener('install', (event) => event.waitUntil(fill()))

worker.addEventListener('activate', (event) =>
  event.waitUntil((async () => {
    for (const name of await ownCaches()) if (name !== CACHE) await caches.delete(name)
    // The first visit is served from now on too; a later version is taken over only when the person asks for it.
    await worker.clients.claim()
  })()))

worker.addEventListener('message', ({data}) => {
  if (data === 'take-over') worker.skipWaiting()
})

worker.addEventListener('fetch', (event) => {
  const {request} = event
  const url = new URL(request.url)
  url.search = url.hash = ''
  if (request.method !== 'GET' || !url.href.startsWith(scope)) return
  const path = decodeURI(url.href.slice(scope.length))
  const known = path === '' || path === 'index.html' ? './' : path
  if (!(known in files) && known !== 'pkg/precache.js') return
  event.respondWith((async () => {
    const cache = await caches.open(CACHE)
    return (await cache.match(new URL(known, scope).href)) ?? fetch(request)
  })())
})
