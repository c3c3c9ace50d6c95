/**
 * Draws the picture below masks and boxes: from halves of it where it is large, through a look-up while its window moves,
 * inverted where that is wished for.
 */

/** @import {GreyWindow, Slice, State} from './types.js' */

import {imageFromView} from './geometry.js'
import {lookup, sameWindow, wantedWindow} from './windowing.js'

/** From this zoom on lines between the pixels are drawn, and pixels are squares whatever is wished for. */
export const ZOOM_GRID = 16
/** What stands for a picture that is not shown, so that its extent is seen. */
const NO_PICTURE = '#1C1C1E'

/** What can be made once from an immutable value is kept beside it: the picture, and its halves. @type {WeakMap<ImageData, HTMLCanvasElement[]>} */
let pictures = new WeakMap()
/** Their pixels, for the look-up. @type {WeakMap<HTMLCanvasElement, ImageData>} */
const pixels = new WeakMap()
/** @type {HTMLCanvasElement | null} what is in sight, looked up */
let sight = null

/** What a browser took away is drawn anew. */
export const forgetPictures = () => { pictures = new WeakMap() }

/**
 * @param {CanvasRenderingContext2D} context  in image space @param {State} state @param {Slice} slice
 * @param {number} pixelRatio device pixels for a CSS pixel
 */
export function drawPicture(context, state, slice, pixelRatio) {
  const {width, height, window} = slice
  if (state.layers === 'masks' || !state.study) {
    context.fillStyle = NO_PICTURE
    context.fillRect(0, 0, width, height)
    return
  }
  const scale = state.view.zoom * pixelRatio
  context.imageSmoothingEnabled = scale < 1 || (state.smooth && state.view.zoom < ZOOM_GRID)
  context.imageSmoothingQuality = 'high'
  const wished = wantedWindow(state, state.study)
  const level = pictureCanvas(slice.picture, scale)
  if (sameWindow(wished, window)) context.drawImage(level, 0, 0, width, height)
  else drawLookedUp(context, state, level, slice, wished)
  if (state.invert) {
    context.globalCompositeOperation = 'difference' // |255 − grey|
    context.fillStyle = '#FFFFFF'
    context.fillRect(0, 0, width, height)
    context.globalCompositeOperation = 'source-over'
  }
}

/**
 * The picture, halved as often as it stays at least as large as it is shown: a large picture is drawn as fast as a small
 * one, and without the glitter of pixels that are left out.
 * @param {ImageData} picture @param {number} scale device pixels for an image pixel
 */
function pictureCanvas(picture, scale) {
  let levels = pictures.get(picture)
  if (!levels) {
    const full = emptyCanvas(picture.width, picture.height)
    full.getContext('2d')?.putImageData(picture, 0, 0)
    pixels.set(full, picture)
    pictures.set(picture, (levels = [full]))
  }
  let level = /** @type {HTMLCanvasElement} */ (levels[0])
  for (let i = 1; scale * 2 ** i <= 1; i++) {
    const half = levels[i] ?? emptyCanvas(Math.ceil(level.width / 2), Math.ceil(level.height / 2))
    if (!levels[i]) {
      const context = half.getContext('2d')
      if (context) context.imageSmoothingQuality = 'high'
      context?.drawImage(level, 0, 0, half.width, half.height)
      levels[i] = half
    }
    level = half
  }
  return level
}

/**
 * What is in sight of the picture as it would look through another window: each grey level has one that takes its place.
 * @param {CanvasRenderingContext2D} context @param {State} state @param {HTMLCanvasElement} level @param {Slice} slice @param {GreyWindow} wished
 */
function drawLookedUp(context, {view, viewport}, level, {width, height, window}, wished) {
  const [shareX, shareY] = [level.width / width, level.height / height]
  const [left, top] = imageFromView(view, viewport, [0, 0])
  const [right, bottom] = imageFromView(view, viewport, [viewport.width, viewport.height])
  const [x0, y0] = [Math.max(0, Math.floor(left * shareX) - 1), Math.max(0, Math.floor(top * shareY) - 1)]
  const [x1, y1] = [Math.min(level.width, Math.ceil(right * shareX) + 1), Math.min(level.height, Math.ceil(bottom * shareY) + 1)]
  if (x1 <= x0 || y1 <= y0) return
  const source = pixelsOf(level)
  const looked = lookedUp(source, [x0, y0, x1 - x0, y1 - y0], lookup(window, wished))
  sight ??= emptyCanvas(0, 0)
  sight.width = looked.width
  sight.height = looked.height
  sight.getContext('2d')?.putImageData(looked, 0, 0)
  context.drawImage(sight, x0 / shareX, y0 / shareY, looked.width / shareX, looked.height / shareY)
}

/** @param {HTMLCanvasElement} level @returns {ImageData} */
function pixelsOf(level) {
  let data = pixels.get(level)
  if (!data) {
    const context = /** @type {CanvasRenderingContext2D} */ (level.getContext('2d'))
    pixels.set(level, (data = context.getImageData(0, 0, level.width, level.height)))
  }
  return data
}

/**
 * @param {ImageData} source @param {readonly [number, number, number, number]} region x, y, width, height
 * @param {Uint8ClampedArray} table @returns {ImageData}
 */
function lookedUp(source, [x, y, width, height], table) {
  const from = new Uint32Array(source.data.buffer, source.data.byteOffset, source.width * source.height)
  const result = new ImageData(width, height)
  const to = new Uint32Array(result.data.buffer)
  // The low byte is red on all machines that browsers run on.
  const [red, green, blue] = [0, 8, 16].map((shift) => Uint32Array.from(table, (grey) => grey << shift))
  if (!red || !green || !blue) return result
  let at = 0
  for (let row = y; row < y + height; row++) {
    const start = row * source.width + x
    for (let i = start; i < start + width; i++) {
      const rgba = /** @type {number} */ (from[i])
      to[at++] = /** @type {number} */ (red[rgba & 255]) | /** @type {number} */ (green[(rgba >> 8) & 255]) | /** @type {number} */ (blue[(rgba >> 16) & 255]) | 0xff000000
    }
  }
  return result
}

/** @param {number} width @param {number} height */
function emptyCanvas(width, height) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas
}
