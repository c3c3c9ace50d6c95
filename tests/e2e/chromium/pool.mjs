/** Several workers, whatever the machine has: what they find together is what one finds alone. */

import assert from 'node:assert/strict'
import {join} from 'node:path'
import {test} from 'node:test'

import {drawBox, masksDone, openDemo, openPage, part, save, SLOW_MS} from '../page.mjs'
import {agreement, areaOf, demoOf, labelsByCommandLine, readLabels, ROOT, soon} from '../support.mjs'

/** @import {Page} from 'playwright-core' */
/** @import {Box} from '../../../www/types.js' */

/** Small boxes in the corners of the picture, far from each other: no two share a closer look. @type {readonly Box[]} */
const CORNERS = [[40, 40, 90, 90], [660, 40, 720, 96], [40, 430, 96, 480], [650, 420, 710, 480]]

/** Boxes that are drawn while the first picture is open, all at once. @param {Page} page @param {readonly Box[]} boxes */
async function drawAll(page, boxes) {
  const demo = demoOf('Fundus')
  await openDemo(page, demo)
  // Without looking closer each has its mask at once; then all are looked at closer together.
  await part(page, 'closer').click()
  for (const [i, box] of boxes.entries()) {
    await drawBox(page, demo, box)
    await masksDone(page, i + 1)
  }
}

/** Memory of each worker, in the words of the about sheet. @param {Page} page */
const workersTold = async (page) => (await part(page, 'deviceFacts').textContent()) ?? ''

test('where three workers may look closer, masks are those of the command line', {timeout: SLOW_MS}, async () => {
  const {context, page, problems} = await openPage('?workers=3')
  // A model whose looks take so long that another worker is worth its start.
  await part(page, 'modelButton').click()
  await page.locator('[data-model="litemedsam"]').click()
  await drawAll(page, CORNERS)
  await part(page, 'closer').click()
  await page.locator('[data-progress="pending"]').first().waitFor()
  await masksDone(page, CORNERS.length)
  await soon(async () => assert.match(await workersTold(page), /Workers: [123] of at most 3 run\. Memory of each: [\d.]+ MB/))

  const byPage = readLabels((await save(page, 'label')).bytes)
  const drawn = JSON.parse((await save(page, 'coco')).bytes.toString()).annotations
  const boxes = drawn.map((/** @type {{prompt_box: Box}} */ {prompt_box}) => prompt_box)
  const byTwin = labelsByCommandLine({picture: join(ROOT, 'demos', demoOf('Fundus').file), boxes, mode: 'default', model: 'litemedsam'})
  assert.ok(areaOf(byTwin, 1) > 10, 'there is a mask to compare')
  const share = agreement(byPage, byTwin)
  console.log(`# three workers: ${(share * 100).toFixed(3)} % of the objects’ pixels agree`)
  assert.ok(share >= 0.999, `only ${share} of the objects’ pixels agree`)
  assert.deepEqual(problems, [])
  await context.close()
})
