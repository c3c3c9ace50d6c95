/**
 * The service worker: keeps the page's own files, each verified by its hash, and serves them without asking the network.
 *
 * What makes a version of the page is told by a list and not by this script, which hardly ever changes: browsers lose
 * requests of tabs that are open while one script takes over from another, so it is never asked for. A new version is kept
 * beside the one before, whoever comes gets the newest, and a tab stays with the version that it was opened with.
 *
 * A classic script, because not every browser runs modules here. The page's policy does not bind it, so it is kept small:
 * it asks for nothing but the list and its files, and passes on what the page may ask for anyway.
 */

/**
 * @typedef {object} Kept
 * @property {string | null} newest  the version that whoever comes gets
 * @property {Record<string, string>} clients  versions of tabs and their workers, by client id; who is not here has the newest
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self))
const {scope} = worker.registration
/** Several pages may live on one origin, each below its own path. */
const CACHE_PREFIX = `medbox page ${scope} `
const KEPT = `medbox versions ${scope}`
const LIST = new URL('pkg/precache.json', scope).href
/** Of these only the page's own files are kept; all others, large ones among them, do not pass through here. */
const MAY_BE_KEPT = /(^|\/|\.(html|css|js|json|svg|png|jpg|webmanifest))$/

/** @param {ArrayBuffer} bytes */
const sha256 = async (bytes) =>
  [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** Caches of this page, newest last. */
const ownCaches = async () => (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX))

/** @returns {Promise<Kept>} */
async function stored() {
  const response = await caches.match(scope, {cacheName: KEPT})
  return response ? response.json() : {newest: null, clients: {}}
}

/** @type {string | null} the version that is being fetched */
let coming = null

/** A browser ends an idle worker: what it must know then is stored. @param {Kept} kept */
async function store(kept) {
  await (await caches.open(KEPT)).put(scope, new Response(JSON.stringify(kept)))
  const used = new Set([kept.newest, coming, ...Object.values(kept.clients)].map((version) => CACHE_PREFIX + version))
  for (const name of await ownCaches()) if (!used.has(name)) await caches.delete(name)
}

/** What is stored, without tabs that were closed meanwhile, and without versions that only those had. */
async function begin() {
  const {newest, clients} = await stored()
  if (Object.keys(clients).length === 0) return {newest, clients}
  const open = new Set((await worker.clients.matchAll({type: 'all', includeUncontrolled: true})).map(({id}) => id))
  const kept = {newest, clients: Object.fromEntries(Object.entries(clients).filter(([id]) => open.has(id)))}
  await store(kept)
  return kept
}

/** @type {Promise<Kept> | null} */
let begun = null
const known = () => (begun ??= begin().catch((error) => {
  begun = null
  throw error
}))

/** What another version has of a file, where that has not changed since. @param {string} url @param {string} hash */
async function keptBefore(url, hash) {
  for (const cacheName of await ownCaches()) {
    const response = await caches.match(url, {cacheName})
    if (response && (await sha256(await response.clone().arrayBuffer())) === hash) return response
  }
  return null
}

/** @param {string} url */
async function fetched(url) {
  const response = await fetch(url, {cache: 'no-cache', credentials: 'same-origin'})
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return response
}

/** @param {string} url @param {string} hash */
async function fetchedAs(url, hash) {
  const response = await fetched(url)
  if ((await sha256(await response.clone().arrayBuffer())) !== hash) throw new Error(`${url} is not the file of this version`)
  return response
}

/** A version is kept whole or not at all. @param {string} version @param {Record<string, string>} files @param {Response} list */
async function fill(version, files, list) {
  coming = version
  const cache = await caches.open(CACHE_PREFIX + version)
  try {
    await Promise.all(Object.entries(files).map(async ([path, hash]) => {
      const url = new URL(path, scope).href
      await cache.put(url, (await keptBefore(url, hash)) ?? (await fetchedAs(url, hash)))
    }))
    await cache.put(LIST, list)
  } catch (error) {
    await caches.delete(CACHE_PREFIX + version)
    throw error
  } finally {
    coming = null
  }
}

async function look() {
  const list = await fetched(LIST)
  const {version, files} = /** @type {{version: string, files: Record<string, string>}} */ (await list.clone().json())
  const kept = await known()
  const before = kept.newest
  const isWhole = await caches.match(LIST, {cacheName: CACHE_PREFIX + version})
  if (version === before && isWhole) return
  if (!isWhole) await fill(version, files, list)
  if (before) for (const {id} of await worker.clients.matchAll({type: 'all'})) kept.clients[id] ??= before
  kept.newest = version
  await store(kept)
}

/** @type {Promise<void> | null} */
let looking = null
/** Several tabs may ask at once. */
const lookOnce = () => (looking ??= look().finally(() => { looking = null }))

async function tellTabs() {
  const {newest, clients} = await known()
  for (const client of await worker.clients.matchAll()) {
    if ((clients[client.id] ?? newest) !== newest) client.postMessage('newer')
  }
}

/** @param {FetchEvent} event */
async function answer({request, clientId, resultingClientId}) {
  const kept = await known()
  const version = (request.mode === 'navigate' ? null : kept.clients[clientId]) ?? kept.newest
  if (!version) return fetch(request)
  if (resultingClientId) {
    kept.clients[resultingClientId] = version
    // Of the others it is known when a newer one comes.
    if (version !== kept.newest) await store(kept)
  }
  const url = new URL(request.url)
  // Some hosts redirect `index.html`.
  const asked = url.origin + url.pathname
  const response = await caches.match(asked === `${scope}index.html` ? scope : asked, {cacheName: CACHE_PREFIX + version})
  return response ?? fetch(request)
}

worker.addEventListener('install', (event) =>
  // Another script of this page that works is asked for new versions; this one begins when its last tab is closed.
  event.waitUntil(stored().then(({newest}) => (newest ? undefined : lookOnce()))))

// The first visit is served from now on too.
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()))

worker.addEventListener('message', (event) => {
  // Without a network there is nothing newer.
  if (event.data === 'look') event.waitUntil(lookOnce().catch(() => {}).then(tellTabs))
})

worker.addEventListener('fetch', (event) => {
  const {request} = event
  const {origin, pathname} = new URL(request.url)
  if (request.method !== 'GET' || !(origin + pathname).startsWith(scope) || !MAY_BE_KEPT.test(pathname)) return
  event.respondWith(answer(event).catch(() => fetch(request)))
})
