import assert from 'node:assert/strict'
import {test} from 'node:test'

import {changeEverywhere, commit, redo, undo} from '../../www/history.js'
import {mask, openedState, studyOf, withObject} from './support.js'

/** @import {Item, Study} from '../../www/types.js' */

/** @param {Study} study @param {(item: Item) => Item} change */
const changed = (study, change) => ({...study.work, items: study.work.items.map(change)})
const LABEL = /** @type {const} */ ({key: 'undo.paint', values: {n: 1}})

/** A study whose object has another mask with each step. @param {number} steps @param {number} [side] */
function painted(steps, side = 8) {
  let study = studyOf(withObject(openedState(), [10, 10, 60, 60]))
  for (let i = 0; i < steps; i++) {
    const bytes = new Uint8Array(side * side).fill(1, 0, i + 1)
    study = commit(study, changed(study, (item) => ({...item, mask: {region: [0, 0, side, side], bytes, areaPx: i + 1, score: 1, key: `${i}`}})), LABEL)
  }
  return study
}

test('masks come back byte by byte, however often one walks to and fro', () => {
  const study = painted(5)
  let walked = study
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) walked = undo(walked)
    assert.deepEqual(walked.work.items[0]?.mask?.bytes, new Uint8Array(64).fill(1, 0, 2))
    for (let i = 0; i < 3; i++) walked = redo(walked)
  }
  assert.deepEqual(walked.work, study.work)
})

test('versions hold masks folded, and what did not change once', () => {
  let study = painted(3, 100)
  study = commit(study, changed(study, (item) => ({...item, name: 'lesion'})), {key: 'undo.rename'})
  study = commit(study, changed(study, (item) => ({...item, name: 'cyst'})), {key: 'undo.rename'})
  const masks = study.past.map(({work}) => work.items[0]?.mask)
  assert.ok(masks.slice(1).every((one) => one && 'packed' in one && one.packed.byteLength < 20))
  assert.equal(masks.at(-1), masks.at(-2))
  assert.equal(study.past.at(-1)?.bytes, 0)
})

test('what a step left alone is the very same object after undo', () => {
  let study = studyOf(withObject(withObject(openedState(), [10, 10, 60, 60]), [100, 10, 160, 60]))
  const [first, second] = study.work.items
  study = undo(commit(study, changed(study, (item) => (item.id === 2 ? {...item, name: 'x'} : item)), LABEL))
  assert.equal(study.work.items[0], first)
  assert.equal(study.work.items[1]?.mask, second?.mask)
})

test('a thousand steps can be taken back, and the oldest beyond them are forgotten', () => {
  let study = painted(0)
  for (let i = 0; i < 1100; i++) study = commit(study, changed(study, (item) => ({...item, name: `${i}`})), LABEL)
  assert.equal(study.past.length, 1000)
})

test('masks that cannot be folded are forgotten before they fill the memory', () => {
  let study = painted(0)
  const bytes = new Uint8Array(10_000_000).fill(1)
  for (let i = 0; i < bytes.length; i += 2) bytes[i] = 0
  for (let i = 0; i < 20; i++) {
    study = commit(study, changed(study, (item) => ({...item, mask: {region: [0, 0, 10_000, 1000], bytes, areaPx: 1, score: 1, key: `${i}`}})), LABEL)
  }
  assert.equal(study.past.length, 12) // 12 · 10 MB are under 128 MB
})

test('a mask that arrives late is put into versions too', () => {
  const fresh = {...mask(['##'], 1, 1), areaPx: 2, score: 0.7, key: 'late'}
  const study = changeEverywhere(painted(2), (work) => ({...work, items: work.items.map((item) => ({...item, mask: fresh}))}))
  assert.deepEqual(undo(undo(study)).work.items[0]?.mask, fresh)
})
