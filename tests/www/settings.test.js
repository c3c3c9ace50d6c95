import assert from 'node:assert/strict'
import {test} from 'node:test'

import {settingsFrom} from '../../www/settings.js'

test('what the browser remembers is taken where the page can use it, and left out where not', () => {
  const whole = {locale: 'de', theme: 'light', mode: 'challenge', modelName: null, encodeMs: {lite: 120}, hintSeen: true, invert: false, smooth: true, opacity: 0.5}
  assert.deepEqual(settingsFrom(JSON.stringify(whole)), whole)
  const broken = {locale: 'toString', theme: 'blue', mode: 1, modelName: {}, encodeMs: {lite: 'x'}, hintSeen: 1, invert: null, smooth: 'no', opacity: 7, other: 1}
  assert.deepEqual(settingsFrom(JSON.stringify(broken)), {})
  for (const text of [null, '', 'null', '3', '{']) assert.deepEqual(settingsFrom(text), {})
})
