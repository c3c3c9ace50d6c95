/** The section of measures in the panel: the table, and how large a pixel is. */

/** @import {Action, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {attribute, enter, show} from './dom.js'
import {columns, hasSpacing, measuresOf, withMask} from './measure.js'
import {createTable} from './table.js'
import {currentItems, currentSlice} from './work.js'

/** @param {(name: string) => HTMLElement} part @param {Translator} translator @returns {(state: State) => void} */
export function createMeasures(part, {t, brief, few, value: exact}) {
  const table = createTable(part('measureTable'), {
    object: t('measure.object'),
    name: ({id, name}) => name || t('object.name', {n: id}),
    select: ({id, name}) => t('object.select', {name: name || t('object.name', {n: id})}),
  })
  return (state) => {
    const items = state.study ? withMask(currentItems(state.study)) : []
    show(part('measureSection'), items.length > 0)
    const list = items.map((item) => measuresOf(state, item))
    const inMm = hasSpacing(list)
    const shapes = columns(inMm).slice(0, 3)
    // A pixel of a microscope is a small part of a millimetre.
    const told = inMm ? few : brief
    const heads = [...shapes.map(({head}) => t(head)), t('measure.meanSd')]
    const lines = items.map((item, i) => {
      const measures = list[i]
      if (!measures) return {item, cells: heads.map(() => '')}
      const shape = shapes.map(({value}) => value(measures))
      const {mean, sd} = measures
      return {item, cells: [...shape.map((found) => (found === null ? '–' : told(found))), mean === null || sd === null ? '–' : `${few(mean)} ± ${few(sd)}`]}
    })
    table.render(heads, lines, state.selected)
    if (!state.study) return
    const {pixelMm: inFile} = currentSlice(state.study)
    enter(part('pixelMm'), state.study.work.pixelMm ?? '')
    // What the file says stands for as long as nobody says something else.
    attribute(part('pixelMm'), 'placeholder', inFile ? [...new Set([inFile.x, inFile.y])].map(exact).join(' × ') : '')
  }
}

/** @param {(name: string) => HTMLElement} part @param {(action: Action) => void} dispatch @param {() => State} getState */
export function listenToMeasures(part, dispatch, getState) {
  const field = /** @type {HTMLInputElement} */ (part('pixelMm'))
  field.addEventListener('change', () => {
    // A field of numbers would drop the comma that many write.
    const words = field.value.trim().replace(',', '.')
    dispatch({type: 'pixel-sized', mm: words === '' ? null : Number(words)})
    field.value = String(getState().study?.work.pixelMm ?? '') // What was typed may be no size.
  })
}
