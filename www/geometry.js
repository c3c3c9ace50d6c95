/**
 * Boxes and views: small sums on numbers. Names say the space, result first: `imageFromView`.
 *
 * Image space has its origin at the picture's top left corner and counts image pixels; view space has it at the
 * viewer's top left corner and counts CSS pixels.
 */

/** @import {Box, Point, View, Extent} from './types.js' */

export const ZOOM_MAX = 64
/** A box under this many image pixels a side is a slip of the hand. */
export const BOX_MIN_PX = 2

/** Every handle of a box: where it sits, as shares of width and height, and which sides it moves. */
export const HANDLES = /** @type {const} */ ([
  {at: [0, 0], cursor: 'nwse-resize'},
  {at: [0.5, 0], cursor: 'ns-resize'},
  {at: [1, 0], cursor: 'nesw-resize'},
  {at: [1, 0.5], cursor: 'ew-resize'},
  {at: [1, 1], cursor: 'nwse-resize'},
  {at: [0.5, 1], cursor: 'ns-resize'},
  {at: [0, 1], cursor: 'nesw-resize'},
  {at: [0, 0.5], cursor: 'ew-resize'},
])

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high)

/**
 * The view that shows the whole picture with a little air around it. Small pictures grow.
 * @param {Extent} picture @param {Extent} viewport @returns {View}
 */
export function fitView(picture, viewport) {
  const air = Math.min(24, viewport.width * 0.03)
  const zoom = Math.min((viewport.width - 2 * air) / picture.width, (viewport.height - 2 * air) / picture.height)
  return {fit: true, zoom: Math.max(zoom, 0.001), centre: [picture.width / 2, picture.height / 2]}
}

/** @param {View} view @param {Extent} viewport @param {Point} atView @returns {Point} */
export const imageFromView = (view, viewport, [x, y]) => [
  view.centre[0] + (x - viewport.width / 2) / view.zoom,
  view.centre[1] + (y - viewport.height / 2) / view.zoom,
]

/** @param {View} view @param {Extent} viewport @param {Point} atImage @returns {Point} */
export const viewFromImage = (view, viewport, [x, y]) => [
  (x - view.centre[0]) * view.zoom + viewport.width / 2,
  (y - view.centre[1]) * view.zoom + viewport.height / 2,
]

/**
 * Zooms so that the image point under `atView` stays where it is.
 * @param {View} view @param {Extent} viewport @param {Extent} picture @param {number} factor @param {Point} atView @returns {View}
 */
export function zoomAt(view, viewport, picture, factor, atView) {
  const least = fitView(picture, viewport).zoom * 0.5
  const zoom = clamp(view.zoom * factor, Math.min(least, 1), ZOOM_MAX)
  const [x, y] = imageFromView(view, viewport, atView)
  const centre = /** @type {Point} */ ([
    x - (atView[0] - viewport.width / 2) / zoom,
    y - (atView[1] - viewport.height / 2) / zoom,
  ])
  return keepInSight({fit: false, zoom, centre}, picture)
}

/**
 * Moves the picture with the hand.
 * @param {View} view @param {Extent} picture @param {number} dx CSS pixels @param {number} dy @returns {View}
 */
export function panBy(view, picture, dx, dy) {
  const centre = /** @type {Point} */ ([view.centre[0] - dx / view.zoom, view.centre[1] - dy / view.zoom])
  return keepInSight({...view, fit: false, centre}, picture)
}

/** The middle of the viewer never leaves the picture. @param {View} view @param {Extent} picture @returns {View} */
const keepInSight = (view, picture) => ({
  ...view,
  centre: [clamp(view.centre[0], 0, picture.width), clamp(view.centre[1], 0, picture.height)],
})

/** Forgives what sums of floats add to a whole number. */
const WHOLE_TOLERANCE_PX = 1e-6

/**
 * The box between two image points, grown to whole pixels and cut at the picture's edge.
 * @param {Point} a @param {Point} b @param {Extent} picture @returns {Box}
 */
export function boxBetween(a, b, picture) {
  const low = (/** @type {number} */ p, /** @type {number} */ q) => Math.floor(Math.min(p, q) + WHOLE_TOLERANCE_PX)
  const high = (/** @type {number} */ p, /** @type {number} */ q) => Math.ceil(Math.max(p, q) - WHOLE_TOLERANCE_PX)
  return [
    clamp(low(a[0], b[0]), 0, picture.width),
    clamp(low(a[1], b[1]), 0, picture.height),
    clamp(high(a[0], b[0]), 0, picture.width),
    clamp(high(a[1], b[1]), 0, picture.height),
  ]
}

/** @param {Box} box */
export const isBigEnough = (box) => box[2] - box[0] >= BOX_MIN_PX && box[3] - box[1] >= BOX_MIN_PX

/** @param {Box} box @param {number} dx @param {number} dy @param {Extent} picture @returns {Box} */
export function moveBox(box, dx, dy, picture) {
  const x = Math.round(clamp(dx, -box[0], picture.width - box[2]))
  const y = Math.round(clamp(dy, -box[1], picture.height - box[3]))
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y]
}

/**
 * Drags one handle to an image point. Sides may cross: the box turns over.
 * @param {Box} box @param {number} handle index into HANDLES @param {Point} to @param {Extent} picture @returns {Box}
 */
export function resizeBox(box, handle, to, picture) {
  const [shareX, shareY] = /** @type {(typeof HANDLES)[number]} */ (HANDLES[handle]).at
  const [x, y] = [clamp(Math.round(to[0]), 0, picture.width), clamp(Math.round(to[1]), 0, picture.height)]
  const sides = [...box]
  if (shareX !== 0.5) sides[shareX === 0 ? 0 : 2] = x
  if (shareY !== 0.5) sides[shareY === 0 ? 1 : 3] = y
  const [x0, y0, x1, y1] = /** @type {[number, number, number, number]} */ (sides)
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)]
}

/** @param {Box} box @param {(typeof HANDLES)[number]['at']} at @returns {Point} */
export const handlePoint = (box, at) => [box[0] + (box[2] - box[0]) * at[0], box[1] + (box[3] - box[1]) * at[1]]

/**
 * Which handle of a box lies within `reach` of an image point, or -1.
 * @param {Box} box @param {Point} atImage @param {number} reach image pixels
 */
export function handleAt(box, atImage, reach) {
  let best = -1
  let bestDistance = reach
  HANDLES.forEach(({at}, i) => {
    const [x, y] = handlePoint(box, at)
    const distance = Math.max(Math.abs(x - atImage[0]), Math.abs(y - atImage[1]))
    if (distance <= bestDistance) [best, bestDistance] = [i, distance]
  })
  return best
}

/** Whether an image point is within `reach` of a side. @param {Box} box @param {Point} at @param {number} reach */
export function isOnEdge([x0, y0, x1, y1], [x, y], reach) {
  if (x < x0 - reach || x > x1 + reach || y < y0 - reach || y > y1 + reach) return false
  return !(x > x0 + reach && x < x1 - reach && y > y0 + reach && y < y1 - reach)
}

/** @param {Box} box @param {Point} at */
export const isInside = ([x0, y0, x1, y1], [x, y]) => x >= x0 && x <= x1 && y >= y0 && y <= y1

/** @param {Box} a @param {Box} b */
export const sameBox = (a, b) => a.every((side, i) => side === b[i])
