/**
 * The page's networks beside onnxruntime-web: the same ONNX files, one thread, one run of headless Chromium.
 *
 *     node tests/bench/browser.mjs [MODEL] [RUNS]     MODEL: a folder of www/models, the default model otherwise
 *
 * Prints a table, then one JSON object on the last line. CHROMIUM names the browser.
 */

import {readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

import {chromium} from 'playwright-core'

import {serve} from '../e2e/server.mjs'

/** @import {Job, Row, Times} from './page.js' */

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
const [model = readFileSync(`${REPOSITORY}models/default`, 'utf8').trim(), runs = '7'] = process.argv.slice(2)
/** @type {Job} */
const job = {
  model: `/www/models/${model}`,
  picture: '/www/demos/fundus-retina.jpg',
  box: [60, 60, 180, 190],
  nBoxes: 16,
  runs: Number(runs),
}

const server = await serve(REPOSITORY)
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking']
const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags})
try {
  const page = await browser.newPage()
  page.on('pageerror', (error) => console.error(error))
  await page.goto(`${server.url}tests/bench/index.html`)
  await page.waitForFunction('globalThis.measure')
  const rows = await page.evaluate((/** @type {Job} */ asked) => /** @type {any} */ (globalThis).measure(asked), job)
  print(rows)
} finally {
  await browser.close()
  await server.close()
}

/** @param {Row[]} rows onnxruntime-web's first */
function print(rows) {
  const theirs = /** @type {Row} */ (rows[0]).times
  const ratios = (/** @type {Times} */ ours) => ({
    encode: theirs.encode / ours.encode,
    decode1: theirs.decode1 / ours.decode1,
    decodeN: theirs.decodeN / ours.decodeN,
  })
  console.log(`${model} in Chromium ${browser.version()}, one thread, median of ${job.runs}: ms (times faster than onnxruntime-web)`)
  console.log(`${''.padEnd(24)}${['encode', '1 box', `${job.nBoxes} boxes`, 'equal pixels', 'loaded'].map((title) => title.padStart(18)).join('')}`)
  for (const {engine, loadMs, times, agreement} of rows) {
    const ratio = ratios(times)
    const cells = /** @type {(keyof Times)[]} */ (['encode', 'decode1', 'decodeN']).map((key) =>
      `${times[key].toFixed(1)} (${ratio[key].toFixed(2)}×)`.padStart(18))
    console.log(`${engine.padEnd(24)}${cells.join('')}${`${(agreement * 100).toFixed(2)} %`.padStart(18)}${(loadMs === null ? '' : `${loadMs.toFixed(0)} ms`).padStart(18)}`)
  }
  const json = rows.map((row) => ({...row, ratio: ratios(row.times)}))
  console.log(JSON.stringify({model, browser: browser.version(), runs: job.runs, n_boxes: job.nBoxes, rows: json}))
}
