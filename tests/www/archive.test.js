import assert from 'node:assert/strict'
import {test} from 'node:test'

import {packSeries} from '../../www/archive.js'
import {strFromU8, strToU8, unzipSync} from '../../www/vendor/fflate.js'

/** @import {SavedPicture} from '../../www/types.js' */

/** @param {string} fileName @returns {SavedPicture} */
const pictureOf = (fileName) => ({fileName, size: {width: 8, height: 8}, items: [], isWhole: true})
/** As the core writes them: every file counts from 1. @param {SavedPicture} picture @param {'label' | 'coco'} what */
const make = async ({fileName}, what) => strToU8(what === 'label' ? `map of ${fileName}` : JSON.stringify({
  images: [{id: 1, file_name: fileName}],
  annotations: [{id: 1, image_id: 1, area: 4}, {id: 2, image_id: 1, area: 9}],
  categories: [{id: 1, name: 'object'}],
}))
/** @param {...string} names */
async function filesOf(...names) {
  const {'annotations_coco.json': coco, ...maps} = unzipSync(await packSeries(names.map(pictureOf), make))
  return {coco: JSON.parse(strFromU8(coco ?? new Uint8Array())), maps: Object.fromEntries(Object.entries(maps).map(([name, bytes]) => [name, strFromU8(bytes)]))}
}

test('each picture has its label map where it lies itself, and two never share one', async () => {
  const {maps} = await filesOf('day 1/a.png', 'day 2/a.png', 'day 2/a.jpg', 'day 2/A.tif', 'b.png')
  assert.deepEqual(maps, {
    'day 1/a_mask.png': 'map of day 1/a.png',
    'day 2/a_mask.png': 'map of day 2/a.png',
    'day 2/a_2_mask.png': 'map of day 2/a.jpg',
    'day 2/A_3_mask.png': 'map of day 2/A.tif',
    'b_mask.png': 'map of b.png',
  })
})

test('no name leads out of the folder that it is unpacked in', async () => {
  const {maps} = await filesOf('../../etc/a.png', '/b.png', '..\\c.png', './d/../e.png')
  assert.deepEqual(Object.keys(maps), ['etc/a_mask.png', 'b_mask.png', 'c_mask.png', 'd/e_mask.png'])
})

test('objects of all pictures are numbered through in one COCO file', async () => {
  const {coco} = await filesOf('a.png', 'b.png')
  assert.deepEqual(coco, {
    images: [{id: 1, file_name: 'a.png'}, {id: 2, file_name: 'b.png'}],
    annotations: [
      {id: 1, image_id: 1, area: 4}, {id: 2, image_id: 1, area: 9},
      {id: 3, image_id: 2, area: 4}, {id: 4, image_id: 2, area: 9},
    ],
    categories: [{id: 1, name: 'object'}],
  })
})
