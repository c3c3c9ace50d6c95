/** That nothing leaves the tab, seen from outside: requests, policy, errors, and a page that stands still. */

import assert from 'node:assert/strict'
import {test} from 'node:test'

import {drawBox, elsewhere, masksDone, openDemo, openPage, part, save, server, SLOW_MS} from '../page.mjs'
import {demoOf, DEMOS, soon} from '../support.mjs'

test('a whole journey asks its own server only, says nothing wrong, and nothing jumps', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('US')
  const {context, page, problems, requests} = await openPage()
  await page.evaluate(() => {
    /** @type {{value: number, what: string[]}[]} */
    const shifts = []
    Reflect.set(window, 'shifts', shifts)
    let turnedMs = -1000
    const sheet = document.querySelector('[data-part="page"]')
    if (sheet) new MutationObserver(() => (turnedMs = performance.now())).observe(sheet, {attributes: true, attributeFilter: ['data-study']})
    new PerformanceObserver((list) => {
      for (const entry of /** @type {any[]} */ (list.getEntries())) {
        // What a hand has just asked for may move, and a picture that opens takes the place of the start.
        if (entry.hadRecentInput || Math.abs(entry.startTime - turnedMs) < 100) continue
        shifts.push({value: entry.value, what: entry.sources.map((/** @type {any} */ {node}) => `${node?.nodeName} ${node?.dataset?.part ?? node?.className}`)})
      }
    }).observe({type: 'layout-shift', buffered: true})
  })
  await page.locator('.tile').nth(DEMOS.length - 1).waitFor()
  await openDemo(page, demo)
  await drawBox(page, demo)
  await masksDone(page, 1)
  for (const what of /** @type {const} */ (['label', 'overlay', 'coco', 'npz'])) await save(page, what)
  await part(page, 'theme').click()
  await part(page, 'language').selectOption('fr')
  await part(page, 'help').click()
  await page.keyboard.press('Escape')
  await part(page, 'home').click()
  await part(page, 'resume').click()
  await masksDone(page, 1)

  assert.deepEqual(problems, [])
  const {origin} = new URL(server.url)
  const own = requests.filter((url) => url.startsWith(origin))
  const made = requests.filter((url) => url.startsWith('blob:') || url.startsWith('data:'))
  console.log(`# a journey: ${own.length} requests to its own server, ${made.length} to what the page itself made, none elsewhere`)
  assert.ok(own.length > 30)
  assert.equal(own.length + made.length, requests.length, requests.filter((url) => !own.includes(url) && !made.includes(url)).join())
  assert.deepEqual(await page.evaluate(() => Reflect.get(window, 'shifts')), [])
  await context.close()
})

test('the policy refuses other origins to the page and to its workers, with and without the service worker', {timeout: SLOW_MS}, async () => {
  const {context, page} = await openPage('?workers=2')
  const ask = (/** @type {string} */ url) => fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'refused')
  const inline = (/** @type {string} */ url) => new Promise((resolve) => {
    const picture = new Image()
    picture.onload = () => resolve('reached')
    picture.onerror = () => resolve('refused')
    picture.src = url
  })
  const check = async () => {
    await openDemo(page, demoOf('PET'))
    const [worker] = page.workers()
    assert.ok(worker, 'a worker runs')
    await soon(async () => assert.equal(await worker.evaluate(ask, server.url), 'reached'))
    await soon(async () => assert.equal(await worker.evaluate(ask, elsewhere.url), 'refused'))
    await soon(async () => assert.equal(await page.evaluate(ask, elsewhere.url), 'refused'))
    await soon(async () => assert.equal(await page.evaluate(inline, `${elsewhere.url}icon.svg`), 'refused'))
    assert.deepEqual(elsewhere.paths, [], 'nothing arrived there')
  }
  await soon(async () => assert.equal(await page.evaluate(() => navigator.serviceWorker.controller), null))
  await check()
  await page.waitForFunction(() => navigator.serviceWorker.controller)
  await page.reload()
  await check()
  await context.close()
})
