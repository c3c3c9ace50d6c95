/**
 * Whole journeys in Chromium, as a person makes them, over the page as it was built.
 *
 *     node tests/e2e/chromium.mjs [FOLDER]            FOLDER: what is served, www by default
 *     node tests/e2e/chromium/saving.mjs [FOLDER]     one area alone
 *
 * CHROMIUM names the browser, MEDBOX_BIN the command line that answers are compared with.
 */

import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {join} from 'node:path'
import {test} from 'node:test'

import {
  SLOW_MS, drag, drawBox, drop, elsewhere, masksDone, openDemo, openPage, openWithMask, painted, part, readyForBox, save, server,
} from './page.mjs'
import {agreement, areaOf, cornersOnScreen, demoOf, DEMOS, labelsByCommandLine, MODELS, readLabels, ROOT, sizeOfDemo, soon} from './support.mjs'

// Areas that have grown have files of their own; each runs alone too.
import './chromium/comparing.mjs'
import './chromium/correct.mjs'
import './chromium/embedding.mjs'
import './chromium/offline.mjs'
import './chromium/pace.mjs'
import './chromium/pool.mjs'
import './chromium/saving.mjs'
import './chromium/trust.mjs'
import './chromium/whole.mjs'

for (const {modality, closer} of [{modality: 'Dermoscopy', closer: true}, {modality: 'Fundus', closer: true}, {modality: 'Microscopy', closer: false}]) {
  const how = closer ? 'looking closer' : 'as the challenge does'
  test(`a box on the ${modality} demo gives the mask of the command line, ${how}`, {timeout: SLOW_MS}, async () => {
    const demo = demoOf(modality)
    const {context, page, problems, requests} = await openPage()
    await openDemo(page, demo)
    if (!closer) await part(page, 'closer').click()
    await drawBox(page, demo)
    await masksDone(page, 1)
    const {name, bytes} = await save(page, 'label')
    assert.equal(name, demo.file.replace(/\.\w+$/, '_mask.png'))
    const byPage = readLabels(bytes)
    assert.deepEqual({width: byPage.width, height: byPage.height}, sizeOfDemo(demo.file))

    const picture = join(ROOT, 'demos', demo.file)
    const {prompt_box: box} = JSON.parse((await save(page, 'coco')).bytes.toString()).annotations[0]
    demo.box.forEach((side, i) => assert.ok(Math.abs(side - box[i]) <= 1, `${box} was drawn for ${demo.box}`))
    const byTwin = labelsByCommandLine({picture, boxes: [box], mode: closer ? 'default' : 'challenge'})
    assert.ok(areaOf(byTwin, 1) > 100, 'there is a mask to compare')
    const share = agreement(byPage, byTwin)
    console.log(`# ${modality}: ${(share * 100).toFixed(3)} % of the objects’ pixels agree`)
    assert.ok(share >= 0.999, `only ${share} of the objects’ pixels agree`)

    assert.deepEqual(problems, [])
    assert.ok(requests.length > 10)
    assert.ok(requests.some((url) => url.endsWith('/pkg/medbox_relaxed.wasm.gz')), 'the faster build is taken where it runs')
    const {origin} = new URL(server.url)
    assert.deepEqual(requests.filter((url) => !url.startsWith(origin) && !url.startsWith('blob:') && !url.startsWith('data:')), [])
    await context.close()
  })
}

test('everything that is saved tells of the same objects', {timeout: SLOW_MS}, async () => {
  const {context, page, problems, demo} = await openWithMask('US')
  const labels = readLabels((await save(page, 'label')).bytes)
  const coco = JSON.parse((await save(page, 'coco')).bytes.toString())
  assert.equal(coco.annotations.length, 1)
  assert.equal(coco.annotations[0].area, areaOf(labels, 1))
  assert.deepEqual([coco.images[0].width, coco.images[0].height], [labels.width, labels.height])
  assert.equal(coco.images[0].file_name, demo.file)
  const overlay = (await save(page, 'overlay')).bytes
  assert.deepEqual([overlay.readUInt32BE(16), overlay.readUInt32BE(20)], [labels.width, labels.height])
  const npz = await save(page, 'npz')
  assert.ok(npz.bytes.includes('segs.npy'))
  await soon(async () => assert.match(await part(page, 'statusText').innerText(), /^Saved us-fetal-head_segs\.npz: 1 object, /))
  assert.deepEqual(problems, [])
  await context.close()
})

test('boxes can be corrected, removed and brought back', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('US')
  const {context, page, problems} = await openPage()
  await openDemo(page, demo)
  const [x0, y0, x1, y1] = demo.box
  await drawBox(page, demo, [x0 + 30, y0 + 30, x1 - 30, y1 - 30])
  await masksDone(page, 1)
  assert.ok(await part(page, 'canvas').evaluate((canvas) => canvas.matches(':focus:not(:focus-visible)')), 'no ring for a pointer')

  const viewer = await part(page, 'canvas').boundingBox()
  assert.ok(viewer)
  const [, corner] = cornersOnScreen([x0, y0, x1 - 30, y1 - 30], sizeOfDemo(demo.file), viewer)
  const [, to] = cornersOnScreen(demo.box, sizeOfDemo(demo.file), viewer)
  assert.ok(corner && to)
  await drag(page, corner, to)
  await masksDone(page, 1)
  const rows = page.locator('.object')
  await painted(page)
  await soon(async () => assert.equal(await rows.count(), 1, 'the handle was taken, nothing new was drawn'))

  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Delete')
  await soon(async () => assert.equal(await rows.count(), 0))
  await part(page, 'undo').click()
  await masksDone(page, 1)
  await page.keyboard.press('Control+z')
  await soon(async () => assert.equal(await part(page, 'undo').getAttribute('aria-label'), 'Undo: resize box 1'))
  await page.keyboard.press('Control+y')
  await page.keyboard.press('Control+y')
  await soon(async () => assert.equal(await rows.count(), 0))
  assert.deepEqual(problems, [])
  await context.close()
})

test('the main job is done with the keyboard alone', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('Dermoscopy')
  const {context, page, problems} = await openPage()
  await page.getByRole('button', {name: demo.title}).focus()
  await page.keyboard.press('Enter')
  await readyForBox(page)
  await page.keyboard.press('n')
  await masksDone(page, 1)
  for (const key of ['Shift+ArrowLeft', 'ArrowUp', 'Alt+Shift+ArrowDown']) await page.keyboard.press(key)
  await masksDone(page, 1)
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Control+s')])
  const saved = readLabels(readFileSync(await download.path()))
  assert.ok(areaOf(saved, 1) > 100)

  // The focus never falls out of what it stood in.
  const focusIn = (/** @type {string} */ selector) => page.evaluate((within) => document.activeElement?.closest(within) !== null, selector)
  await page.keyboard.press('Control+d')
  await soon(async () => assert.equal(await page.locator('.object').count(), 2))
  await page.locator('.object').first().locator('[data-do="remove"]').focus()
  await page.keyboard.press('Enter')
  await soon(async () => assert.equal(await page.locator('.object').count(), 1))
  assert.ok(await focusIn('.object'), 'the next row has it')
  await part(page, 'modelButton').focus()
  await page.keyboard.press('Enter')
  await part(page, 'modelList').waitFor()
  await page.keyboard.press('Tab')
  assert.ok(await focusIn('[data-model]'))
  await page.keyboard.press('Escape')
  await part(page, 'modelList').waitFor({state: 'hidden'})
  assert.ok(await focusIn('[data-part="modelButton"]'), 'a menu that closes gives it back')
  // Letters are the list's where a list has the focus.
  await part(page, 'language').focus()
  await page.keyboard.press('e')
  await painted(page)
  assert.equal(await page.locator('[data-tool="eraser"]').getAttribute('aria-pressed'), 'false')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a file that is no picture says so, and leaves the open picture alone', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('PET')
  const {context, page} = await openPage()
  await openDemo(page, demo)
  await drop(page, 'notes.png', Buffer.from('these are words, not pixels'))
  const alert = page.getByRole('alert')
  await alert.waitFor()
  const words = await alert.innerText()
  assert.ok(words.length > 40, words)
  console.log(`# a wrong file is told: ${words.replaceAll('\n', ' / ')}`)
  await drawBox(page, demo)
  await masksDone(page, 1)
  await soon(async () => assert.equal(await alert.isVisible(), false, 'a success takes the message away'))
  await context.close()
})

test('a picture is opened from its address on the same server, and from no other', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('MR')
  const {context, page, problems} = await openPage(`?src=demos/${demo.file}`)
  await readyForBox(page)
  await soon(async () => assert.equal(await part(page, 'file').innerText(), demo.file))
  assert.deepEqual(problems, [])
  await page.goto(`${server.url}?src=${encodeURIComponent(elsewhere.url)}demos/${demo.file}`)
  await page.getByRole('alert').waitFor()
  await soon(async () => assert.match(await page.getByRole('alert').innerText(), /its own server only/))
  assert.deepEqual(elsewhere.paths, [])
  await context.close()
})

test('a look that takes long can be stopped, and the next box begins again', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('CT')
  const {context, page, problems} = await openPage()
  await part(page, 'modelButton').click()
  await page.locator('[data-model="litemedsam"]').click() // a look takes it seconds
  await page.getByRole('button', {name: demo.title}).click()
  await page.getByText('Looking at the picture').first().waitFor()
  await part(page, 'cancel').click()
  await page.getByText('Stopped. Draw a box to go on.').first().waitFor()
  await drawBox(page, demo)
  await masksDone(page, 1)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a reload starts afresh, and what was chosen stays', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openPage()
  await part(page, 'theme').click()
  await openDemo(page, demoOf('Mammography'))
  await page.reload()
  await soon(async () => assert.equal(await page.locator('html').getAttribute('data-theme'), 'light'))
  await openDemo(page, demoOf('PET'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('assistive techniques find no serious fault, dark and light, empty and open', {timeout: SLOW_MS}, async () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  const {context, page} = await openPage()
  const check = async (/** @type {string} */ where) => {
    await page.evaluate(axe)
    // A colour on its way from one theme to the other has a contrast that nobody reads by.
    await painted(page)
    await page.evaluate(() => Promise.all(document.getAnimations().map(({finished}) => finished.catch(() => null))))
    const violations = await page.evaluate(async () => {
      const {violations} = await /** @type {any} */ (globalThis).axe.run(document)
      return violations.map((/** @type {any} */ {id, impact, nodes}) => ({id, impact, nodes: nodes.map((/** @type {any} */ node) => node.html.slice(0, 120))}))
    })
    assert.deepEqual(violations.filter((/** @type {any} */ {impact}) => impact === 'serious' || impact === 'critical'), [], where)
  }
  await page.locator('.tile').nth(DEMOS.length - 1).waitFor()
  await check('start, dark')
  const demo = demoOf('US')
  await openDemo(page, demo)
  await drawBox(page, demo)
  await masksDone(page, 1)
  await check('open, dark')
  await part(page, 'theme').click()
  await check('open, light')
  await page.keyboard.press('?')
  await page.getByRole('dialog').waitFor()
  await check('keys, light')
  await page.keyboard.press('Escape')
  await part(page, 'home').click()
  await check('start, light')
  await context.close()
})

test('on a phone a finger meets one button at a time, and the picture lies above the list', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  await page.setViewportSize({width: 390, height: 844})
  await part(page, 'panelButton').click()
  await painted(page)
  await page.waitForFunction(() => document.getAnimations().length === 0)
  const targets = await page.evaluate(() => {
    const inSight = (/** @type {Element} */ node) => node.checkVisibility({visibilityProperty: true}) && node.closest('.viewer') === null
    return [...document.querySelectorAll('.bar button, .tools button, .objects button')].filter(inSight).map((node) => {
      const {left, top, width, height} = node.getBoundingClientRect()
      return {name: node.getAttribute('aria-label') ?? node.textContent ?? '', left, top, width, height}
    })
  })
  const [viewer, panel] = await Promise.all(['.viewer', '.panel'].map((name) => page.locator(name).boundingBox()))
  assert.ok(viewer && panel && viewer.height > 250)
  assert.ok(Math.abs(viewer.y + viewer.height - panel.y) <= 1, `the picture ends at ${viewer.y + viewer.height}, the list begins at ${panel.y}`)
  assert.ok(targets.length > 14, `${targets.length} buttons`)
  for (const [i, a] of targets.entries()) {
    if (!a.name.startsWith('Select')) assert.ok(a.width >= 40 && a.height >= 40, `${a.name} is ${a.width} × ${a.height}`)
    for (const b of targets.slice(i + 1)) {
      const shared = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left)
      const high = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top)
      assert.ok(shared <= 0.5 || high <= 0.5, `${a.name} and ${b.name} share ${shared} × ${high} pixels`)
    }
  }
  await part(page, 'panelModel').click()
  await page.locator('[data-model="litemedsam"]').click()
  await soon(async () => assert.match(await part(page, 'panelModel').innerText(), /^Model: LiteMedSAM/))
  assert.deepEqual(problems, [])
  await context.close()
})

test('bar and tools are whole at any size, whatever the model is called', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  for (const locale of ['de', 'fr', 'es', 'zh']) {
    await part(page, 'language').selectOption(locale)
    await page.waitForFunction((wanted) => document.documentElement.lang === wanted, locale)
    for (const title of ['medbox lite', 'Class-prompt TinyViT (the paper’s network)']) {
      await part(page, 'modelName').evaluate((node, text) => { node.textContent = text }, title)
      for (const width of [320, 400, 599, 600, 667, 799, 800, 844, 1000, 1199, 1200]) {
        const height = width === 844 ? 390 : 560
        await page.setViewportSize({width, height})
        const outside = await page.evaluate(() => [...document.querySelectorAll('.bar button, .tools button')].filter((node) => {
          const {left, right, bottom, width} = node.getBoundingClientRect()
          return node.checkVisibility() && (left < 0 || right > innerWidth || bottom > innerHeight || width < 30)
        }).map((node) => /** @type {HTMLElement} */ (node).dataset.part ?? node.getAttribute('aria-label')))
        assert.deepEqual(outside, [], `${locale}, ${width} pixels, ${title}`)
      }
    }
    await page.setViewportSize({width: 1280, height: 600})
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('the list of models tells size and use, the sheet about medbox licences and the models’ own words', async () => {
  const {context, page} = await openPage()
  await part(page, 'modelButton').click()
  const [entry] = MODELS
  assert.ok(entry)
  const words = await page.locator(`[data-model="${entry.name}"]`).innerText()
  for (const fact of [entry.title, 'MB to load once', 'For research and teaching. Not a medical device.']) assert.ok(words.includes(fact), `${fact} in ${words}`)
  await page.keyboard.press('Escape')
  await part(page, 'about').click()
  const credits = await part(page, 'modelCredits').innerText()
  for (const fact of [entry.title, entry.licence, entry.intendedUse]) assert.ok(credits.includes(fact), `${fact} in ${credits}`)
  await context.close()
})
