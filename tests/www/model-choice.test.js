import assert from 'node:assert/strict'
import {test} from 'node:test'

import {modelToRetry} from '../../www/model-choice.js'
import {initialState} from '../../www/update.js'
import {ENTRY, INFO, isUpToDate, itemOf, openedState, play, withObject} from './support.js'

/** @import {Action, Effect} from '../../www/types.js' */

const FAILURE = {code: 'page.fetch', message: 'models/other/encoder.onnx', hint: ''}
/** @param {string} name @returns {Action} */
const failedToLoad = (name) => ({type: 'model-failed', name, failure: FAILURE, fatal: false})
/** Names of the models that are loaded. @param {readonly Effect[]} effects */
const loads = (effects) => effects.flatMap((effect) => (effect.type === 'load-model' ? [effect.entry.name] : []))
const ALL = ['tiny', 'other', 'third'].map((name) => ({...ENTRY, name, default: name === 'tiny'}))
/** @param {Effect[]} effects */
const remembered = (effects) => effects.findLast((effect) => effect.type === 'remember')?.settings.modelName

test('the model that worked stands in for one that cannot be loaded, with its masks, and the message says what to try again', () => {
  const drawn = withObject(openedState(), [10, 10, 60, 60])
  const {state, effects} = play(drawn, {type: 'model-chosen', name: 'other'}, failedToLoad('other'))
  assert.deepEqual(loads(effects), ['other', 'tiny'])
  assert.deepEqual(state.failure, {...FAILURE, model: 'other'})
  assert.equal(remembered(effects), 'other', 'what was wished is wished on the next visit too')

  const back = play(state, {type: 'model-loaded', info: INFO})
  assert.deepEqual(back.state.failure, {...FAILURE, model: 'other'}, 'the message stays')
  const seen = play(back.state, {type: 'encoded', id: back.state.lastJobId, probabilities: null, ms: 1}).state
  assert.equal(itemOf(seen).mask, itemOf(drawn).mask)
  assert.equal(isUpToDate(seen), true, 'no mask is made again')

  assert.deepEqual(withObject(seen, [70, 10, 90, 60]).failure, {...FAILURE, model: 'other'}, 'a mask more does not settle it')

  const content = play(seen, {type: 'model-chosen', name: 'tiny'})
  assert.deepEqual([content.state.failure, loads(content.effects), remembered(content.effects)], [null, [], 'tiny'], 'what stands in may be wished')

  const again = play(seen, {type: 'retried'})
  assert.deepEqual(loads(again.effects), ['other'])
  assert.equal(again.state.failure, null)
  assert.equal(play(again.state, {type: 'model-loaded', info: {...INFO, name: 'other'}}).state.model?.name, 'other')
})

test('the default stands in for a remembered model that cannot be loaded', () => {
  const {state, effects} = play(initialState({modelName: 'third'}), {type: 'listed', models: ALL, demos: []}, failedToLoad('third'))
  assert.deepEqual(loads(effects), ['third', 'tiny'])
  assert.equal(remembered(play(state, {type: 'invert-toggled'}).effects), 'third')
})

test('when what stands in cannot be loaded either, that is told, and the wish is tried again', () => {
  const {state, effects} = play(
    initialState(), {type: 'listed', models: ALL, demos: []}, {type: 'model-loaded', info: INFO}, {type: 'model-chosen', name: 'third'},
    {type: 'model-loaded', info: {...INFO, name: 'third'}}, {type: 'model-chosen', name: 'other'}, failedToLoad('other'), failedToLoad('third'),
  )
  assert.deepEqual(loads(effects), ['tiny', 'third', 'other', 'third'], 'and no further one')
  assert.deepEqual(state.failure, {...FAILURE, model: 'third'})
  assert.deepEqual(loads(play(state, {type: 'retried'}).effects), ['other'])
})

test('nothing stands in where the only model fails, where no engine runs, or where another was chosen meanwhile', () => {
  const listed = play(initialState(), {type: 'listed', models: [ENTRY], demos: []}).state
  const alone = play(listed, failedToLoad('tiny'))
  assert.deepEqual(loads(alone.effects), [])
  assert.deepEqual(loads(play(alone.state, {type: 'retried'}).effects), ['tiny'])

  const engineless = play(openedState(), {type: 'model-chosen', name: 'other'}, {type: 'model-failed', name: 'other', failure: FAILURE, fatal: true})
  assert.deepEqual(loads(engineless.effects), ['other'])
  assert.equal(engineless.state.fatal, true)

  const chosen = play(openedState(), {type: 'model-chosen', name: 'other'}).state
  assert.equal(play(chosen, failedToLoad('tiny')).state, chosen)
})

test('another failure beside a model that loads does not end the loading, and “Try again” then means the model', () => {
  const loading = play(openedState(), {type: 'model-chosen', name: 'other'}, {type: 'loading', loading: {kind: 'model', loaded: 1, total: 2}}).state
  const failed = play(loading, {type: 'failed', failure: {code: 'page.copy', message: '', hint: ''}, fatal: false}).state
  assert.deepEqual(failed.loading, {kind: 'model', loaded: 1, total: 2})
  assert.equal(modelToRetry(failed), 'other')
  assert.equal(modelToRetry({...failed, model: INFO}), null)
})

test('a file that is looked into is not forgotten where a model is chosen', () => {
  const looking = play(openedState(), {type: 'file-given', blob: new Blob(), name: 'boxes.json', demo: null}).state
  const chosen = play(looking, {type: 'model-chosen', name: 'other'}).state
  const {state} = play(chosen, {type: 'looked', id: looking.lastJobId, structures: null, boxes: [[10, 10, 40, 40]], isPicture: false})
  assert.deepEqual(itemOf(state).box, [10, 10, 40, 40])
})
