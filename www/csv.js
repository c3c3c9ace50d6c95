/** Everything that is known of each object as a comma-separated table. Pure. */

/** @import {Comparison, CsvRow} from './types.js' */

import {modelScore} from './correct.js'

/** @type {readonly (keyof Comparison)[]} */
const SCORES = ['dsc', 'nsd', 'nsdContour', 'missedPx', 'extraPx']

/**
 * RFC 4180: commas, CRLF, quotes where they are needed. Units are in the names of the columns, numbers have a decimal
 * point, what is not known is empty, as is the score of a mask that a person has made. `label` is the object's number
 * in the label map, `reference` that of the structure that it was compared with; the columns of the comparison are there
 * when there is a reference.
 * @param {readonly CsvRow[]} rows @returns {string}
 */
export function csvOf(rows) {
  const isCompared = rows.some(({pair}) => pair !== null)
  const head = [
    'label', 'object', 'name', 'x0_px', 'y0_px', 'x1_px', 'y1_px', 'score', 'area_px', 'area_mm2', 'longest_px', 'longest_mm',
    'perpendicular_px', 'perpendicular_mm', 'mean', 'sd', 'min', 'max',
    ...(isCompared ? ['reference', 'dsc', 'nsd', 'nsd_contour', 'missed_px', 'extra_px'] : []),
  ]
  const lines = rows.map(({item, measures, pair}, i) => {
    const {longest, perpendicular} = measures ?? {}
    return [
      i + 1, item.id, plainCell(item.name), ...item.box, modelScore(item.mask), item.mask.areaPx, measures?.areaMm2, longest?.px, longest?.mm,
      perpendicular?.px, perpendicular?.mm, measures?.mean, measures?.sd, measures?.min, measures?.max,
      ...(isCompared ? [pair?.structure?.id, ...SCORES.map((key) => pair?.comparison?.[key])] : []),
    ]
  })
  return [head, ...lines].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')
}

/** @param {string | number | null | undefined} value */
function csvCell(value) {
  if (value === null || value === undefined) return ''
  // Stored values may be tiny.
  if (typeof value === 'number') return String(Number(Math.abs(value) < 1 ? value.toPrecision(4) : value.toFixed(4)))
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** A name as one cell, and as one that no spreadsheet takes for a formula. @param {string} name */
export function plainCell(name) {
  const line = name.replace(/\s+/g, ' ')
  return /^[=+\-@＝＋－＠]/.test(line) ? `'${line}` : line // Full width too: some spreadsheets read them alike.
}
