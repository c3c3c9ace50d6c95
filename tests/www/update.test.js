import assert from 'node:assert/strict'
import {test} from 'node:test'

import {exportName} from '../../www/export-name.js'
import {initialState, update} from '../../www/update.js'
import {jobOfKind} from '../../www/jobs.js'
import {answer, ENTRY, INFO, isUpToDate, itemOf, lastJob, openedState, picture, play, segmentedAll, studyOf, types, withObject} from './support.js'

test('the default model is loaded, unless another was chosen before', () => {
  const models = [{...ENTRY, name: 'other', default: false}, ENTRY]
  const listed = /** @type {const} */ ({type: 'listed', models, demos: []})
  assert.equal(play(initialState(), listed).state.modelName, 'tiny')
  assert.equal(play(initialState({modelName: 'other'}), listed).state.modelName, 'other')
  assert.equal(play(initialState({modelName: 'gone'}), listed).state.modelName, 'tiny')
})

test('a file that comes before the model is opened when the model is there', () => {
  const early = play(initialState(), {type: 'file-given', blob: new Blob(), name: 'a.png', demo: null})
  assert.deepEqual(types(early.effects), [])
  const {effects} = play(early.state, {type: 'listed', models: [ENTRY], demos: []}, {type: 'model-loaded', info: INFO})
  assert.ok(types(effects).includes('open'))
})

test('encoding begins right after opening', () => {
  const given = play(
    initialState(),
    {type: 'listed', models: [ENTRY], demos: []},
    {type: 'model-loaded', info: INFO},
    {type: 'file-given', blob: new Blob(), name: 'a.png', demo: null},
  ).state
  const opened = {width: 8, height: 8, format: 'PNG', bits: 8, hasMore: false, picture: picture(8, 8), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  const {state, effects} = play(given, {type: 'opened', id: given.lastJobId, opened})
  assert.deepEqual(state.jobs.map(({kind}) => kind), ['encode'])
  assert.ok(types(effects).includes('encode'))
})

test('a box that is drawn gets a preview at once and then its mask', () => {
  const drawing = play(openedState(), {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 60, 60]})
  const [preview] = drawing.effects
  assert.ok(preview?.type === 'segment' && preview.mode === 'challenge') // the whole picture: no new encode
  const kept = play(answer(drawing.state), {type: 'draft-kept'})
  const [final] = kept.effects
  assert.ok(final?.type === 'segment' && final.mode === 'default')
  assert.ok(itemOf(kept.state).mask, 'the preview stays until the mask is there')
  assert.equal(isUpToDate(kept.state), false)
  assert.equal(isUpToDate(answer(kept.state)), true)
})

test('without looking closer the preview is the mask', () => {
  const plain = play(openedState(), {type: 'mode-chosen', mode: 'challenge'}).state
  const drawing = play(plain, {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 60, 60]}).state
  const {state, effects} = play(answer(drawing), {type: 'draft-kept'})
  assert.deepEqual(types(effects), [])
  assert.equal(isUpToDate(state), true)
})

test('while one request runs, only the newest box is asked for next', () => {
  const first = play(openedState(), {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 20, 20]}).state
  const moved = play(
    first,
    {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 30, 30]},
    {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 40, 40]},
  )
  assert.deepEqual(types(moved.effects), [], 'nothing is queued in the worker')
  const [, effects] = update(moved.state, segmentedAll(lastJob(moved.state).id, 1))
  assert.ok(effects[0]?.type === 'segment')
  assert.deepEqual(effects[0].boxes, [[10, 10, 40, 40]])
})

test('an answer to a request that nobody waits for changes nothing', () => {
  const state = withObject(openedState(), [10, 10, 60, 60])
  const late = play(state, segmentedAll(1, 1)).state
  assert.equal(late, state)
})

test('an answer to a box that has moved since does not become its mask', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const moved = play(waiting, {type: 'nudged', dx: 5, dy: 0, resize: false}).state
  const answered = answer(moved)
  assert.equal(itemOf(answered).mask, null)
  assert.ok(jobOfKind(answered, 'segment'), 'the new place is asked for')
})

test('all boxes without a mask are asked for together', () => {
  let state = openedState()
  for (const box of /** @type {const} */ ([[0, 0, 20, 20], [30, 30, 60, 60]])) state = withObject(state, box)
  const other = play(state, {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: {...INFO, name: 'other'}}).state
  const encoded = play(other, {type: 'encoded', id: other.lastJobId, probabilities: null, ms: 1})
  const segment = encoded.effects.find(({type}) => type === 'segment')
  assert.ok(segment?.type === 'segment')
  assert.equal(segment.boxes.length, 2)
})

test('too small a box is dropped', () => {
  const {state} = play(openedState(), {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 11, 40]}, {type: 'draft-kept'})
  assert.equal(studyOf(state).work.items.length, 0)
})

test('undo and redo walk through what was done, by name', () => {
  let state = withObject(openedState(), [10, 10, 60, 60])
  state = withObject(state, [100, 10, 160, 60])
  state = play(state, {type: 'removed', id: 1}).state
  assert.deepEqual(studyOf(state).past.map(({label}) => label), [
    {key: 'undo.draw', values: {n: 1}}, {key: 'undo.draw', values: {n: 2}}, {key: 'undo.remove', values: {n: 1}},
  ])
  state = play(state, {type: 'undo'}).state
  assert.deepEqual(studyOf(state).work.items.map(({id}) => id), [1, 2])
  assert.equal(isUpToDate(state), true, 'the mask comes back with the object')
  assert.deepEqual(state.jobs, [])
  state = play(state, {type: 'undo'}, {type: 'undo'}, {type: 'undo'}).state
  assert.equal(studyOf(state).work.items.length, 0)
  state = play(state, {type: 'redo'}, {type: 'redo'}, {type: 'redo'}, {type: 'redo'}).state
  assert.deepEqual(studyOf(state).work.items.map(({id}) => id), [2])
})

test('an object that undo brings back is selected', () => {
  const two = withObject(withObject(openedState(), [10, 10, 60, 60]), [70, 10, 90, 60])
  const gone = play(two, {type: 'selected', id: 1}, {type: 'removed', id: 1}).state
  assert.deepEqual(play(gone, {type: 'undo'}).state.selected, [1])
  assert.deepEqual(play(gone, {type: 'selected', id: 2}, {type: 'undo'}, {type: 'redo'}).state.selected, [])
})

test('a nudge tells where the box is now', () => {
  const state = withObject(openedState(), [10, 10, 60, 60])
  const nudged = play(state, {type: 'nudged', dx: 1, dy: 0, resize: false}).state
  assert.deepEqual(nudged.notice, {key: 'notice.box', values: {n: 1, x: 11, y: 10, width: 50, height: 50}})
})

test('a new step after undo takes the place of what could be redone', () => {
  let state = withObject(openedState(), [10, 10, 60, 60])
  state = withObject(play(state, {type: 'undo'}).state, [20, 20, 50, 50])
  assert.equal(studyOf(state).future.length, 0)
})

test('ten nudges are one step back', () => {
  let state = withObject(openedState(), [10, 10, 60, 60])
  for (let i = 0; i < 10; i++) state = play(state, {type: 'nudged', dx: 1, dy: 0, resize: false}).state
  assert.deepEqual(itemOf(state).box, [20, 10, 70, 60])
  assert.deepEqual(itemOf(play(state, {type: 'undo'}).state).box, [10, 10, 60, 60])
})

test('hiding an object is no step, and undo leaves it hidden', () => {
  let state = withObject(openedState(), [10, 10, 60, 60])
  state = withObject(state, [100, 10, 160, 60])
  state = play(state, {type: 'visibility-toggled', id: 1}, {type: 'undo'}).state
  assert.equal(studyOf(state).work.items.length, 1)
  assert.equal(itemOf(state).visible, false)
})

test('what is hidden stays hidden by undo, also where it was shown and hidden in between', () => {
  const id = 1
  const hidden = play(withObject(openedState(), [10, 10, 60, 60]), {type: 'visibility-toggled', id}).state
  const painted = play(hidden, {type: 'stroke-begun', shape: 'brush', verb: 'add', at: [20, 20]}, {type: 'stroke-kept'}).state
  assert.equal(itemOf(painted).visible, true, 'what is painted is seen')
  const {state} = play(painted, {type: 'visibility-toggled', id}, {type: 'undo'})
  assert.equal(itemOf(state).visible, false)
})

test('stopping an encode ends the worker; the next box asks again', () => {
  const opening = play(
    initialState(),
    {type: 'listed', models: [ENTRY], demos: []},
    {type: 'model-loaded', info: INFO},
    {type: 'file-given', blob: new Blob(), name: 'a.png', demo: null},
  ).state
  const opened = {width: 80, height: 80, format: 'PNG', bits: 8, hasMore: false, picture: picture(80, 80), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  const encoding = play(opening, {type: 'opened', id: opening.lastJobId, opened}).state
  const stopped = play(encoding, {type: 'cancelled'})
  assert.ok(types(stopped.effects).includes('cancel'))
  assert.deepEqual(stopped.state.jobs, [])
  const again = play(stopped.state, {type: 'drafted', id: null, verb: 'draw', box: [1, 1, 40, 40]})
  assert.ok(types(again.effects).includes('encode'))
})

test('a mask that failed is not asked for again by itself, but on request', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const failure = {code: 'model.run', message: 'out of memory', hint: ''}
  const failed = play(waiting, {type: 'job-failed', id: waiting.lastJobId, failure})
  assert.deepEqual(types(failed.effects), [])
  assert.equal(failed.state.failure, failure)
  const retried = play(failed.state, {type: 'retried'})
  assert.deepEqual(types(retried.effects), ['segment'])
  assert.equal(retried.state.failure, null)
})

test('a worker that broke down twice fails its job; what was seen of the picture is not lost', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const failure = {code: 'page.crashed', message: 'unreachable', hint: ''}
  const failed = play(waiting, {type: 'job-failed', id: waiting.lastJobId, failure}).state
  assert.equal(failed.failure, failure)
  const {effects} = play(failed, {type: 'drafted', id: null, verb: 'draw', box: [1, 1, 40, 40]})
  assert.deepEqual(types(effects).filter((type) => type === 'encode' || type === 'segment'), ['segment'])
})

test('that a worker was started again is said beside the picture until it is closed', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const told = answer(play(waiting, {type: 'worker-restarted'}).state)
  assert.deepEqual(told.note, {kind: 'restarted'})
  assert.equal(play(told, {type: 'note-closed'}).state.note, null)
})

test('a picture that cannot be opened leaves the one that is open', () => {
  const state = withObject(openedState(), [10, 10, 60, 60])
  const given = play(state, {type: 'file-given', blob: new Blob(), name: 'notes.txt', demo: null}).state
  const failure = {code: 'open.unknown-format', message: 'no', hint: ''}
  const failed = play(given, {type: 'job-failed', id: given.lastJobId, failure}).state
  assert.equal(studyOf(failed).source.name, 'scan.png')
  assert.equal(studyOf(failed).work.items.length, 1)
})

test('a new picture ends what the worker does for the old one', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const {effects, state} = play(waiting, {type: 'file-given', blob: new Blob(), name: 'b.jpg', demo: null})
  assert.deepEqual(types(effects), ['cancel', 'open'])
  assert.deepEqual(state.jobs.map(({kind}) => kind), ['open'])
})

test('saving waits for the masks and takes the name of the picture', () => {
  const waiting = play(openedState(), {type: 'box-placed'}, {type: 'save-asked', what: 'label'})
  assert.ok(!types(waiting.effects).includes('export'))
  const {effects} = play(waiting.state, segmentedAll(lastJob(waiting.state).id, 1))
  const save = effects.find(({type}) => type === 'export')
  assert.ok(save?.type === 'export')
  assert.equal(save.name, 'scan_mask.png')
  assert.equal(save.items.length, 1)
})

test('names of files follow the name of the picture', () => {
  assert.equal(exportName('lesion.v2.jpeg', 'overlay'), 'lesion.v2_overlay.png')
  assert.equal(exportName('lesion', 'coco'), 'lesion_coco.json')
  assert.equal(exportName('.png', 'npz'), 'picture_segs.npz')
})

test('a tool that is chosen, by key or by hand, is said', () => {
  assert.deepEqual(play(openedState(), {type: 'tool-chosen', tool: 'pan'}).state.notice, {key: 'tool.pan.title'})
})

test('only what changed is remembered', () => {
  assert.deepEqual(play(openedState(), {type: 'tool-chosen', tool: 'pan'}).effects, [])
  const [remember] = play(openedState(), {type: 'theme-toggled'}).effects
  assert.ok(remember?.type === 'remember')
  assert.equal(remember.settings.theme, 'light')
})

test('the clock ticks while something runs, and in one chain', () => {
  const waiting = play(openedState(), {type: 'box-placed'})
  assert.ok(waiting.state.ticking)
  const ticked = play(waiting.state, {type: 'tick', nowMs: 1000}, {type: 'tick', nowMs: 1400})
  assert.deepEqual(types(ticked.effects), ['tick-later', 'tick-later'])
  assert.equal(lastJob(ticked.state).startedMs, 1000)
  const done = play(answer(ticked.state), {type: 'tick', nowMs: 1500})
  assert.deepEqual(types(done.effects), [])
  assert.equal(done.state.ticking, false)
})

test('Escape leaves the innermost thing first', () => {
  let state = play(openedState(), {type: 'panel-toggled', open: true}, {type: 'anchor-set', at: [1, 1]}, {type: 'menu-toggled', menu: 'save'}).state
  state = play(state, {type: 'escape'}).state
  assert.deepEqual([state.menu, state.anchor?.length, state.panelOpen], [null, 2, true])
  state = play(state, {type: 'escape'}).state
  assert.deepEqual([state.anchor, state.panelOpen], [null, true])
  state = play(state, {type: 'escape'}).state
  assert.equal(state.panelOpen, false)
})

test('a hand that comes over from a larger picture draws within this one', () => {
  const drawn = (/** @type {import('../../www/types.js').Box} */ box) =>
    studyOf(play(openedState(), {type: 'drafted', id: null, verb: 'draw', box}, {type: 'draft-kept'}).state).work.items.map((item) => item.box)
  assert.deepEqual(drawn([150, 50, 900, 700]), [[150, 50, 200, 100]])
  assert.deepEqual(drawn([300, 300, 900, 700]), [], 'nothing of it is on the picture')
})

test('going back to the picture that was closed leaves what was being opened', () => {
  const closed = play(openedState(), {type: 'closed'}).state
  for (const asked of /** @type {import('../../www/types.js').Action[]} */ ([
    {type: 'source-asked', url: 'b.png', name: 'b.png'}, {type: 'file-given', blob: new Blob(), name: 'b.png', demo: null},
  ])) {
    const opening = play(closed, asked).state
    const {state, effects} = play(opening, {type: 'resumed'})
    assert.deepEqual(effects, [{type: 'cancel', ids: [lastJob(opening).id]}])
    assert.deepEqual([studyOf(state).source.name, state.jobs], ['scan.png', []])
  }
  const waiting = play({...closed, model: null}, {type: 'file-given', blob: new Blob(), name: 'b.png', demo: null}, {type: 'resumed'}).state
  assert.equal(waiting.pending, null)
})

test('a box too small to be one is told, not lost without a word', () => {
  const {state} = play(openedState(), {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 11, 30]}, {type: 'draft-kept'})
  assert.deepEqual([studyOf(state).work.items, state.draft, state.notice], [[], null, {key: 'notice.boxSmall', values: {n: 2}}])
})

test('of a box of which one corner is set, that is told until it ends', () => {
  const begun = play(openedState(), {type: 'anchor-set', at: [10, 10]}).state
  assert.deepEqual(begun.notice, {key: 'hint.second'})
  assert.equal(play(begun, {type: 'escape'}).state.notice, null)
  assert.equal(play(begun, {type: 'selected', id: null}).state.notice, null)
  const drawn = play(begun, {type: 'drafted', id: null, verb: 'draw', box: [10, 10, 60, 60]}, {type: 'draft-kept'}).state
  assert.equal(drawn.notice, null)
})
