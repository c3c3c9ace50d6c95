/** A page of somebody else's that calls the engine, as docs/EMBEDDING.md says. */

import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'node:test'

import {browser, server, SLOW_MS} from '../page.mjs'
import {areaOf, demoOf, labelsByCommandLine, ROOT} from '../support.mjs'

test('the program of docs/EMBEDDING.md gives the mask that the command line gives', {timeout: SLOW_MS}, async () => {
  const document = readFileSync(new URL('../../../docs/EMBEDDING.md', import.meta.url), 'utf8')
  const [, program = ''] = /```js\n([\s\S]*?)```/.exec(document) ?? []
  const context = await browser.newContext({serviceWorkers: 'block'})
  const page = await context.newPage()
  await page.route(`${server.url}theirs.html`, (route) => route.fulfill({contentType: 'text/html; charset=utf-8', body: `<script type="module">${program}</script>`}))
  const said = page.waitForEvent('console', {predicate: (message) => message.text().includes('pixels'), timeout: SLOW_MS})
  await page.goto(`${server.url}theirs.html`)
  const [, pixels] = /^(\d+) pixels in \d+ × \d+ at \d+, \d+, score 0\.\d\d$/.exec((await said).text()) ?? []
  const demo = demoOf('US')
  const area = areaOf(labelsByCommandLine({picture: join(ROOT, 'demos', demo.file), boxes: [demo.box], mode: 'default'}), 1)
  assert.ok(Math.abs(Number(pixels) - area) <= area / 1000, `${pixels} pixels, ${area} on the command line`)
  await context.close()
})
