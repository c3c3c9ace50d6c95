import assert from 'node:assert/strict'
import {test} from 'node:test'

import {packSession, unpackSession, zip} from '../../www/archive.js'
import {createTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {noteTexts} from '../../www/render-note.js'
import {shownNote} from '../../www/reopen.js'
import {readSession, sessionOf, SESSION_VERSION, writeSession} from '../../www/session.js'
import {unzipSync} from '../../www/vendor/fflate.js'
import {answer, CLASSY, ENTRY, INFO, isUpToDate, itemOf, lastJob, mask, openedState, picture, play, studyOf, types, withObject} from './support.js'

/** @import {Action, Box, Item, Session, State} from '../../www/types.js' */

const PICTURE = Uint8Array.from([137, 80, 78, 71, 1, 2, 3])

/** A page with two objects, one of them named, hidden and with a mask that has a hole. @returns {State} */
function workedState() {
  let state = openedState()
  state = withObject(withObject(state, [10, 10, 60, 60]), [100, 20, 140, 80])
  state = play(state, {type: 'renamed', id: 2, name: 'Läsion “2”'}, {type: 'visibility-toggled', id: 2}).state
  const study = studyOf(state)
  const ring = {...mask(['.###', '##.#', '####'], 12, 14), areaPx: 10, score: 0.875, key: itemOf(state).mask?.key ?? ''}
  const items = study.work.items.map((item, i) => (i === 0 ? {...item, mask: ring} : item))
  const blob = new Blob([PICTURE])
  return {...state, study: {...study, source: {...study.source, blob}, work: {...study.work, items}}}
}

/** @param {State} state @returns {Session} */
const session = (state) => /** @type {Session} */ (sessionOf(state))
/** Through text and back, as the browser keeps it. @param {Session} kept @param {(record: any) => void} [change] */
function again(kept, change = () => {}) {
  const record = JSON.parse(JSON.stringify(writeSession(kept)))
  change(record)
  return readSession(record, kept.source.blob)
}

/** A page that has just started: models listed, nothing open. @param {string} [model] the one that is there */
const startedState = (model = 'tiny') => play(
  {...openedState(), study: null, models: [], model: null, modelName: null},
  {type: 'listed', models: [{...ENTRY, name: model}], demos: []},
  {type: 'model-loaded', info: {...INFO, name: model}},
).state

/** Opens a session and lets its picture arrive. @param {State} state @param {Session} kept @param {Partial<Extract<Action, {type: 'session-read'}>>} [how] */
function reopen(state, kept, how = {}) {
  const reading = play(state, {type: 'session-read', session: kept, from: 'file', savedMs: null, shelved: false, ...how})
  const {width, height} = kept.size
  const id = reading.state.lastJobId
  const opened = play(reading.state, {type: 'opened', id, opened: {width, height, format: 'PNG', bits: 8, hasMore: false, picture: picture(width, height), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}})
  return {state: opened.state, effects: [...reading.effects, ...opened.effects]}
}

test('a picture from deep folders is called by the end of its path', () => {
  const kept = session(workedState())
  const deep = {...kept, source: {...kept.source, name: `${'folder/'.repeat(100)}scan.png`}}
  const {name} = again(deep).source
  assert.deepEqual([name.length, name.endsWith('folder/scan.png')], [400, true])
  assert.equal(again(kept, (record) => { record.picture.name = deep.source.name }).source.name, name, 'also as it was written before')
})

test('a session holds all that was made, to the pixel', () => {
  const kept = session(workedState())
  assert.deepEqual(again(kept), kept)
})

test('a session comes back in the window that it was left in', () => {
  const kept = again(session(play(workedState(), {type: 'preset-chosen', preset: 'full'}, {type: 'window-dragged', window: {level: 100, width: 50}}, {type: 'window-kept', merge: false}).state))
  assert.deepEqual(kept.work.window, {level: 100, width: 50})
  const {state, effects} = reopen(startedState(), kept)
  const asked = effects.find(({type}) => type === 'window')
  assert.ok(asked?.type === 'window')
  assert.deepEqual(asked.window, {level: 100, width: 50})
  const shown = play(state, {type: 'windowed', id: state.lastJobId, picture: picture(200, 100)})
  assert.deepEqual(types(shown.effects), ['encode'])
  assert.throws(() => again(kept, (record) => (record.window.width = 0)), {code: 'page.session', message: 'a window has no level or no width'})
})

test('a session keeps how large a person said that a pixel is; earlier ones did not ask', () => {
  const kept = session(play(workedState(), {type: 'pixel-sized', mm: 0.25}).state)
  assert.equal(again(kept).work.pixelMm, 0.25)
  assert.equal(again(kept, (record) => { delete record.pixelMm }).work.pixelMm, null)
  for (const wrong of [0, -1, 2000, '0.25', {}]) {
    assert.throws(() => again(kept, (record) => { record.pixelMm = wrong }), {code: 'page.session', message: 'the size of a pixel is none'}, String(wrong))
  }
})

test('a session file holds the picture’s own bytes beside it', async () => {
  const kept = session(workedState())
  const file = await packSession(kept)
  assert.deepEqual([...file.subarray(0, 2)], [0x50, 0x4b], 'it is a zip')
  const found = await unpackSession(new Blob([file]))
  assert.deepEqual(new Uint8Array(await found.source.blob.arrayBuffer()), PICTURE)
  assert.deepEqual({...found, source: null}, {...kept, source: null})
  assert.equal(found.source.name, 'scan.png')
})

test('a reopened session asks for no mask again', () => {
  const kept = again(session(workedState()))
  const {state, effects} = reopen(startedState(), kept)
  assert.deepEqual(types(effects), ['open', 'encode', 'remember'])
  const encoded = play(state, {type: 'encoded', id: state.lastJobId, probabilities: null, ms: 9})
  assert.deepEqual(types(encoded.effects), ['remember'], 'how long it took, and nothing else')
  assert.deepEqual(studyOf(encoded.state).work, kept.work)
  assert.equal(encoded.state.note, null, 'there is nothing to say of it')
})

test('a mask that a person kept by stopping its successor stays over a reload', () => {
  const other = {...INFO, name: 'other'}
  const chosen = play(workedState(), {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: other}).state
  const stopped = play(chosen, {type: 'encoded', id: chosen.lastJobId, probabilities: null, ms: 9}, {type: 'cancelled'}).state
  const kept = session(stopped)
  assert.deepEqual(kept.refused, [1, 2])
  const {state} = reopen(startedState('other'), again(kept), {from: 'browser', savedMs: 1})
  const encoded = play(state, {type: 'encoded', id: state.lastJobId, probabilities: null, ms: 9})
  assert.ok(!types(encoded.effects).includes('segment'))
  assert.deepEqual(itemOf(encoded.state).mask?.bytes, itemOf(workedState()).mask?.bytes)
})

test('masks that were not done when the page ended are asked for', () => {
  const waiting = play(openedState(), {type: 'box-placed'}).state
  const {state} = reopen(startedState(), again(session(waiting)))
  const encoded = play(state, {type: 'encoded', id: state.lastJobId, probabilities: null, ms: 9})
  assert.ok(types(encoded.effects).includes('segment'))
  assert.equal(isUpToDate(answer(encoded.state)), true)
})

test('that a model is not here is said until it is', () => {
  const kept = {...session(workedState()), model: {...INFO, name: 'far'}}
  const {state} = reopen(play(startedState(), {type: 'listed', models: [ENTRY, {...ENTRY, name: 'far', title: 'Far', default: false}], demos: []}).state, kept)
  const failed = play(state, {type: 'model-failed', name: 'far', failure: {code: 'page.fetch', message: '', hint: ''}, fatal: false}, {type: 'model-loaded', info: INFO})
  const {width, height} = kept.size
  const opened = {width, height, format: 'PNG', bits: 8, hasMore: false, picture: picture(width, height), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  const shown = play(failed.state, {type: 'opened', id: failed.state.lastJobId, opened}).state
  assert.ok(shown.note?.kind === 'reopened')
  assert.deepEqual([shown.note.model, shown.note.modelName], ['absent', 'Far'])
  const there = play(shown, {type: 'retried'}, {type: 'model-loaded', info: {...INFO, name: 'far', title: 'Far'}}).state
  assert.equal(there.note, null)
})

test('another state of the same model is told, and the masks stay', () => {
  const kept = session(workedState())
  const other = {...kept, model: {name: 'tiny', sha256: {encoder: 'e0', decoder: 'd1'}}}
  const {state} = reopen(startedState(), again(other))
  assert.ok(state.note?.kind === 'reopened')
  assert.equal(state.note.model, 'changed')
  assert.deepEqual(studyOf(state).work.items, kept.work.items)
  const {words} = noteTexts(state.note, createTranslator('en', messages))
  assert.equal(words, 'It was made with another version of the model Tiny: the masks stay as they were saved.')
})

test('a model that is not here is told, and the masks stay until their box changes', () => {
  const kept = session(workedState())
  const {state} = reopen(startedState('other'), again(kept))
  assert.ok(state.note?.kind === 'reopened')
  assert.equal(state.note.model, 'absent')
  const encoded = play(state, {type: 'encoded', id: state.lastJobId, probabilities: null, ms: 9})
  assert.ok(!types(encoded.effects).includes('segment'), 'no mask is asked for')
  assert.deepEqual(itemOf(encoded.state).mask?.bytes, itemOf(workedState()).mask?.bytes)
  const moved = play(encoded.state, {type: 'selected', id: 1}, {type: 'nudged', dx: 3, dy: 0, resize: false})
  assert.deepEqual(types(moved.effects), ['segment'])
})

test('once their own model is there, masks that another one stood in for are its own again', () => {
  const kept = session(workedState())
  const {state} = reopen(startedState('other'), again(kept))
  const encoded = play(state, {type: 'encoded', id: state.lastJobId, probabilities: null, ms: 9}).state
  const listed = {...encoded, models: [...encoded.models, ENTRY]}
  const loaded = play(listed, {type: 'model-chosen', name: 'tiny'}, {type: 'model-loaded', info: INFO}).state
  const looked = play(loaded, {type: 'encoded', id: loaded.lastJobId, probabilities: null, ms: 9})
  assert.ok(!types(looked.effects).includes('segment'), 'no mask is asked for')
  assert.deepEqual(studyOf(looked.state).work.items.map(({mask: one}) => one?.key), kept.work.items.map(({mask: one}) => one?.key))
})

test('masks that a class was told for stay as well where the model of now takes none', () => {
  let state = play({...workedState(), model: CLASSY}, {type: 'class-chosen', choice: 'mr'}).state
  state = answer(state)
  const {state: opened} = reopen(startedState('other'), again(session(state)))
  assert.ok(!types(play(opened, {type: 'encoded', id: opened.lastJobId, probabilities: null, ms: 9}).effects).includes('segment'))
})

test('a session is opened with its own model where that is here', () => {
  const kept = session(workedState())
  const started = play({...startedState('other'), models: [{...ENTRY, name: 'other'}, ENTRY]}).state
  const {state, effects} = play(started, {type: 'session-read', session: kept, from: 'file', savedMs: null, shelved: false})
  assert.deepEqual(effects.filter(({type}) => type === 'load-model'), [{type: 'load-model', entry: ENTRY}])
  assert.equal(state.modelName, 'tiny')
  assert.equal(state.model, null)
})

test('what the browser kept stands back where something is open', () => {
  const state = openedState()
  const kept = session(workedState())
  const after = play(state, {type: 'session-read', session: kept, from: 'browser', savedMs: 1, shelved: false}).state
  assert.equal(after.pending, null)
  assert.equal(studyOf(after), studyOf(state))
})

test('what the browser kept stands back where something is being opened, and stops nothing', () => {
  const kept = session(workedState())
  for (const asked of /** @type {Action[]} */ ([{type: 'source-asked', url: 'a.png', name: 'a.png'}, {type: 'file-given', blob: new Blob(), name: 'a.png', demo: null}])) {
    for (const shelved of [false, true]) {
      const {state} = play(startedState(), asked)
      const {state: after, effects} = play(state, {type: 'session-read', session: kept, from: 'browser', savedMs: 1, shelved})
      assert.deepEqual([{...after, aside: []}, effects], [state, []])
      assert.deepEqual(names(after), [kept.source.name], 'with a way back')
    }
  }
})

test('what the browser kept and a person asks for goes before what was being fetched', () => {
  const offered = play(startedState(), {type: 'session-read', session: session(workedState()), from: 'browser', savedMs: 1, shelved: true}).state
  const fetching = play(offered, {type: 'source-asked', url: 'a.png', name: 'a.png'}).state
  const {state, effects} = play(fetching, {type: 'note-answered', answer: 'reopen'})
  assert.deepEqual(types(effects), ['cancel', 'open'])
  assert.deepEqual(play(state, {type: 'fetched', id: lastJob(fetching).id, blob: new Blob()}).effects, [])
})

test('a picture that had been closed is offered, not opened', () => {
  const kept = session(workedState())
  const offered = play(startedState(), {type: 'session-read', session: kept, from: 'browser', savedMs: 1, shelved: true})
  assert.equal(offered.state.note?.kind, 'kept')
  assert.deepEqual(types(offered.effects), [])
  const taken = play(offered.state, {type: 'note-answered', answer: 'reopen'})
  assert.equal(taken.state.reopening?.session, kept)
  assert.ok(types(taken.effects).includes('open'))
})

test('what the browser kept is not lost where a session file is opened, and no key loses it', () => {
  const kept = session(workedState())
  const offered = play(startedState(), {type: 'session-read', session: kept, from: 'browser', savedMs: 1, shelved: true}, {type: 'escape'}).state
  assert.equal(offered.note?.kind, 'kept')
  const other = session(workedState())
  const {state} = reopen(offered, {...other, source: {...other.source, name: 'other.png'}})
  assert.deepEqual(names(state), ['scan.png'])
})

/** A picture without a session is opened. @param {State} state @param {string} name */
function open(state, name) {
  const reading = play(state, {type: 'file-given', blob: new Blob([name]), name, demo: null, as: 'picture'})
  const opened = {width: 30, height: 20, format: 'PNG', bits: 8, hasMore: false, picture: picture(30, 20), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  return play(reading.state, {type: 'opened', id: reading.state.lastJobId, opened}).state
}

/** @param {State} state */
const told = (state) => {
  const note = shownNote(state)
  return note && noteTexts(note, createTranslator('en', messages))
}
/** Of the pictures whose work lies aside. @param {State} state */
const names = ({aside}) => aside.map(({source}) => source.name)

test('work whose place another picture takes can be had back', () => {
  const worked = workedState()
  const {name} = studyOf(worked).source
  const other = open(worked, 'other.png')
  assert.deepEqual(told(other), {
    words: `${name} with 2 objects was put aside.`, answers: [{answer: 'reopen', key: 'note.reopen'}, {answer: 'forget', key: 'note.forget'}],
  })
  assert.deepEqual(other.aside.map(({work}) => work), [studyOf(worked).work])
  assert.deepEqual(names(open(other, 'third.png')), [name], 'nothing was made on the second')
  assert.deepEqual(names(play(other, {type: 'closed'}).state), [name])
  const looking = play(other, {type: 'file-given', blob: new Blob(), name: 'third.png', demo: null})
  assert.deepEqual([types(looking.effects), names(looking.state)], [['look'], [name]])
  const workedOn = withObject(other, [2, 2, 20, 15])
  assert.deepEqual(told(workedOn), told(other), 'also after work on the new picture')
  assert.equal(told(play(workedOn, {type: 'note-closed'}).state), null)
  assert.equal(told(open(open(openedState(), 'a.png'), 'b.png')), null, 'nothing was made at all')
  assert.deepEqual(names(open(play(worked, {type: 'closed'}).state, 'other.png')), [name], 'also of what was closed')

  assert.deepEqual(told(play(other, {type: 'selected', id: null}, {type: 'escape'}).state), told(other), 'no key loses the way back')

  const third = open(workedOn, 'third.png')
  assert.deepEqual(names(third), ['other.png', name])
  const quiet = play(third, {type: 'note-closed'}).state
  assert.deepEqual([told(quiet), names(quiet)], [null, ['other.png', name]], 'nothing is said of them, and nothing is lost')
  const forgotten = play(third, {type: 'note-answered', answer: 'forget'}).state
  assert.deepEqual([told(forgotten), names(forgotten)], [told(other), [name]], 'then the one before')

  const back = play(other, {type: 'note-answered', answer: 'reopen'})
  assert.ok(types(back.effects).includes('open'))
  const {width, height} = session(worked).size
  const again = {width, height, format: 'PNG', bits: 8, hasMore: false, picture: picture(width, height), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
  const {state} = play(back.state, {type: 'opened', id: back.state.lastJobId, opened: again})
  assert.deepEqual(studyOf(state).work.items, studyOf(worked).work.items)
  assert.deepEqual([told(state), names(state)], [null, []])
})

test('the way back to what was put aside outlives other news, and a way back that is not gone to its end', () => {
  const other = open(workedState(), 'other.png')
  const {name} = studyOf(workedState()).source
  const structures = [{id: 1, region: /** @type {const} */ ([0, 0, 2, 2]), bytes: Uint8Array.from([1, 1, 1, 1]), areaPx: 4}]
  const looking = play(other, {type: 'file-given', blob: new Blob(), name: 'labels.png', demo: null}).state
  const offered = play(looking, {type: 'looked', id: looking.lastJobId, structures, boxes: null, isPicture: true}).state
  assert.equal(shownNote(offered)?.kind, 'offer')
  assert.deepEqual(told(play(offered, {type: 'note-closed'}).state), told(other))

  const back = play(other, {type: 'note-answered', answer: 'reopen'}).state
  const failure = {code: 'page.unreadable', message: '', hint: ''}
  for (const action of /** @type {Action[]} */ ([{type: 'cancelled'}, {type: 'job-failed', id: back.lastJobId, failure}])) {
    assert.deepEqual(names(play(back, action).state), [name])
  }
  assert.deepEqual(names(open(back, 'third.png')), [name])

  const unsaved = {...withObject(other, [2, 2, 20, 15]), note: {kind: /** @type {const} */ ('unsaved'), names: 'a.png'}}
  const third = open(unsaved, 'third.png')
  assert.deepEqual([third.note, names(third)], [unsaved.note, ['other.png', name]])
})

test('what the browser kept is not lost where another picture is opened first', () => {
  const kept = session(workedState())
  const start = play(openedState(), {type: 'closed'}).state
  for (const shelved of [false, true]) {
    const read = play({...start, shelved: null}, {type: 'session-read', session: kept, from: 'browser', savedMs: 1, shelved}).state
    assert.deepEqual(names(open(read, 'other.png')), [kept.source.name])
  }
  const late = play(openedState(), {type: 'session-read', session: kept, from: 'browser', savedMs: 1, shelved: false})
  assert.deepEqual([late.effects, names(late.state)], [[], [kept.source.name]])
})

/** The kept effects of some actions. @param {State} state @param {Action[]} actions */
const keptBy = (state, ...actions) => play(state, ...actions).effects.flatMap((effect) => (effect.type === 'keep' ? [effect] : []))

test('each step of the work is kept, looking is not', () => {
  const state = workedState()
  const [moved] = keptBy(state, {type: 'selected', id: 1}, {type: 'nudged', dx: 1, dy: 0, resize: false})
  assert.deepEqual(moved?.session.work.items[0]?.box, [11, 10, 61, 60])
  assert.equal(keptBy(state, {type: 'visibility-toggled', id: 1}).length, 1)
  assert.equal(keptBy(state, {type: 'class-chosen', choice: 'MR'}).length, 1)
  assert.deepEqual(keptBy(state, {type: 'fitted'}, {type: 'selected', id: 2}, {type: 'menu-toggled', menu: 'save'}), [])
})

test('a picture on which nothing was made is not kept, and leaves what was kept before', () => {
  assert.deepEqual(keptBy(openedState(), {type: 'mode-chosen', mode: 'challenge'}, {type: 'closed'}), [])
})

test('a step that was undone stays undone after a reload', () => {
  const drawn = withObject(openedState(), [10, 10, 60, 60])
  const [kept] = keptBy(drawn, {type: 'undo'})
  assert.deepEqual(kept?.session.work.items, [])
  const {state} = reopen(startedState(), again(/** @type {Session} */ (kept?.session)), {from: 'browser', savedMs: 1})
  assert.deepEqual(studyOf(state).work, {...studyOf(openedState()).work, items: []})
})

test('a picture that is closed is kept as closed', () => {
  const [kept] = keptBy(workedState(), {type: 'closed'})
  assert.equal(kept?.shelved, true)
  assert.equal(kept?.session.work.items.length, 2)
})

test('what was put aside is kept with the work, and comes back with it', () => {
  const drawn = withObject(open(workedState(), 'other.png'), [2, 2, 20, 15])
  const [effect] = keptBy(drawn, {type: 'selected', id: 1}, {type: 'nudged', dx: 1, dy: 0, resize: false})
  assert.deepEqual(effect?.aside.map(({source}) => source.name), ['scan.png'])
  assert.ok(effect)
  const {state} = reopen(startedState(), effect.session, {from: 'browser', savedMs: 1, aside: effect.aside})
  assert.deepEqual(names(state), ['scan.png'])
  const [closed] = keptBy(state, {type: 'note-closed'}, {type: 'note-closed'})
  assert.equal(closed?.aside.length, 1, 'a note that is closed takes nothing with it')
  const [forgotten] = keptBy(state, {type: 'note-closed'}, {type: 'note-answered', answer: 'forget'})
  assert.deepEqual(forgotten?.aside, [], 'what a person has forgotten is let go of')
})

test('work that is let go of is gone from the browser too, where nothing else was made since', () => {
  const {name} = studyOf(workedState()).source
  const other = open(workedState(), 'other.png')
  const one = play(other, {type: 'note-answered', answer: 'forget'})
  assert.deepEqual([one.effects, names(one.state)], [[{type: 'let-go'}], []])
  const third = open(withObject(other, [2, 2, 20, 15]), 'third.png')
  const [effect] = play(third, {type: 'note-answered', answer: 'forget'}).effects
  assert.ok(effect?.type === 'keep')
  assert.deepEqual([effect.session.source.name, effect.aside, effect.shelved], [name, [], true], 'what is left is offered after a reload')
  const closed = play(withObject(other, [2, 2, 20, 15]), {type: 'closed'}).state
  const [kept] = play(closed, {type: 'note-answered', answer: 'forget'}).effects
  assert.ok(kept?.type === 'keep')
  assert.deepEqual([kept.session.source.name, kept.session.work.items.length, kept.aside, kept.shelved], ['other.png', 1, [], true], 'what was closed last is not lost with it')
})

test('what was forgotten lies aside in this page, and is not kept again with other work', () => {
  const next = withObject(open(play(workedState(), {type: 'forget-asked'}).state, 'other.png'), [2, 2, 20, 15])
  assert.deepEqual(names(next), ['scan.png'], 'a way back')
  const [left] = keptBy(next, {type: 'renamed', id: 1, name: 'x'})
  assert.deepEqual(left?.aside, [])
  const aside = withObject(open(workedState(), 'other.png'), [2, 2, 20, 15])
  const forgotten = play(aside, {type: 'forget-asked'}).state
  assert.deepEqual(names(forgotten), ['scan.png'])
  assert.deepEqual(keptBy({...forgotten, keeping: true}, {type: 'renamed', id: 1, name: 'x'})[0]?.aside, [])
})

test('what was forgotten is not kept again, the next picture is', () => {
  const {state, effects} = play(workedState(), {type: 'forget-asked'})
  assert.deepEqual(types(effects), ['forget'])
  assert.deepEqual(keptBy(state, {type: 'removed', id: 1}, {type: 'closed'}), [])
  const next = play(state, {type: 'file-given', blob: new Blob(), name: 'next.jpg', demo: null}).state
  const opened = play(next, {type: 'opened', id: next.lastJobId, opened: {width: 200, height: 100, format: 'PNG', bits: 8, hasMore: false, picture: picture(200, 100), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}}).state
  assert.equal(keptBy(opened, {type: 'box-placed'}).length, 1)
})

test('the note of what was restored goes with the next step, or when it is closed', () => {
  const {state} = reopen(startedState(), session(workedState()), {from: 'browser', savedMs: 1})
  assert.equal(state.note?.kind, 'reopened')
  assert.equal(play(state, {type: 'selected', id: 1}).state.note, state.note)
  assert.equal(play(state, {type: 'removed', id: 1}).state.note, null)
  assert.equal(play(state, {type: 'note-closed'}).state.note, null)
  assert.equal(play(state, {type: 'escape'}).state.note, null)
  assert.deepEqual(types(play(state, {type: 'note-answered', answer: 'forget'}).effects), ['forget'])
})

test('a file named .medbox is read as a session, and leaves what is open alone until it is read', () => {
  const state = workedState()
  const given = play(state, {type: 'file-given', blob: new Blob(), name: 'Scan.MEDBOX', demo: null})
  assert.deepEqual(types(given.effects), ['read-session'])
  assert.equal(given.state.pending, null)
})

test('a picture of another size than the session says is told, and nothing of it is used', () => {
  const kept = session(workedState())
  const {state} = reopen(startedState(), {...kept, size: {width: 100, height: 100}})
  assert.equal(studyOf(state).work.items.length, 2)
  const reading = play(startedState(), {type: 'session-read', session: kept, from: 'file', savedMs: null, shelved: false}).state
  const wrong = play(reading, {type: 'opened', id: reading.lastJobId, opened: {width: 9, height: 9, format: 'PNG', bits: 8, hasMore: false, picture: picture(9, 9), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}}).state
  assert.deepEqual(wrong.failure, {code: 'page.session', message: 'its picture has another size than it says', hint: ''})
  assert.deepEqual(studyOf(wrong).work.items, [])
})

test('sessions that were not written so are refused, each with its reason', () => {
  const kept = session(workedState())
  /** @type {[(record: any) => void, string][]} */
  const cases = [
    [(record) => { record.items = null }, 'the objects are missing'],
    [(record) => { record.items = Array.from({length: 65_536}, () => null) }, 'it has 65536 objects'],
    [(record) => { record.refused = Array.from({length: 65_536}, () => 1) }, 'it has 65536 objects'],
    [(record) => { record.items[1].mask.region[2] = 2e9 }, 'its masks take more than 1073741824 bytes'],
    [(record) => { record.items[0].box = [9, 0, 5, 10] }, 'the box of object 1 has not its four sides in order'],
    [(record) => { record.items[0].mask.region = [198, 0, 4, 3] }, 'the mask of object 1 does not lie in the picture'],
    [(record) => { record.items[0].mask.runs = [1, 3] }, 'the mask of object 1 does not fill its region'],
    [(record) => { record.items[0].mask.runs = [-1, 13] }, 'the mask of object 1 is no whole number'],
    [(record) => { record.items[1].name = 'x'.repeat(81) }, 'the name of object 2 is no text of at most 80 letters'],
    [(record) => { record.picture.width = 1e9 }, 'the picture has 1000000000 × 100 pixels'],
    [(record) => { record.mode = 'best' }, 'there is no mode “best”'],
    [(record) => { delete record.model.sha256 }, 'the model’s sha256 is missing'],
  ]
  for (const [change, message] of cases) assert.throws(() => again(kept, change), {code: 'page.session', message}, message)
  assert.throws(() => again(kept, (record) => { record.medbox = SESSION_VERSION + 1 }), {code: 'page.session-newer', message: '2'})
})

test('of two objects with one number the later one gets another, and nothing else is lost', () => {
  const kept = session(workedState())
  const found = again(kept, (record) => {
    record.items[1].id = 1
    record.lastItemId = 1
  })
  assert.deepEqual(found, {...kept, work: {...kept.work, lastItemId: 2}})
})

test('an object whose box lies beyond the picture is left out, and all others come back', () => {
  const kept = session(workedState())
  const found = again(kept, (record) => { record.items[0].box = [0, 0, 201, 10] })
  assert.deepEqual(found, {...kept, work: {...kept.work, items: kept.work.items.slice(1)}})
})

test('files that are no session are told so', async () => {
  const unpack = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => unpackSession(new Blob([bytes]))
  const words = new TextEncoder().encode('words')
  await assert.rejects(unpack(words), {code: 'page.session', message: 'invalid zip data'})
  await assert.rejects(unpack(zip({'a.txt': words})), {code: 'page.session', message: 'it holds no session.json'})
  await assert.rejects(unpack(zip({'session.json': words})), {code: 'page.session', message: 'it holds no picture'})
  await assert.rejects(unpack(zip({'session.json': words, 'picture/a.png': words})), {code: 'page.session', message: 'session.json is no JSON'})
})

test('a session that was unpacked and zipped again opens', async () => {
  const kept = session(workedState())
  const {'session.json': record, ...pictures} = unzipSync(await packSession(kept))
  const file = zip({'session.json': /** @type {Uint8Array} */ (record), 'picture/': new Uint8Array(0), ...pictures})
  const {source} = await unpackSession(new Blob([file]))
  assert.deepEqual(new Uint8Array(await source.blob.arrayBuffer()), PICTURE)
})

test('the picture’s name keeps no folder in the archive', async () => {
  const kept = session(workedState())
  const file = await packSession({...kept, source: {...kept.source, name: '../../etc/scan.png'}})
  assert.deepEqual(Object.keys(unzipSync(file)), ['session.json', 'picture/scan.png'])
  assert.equal((await unpackSession(new Blob([file]))).source.name, '../../etc/scan.png')
})

/** @type {Item} */
const EMPTY_ITEM = {id: 1, name: '', colour: 0, sliceIdx: 0, box: /** @type {Box} */ ([0, 0, 5, 5]), visible: true, locked: false, mask: null}

test('empty masks and objects without one survive', () => {
  const kept = session(workedState())
  const empty = {region: /** @type {const} */ ([0, 0, 0, 0]), bytes: new Uint8Array(0), areaPx: 0, score: 0, key: 'k'}
  const full = {region: /** @type {const} */ ([0, 0, 2, 1]), bytes: Uint8Array.from([1, 1]), areaPx: 2, score: 1, key: 'k'}
  const items = [EMPTY_ITEM, {...EMPTY_ITEM, id: 2, mask: empty}, {...EMPTY_ITEM, id: 3, mask: full}]
  const changed = {...kept, work: {...kept.work, items, lastItemId: 3}}
  assert.deepEqual(again(changed), changed)
})

test('a large picture is not packed: the page would stand still', () => {
  const sizes = [1_000_000, 5_000_000].map((n) => zip({'picture/scan.bmp': new Uint8Array(n)}).length)
  assert.ok(sizes.every((bytes, i) => (i === 0 ? bytes < 10_000 : bytes > 5_000_000)), String(sizes))
})
