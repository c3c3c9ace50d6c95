/**
 * How the page shows pictures, in Chromium, over a core that stands in for the wasm module: what it shows is known to the
 * grey level.
 *
 *     node tests/e2e/view.mjs [FOLDER]     FOLDER: what is served, www by default
 */

import assert from 'node:assert/strict'
import {after, before, test} from 'node:test'

import {cornersOnScreen, launchChromium, soon} from './support.mjs'
import {pictureFile, serveStandIn} from './standin.mjs'

/** @import {Browser, Page} from 'playwright-core' */
/** @import {Recipe} from './standin/core.mjs' */
/** @import {Box} from '../../www/types.js' */

const WAIT_MS = 30_000
const SIDE = 400
/** @type {Recipe} */
const CT = {width: SIDE, height: SIDE, kind: 'ct'}
/** @type {Recipe} */
const GREY = {width: SIDE, height: SIDE, kind: 'grey'}
// Places in the stand-in's picture, and what it stores there.
const AIR = /** @type {const} */ ([4, 4]) // −1000
const BONE = /** @type {const} */ ([200, 300]) // 700
const LUNG = /** @type {const} */ ([280, 180]) // −800
const SOFT = /** @type {const} */ ([200, 200]) // 40

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

/** A fresh profile with a picture open, and what went wrong in it. @param {Recipe} recipe @param {{touch?: boolean}} [how] */
async function openPicture(recipe, {touch = false} = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, hasTouch: touch})
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  /** @type {string[]} */
  const problems = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(server.url)
  await give(page, recipe)
  return {context, page, problems}
}

/** @param {Page} page @param {Recipe} recipe */
async function give(page, recipe) {
  await page.locator('[data-part="page"]').waitFor() // shown once it listens
  await part(page, 'fileInput').setInputFiles(pictureFile('picture.png', recipe))
  await page.getByText('Ready: drag a box around a structure').first().waitFor()
}

/** @param {Page} page @param {string} name */
const part = (page, name) => page.locator(`[data-part="${name}"]`)

/** Where an image point lies on the screen while the picture fits the viewer. @param {Page} page @param {readonly [number, number]} at */
async function onScreen(page, [x, y]) {
  const viewer = await part(page, 'canvas').boundingBox()
  assert.ok(viewer)
  const [point] = cornersOnScreen(/** @type {Box} */ ([x + 0.5, y + 0.5, x + 1, y + 1]), {width: SIDE, height: SIDE}, viewer)
  assert.ok(point)
  return point
}

/** Red, green and blue of the canvas at an image point. @param {Page} page @param {readonly [number, number]} at */
async function colourAt(page, at) {
  const {x, y} = await onScreen(page, at)
  await nextFrame(page)
  return page.evaluate(([left, top]) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas'))
    const box = canvas.getBoundingClientRect()
    const ratio = canvas.width / box.width
    const data = canvas.getContext('2d')?.getImageData(Math.floor((left - box.left) * ratio), Math.floor((top - box.top) * ratio), 1, 1).data
    return [...(data ?? [])].slice(0, 3)
  }, /** @type {const} */ ([x, y]))
}
/** @param {Page} page */
const nextFrame = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))))

/** Until a part says something. @param {Page} page @param {string} name @param {string} words */
const tells = (page, name, words) => part(page, name).filter({hasText: words}).waitFor()

/** Until a place has a grey level, which it does not get at once where the core is asked. @param {Page} page @param {readonly [number, number]} at @param {number} grey */
const becomes = (page, at, grey) => soon(async () => {
  const [red = -9] = await colourAt(page, at)
  assert.ok(Math.abs(red - grey) <= 1, `${red} at ${at}, not ${grey}`)
}, WAIT_MS)

/** What a stored value looks like through a window. @param {number} value @param {number} width @param {number} level */
const greyOf = (value, width, level) => Math.round(Math.min(Math.max((value - level + width / 2) / width, 0), 1) * 255)

test('the right button drags the window: seen at once, kept as a step, shown by the core', async () => {
  const {context, page, problems} = await openPicture(CT)
  await becomes(page, SOFT, greyOf(40, 1700, -150))
  const from = await onScreen(page, SOFT)
  await page.mouse.move(from.x, from.y)
  await page.mouse.down({button: 'right'})
  await page.mouse.move(from.x - 150, from.y, {steps: 5})
  await tells(page, 'levelsShown', 'W 850 L −150')
  await becomes(page, SOFT, greyOf(40, 850, -150))
  await becomes(page, BONE, 255)
  await page.mouse.move(from.x, from.y + 150, {steps: 5})
  await tells(page, 'levelsShown', 'W 1,700 L 700')
  await becomes(page, BONE, greyOf(700, 1700, 700))
  await becomes(page, SOFT, greyOf(40, 1700, 700))
  await page.mouse.up({button: 'right'})
  await becomes(page, BONE, greyOf(700, 1700, 700))
  await soon(async () => assert.equal(await part(page, 'undo').getAttribute('aria-label'), 'Undo: change the window'))
  await soon(async () => assert.equal(await page.locator('.object').count(), 0, 'nothing was drawn'))
  await page.keyboard.press('Control+z')
  await becomes(page, SOFT, greyOf(40, 1700, -150))
  assert.deepEqual(problems, [])
  await context.close()
})

test('Escape lets go of a window that is dragged', async () => {
  const {context, page, problems} = await openPicture(CT)
  const from = await onScreen(page, SOFT)
  await page.mouse.move(from.x, from.y)
  await page.mouse.down({button: 'right'})
  await page.mouse.move(from.x - 150, from.y, {steps: 3})
  await page.keyboard.press('Escape')
  await page.mouse.move(from.x - 100, from.y)
  await page.mouse.up({button: 'right'})
  await becomes(page, SOFT, greyOf(40, 1700, -150))
  await soon(async () => assert.ok(await part(page, 'undo').isDisabled()))
  assert.deepEqual(problems, [])
  await context.close()
})

test('presets show what radiologists expect of them, by key, by button and by number', async () => {
  const {context, page, problems} = await openPicture(CT)
  for (const [key, width, level] of /** @type {const} */ ([['1', 400, 40], ['2', 1500, -600], ['3', 2500, 480], ['4', 80, 40]])) {
    await page.keyboard.press(key)
    for (const [place, value] of /** @type {const} */ ([[AIR, -1000], [LUNG, -800], [SOFT, 40], [BONE, 700]])) {
      await becomes(page, place, greyOf(value, width, level))
    }
  }
  await page.getByRole('button', {name: 'Lung'}).click()
  await becomes(page, LUNG, greyOf(-800, 1500, -600))
  await soon(async () => assert.equal(await page.getByRole('button', {name: 'Lung'}).getAttribute('aria-pressed'), 'true'))
  await part(page, 'widthField').fill('600')
  await page.keyboard.press('Enter')
  await becomes(page, LUNG, greyOf(-800, 600, -600))
  await part(page, 'widthField').fill('900')
  await page.keyboard.press('Escape')
  await soon(async () => assert.equal(await part(page, 'widthField').inputValue(), '600'))
  await page.keyboard.press('6')
  await becomes(page, SOFT, greyOf(40, 1700, -150))
  await soon(async () => assert.equal(await page.getByRole('button', {name: 'Full range'}).getAttribute('aria-pressed'), 'true'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a picture of 8 bits has no Hounsfield presets, and says so', async () => {
  const {context, page, problems} = await openPicture(GREY)
  await soon(async () => assert.deepEqual(await page.locator('.chip:visible').allInnerTexts(), ['Auto', 'Full range']))
  await page.keyboard.press('2')
  await page.getByText('This preset is for CT in Hounsfield units, and this picture’s values are not').first().waitFor()
  await soon(async () => assert.deepEqual(await colourAt(page, SOFT), [130, 130, 130]))
  await page.keyboard.press('5')
  await becomes(page, BONE, 255)
  await becomes(page, LUNG, 0)
  await page.keyboard.press('6')
  await becomes(page, SOFT, 130)
  assert.deepEqual(problems, [])
  await context.close()
})

test('inverting is only seen, and remembered', async () => {
  const {context, page, problems} = await openPicture(GREY)
  await page.keyboard.press('i')
  await soon(async () => assert.deepEqual(await colourAt(page, SOFT), [125, 125, 125]))
  await soon(async () => assert.deepEqual(await colourAt(page, AIR), [255, 255, 255]))
  await soon(async () => assert.ok(await part(page, 'undo').isDisabled()))
  await page.reload()
  await give(page, {...GREY, kind: 'colour'})
  await soon(async () => assert.deepEqual(await colourAt(page, SOFT), [125, 190, 215]))
  assert.deepEqual(problems, [])
  await context.close()
})

test('picture and masks are shown together or alone, masks as strong as wished', async () => {
  const {context, page, problems} = await openPicture(GREY)
  const [from, to] = [await onScreen(page, [150, 150]), await onScreen(page, [250, 250])]
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y, {steps: 4})
  await page.mouse.up()
  await page.locator('.object[data-progress="done"]').waitFor()
  await page.keyboard.press('Escape')
  await page.mouse.move(5, 400)
  // #E69F00 over 130: 35 % of it.
  const blended = (/** @type {number} */ share) => [0xe6, 0x9f, 0].map((channel) => Math.round(130 + (channel - 130) * share))
  const close = (/** @type {number[]} */ found, /** @type {number[]} */ wanted) =>
    assert.ok(found.every((channel, i) => Math.abs(channel - (wanted[i] ?? -9)) <= 2), `${found} is not ${wanted}`)
  await soon(async () => close(await colourAt(page, SOFT), blended(0.35)))
  await part(page, 'opacity').fill('100')
  await soon(async () => close(await colourAt(page, SOFT), blended(1)))
  await page.getByRole('radio', {name: 'Picture'}).check()
  await soon(async () => assert.deepEqual(await colourAt(page, SOFT), [130, 130, 130]))
  await page.getByRole('radio', {name: 'Masks'}).check()
  await soon(async () => close(await colourAt(page, SOFT), blended(1)))
  await soon(async () => assert.deepEqual(await colourAt(page, AIR), [28, 28, 30]))
  assert.deepEqual(problems, [])
  await context.close()
})

test('the status line tells the value under the pointer', async () => {
  const {context, page, problems} = await openPicture(GREY)
  const over = async (/** @type {readonly [number, number]} */ at) => {
    const {x, y} = await onScreen(page, at)
    await page.mouse.move(x, y)
    await nextFrame(page)
    return part(page, 'at').innerText()
  }
  await soon(async () => assert.equal(await over(SOFT), '200, 200: 130'))
  await page.keyboard.press('5')
  await soon(async () => assert.equal(await over(BONE), '200, 300: 213'))
  await soon(async () => assert.equal(await over([-6, 4]), ''))
  await give(page, {...GREY, kind: 'colour'})
  await soon(async () => assert.equal(await over(SOFT), '200, 200: 130 65 40'))
  await give(page, CT)
  await page.keyboard.press('4') // So narrow a window that neither air nor bone can be told from what is shown.
  await page.getByText('Ready: drag a box around a structure').first().waitFor()
  for (const [place, words] of /** @type {const} */ ([[BONE, '200, 300: 700'], [AIR, '4, 4: −1,000'], [LUNG, '280, 180: −800']])) {
    await soon(async () => assert.equal(await over(place), words)) // moved again: the picture may have come since
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('a picture that was moved looks as if it had been drawn there', async () => {
  const {context, page, problems} = await openPicture({...GREY, kind: 'colour'})
  for (const [x0, y0, x1, y1] of /** @type {const} */ ([[150, 150, 250, 250], [20, 30, 90, 60], [260, 280, 380, 390]])) {
    const [from, to] = [await onScreen(page, [x0, y0]), await onScreen(page, [x1, y1])]
    await page.mouse.move(from.x, from.y)
    await page.mouse.down()
    await page.mouse.move(to.x, to.y, {steps: 3})
    await page.mouse.up()
  }
  await page.locator('.objects:not(:has([data-progress="pending"])) > li:nth-child(3)').waitFor()
  // What the canvas shows is kept in the page, which is faster than to carry it here.
  const keep = async (/** @type {'moved' | 'drawn'} */ name) => {
    await nextFrame(page)
    await page.evaluate((as) => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas'))
      Object.assign(window, {[as]: canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data})
    }, name)
  }
  const difference = () => page.evaluate(() => {
    const {moved, drawn} = /** @type {{moved: Uint8ClampedArray, drawn: Uint8ClampedArray}} */ (/** @type {unknown} */ (window))
    return {bytes: moved.length, different: moved.reduce((sum, value, i) => sum + Number(value !== drawn[i]), 0)}
  })
  for (const key of ['f', '+', '+', '+', '-']) {
    await page.keyboard.press(key)
    await page.mouse.move(600, 400)
    await keep('drawn')
    await page.mouse.down({button: 'middle'})
    for (const [dx, dy] of /** @type {const} */ ([[3, 5], [-40, 21], [17, -90], [-200, -60], [-180, 33]])) await page.mouse.move(600 + dx, 400 + dy)
    await page.mouse.up({button: 'middle'})
    await keep('moved')
    assert.ok((await difference()).different > 1e4, 'it moved')
    await page.keyboard.press('i')
    await soon(async () => {
      await keep('drawn')
      assert.ok((await difference()).different > 1e5, 'all of it is drawn anew')
    })
    await page.keyboard.press('i')
    await keep('drawn')
    const {bytes, different} = await difference()
    assert.equal(different, 0, `${different} of ${bytes} bytes differ after “${key}”`)
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('two classes are compared side by side, and the other one can be taken', async () => {
  const {context, page, problems} = await openPicture(GREY)
  await page.locator('.class[data-best="true"]', {hasText: 'MR'}).waitFor()
  const shares = await page.locator('.class-share').allInnerTexts()
  assert.deepEqual(shares.filter((share) => share !== ''), ['2%', '80%', ...Array(9).fill('2%')])
  await soon(async () => assert.equal(await page.locator('.class[data-best="true"]').innerText(), 'MR\n80%'))
  await part(page, 'rivalChoice').selectOption({label: 'Microscopy'})
  await page.getByText('Select an object that has a mask.').waitFor()
  const [from, to] = [await onScreen(page, [100, 100]), await onScreen(page, [300, 300])]
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y, {steps: 4})
  await page.mouse.up()
  // The stand-in's ellipses: of radius 1 as MR is predicted, of 1 − 8 · 0.04 = 0.68 as microscopy; DSC = 2 · 0.68² / (1 + 0.68²).
  await part(page, 'rivalScore').getByText(/^DSC 0\.63\d? between the two$/).waitFor()
  await soon(async () => assert.equal(await part(page, 'rivalOther').innerText(), 'Microscopy'))
  await page.mouse.move(5, 400)
  const grey = 130
  await soon(async () => {
    const between = await colourAt(page, [200, 120]) // in the larger one only: 60 % of #E69F00 over grey
    ;[0xe6, 0x9f, 0].forEach((channel, i) => assert.ok(Math.abs((between[i] ?? 0) - (grey + (channel - grey) * 0.6)) <= 2, `${between}`))
  })
  await soon(async () => assert.deepEqual(await colourAt(page, SOFT), [grey, grey, grey], 'what both take in is left free'))
  const sizes = await page.evaluate(() => ['rivalMineCanvas', 'rivalOtherCanvas'].map((name) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(`[data-part="${name}"]`))
    const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
    let n = 0
    for (let i = 0; i < data.length; i += 4) if (Math.abs((data[i] ?? 0) - (data[i + 2] ?? 0)) > 8) n++
    return {n, px: canvas.width}
  }))
  assert.ok(sizes.every(({px}) => px > 60) && (sizes[0]?.n ?? 0) > 500 && sizes[1]?.n === 0, 'the one in colour, the other in white')
  await part(page, 'rivalTake').click()
  await tells(page, 'classButton', 'Modality: Microscopy')
  await soon(async () => assert.equal(await part(page, 'undo').getAttribute('aria-label'), 'Undo: change the modality'))
  await page.locator('.object[data-progress="done"]').waitFor()
  await part(page, 'rivalPair').waitFor({state: 'hidden'})
  await page.keyboard.press('Control+z')
  await part(page, 'rivalScore').waitFor()
  await part(page, 'modelButton').click()
  const [time] = /probably .* a picture here/.exec(await page.locator('[data-model="plain"]').innerText()) ?? []
  assert.ok(time, 'a model that was not used is estimated from the one that was')
  await page.locator('[data-model="plain"]').click()
  await page.getByText('This model takes no modality').waitFor()
  await part(page, 'rival').waitFor({state: 'hidden'})
  assert.deepEqual(problems, [])
  await context.close()
})

test('two fingers pan and pinch', async () => {
  const {context, page, problems} = await openPicture(GREY, {touch: true})
  const {x, y} = await onScreen(page, SOFT)
  const fingers = await context.newCDPSession(page)
  const touch = (/** @type {'touchStart' | 'touchMove' | 'touchEnd'} */ type, /** @type {number[][]} */ ...points) =>
    fingers.send('Input.dispatchTouchEvent', {type, touchPoints: points.map(([dx = 0, dy = 0], id) => ({x: x + dx, y: y + dy, id}))})
  const zoom = async () => Number((await part(page, 'zoom').innerText()).replace('%', ''))
  const fitted = await zoom()
  await touch('touchStart', [-50, 0], [50, 0])
  await touch('touchMove', [-75, 0], [75, 0])
  await touch('touchMove', [-100, 0], [100, 0])
  await touch('touchEnd')
  await nextFrame(page)
  await soon(async () => assert.ok(Math.abs((await zoom()) - 2 * fitted) <= 1, `${await zoom()} % after ${fitted} %`))
  await soon(async () => assert.equal(await page.locator('.object').count(), 0))
  await page.keyboard.press('f')
  await nextFrame(page)
  const before = await colourAt(page, [120, 180]) // lung
  await touch('touchStart', [-50, 0], [50, 0])
  await touch('touchMove', [-50, 60], [50, 60])
  await touch('touchMove', [-50, 120], [50, 120])
  await touch('touchEnd')
  await nextFrame(page)
  const after_ = await page.evaluate(() => document.querySelectorAll('.object').length)
  assert.equal(after_, 0)
  await soon(async () => assert.notDeepEqual(await colourAt(page, [120, 180]), before, 'what was there moved down'))
  assert.deepEqual(problems, [])
  await context.close()
})
