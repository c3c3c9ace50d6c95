/** Journeys of what is saved, kept, and found again. */

import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'node:test'

import {unzipSync} from '../../../www/vendor/fflate.js'
import {SLOW_MS, drawBox, drop, masksDone, openDemo, openPage, openTab, openWithMask, part, save} from '../page.mjs'
import {demoOf, readLabels, ROOT, sizeOfDemo, soon} from '../support.mjs'

/** @import {Page} from 'playwright-core' */

/** Longer than the page waits after the last change before it keeps it. */
const KEPT_MS = 700

/** What is in the browser's store: records and pictures. @param {Page} page */
const kept = (page) => page.evaluate(async () => {
  const done = (/** @type {IDBRequest<any>} */ request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result) })
  const database = /** @type {IDBDatabase} */ (await done(indexedDB.open('medbox')))
  const counts = [...database.objectStoreNames].map((name) => done(database.transaction(name).objectStore(name).count()))
  const found = await Promise.all(counts)
  database.close()
  return found
})
/** @param {Page} page @param {string} [name] of the first object */
async function nameFirst(page, name = 'Läsion 1') {
  const field = page.locator('.object-name').first()
  await field.fill(name)
  await field.press('Enter')
}
/** @param {Page} page @param {{name: string, bytes: Buffer}} file */
const give = (page, {name, bytes}) => part(page, 'fileInput').setInputFiles({name, mimeType: '', buffer: bytes})

test('what was drawn and named is there again after a reload, until it is forgotten', {timeout: SLOW_MS}, async () => {
  const {context, page, problems, demo} = await openWithMask('Dermoscopy')
  await nameFirst(page)
  const field = page.locator('.object-name').first()
  await field.fill('a slip')
  await field.press('Escape')
  await soon(async () => assert.equal(await field.inputValue(), 'Läsion 1'))
  await soon(async () => assert.equal(await part(page, 'undo').getAttribute('aria-label'), 'Undo: rename object 1'))
  await part(page, 'undo').click()
  await soon(async () => assert.equal(await field.inputValue(), '', 'that was no step'))
  await part(page, 'redo').click()
  await part(page, 'closer').click()
  await masksDone(page, 1)
  const label = await save(page, 'label')
  await page.waitForTimeout(KEPT_MS)
  await soon(async () => assert.deepEqual(await kept(page), [1, 1]))

  await page.reload()
  await masksDone(page, 1)
  await soon(async () => assert.match(await part(page, 'noteText').innerText(), /^Restored from this browser: 1 object, as it was on /))
  await soon(async () => assert.equal(await page.locator('.object-name').first().inputValue(), 'Läsion 1'))
  await soon(async () => assert.equal(await part(page, 'file').innerText(), demo.title))
  await soon(async () => assert.equal(await part(page, 'closer').isChecked(), false, 'masks are made as they were'))
  await soon(async () => assert.ok((await save(page, 'label')).bytes.equals(label.bytes), 'the same label map, byte for byte'))

  await part(page, 'note').getByRole('button', {name: 'Forget it'}).click()
  await page.getByText('Nothing is kept in this browser any more').first().waitFor()
  await soon(async () => assert.deepEqual(await kept(page), [0, 0]))
  await nameFirst(page, 'still on the screen, and not kept')
  await page.waitForTimeout(KEPT_MS)
  await soon(async () => assert.deepEqual(await kept(page), [0, 0]))
  await page.reload()
  await page.locator('.tile').first().waitFor()
  await page.waitForTimeout(KEPT_MS)
  await soon(async () => assert.equal(await part(page, 'empty').isVisible(), true))
  await soon(async () => assert.equal(await part(page, 'note').isVisible(), false))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a page that is reloaded at once has lost nothing', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  await soon(async () => assert.deepEqual(await kept(page), [1, 1])) // The picture is too large to be handed over at the end.
  await page.reload()
  await masksDone(page, 1)
  for (const name of ['one', 'two', 'three']) {
    await nameFirst(page, name)
    await page.reload()
    await masksDone(page, 1)
    await soon(async () => assert.equal(await page.locator('.object-name').first().inputValue(), name))
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('a page that ends has kept its last change, even where the browser’s store drops it', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('US')
  await page.waitForTimeout(KEPT_MS)
  await soon(async () => assert.deepEqual(await kept(page), [1, 1]))
  await page.addInitScript(() => {
    IDBTransaction.prototype.commit = IDBTransaction.prototype.abort
  })
  await page.reload()
  await masksDone(page, 1)
  await nameFirst(page, 'dropped')
  await page.reload()
  await masksDone(page, 1)
  await soon(async () => assert.equal(await page.locator('.object-name').first().inputValue(), 'dropped'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a session opens in another browser as it was saved', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('US')
  const first = await openPage()
  await openDemo(first.page, demo)
  await drawBox(first.page, demo)
  await masksDone(first.page, 1)
  const [x0, y0, x1, y1] = demo.box
  await drawBox(first.page, demo, [x0 - 60, y0 + 10, x0 - 12, y1 - 10])
  await masksDone(first.page, 2)
  await nameFirst(first.page)
  await first.page.locator('.object').nth(1).locator('[data-do="visibility"]').click()
  const label = await save(first.page, 'label')
  const session = await save(first.page, 'session')
  assert.equal(session.name, demo.file.replace(/\.\w+$/, '.medbox'))
  await first.context.close()

  const files = unzipSync(session.bytes)
  assert.deepEqual(Object.keys(files), ['session.json', `picture/${demo.file}`])
  const original = readFileSync(join(ROOT, 'demos', demo.file))
  assert.ok(original.equals(/** @type {Uint8Array} */ (files[`picture/${demo.file}`])), 'the picture’s own bytes')

  const second = await openPage()
  await second.page.locator('.tile').first().waitFor()
  await give(second.page, session)
  await masksDone(second.page, 2)
  await soon(async () => assert.equal(await second.page.locator('.object-name').first().inputValue(), 'Läsion 1'))
  await soon(async () => assert.equal(await second.page.locator('.object').nth(1).getAttribute('data-visible'), 'false'))
  await soon(async () => assert.equal(await part(second.page, 'note').isVisible(), false, 'the model is the same: nothing to say'))
  await soon(async () => assert.ok((await save(second.page, 'label')).bytes.equals(label.bytes), 'the same label map, byte for byte'))
  assert.ok(x1 > x0)
  assert.deepEqual([...first.problems, ...second.problems], [])
  await second.context.close()
})

test('a session of another state of the model says so and keeps its masks; a damaged one is told', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('PET')
  const label = await save(page, 'label')
  const session = await save(page, 'session')
  const {packSession, unpackSession} = await import('../../../www/archive.js')
  const found = await unpackSession(new Blob([new Uint8Array(session.bytes)]))
  assert.match(found.model?.sha256.encoder ?? '', /^[0-9a-f]{64}$/)
  const model = {name: found.model?.name ?? '', sha256: {encoder: '0'.repeat(64), decoder: '0'.repeat(64)}}
  const bytes = Buffer.from(await packSession({...found, model}))
  await give(page, {name: 'other.medbox', bytes})
  await part(page, 'note').waitFor()
  await soon(async () => assert.match(await part(page, 'noteText').innerText(), /^It was made with another version of the model .+: the masks stay as they were saved\.$/))
  await soon(async () => assert.ok((await save(page, 'label')).bytes.equals(label.bytes)))

  await give(page, {name: 'cut.medbox', bytes: session.bytes.subarray(0, 2000)})
  const alert = page.getByRole('alert')
  await alert.waitFor()
  await soon(async () => assert.equal((await alert.innerText()).replaceAll(/\n+/g, ' '), 'The session cannot be opened: invalid zip data. The file may be damaged: copy or download it again.'))
  await soon(async () => assert.equal(await page.locator('.object').count(), 1, 'what was open stays'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('each tab keeps its own, and a tab that is gone is taken over', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('MR')
  await soon(async () => assert.deepEqual(await kept(page), [1, 1]))
  const beside = await openTab(context)
  await beside.page.locator('.tile').first().waitFor()
  await beside.page.waitForTimeout(KEPT_MS)
  await soon(async () => assert.equal(await part(beside.page, 'note').isVisible(), false, 'the other tab has it'))
  await page.close()
  await beside.page.waitForTimeout(KEPT_MS) // the browser lets go of what a closed tab held
  const next = await openTab(context)
  await masksDone(next.page, 1)
  await soon(async () => assert.match(await part(next.page, 'noteText').innerText(), /^Restored from this browser/))
  // The start page of a closed picture offers it.
  await part(next.page, 'home').click()
  await next.page.waitForTimeout(KEPT_MS)
  await next.page.reload()
  await next.page.getByRole('button', {name: 'Open it'}).click()
  await masksDone(next.page, 1)
  assert.deepEqual([...problems, ...beside.problems, ...next.problems], [])
  await context.close()
})

test('a work that was put aside is there after a reload, with its picture', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openWithMask('PET')
  const first = await save(page, 'label')
  await give(page, {name: 'next.jpg', bytes: readFileSync(join(ROOT, 'demos', demoOf('Dermoscopy').file))})
  await soon(async () => assert.match(await part(page, 'noteText').innerText(), /was put aside\.$/))
  await drawBox(page, demoOf('Dermoscopy'))
  await masksDone(page, 1)
  await soon(async () => assert.deepEqual(await kept(page), [2, 1]))
  await page.reload()
  await masksDone(page, 1)
  await part(page, 'noteClose').click() // What was restored.
  await soon(async () => assert.match(await part(page, 'noteText').innerText(), /was put aside\.$/))
  await page.getByRole('button', {name: 'Open it'}).click()
  await soon(async () => assert.ok((await save(page, 'label')).bytes.equals(first.bytes)))
  await soon(async () => assert.deepEqual(await kept(page), [2, 1], 'the other one lies aside now'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('where the browser lets nothing be kept, the page works and says so once', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('PET')
  const {context, page} = await openPage()
  await page.addInitScript(() => {
    Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('Storage is off.', 'SecurityError') }})
  })
  await page.reload()
  const alert = page.getByRole('alert')
  await alert.waitFor()
  await soon(async () => assert.equal((await alert.innerText()).replaceAll(/\n+/g, ' '), 'What you make is not kept in this browser: Storage is off. The page works without. Save a session file before you leave it.'))
  await part(page, 'failureClose').click()
  await openDemo(page, demo)
  await drawBox(page, demo)
  await masksDone(page, 1)
  await page.waitForTimeout(KEPT_MS)
  await soon(async () => assert.equal(await alert.isVisible(), false))
  await soon(async () => assert.ok((await save(page, 'session')).bytes.length > 1000))
  await context.close()
})

test('pictures that one leafs through are saved at once, and their boxes are found by their names', {timeout: SLOW_MS}, async () => {
  const demos = [demoOf('PET'), demoOf('US')]
  const {context, page, problems} = await openPage()
  await part(page, 'fileInput').setInputFiles(demos.map(({file}) => join(ROOT, 'demos', file)))
  for (const [i, demo] of demos.entries()) {
    await soon(async () => assert.equal(await part(page, 'leafPlace').innerText(), `${i + 1} of 2`))
    await soon(async () => assert.equal(await part(page, 'saveButton').isEnabled(), i > 0, 'once there is something to save'))
    await page.getByText(`${demo.file}: picture ${i + 1} of 2`).first().waitFor()
    await drawBox(page, demo)
    await masksDone(page, 1)
    if (i === 0) await page.keyboard.press('PageDown')
  }
  const {name, bytes} = await save(page, 'series')
  assert.equal(name, 'medbox_pictures.zip')
  await page.getByText('Saved medbox_pictures.zip; pictures: 2, objects: 2').first().waitFor()
  const files = unzipSync(bytes)
  const stems = demos.map(({file}) => file.replace(/\.\w+$/, ''))
  assert.deepEqual(Object.keys(files).sort(), ['annotations_coco.json', ...stems.map((stem) => `${stem}_mask.png`)].sort())
  const coco = files['annotations_coco.json']
  assert.ok(coco)
  const {images, annotations} = JSON.parse(new TextDecoder().decode(coco))
  for (const [i, demo] of demos.entries()) {
    const {width, height} = sizeOfDemo(demo.file)
    assert.deepEqual(images[i], {id: i + 1, width, height, file_name: demo.file, mask_file: `${stems[i]}_mask.png`})
    const {labels, ...size} = readLabels(Buffer.from(files[`${stems[i]}_mask.png`] ?? []))
    assert.deepEqual(size, {width, height})
    assert.equal(labels.filter((value) => value > 0).length, annotations[i].area, 'both are of the same mask')
    assert.deepEqual([annotations[i].id, annotations[i].image_id], [i + 1, i + 1])
  }

  await page.keyboard.press('PageUp')
  await soon(async () => assert.equal(await part(page, 'leafPlace').innerText(), '1 of 2'))
  await masksDone(page, 1)
  await drop(page, 'annotations_coco.json', Buffer.from(coco))
  await soon(async () => assert.equal(await page.locator('.object').count(), 2))
  await masksDone(page, 2)
  assert.deepEqual(problems, [])
  await context.close()
})
