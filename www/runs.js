/** Masks folded small for the history: lengths of runs of equal bytes. Lossless. */

/** @import {Mask, PackedMask} from './types.js' */

/** A mask is folded once, however many versions hold it. @type {WeakMap<Mask, PackedMask>} */
const packed = new WeakMap()

/** @param {Mask} mask @returns {PackedMask} the same one for the same mask */
export function packMask(mask) {
  let small = packed.get(mask)
  if (!small) {
    const {bytes, ...rest} = mask
    small = {...rest, packed: fewRunLengths(bytes, bytes.length / 4) ?? bytes}
    packed.set(mask, small)
  }
  return small
}

/** @param {PackedMask} small @returns {Mask} */
export function unpackMask(small) {
  const {packed: runs, ...rest} = small
  const mask = {...rest, bytes: runs instanceof Uint8Array ? runs : fromRunLengths(runs, small.region[2] * small.region[3])}
  packed.set(mask, small)
  return mask
}

/** How many bytes of 0, of 1, of 0, … follow each other. @param {Uint8Array} bytes @returns {Uint32Array} */
export const runLengths = (bytes) => /** @type {Uint32Array} */ (fewRunLengths(bytes, Infinity))

/** The same, or null when it makes more than `most` numbers. @param {Uint8Array} bytes @param {number} most @returns {Uint32Array | null} */
export function fewRunLengths(bytes, most) {
  const runs = []
  for (let at = 0, value = 0; at < bytes.length; value = 1 - value) {
    const next = bytes.indexOf(1 - value, at)
    const end = next < 0 ? bytes.length : next
    if (runs.length + 1 > most) return null
    runs.push(end - at)
    at = end
  }
  return Uint32Array.from(runs)
}

/** @param {Uint32Array} runs @param {number} length @returns {Uint8Array} */
export function fromRunLengths(runs, length) {
  const bytes = new Uint8Array(length)
  let at = 0
  runs.forEach((run, i) => {
    if (i % 2 === 1) bytes.fill(1, at, at + run)
    at += run
  })
  return bytes
}
