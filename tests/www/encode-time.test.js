import assert from 'node:assert/strict'
import {test} from 'node:test'

import {encodeTime} from '../../www/encode-time.js'
import {ENTRY} from './support.js'

const small = {...ENTRY, name: 'small', encodeGmac: 5}
const large = {...ENTRY, name: 'large', encodeGmac: 40}

test('a look takes as long as it took, or as its computing lets expect', () => {
  const models = [small, large]
  assert.deepEqual(encodeTime({models, encodeMs: {small: 300}}, small), {ms: 300, isMeasured: true})
  assert.deepEqual(encodeTime({models, encodeMs: {small: 300}}, large), {ms: 2400, isMeasured: false}) // 300 · 40 / 5
  assert.equal(encodeTime({models, encodeMs: {}}, large), null)
  assert.equal(encodeTime({models, encodeMs: {gone: 10}}, large), null)
})
