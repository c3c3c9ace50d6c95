/** The panel's section on how the picture is looked at, and what of it the status line tells. */

/** @import {Action, GreyWindow, Preset, Slice, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {attribute, check, element, enter, show, text} from './dom.js'
import {clamp} from './geometry.js'
import {reading} from './pointer.js'
import {otherWindowItems, PRESETS, presetWindow, sameWindow, wantedWindow, windowBounds, windowStep} from './windowing.js'
import {currentSlice} from './work.js'

/** @typedef {(name: string) => HTMLElement} Part */

/** @param {Part} part @param {State} state @param {State | null} previous @param {Translator} translator */
export function renderView(part, state, previous, translator) {
  const {study} = state
  renderPointer(part, state, translator)
  if (!study) return
  const changed = (/** @type {(keyof State)[]} */ ...keys) => !previous || keys.some((key) => state[key] !== previous[key])
  if (changed('study', 'windowDraft')) renderWindow(part, currentSlice(study), wantedWindow(state, study), translator)
  if (changed('study')) {
    const n = otherWindowItems(state).length
    show(part('otherWindow'), n > 0)
    if (n > 0) text(part('otherWindowWords'), translator.count('view.otherWindow', n))
  }
  if (!changed('study', 'opacity', 'layers', 'invert', 'smooth')) return
  enter(part('opacity'), Math.round(state.opacity * 100))
  text(part('opacityValue'), translator.percent(state.opacity))
  attribute(part('opacity'), 'aria-valuetext', translator.percent(state.opacity))
  for (const input of part('layers').querySelectorAll('input')) check(input, input.value === state.layers)
  check(part('invert'), state.invert)
  check(part('smooth'), state.smooth)
}

/** @param {Part} part @param {Slice} slice @param {GreyWindow} wished @param {Translator} translator */
function renderWindow(part, slice, wished, {t, value}) {
  for (const node of part('presets').children) {
    const chip = /** @type {HTMLElement} */ (node)
    const preset = /** @type {Preset} */ (chip.dataset.preset)
    const meant = presetWindow(slice, preset)
    show(chip, meant !== null)
    if (!meant) continue
    attribute(chip, 'aria-pressed', sameWindow(meant, wished))
    const words = t('preset.title', {name: t(`preset.${preset}`), width: value(meant.width), level: value(meant.level)})
    const key = String(PRESETS.indexOf(preset) + 1)
    attribute(chip, 'title', `${words} (${key})`)
    attribute(chip, 'aria-keyshortcuts', key)
  }
  const {min, max, least} = windowBounds(slice)
  const step = windowStep(slice)
  for (const [name, values] of /** @type {const} */ ([['level', {min, max}], ['widthField', {min: least}], ['levelField', {min, max}]])) {
    for (const [key, bound] of Object.entries(values)) attribute(part(name), key, String(bound))
    attribute(part(name), 'step', String(step))
  }
  enter(part('level'), wished.level)
  enter(part('width'), shareOfWidth(wished.width, slice))
  attribute(part('level'), 'aria-valuetext', value(wished.level))
  attribute(part('width'), 'aria-valuetext', value(wished.width))
  enter(part('levelField'), wished.level)
  enter(part('widthField'), wished.width)
  text(part('levelsShown'), t('status.levels', {width: value(wished.width), level: value(wished.level)}))
}

/** @param {Part} part @param {State} state @param {Translator} translator */
function renderPointer(part, state, {t, value}) {
  show(part('levelsShown'), state.study !== null)
  const read = reading(state)
  if (!read) return text(part('at'), '')
  const words = read.values.map((one) => value(read.about ? roundedLike(one, state) : one)).join(' ')
  const told = read.about ? t(`status.value.${read.beyond ?? 'about'}`, {value: words}) : words
  text(part('at'), t('status.at', {x: read.x, y: read.y, value: told}))
}

/** To the steps in which a grey level tells values apart. @param {number} value @param {State} state */
function roundedLike(value, {study}) {
  const step = study ? windowStep(currentSlice(study)) : 1
  return Number((Math.round(value / step) * step).toPrecision(12))
}

// The slider of the width is logarithmic: small windows need small steps.
const SHARES = 1000
/** @param {number} width @param {Slice} slice @returns {number} */
function shareOfWidth(width, slice) {
  const {min, max, least} = windowBounds(slice)
  return Math.round(clamp(Math.log(width / least) / Math.log((max - min) / least), 0, 1) * SHARES)
}
/** @param {number} share @param {Slice} slice @returns {number} */
function widthOfShare(share, slice) {
  const {min, max, least} = windowBounds(slice)
  return least * ((max - min) / least) ** (share / SHARES)
}

/** Lines of the picture's section that speak of its values. @param {Slice} slice @param {GreyWindow} wished @param {Translator} translator @returns {HTMLElement[]} */
export function valueFacts({valueRange, stored}, wished, {t, value}) {
  const range = stored ? [t('panel.picture.range', {min: value(valueRange.min), max: value(valueRange.max)})] : []
  return [...range, t('panel.picture.window', {width: value(wished.width), level: value(wished.level)})].map((words) => element('dd', {}, [words]))
}

/** @param {Part} part @param {(action: Action) => void} dispatch @param {() => State} getState */
export function listenToView(part, dispatch, getState) {
  part('presets').addEventListener('click', ({target}) => {
    const preset = /** @type {HTMLElement} */ (target).dataset.preset
    if (preset) dispatch({type: 'preset-chosen', preset: /** @type {Preset} */ (preset)})
  })
  /** The window with one of its two numbers as the field or slider says. @param {HTMLInputElement} input @returns {GreyWindow | null} */
  const windowWith = (input) => {
    const state = getState()
    const number = input.valueAsNumber
    if (!state.study || !Number.isFinite(number)) return null
    const slice = currentSlice(state.study)
    const value = input.type === 'range' && input.dataset.of === 'width' ? widthOfShare(number, slice) : number
    return {...wantedWindow(state, state.study), [input.dataset.of === 'width' ? 'width' : 'level']: value}
  }
  const levels = part('levels')
  levels.addEventListener('input', ({target}) => {
    const input = /** @type {HTMLInputElement} */ (target)
    const window = input.type === 'range' ? windowWith(input) : null
    if (window) dispatch({type: 'window-dragged', window})
  })
  levels.addEventListener('change', ({target}) => {
    const input = /** @type {HTMLInputElement} */ (target)
    const window = windowWith(input)
    if (window) dispatch({type: 'window-dragged', window})
    dispatch({type: 'window-kept', merge: true})
    // What was typed may be nothing, or more than there is.
    const {study} = getState()
    if (study && input.type === 'number') input.value = String(wantedWindow(getState(), study)[input.dataset.of === 'width' ? 'width' : 'level'])
  })
  part('renew').addEventListener('click', () => dispatch({type: 'masks-renewed'}))
  part('opacity').addEventListener('input', ({target}) =>
    dispatch({type: 'opacity-chosen', opacity: /** @type {HTMLInputElement} */ (target).valueAsNumber / 100}))
  part('layers').addEventListener('change', ({target}) =>
    dispatch({type: 'layers-chosen', layers: /** @type {State['layers']} */ (/** @type {HTMLInputElement} */ (target).value)}))
  part('invert').addEventListener('change', () => dispatch({type: 'invert-toggled'}))
  part('smooth').addEventListener('change', () => dispatch({type: 'smooth-toggled'}))
}
