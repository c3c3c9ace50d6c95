/**
 * What a person can give the page to open, in Chromium, over a core that stands in for the wasm module.
 *
 *     node tests/e2e/open.mjs [FOLDER]     FOLDER: what is served, www by default
 */

import assert from 'node:assert/strict'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {after, before, test} from 'node:test'

import {serveStandIn} from './standin.mjs'
import {launchChromium, soon} from './support.mjs'

/** @import {Browser, Page} from 'playwright-core' */

const RECIPE = JSON.stringify({width: 60, height: 40})
const WAIT_MS = 30_000
/** Longer than the page waits after the last change before it keeps it. */
const KEPT_MS = 700

/** @type {Browser} */
let browser
/** @type {Awaited<ReturnType<typeof serveStandIn>>} */
let server
const folder = mkdtempSync(join(tmpdir(), 'medbox-open-'))

before(async () => {
  for (const path of ['one.png', 'two.png', 'series/slice10.png', 'series/slice2.png', 'series/.DS_Store', 'series/deeper/notes.txt']) {
    mkdirSync(join(folder, path, '..'), {recursive: true})
    writeFileSync(join(folder, path), path.endsWith('.png') ? RECIPE : 'words')
  }
  writeFileSync(join(folder, 'words.png'), 'words')
  // A recipe may be as long as one likes: blanks mean nothing.
  server = await serveStandIn({'slow picture.png': RECIPE.padEnd(6_000_000)}, {trickle: /slow picture/})
  browser = await launchChromium()
})
after(async () => {
  await browser?.close()
  await server?.close()
  rmSync(folder, {recursive: true})
})

/** @param {string} [query] */
async function openPage(query = '') {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}})
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  /** @type {string[]} */
  const problems = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(server.url + query)
  await page.locator('.tile').first().waitFor()
  return {context, page, problems}
}

/** @param {Page} page @param {string} name */
const part = (page, name) => page.locator(`[data-part="${name}"]`)

/** Drops files and folders as a desktop does. @param {Page} page @param {string[]} paths */
async function drop(page, ...paths) {
  const hand = await page.context().newCDPSession(page)
  const data = {items: [], files: paths.map((path) => join(folder, path)), dragOperationsMask: 1}
  for (const type of /** @type {const} */ (['dragEnter', 'dragOver', 'drop'])) await hand.send('Input.dispatchDragEvent', {type, x: 400, y: 300, data})
}

/** @param {Page} page @param {string} words */
const says = (page, words) => page.locator('[data-part="statusText"]', {hasText: words}).waitFor()

test('a picture that is dropped on work puts it aside, and one click brings it back', async () => {
  const {context, page, problems} = await openPage()
  await drop(page, 'one.png')
  await says(page, 'Ready: drag a box around a structure')
  const canvas = await page.locator('canvas').first().boundingBox()
  assert.ok(canvas)
  const [x, y] = [canvas.x + canvas.width / 2, canvas.y + canvas.height / 2]
  await page.mouse.move(x - 60, y - 60)
  await page.mouse.down()
  await page.mouse.move(x + 60, y + 60, {steps: 3})
  await page.mouse.up()
  await says(page, '1 mask')
  await drop(page, 'two.png')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'two.png'))
  await page.getByText('one.png with 1 object was put aside.').waitFor()
  await page.getByRole('button', {name: 'Open it'}).click()
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'one.png'))
  assert.equal(await page.locator('.object').count(), 1)
  await page.getByText('was put aside').waitFor({state: 'hidden'})
  assert.deepEqual(problems, [])
  await context.close()
})

test('pictures that are dropped together are leafed through, each with its work', async () => {
  const {context, page, problems} = await openPage()
  await drop(page, 'one.png', 'two.png', 'series/deeper/notes.txt')
  await says(page, 'one.png: picture 1 of 2')
  const [back, on] = [page.getByRole('button', {name: 'Previous picture (Page Up)'}), page.getByRole('button', {name: 'Next picture (Page Down)'})]
  await soon(async () => assert.deepEqual([await back.isEnabled(), await on.isEnabled()], [false, true]))
  await page.locator('canvas').first().press('n')
  await soon(async () => assert.equal(await page.locator('.object').count(), 1))
  await page.keyboard.press('PageDown')
  await says(page, 'two.png: picture 2 of 2')
  await soon(async () => assert.equal(await page.locator('.object').count(), 0))
  await soon(async () => assert.equal(await part(page, 'leafPlace').innerText(), '2 of 2'))
  assert.equal(await page.getByText('was put aside').isVisible(), false, 'leafing leads back')
  await back.click()
  await says(page, 'one.png: picture 1 of 2')
  await soon(async () => assert.equal(await page.locator('.object').count(), 1))
  await back.click({force: true})
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'one.png'))

  // What is typed is taken, and no key is lost on a button that was pressed.
  const field = page.locator('.object-name').first()
  await field.fill('cyst')
  await field.press('PageDown')
  await says(page, 'two.png: picture 2 of 2')
  await part(page, 'theme').focus()
  await page.keyboard.press('PageUp')
  await says(page, 'one.png: picture 1 of 2')
  await soon(async () => assert.equal(await field.inputValue(), 'cyst'))
  await part(page, 'undo').click()
  await soon(async () => assert.equal(await field.inputValue(), '', 'also what was done before one leafed'))

  // So are they after a reload, as far as they were worked on.
  await on.click()
  await says(page, 'two.png: picture 2 of 2')
  await page.locator('canvas').first().press('n')
  await says(page, '1 mask')
  await page.reload()
  await soon(async () => assert.equal(await part(page, 'leafPlace').innerText(), '2 of 2'))
  await back.click()
  await says(page, 'one.png: picture 1 of 2')
  await soon(async () => assert.equal(await page.locator('.object').count(), 1))
  assert.deepEqual(problems, [])
  await context.close()
})

test('where there is room for the open work alone, that is said once', async () => {
  const {context, page, problems} = await openPage()
  await page.evaluate(() => {
    const {put} = IDBObjectStore.prototype
    IDBObjectStore.prototype.put = function (value, key) {
      if (value.aside?.length > 0) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')
      return put.call(this, value, key)
    }
  })
  await drop(page, 'one.png', 'two.png')
  await says(page, 'one.png: picture 1 of 2')
  await page.locator('canvas').first().press('n')
  await says(page, '1 mask')
  await page.keyboard.press('PageDown')
  await says(page, 'two.png: picture 2 of 2')
  await page.locator('canvas').first().press('n')
  const alert = page.getByRole('alert')
  await alert.getByText('Of what you make only the open picture’s work is kept in this browser: The quota has been exceeded.').waitFor()
  await alert.getByText('The others are still here. Save what you need of them before you leave the page.').waitFor()
  await page.getByRole('button', {name: 'Close this message'}).click()
  await alert.waitFor({state: 'hidden'})
  await page.locator('canvas').first().press('n')
  await says(page, '2 masks')
  await page.waitForTimeout(KEPT_MS)
  assert.equal(await alert.isVisible(), false)
  await page.reload()
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'two.png'))
  await soon(async () => assert.equal(await page.locator('.object').count(), 2))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a series is taken up again by its files, and works of another are none of it', async () => {
  const {context, page, problems} = await openPage()
  const place = part(page, 'leafPlace')
  const draw = async () => {
    await page.locator('canvas').first().press('n')
    await page.locator('.object[data-progress="done"]').waitFor()
  }
  await drop(page, 'one.png', 'two.png')
  await says(page, 'one.png: picture 1 of 2')
  await draw()
  await drop(page, 'series')
  await says(page, 'series/slice2.png: picture 1 of 2')
  await draw()
  await page.keyboard.press('PageDown')
  await says(page, 'series/slice10.png: picture 2 of 2')
  await draw()
  await page.waitForTimeout(KEPT_MS)
  await page.reload()
  await soon(async () => assert.equal(await place.innerText(), '2 of 2', 'of three works that came back'))

  await drop(page, 'two.png', 'one.png')
  await says(page, 'two.png: picture 1 of 2')
  await page.keyboard.press('PageDown')
  await says(page, 'one.png: picture 2 of 2')
  await soon(async () => assert.equal(await page.locator('.object').count(), 1))
  await drop(page, 'one.png', 'two.png')
  await says(page, 'one.png: picture 1 of 2')
  await soon(async () => assert.equal(await page.locator('.object').count(), 1, 'that of the open picture too'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('work that is let go of is not there after a reload', async () => {
  const {context, page, problems} = await openPage()
  await drop(page, 'one.png')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'one.png'))
  await page.locator('canvas').first().press('n')
  await page.locator('.object[data-progress="done"]').waitFor()
  await page.waitForTimeout(KEPT_MS)
  await drop(page, 'two.png')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'two.png'))
  await page.getByText('one.png with 1 object was put aside.').waitFor()
  await page.getByRole('button', {name: 'Forget it'}).click()
  await page.getByText('was put aside').waitFor({state: 'hidden'})
  await page.waitForTimeout(KEPT_MS)
  await page.reload()
  await page.locator('.tile').first().waitFor()
  await page.waitForTimeout(KEPT_MS)
  assert.deepEqual([await part(page, 'note').isVisible(), await part(page, 'empty').isVisible()], [false, true])

  // A press is not lost on what comes while it lasts.
  for (const name of ['one.png', 'two.png']) {
    await drop(page, name)
    await soon(async () => assert.equal(await part(page, 'file').innerText(), name))
    if (name === 'two.png') {
      await page.getByRole('button', {name: 'Forget it'}).hover()
      await page.mouse.down()
    }
    await page.locator('canvas').first().press('n')
    await page.locator('.object[data-progress="done"]').waitFor()
  }
  await page.mouse.up()
  await page.getByText('was put aside').waitFor({state: 'hidden'})
  assert.deepEqual(problems, [])
  await context.close()
})

test('of files that cannot all be read the first that can is opened, and the others are told', async () => {
  const {context, page, problems} = await openPage()
  await drop(page, 'words.png', 'two.png')
  await says(page, 'Opened two.png, the first of 2 files that could be read. Not readable: words.png')
  await soon(async () => assert.equal(await page.getByRole('alert').isVisible(), false))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a folder that is dropped is looked through, in the order of its names', async () => {
  const {context, page, problems} = await openPage()
  await drop(page, 'series')
  await says(page, 'series/slice2.png: picture 1 of 2')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'series/slice2.png'))
  await drop(page, 'series/deeper')
  await page.getByRole('alert').getByText('The file is none of the formats that medbox reads.').waitFor()
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'series/slice2.png'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('what is dragged without a file is left alone: a tile, a text', async () => {
  const {context, page, problems} = await openPage()
  const tile = await page.locator('.tile img').first().boundingBox()
  assert.ok(tile)
  await page.mouse.move(tile.x + 40, tile.y + 40)
  await page.mouse.down()
  await page.mouse.move(tile.x + 60, tile.y - 40, {steps: 5})
  assert.equal(await part(page, 'drop').isVisible(), false)
  await page.mouse.up()
  const hand = await context.newCDPSession(page)
  const data = {items: [{mimeType: 'text/plain', data: 'words'}], dragOperationsMask: 1}
  for (const type of /** @type {const} */ (['dragEnter', 'dragOver', 'drop'])) await hand.send('Input.dispatchDragEvent', {type, x: 400, y: 300, data})
  assert.equal(await part(page, 'drop').isVisible(), false)
  // A sign of the next thing: a file is taken, and nothing was said before.
  assert.equal(await page.getByRole('alert').isVisible(), false)
  await drop(page, 'one.png')
  await says(page, 'Ready: drag a box around a structure')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a picture is pasted; what holds none says so', async () => {
  const {context, page, problems} = await openPage()
  const paste = (/** @type {string | null} */ text) => page.evaluate((recipe) => {
    const clipboardData = new DataTransfer()
    if (recipe) clipboardData.items.add(new File([recipe], 'image.png', {type: 'image/png'}))
    else clipboardData.setData('text/plain', 'words')
    window.dispatchEvent(new ClipboardEvent('paste', {clipboardData}))
  }, text)
  await paste(RECIPE)
  await says(page, 'Ready: drag a box around a structure')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'image.png'))
  await paste(null)
  await page.getByRole('alert').getByText('What was dropped or pasted holds no file.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a picture that is fetched tells how far it is', async () => {
  const {context, page, problems} = await openPage('?src=slow%20picture.png')
  const status = part(page, 'statusText')
  await status.getByText(/Reading picture… \d+% of 6\.0 MB/).waitFor()
  const percent = async () => Number(/(\d+)%/.exec(await status.innerText())?.[1])
  const first = await percent()
  await page.waitForFunction((before) => Number(/(\d+)%/.exec(document.querySelector('[data-part="statusText"]')?.textContent ?? '')?.[1]) > before + 5, first)
  await soon(async () => assert.ok(Number(await part(page, 'progress').getAttribute('aria-valuenow')) > first))
  await says(page, 'Ready: drag a box around a structure')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'slow picture.png'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('reading can be stopped, and another picture opened instead', async () => {
  const {context, page, problems} = await openPage('?src=slow%20picture.png')
  await part(page, 'cancel').click()
  await says(page, 'Ready')
  await soon(async () => assert.deepEqual(server.broken.slice(-1), ['/slow picture.png'], 'nothing more is fetched'))
  await soon(async () => assert.equal(await page.locator('.page').getAttribute('data-study'), 'none'))
  await drop(page, 'one.png')
  await says(page, 'Ready: drag a box around a structure')
  await soon(async () => assert.equal(await part(page, 'file').innerText(), 'one.png'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('an address without a picture says so', async () => {
  const {context, page} = await openPage('?src=nowhere.png')
  await page.getByRole('alert').getByText(/^There is no picture to be had at .*nowhere\.png \(404\)\.$/).waitFor()
  await soon(async () => assert.equal(await part(page, 'retry').isVisible(), false))
  await context.close()
})
