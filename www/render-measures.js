/** The table of measures in the panel. */

/** @import {State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {show} from './dom.js'
import {columns, hasSpacing, measuresOf, withMask} from './measure.js'
import {createTable} from './table.js'
import {currentItems} from './work.js'

/** @param {(name: string) => HTMLElement} part @param {Translator} translator @returns {(state: State) => void} */
export function createMeasures(part, {t, brief, few}) {
  const table = createTable(part('measureTable'), {
    object: t('measure.object'),
    name: ({id, name}) => name || t('object.name', {n: id}),
    select: ({id, name}) => t('object.select', {name: name || t('object.name', {n: id})}),
  })
  return (state) => {
    const items = state.study ? withMask(currentItems(state.study)) : []
    show(part('measureSection'), items.length > 0)
    const list = items.map((item) => measuresOf(state, item))
    const shapes = columns(hasSpacing(list)).slice(0, 3)
    const heads = [...shapes.map(({head}) => t(head)), t('measure.meanSd')]
    const lines = items.map((item, i) => {
      const measures = list[i]
      if (!measures) return {item, cells: heads.map(() => '')}
      const shape = shapes.map(({value}) => value(measures))
      const {mean, sd} = measures
      return {item, cells: [...shape.map((found) => (found === null ? '–' : brief(found))), mean === null || sd === null ? '–' : `${few(mean)} ± ${few(sd)}`]}
    })
    table.render(heads, lines, state.selected)
  }
}
