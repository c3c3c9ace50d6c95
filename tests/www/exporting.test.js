import assert from 'node:assert/strict'
import {test} from 'node:test'

import {exportName} from '../../www/export-name.js'
import {coveredIn, exportObjects} from '../../www/exporting.js'
import {createTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {withMask} from '../../www/measure.js'
import {progress} from '../../www/render.js'
import {noteTexts} from '../../www/render-note.js'
import {INFO, itemOf, lastJob, mask, openedState, picture, play, segmentedAll, studyOf, types, withModel, withObject} from './support.js'

/** @import {Action, Effect, Mask, State} from '../../www/types.js' */

const translator = createTranslator('en', messages)
const NEXT = /** @type {const} */ ({type: 'file-given', blob: new Blob(), name: 'next.jpg', demo: null})
const FAILURE = {code: 'model.run', message: 'out of memory', hint: ''}
const OPENED = {width: 8, height: 8, format: 'PNG', bits: 8, hasMore: false, picture: picture(8, 8), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
const oneObject = () => withObject(openedState(), [10, 10, 60, 60])
/** With a box whose mask is being made. */
const waitingState = () => play(openedState(), {type: 'box-placed'}).state
/** Names of the files that are written. @param {readonly Effect[]} effects */
const saved = (effects) => effects.flatMap((effect) => (effect.type === 'export' ? [effect.name] : []))
/** @param {State} state */
const exported = (state) => play(state, {type: 'exported', id: lastJob(state).id, name: 'scan_mask.png'})
/** @param {State} state */
const told = (state) => state.note && noteTexts(state.note, translator).words

test('the next file waits until the mask is there and what was asked for is saved', () => {
  const asked = play(waitingState(), {type: 'save-asked', what: 'label'})
  const given = play(asked.state, NEXT)
  assert.deepEqual(types(given.effects), [], 'the mask is still being made')
  const made = play(given.state, segmentedAll(lastJob(given.state).id, 1))
  assert.deepEqual(saved(made.effects), ['scan_mask.png'])
  assert.ok(!types(made.effects).includes('open'), 'the core holds one picture only')
  const {effects, state} = exported(made.state)
  assert.deepEqual(types(effects), ['open'])
  assert.equal(studyOf(play(state, {type: 'opened', id: lastJob(state).id, opened: OPENED}).state).source.name, 'next.jpg')
})

test('a box that is only begun holds up neither', () => {
  const drawing = play(oneObject(), {type: 'drafted', id: null, verb: 'draw', box: [1, 1, 40, 40]}, {type: 'save-asked', what: 'label'})
  assert.deepEqual(saved(drawing.effects), [], 'it may still become an object')
  const given = play(drawing.state, NEXT, segmentedAll(lastJob(drawing.state).id, 1))
  assert.deepEqual(saved(given.effects), ['scan_mask.png'])
})

test('a box of which one corner is set ends where something else is chosen or saved', () => {
  const begun = play(oneObject(), {type: 'anchor-set', at: [5, 5]}, {type: 'drafted', id: null, verb: 'draw', box: [5, 5, 40, 40]}).state
  const asked = play(begun, {type: 'save-asked', what: 'label'}).state
  assert.deepEqual(saved(play(asked, segmentedAll(lastJob(asked).id, 1)).effects), ['scan_mask.png'], 'after the preview that was under way')
  const {state} = play(begun, {type: 'selected', id: itemOf(begun).id})
  assert.deepEqual([state.anchor, state.draft], [null, null])
})

test('what waits for a mask is not saved without it when that is stopped, and says so', () => {
  const drawn = play(oneObject(), {type: 'box-placed'}, {type: 'save-asked', what: 'label'})
  for (const type of /** @type {const} */ (['cancelled', 'escape'])) {
    const {state, effects} = play(drawn.state, {type})
    assert.deepEqual(saved(effects), [])
    assert.deepEqual([state.saving, state.note], [[], {kind: 'unsaved', names: 'scan_mask.png'}])
  }
})

test('a session holds what is there, also where masks were stopped', () => {
  const asked = play(waitingState(), {type: 'save-asked', what: 'session'}, {type: 'save-asked', what: 'label'})
  assert.deepEqual(saved(asked.effects), [], 'what is about to be there belongs to it')
  const stopped = play(asked.state, {type: 'cancelled'})
  assert.deepEqual(saved(stopped.effects), ['scan.medbox'])
  assert.equal(told(stopped.state), 'Not saved, as the masks were not ready: scan_mask.png')
})

test('a message that is none of the model does not have files saved without the masks that it makes', () => {
  const loading = play(waitingState(), {type: 'model-chosen', name: 'other'}).state
  const failed = play(loading, {type: 'failed', failure: {code: 'page.copy', message: '', hint: ''}, fatal: false}).state
  assert.deepEqual(saved(play(failed, {type: 'save-asked', what: 'label'}).effects), [])
})

test('saving while the next picture is read is of the one that is seen, and goes first', () => {
  const reading = play(oneObject(), NEXT).state
  const asked = play(reading, {type: 'save-asked', what: 'overlay'})
  assert.deepEqual(types(asked.effects), ['cancel', 'export'])
  assert.deepEqual(saved(asked.effects), ['scan_overlay.png'])
  const {effects} = exported(asked.state)
  const [open] = effects
  assert.ok(open?.type === 'open' && open.source.name === 'next.jpg')
})

test('a picture that the next one waits for is not looked at for nothing', () => {
  const unseen = play(oneObject(), {type: 'model-chosen', name: 'other'}, NEXT, {type: 'save-asked', what: 'overlay'}).state
  const {effects} = play(unseen, {type: 'model-loaded', info: {...INFO, name: 'other'}})
  assert.ok(types(effects).includes('encode'), 'its mask is to be made by the new model')
  const known = {...unseen, study: {...studyOf(unseen), work: {...studyOf(unseen).work, items: studyOf(unseen).work.items.map((item) => ({...item, locked: true}))}}}
  assert.deepEqual(types(play(known, {type: 'model-loaded', info: {...INFO, name: 'other'}}).effects), ['export'])
})

const ASKED = ['label', 'coco', 'npz', 'session'].map((what) => /** @type {Action} */ ({type: 'save-asked', what}))
const NAMES = ['scan_mask.png', 'scan_coco.json', 'scan_segs.npz', 'scan.medbox']

test('what the core alone writes is saved while the model loads once no mask is to come, and when it does not load', () => {
  const drawn = oneObject()
  const locked = play(drawn, {type: 'lock-toggled', id: 1}, {type: 'model-chosen', name: 'other'}).state
  const standing = play(drawn, {type: 'model-chosen', name: 'other'}, {type: 'model-failed', name: 'other', failure: FAILURE, fatal: false}).state
  assert.deepEqual(saved(play(standing, ...ASKED).effects), ['scan.medbox'], 'the model before is loaded again')
  const failed = play(standing, {type: 'model-failed', name: 'tiny', failure: FAILURE, fatal: false}).state
  const closed = play(failed, {type: 'failure-closed'}).state
  for (const state of [locked, failed, closed]) assert.deepEqual(saved(play(state, ...ASKED).effects), NAMES)
})

test('a file waits for the masks of a model that loads, also for the first one, and says so', () => {
  for (const drawn of [oneObject(), openedState()]) {
    const loading = play(drawn, {type: 'model-chosen', name: 'other'}, {type: 'drafted', id: null, verb: 'draw', box: [70, 10, 90, 60]}, {type: 'draft-kept'}).state
    const asked = play(loading, ...ASKED)
    assert.deepEqual(saved(asked.effects), ['scan.medbox'], 'a session holds what is there')
    assert.equal(progress(play(loading, ...ASKED.slice(0, 3)).state, translator).words, 'Saved as soon as the model is there: scan_mask.png, scan_coco.json, scan_segs.npz')
    const there = withModel({...asked.state, modelName: 'tiny'}, {...INFO, name: 'other'})
    assert.deepEqual(saved(there.effects), [])
    const made = play(there.state, segmentedAll(lastJob(there.state).id, studyOf(loading).work.items.length))
    assert.deepEqual(saved(made.effects), ['scan_mask.png', 'scan_coco.json', 'scan_segs.npz'])
    const failed = play(asked.state, {type: 'model-failed', name: 'other', failure: FAILURE, fatal: false})
    assert.deepEqual(saved(failed.effects), [])
    assert.equal(told(failed.state), 'Not saved, as the masks were not ready: scan_mask.png, scan_coco.json, scan_segs.npz')
  }
})

test('what is drawn on the picture waits for the model, says so, and is saved then', () => {
  const loading = play(oneObject(), {type: 'model-chosen', name: 'other'}).state
  const asked = play(loading, {type: 'save-asked', what: 'overlay'})
  assert.deepEqual(saved(asked.effects), [])
  assert.equal(progress(asked.state, translator).words, 'Saved as soon as the model is there: scan_overlay.png')
  const bytes = play(asked.state, {type: 'loading', loading: {kind: 'model', loaded: 1e6, total: 2e6}}).state
  assert.equal(progress(bytes, translator).words, 'Loading the model… 50% of 2.0 MB · Saved as soon as the model is there: scan_overlay.png')
  const there = withModel({...asked.state, modelName: 'tiny'}, {...INFO, name: 'other'}).state
  assert.deepEqual(saved(play(there, segmentedAll(lastJob(there).id, 1)).effects), ['scan_overlay.png'])
})

test('all that is asked for one after the other is saved', () => {
  const {state} = play(waitingState(), {type: 'save-asked', what: 'label'}, {type: 'save-asked', what: 'coco'}, {type: 'save-asked', what: 'label'})
  assert.deepEqual(saved(play(state, segmentedAll(lastJob(state).id, 1)).effects), ['scan_mask.png', 'scan_coco.json'])
})

test('what cannot be saved any more is told by its name, until that is closed', () => {
  const asked = play(waitingState(), {type: 'save-asked', what: 'label'}).state
  for (const action of /** @type {Action[]} */ ([
    {type: 'closed'}, {type: 'model-chosen', name: 'other'}, {type: 'job-failed', id: lastJob(asked).id, failure: FAILURE},
  ])) {
    const {state, effects} = play(asked, action)
    assert.equal(told(state), 'Not saved, as the masks were not ready: scan_mask.png')
    assert.deepEqual(saved(effects), [])
    const next = play(state, {type: 'model-loaded', info: {...INFO, name: state.modelName ?? ''}}, NEXT).state
    assert.ok(told(play(next, {type: 'opened', id: lastJob(next).id, opened: OPENED}).state), 'the next picture does not take it away')
    assert.equal(play(state, {type: 'note-closed'}).state.note, null)
  }
})

test('a failure that no mask was missed by keeps nothing from being saved', () => {
  const looking = play(waitingState(), {type: 'save-asked', what: 'label'}, {type: 'reference-given', blob: new Blob(), name: 'x.png'}).state
  const {state} = play(looking, {type: 'job-failed', id: lastJob(looking).id, failure: FAILURE})
  assert.equal(state.note, null)
  assert.deepEqual(saved(play(state, segmentedAll(lastJob(state).id, 1)).effects), ['scan_mask.png'])
})

test('without a picture there is nothing to save, and that is said', () => {
  const {state} = play(play(openedState(), {type: 'closed'}).state, {type: 'save-asked', what: 'label'})
  assert.deepEqual([state.notice, state.saving], [{key: 'notice.nothingToSave'}, []])
})

test('what was saved before its picture was closed is told after it', () => {
  const saving = play(oneObject(), {type: 'save-asked', what: 'label'}, {type: 'closed'}).state
  assert.deepEqual(exported(saving).state.notice, {key: 'notice.saved.one', values: {name: 'scan_mask.png', n: 1, width: 200, height: 100}})
})

test('the picture with masks has the page’s colours and leaves out what is hidden; other files have every object', () => {
  const three = withObject(withObject(oneObject(), [70, 10, 90, 60]), [100, 10, 160, 60])
  const {state} = play(three, {type: 'removed', id: 1}, {type: 'visibility-toggled', id: 2})
  const items = withMask(studyOf(state).work.items)
  const colours = (/** @type {Parameters<typeof exportObjects>[1]} */ what) => exportObjects(items, what).map(({colour}) => colour)
  assert.deepEqual(colours('overlay'), [2])
  for (const what of /** @type {const} */ (['label', 'coco', 'npz'])) assert.deepEqual(colours(what), [1, 2])

  const n = (/** @type {'coco' | 'overlay'} */ what, /** @type {string} */ name) => {
    const saving = play(state, {type: 'save-asked', what}).state
    return play(saving, {type: 'exported', id: lastJob(saving).id, name}).state.notice?.values?.n
  }
  assert.deepEqual([n('coco', 'scan_coco.json'), n('overlay', 'scan_overlay.png')], [2, 1])
})

test('an object of which others cover most is told where one number stands for each pixel', () => {
  const three = withObject(withObject(oneObject(), [70, 10, 90, 60]), [100, 10, 160, 60])
  const study = studyOf(three)
  const rows = [['###', '###'], ['##.', '...'], ['...', '###']]
  const items = study.work.items.map((item, i) => {
    const cut = mask(rows[i] ?? [], 10, 10)
    return {...item, mask: {.../** @type {Mask} */ (item.mask), ...cut, areaPx: cut.bytes.reduce((sum, bit) => sum + bit, 0)}}
  })
  assert.deepEqual(coveredIn(items, {width: 200, height: 100}), [1], 'of six pixels one is left, and the others are whole')
  assert.deepEqual(coveredIn(items.slice(0, 2), {width: 200, height: 100}), [], 'four of six are left')

  const state = {...three, study: {...study, work: {...study.work, items}}}
  const notice = (/** @type {'label' | 'coco'} */ what, /** @type {string} */ name) => {
    const saving = play(state, {type: 'save-asked', what}).state
    return play(saving, {type: 'exported', id: lastJob(saving).id, name}).state.notice
  }
  assert.deepEqual(notice('label', 'scan_mask.png'), {key: 'notice.savedCovered', values: {name: 'scan_mask.png', ids: '1'}})
  assert.equal(notice('coco', 'scan_coco.json')?.key, 'notice.saved.other')
})

test('a file that holds the mask of an earlier box says so; a session, which knows it, does not', () => {
  const stopped = play(oneObject(), {type: 'nudged', dx: 5, dy: 0, resize: false}, {type: 'cancelled'}).state
  const notice = (/** @type {'coco' | 'session'} */ what, /** @type {string} */ name) => {
    const saving = play(stopped, {type: 'save-asked', what}).state
    return play(saving, {type: 'exported', id: lastJob(saving).id, name}).state.notice
  }
  assert.deepEqual(notice('coco', 'scan_coco.json'), {key: 'notice.savedStale', values: {name: 'scan_coco.json', ids: '1'}})
  assert.equal(notice('session', 'scan.medbox')?.key, 'notice.saved.one')
})

test('files are called after the picture, not after the folders that it lies in', () => {
  const names = ['../../evil.png', 'series\\1.2\\a', 'series/1.2/a.b.tif', '..', '.png'].map((name) => exportName(name, 'coco'))
  assert.deepEqual(names, ['evil_coco.json', 'a_coco.json', 'a.b_coco.json', 'picture_coco.json', 'picture_coco.json'])
})

test('an object is written with its name, and with a score if its mask is the model’s', () => {
  const named = play(withObject(oneObject(), [70, 10, 90, 60]), {type: 'renamed', id: 1, name: 'cyst'}, {type: 'selected', id: 2}).state
  const line = /** @type {const} */ ({type: 'stroke-begun', shape: 'brush', verb: 'add', at: [75, 20]})
  const {state} = play(named, line, {type: 'stroke-kept'})
  const objects = exportObjects(withMask(studyOf(state).work.items), 'coco')
  assert.deepEqual(objects.map(({name, score}) => ({name, score})), [{name: 'cyst', score: 0.9}, {name: '', score: null}])
})
