import assert from 'node:assert/strict'
import {test} from 'node:test'

import {createPool} from '../../www/pool.js'
import {Ended} from '../../www/worker-client.js'

/** @import {Box, Failure} from '../../www/types.js' */
/** @import {Part} from '../../www/protocol.js' */
/** @import {WorkerClient} from '../../www/worker-client.js' */

/**
 * A pool whose workers are the test's: each writes down what it is asked, and answers when the test lets it.
 * @param {{size: number, plan?: Part[], idleMs?: number}} options
 */
function pool({size, plan = [], idleMs = 100}) {
  const memory = {bytes: 1000}
  /** @type {{calls: string[], ended: boolean, let: (() => void)[], fail: ((failure: Failure) => void)[]}[]} */
  const workers = []
  /** @type {Failure[]} */
  const restarts = []
  /** @type {readonly number[]} */
  let told = []
  /** Calls that are answered only when the test says so. */
  const slow = new Set()
  /** Views that each plan was told it may use for nothing. @type {string[][]} */
  const known = []
  const createClient = () => {
    const worker = {calls: /** @type {string[]} */ ([]), ended: false, let: /** @type {(() => void)[]} */ ([]), fail: /** @type {((failure: Failure) => void)[]} */ ([])}
    workers.push(worker)
    const answers = /** @type {Record<string, (ask: any) => unknown>} */ ({
      encode: () => ({probabilities: [1], ms: 4000, kept: {probabilities: [1], features: []}}),
      plan: (ask) => {
        known.push(ask.known.map(String))
        return plan
      },
      segment: ({boxes}) => ({masks: boxes.map((/** @type {Box} */ box) => ({region: box, bytes: new Uint8Array(), areaPx: box[0], score: 1})), run: {ms: 5, encodes: 1, tiles: 1}}),
    })
    /** @type {((reason: unknown) => void)[]} */
    const open = []
    const client = {
      /** @param {string} call @param {any} ask */
      request(call, ask) {
        if (worker.ended) return Promise.reject(new Ended())
        worker.calls.push(call === 'segment' ? `segment ${ask.view.join(' ')}` : call)
        const answer = (answers[call] ?? (() => ({})))(ask)
        return new Promise((resolve, reject) => {
          open.push(reject)
          worker.fail.push(reject)
          if (slow.has(call)) worker.let.push(() => resolve(answer))
          else resolve(answer)
        })
      },
      end() {
        worker.ended = true
        open.forEach((reject) => reject(new Ended()))
      },
      bytes: () => memory.bytes,
    }
    return /** @type {WorkerClient} */ (/** @type {unknown} */ (client))
  }
  const made = createPool({size, bytesMax: 2000, idleMs, createClient, onRestart: (failure) => restarts.push(failure), onChange: (list) => (told = list)})
  made.setModule(Promise.resolve(/** @type {WebAssembly.Module} */ ({})))
  return {pool: made, workers, restarts, slow, memory, known, told: () => told}
}

const MODEL = {manifest: '{}', encoder: new Blob(['e']), decoder: new Blob(['d'])}
const SIZE = {width: 100, height: 80}
const CRASH = {code: 'page.crashed', message: 'unreachable', hint: ''}
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))
/** Boxes that are told apart by their left side. @param {number} n @returns {Box[]} */
const boxes = (n) => Array.from({length: n}, (_, i) => /** @type {const} */ ([i, 0, i + 9, 9]))
const LIST = {job: 9, size: SIZE, mode: /** @type {const} */ ('default'), classChoice: 'auto', isPreview: false}
/** @type {Part[]} */
const TWO_TILES = [{view: [0, 0, 20, 20], boxes: [0, 2]}, {view: [40, 0, 20, 20], boxes: [1]}]

/** With a picture open and looked at. @param {Parameters<typeof pool>[0]} options */
async function opened(options) {
  const all = pool(options)
  await all.pool.load(MODEL)
  await all.pool.open(1, new Blob(['p']))
  await all.pool.encode(2, SIZE)
  return all
}

test('one worker is brought up, once and in order', async () => {
  const {pool, workers} = await opened({size: 3})
  await pool.ask(3, 'overlay', {objects: []})
  assert.deepEqual(workers.map(({calls}) => calls), [['start', 'load', 'open', 'encode', 'overlay']])
})

test('tiles are encoded side by side, and each box gets its own mask', async () => {
  const {pool, workers, slow} = await opened({size: 3, plan: TWO_TILES})
  slow.add('segment')
  /** @type {Map<number, number>} */
  const found = new Map()
  const done = pool.segment({...LIST, boxes: boxes(3)}, ({at, masks}) => at.forEach((place, i) => found.set(place, masks[i]?.areaPx ?? -1)))
  await settled()
  assert.deepEqual(workers.map(({calls}) => calls.at(-1)), ['segment 0 0 20 20', 'segment 40 0 20 20'])
  workers[1]?.let.pop()?.()
  await settled()
  assert.deepEqual([...found], [[1, 1]], 'parts come as they are made')
  workers[0]?.let.pop()?.()
  await done
  assert.deepEqual([0, 1, 2].map((place) => found.get(place)), [0, 1, 2])
})

test('a fresh worker is given the whole picture’s encoding rather than made to repeat it', async () => {
  const {pool, workers, slow} = await opened({size: 2, plan: TWO_TILES})
  slow.add('segment')
  pool.segment({...LIST, boxes: boxes(3).slice(0, 1)}, () => {}).catch(() => {})
  await settled()
  const preview = pool.segment({...LIST, job: 10, boxes: boxes(1), mode: 'challenge', isPreview: true}, () => {})
  await settled()
  assert.deepEqual(workers[1]?.calls.slice(0, 3), ['start', 'load', 'open'])
  workers[1]?.let.pop()?.()
  workers[0]?.let.pop()?.()
  await settled()
  workers.forEach((worker) => worker.let.pop()?.())
  await preview
  const calls = workers.flatMap(({calls}) => calls)
  assert.equal(calls.filter((call) => call === 'encode').length, 1)
})

test('cancelling ends the worker that does it and no other; what it had is made again', async () => {
  const {pool, workers, slow} = await opened({size: 3, plan: TWO_TILES})
  slow.add('segment').add('export')
  const list = pool.segment({...LIST, boxes: boxes(3)}, () => {})
  const stopped = assert.rejects(list, Ended)
  await settled()
  const saved = pool.ask(6, 'export', {what: 'label', fileName: '', size: SIZE, objects: []})
  await settled()
  slow.clear()
  pool.cancel([9])
  await stopped
  const [saving, ...did] = [...workers].sort((a, b) => Number(b.calls.includes('export')) - Number(a.calls.includes('export')))
  assert.deepEqual([saving?.ended, ...did.map(({ended}) => ended)], [false, true, true], 'two did it, the third something else')
  saving?.let.pop()?.()
  await saved
  await pool.segment({...LIST, job: 10, boxes: boxes(1), mode: 'challenge'}, () => {})
  assert.deepEqual(workers.at(-1)?.calls.slice(-2), ['adopt', 'segment 0 0 100 80'])
})

test('what waits for a cancelled job is dropped, what others wait for is done', async () => {
  const {pool, workers, slow} = await opened({size: 1})
  slow.add('encode')
  pool.encode(5, SIZE).catch(() => {})
  const saved = pool.ask(6, 'export', {what: 'label', fileName: '', size: SIZE, objects: []})
  await settled()
  pool.cancel([5])
  await saved
  assert.equal(workers[0]?.ended, true)
  assert.deepEqual(workers[1]?.calls, ['start', 'export'], 'a label map needs neither model nor picture')
})

test('of a job that is dropped while it is cut into parts no part is done', async () => {
  const {pool, workers, slow} = await opened({size: 1, plan: TWO_TILES})
  slow.add('plan')
  const masks = pool.segment({...LIST, boxes: boxes(3)}, () => {})
  await settled()
  pool.drop([LIST.job])
  workers[0]?.let.pop()?.()
  await assert.rejects(masks, Ended)
  assert.ok(!workers[0]?.calls.some((call) => call.startsWith('segment')))
  assert.equal(workers[0]?.ended, false)
})

test('light steps go to an idle worker while another encodes', async () => {
  const {pool, workers, slow} = await opened({size: 2})
  slow.add('encode')
  const encoded = pool.encode(5, SIZE)
  await pool.ask(6, 'export', {what: 'label', fileName: '', size: SIZE, objects: []})
  assert.deepEqual(workers[1]?.calls, ['start', 'export'])
  workers[0]?.let.pop()?.()
  await encoded
})

test('a worker that breaks down is replaced, and its step is done once more', async () => {
  const {pool, workers, slow, restarts} = await opened({size: 1})
  slow.add('overlay')
  const saved = pool.ask(6, 'overlay', {objects: []})
  await settled()
  slow.clear()
  workers[0]?.fail.at(-1)?.(CRASH)
  await saved
  assert.deepEqual(restarts, [CRASH])
  assert.equal(workers[0]?.ended, true)
  assert.deepEqual(workers[1]?.calls, ['start', 'load', 'open', 'overlay'])
})

test('a step that breaks two workers fails', async () => {
  const {pool, workers, slow, restarts} = await opened({size: 1})
  slow.add('overlay')
  const saved = pool.ask(6, 'overlay', {objects: []})
  const failed = assert.rejects(saved, CRASH)
  await settled()
  workers[0]?.fail.at(-1)?.(CRASH)
  await settled()
  workers[1]?.fail.at(-1)?.(CRASH)
  await failed
  assert.equal(restarts.length, 1)
})

test('a picture that cannot be opened leaves the one before where it was', async () => {
  const {pool, workers, slow} = await opened({size: 1})
  slow.add('open')
  const opening = pool.open(5, new Blob(['?']))
  const refused = assert.rejects(opening, {code: 'open.empty'})
  await settled()
  workers[0]?.fail.at(-1)?.({code: 'open.empty', message: 'the file is empty', hint: ''})
  await refused
  await pool.ask(6, 'overlay', {objects: []})
  assert.deepEqual(workers[0]?.calls, ['start', 'load', 'open', 'encode', 'open', 'overlay'])
})

test('another model opens the picture again, another picture is encoded again', async () => {
  const {pool, workers} = await opened({size: 1})
  await pool.load({...MODEL})
  await pool.segment({...LIST, boxes: boxes(1), mode: 'challenge'}, () => {})
  assert.deepEqual(workers[0]?.calls.slice(4), ['load', 'open', 'segment 0 0 100 80'])
})

test('of two models that load at a time the newer one is used, also when the older one is there last', async () => {
  const {pool: made, workers, slow} = pool({size: 2})
  slow.add('load')
  const older = made.load(MODEL)
  await settled()
  const newer = made.load({...MODEL})
  await settled()
  workers[1]?.let.pop()?.()
  await newer
  workers[0]?.let.pop()?.()
  await older
  await made.open(1, new Blob(['p']))
  assert.deepEqual(workers.map(({calls}) => calls), [['start', 'load'], ['start', 'load', 'open']])
})

test('every worker shows the picture through the window that was set', async () => {
  const {pool, workers, slow} = await opened({size: 2})
  await pool.setWindow(3, {level: 40, width: 400})
  slow.add('encode')
  pool.encode(4, SIZE).catch(() => {})
  await settled()
  await pool.ask(5, 'overlay', {objects: []})
  assert.deepEqual(workers[1]?.calls, ['start', 'load', 'open', 'setWindow', 'overlay'])
})

test('of another picture no worker has seen anything', async () => {
  const {pool, workers, known} = await opened({size: 2, plan: TWO_TILES})
  await pool.segment({...LIST, boxes: boxes(3)}, () => {})
  await pool.segment({...LIST, boxes: boxes(3)}, () => {})
  await pool.open(11, new Blob(['q']))
  await pool.segment({...LIST, boxes: boxes(3)}, () => {})
  assert.equal(workers.length, 2)
  const whole = '0,0,100,80'
  assert.deepEqual(known.map((views) => views.toSorted()), [[whole], [whole, '0,0,20,20', '40,0,20,20'], []])
})

test('a window that was set on a picture is not that of the next one', async () => {
  const {pool, workers, slow} = await opened({size: 2, plan: TWO_TILES})
  await pool.segment({...LIST, boxes: boxes(3)}, () => {})
  slow.add('setWindow')
  const older = pool.setWindow(11, {width: 40, level: 400})
  await settled()
  await pool.open(12, new Blob(['q']))
  slow.delete('setWindow')
  workers.forEach(({let: answer}) => answer.pop()?.())
  await older
  await Promise.all([pool.encode(13, SIZE), pool.ask(14, 'overlay', {objects: []})])
  assert.equal(workers.flatMap(({calls}) => calls).filter((call) => call === 'setWindow').length, 1)
})

test('memory is told, and a worker that has too much is not kept for another picture', async () => {
  const {pool, workers, memory, told} = await opened({size: 2})
  assert.deepEqual(told(), [1000])
  memory.bytes = 3000
  await pool.open(7, new Blob(['q']))
  assert.deepEqual(workers.map(({ended}) => ended), [true, false])
})

test('a second worker that has nothing to do is ended, the first is kept', async () => {
  const {pool, workers, slow, told} = await opened({size: 2, plan: TWO_TILES, idleMs: 20})
  slow.add('segment')
  const done = pool.segment({...LIST, boxes: boxes(3)}, () => {})
  await settled()
  assert.equal(told().length, 2)
  workers.forEach((worker) => worker.let.pop()?.())
  await done
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(told().length, 1)
})

test('a window that was asked for on a picture is not set on the one that was opened before it came to that', async () => {
  const {pool, workers, slow} = await opened({size: 2})
  slow.add('encode').add('load')
  const encoding = pool.encode(11, SIZE)
  await pool.ask(12, 'readBoxes', {bytes: new ArrayBuffer(0), size: SIZE, name: ''})
  const older = pool.setWindow(13, {width: 40, level: 400}) // By the second worker, which has no model yet.
  await settled()
  workers[0]?.let.pop()?.()
  await encoding
  await pool.open(14, new Blob(['q']))
  workers[1]?.let.pop()?.()
  await assert.rejects(older, {message: 'another picture was opened'})
  assert.ok(!workers.flatMap(({calls}) => calls).includes('setWindow'))
})
