/** Looks into a file that may hold masks of the open picture, or boxes for it. */

/** @import {Extent, LookJob, Sides, Structure} from './types.js' */
/** @import {createPool} from './pool.js' */

import {unzipSync} from './vendor/fflate.js'
import {edgesOf, isFlat, pngHead} from './offer.js'

/**
 * What of the open picture's size is in a file: the structures of a label map, boxes, and whether it can be opened as a
 * picture. What a person says that it is, and what speaks against it, is thrown.
 * @param {Pick<ReturnType<typeof createPool>, 'ask'>} pool @param {number} job
 * @param {{blob: Blob, name: string}} file @param {Extent & {name: string}} picture  the open one @param {LookJob['wish']} wish
 * @returns {Promise<{structures: readonly Structure[] | null, boxes: readonly Sides[] | null, takenFrom?: string | null, isPicture: boolean}>}
 * takenFrom: what the file calls the picture that the boxes are of, where it was taken for its size alone
 */
export async function contentsOf(pool, job, {blob, name}, {name: shown, ...size}, wish) {
  const labels = async () => (await pool.ask(job, 'readLabels', {bytes: await blob.arrayBuffer(), size})).masks
  const listed = async () => pool.ask(job, 'readBoxes', {bytes: await blob.arrayBuffer(), size, name: shown})
  const orNull = (/** @type {Promise<any>} */ reading) => reading.then((found) => (found.length > 0 ? found : null), () => null)
  if (wish === 'reference') return {structures: await labels(), boxes: null, isPicture: true}
  if (/\.json$/i.test(name)) return {structures: null, ...(await listed()), isPicture: false}
  if (/\.npz$/i.test(name)) {
    const keys = await keysOf(blob)
    return {
      structures: keys.has('segs') || keys.has('gts') ? await orNull(labels()) : null,
      boxes: keys.has('boxes') ? await orNull(listed().then(({boxes}) => boxes)) : null,
      isPicture: keys.has('imgs'),
    }
  }
  if (await isPicture(blob, size)) return {structures: null, boxes: null, isPicture: true}
  const structures = await orNull(labels())
  return {structures: structures && isFlat(edgesOf(structures), size) ? structures : null, boxes: null, isPicture: true}
}

/** The names of the arrays in a NumPy archive. @param {Blob} blob @returns {Promise<Set<string>>} */
async function keysOf(blob) {
  const keys = new Set()
  try {
    unzipSync(new Uint8Array(await blob.arrayBuffer()), {filter: ({name}) => !keys.add(name.replace(/\.npy$/, ''))})
  } catch {
    // What is wrong with it is told when it is opened.
  }
  return keys
}

/**
 * Whether a PNG can be told from a label map at once, without waiting for a worker: the next picture of a series opens
 * as fast as the first. What the browser cannot show in full (16 bits) is left to the core.
 * @param {Blob} blob @param {Extent} size
 */
async function isPicture(blob, size) {
  const head = pngHead(new Uint8Array(await blob.slice(0, 26).arrayBuffer()))
  if (!head) return false
  if (head.width !== size.width || head.height !== size.height) return true
  if (head.bits > 8) return false
  const bitmap = await createImageBitmap(blob, {colorSpaceConversion: 'none', premultiplyAlpha: 'none'}).catch(() => null)
  if (!bitmap) return false
  const context = new OffscreenCanvas(size.width, size.height).getContext('2d', {willReadFrequently: true})
  context?.drawImage(bitmap, 0, 0)
  bitmap.close()
  const pixels = new Uint32Array(context?.getImageData(0, 0, size.width, size.height).data.buffer ?? new ArrayBuffer(0))
  let edges = 0
  for (let i = 1; i < pixels.length; i++) if (pixels[i] !== pixels[i - 1]) edges++
  return !isFlat(edges, size)
}
