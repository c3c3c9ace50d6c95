import assert from 'node:assert/strict'
import {test} from 'node:test'

import {answer, CLASSY, INFO, isUpToDate, itemOf, mask, openedState, play, studyOf, withObject} from './support.js'

/** @import {Action, State} from '../../www/types.js' */

const LOCKED = {key: 'notice.locked', values: {n: 1}}
const locked = () => play(withObject(openedState(), [10, 10, 60, 60]), {type: 'lock-toggled', id: 1}).state

test('a locked object is not moved, resized, edited, renamed or removed, and says so', () => {
  const actions = /** @type {Action[][]} */ ([
    [{type: 'drafted', id: 1, verb: 'move', box: [20, 20, 70, 70]}, {type: 'draft-kept'}],
    [{type: 'drafted', id: 1, verb: 'resize', box: [20, 20, 70, 70]}, {type: 'draft-kept'}],
    [{type: 'nudged', dx: 1, dy: 0, resize: false}],
    [{type: 'removed', id: 1}],
    [{type: 'renamed', id: 1, name: 'x'}],
    [{type: 'mask-reset', id: 1}],
    [{type: 'refine-asked', how: 'smooth'}],
    [{type: 'stroke-begun', shape: 'brush', verb: 'add', at: [5, 5]}],
  ])
  for (const steps of actions) {
    const before = locked()
    const {state, effects} = play(before, ...steps)
    assert.equal(studyOf(state), studyOf(before), steps[0]?.type)
    assert.deepEqual([state.notice, effects], [LOCKED, []], steps[0]?.type)
  }
})

test('locking is a step, so that undo never changes a locked object', () => {
  const state = play(locked(), {type: 'undo'}).state
  assert.equal(itemOf(state).locked, false)
  assert.equal(studyOf(state).work.items.length, 1)
})

test('a locked mask that gives way when it is unlocked is told, and undo brings it back', () => {
  const before = locked()
  const other = play(before, {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: {...INFO, name: 'other'}}).state
  const seen = play(other, {type: 'encoded', id: other.lastJobId, probabilities: null, ms: 1}).state
  assert.equal(itemOf(seen).mask, itemOf(before).mask)
  const unlocked = play(seen, {type: 'lock-toggled', id: 1}).state
  assert.deepEqual(unlocked.notice, {key: 'notice.asksAgain', values: {n: 1}})
  const redrawn = answer(unlocked)
  assert.notEqual(itemOf(redrawn).mask?.key, itemOf(before).mask?.key)
  const back = play(redrawn, {type: 'undo'}).state
  assert.deepEqual([itemOf(back).locked, itemOf(back).mask], [true, itemOf(before).mask])
  assert.equal(back.notice, null, 'what is undone is not told any more')
})

test('one undo takes back what the keys moved, and not what the hand moved before', () => {
  const drawn = withObject(openedState(), [10, 10, 60, 60])
  const dragged = play(drawn, {type: 'drafted', id: 1, verb: 'move', box: [20, 20, 70, 70]}, {type: 'draft-kept'}).state
  const nudge = /** @type {const} */ ({type: 'nudged', dx: 1, dy: 0, resize: false})
  const {state} = play(dragged, nudge, nudge, {type: 'undo'})
  assert.deepEqual(itemOf(state).box, [20, 20, 70, 70])
})

test('removing all leaves what is locked', () => {
  let state = withObject(locked(), [100, 10, 160, 60])
  state = play(state, {type: 'all-removed'}).state
  assert.deepEqual(studyOf(state).work.items.map(({id}) => id), [1])
  assert.deepEqual(state.notice, {key: 'notice.lockedStay', values: {n: 1}})
  assert.equal(studyOf(play(state, {type: 'all-removed'}).state), studyOf(state), 'and is no step when nothing goes')
})

test('the mask of a locked object stays through a change of class, and follows it once unlocked', () => {
  const state = play({...locked(), model: CLASSY}, {type: 'class-chosen', choice: 'unknown'}).state
  assert.deepEqual(state.jobs, [])
  const unlocked = play(state, {type: 'lock-toggled', id: 1}).state
  assert.deepEqual(unlocked.jobs.map(({kind}) => kind), ['segment'])
})

test('a copy lies beside its object, is selected, and asks for a mask of its own', () => {
  let state = play(withObject(openedState(), [10, 10, 60, 60]), {type: 'renamed', id: 1, name: 'cell'}, {type: 'duplicated', id: 1}).state
  const {box, name, mask} = itemOf(state, 1)
  assert.deepEqual([box[2] - box[0], box[3] - box[1], name, mask], [50, 50, 'cell', null])
  assert.notDeepEqual(box, [10, 10, 60, 60])
  assert.deepEqual(state.selected, [2])
  state = answer(state)
  assert.equal(isUpToDate(state, 1), true)
  assert.deepEqual(studyOf(state).past.at(-1)?.label, {key: 'undo.duplicate', values: {n: 1}})
})

test('a mask of a person’s own goes along with the copy, also at the edge of the picture', () => {
  const drawn = play(
    {...openedState(), brushPx: 1},
    {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [195.5, 95.5]},
    {type: 'stroke-moved', points: [[199.5, 99.5]]},
    {type: 'stroke-kept'},
  ).state
  const copy = itemOf(play(drawn, {type: 'duplicated', id: 1}).state, 1)
  assert.equal(copy.mask?.areaPx, 5)
  assert.deepEqual(copy.mask?.bytes, itemOf(drawn).mask?.bytes)
  assert.ok(copy.box[2] < 200)
})

test('what is drawn while other objects come gets a number of its own', () => {
  const ids = (/** @type {State} */ state) => [studyOf(state).work.items.map(({id}) => id), studyOf(state).work.lastItemId]
  const one = withObject(openedState(), [10, 10, 40, 40])
  const drawing = play(one, {type: 'drafted', id: null, verb: 'draw', box: [50, 50, 90, 90]}, {type: 'duplicated', id: 1}).state
  assert.deepEqual(ids(play(drawing, {type: 'draft-kept'}).state), [[1, 2, 3], 3])
  const painting = play({...one, selected: [], brushPx: 5}, {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [80, 80]}, {type: 'duplicated', id: 1}).state
  const painted = play(painting, {type: 'stroke-kept'}).state
  assert.deepEqual(ids(painted), [[1, 2, 3], 3])
  assert.deepEqual(painted.selected, [3])
})

test('an object that was locked meanwhile is neither painted nor refined', () => {
  const one = withObject(openedState(), [10, 10, 40, 40])
  const locked = /** @type {const} */ ({type: 'lock-toggled', id: 1})
  const painted = play(one, {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [20, 20]}, locked, {type: 'stroke-kept'}).state
  assert.deepEqual([itemOf(painted).mask, painted.notice], [itemOf(one).mask, {key: 'notice.locked', values: {n: 1}}])
  const asked = play(one, {type: 'refine-asked', how: 'smooth'}).state
  const refined = play(asked, locked, {type: 'refined', id: asked.lastJobId, mask: {...mask(['##'], 2, 0), areaPx: 2}}).state
  assert.deepEqual([itemOf(refined).mask, refined.jobs], [itemOf(one).mask, []])
})
