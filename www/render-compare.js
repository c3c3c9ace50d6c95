/** The comparison with a reference: its table in the panel, and the legend of the colours on the picture. */

/** @import {State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {meanOf, pairsOf, unmatched} from './compare.js'
import {check, show, text} from './dom.js'
import {isComparing} from './draw-compare.js'
import {createTable} from './table.js'

/** @param {(name: string) => HTMLElement} part @param {Translator} translator @returns {(state: State) => void} */
export function createComparison(part, {t, count, score}) {
  const table = createTable(part('scoreTable'), {
    object: t('measure.object'),
    name: ({id, name}) => name || t('object.name', {n: id}),
    select: ({id, name}) => t('object.select', {name: name || t('object.name', {n: id})}),
  })
  const words = (/** @type {number | null | undefined} */ value) => (value == null ? '–' : score(value))
  return (state) => {
    const {study, reference} = state
    show(part('compareSection'), study !== null)
    show(part('noReference'), reference === null)
    show(part('hasReference'), reference !== null)
    show(part('referenceRemove'), reference !== null)
    show(part('legend'), isComparing(state))
    if (!reference) return
    text(part('referenceName'), reference.name)
    check(part('referenceShown'), reference.isShown)
    const pairs = pairsOf(state)
    const lines = pairs.map(({item, structure, comparison}) => ({
      item,
      cells: structure ? [words(comparison?.dsc), words(comparison?.nsd), words(comparison?.nsdContour)] : ['–', '–', '–'],
    }))
    const {n, ...mean} = meanOf(pairs)
    table.render([t('compare.dsc'), t('compare.nsd'), t('compare.nsdContour')], lines, state.selected)
    table.foot(n > 0 ? {words: t('compare.mean'), cells: [words(mean.dsc), words(mean.nsd), words(mean.nsdContour)]} : null)
    const [alone, missed] = [pairs.filter(({structure}) => !structure).length, unmatched(state).length]
    const rest = [
      ...(alone > 0 ? [count('compare.alone', alone)] : []),
      ...(missed > 0 ? [count('compare.missed', missed)] : []),
    ]
    show(part('compareRest'), rest.length > 0)
    text(part('compareRest'), rest.join(' '))
  }
}
