import assert from 'node:assert/strict'
import {test} from 'node:test'

import {filesOf} from '../../www/dropped.js'
import {createTranslator} from '../../www/i18n.js'
import {nameOfAddress, ordered} from '../../www/intake.js'
import {messages} from '../../www/locales/en.js'
import {readBytes} from '../../www/reading.js'
import {progress} from '../../www/render.js'
import {initialState} from '../../www/update.js'
import {ENTRY, INFO, lastJob, openedState, picture, play, studyOf, types} from './support.js'

/** @import {Demo, State} from '../../www/types.js' */

const translator = createTranslator('en', messages)
/** @param {...string} names */
const given = (...names) => /** @type {const} */ ({type: 'files-given', files: names.map((name) => ({name, blob: new Blob([name])}))})
const OPENED = {width: 8, height: 8, format: 'PNG', bits: 8, hasMore: false, picture: picture(8, 8), window: null, valueRange: {min: 0, max: 255}, pixelMm: null}
/** @param {State} state */
const refused = (state) => play(state, {type: 'job-failed', id: lastJob(state).id, failure: {code: 'open.unknown-format', message: 'no', hint: ''}})
/** @param {State} state */
const accepted = (state) => play(state, {type: 'opened', id: lastJob(state).id, opened: OPENED})
/** @param {State} state */
const told = (state) => state.notice && translator.label(state.notice)

test('pictures are tried first, and what is none is left alone', () => {
  const names = ordered(['a/notes.txt', 'a/.hidden', 'scan', 'b.PNG', 'Thumbs.db', 'c.npz', 'boxes.json', '.DS_Store', '__MACOSX/._b.png'].map((name) => ({name})))
  assert.deepEqual(names.map(({name}) => name), ['b.PNG', 'c.npz', 'scan'])
})

test('of several files the first is opened, and the others are spoken of', () => {
  const {state, effects} = play(openedState(), given('readme', 'b.png', 'c.png'))
  const open = effects.find(({type}) => type === 'open')
  assert.ok(open?.type === 'open')
  assert.equal(open.source.name, 'b.png')
  assert.equal(told(accepted(state).state), 'b.png: picture 1 of 2')
  const one = play(openedState(), given('readme', 'b.png')).state
  assert.equal(told(accepted(one).state), 'Opened b.png, the first of 2 files')
})

test('of a file with several pictures it is said that the first is open', () => {
  const {state} = play(openedState(), {type: 'file-given', blob: new Blob(), name: 'stack.tif', demo: null, as: 'picture'})
  const opened = play(state, {type: 'opened', id: lastJob(state).id, opened: {...OPENED, hasMore: true}}).state
  assert.equal(told(opened), 'Opened the first picture in stack.tif; its other pages or frames are left out')
  assert.equal(told(accepted(state).state), null)
  const several = play(openedState(), given('b.tif', 'c.png')).state
  const first = play(several, {type: 'opened', id: lastJob(several).id, opened: {...OPENED, hasMore: true}}).state
  assert.match(String(told(first)), /^Opened the first picture in b\.tif/)
})

test('a file that cannot be opened gives way to the next, without an alarm', () => {
  const first = play(openedState(), given('a.png', 'b.png', 'c.png')).state
  const second = refused(first)
  assert.equal(second.state.failure, null)
  assert.deepEqual(types(second.effects), ['open'])
  const {state} = accepted(second.state)
  assert.equal(studyOf(state).source.name, 'b.png')
  assert.equal(told(state), 'Opened b.png, the first of 3 files that could be read. Not readable: a.png')
})

test('when none can be opened, that is said once, and the open picture stays', () => {
  const {state, effects} = refused(refused(play(openedState(), given('a.png', 'b.png')).state).state)
  assert.deepEqual(state.failure && translator.failure(state.failure), {
    message: 'None of the 2 files could be opened as a picture.',
    hint: 'medbox reads PNG, JPEG, TIFF, WebP, BMP, GIF and npz. Drop one file by itself to see what is wrong with it.',
  })
  assert.deepEqual(types(effects), [])
  assert.equal(studyOf(state).source.name, 'scan.png')
  assert.equal(play(openedState(), given('.DS_Store', 'notes.txt')).state.failure?.code, 'page.none-opens')
  assert.equal(play(openedState(), given()).state.failure?.code, 'page.not-a-file')
})

test('one file alone is told what is wrong with it', () => {
  assert.equal(refused(play(openedState(), given('notes.txt')).state).state.failure?.code, 'open.unknown-format')
})

test('a worker that breaks down is not the fault of the file: the next is not tried', () => {
  const first = play(openedState(), given('a.png', 'b.png')).state
  const {state, effects} = play(first, {type: 'job-failed', id: lastJob(first).id, failure: {code: 'page.crashed', message: '', hint: ''}})
  assert.equal(state.failure?.code, 'page.crashed')
  assert.ok(!types(effects).includes('open'))
})

/** @type {Demo} */
const DEMO = {file: 'x.png', title: 'X', modality: 'CT', source: 's', licence: 'l', attribution: 'a', box: [0, 0, 4, 4]}

test('a picture that is fetched tells how far it is, and can be stopped', () => {
  const asked = play(openedState(), {type: 'demo-chosen', demo: DEMO})
  const [fetch_] = asked.effects
  assert.ok(fetch_?.type === 'fetch-picture' && fetch_.url === 'demos/x.png')
  const {state} = play(asked.state, {type: 'tick', nowMs: 1000}, {type: 'read-on', id: fetch_.id, loaded: 2e6, total: 8e6}, {type: 'tick', nowMs: 2000})
  assert.deepEqual(progress(state, translator), {words: 'Reading picture… 25% of 8.0 MB', share: 0.25, canStop: true})
  const unknown = play(state, {type: 'read-on', id: fetch_.id, loaded: 3e6, total: 0}).state
  assert.equal(progress(unknown, translator).words, 'Reading picture… 3.0 MB')
  const stopped = play(state, {type: 'cancelled'})
  assert.deepEqual(stopped.effects, [{type: 'cancel', ids: [fetch_.id]}])
  assert.deepEqual(play(stopped.state, {type: 'fetched', id: fetch_.id, blob: new Blob()}).effects, [], 'what comes late is not opened')
})

test('of two pictures that are asked for, the newer one is opened', () => {
  const first = play(openedState(), {type: 'demo-chosen', demo: DEMO})
  const second = play(first.state, {type: 'demo-chosen', demo: {...DEMO, file: 'y.png'}})
  assert.deepEqual(types(second.effects), ['cancel', 'fetch-picture'])
  const late = play(second.state, {type: 'fetched', id: lastJob(first.state).id, blob: new Blob()})
  assert.deepEqual(late.effects, [])
  const {effects} = play(late.state, {type: 'fetched', id: lastJob(second.state).id, blob: new Blob()})
  const open = effects.find(({type}) => type === 'open')
  assert.ok(open?.type === 'open')
  assert.deepEqual([open.source.name, open.source.demo?.file], ['y.png', 'y.png'])
})

test('a model that is chosen while a picture opens does not lose the picture', () => {
  const start = play(initialState(), {type: 'listed', models: [ENTRY, {...ENTRY, name: 'other', default: false}], demos: []}, {type: 'model-loaded', info: INFO}).state
  const opening = play(start, given('a.png')).state
  const {effects} = play(opening, {type: 'model-chosen', name: 'other'}, {type: 'model-loaded', info: {...INFO, name: 'other'}})
  assert.equal(types(effects).filter((type) => type === 'open').length, 1)
})

test('a file is read in one piece, with progress where it is large', async () => {
  const bytes = Uint8Array.from({length: 5_000_000}, (_, i) => i * 7)
  /** @type {number[]} */
  const shares = []
  const read = await readBytes(new Blob([bytes.subarray(0, 2e6), bytes.subarray(2e6)]), (loaded, total) => shares.push(loaded / total))
  assert.deepEqual(new Uint8Array(read), bytes)
  assert.ok(shares.length >= 2 && shares.every((share, i) => i === 0 || share > /** @type {number} */ (shares[i - 1])))
  assert.equal(shares.at(-1), 1)
  const gone = /** @type {Blob} */ (/** @type {unknown} */ ({size: 9, arrayBuffer: () => Promise.reject(new Error('it is gone'))}))
  await assert.rejects(readBytes(gone), {code: 'page.unreadable', message: 'it is gone'})
})

test('a picture is called by the last part of its address', () => {
  assert.equal(nameOfAddress('demos/a%20b.png?x=1#y'), 'a b.png')
  assert.equal(nameOfAddress('100%.png'), '100%.png')
  assert.equal(nameOfAddress('folder/'), 'folder/')
})

/** @param {string} name @param {FileSystemEntry[] | null} [inside] @returns {FileSystemEntry} */
const entry = (name, inside = null) => /** @type {any} */ ({
  name, fullPath: `/${name}`, isFile: inside === null,
  file: (/** @type {(file: File) => void} */ found) => found(new File([], name)),
  createReader: () => ({readEntries: (/** @type {(some: FileSystemEntry[]) => void} */ found) => found(inside?.splice(0) ?? [])}),
})

test('what lies unseen in a dropped folder is left out', async () => {
  const folder = entry('series', [entry('.git', [entry('object')]), entry('.hidden.png'), entry('2.png'), entry('10.png')])
  const transfer = /** @type {any} */ ({items: [{kind: 'file', webkitGetAsEntry: () => folder}], files: [null]})
  assert.deepEqual((await filesOf(transfer)).map(({name}) => name), ['2.png', '10.png'])
})
