/** Looks into a file that may hold masks of the open picture. */

/** @import {Extent, Structure} from './types.js' */
/** @import {createPool} from './pool.js' */

import {edgesOf, isFlat, pngHead} from './offer.js'

/**
 * The structures of a label map of the open picture's size; null where the file is a picture.
 * @param {Pick<ReturnType<typeof createPool>, 'ask'>} pool @param {number} job
 * @param {{blob: Blob, name: string}} file @param {Extent} size
 * @param {boolean} isCertain  a person says that it holds masks: what speaks against it is thrown
 * @returns {Promise<readonly Structure[] | null>}
 */
export async function structuresIn(pool, job, {blob, name}, size, isCertain) {
  if (!isCertain && (await isPicture(blob, size))) return null
  const bytes = await blob.arrayBuffer()
  const reading = pool.ask(job, 'readLabels', {bytes, size}).then(({masks}) => masks)
  if (isCertain) return reading
  const structures = await reading.catch(() => null)
  if (!structures?.length) return null
  // An archive says by its keys that it holds masks.
  return name.toLowerCase().endsWith('.npz') || isFlat(edgesOf(structures), size) ? structures : null
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
