/** A person's hands in Chromium: what its journeys share. Importing it starts the browser and the servers for the tests. */

import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {after, before} from 'node:test'

import {serve} from './server.mjs'
import {cornersOnScreen, demoOf, launchChromium, ROOT, sizeOfDemo} from './support.mjs'

/** @import {Browser, BrowserContext, Page} from 'playwright-core' */
/** @import {Box, Demo} from '../../www/types.js' */

/** The engine of a large model takes seconds for one look, on a busy machine many. */
export const SLOW_MS = 180_000

/** SLOWER=6 runs the page's own thread that many times slower: what is asserted before it can be true then fails. */
const SLOWER = Number(process.env.SLOWER ?? 1)

/** @type {Browser} */
export let browser
/** @type {Awaited<ReturnType<typeof serve>>} */
export let server
/** @type {Awaited<ReturnType<typeof serve>>} */
export let elsewhere

before(async () => {
  // Below a sub-path, as on many static hosts.
  server = await serve(ROOT, {prefix: '/some/path/'})
  elsewhere = await serve(ROOT)
  browser = await launchChromium()
})
after(async () => {
  await browser?.close()
  await server?.close()
  await elsewhere?.close()
})

/** A fresh profile with the page open, and a list of everything that went wrong in it. @param {string} [query] */
export async function openPage(query = '') {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, acceptDownloads: true})
  context.setDefaultTimeout(SLOW_MS)
  return {context, ...(await openTab(context, query))}
}

/** Another tab of a profile. @param {BrowserContext} context @param {string} [query] */
export async function openTab(context, query = '') {
  const page = await context.newPage()
  if (SLOWER > 1) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', {rate: SLOWER})
  /** @type {string[]} */
  const problems = []
  /** @type {string[]} */
  const requests = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  context.on('request', (request) => requests.push(request.url()))
  await page.goto(server.url + query)
  await part(page, 'page').waitFor() // shown once it listens
  return {page, problems, requests}
}

/** @param {Page} page @param {string} name */
export const part = (page, name) => page.locator(`[data-part="${name}"]`)

/** @param {Page} page @param {Demo} demo */
export async function openDemo(page, demo) {
  await page.getByRole('button', {name: demo.title}).click()
  await readyForBox(page)
}
/** What was done is painted with the next frame. @param {Page} page */
export const painted = (page) => page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)) }))
/** @param {Page} page */
export const readyForBox = (page) => page.getByText('Ready: drag a box around a structure').first().waitFor()

/** Drags with the mouse, in steps as a hand does. @param {Page} page @param {{x: number, y: number}} from @param {{x: number, y: number}} to */
export async function drag(page, from, to) {
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, {steps: 3})
  await page.mouse.move(to.x, to.y, {steps: 3})
  await page.mouse.up()
}

/** Draws a box with the mouse. @param {Page} page @param {Demo} demo @param {Box} [box] */
export async function drawBox(page, demo, box = demo.box) {
  const viewer = await part(page, 'canvas').boundingBox()
  assert.ok(viewer)
  const [from, to] = cornersOnScreen(box, sizeOfDemo(demo.file), viewer)
  assert.ok(from && to)
  await drag(page, from, to)
}

/** A fresh profile in which a demo picture is open and its box has a mask. @param {string} modality */
export async function openWithMask(modality) {
  const demo = demoOf(modality)
  const opened = await openPage()
  await openDemo(opened.page, demo)
  await drawBox(opened.page, demo)
  await masksDone(opened.page, 1)
  return {...opened, demo}
}

/** Until as many objects have their final mask. @param {Page} page @param {number} n */
export async function masksDone(page, n) {
  await painted(page) // what was done before is still shown as done until then
  await page.locator(`.objects:not(:has([data-progress="pending"])) > li:nth-child(${n})[data-progress="done"]`).waitFor()
}

/** @param {Page} page @param {import('../../www/types.js').ExportKind} what */
export async function save(page, what) {
  await part(page, 'saveButton').click()
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`[data-save="${what}"]`).click()])
  return {name: download.suggestedFilename(), bytes: readFileSync(await download.path())}
}

/** Drops a file on the page, as a hand does. @param {Page} page @param {string} name @param {Buffer} bytes */
export const drop = (page, name, bytes) => page.evaluate(([name = '', base64 = '']) => {
  const data = new DataTransfer()
  data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name))
  window.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))
}, [name, bytes.toString('base64')])
