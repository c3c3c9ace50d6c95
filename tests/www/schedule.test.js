import assert from 'node:assert/strict'
import {test} from 'node:test'

import {bytesPerWorker, cut, expectedMs, nextStep, RANK, workersFor} from '../../www/schedule.js'

/** @import {Runner, Waiting} from '../../www/schedule.js' */

/** @param {Partial<Waiting>} task @returns {Waiting} */
const task = (task) => ({rank: RANK.masks, job: 1, needs: 'picture', view: 'whole', encodes: false, boxes: 1, ...task})
/** @param {Partial<Runner>} worker @returns {Runner} */
const worker = (worker) => ({busy: false, level: 'picture', views: new Set(), making: null, ms: 0, ...worker})
/** A tile that somebody has to encode. @param {string} view */
const tile = (view) => task({view, encodes: true})

const FAST_START = {free: 2, costs: {start: 100, encode: 4000, box: 50}, held: false}
const SLOW_START = {free: 2, costs: {start: 2000, encode: 100, box: 10}, held: false}

test('the first task starts the first worker', () => {
  assert.deepEqual(nextStep([task({})], [], SLOW_START), {task: 0, worker: null})
  assert.equal(nextStep([], [worker({})], SLOW_START), null)
})

test('a decode goes where its view was encoded', () => {
  const workers = [worker({}), worker({views: new Set(['tile'])})]
  assert.deepEqual(nextStep([tile('tile')], workers, FAST_START), {task: 0, worker: 1})
})

test('a decode waits for the busy worker that has or makes its view, and others go past it', () => {
  const making = [worker({busy: true, making: 'tile'}), worker({})]
  assert.equal(nextStep([tile('tile')], making, FAST_START), null)
  assert.deepEqual(nextStep([tile('tile'), tile('other')], making, FAST_START), {task: 1, worker: 1})
  const having = [worker({busy: true, views: new Set(['tile'])}), worker({})]
  assert.equal(nextStep([tile('tile')], having, FAST_START), null)
})

test('the whole picture can be handed over, so nobody waits for it', () => {
  const workers = [worker({busy: true, views: new Set(['whole']), making: 'whole'}), worker({})]
  assert.deepEqual(nextStep([task({})], workers, FAST_START), {task: 0, worker: 1})
})

test('of idle workers the one that has most is taken', () => {
  const workers = [worker({level: 'core'}), worker({level: 'picture'}), worker({level: 'model'})]
  assert.deepEqual(nextStep([tile('a')], workers, FAST_START), {task: 0, worker: 1})
})

test('light steps and previews go before masks, and of masks the newest first', () => {
  const queue = [task({job: 1}), task({job: 2}), task({rank: RANK.light, job: 3}), task({rank: RANK.preview, job: 4})]
  /** @type {number[]} */
  const jobs = []
  while (queue.length > 0) {
    const step = nextStep(queue, [worker({})], FAST_START)
    assert.ok(step)
    jobs.push(...queue.splice(step.task, 1).map(({job}) => job))
  }
  assert.deepEqual(jobs, [4, 3, 2, 1])
})

test('another worker is started when all are busy and waiting would take longer', () => {
  const busy = [worker({busy: true, making: 'a', ms: 100})]
  assert.deepEqual(nextStep([tile('b')], busy, FAST_START), {task: 0, worker: null})
  assert.equal(nextStep([tile('b')], busy, SLOW_START), null, 'a start of 2 s is not worth an encode of 0.1 s')
  const many = Array.from({length: 30}, (_, i) => tile(`tile ${i}`))
  assert.deepEqual(nextStep(many, busy, SLOW_START), {task: 0, worker: null}, 'it is worth thirty')
  assert.equal(nextStep(many, busy, {...SLOW_START, free: 0}), null, 'but there are not more than there may be')
})

test('what is light waits for a decode, not for an encode', () => {
  const light = task({rank: RANK.light, view: null, boxes: 0})
  assert.equal(nextStep([light], [worker({busy: true, ms: 50})], FAST_START), null)
  assert.deepEqual(nextStep([light], [worker({busy: true, ms: 4000})], FAST_START), {task: 0, worker: null})
  const {costs} = FAST_START
  assert.equal(expectedMs(tile('a'), new Set(), costs), 4050)
  assert.equal(expectedMs(tile('a'), new Set(['a']), costs), 50)
})

test('what needs the core alone does not wait behind an encode', () => {
  const busy = [worker({busy: true, making: 'whole'})]
  assert.deepEqual(nextStep([task({rank: RANK.light, needs: 'core', view: null})], busy, SLOW_START), {task: 0, worker: null})
})

test('while a person draws, masks leave one worker free', () => {
  const held = {...FAST_START, free: 0, held: true}
  assert.equal(nextStep([tile('a')], [worker({})], held), null)
  assert.deepEqual(nextStep([tile('a')], [worker({}), worker({})], held), {task: 0, worker: 0})
  assert.deepEqual(nextStep([tile('a'), task({rank: RANK.preview})], [worker({})], held), {task: 1, worker: 0})
})

test('long lists are cut, and boxes of one view stay in order', () => {
  const boxes = Array.from({length: 40}, (_, i) => i)
  const parts = cut([{view: [0, 0, 9, 9], boxes}, {view: [1, 1, 3, 3], boxes: [40]}])
  assert.deepEqual(parts.map((part) => part.boxes.length), [16, 16, 8, 1])
  assert.deepEqual(parts.flatMap((part) => part.boxes), [...boxes, 40])
})

test('a core is left for the page, and memory is not promised twice', () => {
  assert.equal(workersFor({hardwareConcurrency: 1, deviceMemory: 8}), 1)
  assert.equal(workersFor({hardwareConcurrency: 2, deviceMemory: 8}), 1)
  assert.equal(workersFor({hardwareConcurrency: 8, deviceMemory: 8}), 7)
  assert.equal(workersFor({hardwareConcurrency: 16, deviceMemory: 2}), 2)
  assert.equal(workersFor({hardwareConcurrency: 16, deviceMemory: 0.5}), 1)
  assert.equal(workersFor({hardwareConcurrency: 16}), 4, 'not told: four gigabytes')
  for (const deviceMemory of [1, 2, 4, 8]) {
    const workers = workersFor({hardwareConcurrency: 64, deviceMemory})
    assert.ok(workers * bytesPerWorker({deviceMemory}, workers) <= deviceMemory * 2 ** 30)
  }
})
