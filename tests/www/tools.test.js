import assert from 'node:assert/strict'
import {test} from 'node:test'

import {viewFromImage} from '../../www/geometry.js'
import {hover, pinch, press} from '../../www/tools.js'
import {itemOf, openedState, play, studyOf, withObject} from './support.js'

/** @import {Point, State} from '../../www/types.js' */

/** @param {State} state @param {Point} atImage */
const on = (state, atImage) => viewFromImage(state.view, state.viewport, atImage)

/** Presses, moves over the points (image space) and lets go. @param {State} state @param {Point[]} path @param {{button?: number, space?: boolean, alt?: boolean}} [how] */
function drag(state, path, {button = 0, space = false, alt = false} = {}) {
  const points = path.map((point) => on(state, point))
  const [first = /** @type {Point} */ ([0, 0])] = points
  const gesture = press(state, {at: first, button, space, alt})
  if (!gesture) return state
  for (const at of points.slice(1)) state = play(state, ...gesture.move(at)).state
  return play(state, ...gesture.up(points.at(-1) ?? first)).state
}

test('a drag draws a box, whichever corner it begins at', () => {
  const state = drag(openedState(), [[60, 70], [30, 30], [10, 20]])
  assert.deepEqual(itemOf(state).box, [10, 20, 60, 70])
  assert.deepEqual(state.selected, [1])
})

test('two clicks draw the same box', () => {
  const first = drag(openedState(), [[10, 20]])
  assert.deepEqual(first.anchor?.map(Math.round), [10, 20])
  const aiming = play(first, ...hover(first, on(first, [60, 70])).actions).state
  assert.deepEqual(aiming.draft?.box, [10, 20, 60, 70], 'the box follows the pointer')
  const state = drag(aiming, [[60, 70]])
  assert.deepEqual(itemOf(state).box, [10, 20, 60, 70])
  assert.equal(state.anchor, null)
})

test('a double click that trembles sets no second corner', () => {
  for (const [at, n] of /** @type {[Point, number][]} */ ([[[13, 22], 0], [[15, 25], 1]])) { // 7 and 13 CSS pixels away
    const state = drag(drag(openedState(), [[10, 20]]), [at])
    assert.equal(studyOf(state).work.items.length, n)
    assert.deepEqual([state.anchor, state.draft], [null, null])
  }
})

test('each move of a drag starts from where it began', () => {
  const state = withObject(openedState(), [50, 30, 100, 60])
  const moved = drag(state, [[60, 30], [75, 30], [45, 40], [70, 35]])
  assert.deepEqual(itemOf(moved).box, [60, 35, 110, 65]) // 10 right, 5 down
  assert.equal(studyOf(moved).past.length, 2, 'one step')
})

test('a handle of the selected box resizes it', () => {
  const state = withObject(openedState(), [50, 30, 100, 60])
  assert.deepEqual(itemOf(drag(state, [[100, 60], [120, 80]])).box, [50, 30, 120, 80])
})

test('a click on a handle changes nothing, and a drag keeps the distance between hand and handle', () => {
  const state = withObject(openedState(), [50, 30, 100, 60])
  for (const tool of /** @type {const} */ (['box', 'select'])) {
    const held = play(state, {type: 'tool-chosen', tool}).state
    assert.equal(studyOf(drag(held, [[102, 62], [103, 62]])), studyOf(state)) // 2 CSS pixels
    assert.deepEqual(itemOf(drag(held, [[102, 62], [122, 82]])).box, [50, 30, 120, 80])
    assert.deepEqual(itemOf(drag(held, [[48, 45], [58, 80]])).box, [60, 30, 100, 60], 'a side')
  }
})

test('inside a box the box tool draws, so that boxes can nest', () => {
  const state = withObject(openedState(), [20, 10, 180, 90])
  const nested = drag(state, [[80, 40], [120, 60]])
  assert.equal(studyOf(nested).work.items.length, 2)
})

test('with Alt the box tool draws on the sides and handles of other boxes too', () => {
  const one = withObject(openedState(), [10, 10, 60, 60])
  const moved = drag(one, [[30, 10], [50, 30]])
  assert.deepEqual(itemOf(moved).box, [30, 30, 80, 80])
  for (const from of /** @type {Point[]} */ ([[30, 10], [60, 60]])) {
    const two = drag(one, [from, [90, 90]], {alt: true})
    assert.deepEqual([itemOf(two).box, itemOf(two, 1).box], [[10, 10, 60, 60], [...from, 90, 90]])
  }
})

test('the select tool moves a box from its inside, and pans beside it', () => {
  const state = play(withObject(openedState(), [50, 30, 100, 60]), {type: 'tool-chosen', tool: 'select'}).state
  assert.deepEqual(itemOf(drag(state, [[75, 45], [80, 45]])).box, [55, 30, 105, 60])
  const panned = drag(state, [[150, 80], [140, 80]])
  assert.deepEqual(itemOf(panned).box, [50, 30, 100, 60])
  assert.notDeepEqual(panned.view.centre, state.view.centre)
})

test('a click in another box selects it instead of setting a corner', () => {
  let state = withObject(openedState(), [10, 10, 60, 60])
  state = withObject(state, [100, 10, 160, 60])
  const clicked = drag(state, [[30, 30]])
  assert.deepEqual(clicked.selected, [1])
  assert.equal(clicked.anchor, null)
})

test('hidden boxes cannot be hit', () => {
  const hidden = play(withObject(openedState(), [50, 30, 100, 60]), {type: 'visibility-toggled', id: 1}).state
  assert.equal(hover(hidden, on(hidden, [50, 45])).cursor, 'crosshair')
})

test('the middle button and the space bar pan with any tool', () => {
  const state = openedState()
  for (const how of [{button: 1}, {space: true}]) {
    const panned = drag(state, [[100, 50], [80, 40]], how)
    assert.deepEqual(panned.view.centre.map(Math.round), [120, 60])
    assert.equal(studyOf(panned).work.items.length, 0)
  }
})

test('the right button drags the window: wider to the right, a higher level downwards', () => {
  const state = openedState()
  const gesture = press(state, {at: [200, 100], button: 2, space: false})
  assert.ok(gesture)
  assert.deepEqual(gesture.move([201, 101]), [], 'a click is none')
  const [wider] = gesture.move([350, 100])
  assert.deepEqual(wider, {type: 'window-dragged', window: {level: 128, width: 510}})
  const ended = gesture.up([200, 160])
  assert.deepEqual(ended, [{type: 'window-dragged', window: {level: 179, width: 255}}, {type: 'window-kept', merge: false}])
  const dragged = play(state, ...ended).state
  assert.equal(studyOf(dragged).work.items.length, 0)
  assert.deepEqual(studyOf(dragged).work.window, {level: 179, width: 255})
})

test('two fingers move and grow the picture around the point between them', () => {
  const state = openedState()
  const move = pinch(state, [150, 150], [250, 150])
  const spread = play(state, ...move([100, 150], [300, 150])).state
  assert.equal(spread.view.zoom, state.view.zoom * 2)
  assert.deepEqual(spread.view.centre, [100, 50])
  const shifted = play(state, ...move([160, 150], [260, 150])).state
  assert.equal(shifted.view.zoom, state.view.zoom)
  assert.equal(shifted.view.centre[0], 100 - 10 / state.view.zoom)
})

/** @param {State} state @param {Point[]} path @param {Partial<import('../../www/tools.js').Press>} [how] */
function line(state, path, how = {}) {
  const points = path.map((point) => on(state, point))
  const gesture = press(state, {at: points[0] ?? [0, 0], button: 0, space: false, ...how})
  if (!gesture) return state
  const begun = play(state, ...(gesture.down ?? [])).state
  // All places at once, as a browser reports those between two frames.
  const moved = play(begun, ...gesture.move(points.at(-1) ?? [0, 0], points.slice(1))).state
  return play(moved, ...gesture.up(points.at(-1) ?? [0, 0])).state
}
/** @param {State['tool']} tool @param {State} [state] */
const withTool = (tool, state = openedState()) => play(state, {type: 'tool-chosen', tool}, {type: 'brush-chosen', px: 1}).state

test('a brush takes all places between two frames, and begins with the press', () => {
  const state = line(withTool('brush'), [[10.5, 10.5], [14.5, 10.5], [14.5, 14.5]])
  assert.deepEqual(itemOf(state).mask?.areaPx, 9)
  assert.equal(itemOf(line(withTool('brush'), [[10.5, 10.5]])).mask?.areaPx, 1, 'a dab')
})

test('with Alt the brush erases, and so does a pen that is turned round', () => {
  const painted = line(withTool('brush'), [[10.5, 10.5], [20.5, 10.5]])
  assert.equal(itemOf(line(painted, [[10.5, 10.5], [12.5, 10.5]], {alt: true})).mask?.areaPx, 8)
  assert.equal(itemOf(line(painted, [[10.5, 10.5], [12.5, 10.5]], {button: 5})).mask?.areaPx, 8)
})

test('the correcting tools draw over boxes and their handles, and do not move them', () => {
  for (const tool of /** @type {const} */ (['brush', 'eraser', 'lasso'])) {
    const state = withTool(tool, withObject(openedState(), [50, 30, 100, 60]))
    assert.deepEqual(itemOf(line(state, [[50, 30], [70, 50], [50, 50]])).box, [50, 30, 100, 60])
    assert.equal(hover(state, on(state, [50, 30])).cursor, 'none')
  }
})

test('once a pen was used, a finger moves the picture and a tap of it chooses', () => {
  const pen = play(withObject(openedState(), [50, 30, 100, 60]), {type: 'pen-used'}, {type: 'selected', id: null}).state
  for (const tool of /** @type {const} */ (['brush', 'box'])) {
    const state = withTool(tool, pen)
    const panned = line(state, [[100, 50], [80, 40]], {touch: true})
    assert.deepEqual(panned.view.centre.map(Math.round), [120, 60])
    assert.equal(studyOf(panned), studyOf(state))
  }
  assert.deepEqual(line(pen, [[70, 45]], {touch: true}).selected, [1])
  assert.equal(studyOf(line(withTool('brush', pen), [[10, 10], [20, 10]])).work.items.length, 2, 'the pen draws')
})

test('a locked box says so under the pointer', () => {
  const state = play(withObject(openedState(), [50, 30, 100, 60]), {type: 'lock-toggled', id: 1}).state
  assert.equal(hover(state, on(state, [100, 60])).cursor, 'not-allowed')
  assert.equal(hover(withTool('brush', state), on(state, [70, 40])).cursor, 'not-allowed')
  assert.deepEqual(drag(state, [[100, 60], [120, 80]]).notice, {key: 'notice.locked', values: {n: 1}})
})

test('the picture lies still while a line is drawn or a box is dragged, not between two clicks', () => {
  const line = play(withTool('brush'), {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [5, 5]}).state
  const box = play(openedState(), {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 40, 40]}).state
  for (const state of [line, box]) {
    assert.equal(play(state, {type: 'zoomed', factor: 2, at: null}).state.view, state.view)
    assert.equal(play(state, {type: 'fitted'}).state.view, state.view)
  }
  const clicked = drag(openedState(), [[10, 20]])
  const aiming = play(clicked, ...hover(clicked, on(clicked, [60, 70])).actions).state
  assert.equal(play(aiming, {type: 'zoomed', factor: 2, at: null}).state.view.zoom, aiming.view.zoom * 2)
})
