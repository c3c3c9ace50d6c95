import assert from 'node:assert/strict'
import {test} from 'node:test'

import {jobOfKind} from '../../www/jobs.js'
import {reading} from '../../www/pointer.js'
import {lookup, otherWindowItems, percentileWindow, presetWindow, PRESETS, tidyWindow, windowBounds} from '../../www/windowing.js'
import {currentSlice} from '../../www/work.js'
import {answer, INFO, itemOf, lastJob, openedState, picture, play, segmentedAll, studyOf, types, withObject} from './support.js'

/** @import {Slice, State} from '../../www/types.js' */

/** A picture of grey levels. @param {number[]} greys @param {number} [width] @returns {ImageData} */
const greyPicture = (greys, width = greys.length) =>
  /** @type {ImageData} */ (/** @type {unknown} */ ({width, height: greys.length / width, data: Uint8ClampedArray.from(greys.flatMap((g) => [g, g, g, 255]))}))

/** A CT in Hounsfield units in place of the picture of `openedState`. @returns {State} */
function openedCt() {
  const state = openedState()
  const window = {level: 20, width: 1900}
  const slice = {...currentSlice(studyOf(state)), stored: true, window, openedWindow: window, valueRange: {min: -1024, max: 3071}}
  return {...state, study: {...studyOf(state), slices: [slice]}}
}

/** The core answers with the picture through the window that it was asked for. @param {State} state */
const windowedOnce = (state) => play(state, {type: 'windowed', id: lastJob(state).id, picture: picture(200, 100)})

/** @param {State} state */
const sliceOf = (state) => currentSlice(studyOf(state))

test('presets in Hounsfield units are for pictures that can hold them', () => {
  const offered = (/** @type {Slice} */ slice) => PRESETS.filter((preset) => presetWindow(slice, preset))
  assert.deepEqual(offered(sliceOf(openedCt())), ['soft', 'lung', 'bone', 'brain', 'auto', 'full'])
  const grey = {...sliceOf(openedState()), opened: greyPicture([0, 10, 20, 30])}
  assert.deepEqual(offered(grey), ['auto', 'full'])
  const shifted = {...sliceOf(openedCt()), valueRange: {min: 724, max: 1524}} // Hounsfield units and 1024
  assert.deepEqual(offered(shifted), ['bone', 'auto', 'full'])
  assert.deepEqual(presetWindow(sliceOf(openedCt()), 'lung'), {level: -600, width: 1500})
  assert.deepEqual(presetWindow(sliceOf(openedCt()), 'full'), {level: 1023.5, width: 4095})
})

test('a preset that means nothing for the picture says why and changes nothing', () => {
  const {state, effects} = play(openedState(), {type: 'preset-chosen', preset: 'lung'})
  assert.deepEqual(state.notice, {key: 'notice.noHounsfield'})
  assert.deepEqual(effects, [])
  assert.equal(studyOf(state).past.length, 0)
})

test('a preset is a step of the work: the core shows it, and once it has settled the picture is encoded again', () => {
  const chosen = play(openedCt(), {type: 'preset-chosen', preset: 'lung'})
  assert.deepEqual(types(chosen.effects), ['settle-later', 'window'])
  const [settle, ask] = chosen.effects
  assert.ok(ask?.type === 'window' && settle?.type === 'settle-later')
  assert.deepEqual([ask.window, ask.size], [{level: -600, width: 1500}, {width: 200, height: 100}])
  const shown = windowedOnce(chosen.state)
  assert.deepEqual(sliceOf(shown.state).window, {level: -600, width: 1500})
  assert.deepEqual(types(shown.effects), [], 'it may still be leafed on')
  const settled = play(shown.state, {type: 'window-settled', turn: settle.turn})
  assert.deepEqual(types(settled.effects), ['encode'])
  const undone = play(settled.state, {type: 'encoded', id: lastJob(settled.state).id, probabilities: null, ms: 900}, {type: 'undo'})
  const back = undone.effects.find(({type}) => type === 'window')
  assert.equal(studyOf(undone.state).work.window, null)
  assert.ok(back?.type === 'window')
  assert.deepEqual(back.window, {level: 20, width: 1900})
  assert.deepEqual(studyOf(undone.state).future.map(({label}) => label.key), ['undo.window'])
})

test('who leafs through the presets starts one encode', () => {
  let state = openedCt()
  /** @type {import('../../www/types.js').Effect[]} */
  const effects = []
  for (const preset of /** @type {const} */ (['soft', 'lung', 'bone'])) {
    const chosen = play(state, {type: 'preset-chosen', preset})
    const shown = windowedOnce(chosen.state)
    effects.push(...chosen.effects, ...shown.effects)
    state = shown.state
  }
  for (const effect of effects.slice()) {
    if (effect.type !== 'settle-later') continue
    const settled = play(state, {type: 'window-settled', turn: effect.turn})
    effects.push(...settled.effects)
    state = settled.state
  }
  assert.equal(types(effects).filter((type) => type === 'encode').length, 1)
})

test('while the hand drags, the newest window is asked for and nothing is encoded', () => {
  const first = play(openedCt(), {type: 'window-dragged', window: {level: 0, width: 500}})
  assert.deepEqual(types(first.effects), ['window'])
  const more = play(first.state, {type: 'window-dragged', window: {level: 5, width: 500}}, {type: 'window-dragged', window: {level: 9, width: 500}})
  assert.deepEqual(types(more.effects), [])
  const next = windowedOnce(more.state)
  assert.ok(next.effects[0]?.type === 'window')
  assert.deepEqual(next.effects[0].window, {level: 9, width: 500})
  const held = windowedOnce(next.state)
  assert.deepEqual(types(held.effects), [])
  const left = play(held.state, {type: 'escape'})
  assert.deepEqual(types(left.effects), ['window'], 'Escape brings the picture back')
  assert.equal(studyOf(left.state).past.length, 0)
  assert.deepEqual(types(windowedOnce(left.state).effects), ['encode'])
})

test('a large picture is looked up until the hand lets go', () => {
  const state = openedCt()
  const large = {...sliceOf(state), width: 4000, height: 3000}
  const dragged = play({...state, study: {...studyOf(state), slices: [large]}}, {type: 'window-dragged', window: {level: 0, width: 500}})
  assert.deepEqual(types(dragged.effects), [])
  assert.deepEqual(types(play(dragged.state, {type: 'window-kept', merge: false}).effects), ['settle-later', 'window'])
})

test('an encode of the picture as it was is ended, unless it is nearly done', () => {
  let state = play(openedCt(), {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: {...INFO, name: 'other'}}).state
  assert.ok(jobOfKind(state, 'encode'))
  const unknown = play(state, {type: 'preset-chosen', preset: 'bone'})
  assert.deepEqual(types(unknown.effects), ['cancel', 'settle-later', 'window'])
  state = play({...state, encodeMs: {other: 3000}}, {type: 'tick', nowMs: 1000}, {type: 'tick', nowMs: 3000}).state
  const nearly = play(state, {type: 'preset-chosen', preset: 'bone'})
  assert.deepEqual(types(nearly.effects), ['settle-later'])
  const done = play(nearly.state, {type: 'encoded', id: lastJob(nearly.state).id, probabilities: null, ms: 3000})
  assert.ok(types(done.effects).includes('window'))
})

test('masks stay when the window moves, and know through which one they were made', () => {
  const state = withObject(openedCt(), [10, 10, 60, 60])
  assert.deepEqual(itemOf(state).mask?.window, {level: 20, width: 1900})
  const {mask} = itemOf(state)
  const moved = windowedOnce(play(state, {type: 'preset-chosen', preset: 'lung'}).state)
  const encoded = play(moved.state, {type: 'window-settled', turn: moved.state.lastTurn}, {type: 'encoded', id: moved.state.lastJobId + 1, probabilities: null, ms: 9})
  assert.ok(!types(encoded.effects).includes('segment'))
  assert.equal(itemOf(encoded.state).mask, mask)
  const nudged = answer(play(encoded.state, {type: 'nudged', dx: 1, dy: 0, resize: false}).state)
  assert.deepEqual(itemOf(nudged).mask?.window, {level: -600, width: 1500})
})

test('masks of another window are made again when that is asked for, and undo brings the old ones back', () => {
  const before = withObject(openedCt(), [10, 10, 60, 60])
  const other = windowedOnce(play(before, {type: 'preset-chosen', preset: 'lung'}).state).state
  assert.deepEqual(otherWindowItems(other).map(({id}) => id), [1])
  const renewed = play(other, {type: 'masks-renewed'})
  assert.deepEqual(types(renewed.effects), ['encode'])
  const asked = play(renewed.state, {type: 'encoded', id: renewed.state.lastJobId, probabilities: null, ms: 9}).state
  const made = answer(asked)
  assert.deepEqual(itemOf(made).mask?.window, {level: -600, width: 1500})
  assert.deepEqual(otherWindowItems(made), [])
  const undone = play(made, {type: 'undo'}).state
  assert.equal(itemOf(undone).mask?.window?.level, 20)
  assert.equal(itemOf(undone).mask?.key, itemOf(before).mask?.key, 'and it is not asked for again')
  const locked = play(other, {type: 'lock-toggled', id: 1}).state
  assert.deepEqual(otherWindowItems(locked), [])
})

test('a box that is drawn while the window settles does not wait', () => {
  const shown = windowedOnce(play(openedCt(), {type: 'preset-chosen', preset: 'lung'}).state)
  const drawn = play(shown.state, {type: 'drafted', id: null, verb: 'draw', box: [1, 1, 40, 40]})
  assert.deepEqual(types(drawn.effects), ['encode'])
})

test('a window that the core refuses is left, without a loop', () => {
  const asked = play(openedCt(), {type: 'preset-chosen', preset: 'lung'}).state
  const failure = {code: 'window.empty', message: 'no', hint: ''}
  const failed = play(asked, {type: 'job-failed', id: lastJob(asked).id, failure})
  assert.equal(failed.state.failure, failure)
  assert.equal(studyOf(failed.state).work.window, null)
  assert.deepEqual(types(failed.effects), [])
})

test('an answer that comes after another picture was opened is not taken for its own', () => {
  const asked = play(openedCt(), {type: 'preset-chosen', preset: 'lung'}).state
  const late = lastJob(asked).id
  const given = play(asked, {type: 'file-given', blob: new Blob(), name: 'b.jpg', demo: null}).state
  const opened = {width: 8, height: 8, format: 'PNG', bits: 8, hasMore: false, picture: picture(8, 8), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  const {state} = play(given, {type: 'opened', id: lastJob(given).id, opened}, {type: 'windowed', id: late, picture: picture(200, 100)})
  assert.equal(sliceOf(state).picture.width, 8)
  assert.deepEqual(sliceOf(state).window, {level: 127.5, width: 255})
})

test('the look-up takes grey levels to those of the other window', () => {
  const same = lookup({level: 40, width: 400}, {level: 40, width: 400})
  assert.deepEqual([same[0], same[77], same[255]], [0, 77, 255])
  const table = lookup({level: 127.5, width: 255}, {level: 100, width: 100}) // 50 is black, 150 is white
  assert.deepEqual([table[0], table[50], table[100], table[110], table[150], table[200]], [0, 0, 128, 153, 255, 255])
})

test('the automatic window of 8 bits leaves out zeros and outliers', () => {
  // 1000 levels of 100 … 199, ten of each; 5 black borders, 2 burnt pixels.
  const levels = Array.from({length: 1000}, (_, i) => 100 + Math.floor(i / 10))
  assert.deepEqual(percentileWindow(greyPicture([...levels, 0, 0, 0, 0, 0, 255, 255])), {level: 149.5, width: 99})
  assert.deepEqual(percentileWindow(greyPicture([0, 0, 0])), {level: 127.5, width: 255})
  assert.deepEqual(percentileWindow(greyPicture([9, 9])), {level: 4.5, width: 9})
})

test('windows are cut to what a picture can show, in steps that can be read', () => {
  const ct = sliceOf(openedCt())
  assert.deepEqual(tidyWindow({level: 40.4, width: 399.6}, ct), {level: 40, width: 400})
  assert.deepEqual(tidyWindow({level: 9000, width: -3}, ct), {level: 3071, width: 1})
  const shares = {...ct, valueRange: {min: 0, max: 1}}
  assert.deepEqual(tidyWindow({level: 0.50049, width: 0.2}, shares), {level: 0.5, width: 0.2})
  assert.deepEqual(windowBounds(sliceOf(openedState())), {min: 0, max: 255, least: 1})
})

test('the value under the pointer is the stored one, or says that it is not exact', () => {
  const opened = {...greyPicture([0, 50, 100, 200], 2), height: 2}
  const state = openedState()
  const grey = {...sliceOf(state), width: 2, height: 2, opened, picture: greyPicture([0, 0, 0, 0], 2)}
  const at = (/** @type {Slice} */ slice, /** @type {[number, number]} */ point) =>
    reading(play({...state, study: {...studyOf(state), slices: [slice]}}, {type: 'pointed', at: point}).state)
  assert.deepEqual(at(grey, [1.9, 1.2]), {x: 1, y: 1, values: [200], about: false, beyond: null})
  assert.equal(at(grey, [2.1, 1]), null)
  const ct = {...grey, stored: true, window: {level: 0, width: 510}, picture: opened}
  const inside = at(ct, [1, 0])
  assert.deepEqual([inside?.values.map(Math.round), inside?.about, inside?.beyond], [[-155], true, null])
  assert.deepEqual(at(ct, [0, 0]), {x: 0, y: 0, values: [-255], about: true, beyond: 'low'})
})

test('the core is asked for the stored value under the pointer, one at a time and when it rests', () => {
  const state = openedCt()
  const first = play(state, {type: 'pointed', at: [5, 6]})
  assert.deepEqual(first.effects, [{type: 'probe', at: [5, 6]}])
  const moved = play(first.state, {type: 'pointed', at: [7, 8]})
  assert.deepEqual(moved.effects, [])
  const next = play(moved.state, {type: 'probed', at: [5, 6], value: -12})
  assert.deepEqual(next.effects, [{type: 'probe', at: [7, 8]}])
  const told = play(next.state, {type: 'probed', at: [7, 8], value: 55})
  assert.deepEqual(told.effects, [])
  assert.deepEqual(reading(told.state), {x: 7, y: 8, values: [55], about: false, beyond: null})
  assert.deepEqual(play(play(openedState(), {type: 'pointed', at: [5, 6]}).state).effects, [], 'eight bits are known here')
  const busy = play(state, {type: 'box-placed'}).state
  assert.deepEqual(types(play(busy, {type: 'pointed', at: [5, 6]}).effects), [])
})

test('either layer can be hidden, never both', () => {
  const layers = (/** @type {import('../../www/types.js').Action['type'][]} */ ...actions) =>
    play(openedState(), ...actions.map((type) => /** @type {import('../../www/types.js').Action} */ ({type}))).state.layers
  assert.equal(layers('masks-toggled'), 'picture')
  assert.equal(layers('masks-toggled', 'masks-toggled'), 'both')
  assert.equal(layers('picture-toggled', 'masks-toggled'), 'picture')
  assert.equal(layers('masks-toggled', 'picture-toggled'), 'masks')
  assert.equal(layers('masks-toggled', 'box-placed'), 'both', 'whoever draws sees what comes of it')
  assert.equal(layers('picture-toggled', 'box-placed'), 'masks')
})

test('inverting and smoothing are remembered and leave the model alone', () => {
  const {state, effects} = play(openedCt(), {type: 'invert-toggled'}, {type: 'smooth-toggled'}, {type: 'opacity-chosen', opacity: 0.6})
  assert.deepEqual(types(effects), ['remember', 'remember', 'remember'])
  const last = effects.at(-1)
  assert.ok(last?.type === 'remember')
  assert.deepEqual([last.settings.invert, last.settings.smooth, last.settings.opacity], [true, false, 0.6])
  assert.equal(studyOf(state).past.length, 0)
})

test('all masks of a list are made through one window: the next is set when they are done', () => {
  const drawn = play(openedCt(), {type: 'box-placed'}).state
  const chosen = play(drawn, {type: 'preset-chosen', preset: 'lung'})
  assert.deepEqual(types(chosen.effects), ['settle-later'])
  const made = play(chosen.state, segmentedAll(lastJob(drawn).id, 1))
  assert.deepEqual(itemOf(made.state).mask?.window, {level: 20, width: 1900})
  assert.ok(types(made.effects).includes('window'))
})

test('a window that comes after its picture was closed is there when it is opened again', () => {
  const asked = play(openedCt(), {type: 'preset-chosen', preset: 'lung'}).state
  const closed = play(asked, {type: 'closed'}, {type: 'windowed', id: lastJob(asked).id, picture: picture(200, 100)}).state
  assert.deepEqual(closed.jobs, [])
  const {state, effects} = play(closed, {type: 'resumed'})
  assert.deepEqual(sliceOf(state).window, {level: -600, width: 1500})
  assert.deepEqual(types(effects), [])
  assert.deepEqual(types(play(state, {type: 'window-settled', turn: asked.lastTurn}).effects), ['encode'])
})

test('a window that is under the hand when its picture is closed is let go', () => {
  const {state} = play(openedCt(), {type: 'window-dragged', window: {level: 9, width: 500}}, {type: 'closed'}, {type: 'resumed'})
  assert.equal(state.windowDraft, null)
})

test('a wish that went back while the core was asked is told to the core before any mask is made', () => {
  const asked = play(openedCt(), {type: 'preset-chosen', preset: 'lung'}, {type: 'undo'})
  const boxed = play(asked.state, {type: 'box-placed'})
  assert.deepEqual(types(boxed.effects), [], 'the core still changes to the window before')
  const shown = play(boxed.state, {type: 'windowed', id: lastJob(boxed.state).id, picture: picture(200, 100)})
  const back = shown.effects.find(({type}) => type === 'window')
  assert.ok(back?.type === 'window')
  assert.deepEqual(back.window, {level: 20, width: 1900})
  assert.ok(!types(shown.effects).includes('segment'))
})
