import assert from 'node:assert/strict'
import {test} from 'node:test'

import {foremostJob, jobOfKind} from '../../www/jobs.js'
import {isUpToDate, itemOf, lastJob, openedState, play, segmentedAll, types, withObject} from './support.js'

test('masks of other boxes are asked for while one is still being made', () => {
  const first = play(openedState(), {type: 'box-placed'}).state
  const {state, effects} = play(first, {type: 'box-placed'})
  assert.deepEqual(types(effects), ['segment'])
  assert.deepEqual(state.jobs.map((job) => job.kind === 'segment' && job.ids), [[1], [2]])
})

test('a box that moves while its mask is being made is asked for again only after the answer', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const {id} = lastJob(waiting)
  const moved = play(waiting, {type: 'nudged', dx: 5, dy: 0, resize: false}, {type: 'nudged', dx: 5, dy: 0, resize: false})
  assert.deepEqual(types(moved.effects), [])
  const {state, effects} = play(moved.state, segmentedAll(id, 1))
  assert.equal(itemOf(state).mask, null, 'the answer is for where the box was')
  const [segment] = effects
  assert.ok(segment?.type === 'segment')
  assert.deepEqual(segment.boxes, [itemOf(state).box])
})

test('answers come in parts, and the job ends with the last', () => {
  let state = withObject(withObject(openedState(), [0, 0, 40, 40]), [50, 50, 90, 90])
  state = play(state, {type: 'mode-chosen', mode: 'challenge'}).state
  const {id} = lastJob(state)
  const [whole] = [segmentedAll(id, 2)]
  assert.ok(whole.type === 'segmented')
  state = play(state, {...whole, at: [1], masks: whole.masks.slice(1)}).state
  assert.deepEqual([isUpToDate(state, 0), isUpToDate(state, 1)], [false, true])
  assert.equal(jobOfKind(state, 'segment')?.left, 1)
  state = play(state, {...whole, at: [0], masks: whole.masks.slice(1)}).state
  assert.deepEqual([isUpToDate(state, 0), isUpToDate(state, 1)], [true, true])
  assert.deepEqual(state.jobs, [])
})

test('a preview does not wait for masks that are being made, and the status speaks of those', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const {state, effects} = play(waiting, {type: 'drafted', id: null, verb: 'draw', box: [1, 1, 30, 30]})
  assert.deepEqual(types(effects), ['segment'])
  assert.equal(foremostJob(state)?.id, lastJob(waiting).id)
})

test('a failure ends its own job and no other', () => {
  const both = play(openedState(), {type: 'box-placed'}, {type: 'box-placed'}).state
  const [first, second] = both.jobs
  const failure = {code: 'model.run', message: 'out of memory', hint: ''}
  const {state} = play(both, {type: 'job-failed', id: /** @type {number} */ (first?.id), failure})
  assert.deepEqual(state.jobs, [second])
})

test('stopping names the jobs that end; what is being saved is left alone', () => {
  const saving = play(withObject(openedState(), [0, 0, 40, 40]), {type: 'save-asked', what: 'coco'}).state
  assert.deepEqual(saving.jobs.map(({kind}) => kind), ['export'])
  const {id} = lastJob(play(saving, {type: 'box-placed'}).state)
  const {state, effects} = play(saving, {type: 'box-placed'}, {type: 'cancelled'})
  assert.deepEqual(effects.at(-1), {type: 'cancel', ids: [id]})
  assert.deepEqual(state.jobs.map(({kind}) => kind), ['export'])
})
