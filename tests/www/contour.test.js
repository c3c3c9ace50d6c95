import assert from 'node:assert/strict'
import {test} from 'node:test'

import {simplified, traceMask} from '../../www/contour.js'
import {mask} from './support.js'

/** Signed area of a loop: positive where the inside is on the right hand (y down), negative for holes. @param {number[]} loop */
function area(loop) {
  let twice = 0
  for (let i = 0; i < loop.length; i += 2) {
    const j = (i + 2) % loop.length
    twice += /** @type {number} */ (loop[i]) * /** @type {number} */ (loop[j + 1]) - /** @type {number} */ (loop[j]) * /** @type {number} */ (loop[i + 1])
  }
  return twice / 2
}
/** @param {number[][]} loops */
const total = (loops) => loops.reduce((sum, loop) => sum + area(loop), 0)

test('a rectangle has four corners, at its place in the picture', () => {
  const [loop] = traceMask(mask(['.....', '.###.', '.###.'], 10, 20), 'corners')
  assert.deepEqual(loop, [11, 21, 14, 21, 14, 23, 11, 23])
})

test('the exact outline holds exactly the pixels of the mask', () => {
  const ring = mask(['#####', '#...#', '#.#.#', '#...#', '#####'])
  const loops = traceMask(ring, 'corners')
  assert.equal(loops.length, 3) // outside, hole, island
  assert.equal(total(loops), 17)
})

test('pixels that touch by a corner are parts of their own', () => {
  const loops = traceMask(mask(['#.', '.#']), 'corners')
  assert.deepEqual(loops.map(area), [1, 1])
})

test('through the middles a corner of a pixel is cut by an eighth', () => {
  assert.equal(total(traceMask(mask(['####', '####', '####']), 'middles')), 12 - 4 / 8)
  const [diamond] = traceMask(mask(['#']), 'middles')
  assert.deepEqual(diamond, [0.5, 0, 1, 0.5, 0.5, 1, 0, 0.5])
})

test('an empty mask has no outline', () => {
  assert.deepEqual(traceMask(mask(['...', '...']), 'corners'), [])
})

test('any mask keeps its area', () => {
  let seed = 7
  const chance = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31
  for (let round = 0; round < 40; round++) {
    const rows = Array.from({length: 9}, () => Array.from({length: 11}, () => (chance() < 0.55 ? '#' : '.')).join(''))
    const drawn = mask(rows)
    assert.equal(total(traceMask(drawn, 'corners')), drawn.bytes.reduce((a, b) => a + b, 0), rows.join('\n'))
  }
})

test('a simpler outline keeps within its tolerance, with far fewer points', () => {
  const side = 120
  const disc = {
    region: /** @type {const} */ ([0, 0, side, side]),
    bytes: Uint8Array.from({length: side * side}, (_, i) => Number(Math.hypot((i % side) - 60, Math.floor(i / side) - 60) < 50)),
  }
  const [exact = []] = traceMask(disc, 'middles')
  for (const [tolerance, share] of /** @type {const} */ ([[0.25, 1], [1, 0.4], [4, 0.2]])) {
    const simple = simplified(exact, tolerance)
    assert.ok(simple.length <= exact.length * share, `${simple.length / 2} of ${exact.length / 2} points`)
    for (let i = 0; i < exact.length; i += 2) {
      const distance = distanceTo(simple, /** @type {number} */ (exact[i]), /** @type {number} */ (exact[i + 1]))
      assert.ok(distance <= tolerance + 1e-9, `${distance} away, ${tolerance} allowed`)
    }
  }
  assert.equal(simplified(exact, 0), exact)
  const [diamond = []] = traceMask(mask(['#']), 'middles')
  assert.deepEqual(simplified(diamond, 4), diamond, 'the smallest mask does not vanish')
})

/** From a point to a closed line. @param {number[]} loop @param {number} x @param {number} y */
function distanceTo(loop, x, y) {
  let least = Infinity
  for (let i = 0; i < loop.length; i += 2) {
    const [ax = 0, ay = 0] = loop.slice(i, i + 2)
    const [bx = 0, by = 0] = loop.slice((i + 2) % loop.length, ((i + 2) % loop.length) + 2)
    const along = Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0), 1)
    least = Math.min(least, Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y))
  }
  return least
}
