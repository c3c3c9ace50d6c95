/** The outline of a mask as closed loops that can be filled (even-odd) and stroked. */

/** @import {Mask} from './types.js' */

// Directions along the edges of the pixel grid, in the order of right turns: right, down, left, up.
const STEP = /** @type {const} */ ([[1, 0], [0, 1], [-1, 0], [0, -1]])

/**
 * Walks along the edges between inside and outside, the inside on the right hand.
 *
 * `corners` gives the pixels' own corners: the exact area, stairs and all. `middles` runs through the middles of the
 * edges, so that a slanted border reads as one when pixels are small on the screen.
 *
 * @param {Pick<Mask, 'region' | 'bytes'>} mask @param {'corners' | 'middles'} through
 * @returns {number[][]} loops of x, y, x, y … in image pixels; holes run the other way round
 */
export function traceMask({region: [left, top, width, height], bytes}, through) {
  const isIn = (/** @type {number} */ x, /** @type {number} */ y) =>
    x >= 0 && y >= 0 && x < width && y < height && bytes[y * width + x] === 1
  const along = through === 'middles' ? 0.5 : 0
  // Each loop holds a rightward edge, which is the top edge of a pixel: once walked, it starts no other loop.
  const walked = new Uint8Array(width * height)

  /** @param {number} startX @param {number} startY */
  const loopFrom = (startX, startY) => {
    /** @type {number[]} */
    const points = []
    let [x, y, direction] = [startX, startY, 0]
    do {
      const [dx, dy] = /** @type {(typeof STEP)[number]} */ (STEP[direction])
      if (direction === 0) walked[y * width + x] = 1
      pushPoint(points, left + x + dx * along, top + y + dy * along)
      ;[x, y] = [x + dx, y + dy]
      const aheadRight = isIn(x + (dx - dy - 1) / 2, y + (dy + dx - 1) / 2)
      const aheadLeft = isIn(x + (dx + dy - 1) / 2, y + (dy - dx - 1) / 2)
      if (!aheadRight) direction = (direction + 1) % 4
      else if (aheadLeft) direction = (direction + 3) % 4
    } while (x !== startX || y !== startY || direction !== 0)
    // The last point goes too when the way to the first is straight.
    const [firstX = 0, firstY = 0] = points
    pushPoint(points, firstX, firstY)
    return points.slice(0, -2)
  }

  const loops = []
  // Every loop has a top edge: a pixel inside, with none above. Empty stretches are jumped over.
  for (let at = bytes.indexOf(1); at >= 0 && at < bytes.length; at++) {
    if (bytes[at] !== 1) {
      at = bytes.indexOf(1, at)
      if (at < 0) break
    }
    if ((at < width || bytes[at - width] !== 1) && walked[at] === 0) loops.push(loopFrom(at % width, Math.floor(at / width)))
  }
  return loops
}

/** Adds a point; the one before goes when it lies on the straight line to it. @param {number[]} points @param {number} x @param {number} y */
function pushPoint(points, x, y) {
  const n = points.length
  if (n >= 4) {
    const [ax, ay, bx, by] = /** @type {[number, number, number, number]} */ (points.slice(n - 4))
    if ((bx - ax) * (y - by) === (by - ay) * (x - bx)) points.length = n - 2
  }
  points.push(x, y)
}

/**
 * A loop with fewer points, none of the old ones further from it than the tolerance (Douglas and Peucker's method).
 * @param {number[]} loop x, y, x, y … @param {number} tolerance @returns {number[]} at least a triangle where the loop was one
 */
export function simplified(loop, tolerance) {
  const n = loop.length / 2
  if (tolerance === 0 || n <= 4) return loop
  const at = (/** @type {number} */ i) => /** @type {[number, number]} */ ([loop[2 * (i % n)], loop[2 * (i % n) + 1]])
  const kept = new Uint8Array(n)
  // Two points that stay: the first, and the one that lies furthest from it.
  const [startX, startY] = at(0)
  let far = 0
  let reach = -1
  for (let i = 1; i < n; i++) {
    const [x, y] = at(i)
    const distance = Math.hypot(x - startX, y - startY)
    if (distance > reach) [far, reach] = [i, distance]
  }
  kept[0] = kept[far] = 1
  /** @type {[number, number][]} pieces that are still to be looked at */
  const pieces = [[0, far], [far, n]]
  for (let piece = pieces.pop(); piece; piece = pieces.pop()) {
    const [from, to] = piece
    const [ax, ay] = at(from)
    const [bx, by] = at(to)
    const square = (bx - ax) ** 2 + (by - ay) ** 2
    let worst = -1
    let distance = tolerance
    for (let i = from + 1; i < to; i++) {
      const [x, y] = at(i)
      const along = square === 0 ? 0 : Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square, 0), 1)
      const away = Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y)
      if (away > distance) [worst, distance] = [i, away]
    }
    if (worst < 0) continue
    kept[worst] = 1
    pieces.push([from, worst], [worst, to])
  }
  const points = loop.filter((_, i) => kept[i >> 1] === 1)
  return points.length >= 6 ? points : loop
}
