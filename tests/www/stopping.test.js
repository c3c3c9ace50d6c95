import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {factsOf} from '../../www/render-objects.js'
import {currentSlice, progressOf} from '../../www/work.js'
import {INFO, itemOf, lastJob, openedState, picture, play, studyOf, types, withModel, withObject} from './support.js'

/** @import {State} from '../../www/types.js' */

const REFUSED = {code: 'open.unknown-format', message: 'no', hint: ''}
const OPENED = {width: 200, height: 100, format: 'PNG', bits: 8, hasMore: false, picture: picture(200, 100), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
/** A picture that is looked at, with a box that waits for it. @returns {State} */
function encodingState() {
  const given = play(openedState(), {type: 'file-given', blob: new Blob(), name: 'a.jpg', demo: null}).state
  return play(given, {type: 'opened', id: lastJob(given).id, opened: OPENED}, {type: 'box-placed'}).state
}
/** @param {State} state */
const encodingOf = (state) => currentSlice(studyOf(state)).encoding

test('masks that gave way to another model are asked for when the first one comes back', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const {state} = play(waiting, {type: 'model-chosen', name: 'other'})
  assert.deepEqual(state.refused, [])
  assert.ok(types(withModel(state, INFO).effects).includes('segment'))
})

test('what a person stopped is asked for again by another model, and by the same one when it comes back', () => {
  const stopped = play(openedState(), {type: 'box-placed'}, {type: 'cancelled'}).state
  assert.equal(stopped.refused.length, 1)
  const other = withModel(stopped, {...INFO, name: 'other'})
  assert.ok(types(other.effects).includes('segment'))
  assert.ok(types(withModel(other.state, INFO).effects).includes('segment'))
})

test('a file that cannot be opened leaves the masks of the open picture to be made', () => {
  for (const [before, next] of /** @type {const} */ ([[play(openedState(), {type: 'box-placed'}).state, 'segment'], [encodingState(), 'encode']])) {
    const given = play(before, {type: 'file-given', blob: new Blob(), name: 'b.jpg', demo: null})
    assert.deepEqual(types(given.effects), ['cancel', 'open'])
    const failed = play(given.state, {type: 'job-failed', id: lastJob(given.state).id, failure: REFUSED})
    assert.deepEqual(types(failed.effects), [next])
    assert.equal(progressOf(failed.state, itemOf(failed.state)), 'pending')
  }
})

test('a picture that was closed while it was looked at is looked at again, and its masks are made', () => {
  const closed = play(encodingState(), {type: 'closed'})
  assert.ok(types(closed.effects).includes('cancel'))
  const {state, effects} = play(closed.state, {type: 'resumed'})
  assert.ok(types(effects).includes('encode'))
  assert.ok(types(play(state, {type: 'encoded', id: lastJob(state).id, probabilities: null, ms: 1}).effects).includes('segment'))
})

test('a picture that was closed has been seen by no other model', () => {
  const closed = play(withObject(openedState(), [10, 10, 60, 60]), {type: 'closed'}).state
  const {effects} = play(closed, {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: {...INFO, name: 'other'}}, {type: 'resumed'})
  assert.ok(types(effects).includes('encode'))
})

test('what a person stopped is not begun again by itself', () => {
  const {state, effects} = play(encodingState(), {type: 'cancelled'})
  assert.deepEqual(types(effects), ['cancel'])
  assert.deepEqual([encodingOf(state), progressOf(state, itemOf(state))], ['stopped', 'refused'])
})

test('a mask that is out of date and was stopped says so', () => {
  const translator = createTranslator('en', messages)
  const moved = play(withObject(openedState(), [10, 10, 60, 60]), {type: 'nudged', dx: 5, dy: 0, resize: false}).state
  const told = (/** @type {State} */ state) => factsOf(itemOf(state), progressOf(state, itemOf(state)), translator)
  assert.equal(told(moved), '1 px · score 90%')
  assert.equal(told(play(moved, {type: 'cancelled'}).state), '1 px · out of date')
  assert.equal(told(play(openedState(), {type: 'box-placed'}, {type: 'cancelled'}).state), 'no mask')
})
