/** Draws where objects and the reference differ. */

/** @import {Pixels} from './compare.js' */
/** @import {Pair, State} from './types.js' */

import {pairsOf, unmatched} from './compare.js'

// Told apart by people with any colour vision, by hue and by lightness; the legend in app.css has them too.
const MISSED = /** @type {const} */ ([86, 180, 233, 190])
const EXTRA = /** @type {const} */ ([213, 94, 0, 190])
/** @typedef {readonly [number, number, number, number]} Colour  red, green, blue, alpha */

/** @typedef {{canvas: HTMLCanvasElement, x: number, y: number}} Stain */
/** What was drawn once is kept beside the masks, which never change. @type {WeakMap<Uint8Array, {other: Uint8Array | null, stain: Stain}>} */
let stains = new WeakMap()

/** What a browser took away is drawn anew. */
export const forgetStains = () => { stains = new WeakMap() }

/** Whether differences are shown in place of filled masks. @param {State} state */
export const isComparing = ({reference, layers}) => reference?.isShown === true && layers !== 'picture'

/** @param {CanvasRenderingContext2D} context in image space @param {State} state */
export function drawDifferences(context, state) {
  if (!isComparing(state) || state.draft || state.stroke) return
  const smoothing = context.imageSmoothingEnabled
  context.imageSmoothingEnabled = false
  for (const {item, structure} of pairsOf(state)) if (item.visible) draw(context, item.mask, structure, EXTRA, MISSED)
  for (const structure of unmatched(state)) draw(context, structure, null, MISSED, MISSED)
  context.imageSmoothingEnabled = smoothing
}

/**
 * @param {CanvasRenderingContext2D} context @param {Pixels} mask @param {Pair['structure']} other
 * @param {Colour} onlyMask @param {Colour} onlyOther
 */
function draw(context, mask, other, onlyMask, onlyOther) {
  let known = stains.get(mask.bytes)
  if (!known || known.other !== (other?.bytes ?? null)) {
    known = {other: other?.bytes ?? null, stain: stainOf(mask, other, onlyMask, onlyOther)}
    stains.set(mask.bytes, known)
  }
  const {canvas, x, y} = known.stain
  if (canvas.width > 0 && canvas.height > 0) context.drawImage(canvas, x, y)
}

/** @param {Pixels} mask @param {Pixels | null} other @param {Colour} onlyMask @param {Colour} onlyOther @returns {Stain} */
function stainOf(mask, other, onlyMask, onlyOther) {
  const [ax, ay, aWidth, aHeight] = mask.region
  const [bx, by, bWidth, bHeight] = other?.region ?? mask.region
  const [x, y] = [Math.min(ax, bx), Math.min(ay, by)]
  const [width, height] = [Math.max(ax + aWidth, bx + bWidth) - x, Math.max(ay + aHeight, by + bHeight) - y]
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  if (width === 0 || height === 0) return {canvas, x, y}
  const image = new ImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  // Where both are, nothing is drawn; so many pixels are written as whole numbers, in the order of this machine's bytes.
  const [mine, others] = [onlyMask, onlyOther].map((colour) => new Uint32Array(Uint8Array.from(colour).buffer)[0] ?? 0)
  const paint = (/** @type {Pixels} */ {region: [left, top, w, h], bytes}, /** @type {number} */ colour) => {
    for (let row = 0; row < h; row++) {
      const at = (row + top - y) * width + left - x
      for (let i = 0; i < w; i++) if (bytes[row * w + i]) pixels[at + i] = pixels[at + i] ? 0 : colour
    }
  }
  paint(mask, mine ?? 0)
  if (other) paint(other, others ?? 0)
  canvas.getContext('2d')?.putImageData(image, 0, 0)
  return {canvas, x, y}
}
