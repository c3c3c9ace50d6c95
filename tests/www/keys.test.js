import assert from 'node:assert/strict'
import {test} from 'node:test'

import {keyAction} from '../../www/keys.js'
import {openedState, play, withObject} from './support.js'

/** @import {State} from '../../www/types.js' */

/** @param {State} state @param {string} key @param {Partial<import('../../www/keys.js').KeyPress>} [how] */
const pressed = (state, key, how = {}) => keyAction(state, {key, ctrl: false, shift: false, alt: false, onViewer: true, ...how})

test('letters choose tools and views', () => {
  const state = openedState()
  assert.deepEqual(pressed(state, 'b'), {type: 'tool-chosen', tool: 'box'})
  assert.deepEqual(pressed(state, 'm'), {type: 'masks-toggled'})
  assert.deepEqual(pressed(state, 'M', {shift: true}), {type: 'picture-toggled'})
  assert.deepEqual(pressed(state, '2'), {type: 'preset-chosen', preset: 'lung'})
  assert.deepEqual(pressed(state, '6'), {type: 'preset-chosen', preset: 'full'})
  assert.deepEqual(pressed(state, '?', {shift: true}), {type: 'sheet-toggled', sheet: 'keys'})
  assert.equal(pressed(state, 'q'), null)
})

test('with Ctrl the keys are those of any editor', () => {
  const state = openedState()
  assert.deepEqual(pressed(state, 'z', {ctrl: true}), {type: 'undo'})
  assert.deepEqual(pressed(state, 'Z', {ctrl: true, shift: true}), {type: 'redo'})
  assert.deepEqual(pressed(state, 's', {ctrl: true}), {type: 'save-asked', what: 'label'})
  assert.equal(pressed(state, 'o', {ctrl: true}), 'open-file')
  assert.equal(pressed(state, 'c', {ctrl: true}), null, 'copying is the browser’s')
})

test('arrows move the selected box, and only where the picture has the focus', () => {
  const state = withObject(openedState(), [50, 30, 100, 60])
  assert.deepEqual(pressed(state, 'ArrowLeft', {shift: true}), {type: 'nudged', dx: -10, dy: 0, resize: false})
  assert.deepEqual(pressed(state, 'ArrowDown', {alt: true}), {type: 'nudged', dx: 0, dy: 1, resize: true})
  assert.deepEqual(pressed(state, 'Delete'), {type: 'removed', id: 1})
  assert.equal(pressed(state, 'Delete', {onViewer: false}), null)
  assert.equal(pressed(openedState(), 'ArrowLeft'), null)
})

test('the correcting tools have their letters, and brackets size the brush on any keyboard', () => {
  const state = openedState()
  assert.deepEqual(['p', 'e', 'l'].map((key) => pressed(state, key)), [
    {type: 'tool-chosen', tool: 'brush'}, {type: 'tool-chosen', tool: 'eraser'}, {type: 'tool-chosen', tool: 'lasso'},
  ])
  for (const how of [{}, {alt: true}, {ctrl: true, alt: true}]) assert.deepEqual(pressed(state, ']', how), {type: 'brush-sized', factor: 1.15})
  assert.equal(pressed(state, 'x'), null, 'X has a meaning with these tools only')
  assert.deepEqual(pressed({...state, tool: 'brush'}, 'x'), {type: 'verb-swapped'})
})

test('with a brush in hand, arrows lead it and Enter puts it down', () => {
  const state = {...withObject(openedState(), [50, 30, 100, 60]), tool: /** @type {const} */ ('brush')}
  assert.deepEqual(pressed(state, 'ArrowUp', {shift: true}), {type: 'brush-moved', dx: 0, dy: -10})
  assert.deepEqual(pressed(state, 'Enter'), {type: 'brush-pressed'})
  assert.equal(pressed(state, 'Enter', {onViewer: false}), null, 'a button is pressed with it')
  assert.deepEqual(pressed(state, 'Delete'), {type: 'removed', id: 1})
})

test('Ctrl and D duplicate the selected object', () => {
  assert.deepEqual(pressed(withObject(openedState(), [50, 30, 100, 60]), 'd', {ctrl: true}), {type: 'duplicated', id: 1})
  assert.equal(pressed(openedState(), 'd', {ctrl: true}), null)
})

test('an open sheet takes all keys but Escape', () => {
  const state = play(openedState(), {type: 'sheet-toggled', sheet: 'keys'}).state
  assert.equal(pressed(state, 'b'), null)
  assert.deepEqual(pressed(state, 'Escape'), {type: 'escape'})
})
