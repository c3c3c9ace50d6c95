import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createTranslator} from '../../www/i18n.js'
import {foremostJob, jobOfKind} from '../../www/jobs.js'
import {messages} from '../../www/locales/en.js'
import {progress} from '../../www/render.js'
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
  assert.deepEqual(effects.filter(({type}) => type === 'cancel'), [{type: 'cancel', ids: [id]}])
  assert.deepEqual(state.jobs.map(({kind}) => kind), ['export'])
})

test('masks of objects that are gone are asked for no longer, and hold up nothing', () => {
  const drawn = play(openedState(), {type: 'box-placed'}, {type: 'save-asked', what: 'label'})
  const {id} = lastJob(drawn.state)
  const {state, effects} = play(drawn.state, {type: 'undo'})
  assert.deepEqual(effects.filter(({type}) => type === 'drop'), [{type: 'drop', ids: [id]}])
  assert.deepEqual([state.jobs, state.saving], [[], []])
  const again = play(state, {type: 'redo'})
  assert.deepEqual(types(again.effects), ['segment'])
})

test('of many masks the status tells how many are there, and what is saved when all are', () => {
  const drawn = play(withObject(openedState(), [0, 0, 40, 40]), {type: 'box-placed'}, {type: 'drafted', id: null, verb: 'draw', box: [50, 50, 90, 90]}, {type: 'draft-kept'}).state
  const waiting = play(drawn, {type: 'save-asked', what: 'label'}, {type: 'tick', nowMs: 1000}, {type: 'tick', nowMs: 3000}).state
  const {words, share} = progress(waiting, createTranslator('en', messages))
  assert.deepEqual([words, share], ['Drawing masks… 1 of 3 · saved then: scan_mask.png', 1 / 3])
})

test('a file that is looked into is told before the masks that are being made', () => {
  const drawn = play(openedState(), {type: 'box-placed'}, {type: 'file-given', blob: new Blob(), name: 'next.tif', demo: null}).state
  assert.equal(foremostJob(drawn)?.kind, 'look')
})
