/** What a key means. Pure: a key press and the state in, an action out. */

/** @import {Action, Preset, State} from './types.js' */

import {PRESETS} from './windowing.js'

const ZOOM_STEP = 1.25

/**
 * @typedef {{key: string, ctrl: boolean, shift: boolean, alt: boolean, onViewer: boolean}} KeyPress
 * key as KeyboardEvent names it; ctrl stands for the command key too; onViewer: the picture has the focus, or nothing
 */

/** @param {State} state @param {KeyPress} press @returns {Action | 'open-file' | null} */
export function keyAction(state, {key, ctrl, shift, alt, onViewer}) {
  const letter = key.length === 1 ? key.toLowerCase() : key
  if (key === 'Escape') return {type: 'escape'}
  if (state.sheet) return null
  if (ctrl) {
    if (alt) return null
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
  const [id] = state.selected
  if (!onViewer || id === undefined) return null
  const by = shift ? 10 : 1
  switch (key) {
    case 'Delete': case 'Backspace': return {type: 'removed', id}
    case 'ArrowLeft': return {type: 'nudged', dx: -by, dy: 0, resize: alt}
    case 'ArrowRight': return {type: 'nudged', dx: by, dy: 0, resize: alt}
    case 'ArrowUp': return {type: 'nudged', dx: 0, dy: -by, resize: alt}
    case 'ArrowDown': return {type: 'nudged', dx: 0, dy: by, resize: alt}
  }
  return null
}
