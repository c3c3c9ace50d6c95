/** What is seen of the page: whole at any size and in any language, and in colours of the reader's own. */

import assert from 'node:assert/strict'
import {test} from 'node:test'

import {SLOW_MS, openWithMask, part} from '../page.mjs'
import {soon} from '../support.mjs'

test('menus are whole on low screens: what does not fit is scrolled to', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  for (const [width, height] of /** @type {const} */ ([[1280, 800], [1024, 400], [844, 390], [740, 360], [667, 375], [640, 400], [568, 320]])) {
    await page.setViewportSize({width, height})
    for (const name of /** @type {const} */ (['save', 'model'])) {
      if (!(await part(page, `${name}Button`).isVisible())) continue
      await part(page, `${name}Button`).click()
      const list = part(page, `${name}List`)
      await list.hover()
      await soon(async () => {
        await page.mouse.wheel(0, 2000)
        const [box, last] = [await list.boundingBox(), await list.locator('button:visible').last().boundingBox()]
        assert.ok(box && last)
        assert.ok(box.y + box.height <= height && last.y + last.height <= box.y + box.height, `${name}, ${width} × ${height}: ends at ${last.y + last.height}`)
      })
      await page.keyboard.press('Escape')
    }
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('panel and help are whole in every language', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  for (const locale of ['en', 'de', 'fr', 'es', 'zh']) {
    await page.setViewportSize({width: 1280, height: 800})
    await part(page, 'language').selectOption(locale)
    await page.waitForFunction((wanted) => document.documentElement.lang === wanted, locale)
    const [panel, inside, slider] = await page.evaluate(() => {
      const panel = /** @type {HTMLElement} */ (document.querySelector('.panel'))
      return [panel.clientWidth, panel.scrollWidth, document.querySelector('[data-part="opacity"]')?.getBoundingClientRect().width ?? 0]
    })
    assert.equal(inside, panel, `${locale}: the panel`)
    assert.ok(slider >= 60, `${locale}: the slider is ${slider} pixels wide`)
    await page.keyboard.press('?')
    await page.setViewportSize({width: 320, height: 560})
    const [sheet, keys] = await part(page, 'keysSheet').evaluate((node) => [node.clientWidth, node.scrollWidth])
    assert.equal(keys, sheet, `${locale}: the help`)
    await page.keyboard.press('Escape')
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('in the reader’s own colours one sees what can be pressed, what is chosen, and which colour an object has', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  await page.emulateMedia({forcedColors: 'active', reducedMotion: 'reduce'})
  /** Colours along the middle of a part of the page. @param {import('playwright-core').Locator} locator */
  const colours = async (locator) => {
    const png = (await locator.screenshot()).toString('base64')
    return page.evaluate(async (base64) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]))
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d')
      context?.drawImage(image, 0, 0)
      const data = context?.getImageData(0, image.height >> 1, image.width, 1).data ?? []
      return Array.from({length: data.length / 4}, (_, i) => data.slice(4 * i, 4 * i + 3).join())
    }, png)
  }
  const smooth = page.locator('.switch:has([data-part="smooth"]) .switch-track')
  const invert = page.locator('.switch:has([data-part="invert"]) .switch-track')
  /** @type {(string | undefined)[]} */
  const grounds = []
  for (const track of [smooth, invert]) {
    const along = await colours(track)
    grounds.push(along[17])
    assert.ok(along[9] !== along[17] || along[24] !== along[17], 'a switch has a knob')
  }
  for (const name of ['both', 'picture']) grounds.push((await colours(page.locator(`.segment:has([value="${name}"]) span`)))[4])
  for (const name of ['full', 'auto']) grounds.push((await colours(page.locator(`[data-preset="${name}"]`)))[6])
  const [on, off, chosen, other, pressed, free] = grounds
  assert.ok(on !== off && chosen !== other && pressed !== free, grounds.join(' · '))
  assert.ok((await colours(page.locator('.object-swatch'))).includes('230,159,0'), 'the swatch')
  const [likely, unlikely] = [page.locator('.class[data-best="true"] .class-bar'), page.locator('.class:not([data-best="true"]) .class-bar:visible').first()]
  assert.notEqual((await colours(likely))[20], (await colours(unlikely))[20], 'the bar of a class')
  const [edge, , , , ground] = await colours(part(page, 'chooseReference'))
  assert.notEqual(edge, ground, 'a button has an edge')
  assert.deepEqual(problems, [])
  await context.close()
})
