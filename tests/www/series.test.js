import assert from 'node:assert/strict'
import {test} from 'node:test'

import {keyAction} from '../../www/keys.js'
import {shownNote} from '../../www/reopen.js'
import {hasSeriesToSave, placeIn, savedPictures} from '../../www/series.js'
import {INFO, itemOf, lastJob, openedState, picture, play, segmentedAll, studyOf, types, withModel, withObject} from './support.js'

/** @import {Mask, State} from '../../www/types.js' */

const OPENED = {width: 200, height: 100, format: 'PNG', bits: 8, hasMore: false, picture: picture(200, 100), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
const BOX = /** @type {const} */ ([10, 10, 60, 60])

/** @param {State} state @param {...string} names */
const given = (state, ...names) => play(state, {type: 'files-given', files: names.map((name) => ({name, blob: new Blob([name])}))}).state
/** Its picture opens and is encoded. @param {State} state */
function accepted(state) {
  const opened = play(state, {type: 'opened', id: lastJob(state).id, opened: OPENED}).state
  return play(opened, {type: 'encoded', id: lastJob(opened).id, probabilities: null, ms: 5}).state
}
/** @param {State} state @param {1 | -1} step */
const leafed = (state, step) => accepted(play(state, {type: 'leafed', step}).state)
/** @param {State} state */
const refused = (state, code = 'open.unknown-format') => play(state, {type: 'job-failed', id: lastJob(state).id, failure: {code, message: 'no', hint: ''}}).state
/** @param {State} state */
const nameOf = (state) => studyOf(state).source.name
/** Three pictures, the first of them open. */
const three = () => accepted(given(openedState(), 'a.png', 'b.png', 'notes.txt', 'c.png'))

test('one leafs through pictures that were given together, and stays at either end', () => {
  const first = three()
  assert.deepEqual([nameOf(first), placeIn(first), first.series.length], ['a.png', 0, 3])
  assert.deepEqual(first.notice, {key: 'notice.place', values: {name: 'a.png', i: 1, n: 3}})
  assert.equal(play(first, {type: 'leafed', step: -1}).state, first)
  const last = leafed(leafed(first, 1), 1)
  assert.equal(nameOf(last), 'c.png')
  assert.equal(play(last, {type: 'leafed', step: 1}).state, last)
  assert.equal(nameOf(leafed(last, -1)), 'b.png')
})

test('work stays with its picture, and no way back is offered where one leafs', () => {
  const drawn = withObject(three(), BOX)
  const second = withObject(leafed(drawn, 1), [20, 20, 50, 50])
  assert.equal(shownNote(second), null)
  const back = leafed(second, -1)
  assert.deepEqual(itemOf(back), itemOf(drawn))
  assert.equal(back.aside.length, 1, 'that of the second; its own is open')
  assert.equal(shownNote(back), null)
  assert.deepEqual(itemOf(leafed(back, 1)).box, [20, 20, 50, 50])
  const {effects} = play(back, {type: 'renamed', id: 1, name: 'cyst'})
  const kept = effects.find(({type}) => type === 'keep')
  assert.ok(kept?.type === 'keep' && kept.aside.length === 1, 'the browser keeps both')
})

test('a picture comes back with the model that its masks were made by', () => {
  const drawn = withObject(three(), BOX)
  const other = withModel(leafed(drawn, 1), {...INFO, name: 'other'}).state
  const {state, effects} = play(other, {type: 'leafed', step: -1})
  assert.ok(effects.some((effect) => effect.type === 'load-model' && effect.entry.name === 'tiny'))
  const loaded = play(state, {type: 'model-loaded', info: INFO}).state
  const opened = play(loaded, {type: 'opened', id: lastJob(loaded).id, opened: OPENED})
  const encoded = play(opened.state, {type: 'encoded', id: lastJob(opened.state).id, probabilities: null, ms: 5})
  assert.deepEqual(itemOf(encoded.state), itemOf(drawn))
  assert.equal(encoded.state.note, null)
  assert.ok(![...types(opened.effects), ...types(encoded.effects)].includes('segment'))
})

test('a picture that is left for one of another model keeps its own model and masks', () => {
  const other = {...INFO, name: 'other'}
  const drawn = withObject(three(), BOX)
  const second = withObject(withModel(leafed(drawn, 1), other).state, BOX)
  const back = play(second, {type: 'leafed', step: -1}, {type: 'model-loaded', info: INFO}).state
  const first = accepted(back)
  assert.deepEqual(first.aside.map(({source, model}) => [source.name, model?.name]), [['b.png', 'other']])
  const {state, effects} = play(first, {type: 'leafed', step: 1})
  assert.ok(effects.some((effect) => effect.type === 'load-model' && effect.entry.name === 'other'))
  const again = play(state, {type: 'model-loaded', info: other}).state
  const opened = play(again, {type: 'opened', id: lastJob(again).id, opened: OPENED})
  const encoded = play(opened.state, {type: 'encoded', id: lastJob(opened.state).id, probabilities: null, ms: 5})
  assert.deepEqual(itemOf(encoded.state), itemOf(second))
  assert.ok(!types(encoded.effects).includes('segment'))
})

test('who leafs on and back before the next picture is there stays with the work', () => {
  const drawn = withObject(three(), BOX)
  const {state, effects} = play(drawn, {type: 'leafed', step: 1}, {type: 'leafed', step: -1})
  assert.ok(types(effects).includes('cancel'))
  assert.deepEqual([state.study, state.pending, state.jobs, state.aside], [drawn.study, null, [], []])
})

test('works are as many as pictures, and what was set without an object is one of them', () => {
  const names = Array.from({length: 60}, (_, i) => `p${i}.png`)
  let state = play(accepted(given(openedState(), ...names)), {type: 'pixel-sized', mm: 0.5}).state
  for (let i = 1; i < 60; i++) state = withObject(leafed(state, 1), BOX)
  for (let i = 1; i < 60; i++) state = leafed(state, -1)
  assert.deepEqual([nameOf(state), studyOf(state).work.pixelMm, state.aside.length], ['p0.png', 0.5, 59])
})

test('what was forgotten is not kept because one leafs back to it', () => {
  const forgotten = play(withObject(three(), BOX), {type: 'forget-asked'}, {type: 'forgot'}).state
  const back = leafed(leafed(forgotten, 1), -1)
  assert.deepEqual([studyOf(back).work.items.length, back.keeping], [1, false])
  const asked = play(back, {type: 'renamed', id: 1, name: 'cyst'}).effects
  assert.ok(!asked.some(({type}) => type === 'keep'))
})

test('from the start page no way back to a picture of the series is offered, whose work a click would drop', () => {
  const both = withObject(leafed(withObject(three(), BOX), 1), BOX)
  assert.equal(shownNote(play(both, {type: 'closed'}).state), null)
})

test('who leafs on before a picture is there goes on from it', () => {
  const {state, effects} = play(three(), {type: 'leafed', step: 1}, {type: 'leafed', step: 1})
  assert.ok(types(effects).includes('cancel'))
  assert.equal(placeIn(state), 2)
  assert.equal(nameOf(accepted(state)), 'c.png')
})

test('a picture that cannot be opened is told, and passed over from then on', () => {
  const failed = refused(play(three(), {type: 'leafed', step: 1}).state)
  assert.equal(failed.failure?.code, 'open.unknown-format')
  assert.deepEqual([nameOf(failed), failed.series.length, failed.failure?.file], ['a.png', 2, 'b.png'])
  assert.equal(refused(given(openedState(), 'a.png')).failure?.file, undefined, 'who names one file knows which it is')
  assert.equal(nameOf(leafed(failed, 1)), 'c.png')
  assert.equal(nameOf(leafed(refused(play(three(), {type: 'leafed', step: 1}).state, 'page.unreadable'), 1)), 'c.png', 'one that was moved away')
  // So is one at the beginning, in whose place the next is opened.
  const second = accepted(refused(given(openedState(), 'a.png', 'b.png', 'c.png')))
  assert.deepEqual([nameOf(second), placeIn(second), second.series.length], ['b.png', 0, 2])
})

test('another picture leads away from the series, and the way back leads into it', () => {
  const drawn = withObject(three(), BOX)
  const away = accepted(play(drawn, {type: 'file-given', blob: new Blob(), name: 'x.png', demo: null, as: 'picture'}).state)
  assert.equal(placeIn(away), -1)
  assert.equal(play(away, {type: 'leafed', step: 1}).state, away)
  const note = shownNote(away)
  assert.ok(note?.kind === 'replaced' && note.session.source.name === 'a.png')
  const back = accepted(play(away, {type: 'note-answered', answer: 'reopen'}).state)
  assert.deepEqual([nameOf(back), placeIn(back)], ['a.png', 0])
  assert.equal(accepted(given(back, 'y.png', 'readme')).series.length, 3, 'one picture is no series')
  assert.deepEqual(accepted(given(back, 'y.png', 'z.png')).series.map(({name}) => name), ['y.png', 'z.png'])
  assert.equal(shownNote(play(away, {type: 'note-closed'}).state), null)
})

test('after a reload one leafs through what was worked on, in the order of the names', () => {
  const drawn = withObject(leafed(withObject(three(), BOX), 1), BOX)
  const {effects} = play(drawn, {type: 'renamed', id: 1, name: 'cyst'})
  const kept = effects.find(({type}) => type === 'keep')
  assert.ok(kept?.type === 'keep' && kept.series.length === 3)
  const {session, aside} = kept
  const series = [session, ...aside].map(({source}) => source)
  const started = play(openedState(), {type: 'closed'}).state
  const again = play({...started, shelved: null}, {type: 'session-read', session, aside, series, from: 'browser', savedMs: 1, shelved: false}).state
  const back = accepted(again)
  assert.deepEqual([nameOf(back), placeIn(back), back.series.map(({name}) => name)], ['b.png', 1, ['a.png', 'b.png']])
  assert.deepEqual(itemOf(leafed(back, -1)).box, BOX)
  // One that was put aside by another picture is none of a series.
  const away = withObject(accepted(play(drawn, {type: 'file-given', blob: new Blob(), name: 'x.png', demo: null, as: 'picture'}).state), BOX)
  const other = play(away, {type: 'renamed', id: 1, name: 'cyst'}).effects.find(({type}) => type === 'keep')
  assert.ok(other?.type === 'keep' && other.series.length === 0)
})

test('ways back lead to every work in turn', () => {
  let state = withObject(leafed(withObject(leafed(withObject(three(), BOX), 1), BOX), 1), BOX)
  state = accepted(given(state, 'y.png', 'z.png'))
  const seen = [1, 2, 3, 4].map(() => {
    state = accepted(play(state, {type: 'note-answered', answer: 'reopen'}).state)
    return nameOf(state)
  })
  assert.deepEqual(seen, ['c.png', 'b.png', 'a.png', 'c.png'])
})

test('the keys are the pages’, on the picture, where there is more than one', () => {
  const press = (/** @type {State} */ state, /** @type {string} */ key, onViewer = true) => keyAction(state, {key, ctrl: false, shift: false, alt: false, onViewer})
  assert.deepEqual(press(three(), 'PageDown'), {type: 'leafed', step: 1})
  assert.deepEqual(press(three(), 'PageUp'), {type: 'leafed', step: -1})
  assert.equal(press(three(), 'PageDown', false), null)
  assert.equal(press(openedState(), 'PageDown'), null)
})

test('who leafs on at once leaves with the mask that is being made', () => {
  const left = play(three(), {type: 'box-placed'}, {type: 'leafed', step: 1})
  assert.ok(!types(left.effects).includes('cancel') && !types(left.effects).includes('open'), 'it is waited for')
  assert.deepEqual([nameOf(left.state), placeIn(left.state)], ['a.png', 1])
  const further = play(left.state, {type: 'leafed', step: 1}).state
  const made = play(further, segmentedAll(lastJob(further).id, 1))
  assert.ok(types(made.effects).includes('open'))
  const there = accepted(made.state)
  assert.deepEqual([nameOf(there), there.aside.map(({work}) => work.items.map(({mask}) => mask !== null))], ['c.png', [[true]]])
})

test('who does not want to wait for a mask stops it; many are not waited for', () => {
  const left = play(three(), {type: 'box-placed'}, {type: 'leafed', step: 1}).state
  const stopped = play(left, {type: 'cancelled'})
  assert.ok(types(stopped.effects).includes('open'))
  const many = play(three(), ...Array.from({length: 17}, () => /** @type {const} */ ({type: 'box-placed'})))
  assert.ok(types(play(many.state, {type: 'leafed', step: 1}).effects).includes('open'))
  const back = play(left, {type: 'leafed', step: -1}).state
  assert.deepEqual([back.pending, back.jobs.map(({kind}) => kind)], [null, ['segment']], 'who comes back is still there')
})

test('another file, which is none of the series, waits for no mask', () => {
  const {effects} = play(three(), {type: 'box-placed'}, {type: 'file-given', name: 'new.png', blob: new Blob(), demo: null, as: 'picture'})
  assert.ok(types(effects).includes('open'))
})

test('all pictures are saved at once, each with its own objects, and what is not done is told', () => {
  const drawn = withObject(three(), BOX)
  const third = withObject(leafed(leafed(drawn, 1), 1), [20, 20, 50, 50])
  const asked = play(third, {type: 'save-asked', what: 'series'})
  const effect = asked.effects.find(({type}) => type === 'export')
  assert.ok(effect?.type === 'export')
  assert.deepEqual(effect.pictures.map(({fileName, items, isWhole}) => [fileName, items.length, isWhole]), [['a.png', 1, true], ['c.png', 1, true]])
  const told = (/** @type {State} */ state) => play(state, {type: 'exported', id: lastJob(state).id, name: effect.name}).state.notice
  assert.deepEqual(told(asked.state), {key: 'notice.savedSeries', values: {name: 'medbox_pictures.zip', pictures: 2, n: 2}})

  assert.equal(told(play(asked.state, {type: 'closed'}).state)?.values?.pictures, 2, 'also of what was closed meanwhile')

  const moved = play(drawn, {type: 'nudged', dx: 5, dy: 0, resize: false}, {type: 'cancelled'}).state
  const away = withObject(leafed(moved, 1), BOX)
  const late = play(away, {type: 'save-asked', what: 'series'}).state
  assert.deepEqual(told(late), {key: 'notice.savedSeriesLate', values: {name: 'medbox_pictures.zip', names: 'a.png'}}, 'one whose new mask was stopped')

  const boxed = play(three(), {type: 'box-placed'}, {type: 'cancelled'}).state
  const without = play(withObject(leafed(boxed, 1), BOX), {type: 'save-asked', what: 'series'})
  const written = without.effects.find(({type}) => type === 'export')
  assert.ok(written?.type === 'export')
  assert.deepEqual([written.pictures.map(({fileName}) => fileName), told(without.state)?.values?.names], [['b.png'], 'a.png'], 'one that has no mask yet')

  const over = play(withObject(withObject(leafed(drawn, 1), BOX), [20, 20, 50, 50]), {type: 'save-asked', what: 'series'}).state
  assert.deepEqual(told(over), {key: 'notice.savedSeriesCovered', values: {name: 'medbox_pictures.zip', names: 'b.png'}}, 'both have the same pixel')
})

test('all pictures can be saved where there are several, from one without an object too', () => {
  assert.equal(hasSeriesToSave(three()), false, 'no mask is there')
  assert.equal(hasSeriesToSave(withObject(openedState(), BOX)), false, 'one picture alone')
  const second = leafed(withObject(three(), BOX), 1)
  assert.equal(hasSeriesToSave(second), true)
  const {effects} = play(second, {type: 'save-asked', what: 'series'})
  assert.ok(effects.some((effect) => effect.type === 'export' && effect.pictures.length === 1))
})

test('steps can be taken back after one has leafed away and come again', () => {
  const removed = play(withObject(three(), BOX), {type: 'removed', id: 1}).state
  const back = leafed(leafed(removed, 1), -1)
  assert.equal(studyOf(back).work.items.length, 0)
  const kept = play(leafed(removed, 1), {type: 'pixel-sized', mm: 2}, {type: 'box-placed'}).effects.flatMap((effect) => (effect.type === 'keep' ? [effect.aside.length] : []))
  assert.deepEqual([kept.length > 0, kept.at(-1)], [true, 0], 'the browser keeps no picture for steps alone')
  assert.deepEqual(itemOf(play(back, {type: 'undo'}).state).box, BOX)
  assert.deepEqual(itemOf(play(leafed(leafed(play(removed, {type: 'undo'}).state, 1), -1), {type: 'redo'}, {type: 'undo'}).state).box, BOX)
})

test('of many works the steps of the last ones can be taken back', () => {
  let state = accepted(given(openedState(), ...Array.from({length: 14}, (_, i) => `p${i}.png`)))
  for (let i = 0; i < 13; i++) state = leafed(withObject(state, BOX), 1)
  assert.deepEqual(state.aside.map(({history}) => history !== undefined), Array.from({length: 13}, (_, i) => i < 10))
})

test('a series is taken up again by opening its files', () => {
  const drawn = withObject(leafed(withObject(three(), BOX), 1), [20, 20, 50, 50])
  const away = withObject(accepted(play(drawn, {type: 'file-given', blob: new Blob(), name: 'x.png', demo: null, as: 'picture'}).state), BOX)
  const asked = given(away, 'a.png', 'b.png', 'c.png')
  const opened = play(asked, {type: 'opened', id: lastJob(asked).id, opened: OPENED})
  const effect = opened.effects.find(({type}) => type === 'recognise')
  assert.ok(effect?.type === 'recognise')
  assert.deepEqual([effect.old.map(({name}) => name), effect.files.map(({name}) => name)], [['x.png', 'b.png', 'a.png'], ['a.png', 'b.png', 'c.png']])
  const [, oldB, oldA] = effect.old
  const [a, b] = effect.files
  assert.ok(oldA && oldB && a && b && oldA !== a)
  const known = play(opened.state, {type: 'recognised', pairs: [[oldB, b], [oldA, a]]})
  assert.ok(types(known.effects).includes('open'), 'that of the open picture is opened with its work')
  const again = accepted(known.state)
  assert.deepEqual([nameOf(again), placeIn(again), studyOf(again).source], ['a.png', 0, a])
  assert.deepEqual(itemOf(again), itemOf(withObject(three(), BOX)))
  assert.deepEqual(itemOf(leafed(again, 1)), itemOf(drawn))
  assert.deepEqual(savedPictures(again).map(({fileName}) => fileName), ['a.png', 'b.png'])
  assert.deepEqual(types(play(again, {type: 'recognised', pairs: [[oldA, a]]}).effects), [], 'once is enough')

  const onTheWay = play(play(opened.state, {type: 'leafed', step: 1}).state, {type: 'recognised', pairs: [[oldB, b], [oldA, a]]}).state
  assert.deepEqual(itemOf(accepted(onTheWay)), itemOf(drawn), 'known while it was being opened')

  const begun = withObject(opened.state, [1, 1, 9, 9])
  const kept = play(begun, {type: 'recognised', pairs: [[oldB, b], [oldA, a]]}).state
  assert.deepEqual([itemOf(kept).box, kept.aside.map(({source}) => source === oldA)], [[1, 1, 9, 9], [false, false, true]], 'what was begun anew stays')
})

test('the browser is told which works are of the series', () => {
  const first = withObject(accepted(given(openedState(), 'a.png', 'b.png')), BOX)
  const second = withObject(accepted(given(first, 'a.png', 'c.png')), BOX)
  const {effects} = play(withObject(leafed(second, 1), BOX), {type: 'renamed', id: 1, name: 'x'})
  const kept = effects.find(({type}) => type === 'keep')
  assert.ok(kept?.type === 'keep')
  assert.deepEqual(kept.aside.map(({source}) => [source.name, kept.series.includes(source)]), [['a.png', true], ['a.png', false]])
})

test('what is forgotten while its picture is being opened is not kept again', () => {
  const second = withObject(leafed(withObject(three(), BOX), 1), BOX)
  const waiting = play(second, {type: 'leafed', step: -1}, {type: 'forget-asked'}, {type: 'forgot'}).state
  const {state, effects} = play(waiting, {type: 'opened', id: lastJob(waiting).id, opened: OPENED}, {type: 'pixel-sized', mm: 2})
  assert.deepEqual([nameOf(state), state.keeping, effects.some(({type}) => type === 'keep')], ['a.png', false, false])
})

test('all pictures saved at once name those whose masks are previews', () => {
  const drawn = withObject(three(), BOX)
  const item = itemOf(drawn)
  const preview = {...item, mask: {.../** @type {Mask} */ (item.mask), key: item.mask?.key.replace('default', 'challenge') ?? ''}}
  const left = {...drawn, study: {...studyOf(drawn), work: {...studyOf(drawn).work, items: [preview]}}}
  const away = leafed(play(left, {type: 'cancelled'}).state, 1) // Else the mask would be asked for.
  assert.deepEqual(savedPictures(away).map(({isWhole}) => isWhole), [false])
  assert.deepEqual(savedPictures(leafed(drawn, 1)).map(({isWhole}) => isWhole), [true])
})
