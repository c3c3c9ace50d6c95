import assert from 'node:assert/strict'
import {test} from 'node:test'

import {packSeries} from '../../www/archive.js'
import {maskPaths} from '../../www/export-name.js'
import {strFromU8, strToU8, unzipSync} from '../../www/vendor/fflate.js'

/** @import {SavedPicture} from '../../www/types.js' */

/** @param {string} fileName @param {string} [maskPath] @returns {SavedPicture} */
const pictureOf = (fileName, maskPath = `${fileName}_mask.png`) => ({fileName, maskPath, size: {width: 8, height: 8}, items: [], isWhole: true})
/** As the core writes them: every file counts from 1. @param {SavedPicture} picture @param {'label' | 'coco'} what */
const make = async ({fileName}, what) => strToU8(what === 'label' ? `map of ${fileName}` : JSON.stringify({
  images: [{id: 1, file_name: fileName}],
  annotations: [{id: 1, image_id: 1, area: 4}, {id: 2, image_id: 1, area: 9}],
  categories: [{id: 1, name: 'object'}],
}))

test('a zip of many pictures has a label map of each, and one COCO file in which all are numbered through', async () => {
  const {'annotations_coco.json': coco, ...maps} = unzipSync(await packSeries([pictureOf('a.png', 'a_mask.png'), pictureOf('b/c.png', 'b/c_mask.png')], make))
  assert.deepEqual(Object.entries(maps).map(([name, bytes]) => [name, strFromU8(bytes)]), [['a_mask.png', 'map of a.png'], ['b/c_mask.png', 'map of b/c.png']])
  assert.deepEqual(JSON.parse(strFromU8(coco ?? new Uint8Array())), {
    images: [{id: 1, file_name: 'a.png', mask_file: 'a_mask.png'}, {id: 2, file_name: 'b/c.png', mask_file: 'b/c_mask.png'}],
    annotations: [
      {id: 1, image_id: 1, area: 4}, {id: 2, image_id: 1, area: 9},
      {id: 3, image_id: 2, area: 4}, {id: 4, image_id: 2, area: 9},
    ],
    categories: [{id: 1, name: 'object'}],
  })
})

test('each label map lies where its picture does, and two never share a name', () => {
  const names = ['day 1/a.png', 'day 2/a.png', 'day 2/a.jpg', 'day 2/A.tif', 'b.png', 'b.png', 'B.PNG']
  assert.deepEqual(maskPaths(names), [
    'day 1/a_mask.png', 'day 2/a.png_mask.png', 'day 2/a.jpg_mask.png', 'day 2/A.tif_mask.png', 'b.png_mask.png', 'b.png_2_mask.png', 'B.PNG_3_mask.png',
  ])
})

test('no name leads out of the folder that it is unpacked in', () => {
  assert.deepEqual(maskPaths(['../../etc/a.png', '/b.png', '..\\c.png', './d/../e.png', '..']), ['etc/a_mask.png', 'b_mask.png', 'c_mask.png', 'd/e_mask.png', 'picture_mask.png'])
})
