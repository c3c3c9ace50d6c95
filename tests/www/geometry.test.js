import assert from 'node:assert/strict'
import {test} from 'node:test'

import {
  boxBetween, fitView, handleAt, imageFromView, isBigEnough, isOnEdge, moveBox, panBy, resizeBox, viewFromImage, zoomAt,
} from '../../www/geometry.js'

const PICTURE = {width: 200, height: 100}
const VIEWPORT = {width: 400, height: 300}

test('fitting leaves a little air around the longer side', () => {
  const view = fitView(PICTURE, VIEWPORT)
  assert.equal(view.zoom, (400 - 2 * 12) / 200) // air: 3 % of 400
  assert.deepEqual(view.centre, [100, 50])
})

test('a point goes to the view and back', () => {
  const view = {fit: false, zoom: 1.7, centre: /** @type {const} */ ([33, 71])}
  for (const point of /** @type {const} */ ([[0, 0], [199.5, 3], [-20, 140]])) {
    const [x, y] = imageFromView(view, VIEWPORT, viewFromImage(view, VIEWPORT, point))
    assert.ok(Math.abs(x - point[0]) < 1e-9 && Math.abs(y - point[1]) < 1e-9)
  }
})

test('zooming keeps the image point under the pointer', () => {
  const before = fitView(PICTURE, VIEWPORT)
  const at = /** @type {const} */ ([150, 120])
  const after = zoomAt(before, VIEWPORT, PICTURE, 2, at)
  assert.equal(after.zoom, before.zoom * 2)
  const [x, y] = imageFromView(before, VIEWPORT, at)
  const [u, v] = imageFromView(after, VIEWPORT, at)
  assert.ok(Math.abs(x - u) < 1e-9 && Math.abs(y - v) < 1e-9)
})

test('zoom has a lower and an upper end', () => {
  const view = fitView(PICTURE, VIEWPORT)
  assert.equal(zoomAt(view, VIEWPORT, PICTURE, 1e6, [0, 0]).zoom, 64)
  assert.equal(zoomAt(view, VIEWPORT, PICTURE, 1e-6, [0, 0]).zoom, view.zoom / 2)
})

test('the middle of the viewer stays on the picture', () => {
  const view = panBy(fitView(PICTURE, VIEWPORT), PICTURE, 1e5, -1e5)
  assert.deepEqual(view.centre, [0, 100])
})

test('a box grows to whole pixels and is cut at the edge', () => {
  assert.deepEqual(boxBetween([20.4, 30.6], [10.2, 80.1], PICTURE), [10, 30, 21, 81])
  assert.deepEqual(boxBetween([-5, -5], [250, 40], PICTURE), [0, 0, 200, 40])
})

test('a box under two pixels is a slip of the hand', () => {
  assert.equal(isBigEnough([5, 5, 6, 40]), false)
  assert.equal(isBigEnough([5, 5, 7, 7]), true)
})

test('a moved box keeps its size and stays inside', () => {
  assert.deepEqual(moveBox([10, 10, 40, 30], 500, -500, PICTURE), [170, 0, 200, 20])
  assert.deepEqual(moveBox([10, 10, 40, 30], 2.4, 2.6, PICTURE), [12, 13, 42, 33])
})

test('a handle moves its sides, and a box turns over when they cross', () => {
  const topLeft = 0
  const right = 3
  assert.deepEqual(resizeBox([10, 10, 40, 30], topLeft, [5, 7], PICTURE), [5, 7, 40, 30])
  assert.deepEqual(resizeBox([10, 10, 40, 30], right, [4, 99], PICTURE), [4, 10, 10, 30])
})

test('the nearest handle within reach is found', () => {
  assert.equal(handleAt([10, 10, 40, 30], [39, 31], 3), 4)
  assert.equal(handleAt([10, 10, 40, 30], [25, 20], 3), -1)
})

test('an edge has a width, and the inside is not on it', () => {
  assert.equal(isOnEdge([10, 10, 40, 30], [25, 11], 2), true)
  assert.equal(isOnEdge([10, 10, 40, 30], [25, 20], 2), false)
  assert.equal(isOnEdge([10, 10, 40, 30], [45, 20], 2), false)
})
