/**
 * What a frame costs while a picture of 12 megapixels with 250 objects is moved, in Chromium.
 *
 *     node tests/e2e/pan.mjs [FOLDER]     FOLDER: what is served, www by default
 *
 * Prints the median of the main thread's work in a frame. On a quiet machine it is to be 8 ms at most; the test allows for
 * a noisy one (PAN_LIMIT_MS).
 */

import assert from 'node:assert/strict'
import {after, before, test} from 'node:test'

import {packSession} from '../../www/archive.js'
import {serveStandIn} from './standin.mjs'
import {launchChromium} from './support.mjs'

/** @import {Browser} from 'playwright-core' */
/** @import {Box, Item} from '../../www/types.js' */

const SIZE = {width: 4000, height: 3000}
const N_OBJECTS = 250
const N_FRAMES = 120
const LIMIT_MS = Number(process.env.PAN_LIMIT_MS ?? 24)

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

/** A blob with a wavy edge, as a nucleus has. @param {number} i @returns {Item} */
function object(i) {
  const [columns, side] = [20, 120 + (i % 5) * 12]
  const [x, y] = [40 + (i % columns) * 195, 30 + Math.floor(i / columns) * 225]
  const bytes = new Uint8Array(side * side)
  let areaPx = 0
  for (let v = 0; v < side; v++) {
    for (let u = 0; u < side; u++) {
      const [dx, dy] = [(2 * u + 1) / side - 1, (2 * v + 1) / side - 1]
      const edge = 0.85 + 0.1 * Math.sin(7 * Math.atan2(dy, dx) + i)
      if (Math.hypot(dx, dy) > edge) continue
      bytes[v * side + u] = 1
      areaPx++
    }
  }
  const box = /** @type {Box} */ ([x, y, x + side, y + side])
  const mask = {region: /** @type {const} */ ([x, y, side, side]), bytes, areaPx, score: 0.9, key: ['classy', 'default', 'auto', 0, ...box].join(' ')}
  return {id: i + 1, name: '', colour: i, sliceIdx: 0, box, visible: true, locked: false, mask}
}

test('moving a picture of 12 megapixels with 250 objects is fluid', async () => {
  const blob = new Blob([JSON.stringify({...SIZE, kind: 'grey'})])
  const items = Array.from({length: N_OBJECTS}, (_, i) => object(i))
  const session = await packSession({
    source: {blob, name: 'slide.png', demo: null}, size: SIZE, sliceIdx: 0, mode: 'default', model: null, refused: [],
    work: {items, lastItemId: N_OBJECTS, classChoice: 'auto', window: null, pixelMm: null},
  })
  const context = await browser.newContext({viewport: {width: 1280, height: 800}})
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  await page.goto(server.url)
  await page.locator('[data-part="page"]').waitFor() // shown once it listens
  await page.locator('[data-part="fileInput"]').setInputFiles({name: 'slide.medbox', mimeType: 'application/zip', buffer: Buffer.from(session)})
  await page.locator(`.objects > li:nth-child(${N_OBJECTS})[data-progress="done"]`).waitFor()
  await page.waitForTimeout(1000)

  const devtools = await context.newCDPSession(page)
  await devtools.send('Performance.enable', {timeDomain: 'threadTicks'}) // The thread's own time: what others do on the machine does not count.
  const workMs = async () => {
    const {metrics} = await devtools.send('Performance.getMetrics')
    return 1000 * (metrics.find(({name}) => name === 'TaskDuration')?.value ?? NaN)
  }
  const frame = () => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))))
  const seen = () => page.evaluate(() => /** @type {HTMLCanvasElement} */ (document.querySelector('canvas')).toDataURL().slice(-20_000))
  /** @param {number} zooms */
  const pan = async (zooms) => {
    await page.mouse.move(500, 400)
    for (let i = 0; i < zooms; i++) await page.keyboard.press('+')
    await frame()
    const before = await seen()
    await page.mouse.down({button: 'middle'})
    const costs = []
    for (let i = 0; i < N_FRAMES; i++) {
      const started = await workMs()
      // The browser hands a move to the page within a frame, and tells when that is over.
      await page.mouse.move(500 + 90 * Math.sin(i / 12), 400 + 90 * Math.cos(i / 9))
      costs.push((await workMs()) - started)
    }
    const moved = await seen()
    await page.mouse.up({button: 'middle'})
    assert.notEqual(moved, before, 'the picture went with the hand')
    costs.sort((a, b) => a - b)
    return {median: costs[N_FRAMES >> 1] ?? NaN, slow: costs[Math.floor(N_FRAMES * 0.95)] ?? NaN}
  }
  for (const [words, zooms] of /** @type {const} */ ([['as a whole', 0], ['enlarged', 6]])) {
    const {median, slow} = await pan(zooms)
    console.log(`# ${words}: ${median.toFixed(1)} ms a frame in the median, ${slow.toFixed(1)} ms in the slowest twentieth`)
    assert.ok(median <= LIMIT_MS, `${median.toFixed(1)} ms a frame`)
  }
  await context.close()
})
