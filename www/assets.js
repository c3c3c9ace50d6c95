/** What the page fetches from beside itself: the wasm module, model files, lists. Same origin only; the policy sees to it. */

import {keptOrFetched} from './kept-files.js'
import {PageError} from './protocol.js'

/** @import {ModelFiles} from './engine.js' */
/** @import {Loading, ModelId} from './types.js' */

/**
 * A module of one function that returns what `body` leaves on the stack.
 * @param {number[]} body instructions without the final `end`
 */
function probe(body) {
  const code = [0, ...body, 0x0b] // no locals … end
  return new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // "\0asm", version 1
    0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, // one type: () → v128
    0x03, 0x02, 0x01, 0x00, // one function of it
    0x0a, code.length + 2, 0x01, code.length, ...code,
  ])
}

const SPLAT = [0x41, 0x00, 0xfd, 0x0f] // i32.const 0, i8x16.splat
const RELAXED_SWIZZLE = [0xfd, 0x80, 0x02] // i8x16.relaxed_swizzle

/**
 * The build that this browser can run, or null where it has no SIMD at all.
 * @param {(bytes: Uint8Array<ArrayBuffer>) => boolean} [validate] @returns {'relaxed' | 'simd' | null}
 */
export function chooseBuild(validate = (bytes) => WebAssembly.validate(bytes)) {
  if (validate(probe([...SPLAT, ...SPLAT, ...RELAXED_SWIZZLE]))) return 'relaxed'
  return validate(probe(SPLAT)) ? 'simd' : null
}

/**
 * @param {string} url @param {(loaded: number, total: number) => void} [onProgress]  total: 0 when the server does not tell
 * @param {RequestInit} [how] @returns {Promise<Blob>}
 */
export async function fetchBlob(url, onProgress = () => {}, how = {}) {
  const response = await fetch(url, how).catch(() => null)
  if (!response?.ok || !response.body) throw new PageError('page.fetch', `${url}${response ? ` (${response.status})` : ''}`)
  const reader = response.body.getReader()
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = []
  let loaded = 0
  // The length of what is packed is not that of what arrives.
  const total = response.headers.has('Content-Encoding') ? 0 : Number(response.headers.get('Content-Length') ?? 0)
  try {
    for (;;) {
      const {done, value} = await reader.read()
      if (done) break
      chunks.push(value)
      loaded += value.length
      onProgress(loaded, total)
    }
  } catch {
    throw new PageError('page.fetch', url)
  }
  return new Blob(chunks, {type: response.headers.get('Content-Type') ?? ''})
}

/** @param {string} url @returns {Promise<unknown>} */
export async function fetchJson(url) {
  const blob = await fetchBlob(url)
  try {
    return JSON.parse(await blob.text())
  } catch {
    throw new PageError('page.fetch', url)
  }
}

/** @typedef {{version: string | null, later: Record<string, string[]>}} List */
/** @type {Promise<List> | null} */
let list = null
/** What is written with this version of the page, whichever version the server has by now; nothing where that cannot be had. @returns {Promise<List>} */
export const fetchList = () => (list ??= fetchJson('pkg/precache.json').then((read) => /** @type {List} */ (read), () => {
  list = null
  return {version: null, later: {}}
}))

/**
 * The module, unpacked here because simple servers send the file as it is. Servers that know better may have unpacked it.
 * @param {(loading: Loading) => void} onLoading @returns {Promise<{module: WebAssembly.Module, kept: boolean}>}
 */
export async function fetchModule(onLoading) {
  const build = chooseBuild()
  if (!build) throw new PageError('page.no-simd')
  const path = `pkg/medbox_${build}.wasm.gz`
  const {blob: packed, kept} = await keptOrFetched(path, (await fetchList()).later[path] ?? [], (cache) =>
    fetchBlob(path, (loaded) => onLoading({kind: 'engine', loaded, total: 0}), {cache}))
  const [first, second] = new Uint8Array(await packed.slice(0, 2).arrayBuffer())
  const isPacked = first === 0x1f && second === 0x8b
  const stream = isPacked ? packed.stream().pipeThrough(new DecompressionStream('gzip')) : packed.stream()
  return {module: await WebAssembly.compile(await new Response(stream).arrayBuffer()), kept}
}

/**
 * @param {string} name folder below models/ @param {(loading: Loading) => void} onLoading
 * @returns {Promise<{files: ModelFiles, kept: boolean}>}
 */
export async function fetchModel(name, onLoading) {
  const folder = `models/${encodeURIComponent(name)}/`
  const manifest = await (await fetchBlob(`${folder}manifest.json`)).text()
  const {encoder, decoder} = /** @type {Record<'encoder' | 'decoder', {file: string, bytes: number, sha256: string}>} */ (JSON.parse(manifest))
  const total = encoder.bytes + decoder.bytes
  const loaded = {encoder: 0, decoder: 0}
  const part = (/** @type {'encoder' | 'decoder'} */ which, /** @type {{file: string, sha256: string}} */ {file, sha256}) =>
    keptOrFetched(folder + file, [sha256], (cache) =>
      fetchBlob(folder + file, (bytes) => {
        loaded[which] = bytes
        onLoading({kind: 'model', loaded: loaded.encoder + loaded.decoder, total})
      }, {cache}))
  const [one, other] = await Promise.all([part('encoder', encoder), part('decoder', decoder)])
  return {files: {manifest, encoder: one.blob, decoder: other.blob}, kept: one.kept && other.kept}
}

/** The sums that tell one state of a model from another. @param {ModelFiles} files @returns {ModelId['sha256']} */
export function hashesOf({manifest}) {
  const {encoder, decoder} = /** @type {Record<'encoder' | 'decoder', {sha256: string}>} */ (JSON.parse(manifest))
  return {encoder: encoder.sha256, decoder: decoder.sha256}
}
