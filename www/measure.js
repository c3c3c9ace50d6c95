/** What is measured of objects: what is asked of the core, and how it reads in a table. Pure, like `update`. */

/** @import {Action, Effect, Item, Mask, Measures, MessageKey, Segment, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {plainCell} from './csv.js'
import {withWork} from './items.js'
import {jobOfKind} from './jobs.js'

/** Items that have a mask, in the order of the label map: the first is its 1. @param {readonly Item[]} items */
export const withMask = (items) => items.flatMap((item) => (item.mask ? [/** @type {Item & {mask: Mask}} */ (item)] : []))

/** @param {State} state @returns {Mask[]} */
const unmeasured = ({study, measures}) => withMask(study?.work.items ?? []).flatMap(({mask}) => (measures.has(mask.bytes) ? [] : [mask]))

/** @param {State} state */
export const isMeasured = (state) => unmeasured(state).length === 0

/**
 * Asks for what is not measured yet, once the masks have settled.
 * @param {State} state @returns {[State, Effect[]]}
 */
export function askMeasures(state) {
  if (!state.model || state.fatal || state.draft || state.measuring !== null || jobOfKind(state, 'segment')) return [state, []]
  const masks = unmeasured(state)
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

/** Sides of a pixel that are taken, mm: from an electron microscope's to a map's. */
const [PIXEL_LEAST_MM, PIXEL_MOST_MM] = [1e-7, 1000]

/** A person says how large a pixel is, or that it is not known. What cannot be changes nothing. @param {State} state @param {number | null} mm @returns {State} */
export function pixelSized(state, mm) {
  const {study} = state
  if (!study || (study.work.pixelMm ?? null) === mm || (mm !== null && !isPixelMm(mm))) return state
  return withWork(state, {...study.work, pixelMm: mm}, {key: 'undo.pixelSize'})
}

/** @param {unknown} mm @returns {mm is number} */
export const isPixelMm = (mm) => typeof mm === 'number' && mm >= PIXEL_LEAST_MM && mm <= PIXEL_MOST_MM

/** @param {State} state @param {Item} item @returns {Measures | null} */
export function measuresOf({study, measures}, item) {
  const found = (item.mask && measures.get(item.mask.bytes)) ?? null
  const mm = study?.work.pixelMm ?? null
  return found && mm !== null ? inSquares(found, mm) : found
}

/** The same with areas and lengths in mm, for square pixels. @param {Measures} measures @param {number} mm @returns {Measures} */
function inSquares(measures, mm) {
  const along = (/** @type {Segment | null} */ segment) => segment && {...segment, mm: segment.px * mm}
  return {...measures, areaMm2: measures.areaPx * mm * mm, longest: along(measures.longest), perpendicular: along(measures.perpendicular)}
}

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

/** A cell between tabs. A quotation mark would swallow those behind it. @param {string} words */
const tabbed = (words) => (words.includes('"') ? `"${words.replaceAll('"', '""')}"` : words)

/**
 * The table for a spreadsheet: tabs between cells, numbers as the reader's language writes them.
 * @param {State} state @param {Pick<Translator, 't' | 'decimal'>} translator
 */
export function measureTable(state, {t, decimal}) {
  const rows = withMask(state.study?.work.items ?? []).map((item) => ({item, measures: measuresOf(state, item)}))
  const shown = columns(hasSpacing(rows.map(({measures}) => measures)))
  const head = [t('measure.object'), ...shown.map(({head: key}) => t(key))]
  const lines = rows.map(({item: {id, name}, measures}) => [
    tabbed(plainCell(name || t('object.name', {n: id}))),
    ...shown.map(({value}) => {
      const number = measures && value(measures)
      return number === null ? '' : decimal(number)
    }),
  ])
  return [head, ...lines].map((cells) => `${cells.join('\t')}\n`).join('')
}
