import assert from 'node:assert/strict'
import {test} from 'node:test'

import {chooseBuild} from '../../www/assets.js'

test('the modules that are tried are well formed: this engine takes the plain one', () => {
  assert.ok(chooseBuild() === 'relaxed' || chooseBuild() === 'simd')
})

test('the best build that the browser accepts is chosen', () => {
  /** @type {number[]} */
  const sizes = []
  assert.equal(chooseBuild(() => true), 'relaxed')
  assert.equal(chooseBuild((bytes) => (sizes.push(bytes.length), sizes.length === 2)), 'simd')
  assert.equal(chooseBuild(() => false), null)
  assert.ok(/** @type {number} */ (sizes[0]) > /** @type {number} */ (sizes[1]), 'the relaxed one is asked for first')
})
