/**
 * The service worker: keeps the page's own files, each verified by its hash, and serves them without asking the network.
 *
 * What makes a version of the page is told by a list and not by this script, which hardly ever changes: browsers lose
 * requests of tabs that are open while one script takes over from another, so it is never asked for. A new version is kept
 * beside the one before, whoever comes gets the newest, and a tab stays with the version that it was opened with. Of engine
 * and models, which the page keeps itself, a new version has in store what the one before had.
 *
 * A classic script, because not every browser runs modules here. The page's policy does not bind it, so it is kept small:
 * it asks for nothing but the list and its files, and passes on what the page may ask for anyway.
 */

/**
 * As `tools/precache.mjs` writes it.
 * @typedef {{version: string, files: Record<string, string>, later: Record<string, string[]>}} List
 *
 * @typedef {object} Kept
 * @property {string | null} newest  the version that whoever comes gets; null: none is kept
 * @property {Record<string, string>} clients  versions of tabs and their workers, by client id; who is not here has the newest
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self))
const {scope} = worker.registration
/** Several pages may live on one origin, each below its own path. */
const CACHE_PREFIX = `medbox page ${scope} `
const KEPT = `medbox versions ${scope}`
/** Of `kept-files.js`, with its keys. */
const USED = `medbox files ${scope}`
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

/** A browser ends an idle worker: what it must know then is stored. @param {Kept} kept */
const store = async (kept) => (await caches.open(KEPT)).put(scope, new Response(JSON.stringify(kept)))

/** @param {string} version */
const isWhole = async (version) => (await caches.match(LIST, {cacheName: CACHE_PREFIX + version})) !== undefined

/** @type {string | null} the version that is being fetched */
let coming = null

/** Deletes the versions that nobody has. @param {Kept} kept */
async function tidy(kept) {
  for (const name of await ownCaches()) {
    const used = [kept.newest, coming, ...Object.values(kept.clients)]
    if (!used.some((version) => name === CACHE_PREFIX + version)) await caches.delete(name)
  }
}

/** What is stored, without the tabs that were closed meanwhile. */
async function begin() {
  const {newest, clients} = await stored()
  const ids = Object.keys(clients)
  if (ids.length === 0) return {newest, clients}
  const open = new Set((await worker.clients.matchAll({type: 'all', includeUncontrolled: true})).map(({id}) => id))
  const kept = {newest, clients: Object.fromEntries(Object.entries(clients).filter(([id]) => open.has(id)))}
  if (Object.keys(kept.clients).length === ids.length) return kept
  // Where there is no room for it, it is for the next time.
  await store(kept).then(() => tidy(kept)).catch(() => {})
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

/** @param {string} url @param {readonly string[]} hashes  that it may have @returns {Promise<{sum: string, response: Response}>} */
async function fetchedAs(url, hashes) {
  const got = await fetched(url)
  const bytes = await got.arrayBuffer()
  const sum = await sha256(bytes)
  if (!hashes.includes(sum)) throw new Error(`${url} is not the file of this version`)
  // A response that says that it was redirected is refused for a page, and how it was packed on the way is over.
  const headers = new Headers(got.headers)
  for (const name of ['Content-Encoding', 'Content-Length']) headers.delete(name)
  return {sum, response: new Response(bytes, {headers})}
}

/** What was used of the version before must be there without a network in the new one too. @param {Record<string, string[]>} later */
async function fillUsed(later) {
  if (!(await caches.has(USED))) return
  const cache = await caches.open(USED)
  const keys = (await cache.keys()).map(({url}) => url)
  for (const [path, hashes] of Object.entries(later)) {
    const url = new URL(path, scope).href
    if (!keys.some((key) => key.startsWith(`${url}?`)) || hashes.some((hash) => keys.includes(`${url}?${hash}`))) continue
    const {sum, response} = await fetchedAs(url, hashes)
    await cache.put(`${url}?${sum}`, response)
  }
}

/** A version is kept whole or not at all. @param {List} list @param {Response} asItIs */
async function fill({version, files, later}, asItIs) {
  const cache = await caches.open(CACHE_PREFIX + version)
  try {
    await Promise.all(Object.entries(files).map(async ([path, hash]) => {
      const url = new URL(path, scope).href
      await cache.put(url, (await keptBefore(url, hash)) ?? (await fetchedAs(url, [hash])).response)
    }))
    await fillUsed(later)
    await cache.put(LIST, asItIs)
  } catch (error) {
    await caches.delete(CACHE_PREFIX + version)
    throw error
  }
}

async function look() {
  const response = await fetched(LIST)
  const list = /** @type {List} */ (await response.clone().json())
  const kept = await known()
  const before = kept.newest
  try {
    coming = list.version
    const isKept = await isWhole(list.version)
    if (list.version === before && isKept) return
    if (!isKept) await fill(list, response)
    const clients = {...kept.clients}
    if (before) for (const {id} of await worker.clients.matchAll({type: 'all'})) clients[id] ??= before
    await store({newest: list.version, clients})
    // Also those that came meanwhile.
    Object.assign(kept, {newest: list.version, clients: {...clients, ...kept.clients}})
  } finally {
    coming = null
  }
}

/** @type {Promise<void> | null} */
let looking = null
/** Several tabs may ask at once. */
const lookOnce = () => (looking ??= look().finally(() => { looking = null }))

/**
 * A page says which version it is, because what the network gave it before this worker was there may be another.
 * @param {Client} asking @param {string | null} version  null where it does not know
 */
async function answerLook(asking, version) {
  const kept = await known()
  if (version && (await isWhole(version))) kept.clients[asking.id] = version
  // Without a network there is nothing newer.
  const hasLooked = await lookOnce().then(() => tidy(kept)).then(() => true, () => false)
  const {newest, clients} = kept
  if (!newest) return
  for (const client of await worker.clients.matchAll()) if ((clients[client.id] ?? newest) !== newest) client.postMessage('newer')
  if (hasLooked && version && version !== newest) asking.postMessage('newer')
}

/** The version that a page's worker names with its first request: it starts from a blob, so nothing else tells whose it is. @param {Request} request */
async function named({url}) {
  const version = new URL(url).search.slice(1)
  return version && (await isWhole(version)) ? version : null
}

/** @param {FetchEvent} event */
async function answer({request, clientId, resultingClientId}) {
  const kept = await known()
  const isNavigation = request.mode === 'navigate'
  const version = isNavigation ? kept.newest : (kept.clients[clientId] ?? (await named(request)) ?? kept.newest)
  if (!version) return fetch(request)
  const fresh = [isNavigation ? '' : clientId, resultingClientId].filter((id) => id && kept.clients[id] !== version)
  for (const id of fresh) kept.clients[id] = version
  // Of the others it is known when a newer one comes. Where there is no room, this worker knows it for as long as it runs.
  if (fresh.length > 0 && version !== kept.newest) await store(kept).catch(() => {})
  const url = new URL(request.url)
  // Some hosts redirect `index.html`.
  const asked = url.origin + url.pathname
  const response = await caches.match(asked === `${scope}index.html` ? scope : asked, {cacheName: CACHE_PREFIX + version})
  return response ?? fetch(request)
}

worker.addEventListener('install', (event) =>
  // Where another script of this page works, that one looks for new versions; this one begins when its last tab is closed.
  event.waitUntil(stored().then(({newest}) => (newest && worker.registration.active ? undefined : lookOnce()))))

worker.addEventListener('activate', (event) =>
  // The first visit is served from now on too.
  event.waitUntil(known().then(tidy).catch(() => {}).then(() => worker.clients.claim())))

worker.addEventListener('message', (event) => {
  const {data, source} = event
  if (data?.type === 'look' && source instanceof Client) event.waitUntil(answerLook(source, data.version))
})

worker.addEventListener('fetch', (event) => {
  const {request} = event
  const {origin, pathname} = new URL(request.url)
  if (request.method !== 'GET' || !(origin + pathname).startsWith(scope) || !MAY_BE_KEPT.test(pathname)) return
  event.respondWith(answer(event).catch(() => fetch(request)))
})
