/** A table of objects in the panel: one row an object, kept while the object lives, so that focus stays where it is. */

/** @import {Item} from './types.js' */

import {attribute, element, text} from './dom.js'
import {objectColour} from './palette.js'

/**
 * @param {HTMLElement} table with a head and a body @param {{object: string, name: (item: Item) => string, select: (item: Item) => string}} words
 */
export function createTable(table, words) {
  const head = element('tr')
  const body = element('tbody')
  const foot = element('tfoot')
  table.replaceChildren(element('thead', {}, [head]), body, foot)
  /** @type {Map<number, ReturnType<typeof createRow>>} */
  const rows = new Map()
  let heading = ''

  return {
    /**
     * @param {readonly string[]} heads a unit in brackets goes under the word
     * @param {readonly {item: Item, cells: readonly string[]}[]} lines @param {readonly number[]} selected
     */
    render(heads, lines, selected) {
      if (heading !== heads.join()) {
        heading = heads.join()
        head.replaceChildren(
          element('th', {scope: 'col'}, [element('span', {class: 'unseen'}, [words.object])]),
          ...heads.map((each) => element('th', {scope: 'col'}, headWords(each))),
        )
      }
      const ids = new Set(lines.map(({item}) => item.id))
      for (const [id, {node}] of rows) {
        if (ids.has(id)) continue
        node.remove()
        rows.delete(id)
      }
      lines.forEach(({item, cells}, i) => {
        let row = rows.get(item.id)
        if (!row) rows.set(item.id, (row = createRow(item)))
        if (body.children[i] !== row.node) body.insertBefore(row.node, body.children[i] ?? null)
        row.render({name: words.name(item), label: words.select(item), cells, isSelected: selected.includes(item.id)})
      })
    },
    /** What is true of all rows together. @param {{words: string, cells: readonly string[]} | null} line */
    foot(line) {
      const cells = line ? [element('th', {scope: 'row'}, [line.words]), ...line.cells.map((each) => element('td', {}, [each]))] : []
      foot.replaceChildren(...(line ? [element('tr', {}, cells)] : []))
    },
  }
}

/** @param {Item} item */
function createRow({id, colour}) {
  const button = element('button', {class: 'table-object', 'data-id': String(id)}, [String(id)])
  button.style.setProperty('--object', objectColour(colour))
  const node = element('tr', {}, [element('th', {scope: 'row'}, [button])])
  /** @type {HTMLElement[]} */
  const shown = []
  return {
    node,
    /** @param {{name: string, label: string, cells: readonly string[], isSelected: boolean}} line */
    render({name, label, cells, isSelected}) {
      attribute(node, 'data-selected', isSelected)
      attribute(button, 'aria-pressed', isSelected)
      attribute(button, 'aria-label', label)
      attribute(button, 'title', name)
      while (shown.length < cells.length) node.append(/** @type {HTMLElement} */ (shown[shown.push(element('td')) - 1]))
      while (shown.length > cells.length) shown.pop()?.remove()
      cells.forEach((words, i) => text(/** @type {HTMLElement} */ (shown[i]), words))
    },
  }
}

/** @param {string} words @returns {(Node | string)[]} */
function headWords(words) {
  const [, name, unit] = /^(.*\S)\s*[(（](.+)[)）]$/.exec(words) ?? []
  return name && unit ? [name, element('small', {}, [unit])] : [words]
}
