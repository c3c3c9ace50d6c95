/**
 * The main job once in Firefox, over the page as it was built.
 *
 *     node tests/e2e/firefox.mjs [FOLDER]     FOLDER: what is served, www by default
 *
 * FIREFOX names the browser, MEDBOX_BIN the command line that answers are compared with.
 */

import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, readFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {after, before, test} from 'node:test'

import puppeteer from 'puppeteer-core'

import {serve} from './server.mjs'
import {agreement, areaOf, cornersOnScreen, demoOf, labelsByCommandLine, readLabels, ROOT, sizeOfDemo, soon} from './support.mjs'
import {serveCopy, versionsOf} from './versions.mjs'

/** @import {Browser, Page} from 'puppeteer-core' */

const SLOW_MS = 240_000
/** Longer than the page waits after the last change before it keeps it. */
const KEPT_MS = 700

/** @type {Browser} */
let browser
/** @type {Awaited<ReturnType<typeof serve>>} */
let server
/** @type {Awaited<ReturnType<typeof serve>>} */
let elsewhere
const downloads = mkdtempSync(join(tmpdir(), 'medbox-firefox-'))

before(async () => {
  server = await serve(ROOT)
  elsewhere = await serve(ROOT)
  browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    timeout: SLOW_MS,
    protocolTimeout: SLOW_MS,
    extraPrefsFirefox: {'browser.download.folderList': 2, 'browser.download.dir': downloads, 'browser.download.useDownloadDir': true},
  })
})
after(async () => {
  await browser?.close()
  await server?.close()
  await elsewhere?.close()
})

async function newPage() {
  const page = await browser.newPage()
  page.setDefaultTimeout(SLOW_MS)
  return page
}

/** @param {Page} page @param {string} words */
const waitForText = (page, words) =>
  page.waitForFunction((text) => document.body.innerText.includes(text), {timeout: SLOW_MS, polling: 200}, words)

test('a box on a demo picture gives the mask of the command line', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('Dermoscopy')
  const page = await newPage()
  await page.setViewport({width: 1280, height: 800})
  /** @type {string[]} */
  const problems = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(server.url)
  const tile = await page.waitForSelector(`button[title^="${demo.title}"]`)
  await tile?.click()
  await waitForText(page, 'Ready: drag a box around a structure')

  const canvas = await page.$('[data-part="canvas"]')
  const viewer = await canvas?.boundingBox()
  assert.ok(viewer)
  const [from, to] = cornersOnScreen(demo.box, sizeOfDemo(demo.file), viewer)
  assert.ok(from && to)
  // WebDriver moves the pointer in whole pixels: the box that was drawn is asked of the page below.
  await page.mouse.move(Math.round(from.x), Math.round(from.y))
  await page.mouse.down()
  await page.mouse.move(Math.round(to.x), Math.round(to.y), {steps: 4})
  await page.mouse.up()
  await page.waitForSelector('.object[data-progress="done"]', {timeout: SLOW_MS})

  const [coco, label] = [await save(page, 'coco', '_coco.json'), await save(page, 'label', '_mask.png')]
  const {prompt_box: box} = JSON.parse(coco.toString()).annotations[0]
  const byPage = readLabels(label)
  const byTwin = labelsByCommandLine({picture: join(ROOT, 'demos', demo.file), boxes: [box], mode: 'default'})
  assert.ok(areaOf(byTwin, 1) > 100)
  const share = agreement(byPage, byTwin)
  console.log(`# ${(share * 100).toFixed(3)} % of the objects’ pixels agree`)
  assert.ok(share >= 0.999, `only ${share} of the objects’ pixels agree`)

  // It is there again after a reload, until it is forgotten.
  const facts = () => page.$eval('.object-facts', (node) => node.textContent)
  const before = await facts()
  await sleep(KEPT_MS)
  await page.reload()
  await waitForText(page, 'Restored from this browser: 1 object')
  await page.waitForSelector('.object[data-progress="done"]', {timeout: SLOW_MS})
  await soon(async () => assert.equal(await facts(), before))
  await page.click('[data-answer="forget"]')
  await waitForText(page, 'Nothing is kept in this browser any more')
  await page.reload()
  await page.waitForSelector('.tile')
  await sleep(KEPT_MS)
  await soon(async () => assert.equal(await page.$eval('[data-part="note"]', (node) => /** @type {HTMLElement} */ (node).hidden), true))
  assert.deepEqual(problems, [])
  await page.close()
})

/** @param {Page} page @param {string} what @param {string} ending @returns {Promise<Buffer>} */
async function save(page, what, ending) {
  const file = join(downloads, demoOf('Dermoscopy').file.replace(/\.\w+$/, ending))
  await page.click('[data-part="saveButton"]')
  await page.click(`[data-save="${what}"]`)
  for (let i = 0; i < 300 && !(existsSync(file) && readFileSync(file).length > 0); i++) await sleep(100)
  return readFileSync(file)
}

test('the policy keeps the page and its workers on their own origin', {timeout: SLOW_MS}, async () => {
  const page = await newPage()
  await page.goto(server.url)
  const byPage = (/** @type {string} */ url) => page.evaluate((target) => fetch(target, {mode: 'no-cors'}).then(() => 'reached', () => 'refused'), url)
  // A worker that is started as the page starts its own, with a script of the test's.
  const byWorker = (/** @type {string} */ url) =>
    page.evaluate(async (target) => {
      const source = `fetch(${JSON.stringify(target)}, {mode: 'no-cors'}).then(() => postMessage('reached'), () => postMessage('refused'))`
      const worker = new Worker(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})), {type: 'module'})
      return new Promise((resolve) => (worker.onmessage = ({data}) => resolve(data)))
    }, url)
  const check = async () => {
    for (const ask of [byPage, byWorker]) {
      await soon(async () => assert.equal(await ask(server.url), 'reached'))
      await soon(async () => assert.equal(await ask(elsewhere.url), 'refused'))
    }
    assert.deepEqual(elsewhere.paths, [], 'nothing arrived there')
  }
  await check()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, {timeout: SLOW_MS, polling: 200})
  await page.reload()
  await check()
  await page.close()
})

/** Told of this device, or in the status line. @param {Page} page @param {string} words */
const waitForNote = (page, words) =>
  page.waitForFunction((text) => document.body.textContent?.includes(text), {timeout: SLOW_MS, polling: 200}, words)

test('a tab stays with the version that it was opened with', {timeout: SLOW_MS}, async () => {
  const {server: renewed, renew, close} = await serveCopy(ROOT)
  const page = await newPage()
  await page.goto(renewed.url)
  await waitForNote(page, 'Without a network: works.')
  renew()
  const other = await newPage()
  await other.goto(renewed.url)
  await waitForNote(other, 'A new version is ready.')
  assert.deepEqual([await versionsOf(page), await versionsOf(other)], ['1111', '1111'])
  await other.$eval('[data-part="updateReload"]', (button) => /** @type {HTMLElement} */ (button).click())
  await soon(async () => assert.equal(await versionsOf(other), '2222'))
  assert.equal(await versionsOf(page), '1111')
  await page.close()
  await other.close()
  await close()
})

test('after one visit a picture is looked at with the server gone', {timeout: SLOW_MS}, async () => {
  const gone = await serve(ROOT, {prefix: '/some/path/'})
  const page = await newPage()
  await page.goto(gone.url)
  await waitForNote(page, 'Without a network: works.')
  await gone.close()
  await page.reload()
  const tile = await page.waitForSelector(`button[title^="${demoOf('PET').title}"]`)
  await tile?.click()
  await waitForText(page, 'Ready: drag a box around a structure')
  await page.close()
})
