import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createTranslator, loadTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {measureTable} from '../../www/measure.js'
import {answer, itemOf, openedState, play, studyOf, withObject} from './support.js'

/** @import {Action, Effect, Mask, Measures, State} from '../../www/types.js' */

/** @type {Measures} */
const MEASURES = {
  areaPx: 1234,
  areaMm2: null,
  longest: {from: [0, 0], to: [30, 40], px: 50, mm: null},
  perpendicular: {from: [10, 20], to: [20, 12.5], px: 12.5, mm: null},
  mean: 101.25, sd: 7.0625, min: 80, max: 131,
}
/** @type {Measures} */
const IN_MM = {
  ...MEASURES,
  areaMm2: 308.5,
  longest: {from: [0, 0], to: [30, 40], px: 50, mm: 25},
  perpendicular: {from: [10, 20], to: [20, 12.5], px: 12.5, mm: 6.25},
}
/** @type {Measures} */
const OF_NOTHING = {areaPx: 0, areaMm2: null, longest: null, perpendicular: null, mean: null, sd: null, min: null, max: null}

/** @param {readonly Effect[]} effects */
const asked = (effects) => effects.flatMap((effect) => (effect.type === 'measure' ? [effect] : []))
/** @param {State} state @param {Measures | null} measures for all that is asked @returns {Action} */
const answerTo = (state, measures = MEASURES) => {
  const masks = studyOf(state).work.items.flatMap(({mask}) => (mask ? [mask] : []))
  return {type: 'measured', id: state.measuring ?? -1, masks, measures: measures && masks.map(() => measures)}
}
/** @param {Measures} measures @param {string} [name] */
function measuredState(measures, name = '') {
  const state = play(withObject(openedState(), [10, 10, 60, 60]), {type: 'renamed', id: 1, name}).state
  return play(state, answerTo(state, measures)).state
}

test('a mask is measured once it is there, and once only', () => {
  const drawing = play(openedState(), {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 60, 60]})
  assert.equal(asked(drawing.effects).length, 0, 'not while the box moves')
  const kept = play(answer(drawing.state), {type: 'draft-kept'})
  const state = answer(kept.state)
  assert.ok(state.measuring !== null)
  const {state: done, effects} = play(state, answerTo(state), {type: 'selected', id: 1})
  assert.equal(asked(effects).length, 0)
  assert.equal(done.measures.get(itemOf(done).mask?.bytes ?? new Uint8Array()), MEASURES)
})

test('only what is new is measured, and what is gone is let go of', () => {
  const state = measuredState(MEASURES)
  const second = withObject(state, [100, 20, 140, 60])
  const removed = play(second, answerTo(second), {type: 'removed', id: 1}).state
  const third = withObject(removed, [10, 10, 30, 30])
  assert.ok(third.measuring !== null)
  const masks = /** @type {Mask[]} */ ([itemOf(third, 1).mask])
  const done = play(third, {type: 'measured', id: third.measuring, masks, measures: [OF_NOTHING]}).state
  assert.deepEqual([...done.measures.keys()], studyOf(done).work.items.map(({mask}) => mask?.bytes))
})

test('what cannot be measured is not asked for again, what was ended is', () => {
  const state = withObject(openedState(), [10, 10, 60, 60])
  const failed = play(state, answerTo(state, null))
  assert.equal(asked(failed.effects).length, 0)
  const ended = play(state, {type: 'measured', id: state.measuring ?? -1, masks: [], measures: null})
  assert.equal(asked(ended.effects).length, 1)
})

test('an answer that nobody waits for changes nothing', () => {
  const state = measuredState(MEASURES)
  assert.equal(play(state, {type: 'measured', id: 99, masks: [], measures: null}).state, state)
})

test('the table for a spreadsheet has tabs, units, and numbers as the language writes them', async () => {
  const state = measuredState(MEASURES, 'left\tkidney')
  const table = (/** @type {Parameters<typeof measureTable>[1]} */ translator) => measureTable(state, translator)
  assert.equal(table(createTranslator('en', messages)),
    'Object\tArea (px)\tLongest (px)\tAcross (px)\tMean\tSD\nleft kidney\t1234\t50\t12.5\t101.25\t7.063\n')
  assert.equal(table(await loadTranslator('de')),
    'Objekt\tFläche (px)\tLängster (px)\tQuer (px)\tMittel\tSD\nleft kidney\t1234\t50\t12,5\t101,25\t7,063\n')
})

test('a quotation mark in a name swallows no cells of the table', () => {
  const [, line] = measureTable(measuredState(MEASURES, '"left" kidney'), createTranslator('en', messages)).split('\n')
  assert.equal(line, '"""left"" kidney"\t1234\t50\t12.5\t101.25\t7.063')
})

test('where the spacing is known the table is in mm, and an empty mask has empty cells', () => {
  const translator = createTranslator('en', messages)
  assert.equal(measureTable(measuredState(IN_MM), translator), 'Object\tArea (mm²)\tLongest (mm)\tAcross (mm)\tMean\tSD\nObject 1\t308.5\t25\t6.25\t101.25\t7.063\n')
  assert.equal(measureTable(measuredState(OF_NOTHING), translator), 'Object\tArea (px)\tLongest (px)\tAcross (px)\tMean\tSD\nObject 1\t0\t\t\t\t\n')
})

test('who says how large a pixel is measures in mm, also where the file says something else; undo forgets it', () => {
  const translator = createTranslator('en', messages)
  const table = (/** @type {State} */ state) => measureTable(state, translator).split('\n')[1]
  for (const measures of [MEASURES, IN_MM]) {
    const before = measuredState(measures)
    const {state, effects} = play(before, {type: 'pixel-sized', mm: 0.1})
    assert.equal(measureTable(state, translator), 'Object\tArea (mm²)\tLongest (mm)\tAcross (mm)\tMean\tSD\nObject 1\t12.34\t5\t1.25\t101.25\t7.063\n')
    assert.equal(asked(effects).length, 0, 'nothing is measured again')
    assert.equal(table(play(state, {type: 'pixel-sized', mm: null}).state), table(before))
    assert.equal(table(play(state, {type: 'undo'}).state), table(before))
    assert.deepEqual(studyOf(state).past.at(-1)?.label, {key: 'undo.pixelSize'})
  }
})

test('what is no size of a pixel changes nothing', () => {
  const state = play(measuredState(MEASURES), {type: 'pixel-sized', mm: 0.1}).state
  for (const mm of [0, -1, NaN, Infinity, 1e-8, 1001, 0.1]) assert.equal(play(state, {type: 'pixel-sized', mm}).state, state, String(mm))
  assert.equal(play(openedState(), {type: 'closed'}, {type: 'pixel-sized', mm: 1}).state.study, null)
})
