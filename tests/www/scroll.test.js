import assert from 'node:assert/strict'
import {test} from 'node:test'

import {viewFromImage} from '../../www/geometry.js'
import {movedBy, onWholePixels, uncovered} from '../../www/scroll.js'
import {openedState, play, withObject} from './support.js'

/** @import {State} from '../../www/types.js' */

/** @param {State} state @param {number} ratio @returns {State} */
const snapped = (state, ratio) => ({...state, view: onWholePixels(state.view, state.viewport, ratio)})

test('the picture begins on a whole device pixel, at most half a one away', () => {
  const {view: {fit, centre}, viewport} = openedState()
  for (const ratio of [1, 1.25, 2]) {
    const view = {fit, zoom: 1.7, centre: /** @type {const} */ ([centre[0] + 0.3, centre[1] - 0.2])}
    const [before, after] = [view, onWholePixels(view, viewport, ratio)].map((one) => viewFromImage(one, viewport, [0, 0]).map((at) => at * ratio))
    assert.ok(before && after)
    after.forEach((at, i) => {
      assert.ok(Math.abs(at - Math.round(at)) < 1e-6)
      assert.ok(Math.abs(at - /** @type {number} */ (before[i])) <= 0.5 + 1e-6)
    })
  }
})

test('a view that moves is a shift; anything else is drawn anew', () => {
  const state = snapped(withObject(openedState(), [10, 10, 60, 60]), 2)
  const {centre, zoom} = state.view
  const panned = snapped({...state, view: {...state.view, fit: false, centre: [centre[0] - 10 / zoom, centre[1] + 4.3 / zoom]}}, 2)
  assert.deepEqual(movedBy(state, panned, 2), {x: 20, y: -9})
  assert.deepEqual(movedBy(state, play(state, {type: 'pointed', at: [3, 3]}).state, 2), {x: 0, y: 0})
  assert.equal(movedBy(state, {...panned, view: {...panned.view, zoom: zoom * 2}}, 2), null)
  assert.equal(movedBy(state, play(panned, {type: 'selected', id: null}).state, 2), null)
  assert.equal(movedBy(state, play(panned, {type: 'invert-toggled'}).state, 2), null)
})

test('what comes into sight is covered once', () => {
  const whole = {x: 0, y: 0, width: 40, height: 30}
  for (const [x, y] of /** @type {const} */ ([[5, 3], [-5, 3], [5, -3], [-5, -3], [0, 7], [-7, 0], [50, 2], [2, -50], [0, 0]])) {
    const counts = new Uint8Array(40 * 30)
    for (const region of uncovered({x, y}, whole)) {
      for (let v = region.y; v < region.y + region.height; v++) {
        for (let u = region.x; u < region.x + region.width; u++) counts[v * 40 + u] = (counts[v * 40 + u] ?? 0) + 1
      }
    }
    counts.forEach((count, i) => {
      const [u, v] = [i % 40, Math.floor(i / 40)]
      const wasSeen = u - x >= 0 && u - x < 40 && v - y >= 0 && v - y < 30
      assert.equal(count, wasSeen ? 0 : 1, `${u}, ${v} after ${x}, ${y}`)
    })
  }
})
