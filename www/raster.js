/** Masks as pixels: what a brush or a lasso covers, and masks put together, cut and trimmed. Sums on bytes, no state. */

/** @import {Box, Extent, Mask, Point, Stroke} from './types.js' */

import {clamp} from './geometry.js'

/** @typedef {Mask['region']} Region  x, y, width, height in image pixels */
/** @typedef {{region: Region, bytes: Uint8Array}} Raster  one byte (0 or 1) for each pixel of its region */

/** @type {Raster} */
export const EMPTY = {region: [0, 0, 0, 0], bytes: new Uint8Array(0)}

/** Brushes under this diameter follow the pixel grid, so that a brush of one pixel is one pixel. */
const SNAPPED_PX = 8
/** Forgives what sums of floats lose at a pixel's centre. */
const TOLERANCE_PX = 1e-6
/** How far the lines that a curve is cut into may lie from it. */
const FLAT_PX = 0.1
const PIECES_MAX = 16
const [COS_30, COS_75] = [Math.cos(Math.PI / 6), Math.cos((Math.PI * 5) / 12)]

/** @param {Region} a @param {Region} b @returns {Region} the smallest one that holds both; an empty one counts for nothing */
export function unionOf(a, b) {
  if (a[2] === 0 || a[3] === 0) return b
  if (b[2] === 0 || b[3] === 0) return a
  const [x, y] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])]
  return [x, y, Math.max(a[0] + a[2], b[0] + b[2]) - x, Math.max(a[1] + a[3], b[1] + b[3]) - y]
}

/** @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {Extent} picture @returns {Region} whole pixels inside the picture */
export function regionWithin(x0, y0, x1, y1, {width, height}) {
  const [left, top] = [Math.max(0, Math.floor(x0)), Math.max(0, Math.floor(y0))]
  const [right, bottom] = [Math.min(width, Math.ceil(x1)), Math.min(height, Math.ceil(y1))]
  return right > left && bottom > top ? [left, top, right - left, bottom - top] : [0, 0, 0, 0]
}

/** The same pixels in another region; what lies outside of it is left behind. @param {Raster} raster @param {Region} region @returns {Raster} fresh bytes */
export function recut({region: [x, y, width, height], bytes}, region) {
  const [newX, newY, newWidth, newHeight] = region
  const fresh = new Uint8Array(newWidth * newHeight)
  const [left, right] = [Math.max(x, newX), Math.min(x + width, newX + newWidth)]
  if (right <= left) return {region, bytes: fresh}
  for (let row = Math.max(y, newY); row < Math.min(y + height, newY + newHeight); row++) {
    const from = (row - y) * width - x
    fresh.set(bytes.subarray(from + left, from + right), (row - newY) * newWidth + left - newX)
  }
  return {region, bytes: fresh}
}

/** Cut to what is set, with the number of pixels that are. @param {Raster} raster @returns {Raster & {areaPx: number}} */
export function trimmed({region, bytes}) {
  const [x, y, width, height] = region
  let [areaPx, left, right, top, bottom] = [0, width, 0, height, 0]
  for (let row = 0; row < height; row++) {
    const start = row * width
    const first = bytes.subarray(start, start + width).indexOf(1)
    if (first < 0) continue
    let last = first
    for (let i = first; i < width; i++) {
      if (bytes[start + i] === 1) {
        areaPx++
        last = i
      }
    }
    if (first < left) left = first
    if (last >= right) right = last + 1
    if (row < top) top = row
    bottom = row + 1
  }
  if (areaPx === 0) return {...EMPTY, areaPx}
  if (left === 0 && top === 0 && right === width && bottom === height) return {region, bytes, areaPx}
  return {...recut({region, bytes}, [x + left, y + top, right - left, bottom - top]), areaPx}
}

/** Moved by whole pixels; what leaves the picture is lost. @param {Raster} raster @param {number} dx @param {number} dy @param {Extent} picture */
export function shifted({region: [x, y, width, height], bytes}, dx, dy, picture) {
  const inside = regionWithin(x + dx, y + dy, x + dx + width, y + dy + height, picture)
  return trimmed(recut({region: [x + dx, y + dy, width, height], bytes}, inside))
}

/** @param {Region} region @returns {Box | null} null when there is nothing */
export const boxOfRegion = ([x, y, width, height]) => (width > 0 && height > 0 ? [x, y, x + width, y + height] : null)

/** @param {Raster} a @param {Raster} b  both trimmed */
export const sameRaster = (a, b) =>
  a.region.every((side, i) => side === b.region[i]) && a.bytes.every((bit, i) => bit === b.bytes[i])

/**
 * A mask after a stroke, trimmed. Without a mask there is nothing to take away from.
 * @param {Raster | null} mask @param {Stroke} stroke @param {Extent} picture
 */
export function afterStroke(mask, stroke, picture) {
  const before = mask ?? EMPTY
  const region = stroke.verb === 'add' ? unionOf(before.region, strokeRegion(stroke, picture)) : before.region
  const raster = recut(before, region)
  const value = stroke.verb === 'add' ? 1 : 0
  if (stroke.shape === 'lasso') fillPolygon(raster, stroke.points, value)
  else eachPiece(stroke, 0, (ax, ay, bx, by) => fillCapsule(raster, ax, ay, bx, by, stroke.radiusPx, value))
  return trimmed(raster)
}

/** Where a stroke sets pixels. @param {Stroke} stroke @param {Extent} picture @returns {Region} */
function strokeRegion(stroke, picture) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
  const meet = (/** @type {number} */ x, /** @type {number} */ y) => {
    ;[x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)]
  }
  if (stroke.shape === 'lasso') {
    for (let i = 0; i < stroke.points.length; i += 2) meet(/** @type {number} */ (stroke.points[i]), /** @type {number} */ (stroke.points[i + 1]))
    return regionWithin(x0, y0, x1, y1, picture)
  }
  eachPiece(stroke, 0, (_ax, _ay, x, y) => meet(x, y))
  const reach = stroke.radiusPx
  return regionWithin(x0 - reach, y0 - reach, x1 + reach, y1 + reach, picture)
}

/**
 * The line of a brush as straight pieces, from its point number `first` on. Between two points it is a curve whose
 * beginning knows the point before; what was drawn never changes with the points that follow, so a picture of it can
 * grow with the stroke.
 * @param {Pick<Stroke, 'points' | 'radiusPx'>} stroke @param {number} first
 * @param {(ax: number, ay: number, bx: number, by: number) => void} piece
 */
export function eachPiece({points, radiusPx}, first, piece) {
  const n = points.length / 2
  const at = (/** @type {number} */ i) => /** @type {Point} */ ([points[2 * i], points[2 * i + 1]])
  for (let i = first; i < n; i++) {
    const to = at(i)
    if (i === 0) {
      const [x, y] = brushCentre(to, radiusPx)
      piece(x, y, x, y)
      continue
    }
    const from = at(i - 1)
    const length = Math.hypot(to[0] - from[0], to[1] - from[1])
    const control = i === 1 ? from : bend(at(i - 2), from, to, length)
    const pieces = Math.min(Math.max(Math.ceil(Math.sqrt(bulge(from, control, to, length) / FLAT_PX)), 1), PIECES_MAX)
    let [ax, ay] = brushCentre(from, radiusPx)
    for (let k = 1; k <= pieces; k++) {
      const t = k / pieces
      const [u, v, w] = [(1 - t) * (1 - t), 2 * t * (1 - t), t * t]
      const [bx, by] = brushCentre([u * from[0] + v * control[0] + w * to[0], u * from[1] + v * control[1] + w * to[1]], radiusPx)
      piece(ax, ay, bx, by)
      ;[ax, ay] = [bx, by]
    }
  }
}

/**
 * Where the curve from a point leans to: half a line on, the way that the line through its neighbours goes. A corner, from
 * 30° on and wholly from 75° on, is meant as one and stays sharp.
 * @param {Point} before @param {Point} from @param {Point} to @param {number} length of the line @returns {Point}
 */
function bend(before, from, to, length) {
  const lastLength = Math.hypot(from[0] - before[0], from[1] - before[1])
  const [dx, dy] = [to[0] - before[0], to[1] - before[1]]
  const span = Math.hypot(dx, dy)
  if (length === 0 || lastLength === 0 || span === 0) return from
  const cosine = ((from[0] - before[0]) * (to[0] - from[0]) + (from[1] - before[1]) * (to[1] - from[1])) / (length * lastLength)
  const lean = (clamp((cosine - COS_75) / (COS_30 - COS_75), 0, 1) * length) / 2 / span
  return [from[0] + dx * lean, from[1] + dy * lean]
}

/** How far a curve leaves its line. @param {Point} from @param {Point} control @param {Point} to @param {number} length of the line */
const bulge = (from, control, to, length) =>
  length > 0 ? Math.abs((to[0] - from[0]) * (control[1] - from[1]) - (to[1] - from[1]) * (control[0] - from[0])) / length / 2 : 0

/** Where a brush sits when it is asked to a point: small ones on the pixel grid. @param {Point} at @param {number} radiusPx @returns {Point} */
export function brushCentre([x, y], radiusPx) {
  const diameter = Math.round(2 * radiusPx)
  if (diameter >= SNAPPED_PX) return [x, y]
  return diameter % 2 === 1 ? [Math.floor(x) + 0.5, Math.floor(y) + 0.5] : [Math.round(x), Math.round(y)]
}

/**
 * Sets the pixels whose centres lie within `radius` of the line from a to b. Changes the raster's bytes.
 * @param {Raster} raster @param {number} ax @param {number} ay @param {number} bx @param {number} by @param {number} radius @param {0 | 1} value
 */
export function fillCapsule({region: [left, top, width, height], bytes}, ax, ay, bx, by, radius, value) {
  const [dx, dy] = [bx - ax, by - ay]
  const length = Math.hypot(dx, dy)
  const [nx, ny] = length > 0 ? [(-dy / length) * radius, (dx / length) * radius] : [0, 0]
  // The corners of the band between the two discs, in order.
  const xs = [ax + nx, bx + nx, bx - nx, ax - nx]
  const ys = [ay + ny, by + ny, by - ny, ay - ny]
  const firstRow = Math.max(top, Math.ceil(Math.min(ay, by) - radius - 0.5))
  const lastRow = Math.min(top + height - 1, Math.floor(Math.max(ay, by) + radius - 0.5))
  for (let row = firstRow; row <= lastRow; row++) {
    const middle = row + 0.5
    let from = Infinity
    let to = -Infinity
    for (let end = 0; end < 2; end++) {
      const across = middle - (end === 0 ? ay : by)
      const half = Math.sqrt(radius * radius - across * across)
      if (!(half >= 0)) continue
      const x = end === 0 ? ax : bx
      if (x - half < from) from = x - half
      if (x + half > to) to = x + half
    }
    if (length > 0) {
      for (let i = 0, j = 3; i < 4; j = i++) {
        const [y0, y1] = [/** @type {number} */ (ys[j]), /** @type {number} */ (ys[i])]
        if (y0 <= middle === y1 <= middle) continue
        const [x0, x1] = [/** @type {number} */ (xs[j]), /** @type {number} */ (xs[i])]
        const x = x0 + ((middle - y0) / (y1 - y0)) * (x1 - x0)
        if (x < from) from = x
        if (x > to) to = x
      }
    }
    const start = Math.max(0, Math.ceil(from - 0.5 - TOLERANCE_PX) - left)
    const end = Math.min(width, Math.floor(to - 0.5 + TOLERANCE_PX) + 1 - left)
    if (end > start) bytes.fill(value, (row - top) * width + start, (row - top) * width + end)
  }
}

/**
 * Sets the pixels whose centres a closed line goes around, however often it crosses itself. Changes the raster's bytes.
 * @param {Raster} raster @param {readonly number[]} points x, y, x, y … @param {0 | 1} value
 */
export function fillPolygon({region: [left, top, width, height], bytes}, points, value) {
  const n = points.length / 2
  /** Where lines cross the middle of each row, and which way: x and +1 or −1. @type {[number, number][][]} */
  const crossings = Array.from({length: height}, () => [])
  for (let i = 0, j = n - 1; i < n; j = i++) {
    const [x0, y0] = [/** @type {number} */ (points[2 * j]), /** @type {number} */ (points[2 * j + 1])]
    const [x1, y1] = [/** @type {number} */ (points[2 * i]), /** @type {number} */ (points[2 * i + 1])]
    const [low, high] = y0 < y1 ? [y0, y1] : [y1, y0]
    const firstRow = Math.max(0, Math.ceil(low - 0.5) - top)
    const lastRow = Math.min(height - 1, Math.ceil(high - 0.5) - 1 - top)
    for (let row = firstRow; row <= lastRow; row++) {
      const x = x0 + ((row + top + 0.5 - y0) / (y1 - y0)) * (x1 - x0)
      crossings[row]?.push([x, y1 > y0 ? 1 : -1])
    }
  }
  crossings.forEach((row, y) => {
    row.sort((a, b) => a[0] - b[0])
    let turns = 0
    row.forEach(([x, turn], i) => {
      turns += turn
      const next = row[i + 1]
      if (turns === 0 || !next) return
      const start = Math.max(0, Math.ceil(x - 0.5) - left)
      const end = Math.min(width, Math.ceil(next[0] - 0.5) - left)
      if (end > start) bytes.fill(value, y * width + start, y * width + end)
    })
  })
}
