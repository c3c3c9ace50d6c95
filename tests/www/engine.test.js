import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createEngine} from '../../www/engine.js'
import {Ended} from '../../www/worker-client.js'

/** @import {WorkerClient} from '../../www/worker-client.js' */

/** A worker's client that writes down what it is asked. @param {(call: string) => unknown} [answer] */
function notebook(answer = () => ({})) {
  let running = false
  /** @type {string[]} */
  const calls = []
  const client = {
    /** @param {string} call */
    async request(call) {
      running = true
      calls.push(call)
      return answer(call)
    },
    end() {
      running = false
    },
    isRunning: () => running,
  }
  return {calls, client: /** @type {WorkerClient} */ (/** @type {unknown} */ (client))}
}

const MODEL = {manifest: '{}', encoder: new Blob(['e']), decoder: new Blob(['d'])}
const MODULE = Promise.resolve(/** @type {WebAssembly.Module} */ ({}))

test('a worker is brought up once, in order', async () => {
  const {calls, client} = notebook()
  const engine = createEngine(client)
  engine.setModule(MODULE)
  await engine.load(MODEL)
  await engine.open(new Blob(['p']))
  await engine.ask('encode', {})
  await engine.ask('encode', {})
  assert.deepEqual(calls, ['start', 'load', 'open', 'encode', 'encode'])
})

test('after it was ended, a worker is rebuilt with the model and the picture', async () => {
  const {calls, client} = notebook()
  const engine = createEngine(client)
  engine.setModule(MODULE)
  await engine.load(MODEL)
  await engine.open(new Blob(['p']))
  engine.end()
  calls.length = 0
  await engine.ask('segment', {boxes: [], mode: 'default', classChoice: 'auto'})
  assert.deepEqual(calls, ['start', 'load', 'open', 'segment'])
})

test('a worker that is rebuilt shows the picture through the window that was chosen, another picture does not', async () => {
  const {calls, client} = notebook()
  const engine = createEngine(client)
  engine.setModule(MODULE)
  await engine.load(MODEL)
  await engine.open(new Blob(['p']))
  await engine.ask('setWindow', {level: 40, width: 400})
  engine.end()
  calls.length = 0
  await engine.ask('encode', {})
  assert.deepEqual(calls, ['start', 'load', 'open', 'setWindow', 'encode'])
  calls.length = 0
  await engine.open(new Blob(['q']))
  assert.deepEqual(calls, ['open'])
})

test('another model opens the picture again', async () => {
  const {calls, client} = notebook()
  const engine = createEngine(client)
  engine.setModule(MODULE)
  await engine.load(MODEL)
  await engine.open(new Blob(['p']))
  await engine.load({...MODEL})
  await engine.ask('encode', {})
  assert.deepEqual(calls, ['start', 'load', 'open', 'load', 'open', 'encode'])
})

test('a picture that cannot be opened leaves the one before in the worker', async () => {
  let refuse = false
  const {calls, client} = notebook((call) => {
    if (call === 'open' && refuse) throw {code: 'open.empty', message: 'the file is empty', hint: ''}
    return {}
  })
  const engine = createEngine(client)
  engine.setModule(MODULE)
  await engine.load(MODEL)
  await engine.open(new Blob(['p']))
  refuse = true
  await assert.rejects(engine.open(new Blob([])), {code: 'open.empty'})
  await engine.ask('encode', {})
  assert.deepEqual(calls, ['start', 'load', 'open', 'open', 'encode'])
})

test('what was ended is told as ended', () => {
  assert.equal(new Ended().name, 'Ended')
})
