/** The list of objects. With hundreds of them, only the rows that changed are touched. */

/** @import {Action, Item, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {attribute, element, icon, show, text} from './dom.js'
import {objectColour} from './palette.js'
import {draftId, isEdited, maskKey, progressOf, shownItems} from './work.js'

/**
 * @param {(name: string) => HTMLElement} part @param {Translator} translator
 * @returns {(state: State, previous: State | null) => void}
 */
export function createObjects(part, translator) {
  const list = part('objects')
  list.replaceChildren()
  /** @type {Map<number, ReturnType<typeof createRow>>} */
  const rows = new Map()
  /** @type {readonly Item[]} in the order in which their rows stand */
  let shown = []
  let wish = ''
  /** @type {State['refused'] | null} */
  let refused = null

  return (state, previous) => {
    const items = shownItems(state)
    const isSameList = items.length === shown.length && items.every(({id}, i) => id === shown[i]?.id)
    if (!isSameList || !previous) {
      text(part('count'), items.length > 0 ? translator.integer(items.length) : '')
      show(part('noObjects'), items.length === 0)
      show(part('clear'), items.length > 1)
      arrange(list, rows, items, translator)
    }
    // What all masks depend on beside their boxes.
    const wished = maskKey(state, [0, 0, 0, 0])
    const isSameWish = wished === wish && refused === state.refused
    items.forEach((item, i) => {
      if (!isSameWish || item !== shown[i]) rows.get(item.id)?.render(item, progressOf(state, item))
    })
    mark(rows, 'data-hovered', previous ? [previous.hovered] : [], [state.hovered])
    mark(rows, 'data-selected', chosen(previous), chosen(state))
    for (const row of rows.values()) row.press(state.selected)
    const [id] = state.selected
    // Chosen on the picture, it comes into sight in the list.
    if (id !== undefined && id !== previous?.selected[0]) rows.get(id)?.node.scrollIntoView({block: 'nearest', inline: 'nearest'})
    ;[shown, wish, refused] = [items, wished, state.refused]
  }
}

/** @param {State | null} state @returns {(number | null)[]} */
const chosen = (state) => (state ? [...state.selected, draftId(state)] : [])

/** @param {Map<number, ReturnType<typeof createRow>>} rows @param {string} name @param {readonly (number | null)[]} before @param {readonly (number | null)[]} after */
function mark(rows, name, before, after) {
  for (const id of before) if (id !== null && !after.includes(id)) rows.get(id)?.node.removeAttribute(name)
  for (const id of after) {
    const row = id === null ? undefined : rows.get(id)
    if (row) attribute(row.node, name, true)
  }
}

/**
 * Rows in the order of the items, and no others.
 * @param {HTMLElement} list @param {Map<number, ReturnType<typeof createRow>>} rows @param {readonly Item[]} items @param {Translator} translator
 */
function arrange(list, rows, items, translator) {
  const ids = new Set(items.map(({id}) => id))
  for (const [id, row] of rows) {
    if (ids.has(id)) continue
    // Who stands in a row that goes stands in the next one then.
    const near = row.node.contains(document.activeElement) ? (row.node.nextElementSibling ?? row.node.previousElementSibling) : null
    row.node.remove()
    near?.querySelector('button')?.focus()
    rows.delete(id)
  }
  let next = list.firstElementChild
  for (const item of items) {
    let row = rows.get(item.id)
    if (!row) rows.set(item.id, (row = createRow(item, translator)))
    if (row.node === next) next = next.nextElementSibling
    else list.insertBefore(row.node, next)
  }
}

/** @param {Item} item @param {Translator} translator */
function createRow({id, colour}, translator) {
  const {t} = translator
  const swatch = element('button', {class: 'object-swatch', 'data-do': 'select'})
  swatch.style.setProperty('--object', objectColour(colour))
  const name = element('input', {class: 'object-name', type: 'text', 'data-do': 'rename', maxlength: '80', autocomplete: 'off', spellcheck: 'false'})
  name.placeholder = t('object.name', {n: id})
  name.setAttribute('aria-label', t('object.rename', {n: id}))
  const facts = element('span', {class: 'object-facts'})
  const button = (/** @type {string} */ doing, /** @type {string} */ picture) => element('button', {class: 'icon-button', 'data-do': doing}, [icon(picture)])
  const [eye, lock] = [button('visibility', 'eye'), button('lock', 'lock')]
  const [copy, remove] = [button('duplicate', 'copy'), button('remove', 'trash')]
  const again = button('again', 'reset')
  const node = element('li', {class: 'object', 'data-id': String(id)}, [swatch, name, facts, again, eye, lock, copy, remove])
  /** @param {HTMLElement} control @param {string} words */
  const say = (control, words) => {
    attribute(control, 'aria-label', words)
    attribute(control, 'title', words)
  }
  /** @param {HTMLElement} control @param {string} picture */
  const draw = (control, picture) => {
    const use = control.querySelector('use')
    if (use?.getAttribute('href') !== `#i-${picture}`) use?.setAttribute('href', `#i-${picture}`)
  }
  return {
    node,
    /** @param {readonly number[]} selected */
    press: (selected) => attribute(swatch, 'aria-pressed', selected.includes(id)),
    /** @param {Item} item @param {ReturnType<typeof progressOf>} progress */
    render(item, progress) {
      const words = {name: item.name || t('object.name', {n: id})}
      // A name that is being typed is not overwritten.
      if (document.activeElement !== name && name.value !== item.name) name.value = item.name
      name.readOnly = item.locked
      text(facts, factsOf(item, progress, translator))
      show(again, progress === 'refused' && !item.locked)
      say(again, t('object.again', words))
      attribute(facts, 'title', item.mask && !isEdited(item) ? t('object.score') : '')
      attribute(node, 'data-progress', progress)
      attribute(node, 'data-visible', item.visible)
      attribute(node, 'data-locked', item.locked)
      attribute(swatch, 'aria-label', t('object.select', words))
      say(eye, t(item.visible ? 'object.hide' : 'object.show', words))
      draw(eye, item.visible ? 'eye' : 'eye-off')
      say(lock, t(item.locked ? 'object.unlock' : 'object.lock', words))
      attribute(lock, 'aria-pressed', item.locked)
      draw(lock, item.locked ? 'lock' : 'unlock')
      say(copy, t('object.duplicate', words))
      say(remove, t('object.remove', words))
    },
  }
}

/** @param {Item} item @param {ReturnType<typeof progressOf>} progress @param {Pick<Translator, 't' | 'percent'>} translator */
export function factsOf(item, progress, {t, percent}) {
  if (!item.mask) return t(progress === 'refused' ? 'object.refused' : 'object.pending')
  const {areaPx: area, score} = item.mask
  if (progress === 'refused') return t('object.factsOld', {area}) // Its own mask is not on its way.
  return isEdited(item) ? t('object.factsEdited', {area}) : t('object.facts', {area, score: percent(score)})
}

/** @param {Event} event @param {string} selector @returns {HTMLElement | null} */
const within = (event, selector) => /** @type {Element} */ (event.target).closest(selector)

/** The object whose row an event met. @param {Event} event @returns {number | null} */
export function idOf(event) {
  const id = within(event, '[data-id]')?.dataset.id
  return id === undefined ? null : Number(id)
}

/** @param {HTMLElement} list @param {(action: Action) => void} dispatch @param {() => State} getState */
export function listenToObjects(list, dispatch, getState) {
  // A click on a name chooses its object, and keys go on to mean the picture; the next one writes the name.
  list.addEventListener('mousedown', (event) => {
    const id = idOf(event)
    if (!within(event, '.object-name') || id === null || getState().selected.includes(id)) return
    event.preventDefault()
    if (document.activeElement instanceof HTMLInputElement) document.activeElement.blur() // What was typed is taken.
  })
  list.addEventListener('click', (event) => {
    const id = idOf(event)
    if (id === null) return
    switch (within(event, '[data-do]')?.dataset.do) {
      case 'again': return dispatch({type: 'mask-reset', id})
      case 'visibility': return dispatch({type: 'visibility-toggled', id})
      case 'lock': return dispatch({type: 'lock-toggled', id})
      case 'duplicate': return dispatch({type: 'duplicated', id})
      case 'remove': return dispatch({type: 'removed', id})
      default: return dispatch({type: 'selected', id})
    }
  })
  list.addEventListener('change', (event) => {
    const id = idOf(event)
    const field = /** @type {HTMLInputElement} */ (event.target)
    field.value = field.value.trim()
    if (id !== null) dispatch({type: 'renamed', id, name: field.value})
  })
  list.addEventListener('pointerover', (event) => dispatch({type: 'hovered', id: idOf(event)}))
  list.addEventListener('pointerleave', () => dispatch({type: 'hovered', id: null}))
}
