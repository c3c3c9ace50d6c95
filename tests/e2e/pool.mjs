/**
 * How work is spread over workers, in Chromium, over a core that stands in for the wasm module: how long a look takes is
 * known to the millisecond.
 *
 *     node tests/e2e/pool.mjs [FOLDER]     FOLDER: what is served, www by default
 */

import assert from 'node:assert/strict'
import {after, before, test} from 'node:test'

import {cornersOnScreen, launchChromium, soon} from './support.mjs'
import {pictureFile, serveStandIn} from './standin.mjs'

/** @import {Browser, Page} from 'playwright-core' */
/** @import {Recipe} from './standin/core.mjs' */
/** @import {Box} from '../../www/types.js' */

const WAIT_MS = 180_000
const LOOK_MS = 3000
/** @type {Recipe} */
const PICTURE = {width: 1600, height: 1200, kind: 'grey', encodeMs: LOOK_MS}
/** Boxes from this column on break the module, whichever worker has them. */
const BREAKS_FROM = 1000
/** Small boxes, each with a look of its own. @param {number} n @returns {Box[]} */
const smallBoxes = (n) => Array.from({length: n}, (_, i) => /** @type {const} */ ([100 + 200 * i, 100, 170 + 200 * i, 170]))

/** @type {Browser} */
let browser
/** @type {Awaited<ReturnType<typeof serveStandIn>>} */
let server

before(async () => {
  server = await serveStandIn()
  browser = await launchChromium()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** @param {Page} page @param {string} name */
const part = (page, name) => page.locator(`[data-part="${name}"]`)
/** @param {Page} page @param {number} n */
const masksDone = (page, n) => page.locator(`.objects:not(:has([data-progress="pending"])) > li:nth-child(${n})[data-progress="done"]`).waitFor()

/** A fresh profile with the picture open, and what went wrong in it. @param {number} workers @param {Recipe} [picture] */
async function openPicture(workers, picture = PICTURE) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}})
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  /** @type {string[]} */
  const problems = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(`${server.url}?workers=${workers}`)
  await page.locator('[data-part="page"]').waitFor() // shown once it listens
  await part(page, 'fileInput').setInputFiles(pictureFile('picture.png', picture))
  await page.getByText('Ready: drag a box around a structure').first().waitFor()
  return {context, page, problems}
}

/** @param {Page} page @param {Box} box */
async function drawBox(page, box) {
  const viewer = await part(page, 'canvas').boundingBox()
  assert.ok(viewer)
  const [from, to] = cornersOnScreen(box, PICTURE, viewer)
  assert.ok(from && to)
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y, {steps: 3})
  await page.mouse.up()
}

/** Boxes with masks from the whole picture; then all are looked at closer at once. @param {Page} page @param {number} n */
async function lookCloser(page, n) {
  await part(page, 'closer').click()
  for (const [i, box] of smallBoxes(n).entries()) {
    await drawBox(page, box)
    await masksDone(page, i + 1)
  }
  await part(page, 'closer').click()
  // The masks from before count as done until the frame that shows them being made again.
  await page.locator('.object[data-progress="pending"]').first().waitFor()
}

test('six closer looks are shared by three workers, and masks appear as they are made', {timeout: WAIT_MS}, async () => {
  const {context, page, problems} = await openPicture(3)
  assert.equal(page.workers().length, 1, 'what one does at once starts no second')
  await lookCloser(page, 6)
  // In one look at the page: the first are there before the last.
  await page.waitForFunction(() => {
    const n = (/** @type {string} */ progress) => document.querySelectorAll(`.object[data-progress="${progress}"]`).length
    return n('done') >= 3 && n('pending') > 0
  })
  await masksDone(page, 6)
  assert.equal(page.workers().length, 3)
  const [, seconds] = /last mask ([\d.]+) s · 6 closer looks/.exec(await part(page, 'lastRun').innerText()) ?? []
  console.log(`# six looks of ${LOOK_MS / 1000} s each by three workers: ${seconds} s`)
  assert.ok(Number(seconds) < 0.8 * 6 * (LOOK_MS / 1000), `${seconds} s: they were not made side by side`)
  await soon(async () => assert.match((await part(page, 'deviceFacts').textContent()) ?? '', /Workers: 3 of at most 3 run\. Memory of each: .+ \+ .+ \+ /))
  assert.deepEqual(problems, [])
  await context.close()
})

test('one worker does the same, one look after the other', {timeout: WAIT_MS}, async () => {
  const {context, page, problems} = await openPicture(1)
  await lookCloser(page, 3)
  await masksDone(page, 3)
  assert.equal(page.workers().length, 1)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a box that is dragged has its preview while others are looked at closer', {timeout: WAIT_MS}, async () => {
  const {context, page, problems} = await openPicture(3)
  await lookCloser(page, 6)
  const viewer = await part(page, 'canvas').boundingBox()
  assert.ok(viewer)
  const [from, to] = cornersOnScreen([200, 500, 900, 1000], PICTURE, viewer)
  assert.ok(from && to)
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y, {steps: 3})
  // While the others are still being looked at.
  await page.waitForFunction(() => {
    const seventh = document.querySelector('.object:nth-child(7)')
    const isThere = seventh?.matches('[data-progress="done"]') || seventh?.querySelector('.object-facts')?.textContent?.includes('px')
    return isThere && document.querySelector('.object:not(:nth-child(7))[data-progress="pending"]') !== null
  })
  await page.mouse.up()
  await masksDone(page, 7)
  assert.deepEqual(problems, [])
  await context.close()
})

test('stopping ends the looks, and what was seen of the picture stays', {timeout: WAIT_MS}, async () => {
  const longMs = 15_000 // What is sooner on any machine had no look.
  const {context, page, problems} = await openPicture(3, {...PICTURE, encodeMs: longMs})
  await lookCloser(page, 6)
  await part(page, 'cancel').click()
  await page.waitForFunction(() => !document.querySelector('[data-progress="pending"]'))
  // A large box needs no look: the whole picture's encoding was kept, though all that had it were ended.
  const asked = Date.now()
  await drawBox(page, [200, 500, 900, 1000])
  await page.locator('.object:nth-child(7)[data-progress="done"]').waitFor()
  const ms = Date.now() - asked
  console.log(`# after all workers were ended, a box has its mask in ${ms} ms; a look takes ${longMs} ms`)
  assert.ok(ms < longMs, `${ms} ms: the picture was looked at again`)
  await soon(async () => assert.doesNotMatch(await part(page, 'statusText').innerText(), /Looking at the picture|Stopped/))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a worker that breaks down is started again, the page says so, and the work goes on', {timeout: WAIT_MS}, async () => {
  const {context, page} = await openPicture(2)
  const [worker] = page.workers()
  assert.ok(worker)
  // The next thing that it is asked throws where nobody catches it, as a module that runs out of memory may.
  await worker.evaluate(() => self.addEventListener('message', () => { throw new Error('broken by a test') }))
  await drawBox(page, [200, 500, 900, 1000])
  await masksDone(page, 1)
  await soon(async () => assert.equal(await part(page, 'noteText').innerText(), 'A worker broke down and was started again; the work went on.'))
  await part(page, 'noteClose').click()
  await drawBox(page, [1000, 500, 1500, 1000])
  await masksDone(page, 2)
  await soon(async () => assert.equal(await part(page, 'note').isVisible(), false))
  await context.close()
})

test('a worker that breaks down whatever is done says so and keeps what was made', {timeout: WAIT_MS}, async () => {
  const {context, page} = await openPicture(1, {...PICTURE, breakFrom: BREAKS_FROM - 20})
  await drawBox(page, [200, 500, 900, 1000])
  await masksDone(page, 1)
  await drawBox(page, [BREAKS_FROM, 500, 1500, 1000])
  await page.getByRole('alert').waitFor()
  await soon(async () => assert.match(await page.getByRole('alert').innerText(), /^The worker broke down: .*broken by a test/))
  await soon(async () => assert.equal(await page.locator('.object[data-progress="done"]').count(), 1))
  await context.close()
})
