/**
 * A view that only moves shows most of what it showed: that is moved on the canvas, and what comes into sight is drawn.
 * For this the picture's corner lies on a whole device pixel.
 */

/** @import {Extent, State, View} from './types.js' */

import {viewFromImage} from './geometry.js'

/** @typedef {{x: number, y: number, width: number, height: number}} Region  device pixels */

/**
 * The view whose picture begins on a whole device pixel, nearest to a view.
 * @param {View} view @param {Extent} viewport @param {number} pixelRatio device pixels for a CSS pixel @returns {View}
 */
export function onWholePixels(view, viewport, pixelRatio) {
  const [x, y] = viewFromImage(view, viewport, [0, 0])
  const slip = (/** @type {number} */ at) => (Math.round(at * pixelRatio) / pixelRatio - at) / view.zoom
  return {...view, centre: [view.centre[0] - slip(x), view.centre[1] - slip(y)]}
}

/** What can change without a change to the canvas. @type {ReadonlySet<keyof State>} */
const UNSEEN = new Set(/** @type {const} */ (['view', 'pointer', 'probed', 'probing', 'menu', 'sheet', 'panelOpen', 'notice', 'note', 'locale', 'theme', 'workers']))

/**
 * By how many device pixels the view has moved, where that is all that has changed; null where something else has.
 * @param {State} before @param {State} after  both on whole pixels @param {number} pixelRatio @returns {{x: number, y: number} | null}
 */
export function movedBy(before, after, pixelRatio) {
  if (before.view.zoom !== after.view.zoom) return null
  const keys = /** @type {(keyof State)[]} */ (Object.keys(after))
  if (keys.some((key) => before[key] !== after[key] && !UNSEEN.has(key))) return null
  const [from, to] = [before, after].map(({view, viewport}) => viewFromImage(view, viewport, [0, 0]))
  const along = (/** @type {0 | 1} */ axis) => Math.round(((to?.[axis] ?? 0) - (from?.[axis] ?? 0)) * pixelRatio)
  return {x: along(0), y: along(1)}
}

/**
 * What comes into sight when the content of a canvas moves.
 * @param {{x: number, y: number}} moved @param {Region} whole @returns {Region[]} one for each side, none where it stays
 */
export function uncovered({x, y}, {width, height}) {
  const [wide, high] = [Math.min(Math.abs(x), width), Math.min(Math.abs(y), height)]
  const columns = {x: x > 0 ? 0 : width - wide, y: 0, width: wide, height}
  // The corner is in the columns already.
  const rows = {x: x > 0 ? wide : 0, y: y > 0 ? 0 : height - high, width: width - wide, height: high}
  return [columns, rows].filter((region) => region.width > 0 && region.height > 0)
}
