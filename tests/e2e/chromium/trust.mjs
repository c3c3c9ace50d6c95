/** That nothing leaves the tab, seen from outside: requests, policy, errors, and a page that stands still. */

import assert from 'node:assert/strict'
import {test} from 'node:test'

import {drawBox, elsewhere, masksDone, openDemo, openPage, painted, part, save, server, SLOW_MS} from '../page.mjs'
import {demoOf, DEMOS, soon} from '../support.mjs'

test('a whole journey asks its own server only, says nothing wrong, and nothing jumps', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('US')
  const {context, page, problems, requests} = await openPage()
  await page.evaluate(() => {
    /** @type {{at: number, value: number, what: string[]}[]} */
    const shifts = []
    Object.assign(window, {shifts, asked: []})
    new PerformanceObserver((list) => {
      for (const {startTime, hadRecentInput, value, sources} of /** @type {any[]} */ (list.getEntries())) {
        if (hadRecentInput) continue
        shifts.push({at: startTime, value, what: sources.map((/** @type {any} */ {node}) => `${node?.nodeName} ${node?.dataset?.part ?? node?.className}`)})
      }
    }).observe({type: 'layout-shift', buffered: true})
  })
  /** What a hand has just asked for may move, however late the answer comes. @param {() => Promise<unknown>} act */
  const asked = async (act) => {
    const from = await page.evaluate(() => performance.now())
    await act()
    await painted(page)
    await page.evaluate((since) => Reflect.get(window, 'asked').push([since, performance.now()]), from)
  }
  await page.locator('.tile').nth(DEMOS.length - 1).waitFor()
  await asked(() => openDemo(page, demo))
  await asked(async () => {
    await drawBox(page, demo)
    await masksDone(page, 1)
  })
  for (const what of /** @type {const} */ (['label', 'overlay', 'coco', 'npz'])) await asked(() => save(page, what))
  await asked(async () => {
    await part(page, 'theme').click()
    await part(page, 'language').selectOption('fr')
    await page.waitForFunction(() => document.documentElement.lang === 'fr')
  })
  await asked(async () => {
    await part(page, 'help').click()
    await page.keyboard.press('Escape')
  })
  await asked(() => part(page, 'home').click())
  await asked(async () => {
    await part(page, 'resume').click()
    await masksDone(page, 1)
  })
  await page.waitForTimeout(1000) // Nobody asks for anything any more.

  assert.deepEqual(problems, [])
  const {origin} = new URL(server.url)
  const own = requests.filter((url) => url.startsWith(origin))
  const made = requests.filter((url) => url.startsWith('blob:') || url.startsWith('data:'))
  console.log(`# a journey: ${own.length} requests to its own server, ${made.length} to what the page itself made, none elsewhere`)
  assert.ok(own.length > 30)
  assert.equal(own.length + made.length, requests.length, requests.filter((url) => !own.includes(url) && !made.includes(url)).join())
  assert.deepEqual(await page.evaluate(() => {
    const {shifts, asked} = /** @type {{shifts: {at: number}[], asked: [number, number][]}} */ (/** @type {unknown} */ (window))
    return shifts.filter(({at}) => !asked.some(([from, to]) => at >= from && at <= to))
  }), [])
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
