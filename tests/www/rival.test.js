import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createTranslator, loadTranslator} from '../../www/i18n.js'
import {jobOfKind} from '../../www/jobs.js'
import {messages} from '../../www/locales/en.js'
import {classText, rivalOptions} from '../../www/render-classes.js'
import {rivalShown} from '../../www/rival.js'
import {classChoices} from '../../www/work.js'
import {answer, CLASSES, CLASSY, INFO, isUpToDate, itemOf, lastJob, openedState, play, studyOf, types, withModel, withObject} from './support.js'

/** @import {Comparison, Mask, State} from '../../www/types.js' */

const translator = createTranslator('en', messages)

/** A page whose model takes the class, with an object that has its mask. @returns {State} */
function classyState() {
  const state = {...openedState(), model: CLASSY}
  const slices = studyOf(state).slices.map((slice) => ({...slice, probabilities: CLASSES.map((_, i) => (i === 1 ? 0.8 : 0.02))}))
  return withObject({...state, study: {...studyOf(state), slices}}, [10, 10, 60, 60])
}
const OTHER = /** @type {Omit<Mask, 'key'>} */ ({region: [0, 0, 2, 1], bytes: new Uint8Array([1, 1]), areaPx: 2, score: 0.7})
const AGREEMENT = /** @type {Comparison} */ ({dsc: 2 / 3, nsd: null, nsdContour: null, missedPx: 0, extraPx: 1})
/** @param {State} state */
const made = (state) => play(state, {type: 'rival-made', id: lastJob(state).id, mask: OTHER, agreement: AGREEMENT})

test('a model that takes no class has none to choose from', () => {
  assert.deepEqual(classChoices(openedState()), [])
  assert.deepEqual(classChoices(classyState()), ['auto', ...CLASSES, 'unknown'])
})

test('a second class is asked for the selected object, and shown beside the first', () => {
  const chosen = play(classyState(), {type: 'rival-chosen', choice: 'ct'})
  const [ask] = chosen.effects
  assert.ok(ask?.type === 'rival')
  assert.deepEqual([ask.box, ask.choice, ask.mask.bytes], [[10, 10, 60, 60], 'ct', itemOf(chosen.state).mask?.bytes])
  assert.equal(rivalShown(chosen.state), null)
  const {state, effects} = made(chosen.state)
  assert.deepEqual(effects, [])
  const shown = rivalShown(state)
  assert.deepEqual([shown?.item.id, shown?.choice, shown?.mask.bytes, shown?.agreement], [1, 'ct', OTHER.bytes, AGREEMENT])
  assert.equal(studyOf(state).past.length, 1, 'looking is no step')
})

test('nothing is shown without an object, and another object has its own', () => {
  const first = made(play(classyState(), {type: 'rival-chosen', choice: 'ct'}).state).state
  const none = play(first, {type: 'selected', id: null})
  assert.equal(rivalShown(none.state), null)
  assert.deepEqual(none.effects, [])
  const second = withObject(first, [100, 10, 160, 60])
  assert.equal(rivalShown(second), null)
  assert.equal(jobOfKind(second, 'rival')?.of, itemOf(second, 1).mask?.bytes)
})

test('a box that moves takes the comparison with it', () => {
  const state = made(play(classyState(), {type: 'rival-chosen', choice: 'ct'}).state).state
  const moved = play(state, {type: 'nudged', dx: 3, dy: 0, resize: false})
  assert.equal(rivalShown(moved.state), null)
  assert.ok(!types(moved.effects).includes('rival'), 'its own mask comes first')
  assert.ok(jobOfKind(answer(moved.state), 'rival'))
})

test('the class that is told cannot be its own rival', () => {
  const state = made(play(classyState(), {type: 'rival-chosen', choice: 'ct'}).state).state
  const told = play(state, {type: 'class-chosen', choice: 'ct'})
  assert.equal(rivalShown(told.state), null)
  assert.ok(!types(answer(told.state).jobs.map(({kind}) => ({type: kind}))).includes('rival'))
  const undone = play(answer(told.state), {type: 'undo'}).state
  assert.ok(rivalShown(undone), 'what was made is still there')
})

test('a comparison that fails is left, and says why', () => {
  const asked = play(classyState(), {type: 'rival-chosen', choice: 'ct'}).state
  const failure = {code: 'model.run', message: 'out of memory', hint: ''}
  const {state, effects} = play(asked, {type: 'job-failed', id: lastJob(asked).id, failure})
  assert.equal(state.failure, failure)
  assert.equal(state.rival, null)
  assert.deepEqual(effects, [])
})

test('undo of the class brings the masks of the class before, without asking again', () => {
  const told = answer(play(classyState(), {type: 'class-chosen', choice: 'oct'}).state)
  const undone = play(told, {type: 'undo'})
  assert.deepEqual(types(undone.effects).filter((type) => type === 'segment'), [])
  assert.equal(itemOf(undone.state).mask?.key, 'tiny default auto 0 10 10 60 60')
})

test('modalities are called as people call them', async () => {
  assert.equal(classText(classyState(), translator), 'Modality: MR 80%')
  const {className} = await loadTranslator('de')
  assert.deepEqual(['us', 'xray', 'something new'].map(className), ['Ultraschall', 'Röntgen', 'something new'])
})

/** What the model is told with the boxes that it is asked for. @param {readonly import('../../www/types.js').Effect[]} effects */
const tellings = (effects) => effects.flatMap((effect) => (effect.type === 'segment' ? [effect.classChoice] : []))

test('a model that takes no class is told none, and the choice waits for one that does', () => {
  const told = play(classyState(), {type: 'class-chosen', choice: 'ct'})
  assert.deepEqual(tellings(told.effects), ['ct'])
  const plain = withModel(answer(told.state), {...INFO, name: 'other'})
  assert.deepEqual(tellings(plain.effects), ['auto'])
  const made = answer(plain.state)
  assert.equal(isUpToDate(made), true)
  assert.deepEqual(tellings(withModel(made, CLASSY).effects), ['ct'])
})

test('a class that the model does not know is not told, and shown as not chosen', () => {
  const {state, effects} = play(classyState(), {type: 'class-chosen', choice: 'x-files'}, {type: 'nudged', dx: 1, dy: 0, resize: false})
  assert.deepEqual(tellings(effects), ['auto'])
  assert.equal(isUpToDate(answer(state)), true)
  assert.equal(classText(state, translator), 'Modality: MR 80%')
})

test('the classes to compare with are called as the language of now calls them', async () => {
  const words = (/** @type {import('../../www/i18n.js').Translator} */ spoken) => rivalOptions(classyState(), spoken).map(({words}) => words)
  assert.deepEqual(words(translator).slice(0, 5), ['nothing', 'CT', 'MR', 'PET', 'Ultrasound'])
  assert.deepEqual(words(await loadTranslator('de')).slice(0, 5), ['nichts', 'CT', 'MRT', 'PET', 'Ultraschall'])
})
