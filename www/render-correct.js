/** The bar of the correcting tools: brush size, what the lasso does, what the core does to a mask. */

/** @import {Action, Refinement, State, Stroke} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {BRUSH_MAX_PX, brushSize, canReset, isStrokeTool, target} from './correct.js'
import {attribute, check, enable, show, text} from './dom.js'
import {jobOfKind} from './jobs.js'

/** The slider runs evenly over sizes that double. */
const STEPS = 100
/** @param {number} px */
const stepOf = (px) => Math.round((STEPS * Math.log(px)) / Math.log(BRUSH_MAX_PX))
/** @param {number} step */
const sizeOf = (step) => Math.round(BRUSH_MAX_PX ** (step / STEPS))

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
export function renderCorrect(part, state, {t}) {
  const isShown = state.study !== null && isStrokeTool(state.tool)
  show(part('correct'), isShown)
  if (!isShown) return
  const isLasso = state.tool === 'lasso'
  show(part('brushSize'), !isLasso)
  show(part('lassoVerbs'), isLasso)
  const px = brushSize(state)
  const slider = /** @type {HTMLInputElement} */ (part('brushRange'))
  if (sizeOf(Number(slider.value)) !== px) slider.value = String(stepOf(px))
  attribute(slider, 'aria-valuetext', t('correct.sizeValue', {n: px}))
  text(part('brushPx'), t('correct.sizeValue', {n: px}))
  for (const verb of /** @type {const} */ (['add', 'subtract'])) check(part(`lasso-${verb}`), state.lassoVerb === verb)
  const item = target(state)
  const canRefine = item !== undefined && !item.locked && (item.mask?.areaPx ?? 0) > 0 && !jobOfKind(state, 'refine')
  for (const how of ['fill-holes', 'largest-part', 'smooth']) enable(part(`refine-${how}`), canRefine)
  enable(part('maskReset'), item !== undefined && canReset(state, item))
}

/** @param {(name: string) => HTMLElement} part @param {(action: Action) => void} dispatch @param {() => State} getState */
export function listenToCorrect(part, dispatch, getState) {
  part('brushRange').addEventListener('input', (event) =>
    dispatch({type: 'brush-chosen', px: sizeOf(Number(/** @type {HTMLInputElement} */ (event.target).value))}))
  part('lassoVerbs').addEventListener('change', (event) =>
    dispatch({type: 'lasso-verb-chosen', verb: /** @type {Stroke['verb']} */ (/** @type {HTMLInputElement} */ (event.target).value)}))
  for (const how of /** @type {Refinement[]} */ (['fill-holes', 'largest-part', 'smooth'])) {
    part(`refine-${how}`).addEventListener('click', () => dispatch({type: 'refine-asked', how}))
  }
  part('maskReset').addEventListener('click', () => {
    const item = target(getState())
    if (item) dispatch({type: 'mask-reset', id: item.id})
  })
}
