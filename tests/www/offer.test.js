import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {edgesOf, isFlat, pngHead} from '../../www/offer.js'
import {noteTexts} from '../../www/render-note.js'
import {mask, openedState, play, studyOf, types, withObject} from './support.js'

/** @import {State, Structure} from '../../www/types.js' */

const STRUCTURE = /** @type {Structure} */ ({...mask(['##', '##']), id: 1, areaPx: 4})

/** @param {State} state @param {string} name */
const given = (state, name) => play(state, {type: 'file-given', blob: new Blob(), name, demo: null})
/** @param {State} state @param {readonly Structure[] | null} structures */
const looked = (state, structures) => play(state, {type: 'looked', id: state.lastJobId, structures})

test('a file that may hold masks is looked into, and a label map is offered both ways', () => {
  const state = withObject(openedState(), [10, 10, 60, 60])
  const looking = given(state, 'labels.png')
  assert.deepEqual(types(looking.effects), ['look'])
  const offered = looked(looking.state, [STRUCTURE]).state
  assert.ok(offered.note?.kind === 'offer')
  const {words, answers} = noteTexts(offered.note, createTranslator('en', messages))
  assert.equal(words, 'labels.png can be a picture of its own, or a reference for this one.')
  assert.deepEqual(answers.map(({answer}) => answer), ['reference', 'picture'])
  assert.equal(studyOf(offered), studyOf(looking.state), 'what is open stays as it is')

  const compared = play(offered, {type: 'note-answered', answer: 'reference'})
  assert.deepEqual(compared.state.reference, {name: 'labels.png', structures: [STRUCTURE], isShown: true})
  assert.equal(compared.state.note, null)
  assert.ok(types(compared.effects).includes('compare'))

  const opened = play(offered, {type: 'note-answered', answer: 'picture'})
  assert.equal(opened.state.note, null)
  assert.ok(types(opened.effects).includes('open'))
})

test('a picture is opened without a question', () => {
  const {effects} = looked(given(openedState(), 'next.png').state, null)
  assert.ok(types(effects).includes('open'))
})

test('where nothing is open, or no mask can be in it, a file is not looked into', () => {
  const closed = play(openedState(), {type: 'closed'}).state
  assert.ok(types(given(closed, 'labels.png').effects).includes('open'))
  assert.ok(types(given(openedState(), 'photo.jpg').effects).includes('open'))
})

test('the offer can be left, and goes with its picture', () => {
  const offered = looked(given(openedState(), 'labels.png').state, [STRUCTURE]).state
  assert.equal(play(offered, {type: 'escape'}).state.note, null)
  assert.equal(play(offered, {type: 'note-closed'}).state.note, null)
  assert.equal(play(offered, {type: 'closed'}).state.note, null)
  assert.notEqual(play(offered, {type: 'box-placed'}).state.note, null, 'it waits while a person works on')
})

test('the newest file is the one that is meant', () => {
  const first = given(openedState(), 'a.png').state
  const second = given(first, 'b.png')
  assert.deepEqual(types(second.effects), ['cancel', 'look'])
  assert.equal(play(second.state, {type: 'looked', id: first.lastJobId, structures: [STRUCTURE]}).state, second.state)
  const other = given(first, 'photo.jpg').state
  assert.equal(play(other, {type: 'looked', id: first.lastJobId, structures: [STRUCTURE]}).state.note, null)
})

test('a chosen reference that is none says why, and leaves everything as it was', () => {
  const looking = play(openedState(), {type: 'reference-given', blob: new Blob(), name: 'x.png'})
  const [look] = looking.effects
  assert.ok(look?.type === 'look' && look.isCertain)
  const failure = {code: 'import.size', message: 'the label map has 9 × 9 pixels, the picture 200 × 100', hint: ''}
  const {state} = play(looking.state, {type: 'job-failed', id: looking.state.lastJobId, failure})
  assert.deepEqual([state.failure, state.reference], [failure, null])
})

test('label maps are flat, photographs are not', () => {
  const size = {width: 10, height: 10}
  assert.equal(edgesOf([{...mask(['.##.#', '#####']), id: 1, areaPx: 8}]), 4) // 0→1 →0 →1 in the first row, 0→1 in the second
  assert.equal(isFlat(12, size), true)
  assert.equal(isFlat(13, size), false)
})

test('the head of a PNG tells its size and bits', () => {
  const head = new Uint8Array(26)
  head.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 2, 0, 0, 0, 1, 44, 16, 0])
  assert.deepEqual(pngHead(head), {width: 512, height: 300, bits: 16})
  assert.equal(pngHead(head.subarray(0, 20)), null)
  assert.equal(pngHead(new Uint8Array(26)), null)
})
