import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {edgesOf, isFlat, pngHead} from '../../www/offer.js'
import {noteTexts} from '../../www/render-note.js'
import {mask, openedState, picture, play, studyOf, types, withObject} from './support.js'

/** @import {State, Structure} from '../../www/types.js' */

const STRUCTURE = /** @type {Structure} */ ({...mask(['##', '##']), id: 1, areaPx: 4})

/** @param {State} state @param {string} name */
const given = (state, name) => play(state, {type: 'file-given', blob: new Blob(), name, demo: null})
/** @param {State} state @param {readonly Structure[] | null} structures */
const looked = (state, structures) => play(state, {type: 'looked', id: state.lastJobId, structures, boxes: null, isPicture: true})

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

test('while another picture is being opened, a file is the newer one', () => {
  const opening = given(openedState(), 'b.jpg').state
  const {state, effects} = given(opening, 'c.png')
  assert.deepEqual(types(effects), ['cancel', 'open'])
  assert.equal(state.jobs.length, 1)
})

test('the newest file is the one that is meant', () => {
  const first = given(openedState(), 'a.png').state
  const second = given(first, 'b.png')
  assert.deepEqual(types(second.effects), ['cancel', 'look'])
  assert.equal(play(second.state, {type: 'looked', id: first.lastJobId, structures: [STRUCTURE], boxes: null, isPicture: true}).state, second.state)
  const other = given(first, 'photo.jpg').state
  assert.equal(play(other, {type: 'looked', id: first.lastJobId, structures: [STRUCTURE], boxes: null, isPicture: true}).state.note, null)
})

test('a chosen reference that is none says why, and leaves everything as it was', () => {
  const looking = play(openedState(), {type: 'reference-given', blob: new Blob(), name: 'x.png'})
  const [look] = looking.effects
  assert.ok(look?.type === 'look' && look.wish === 'reference')
  const failure = {code: 'import.size', message: 'the label map has 9 × 9 pixels, the picture 200 × 100', hint: ''}
  const {state} = play(looking.state, {type: 'job-failed', id: looking.state.lastJobId, failure})
  assert.deepEqual([state.failure, state.reference], [failure, null])
})

test('a picture that was chosen as a reference is asked about first', () => {
  const looking = play(openedState(), {type: 'reference-given', blob: new Blob(), name: 'ct.png'}).state
  const strewn = {...STRUCTURE, region: /** @type {const} */ ([0, 0, 200, 100]), bytes: Uint8Array.from({length: 20_000}, (_, i) => i % 2)}
  const {state} = play(looking, {type: 'looked', id: looking.lastJobId, structures: [strewn], boxes: null, isPicture: true})
  assert.equal(state.reference, null)
  assert.ok(state.note?.kind === 'offer')
  assert.deepEqual(state.note.ways, ['reference', 'picture'])
  const flat = play(looking, {type: 'looked', id: looking.lastJobId, structures: [STRUCTURE], boxes: null, isPicture: true}).state
  assert.equal(flat.reference?.name, 'ct.png')
})

/** @param {State} state @param {Omit<Extract<import('../../www/types.js').Action, {type: 'looked'}>, 'type' | 'id'>} contents */
const found = (state, contents) => play(state, {type: 'looked', id: state.lastJobId, ...contents})
const BOXES = /** @type {const} */ ([[10, 10, 50.5, 60], [100, 20, 140, 260], [-9, -9, -1, -1]])

test('boxes of a list become objects in one step, cut to whole pixels of the picture, and get their masks', () => {
  const looking = given(withObject(openedState(), [5, 5, 20, 20]), 'boxes.json').state
  const {state, effects} = found(looking, {structures: null, boxes: BOXES, isPicture: false})
  assert.deepEqual(studyOf(state).work.items.slice(1).map(({id, box}) => ({id, box})), [
    {id: 2, box: [10, 10, 51, 60]}, {id: 3, box: [100, 20, 140, 100]},
  ])
  assert.deepEqual(studyOf(state).past.at(-1)?.label, {key: 'undo.boxes', values: {n: 2}})
  assert.deepEqual(state.notice, {key: 'notice.boxes.other', values: {n: 2}})
  const segment = effects.find(({type}) => type === 'segment')
  assert.ok(segment?.type === 'segment' && segment.boxes.length === 2)
  assert.equal(studyOf(play(state, {type: 'undo'}).state).work.items.length, 1)
})

test('that boxes are of a picture with another name is told', () => {
  const looking = given(openedState(), 'boxes.json').state
  const {notice} = found(looking, {structures: null, boxes: [[10, 10, 40, 40]], takenFrom: 'elsewhere.png', isPicture: false}).state
  assert.equal(notice && createTranslator('en', messages).label(notice), 'Imported (1): the boxes of elsewhere.png, the only picture of this size in the file')
})

test('a list without a box on this picture says so and changes nothing', () => {
  const looking = given(openedState(), 'boxes.json').state
  const {state} = found(looking, {structures: null, boxes: [[-9, -9, -1, -1]], isPicture: false})
  assert.equal(studyOf(state), studyOf(looking))
  assert.deepEqual(state.notice, {key: 'notice.noBoxes'})
})

test('boxes without a picture say what to do', () => {
  const closed = play(openedState(), {type: 'closed'}).state
  const {state, effects} = given(closed, 'boxes.json')
  assert.deepEqual(effects, [])
  assert.deepEqual(createTranslator('en', messages).failure(/** @type {NonNullable<State['failure']>} */ (state.failure)), {
    message: 'boxes.json can hold boxes, and no picture is open for them.',
    hint: 'Open the picture first, then drop this file on it.',
  })
})

test('an archive with picture and boxes is offered as each', () => {
  const looking = given(openedState(), 'case.npz').state
  const {state} = found(looking, {structures: [STRUCTURE], boxes: BOXES, isPicture: true})
  assert.ok(state.note?.kind === 'offer')
  const {words, answers} = noteTexts(state.note, createTranslator('en', messages))
  assert.equal(words, 'case.npz holds a picture and boxes. Which do you want to use?')
  assert.deepEqual(answers.map(({answer}) => answer), ['reference', 'boxes', 'picture'])
  assert.equal(studyOf(play(state, {type: 'note-answered', answer: 'boxes'}).state).work.items.length, 2)
})

test('an archive that can be meant in one way only is taken so', () => {
  const taken = found(given(openedState(), 'boxes.npz').state, {structures: null, boxes: BOXES, isPicture: false}).state
  assert.equal(studyOf(taken).work.items.length, 2)
  const compared = found(given(openedState(), 'segs.npz').state, {structures: [STRUCTURE], boxes: null, isPicture: false}).state
  assert.equal(compared.reference?.name, 'segs.npz')
})

test('what else is in the archive of a picture is offered once it is open', () => {
  const asked = play(openedState(), {type: 'file-given', blob: new Blob(), name: 'case.npz', demo: null, as: 'picture'}).state
  const opened = {width: 200, height: 100, format: 'npz', bits: 8, hasMore: false, picture: picture(200, 100), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  const {state, effects} = play(asked, {type: 'opened', id: asked.lastJobId, opened})
  const look = effects.find(({type}) => type === 'look')
  assert.ok(look?.type === 'look' && look.wish === 'rest')
  const offered = play(state, {type: 'looked', id: look.id, structures: null, boxes: BOXES, isPicture: true}).state
  assert.ok(offered.note?.kind === 'offer')
  const {words, answers} = noteTexts(offered.note, createTranslator('en', messages))
  assert.equal(words, 'case.npz holds more for this picture.')
  assert.deepEqual(answers.map(({answer}) => answer), ['boxes'])
  assert.equal(play(state, {type: 'looked', id: look.id, structures: null, boxes: null, isPicture: true}).state.note, null)
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
