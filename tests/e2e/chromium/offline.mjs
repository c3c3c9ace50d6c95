/** Journeys without a network, over the folder that is handed out, behind Python's plain server. */

import assert from 'node:assert/strict'
import {execFileSync, spawn} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {after, before, test} from 'node:test'

import {firstVisit} from '../../../tools/precache.mjs'
import {browser, drawBox, masksDone, openDemo, part, save, SLOW_MS} from '../page.mjs'
import {serve} from '../server.mjs'
import {areaOf, demoOf, launchChromium, readLabels, REPOSITORY, ROOT, soon} from '../support.mjs'
import {serveCopy, versionsOf} from '../versions.mjs'

/** @import {BrowserContext, Page} from 'playwright-core' */

/** Two folders deep, as on hosts where many pages share one address. */
const PATH = 'some/where/medbox'
const folder = mkdtempSync(join(tmpdir(), 'medbox-dist-'))
const site = join(folder, PATH)
/** @type {Awaited<ReturnType<typeof servePlainly>>} */
let plain

before(async () => {
  execFileSync(process.execPath, ['tools/dist.mjs', site], {cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'inherit']})
  plain = await servePlainly()
})
after(async () => {
  await plain?.close()
  rmSync(folder, {recursive: true, force: true})
})

/** `python3 -m http.server`, the server that the README names. */
async function servePlainly() {
  const probe = createServer()
  const port = await new Promise((resolve) => probe.listen(0, '127.0.0.1', () => resolve(/** @type {import('node:net').AddressInfo} */ (probe.address()).port)))
  await new Promise((resolve) => probe.close(resolve))
  const server = spawn('python3', ['-m', 'http.server', String(port), '--bind', '127.0.0.1', '--directory', folder], {stdio: ['ignore', 'ignore', 'pipe']})
  /** @type {string[]} lines of its log, one a request */
  const log = []
  server.stderr.on('data', (data) => log.push(...String(data).split('\n').filter(Boolean)))
  const url = `http://127.0.0.1:${port}/${PATH}/`
  for (let i = 0; !(await fetch(url).catch(() => null))?.ok; i++) {
    if (server.exitCode !== null || i > 600) throw new Error(`python3 does not serve at ${url}: ${log.join(' ')}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    url,
    log,
    close: () => new Promise((resolve) => {
      server.once('exit', resolve)
      server.kill()
    }),
  }
}

/** @param {BrowserContext} context @param {string} url */
async function open(context, url) {
  context.setDefaultTimeout(SLOW_MS)
  const page = await context.newPage()
  /** @type {string[]} */
  const problems = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(url)
  return {page, problems}
}

/** What the about sheet says of working without a network. @param {Page} page @param {string} words */
const offlineSays = (page, words) => part(page, 'deviceFacts').filter({hasText: words}).waitFor({state: 'attached'})

test('after one visit the whole job is done with the server gone', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('Dermoscopy')
  const context = await browser.newContext({acceptDownloads: true})
  const {page, problems} = await open(context, plain.url)
  await offlineSays(page, 'Without a network: works.')

  await plain.close()
  await context.setOffline(true)
  try {
    await page.reload()
    await openDemo(page, demo)
    await drawBox(page, demo)
    await masksDone(page, 1)
    await soon(async () => assert.ok(areaOf(readLabels((await save(page, 'label')).bytes), 1) > 100))
    await part(page, 'language').selectOption('de')
    await page.getByText('Nichts verlässt diesen Tab').waitFor()
    const other = await open(context, `${plain.url}?src=demos/${demoOf('PET').file}`)
    await other.page.getByText('Bereit').first().waitFor()
    assert.deepEqual([...problems, ...other.problems], [])
  } finally {
    plain = await servePlainly()
  }
  await context.close()
})

test('for a model that cannot be had the one before stands in, and it can be tried again', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('US')
  const context = await browser.newContext()
  const {page} = await open(context, plain.url) // Browsers write to the console what was not there.
  await offlineSays(page, 'Without a network: works.')
  await openDemo(page, demo)
  await drawBox(page, demo)
  await masksDone(page, 1)
  const before = await part(page, 'modelName').innerText()

  await context.setOffline(true)
  await part(page, 'modelButton').click()
  await page.locator('[data-model="litemedsam"]').click()
  const alert = page.getByRole('alert')
  await alert.filter({hasText: `Until then “${before}” is used.`}).waitFor()
  await soon(async () => assert.match(await alert.innerText(), /^A file of medbox could not be loaded: models\/litemedsam\//))
  await masksDone(page, 1)
  await soon(async () => assert.equal(await part(page, 'modelName').innerText(), before))
  const [x0, y0, , y1] = demo.box
  await drawBox(page, demo, [x0 - 60, y0 + 10, x0 - 12, y1 - 10])
  await masksDone(page, 2)

  await context.setOffline(false)
  await part(page, 'retry').click()
  await soon(async () => assert.match(await part(page, 'modelName').innerText(), /^LiteMedSAM/))
  await masksDone(page, 2)
  await soon(async () => assert.equal(await alert.isVisible(), false))
  await context.close()
})

test('a first visit downloads what the budget says, and a second one next to nothing', {timeout: SLOW_MS}, async () => {
  const context = await browser.newContext()
  context.setDefaultTimeout(SLOW_MS)
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await devtools.send('Network.enable')
  let bytes = 0
  devtools.on('Network.loadingFinished', ({encodedDataLength}) => (bytes += encodedDataLength))
  await page.goto(plain.url)
  await offlineSays(page, 'Without a network: works.')
  const visit = firstVisit(site)
  const budget = JSON.parse(readFileSync(join(REPOSITORY, 'tools/budget.json'), 'utf8'))
  console.log(`# a first visit: ${bytes} bytes; counted by the build: ${visit.total}; budget: ${budget.total}`)
  assert.ok(bytes <= budget.total, `${bytes} bytes are over the budget of ${budget.total}`)
  assert.ok(bytes > visit.total * 0.8, 'the build counts what a browser loads')

  const asked = plain.log.length
  await page.reload()
  await offlineSays(page, 'Without a network: works.')
  const again = plain.log.slice(asked).filter((line) => !line.includes('sw.js') && !line.includes('precache.json'))
  assert.deepEqual(again, [], 'only whether there is a new version is asked')
  await context.close()
})

test('a file that was damaged in the browser’s store is fetched again', {timeout: SLOW_MS}, async () => {
  const context = await browser.newContext()
  const {page, problems} = await open(context, plain.url)
  await offlineSays(page, 'Without a network: works.')
  /** What the store has of the encoder: its length, before something else is put in its place. @param {string | null} other */
  const encoder = (other) => page.evaluate(async (text) => {
    const [name] = (await caches.keys()).filter((one) => one.startsWith('medbox files '))
    const store = await caches.open(name ?? '')
    const request = (await store.keys()).find(({url}) => url.includes('/encoder.onnx?'))
    const {size} = await (await store.match(request ?? ''))?.blob() ?? {size: 0}
    if (request && text) await store.put(request, new Response(text))
    return size
  }, other)
  const size = await encoder('not a network')
  assert.ok(size > 1_000_000)
  await soon(async () => assert.equal(await encoder(null), 'not a network'.length))
  await page.reload()
  await openDemo(page, demoOf('PET'))
  await soon(async () => assert.equal(await encoder(null), size))
  assert.deepEqual(problems, [])
  await context.close()
})

/** Which of a tab's workers are of the new version. @param {Page} page */
const newWorkersOf = (page) => Promise.all(page.workers().map((one) => one.evaluate(() => Reflect.has(self, 'isRenewed'))))
/** How many versions of the page the browser keeps. @param {Page} page */
const keptVersions = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('medbox page ')).length)
/** How many states of the engine it keeps. @param {Page} page */
const keptEngines = (page) => page.evaluate(async () => {
  const [name] = (await caches.keys()).filter((one) => one.startsWith('medbox files '))
  return (await (await caches.open(name ?? '')).keys('pkg/medbox_relaxed.wasm.gz', {ignoreSearch: true})).length
})
const updateOf = (/** @type {Page} */ page) => page.getByText('A new version is ready.')

test('a new version is offered, and comes when it is asked for', {timeout: SLOW_MS}, async () => {
  const {server, renew, close} = await serveCopy(site)
  const context = await browser.newContext()
  const {page, problems} = await open(context, server.url)
  await offlineSays(page, 'Without a network: works.')
  renew()
  const before = server.paths.length
  await page.reload()
  await updateOf(page).waitFor()
  assert.equal(await versionsOf(page), '1111', 'what is open stays as it is')
  const fetched = server.paths.slice(before).filter((path) => !/sw\.js|precache\.json/.test(path))
  assert.deepEqual(fetched.sort(), ['/sub/', '/sub/locales/en.js', '/sub/main.js', '/sub/pkg/medbox_relaxed.wasm.gz', '/sub/worker.js'], 'only what changed is fetched')
  await part(page, 'updateReload').click()
  await soon(async () => assert.equal(await versionsOf(page), '2222'))
  assert.equal(await updateOf(page).count(), 0)
  for (let i = 0; i < 2; i++) {
    renew()
    await page.reload()
    await updateOf(page).waitFor()
    await part(page, 'updateReload').click()
    await soon(async () => assert.equal(await keptEngines(page), 2, 'of what was used the newest two states are kept'))
  }
  // What was used of the version before is there in this one too.
  await server.close()
  await page.reload()
  await openDemo(page, demoOf('PET'))
  await drawBox(page, demoOf('PET'))
  await masksDone(page, 1)
  assert.deepEqual(new Set(await newWorkersOf(page)), new Set([true]))
  assert.deepEqual(problems.filter((problem) => !/ERR_CONNECTION_REFUSED/.test(problem)), [])
  await context.close()
  await close()
})

test('a tab stays with the version that it was opened with, also while the browser rests', {timeout: SLOW_MS}, async () => {
  const {server, renew, close} = await serveCopy(site)
  const context = await browser.newContext()
  const {page, problems} = await open(context, server.url)
  await offlineSays(page, 'Without a network: works.')
  await page.evaluate(() => Reflect.set(window, 'isTheSame', true))
  renew()
  const other = await open(context, server.url)
  await updateOf(other.page).waitFor()
  await updateOf(page).waitFor()
  await part(other.page, 'updateReload').click()
  await soon(async () => assert.equal(await versionsOf(other.page), '2222'))
  const devtools = await context.newCDPSession(page)
  await devtools.send('ServiceWorker.enable')
  const rest = () => devtools.send('ServiceWorker.stopAllWorkers')
  for (const isRested of [false, true]) {
    if (isRested) await rest()
    assert.equal(await versionsOf(page), '1111')
    assert.equal(await versionsOf(other.page), '2222')
  }
  assert.ok(await page.evaluate(() => Reflect.get(window, 'isTheSame')), 'no tab is reloaded behind anybody’s back')
  // What it starts later is of its version too.
  await openDemo(page, demoOf('PET'))
  await drawBox(page, demoOf('PET'))
  await masksDone(page, 1)
  assert.deepEqual(new Set(await newWorkersOf(page)), new Set([false]))
  assert.equal(await keptVersions(other.page), 2)
  await page.close()
  const third = await context.newCDPSession(other.page)
  await third.send('ServiceWorker.enable')
  await soon(async () => {
    await third.send('ServiceWorker.stopAllWorkers')
    await other.page.reload()
    assert.equal(await keptVersions(other.page), 1, 'what no tab has any more is deleted')
  })
  assert.deepEqual([...problems, ...other.problems], [])
  await context.close()
  await close()
})

test('a tab that is still being opened when a new version comes gets no files of both, and is told', {timeout: SLOW_MS}, async () => {
  // A file that comes only when there is a newer version.
  const late = (/** @type {string} */ script) => {
    const changed = script.replace('  if (!version) return fetch(request)\n', `$&
  const first = kept.newest
  while (request.url.endsWith('/settings.js') && kept.newest === first) await new Promise((resolve) => setTimeout(resolve, 50))
`)
    assert.notEqual(changed, script)
    return changed
  }
  const {server, renew, close} = await serveCopy(site, late)
  const context = await browser.newContext()
  const {page, problems} = await open(context, server.url)
  await offlineSays(page, 'Without a network: works.')
  renew()
  const other = await context.newPage()
  await other.goto(server.url, {waitUntil: 'commit'})
  await other.waitForFunction(() => document.readyState !== 'loading')
  await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.postMessage({type: 'look', version: null}))
  await updateOf(page).waitFor()
  await updateOf(other).waitFor()
  assert.equal(await versionsOf(other), '1111')
  assert.deepEqual(problems, [])
  await context.close()
  await close()
})

test('a version that does not arrive whole is not kept, and the page works', {timeout: SLOW_MS}, async () => {
  const server = await serve(site, {prefix: '/sub/', made: {'app.css': () => 'body { color: red }'}})
  const context = await browser.newContext()
  const {page, problems} = await open(context, server.url)
  await offlineSays(page, 'The page could not be kept')
  await soon(async () => assert.equal(await keptVersions(page), 0))
  await openDemo(page, demoOf('PET'))
  assert.deepEqual(problems, [])
  await context.close()
  await server.close()
})

test('a new version that does not arrive whole is not offered, and comes when it is whole', {timeout: SLOW_MS}, async () => {
  const {server, edit, renew, close} = await serveCopy(site)
  const context = await browser.newContext()
  const {page, problems} = await open(context, server.url)
  await offlineSays(page, 'Without a network: works.')
  edit('locales/fr.js', (text) => `${text}// newer`)
  renew()
  edit('locales/fr.js', (text) => `${text}// newer still`)
  await page.reload()
  await offlineSays(page, 'Without a network: works.')
  await soon(async () => assert.ok(server.paths.filter((path) => path.endsWith('/locales/fr.js')).length > 1))
  await soon(async () => assert.equal(await keptVersions(page), 1))
  assert.equal(await versionsOf(page), '1111')
  assert.equal(await updateOf(page).count(), 0)
  renew()
  await page.reload()
  await updateOf(page).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
  await close()
})

test('by plain http the page works and says what it cannot do', {timeout: SLOW_MS}, async () => {
  const elsewhere = await launchChromium('--host-resolver-rules=MAP medbox.test 127.0.0.1')
  const context = await elsewhere.newContext()
  const {page, problems} = await open(context, plain.url.replace('127.0.0.1', 'medbox.test'))
  await offlineSays(page, 'It came by plain http')
  await page.keyboard.press('?')
  await part(page, 'keysAbout').click()
  await page.getByText('It came by plain http').waitFor()
  await page.keyboard.press('Escape')
  await openDemo(page, demoOf('PET'))
  await drawBox(page, demoOf('PET'))
  await masksDone(page, 1)
  assert.deepEqual(problems, [])
  await elsewhere.close()
})

test('browsers find what they need to install the page', {timeout: SLOW_MS}, async () => {
  const context = await browser.newContext()
  const {page} = await open(context, plain.url)
  const devtools = await context.newCDPSession(page)
  const {errors} = await devtools.send('Page.getAppManifest')
  assert.deepEqual(errors, [])
  const manifest = JSON.parse(readFileSync(join(ROOT, 'manifest.webmanifest'), 'utf8'))
  for (const {src, sizes, type} of manifest.icons) {
    if (type !== 'image/png') continue
    const bytes = readFileSync(join(site, src))
    assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes, src)
    assert.ok(bytes.length < 30_000, `${src} is small`)
  }
  await context.close()
})
