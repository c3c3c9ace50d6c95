import assert from 'node:assert/strict'
import {test} from 'node:test'

import {failureFrom, PageError} from '../../www/protocol.js'
import {createWorkerClient, Ended} from '../../www/worker-client.js'

/** The other end of a client, held by the test. */
function pair() {
  /** @type {{id: number, call: string}[]} */
  const asked = []
  let started = 0
  const target = Object.assign(new EventTarget(), {
    postMessage: (/** @type {{id: number, call: string}} */ message) => asked.push(message),
    terminate() {},
  })
  const client = createWorkerClient(() => {
    started++
    return /** @type {Worker} */ (/** @type {unknown} */ (target))
  })
  const reply = (/** @type {object} */ data) => target.dispatchEvent(new MessageEvent('message', {data: {bytes: 65536, ...data}}))
  const breakDown = () => target.dispatchEvent(Object.assign(new Event('error', {cancelable: true}), {message: 'out of memory'}))
  return {client, asked, reply, breakDown, started: () => started}
}

test('replies find their requests by id, in any order', async () => {
  const {client, asked, reply, started} = pair()
  assert.equal(started(), 0, 'nothing starts before it is needed')
  const first = client.request('encode', {})
  const second = client.request('encode', {})
  reply({id: asked[1]?.id, answer: {probabilities: null, ms: 2}})
  reply({id: asked[0]?.id, answer: {probabilities: null, ms: 1}})
  assert.deepEqual([(await first).ms, (await second).ms], [1, 2])
  assert.equal(started(), 1)
})

test('a failure rejects with its code', async () => {
  const {client, asked, reply} = pair()
  const request = client.request('encode', {})
  reply({id: asked[0]?.id, failure: {code: 'segment.nothing-open', message: 'no picture is open', hint: ''}})
  await assert.rejects(request, {code: 'segment.nothing-open'})
})

test('ending a worker rejects what is open, and whatever is asked afterwards', async () => {
  const {client, started} = pair()
  const request = client.request('encode', {})
  client.end()
  await assert.rejects(request, Ended)
  await assert.rejects(client.request('encode', {}), Ended)
  assert.equal(started(), 1, 'nothing is started behind the back of whoever ended it')
})

test('every reply tells how much memory the core has', async () => {
  const {client, asked, reply} = pair()
  const request = client.request('encode', {})
  assert.equal(client.bytes(), 0)
  reply({id: asked[0]?.id, answer: null})
  await request
  assert.equal(client.bytes(), 65536)
})

test('a worker that breaks down rejects what is open', async () => {
  const {client, breakDown} = pair()
  const request = client.request('encode', {})
  breakDown()
  await assert.rejects(request, {code: 'page.crashed', message: 'out of memory'})
  await assert.rejects(client.request('encode', {}), {code: 'page.crashed'})
})

test('whatever is thrown becomes a failure with a code', () => {
  const fromCore = Object.assign(new Error('the box has no area'), {code: 'prompt.empty-box', hint: 'draw a larger one'})
  assert.deepEqual(failureFrom(fromCore), {code: 'prompt.empty-box', message: 'the box has no area', hint: 'draw a larger one'})
  assert.equal(failureFrom(new WebAssembly.RuntimeError('unreachable')).code, 'page.crashed')
  assert.deepEqual(failureFrom(new TypeError('x is not a function')), {code: 'page.unexpected', message: 'x is not a function', hint: ''})
  assert.equal(failureFrom(new PageError('page.no-simd')).code, 'page.no-simd')
})
