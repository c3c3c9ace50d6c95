/**
 * `node tools/precache.mjs [FOLDER]`: lists what the service worker keeps of the page in FOLDER/pkg/precache.json, prints
 * what a first visit downloads, and fails when that is over tools/budget.json.
 *
 * Each file stands there with its hash, so a file that changed is another version of the page. What is large and not
 * needed by every visit (the wasm builds, the networks) is listed apart: the page keeps what it has used.
 */

import {createHash} from 'node:crypto'
import {existsSync, readFileSync, readdirSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {fileURLToPath} from 'node:url'

const LIST = 'pkg/precache.json'
/** What a browser asks for while the page runs; other files are for people, tests and types. */
const SERVED = /\.(html|css|js|json|svg|png|jpg|webmanifest)$/
const NOT_SERVED = new Set(['sw.js', 'types.js', LIST, 'vendor/index.json'])

/** @param {Buffer | string} bytes */
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** @param {string} root @param {string} [folder] @returns {string[]} paths below root, with `/` */
const filesBelow = (root, folder = '') =>
  readdirSync(join(root, folder)).flatMap((name) => {
    const path = folder ? `${folder}/${name}` : name
    return statSync(join(root, path)).isDirectory() ? filesBelow(root, path) : [path]
  }).sort()

/**
 * `files` are kept by the service worker, by path; the page itself is `./`, because some hosts redirect `index.html`.
 * `later` are kept by the page when it has used them, engine and networks: hashes that a file may have (packed, and unpacked on
 * the way).
 * @typedef {{version: string, files: Record<string, string>, later: Record<string, string[]>}} Precache
 */

/** @param {string} root @returns {Precache} */
export function precache(root) {
  const read = (/** @type {string} */ path) => readFileSync(join(root, path))
  const paths = filesBelow(root)
  const kept = paths.filter((path) => SERVED.test(path) && !NOT_SERVED.has(path))
  const files = Object.fromEntries(kept.map((path) => [path === 'index.html' ? './' : path, sha256(read(path))]))
  const builds = paths.filter((path) => path.endsWith('.wasm.gz')).map((path) => {
    const bytes = read(path)
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
    return [path, isPacked ? [sha256(bytes), sha256(gunzipSync(bytes))] : [sha256(bytes)]]
  })
  const networks = paths.filter((path) => /^models\/[^/]+\/manifest\.json$/.test(path)).flatMap((path) => {
    const {encoder, decoder} = JSON.parse(read(path).toString())
    return [encoder, decoder].map(({file, sha256: hash}) => [path.replace('manifest.json', file), [hash]])
  })
  const later = Object.fromEntries([...builds, ...networks])
  const version = sha256(JSON.stringify([files, later])).slice(0, 16)
  return {version, files, later}
}

/** The list as it is handed out: what the service worker finds a new version by. @param {string} root */
export const precacheList = (root) => `${JSON.stringify(precache(root), null, 1)}\n`

/**
 * Bytes of a first visit with the default model, by kind. Simple servers do not compress, so files count as they are.
 * @param {string} root
 */
export function firstVisit(root) {
  const size = (/** @type {string} */ path) => statSync(join(root, path)).size
  const sum = (/** @type {string[]} */ paths) => paths.reduce((total, path) => total + size(path), 0)
  const paths = Object.keys(precache(root).files).map((path) => (path === './' ? 'index.html' : path))
  const isDemo = (/** @type {string} */ path) => path.startsWith('demos/')
  const builds = filesBelow(root, 'pkg').filter((path) => path.endsWith('.wasm.gz'))
  /** @type {{name: string, bytes: number, default: boolean}[]} */
  const models = JSON.parse(readFileSync(join(root, 'models/index.json'), 'utf8'))
  const visit = {
    page: sum([...paths.filter((path) => !isDemo(path)), 'sw.js', LIST]),
    demos: sum(paths.filter(isDemo)),
    engine: Math.max(...builds.map(size)),
    model: models.find((model) => model.default)?.bytes ?? 0,
  }
  return {...visit, total: visit.page + visit.demos + visit.engine + visit.model}
}

function main(root = 'www') {
  if (!existsSync(join(root, 'pkg'))) throw new Error(`${root}/pkg is missing: ./build.sh wasm`)
  writeFileSync(join(root, LIST), precacheList(root))
  const visit = firstVisit(root)
  const budget = JSON.parse(readFileSync(fileURLToPath(new URL('budget.json', import.meta.url)), 'utf8'))
  const kilobytes = (/** @type {number} */ bytes) => `${Math.ceil(bytes / 1000).toLocaleString('en')} kB`
  const rows = Object.entries(visit).map(([what, bytes]) => `${what} ${kilobytes(bytes)} of ${kilobytes(budget[what])}`)
  console.log(`first visit (budget): ${rows.join(' · ')}`)
  const over = Object.entries(visit).filter(([what, bytes]) => bytes > budget[what]).map(([what]) => what)
  if (over.length === 0) return
  console.error(`error: ${over.join(', ')} over the budget of tools/budget.json\nhint: find out what grew; raise the budget only on purpose`)
  process.exitCode = 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv[2])
