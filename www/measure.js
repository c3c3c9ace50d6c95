/** What is measured of objects: what is asked of the core, and how it reads in a table. Pure, like `update`. */

/** @import {Action, Effect, Item, Mask, Measures, MessageKey, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {jobOfKind} from './jobs.js'

/** Items that have a mask, in the order of the label map: the first is its 1. @param {readonly Item[]} items */
export const withMask = (items) => items.flatMap((item) => (item.mask ? [/** @type {Item & {mask: Mask}} */ (item)] : []))

/**
 * Asks for what is not measured yet, once the masks have settled.
 * @param {State} state @returns {[State, Effect[]]}
 */
export function askMeasures(state) {
  const {study, measuring, draft} = state
  if (!study || !state.model || state.fatal || draft || measuring !== null || jobOfKind(state, 'segment')) return [state, []]
  const masks = withMask(study.work.items).map(({mask}) => mask).filter(({bytes}) => !state.measures.has(bytes))
  if (masks.length === 0) return [state, []]
  const id = state.lastAsideId + 1
  return [{...state, lastAsideId: id, measuring: id}, [{type: 'measure', id, masks}]]
}

/**
 * Keeps what was measured, and lets go of what no object has any more.
 * @param {State} state @param {Extract<Action, {type: 'measured'}>} action @returns {State}
 */
export function measured(state, {id, masks, measures}) {
  if (state.measuring !== id) return state
  const known = new Map(state.measures)
  masks.forEach(({bytes}, i) => known.set(bytes, measures?.[i] ?? null))
  const there = new Set(withMask(state.study?.work.items ?? []).map(({mask}) => mask.bytes))
  return {...state, measuring: null, measures: new Map([...known].filter(([bytes]) => there.has(bytes)))}
}

/** @param {State} state @param {Item} item @returns {Measures | null} */
export const measuresOf = ({measures}, item) => (item.mask && measures.get(item.mask.bytes)) ?? null

/** Whether lengths and areas are known in mm. @param {readonly (Measures | null)[]} list */
export const hasSpacing = (list) => list.some((measures) => measures?.areaMm2 != null)

/**
 * The columns of the table that a person sees and copies, in units that the picture allows.
 * @param {boolean} inMm
 * @returns {readonly {head: MessageKey, value: (measures: Measures) => number | null}[]}
 */
export const columns = (inMm) => [
  inMm ? {head: 'measure.areaMm2', value: ({areaMm2}) => areaMm2} : {head: 'measure.areaPx', value: ({areaPx}) => areaPx},
  {head: inMm ? 'measure.longestMm' : 'measure.longestPx', value: ({longest}) => (longest && (inMm ? longest.mm : longest.px))},
  {head: inMm ? 'measure.acrossMm' : 'measure.acrossPx', value: ({perpendicular}) => (perpendicular && (inMm ? perpendicular.mm : perpendicular.px))},
  {head: 'measure.mean', value: ({mean}) => mean},
  {head: 'measure.sd', value: ({sd}) => sd},
]

/**
 * The table for a spreadsheet: tabs between cells, numbers as the reader's language writes them.
 * @param {State} state @param {Pick<Translator, 't' | 'decimal'>} translator
 */
export function measureTable(state, {t, decimal}) {
  const rows = withMask(state.study?.work.items ?? []).map((item) => ({item, measures: measuresOf(state, item)}))
  const shown = columns(hasSpacing(rows.map(({measures}) => measures)))
  const head = [t('measure.object'), ...shown.map(({head: key}) => t(key))]
  const lines = rows.map(({item: {id, name}, measures}) => [
    plainCell(name || t('object.name', {n: id})),
    ...shown.map(({value}) => {
      const number = measures && value(measures)
      return number === null ? '' : decimal(number)
    }),
  ])
  return [head, ...lines].map((cells) => `${cells.join('\t')}\n`).join('')
}

/** @typedef {{item: Item & {mask: Mask}, measures: Measures | null}} CsvRow */

/**
 * A comma-separated table (RFC 4180) of everything that is known of each object. Units are in the names of the columns,
 * numbers have a decimal point, what is not known is empty. `label` is the object's number in the label map.
 * @param {readonly CsvRow[]} rows @returns {string}
 */
export function measuresCsv(rows) {
  const head = [
    'label', 'object', 'name', 'x0_px', 'y0_px', 'x1_px', 'y1_px', 'score', 'area_px', 'area_mm2', 'longest_px', 'longest_mm',
    'perpendicular_px', 'perpendicular_mm', 'mean', 'sd', 'min', 'max',
  ]
  const lines = rows.map(({item, measures}, i) => {
    const {longest, perpendicular} = measures ?? {}
    return [
      i + 1, item.id, plainCell(item.name), ...item.box, item.mask.score, item.mask.areaPx, measures?.areaMm2, longest?.px, longest?.mm,
      perpendicular?.px, perpendicular?.mm, measures?.mean, measures?.sd, measures?.min, measures?.max,
    ]
  })
  return [head, ...lines].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')
}

/** @param {string | number | null | undefined} value */
function csvCell(value) {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(Number(value.toFixed(4)))
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** A name as one cell, and as one that no spreadsheet takes for a formula. @param {string} name */
function plainCell(name) {
  const line = name.replace(/\s+/g, ' ')
  return /^[=+\-@]/.test(line) ? `'${line}` : line
}
