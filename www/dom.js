/** Small hands for the page's elements: each touches one only when what it shows has changed. */

/** @param {HTMLElement} node @param {string} value */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value
}
/** @param {HTMLElement} node @param {boolean} shown */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown
}
/** @param {HTMLElement} node @param {string} name @param {string | boolean} value */
export function attribute(node, name, value) {
  const wanted = String(value)
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted)
}
/** @param {HTMLElement} node @param {boolean} checked */
export function check(node, checked) {
  const input = /** @type {HTMLInputElement} */ (node)
  if (input.checked !== checked) input.checked = checked
}
/** What is being typed is not overwritten. @param {HTMLElement} node @param {string | number} value  of a field or a slider */
export function enter(node, value) {
  const input = /** @type {HTMLInputElement} */ (node)
  if (input.type !== 'range' && document.activeElement === input) return
  if (input.value !== String(value)) input.value = String(value)
}
/** @param {HTMLElement} node @param {boolean} enabled */
export function enable(node, enabled) {
  const button = /** @type {HTMLButtonElement} */ (node)
  if (button.disabled === enabled) button.disabled = !enabled
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, string>} [attributes] @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, children = []) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  node.append(...children)
  return node
}

/** @param {string} name @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.append(use)
  return svg
}
