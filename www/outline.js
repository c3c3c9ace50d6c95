/** Outlines of masks as paths, made once for each mask and each reach of zooms. */

/** @import {Mask} from './types.js' */

import {simplified, traceMask} from './contour.js'

/** From this zoom on masks are shown with the stairs of their pixels. */
const ZOOM_STAIRS = 4
/** How far an outline may lie beside the exact one, CSS pixels: less than can be seen. */
const TOLERANCE = 0.25

/** What can be made once from an immutable value is kept beside it: paths by their tolerance, image pixels. @type {WeakMap<Uint8Array, Map<number, Path2D>>} */
const outlines = new WeakMap()

/**
 * The outline as it is seen at a zoom: with the stairs of its pixels where these can be seen, with fewer points the smaller
 * it is.
 * @param {Pick<Mask, 'region' | 'bytes'>} mask @param {number} zoom CSS pixels for an image pixel
 */
export function outline(mask, zoom) {
  const tolerance = zoom >= ZOOM_STAIRS ? 0 : TOLERANCE / 2 ** Math.floor(Math.log2(zoom))
  let paths = outlines.get(mask.bytes)
  if (!paths) outlines.set(mask.bytes, (paths = new Map()))
  let path = paths.get(tolerance)
  if (!path) {
    path = new Path2D()
    for (const exact of traceMask(mask, tolerance === 0 ? 'corners' : 'middles')) {
      const loop = simplified(exact, tolerance)
      path.moveTo(/** @type {number} */ (loop[0]), /** @type {number} */ (loop[1]))
      for (let i = 2; i < loop.length; i += 2) path.lineTo(/** @type {number} */ (loop[i]), /** @type {number} */ (loop[i + 1]))
      path.closePath()
    }
    paths.set(tolerance, path)
  }
  return path
}
