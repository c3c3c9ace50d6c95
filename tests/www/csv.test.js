import assert from 'node:assert/strict'
import {test} from 'node:test'

import {csvOf, plainCell} from '../../www/csv.js'
import {editedKey} from '../../www/work.js'

/** @import {Item, Mask, Measures, Pair} from '../../www/types.js' */

/** @type {Measures} */
const MEASURES = {
  areaPx: 1234,
  areaMm2: 308.5,
  longest: {from: [0, 0], to: [30, 40], px: 50, mm: 25},
  perpendicular: {from: [10, 20], to: [20, 12.5], px: 12.5, mm: 6.25},
  mean: 101.25, sd: 7.0625, min: 80, max: 131,
}
/** @type {Measures} */
const OF_NOTHING = {areaPx: 0, areaMm2: null, longest: null, perpendicular: null, mean: null, sd: null, min: null, max: null}

/** @param {number} id @param {string} name @returns {Item & {mask: Mask}} */
const item = (id, name) => ({
  id, name, colour: 0, sliceIdx: 0, box: [1, 2, 30, 40], visible: true, locked: false,
  mask: {region: [0, 0, 1, 1], bytes: new Uint8Array([1]), areaPx: 1234, score: 0.87654321, key: ''},
})

test('CSV is as RFC 4180 has it: one line an object, quotes doubled, decimal points, CRLF', () => {
  const rows = [
    {item: item(1, ''), measures: MEASURES, pair: null},
    {item: item(3, 'cyst, "left"'), measures: OF_NOTHING, pair: null},
    {item: item(4, 'two\r\nlines'), measures: null, pair: null},
  ]
  assert.equal(csvOf(rows), [
    'label,object,name,x0_px,y0_px,x1_px,y1_px,score,area_px,area_mm2,longest_px,longest_mm,perpendicular_px,perpendicular_mm,mean,sd,min,max',
    '1,1,,1,2,30,40,0.8765,1234,308.5,50,25,12.5,6.25,101.25,7.0625,80,131',
    '2,3,"cyst, ""left""",1,2,30,40,0.8765,1234,,,,,,,,,',
    '3,4,two lines,1,2,30,40,0.8765,1234,,,,,,,,,',
    '',
  ].join('\r\n'))
})

test('tiny stored values keep their digits', () => {
  const tiny = {...MEASURES, mean: 0.00145678, sd: 2.19e-7}
  const [, line = ''] = csvOf([{item: item(1, ''), measures: tiny, pair: null}]).split('\r\n')
  assert.deepEqual(line.split(',').slice(14, 16), ['0.001457', '2.19e-7'])
})

test('a name that a spreadsheet would take for a formula is quoted', () => {
  const [, line] = csvOf([{item: item(1, '=HYPERLINK("x")'), measures: null, pair: null}]).split('\r\n')
  assert.equal(line, '1,1,"\'=HYPERLINK(""x"")",1,2,30,40,0.8765,1234,,,,,,,,,')
  assert.deepEqual(['＝1', '＋1', '－1', '＠a'].map(plainCell), ["'＝1", "'＋1", "'－1", "'＠a"])
})

test('a mask that a person has made has no score', () => {
  const {mask, ...rest} = item(2, '')
  const byHand = {...rest, mask: {...mask, score: 1, key: editedKey(rest.box)}}
  const [, line] = csvOf([{item: byHand, measures: null, pair: null}]).split('\r\n')
  assert.equal(line, '1,2,,1,2,30,40,,1234,,,,,,,,,')
})

test('with a reference, its label and the scores follow', () => {
  const structure = {id: 7, region: /** @type {const} */ ([0, 0, 1, 1]), bytes: new Uint8Array([1]), areaPx: 1}
  const comparison = {dsc: 0.91234567, nsd: 1, nsdContour: 0.5, missedPx: 3, extraPx: 0}
  const pairs = /** @type {Pair[]} */ ([{item: item(1, ''), structure, comparison}, {item: item(2, ''), structure: null, comparison: null}])
  const [head, first, second] = csvOf(pairs.map((pair) => ({item: pair.item, measures: OF_NOTHING, pair}))).split('\r\n')
  assert.match(head ?? '', /,max,reference,dsc,nsd,nsd_contour,missed_px,extra_px$/)
  assert.match(first ?? '', /,7,0\.9123,1,0\.5,3,0$/)
  assert.match(second ?? '', /,,,,,,$/)
})
