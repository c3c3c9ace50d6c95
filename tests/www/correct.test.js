import assert from 'node:assert/strict'
import {test} from 'node:test'

import {brushSize, canReset, modelScore, verbOf, withBrushBy} from '../../www/correct.js'
import {jobOfKind} from '../../www/jobs.js'
import {answer, CLASSY, INFO, isUpToDate, itemOf, mask, openedState, play, studyOf, types, withObject} from './support.js'

/** @import {Action, Mask, Point, State} from '../../www/types.js' */

/** @param {State} state @param {'add' | 'subtract'} verb @param {Point[]} path @param {'brush' | 'lasso'} [shape] */
const stroke = (state, verb, path, shape = 'brush') =>
  play(
    {...state, brushPx: state.brushPx ?? 1},
    {type: 'stroke-begun', shape, verb, at: path[0] ?? [0, 0]},
    {type: 'stroke-moved', points: path.slice(1)},
    {type: 'stroke-kept'},
  ).state

/** A state with one object, whose mask is the pixel (0, 0). */
const oneObject = () => withObject(openedState(), [10, 10, 60, 60])

/** @param {State} state @param {number} [i] @returns {Mask} */
const maskOf = (state, i = 0) => /** @type {Mask} */ (itemOf(state, i).mask)
/** @param {State} state */
const lastLabel = (state) => studyOf(state).past.at(-1)?.label

test('a stroke paints the selected object and is one step', () => {
  const before = oneObject()
  const state = stroke(before, 'add', [[1.5, 0.5], [9.5, 0.5]])
  assert.deepEqual([maskOf(state).region, maskOf(state).areaPx], [[0, 0, 10, 1], 10])
  assert.deepEqual(lastLabel(state), {key: 'undo.paint', values: {n: 1}})
  assert.equal(studyOf(state).past.length, studyOf(before).past.length + 1)
  assert.deepEqual(itemOf(state).box, [10, 10, 60, 60], 'the box stays what was asked for')
  assert.deepEqual(itemOf(play(state, {type: 'undo'}).state).mask, maskOf(before))
})

test('with nothing selected a stroke begins an object in its tight box, which follows further strokes', () => {
  let state = stroke(openedState(), 'add', [[20.5, 30.5], [24.5, 30.5]])
  assert.deepEqual(itemOf(state).box, [20, 30, 25, 31])
  assert.deepEqual(state.selected, [1])
  assert.deepEqual(lastLabel(state), {key: 'undo.paintNew', values: {n: 1}})
  assert.equal(isUpToDate(state), true)
  assert.deepEqual(state.jobs, [], 'the model is not asked')
  state = stroke(state, 'add', [[24.5, 33.5]])
  assert.deepEqual(itemOf(state).box, [20, 30, 25, 34])
  assert.equal(studyOf(state).work.items.length, 1)
})

test('the eraser takes away, to the last pixel', () => {
  const state = stroke(stroke(oneObject(), 'add', [[0.5, 0.5], [4.5, 0.5]]), 'subtract', [[0.5, 0.5], [9.5, 0.5]])
  assert.equal(maskOf(state).areaPx, 0)
  assert.equal(isUpToDate(state), true, 'an empty mask of a person’s own is a mask')
  assert.deepEqual(lastLabel(state), {key: 'undo.erase', values: {n: 1}})
})

test('a lasso adds and cuts', () => {
  const square = /** @type {Point[]} */ ([[10, 10], [20, 10], [20, 20], [10, 20]])
  const added = stroke(oneObject(), 'add', square, 'lasso')
  assert.equal(maskOf(added).areaPx, 101)
  assert.deepEqual(lastLabel(added), {key: 'undo.lassoAdd', values: {n: 1}})
  const cut = stroke(added, 'subtract', [[12, 12], [14, 12], [14, 14], [12, 14]], 'lasso')
  assert.equal(maskOf(cut).areaPx, 97)
  assert.deepEqual(lastLabel(cut), {key: 'undo.lassoCut', values: {n: 1}})
})

test('a stroke that changes no pixel is no step', () => {
  const before = oneObject()
  assert.equal(studyOf(stroke(before, 'add', [[0.5, 0.5]])), studyOf(before))
  assert.equal(studyOf(stroke(before, 'subtract', [[90, 90]])), studyOf(before))
  const nowhere = stroke(openedState(), 'add', [[-40, -40]])
  assert.equal(studyOf(nowhere).work.items.length, 0)
})

test('a stroke is dropped with Escape, with another tool, and when a second finger comes', () => {
  for (const action of /** @type {Action[]} */ ([{type: 'escape'}, {type: 'tool-chosen', tool: 'box'}, {type: 'draft-dropped'}])) {
    const {state} = play(oneObject(), {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [50, 50]}, action, {type: 'stroke-kept'})
    assert.equal(maskOf(state).areaPx, 1)
  }
})

test('an edited mask outlives a change of model, class and mode; its neighbour is asked for again', () => {
  let state = withObject(stroke({...oneObject(), model: CLASSY}, 'add', [[3.5, 0.5]]), [100, 10, 160, 60])
  const edited = maskOf(state)
  state = play(state, {type: 'class-chosen', choice: 'unknown'}, {type: 'mode-chosen', mode: 'challenge'}).state
  assert.deepEqual([isUpToDate(state, 0), isUpToDate(state, 1)], [true, false])
  assert.deepEqual(jobOfKind(state, 'segment')?.ids, [2])
  while (jobOfKind(state, 'segment')) state = answer(state)
  state = play(state, {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: {...INFO, name: 'other'}}).state
  assert.equal(maskOf(state), edited)
  assert.equal(isUpToDate(state, 0), true)
})

test('moving the box of an edited mask asks the model; undo brings the edited mask back, redo the model’s', () => {
  let state = stroke(oneObject(), 'add', [[3.5, 0.5]])
  const edited = maskOf(state)
  state = play(state, {type: 'nudged', dx: 5, dy: 0, resize: false}).state
  assert.deepEqual(state.notice, {key: 'notice.asksAgain', values: {n: 1}})
  assert.equal(isUpToDate(state), false)
  state = answer(state)
  assert.equal(maskOf(state).areaPx, 1)
  assert.deepEqual(state.notice, {key: 'notice.asksAgain', values: {n: 1}}, 'read while the mask is there already')
  const model = maskOf(state)
  state = play(state, {type: 'undo'}).state
  assert.deepEqual(maskOf(state), edited)
  assert.deepEqual([isUpToDate(state), state.jobs], [true, []])
  state = play(state, {type: 'redo'}).state
  assert.deepEqual(maskOf(state), model)
  assert.deepEqual([isUpToDate(state), state.jobs], [true, []])
})

test('the score is the model’s: a mask of a person’s own has none, also once its box is another and the model was stopped', () => {
  const before = oneObject()
  assert.equal(modelScore(maskOf(before)), 0.9)
  const edited = stroke(before, 'add', [[3.5, 0.5]])
  assert.equal(modelScore(maskOf(edited)), null)
  const asked = play(edited, {type: 'nudged', dx: 5, dy: 0, resize: false}).state
  const stopped = play(asked, {type: 'cancelled'}).state
  assert.equal(maskOf(stopped), maskOf(edited))
  assert.equal(modelScore(maskOf(stopped)), null)
  assert.equal(modelScore(maskOf(answer(asked))), 0.9)
})

test('back to the model’s mask is a step, and its answer leaves the edited mask in the history alone', () => {
  let state = stroke(oneObject(), 'add', [[3.5, 0.5]])
  const edited = maskOf(state)
  state = play(state, {type: 'mask-reset', id: 1}).state
  assert.deepEqual(lastLabel(state), {key: 'undo.reset', values: {n: 1}})
  assert.equal(itemOf(state).mask, null)
  state = answer(state)
  assert.equal(maskOf(state).areaPx, 1)
  state = play(state, {type: 'undo'}).state
  assert.deepEqual(maskOf(state), edited)
  state = play(state, {type: 'undo'}).state
  assert.equal(maskOf(state).areaPx, 1)
  state = play(state, {type: 'redo'}, {type: 'redo'}).state
  assert.equal(maskOf(state).areaPx, 1)
  assert.deepEqual(state.jobs, [])
})

test('a mask that is on its way is not painted over, and one that was refused is', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const early = play(waiting, {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [50, 50]}).state
  assert.equal(early.stroke, null)
  assert.deepEqual(early.notice, {key: 'notice.maskAwaited', values: {n: 1}})
  const stopped = play(waiting, {type: 'cancelled'}).state
  const state = stroke(stopped, 'add', [[50.5, 50.5]])
  assert.equal(maskOf(state).areaPx, 1)
  assert.deepEqual(itemOf(state).box, itemOf(stopped).box)
})

test('an eraser without an object says what to do', () => {
  const {state} = play(openedState(), {type: 'stroke-begun', shape: 'brush', verb: 'subtract', at: [50, 50]})
  assert.deepEqual([state.stroke, state.notice], [null, {key: 'notice.chooseObject'}])
})

test('the mask that the core refines becomes a step', () => {
  const asked = play(stroke(oneObject(), 'add', [[3.5, 0.5]]), {type: 'refine-asked', how: 'largest-part'})
  const [refine] = asked.effects
  assert.ok(refine?.type === 'refine')
  assert.deepEqual([refine.how, refine.size, refine.mask], ['largest-part', {width: 200, height: 100}, maskOf(asked.state)])
  assert.deepEqual(play(asked.state, {type: 'refine-asked', how: 'smooth'}).effects, [], 'one at a time')
  const state = play(asked.state, {type: 'refined', id: refine.id, mask: {...mask(['##'], 2, 0), areaPx: 2}}).state
  assert.deepEqual([maskOf(state).region, state.jobs], [[2, 0, 2, 1], []])
  assert.deepEqual(lastLabel(state), {key: 'undo.largestPart', values: {n: 1}})
  assert.equal(isUpToDate(state), true)
})

test('refining that changes nothing is no step and says so', () => {
  const before = oneObject()
  const asked = play(before, {type: 'refine-asked', how: 'fill-holes'}).state
  const state = play(asked, {type: 'refined', id: asked.lastJobId, mask: {...mask(['#'], 0, 0), areaPx: 1}}).state
  assert.equal(studyOf(state), studyOf(before))
  assert.deepEqual(state.notice, {key: 'notice.nothingToRefine', values: {n: 1}})
})

test('what was refined is dropped when the mask has changed since', () => {
  const asked = play(oneObject(), {type: 'refine-asked', how: 'smooth'}).state
  const refined = /** @type {const} */ ({type: 'refined', id: asked.lastJobId, mask: {...mask(['##'], 2, 0), areaPx: 2}})
  const painted = play(stroke(asked, 'add', [[3.5, 0.5]]), refined).state
  assert.deepEqual(lastLabel(painted), {key: 'undo.paint', values: {n: 1}})
  assert.deepEqual(painted.jobs, [])
})

test('saving waits for what is being refined', () => {
  const asked = play(oneObject(), {type: 'refine-asked', how: 'smooth'}, {type: 'save-asked', what: 'label'})
  assert.ok(!types(asked.effects).includes('export'))
  assert.ok(types(play(asked.state, {type: 'refined', id: asked.state.lastJobId, mask: {...mask(['#'], 0, 0), areaPx: 1}}).effects).includes('export'))
})

test('painting on a hidden object shows it', () => {
  const hidden = play(oneObject(), {type: 'visibility-toggled', id: 1}, {type: 'masks-toggled'}).state
  const state = stroke(hidden, 'add', [[3.5, 0.5]])
  assert.deepEqual([itemOf(state).visible, state.layers], [true, 'both'])
})

test('the brush suits the picture until it is sized, by a pixel at least', () => {
  const state = openedState()
  assert.equal(brushSize(state), 5) // 200 / 40
  assert.equal(brushSize(withBrushBy(withBrushBy(state, 1.05), 1.05)), 6)
  assert.equal(brushSize(withBrushBy({...state, brushPx: 1}, 0.5)), 1)
  assert.equal(brushSize(withBrushBy({...state, brushPx: 490}, 1.2)), 500)
})

test('Alt and X turn adding into taking away', () => {
  const brush = play(openedState(), {type: 'tool-chosen', tool: 'brush'}).state
  assert.deepEqual([verbOf(brush, false), verbOf(brush, true)], ['add', 'subtract'])
  assert.equal(play(brush, {type: 'verb-swapped'}).state.tool, 'eraser')
  const lasso = play(openedState(), {type: 'tool-chosen', tool: 'lasso'}, {type: 'verb-swapped'}).state
  assert.deepEqual([verbOf(lasso, false), verbOf(lasso, true)], ['subtract', 'add'])
})

test('the brush is led by keys: down, along, up', () => {
  const state = play(
    {...oneObject(), tool: 'brush', brushPx: 1},
    {type: 'brush-at', at: [20.5, 20.5]},
    {type: 'brush-moved', dx: 10, dy: 0},
    {type: 'brush-pressed'},
    {type: 'brush-moved', dx: 0, dy: 4},
    {type: 'brush-pressed'},
  ).state
  assert.equal(maskOf(state).areaPx, 1 + 5)
  assert.deepEqual(state.brushAt, [30.5, 24.5])
})

test('what is refined when its picture is closed holds up nothing after it was opened again', () => {
  const asked = play(oneObject(), {type: 'refine-asked', how: 'smooth'}).state
  const late = /** @type {const} */ ({type: 'refined', id: asked.lastJobId, mask: {...mask(['##'], 2, 0), areaPx: 2}})
  for (const actions of /** @type {Action[][]} */ ([[{type: 'closed'}, late, {type: 'resumed'}], [{type: 'closed'}, {type: 'resumed'}, late]])) {
    const {state} = play(asked, ...actions)
    assert.deepEqual(state.jobs, [])
    assert.ok(types(play(state, {type: 'save-asked', what: 'label'}).effects).includes('export'))
  }
})

test('a mask that a person stopped is asked for again on request, which is no step', () => {
  const stopped = play(play(oneObject(), {type: 'nudged', dx: 5, dy: 0, resize: false}).state, {type: 'cancelled'}).state
  assert.equal(canReset(stopped, itemOf(stopped)), true)
  const {state, effects} = play(stopped, {type: 'mask-reset', id: 1})
  assert.deepEqual(types(effects), ['segment'])
  assert.deepEqual(lastLabel(state), {key: 'undo.move', values: {n: 1, by: 'key'}})
  assert.deepEqual(maskOf(state), maskOf(stopped), 'what there is stays until then')
  assert.equal(canReset(state, itemOf(state)), false)
})
