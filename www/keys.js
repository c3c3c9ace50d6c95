/** What a key means. Pure: a key press and the state in, an action out. */

/** @import {Action, Preset, State} from './types.js' */

import {PRESETS} from './windowing.js'

import {isStrokeTool} from './correct.js'

const ZOOM_STEP = 1.25
const BRUSH_STEP = 1.15

/**
 * @typedef {{key: string, ctrl: boolean, shift: boolean, alt: boolean, onViewer: boolean}} KeyPress
 * key as KeyboardEvent names it; ctrl stands for the command key too; onViewer: the picture has the focus, or nothing that takes keys
 */

/** @param {State} state @param {KeyPress} press @returns {Action | 'open-file' | null} */
export function keyAction(state, {key, ctrl, shift, alt, onViewer}) {
  const letter = key.length === 1 ? key.toLowerCase() : key
  if (key === 'Escape') return {type: 'escape'}
  if (state.sheet) return null
  // Before the modifiers: many keyboards write brackets with some of them.
  if (key === '[') return {type: 'brush-sized', factor: 1 / BRUSH_STEP}
  if (key === ']') return {type: 'brush-sized', factor: BRUSH_STEP}
  const [id] = state.selected
  if (ctrl) {
    if (alt) return null
    if (letter === 'd' && id !== undefined) return {type: 'duplicated', id}
    if (letter === 'z') return {type: shift ? 'redo' : 'undo'}
    if (letter === 'y') return {type: 'redo'}
    if (letter === 's') return {type: 'save-asked', what: 'label'}
    if (letter === 'o') return 'open-file'
    return null
  }
  if (alt && !key.startsWith('Arrow')) return null
  switch (letter) {
    case '?': return {type: 'sheet-toggled', sheet: 'keys'}
    case 'b': return {type: 'tool-chosen', tool: 'box'}
    case 'v': return {type: 'tool-chosen', tool: 'select'}
    case 'p': return {type: 'tool-chosen', tool: 'brush'}
    case 'e': return {type: 'tool-chosen', tool: 'eraser'}
    case 'l': return {type: 'tool-chosen', tool: 'lasso'}
    case 'h': return {type: 'tool-chosen', tool: 'pan'}
    case 'o': return {type: 'mask-style-toggled'}
    case 'm': return {type: shift ? 'picture-toggled' : 'masks-toggled'}
    case 'i': return {type: 'invert-toggled'}
    case 'n': return {type: 'box-placed'}
    case 'f': case '0': return {type: 'fitted'}
    case '+': case '=': return {type: 'zoomed', factor: ZOOM_STEP, at: null}
    case '-': return {type: 'zoomed', factor: 1 / ZOOM_STEP, at: null}
    case '1': case '2': case '3': case '4': case '5': case '6':
      return {type: 'preset-chosen', preset: /** @type {Preset} */ (PRESETS[Number(letter) - 1])}
    case '.': return {type: 'select-next', step: 1}
    case ',': return {type: 'select-next', step: -1}
  }
  if (letter === 'x' && isStrokeTool(state.tool)) return {type: 'verb-swapped'}
  if (!onViewer) return null
  if (id !== undefined && (key === 'Delete' || key === 'Backspace')) return {type: 'removed', id}
  if (key === 'PageDown' || key === 'PageUp') return state.series.length > 1 ? {type: 'leafed', step: key === 'PageDown' ? 1 : -1} : null
  const arrow = ARROWS[key]
  const by = shift ? 10 : 1
  if (isStrokeTool(state.tool)) {
    if (key === 'Enter') return {type: 'brush-pressed'}
    return arrow ? {type: 'brush-moved', dx: by * arrow[0], dy: by * arrow[1]} : null
  }
  return arrow && id !== undefined ? {type: 'nudged', dx: by * arrow[0], dy: by * arrow[1], resize: alt} : null
}

/** @type {Record<string, readonly [number, number]>} */
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}
