import assert from 'node:assert/strict'
import {test} from 'node:test'

import {afterStroke, boxOfRegion, brushCentre, eachPiece, EMPTY, fillCapsule, fillPolygon, recut, sameRaster, shifted, trimmed, unionOf} from '../../www/raster.js'
import {fewRunLengths, fromRunLengths, packMask, runLengths, unpackMask} from '../../www/runs.js'
import {mask} from './support.js'

/** @import {Stroke} from '../../www/types.js' */
/** @import {Raster} from '../../www/raster.js' */

const PICTURE = {width: 10, height: 8}

/** @param {Partial<Stroke>} how @returns {Stroke} */
const stroke = (how) => /** @type {Stroke} */ ({id: 1, isNew: false, shape: 'brush', verb: 'add', radiusPx: 0.5, points: [], from: {}, ...how})

/** As rows of `#` and `.` over a whole picture. @param {Raster} raster @param {{width: number, height: number}} [picture] */
function rows(raster, {width, height} = PICTURE) {
  const {bytes} = recut(raster, [0, 0, width, height])
  return Array.from({length: height}, (_, y) => Array.from(bytes.subarray(y * width, (y + 1) * width), (bit) => (bit ? '#' : '.')).join(''))
}

test('a brush of one pixel sets the pixel under it', () => {
  const {region, areaPx} = afterStroke(null, stroke({points: [3.9, 2.1]}), PICTURE)
  assert.deepEqual([region, areaPx], [[3, 2, 1, 1], 1])
})

test('a brush of an even size sits between pixels, an odd one on them', () => {
  assert.deepEqual(brushCentre([3.6, 2.2], 1), [4, 2])
  assert.deepEqual(brushCentre([3.6, 2.2], 1.5), [3.5, 2.5])
  assert.deepEqual(brushCentre([3.6, 2.2], 10), [3.6, 2.2])
  assert.deepEqual(rows(afterStroke(null, stroke({points: [4, 3], radiusPx: 1}), PICTURE)).slice(1, 5), [
    '..........',
    '...##.....',
    '...##.....',
    '..........',
  ])
})

test('a brush sets the pixels whose centres it covers', () => {
  // A disc of diameter 5 around the pixel (4, 3): all centres within 2.5 of (4.5, 3.5).
  assert.deepEqual(rows(afterStroke(null, stroke({points: [4.5, 3.5], radiusPx: 2.5}), PICTURE)), [
    '..........',
    '...###....',
    '..#####...',
    '..#####...',
    '..#####...',
    '...###....',
    '..........',
    '..........',
  ])
})

test('a line without gaps joins points that lie far apart', () => {
  assert.deepEqual(rows(afterStroke(null, stroke({points: [0.5, 0.5, 9.5, 4.5]}), PICTURE)).slice(0, 5), [
    '##........',
    '..##......',
    '....##....',
    '......##..',
    '........##',
  ])
})

test('a fast curve is drawn round: between points on a circle it stays on the circle', () => {
  const points = Array.from({length: 9}, (_, i) => [500 + 100 * Math.cos((i * Math.PI) / 8), 500 + 100 * Math.sin((i * Math.PI) / 8)]).flat()
  let [worst, joints] = [0, 0]
  eachPiece({points, radiusPx: 6}, 2, (ax, ay, bx, by) => {
    worst = Math.max(worst, Math.abs(Math.hypot(bx - 500, by - 500) - 100))
    joints += Math.hypot(bx - ax, by - ay)
  })
  assert.ok(worst < 0.5, `straight lines would be off by 1.9, these are by ${worst}`)
  assert.ok(Math.abs(joints - (100 * Math.PI * 7) / 8) < 2)
})

test('what is drawn of a stroke does not change with the points that follow', () => {
  const points = [1, 1, 4, 2, 8, 7, 2, 6]
  /** @type {number[][]} */
  const whole = []
  eachPiece({points, radiusPx: 6}, 0, (...piece) => whole.push(piece))
  /** @type {number[][]} */
  const grown = []
  for (let n = 1; n <= 4; n++) eachPiece({points: points.slice(0, 2 * n), radiusPx: 6}, n - 1, (...piece) => grown.push(piece))
  assert.deepEqual(grown, whole)
})

test('a corner stays sharp, however fast it was drawn', () => {
  let n = 0
  eachPiece({points: [0, 0, 100, 0, 100, 100], radiusPx: 6}, 0, (_ax, _ay, bx, by) => { n++; assert.ok(bx === 100 || by === 0) })
  assert.ok(n > 0)
})

test('a line that turns back makes no spike', () => {
  let n = 0
  eachPiece({points: [0, 50, 100, 50, 99, 50, 98, 51], radiusPx: 6}, 0, (_ax, _ay, bx) => { n++; assert.ok(bx <= 101) })
  assert.ok(n > 0)
})

test('a stroke stays inside the picture, and one outside of it sets nothing', () => {
  const {region} = afterStroke(null, stroke({points: [0, 0, 10, 8], radiusPx: 3}), PICTURE)
  assert.deepEqual(region, [0, 0, 10, 8])
  assert.equal(afterStroke(null, stroke({points: [-40, -40]}), PICTURE).areaPx, 0)
})

test('painting grows a mask, erasing shrinks it to what is left', () => {
  const before = mask(['####', '####'], 2, 2)
  const more = afterStroke(before, stroke({points: [8.5, 6.5]}), PICTURE)
  assert.deepEqual([more.region, more.areaPx], [[2, 2, 7, 5], 9])
  const less = afterStroke(before, stroke({verb: 'subtract', points: [2.5, 2, 2.5, 4]}), PICTURE)
  assert.deepEqual([less.region, less.areaPx], [[3, 2, 3, 2], 6])
  const none = afterStroke(before, stroke({verb: 'subtract', points: [4, 3], radiusPx: 9}), PICTURE)
  assert.deepEqual([none.region, none.areaPx, none.bytes.length], [[0, 0, 0, 0], 0, 0])
  assert.deepEqual(Array.from(before.bytes), [1, 1, 1, 1, 1, 1, 1, 1], 'the mask that was given is left alone')
})

test('a lasso takes the pixels whose centres it goes around', () => {
  const square = [1, 1, 5, 1, 5, 4, 1, 4]
  assert.deepEqual(rows(afterStroke(null, stroke({shape: 'lasso', points: square}), PICTURE)).slice(0, 5), [
    '..........',
    '.####.....',
    '.####.....',
    '.####.....',
    '..........',
  ])
  const cut = afterStroke(mask(['######'], 0, 2), stroke({shape: 'lasso', verb: 'subtract', points: square}), PICTURE)
  assert.equal(rows(cut)[2], '#....#....')
})

test('a lasso that crosses itself leaves no hole', () => {
  const raster = {region: /** @type {const} */ ([0, 0, 10, 8]), bytes: new Uint8Array(80)}
  fillPolygon(raster, [0, 0, 8, 0, 8, 8, 0, 8, 0, 2, 6, 2, 6, 6, 0, 6], 1)
  fillPolygon(raster, [0, 0, 8, 0, 8, 8, 0, 8, 0, 0, 8, 0, 8, 8, 0, 8], 1)
  assert.deepEqual(new Set(rows(raster)), new Set(['########..']))
})

test('a capsule is cut at its region', () => {
  const raster = {region: /** @type {const} */ ([4, 4, 2, 2]), bytes: new Uint8Array(4)}
  fillCapsule(raster, 0, 5, 10, 5, 3, 1)
  assert.deepEqual(Array.from(raster.bytes), [1, 1, 1, 1])
})

test('regions join, and empty ones count for nothing', () => {
  assert.deepEqual(unionOf([2, 3, 4, 5], [0, 4, 1, 9]), [0, 3, 6, 10])
  assert.deepEqual(unionOf(EMPTY.region, [5, 5, 1, 1]), [5, 5, 1, 1])
  assert.equal(boxOfRegion(EMPTY.region), null)
  assert.deepEqual(boxOfRegion([2, 3, 4, 5]), [2, 3, 6, 8])
})

test('a mask is trimmed to what is set', () => {
  const {region, areaPx, bytes} = trimmed(mask(['....', '.#.#', '....'], 5, 5))
  assert.deepEqual([region, areaPx, Array.from(bytes)], [[6, 6, 3, 1], 2, [1, 0, 1]])
  assert.ok(sameRaster(trimmed(mask(['.#.#'], 5, 6)), {region, bytes}))
  assert.equal(sameRaster(mask(['#.#'], 6, 7), {region, bytes}), false)
})

test('a mask that is moved over the edge loses what leaves', () => {
  const moved = shifted(mask(['###', '###'], 7, 5), 1, 2, PICTURE)
  assert.deepEqual([moved.region, moved.areaPx], [[8, 7, 2, 1], 2])
})

test('folded masks come back exactly, whatever they begin and end with', () => {
  for (const drawn of [['#..#', '####'], ['....', '...#'], ['....'], ['####'], ['#.#.#.#.', '.#.#.#.#']]) {
    const {bytes} = mask(drawn)
    assert.deepEqual(fromRunLengths(runLengths(bytes), bytes.length), bytes)
    const whole = {...mask(drawn, 3, 4), areaPx: 1, score: 0.5, key: 'k'}
    assert.equal(packMask(whole), packMask(whole), 'once')
    assert.deepEqual(unpackMask(packMask(whole)), whole)
  }
})

test('a large blob is folded to a few bytes a row', () => {
  const bytes = new Uint8Array(1000 * 1000)
  for (let y = 0; y < 1000; y++) bytes.fill(1, y * 1000 + 100, y * 1000 + 900)
  assert.equal(runLengths(bytes).byteLength, (2 * 1000 + 1) * 4)
  assert.equal(fewRunLengths(bytes, 2000), null, 'and given up where it would not pay')
})
