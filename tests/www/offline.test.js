import assert from 'node:assert/strict'
import {createHash} from 'node:crypto'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {test} from 'node:test'
import {gzipSync} from 'node:zlib'

import {firstVisit, precache} from '../../tools/precache.mjs'
import {taken} from '../../tools/third-party.mjs'
import {createTranslator} from '../../www/i18n.js'
import {messages} from '../../www/locales/en.js'
import {deviceTexts} from '../../www/render-about.js'
import {initialState} from '../../www/update.js'
import {play, types} from './support.js'

const FILES = {
  'index.html': '<!doctype html>',
  'sw.js': 'worker',
  'types.js': 'types',
  'main.js': 'main',
  'locales/en.js': 'en',
  'vendor/idb.js': 'idb',
  'vendor/idb.d.ts': 'types',
  'demos/a.png': 'picture',
  'models/index.json': JSON.stringify([{name: 'tiny', bytes: 1000, default: true}, {name: 'large', bytes: 9000, default: false}]),
  'models/tiny/manifest.json': JSON.stringify({encoder: {file: 'encoder.onnx', sha256: 'one'}, decoder: {file: 'decoder.onnx', sha256: 'two'}}),
  'models/tiny/encoder.onnx': 'weights',
  'pkg/medbox.js': 'glue',
  'pkg/medbox_simd.wasm.gz': gzipSync('module'),
  'pkg/precache.json': 'an older list',
}

/** @param {Record<string, string | Buffer>} files @param {(root: string) => void} act */
function inFolder(files, act) {
  const root = mkdtempSync(join(tmpdir(), 'medbox-list-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), {recursive: true})
    writeFileSync(join(root, path), content)
  }
  act(root)
  rmSync(root, {recursive: true})
}

test('what a browser asks for is listed, what is large or for people is not', () => inFolder(FILES, (root) => {
  const {files, later} = precache(root)
  assert.deepEqual(Object.keys(files).sort(), ['./', 'demos/a.png', 'locales/en.js', 'main.js', 'models/index.json', 'models/tiny/manifest.json', 'pkg/medbox.js', 'vendor/idb.js'])
  assert.deepEqual(Object.keys(later), ['pkg/medbox_simd.wasm.gz', 'models/tiny/encoder.onnx', 'models/tiny/decoder.onnx'])
  assert.deepEqual(later['models/tiny/decoder.onnx'], ['two'])
  const sum = (/** @type {string | Buffer} */ bytes) => createHash('sha256').update(bytes).digest('hex')
  assert.deepEqual(later['pkg/medbox_simd.wasm.gz'], [sum(FILES['pkg/medbox_simd.wasm.gz']), sum('module')])
}))

test('a file that changed is another version; the service worker, which serves all versions, is none', () => {
  /** @type {string[]} */
  const versions = []
  const versionOf = (/** @type {Record<string, string | Buffer>} */ files) => inFolder(files, (root) => versions.push(precache(root).version))
  versionOf(FILES)
  versionOf({...FILES, 'pkg/precache.json': 'another list', 'types.js': 'other types'})
  versionOf({...FILES, 'sw.js': 'another worker'})
  versionOf({...FILES, 'locales/en.js': 'EN'})
  versionOf({...FILES, 'pkg/medbox_simd.wasm.gz': gzipSync('another module')})
  assert.equal(new Set(versions.slice(0, 3)).size, 1)
  assert.equal(new Set(versions).size, 3)
})

test('a first visit counts the page, one engine and the default model', () => inFolder(FILES, (root) => {
  const {page, demos, engine, model, total} = firstVisit(root)
  assert.equal(demos, 'picture'.length)
  assert.equal(engine, FILES['pkg/medbox_simd.wasm.gz'].length)
  assert.equal(model, 1000)
  assert.equal(total, page + demos + engine + model)
}))

test('of a choice of licences ours is taken, and all of those that are joined', () => {
  assert.deepEqual(taken('MIT OR Apache-2.0'), ['Apache-2.0'])
  assert.deepEqual(taken('MIT/Apache-2.0'), ['Apache-2.0'])
  assert.deepEqual(taken('Unlicense OR MIT'), ['Unlicense'])
  assert.deepEqual(taken('(MIT OR Apache-2.0) AND Unicode-3.0'), ['Apache-2.0', 'Unicode-3.0'])
})

test('the about sheet says what runs and what is kept', () => {
  const translator = createTranslator('en', messages)
  const start = play(initialState(), {type: 'workers-changed', bytes: [], max: 3}).state
  assert.deepEqual(deviceTexts(start, translator), ['Workers: none runs yet, at most 3 will.', 'Without a network: not known yet.'])
  const {state} = play(start, {type: 'workers-changed', bytes: [310e6, 280e6], max: 3}, {type: 'offline-changed', offline: 'ready'})
  assert.deepEqual(deviceTexts(state, translator), [
    'Workers: 2 of at most 3 run. Memory of each: 310.0 MB + 280.0 MB.',
    'Without a network: the page is kept in this browser; engine and model are when they have loaded.',
  ])
  const says = (/** @type {boolean} */ kept) => deviceTexts(play(state, {type: 'files-kept', kept}).state, translator)[1]
  assert.equal(says(true), 'Without a network: works. Page, engine and model are kept in this browser.')
  assert.equal(says(false), 'Without a network: only the page is kept. The browser has no room for engine and model.')
})

test('a new version is said, and taken only when asked for', () => {
  const {state, effects} = play(initialState(), {type: 'update-found'})
  assert.equal(state.hasUpdate, true)
  assert.deepEqual(types(effects), [])
  assert.deepEqual(types(play(state, {type: 'update-taken'}).effects), ['reload'])
})
