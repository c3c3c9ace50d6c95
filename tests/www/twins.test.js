import assert from 'node:assert/strict'
import {test} from 'node:test'

import {twinsOf} from '../../www/twins.js'

/** @import {Source} from '../../www/types.js' */

/** @param {string} name @param {string} words @returns {Source} */
const source = (name, words) => ({name, blob: new Blob([words]), demo: null})

test('a file is known again by what is in it, in whatever folder it lies', async () => {
  const [old, moved] = [source('a.png', 'one'), source('day 2/a.png', 'one')]
  assert.deepEqual(await twinsOf({old: [old], files: [source('b.png', 'one'), moved]}), [[old, moved]])
})

test('of the same name, and as long, it is another picture if one byte differs', async () => {
  assert.deepEqual(await twinsOf({old: [source('a.png', 'one')], files: [source('a.png', 'onf'), source('a.png', 'ones')]}), [])
})

test('two that are alike are two, and a file that is gone is none', async () => {
  const old = [source('a.png', 'one'), source('a.png', 'one'), source('a.png', 'one')]
  const files = [source('x/a.png', 'one'), source('y/a.png', 'one')]
  assert.deepEqual(await twinsOf({old, files}), [[old[0], files[0]], [old[1], files[1]]])
  const gone = {...source('a.png', 'one'), blob: Object.assign(new Blob(['one']), {arrayBuffer: () => Promise.reject(new Error('gone'))})}
  assert.deepEqual(await twinsOf({old: [gone], files}), [])
})
