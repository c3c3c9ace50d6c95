/** Journeys of what is measured, and compared with a reference. */

import assert from 'node:assert/strict'
import {test} from 'node:test'

import {SLOW_MS, drawBox, drop, masksDone, openDemo, openPage, openWithMask, part, save} from '../page.mjs'
import {areaOf, cornersOnScreen, demoOf, readLabels, sizeOfDemo, soon, writeLabels} from '../support.mjs'

/** @import {Page} from 'playwright-core' */
/** @import {LabelMap} from '../support.mjs' */

/** The same labels, moved to the right, under other numbers. @param {LabelMap} map @param {number} dx @param {number} id @returns {LabelMap} */
function moved({width, height, labels}, dx, id) {
  const there = new Uint16Array(labels.length)
  for (let i = 0; i < labels.length; i++) if (labels[i] && (i % width) + dx < width) there[i + dx] = id
  return {width, height, labels: there}
}

/** Cells of a row of a table. @param {Page} page @param {string} table @param {number} row */
const cells = async (page, table, row) => (await part(page, table).locator('tbody tr').nth(row).locator('td').allInnerTexts())

/** The longest distance between corners of pixels of a label. @param {LabelMap} map @param {number} id */
function longestOf({width, height, labels}, id) {
  /** @type {[number, number][]} the outermost corners of each row */
  const corners = []
  for (let y = 0; y < height; y++) {
    const row = labels.subarray(y * width, (y + 1) * width)
    const [first, last] = [row.indexOf(id), row.lastIndexOf(id)]
    if (first >= 0) corners.push([first, y], [first, y + 1], [last + 1, y], [last + 1, y + 1])
  }
  let longest = 0
  for (const [ax, ay] of corners) for (const [bx, by] of corners) longest = Math.max(longest, Math.hypot(ax - bx, ay - by))
  return longest
}

test('objects are measured, in a table that copies to a spreadsheet and is saved as CSV', {timeout: SLOW_MS}, async () => {
  const demo = demoOf('US')
  const {context, page, problems} = await openPage()
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await openDemo(page, demo)
  await drawBox(page, demo)
  await masksDone(page, 1)
  const labels = readLabels((await save(page, 'label')).bytes)
  const csv = await save(page, 'csv')
  assert.equal(csv.name, demo.file.replace(/\.\w+$/, '_measures.csv'))
  const [head = '', line = '', rest] = csv.bytes.toString().split('\r\n')
  assert.equal(rest, '')
  /** @type {Record<string, string>} */
  const row = Object.fromEntries(head.split(',').map((name, i) => [name, line.split(',')[i] ?? '']))
  assert.equal(Number(row.area_px), areaOf(labels, 1))
  assert.ok(Math.abs(Number(row.longest_px) - longestOf(labels, 1)) < 1e-3, `${row.longest_px} is not ${longestOf(labels, 1)}`)
  assert.ok(Number(row.perpendicular_px) > 0 && Number(row.perpendicular_px) <= Number(row.longest_px))
  assert.ok(Number(row.min) < Number(row.mean) && Number(row.mean) < Number(row.max))
  assert.deepEqual([row.area_mm2, row.longest_mm], ['', ''], 'a JPEG tells no spacing')

  await part(page, 'copyMeasures').click()
  await page.getByText('The table is copied').first().waitFor()
  const table = await page.evaluate(() => navigator.clipboard.readText())
  const [first, second] = table.split('\n').map((each) => each.split('\t'))
  assert.deepEqual(first, ['Object', 'Area (px)', 'Longest (px)', 'Across (px)', 'Mean', 'SD'])
  assert.deepEqual(second?.slice(0, 2), ['Object 1', row.area_px])
  assert.ok(Math.abs(Number(second?.[2]) - Number(row.longest_px)) < 1e-3)

  // A person knows how large a pixel is.
  const field = part(page, 'pixelMm')
  await field.fill('0,5')
  await field.press('Enter')
  await soon(async () => assert.match(await part(page, 'measureTable').locator('thead').innerText(), /Area\s+mm²/))
  const inMm = (await save(page, 'csv')).bytes.toString().split('\r\n')[1]?.split(',') ?? []
  const valueOf = (/** @type {string} */ name) => Number(inMm[head.split(',').indexOf(name)])
  assert.equal(valueOf('area_mm2'), Number(row.area_px) / 4)
  assert.ok(Math.abs(valueOf('longest_mm') - Number(row.longest_px) / 2) < 1e-3)
  await field.fill('-3')
  await field.press('Enter')
  assert.equal(await field.inputValue(), '0.5', 'what is no size is not taken')
  await part(page, 'undo').click()
  await soon(async () => assert.equal(await field.inputValue(), ''))

  const everything = await save(page, 'zip')
  const {unzipSync} = await import('../../../www/vendor/fflate.js')
  const stem = demo.file.replace(/\.\w+$/, '')
  assert.deepEqual(Object.keys(unzipSync(everything.bytes)).sort(), ['coco.json', 'mask.png', 'measures.csv', 'overlay.png', 'segs.npz'].map((name) => `${stem}_${name}`))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a label map that is dropped can be compared with: scores, colours, and gone again', {timeout: SLOW_MS}, async () => {
  const {context, page, problems, demo} = await openWithMask('US')
  const label = await save(page, 'label')
  const own = readLabels(label.bytes)

  await drop(page, 'own.png', label.bytes)
  await page.getByRole('button', {name: 'Compare with it'}).click()
  await page.waitForFunction(() => document.querySelector('[data-part="scoreTable"] td')?.textContent === '1.000')
  await soon(async () => assert.deepEqual(await cells(page, 'scoreTable', 0), ['1.000', '1.000', '1.000']))

  const dx = 12
  const expert = moved(own, dx, 7)
  await part(page, 'referenceRemove').click()
  await part(page, 'referenceInput').setInputFiles({name: 'expert.png', mimeType: 'image/png', buffer: writeLabels(expert)})
  await page.waitForFunction(() => /^0\.\d{3}$/.test(document.querySelector('[data-part="scoreTable"] td')?.textContent ?? ''))
  let [shared, missedAt, extraAt] = [0, -1, -1]
  // Looked at where no border is near.
  const isAlike = (/** @type {LabelMap} */ {labels, width}, /** @type {number} */ i) =>
    [-4, 4, -4 * width, 4 * width].every((step) => Boolean(labels[i + step]) === Boolean(labels[i]))
  own.labels.forEach((id, i) => {
    if (id && expert.labels[i]) shared++
    if (!isAlike(own, i) || !isAlike(expert, i)) return
    if (!id && expert.labels[i]) missedAt = i
    if (id && !expert.labels[i]) extraAt = i
  })
  const dsc = (2 * shared) / (areaOf(own, 1) + areaOf(expert, 7))
  await soon(async () => assert.equal((await cells(page, 'scoreTable', 0))[0], dsc.toFixed(3)))
  const [, line = ''] = (await save(page, 'csv')).bytes.toString().split('\r\n')
  assert.equal(line.split(',')[18], '7', 'the structure of the reference by its own number')
  assert.equal(Number(line.split(',')[19]), Number(dsc.toFixed(4)))

  /** The colour on the screen at a pixel of the picture. @param {number} index */
  const colourAt = async (index) => {
    const viewer = await part(page, 'canvas').boundingBox()
    assert.ok(viewer)
    const [x, y] = [index % own.width, Math.floor(index / own.width)]
    const [from, to] = cornersOnScreen([x, y, x + 1, y + 1], sizeOfDemo(demo.file), viewer)
    assert.ok(from && to)
    const at = [Math.round((from.x + to.x) / 2 - viewer.x), Math.round((from.y + to.y) / 2 - viewer.y)]
    return part(page, 'canvas').evaluate((canvas, [x = 0, y = 0]) => {
      const [r = 0, g = 0, b = 0] = /** @type {HTMLCanvasElement} */ (canvas).getContext('2d')?.getImageData(x, y, 1, 1).data ?? []
      return {r, g, b}
    }, at)
  }
  assert.ok(missedAt >= 0 && extraAt >= 0, 'there is something to look at')
  // The innermost thing is left first; at last nothing is selected, and no diameters lie on the picture.
  for (let i = 0; i < 3; i++) await page.keyboard.press('Escape')
  await soon(async () => {
    const [missed, extra] = [await colourAt(missedAt), await colourAt(extraAt)]
    assert.ok(missed.b > missed.r + 60, `missed is blue: ${JSON.stringify(missed)}`)
    assert.ok(extra.r > extra.b + 60, `extra is orange: ${JSON.stringify(extra)}`)
  })
  await soon(async () => assert.equal(await part(page, 'legend').isVisible(), true))

  await part(page, 'referenceShown').click()
  await soon(async () => {
    const plain = await colourAt(missedAt)
    assert.ok(Math.abs(plain.b - plain.r) < 12, `the grey picture again: ${JSON.stringify(plain)}`)
  })
  await soon(async () => assert.equal(await part(page, 'legend').isVisible(), false))
  await part(page, 'referenceRemove').click()
  await soon(async () => assert.equal(await part(page, 'scoreTable').isVisible(), false))

  await part(page, 'referenceInput').setInputFiles({name: 'small.png', mimeType: 'image/png', buffer: writeLabels({width: 8, height: 8, labels: new Uint16Array(64)})})
  const alert = page.getByRole('alert')
  await alert.waitFor()
  await soon(async () => assert.equal((await alert.innerText()).replaceAll(/\n+/g, ' '), `The label map is 8 × 8 pixels, and the picture ${own.width} × ${own.height}. Choose the label map that was made for this picture.`))
  assert.deepEqual(problems, [])
  await context.close()
})

test('the next picture of a series opens without a question', {timeout: SLOW_MS}, async () => {
  const {context, page, problems, demo} = await openWithMask('PET')
  const {width, height} = sizeOfDemo(demo.file)
  const labels = new Uint16Array(width * height).map((_, i) => 100 + ((i * 2654435761) >>> 27)) // noise
  await drop(page, 'next.png', writeLabels({width, height, labels}))
  await page.waitForFunction(() => document.querySelector('[data-part="file"]')?.textContent === 'next.png')
  // It says how to come back to the one before, and asks nothing.
  await soon(async () => assert.equal(await part(page, 'noteText').innerText(), `${demo.title} with 1 object was put aside.`))
  assert.deepEqual(problems, [])
  await context.close()
})
