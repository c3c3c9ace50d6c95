/** The wiring: store, renderer, effects, and the page's events turned into actions. */

/** @import {Action, Point, State} from './types.js' */

import {isStrokeTool} from './correct.js'
import {draw, forget} from './draw.js'
import {forgetStains} from './draw-compare.js'
import {filesOf} from './dropped.js'
import {drawPair} from './draw-rival.js'
import {createEffects} from './effects.js'
import {imageFromView} from './geometry.js'
import {nameOfAddress} from './intake.js'
import {bestLocale, loadTranslator} from './i18n.js'
import {keyAction} from './keys.js'
import {measureTable} from './measure.js'
import {forgetPictures} from './picture.js'
import {createRenderer, findParts, renderTexts} from './render.js'
import {listenToCorrect} from './render-correct.js'
import {listenToMeasures} from './render-measures.js'
import {idOf, listenToObjects} from './render-objects.js'
import {shownNote} from './reopen.js'
import {bytesPerWorker, workersFor} from './schedule.js'
import {readSettings} from './settings.js'
import {createStore} from './store.js'
import {listenToView} from './render-view.js'
import {hover, pinch, press} from './tools.js'
import {initialState, update} from './update.js'

const part = findParts(document)
const canvas = /** @type {HTMLCanvasElement} */ (part('canvas'))
const pair = /** @type {const} */ ([/** @type {HTMLCanvasElement} */ (part('rivalMineCanvas')), /** @type {HTMLCanvasElement} */ (part('rivalOtherCanvas'))])
const viewer = part('viewer')
const referenceInput = /** @type {HTMLInputElement} */ (part('referenceInput'))
const fileInput = /** @type {HTMLInputElement} */ (part('fileInput'))

const store = createStore(update, initialState({locale: bestLocale(navigator.languages), ...readSettings()}))
const {dispatch, getState} = store
const query = new URLSearchParams(location.search)
// As many as the device bears; `?workers=3` is for tests and for devices that are told wrongly.
const device = /** @type {{hardwareConcurrency: number, deviceMemory?: number}} */ (navigator)
const workers = Math.min(Math.max(Math.floor(Number(query.get('workers'))) || workersFor(device), 1), 32)
const {run, boot, hold, reopen} = createEffects(dispatch, {workers, bytesMax: bytesPerWorker(device, workers)})
store.onEffect(run)

/** @type {State | null} what the page shows */
let rendered = null
/** @type {ReturnType<typeof createRenderer>} */
let render
/** @type {import('./i18n.js').Translator} */
let translator
const speak = async () => {
  const {locale} = getState()
  const loaded = await loadTranslator(locale).catch(() => loadTranslator('en')) // A table may be out of reach.
  if (getState().locale !== locale) return
  translator = loaded
  renderTexts(document, translator)
  render = createRenderer(part, translator)
  rendered = null
}
await speak()
/** Whether the last thing that was pressed was a key. */
let byKeys = false
let frame = 0
const show = () => {
  const state = getState()
  render(state, rendered)
  draw(canvas, state, window.devicePixelRatio)
  drawPair(pair, state, window.devicePixelRatio)
  rendered = state
}
const paint = () => {
  frame = 0
  const wasOpen = rendered?.study != null
  show()
  if (wasOpen === (rendered?.study != null)) return
  // What had the focus is gone with the start page.
  const focused = document.activeElement
  if (!wasOpen && (focused === document.body || !focused?.checkVisibility?.())) canvas.focus({preventScroll: true, focusVisible: byKeys})
  // A picture that opens or closes changes the viewer's size: what depends on it comes in the same frame.
  measure()
  show()
}
store.subscribe((state, previous) => {
  hold(state.draft !== null)
  // Who has gone through a menu with keys stands before its button again.
  const focused = document.activeElement
  const leaves = (/** @type {boolean} */ closed, /** @type {string} */ what) => closed && focused?.matches(`${what} :focus-visible`)
  if (leaves(previous.menu !== null && !state.menu, '.menu')) part(`${previous.menu}Button`).focus()
  // So does who closes the list of objects, or a message, and would stand nowhere.
  if (leaves(previous.panelOpen && !state.panelOpen, '.panel')) part('panelButton').focus()
  if (leaves(previous.failure !== null && !state.failure, '.failure') || leaves(shownNote(previous) !== null && !shownNote(state), '.note')) canvas.focus()
  frame ||= requestAnimationFrame(paint)
  // The scores stand further down than one sees, and are what was asked for.
  const isCompared = state.reference && state.reference.structures !== previous.reference?.structures && state.study?.source === previous.study?.source
  if (isCompared) requestAnimationFrame(() => requestAnimationFrame(() => part('compareSection').scrollIntoView({block: 'start'})))
  if (state.locale !== previous.locale) speak().then(paint)
})

/** @param {Action[]} actions */
const dispatchAll = (actions) => actions.forEach(dispatch)

// The viewer's size, which the page's layout decides.
const measure = () => {
  // A window that changes under the hand, as a device that is turned: the hand reckons from the picture as it lay at the press.
  if (gesture) letGo()
  dispatch({type: 'viewport-changed', viewport: {width: viewer.clientWidth, height: viewer.clientHeight}})
}
new ResizeObserver(measure).observe(viewer)
const watchDensity = () => {
  matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`).addEventListener('change', () => { measure(); paint(); watchDensity() }, {once: true})
}
watchDensity()
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)')
const watchMotion = () => dispatch({type: 'calm-wished', calm: reducedMotion.matches})
reducedMotion.addEventListener('change', watchMotion)
watchMotion()

// A browser may take a canvas away, and give it back empty.
canvas.addEventListener('contextrestored', () => { forget(canvas); forgetPictures(); forgetStains(); paint() })

// Hands on the picture.
/** @type {Map<number, Point>} pointers that are down */
const down = new Map()
/** @type {import('./tools.js').Gesture | null} */
let gesture = null
/** Which pointer's it is. */
let gestureBy = 0
let penDown = false
/** @type {ReturnType<typeof pinch> | null} */
let pinching = null
let spaceHeld = false
const letGo = () => {
  gesture = null
  dispatch({type: 'draft-dropped'})
}
// What the hand does, or writes, is meant for the picture that it began on.
store.subscribe((state, previous) => {
  if (state.study?.source === previous.study?.source) return
  gesture = pinching = null
  const focused = document.activeElement
  if (!takesKeys(focused)) return
  focused.value = written
  focused.blur()
})

/** @param {PointerEvent} event all places since the last event @returns {Point[]} */
const trailOf = (event) => {
  const trail = event.getCoalescedEvents?.() ?? []
  return (trail.length > 0 ? trail : [event]).map(pointIn)
}
/** @param {PointerEvent | WheelEvent} event @returns {Point} */
const pointIn = (event) => {
  const {left, top} = canvas.getBoundingClientRect()
  return [event.clientX - left, event.clientY - top]
}

canvas.addEventListener('pointerdown', (event) => {
  const touch = event.pointerType === 'touch'
  if (touch && penDown) return // The hand that holds the pen.
  canvas.setPointerCapture(event.pointerId)
  canvas.focus({preventScroll: true, focusVisible: false}) // a pointer needs no ring to be found
  dispatch({type: 'touch-used', touch})
  if (event.pointerType === 'pen') {
    dispatch({type: 'pen-used'})
    penDown = true
    if (down.size > 0) dispatch({type: 'draft-dropped'})
    down.clear()
    pinching = null
  }
  down.set(event.pointerId, pointIn(event))
  const [first, second] = [...down.values()]
  if (first && second) {
    letGo()
    pinching = pinch(getState(), first, second)
    return
  }
  gesture = press(getState(), {at: pointIn(event), button: event.button, space: spaceHeld, alt: event.altKey, touch})
  gestureBy = event.pointerId
  if (gesture) canvas.style.cursor = gesture.cursor
  dispatchAll(gesture?.down ?? [])
  if (event.button === 1) event.preventDefault()
})
canvas.addEventListener('pointermove', (event) => {
  const at = pointIn(event)
  if (down.has(event.pointerId)) down.set(event.pointerId, at)
  const [first, second] = [...down.values()]
  if (pinching && first && second) return dispatchAll(pinching(first, second))
  dispatch({type: 'pointed', at: event.pointerType === 'touch' ? null : imageFromView(getState().view, getState().viewport, at)})
  if (gesture) {
    if (event.pointerId === gestureBy) dispatchAll(gesture.move(at, trailOf(event)))
    return
  }
  if (down.size > 0 || event.pointerType === 'touch') return
  const {cursor, actions} = hover(getState(), at)
  canvas.style.cursor = spaceHeld ? 'grab' : cursor
  dispatchAll(actions)
})
canvas.addEventListener('pointerup', (event) => {
  if (event.pointerType === 'pen') penDown = false
  down.delete(event.pointerId)
  if (pinching) {
    if (down.size === 0) pinching = null
    return
  }
  if (!gesture || event.pointerId !== gestureBy) return
  dispatchAll(gesture.up(pointIn(event)))
  gesture = null
})
canvas.addEventListener('pointercancel', (event) => {
  if (event.pointerType === 'pen') penDown = false
  down.delete(event.pointerId)
  // A palm that the system rejects takes nothing from the pen.
  if (pinching || event.pointerId === gestureBy) letGo()
  if (down.size === 0) pinching = null
})
canvas.addEventListener('pointerleave', () => {
  dispatch({type: 'hovered', id: null})
  dispatch({type: 'pointed', at: null})
  dispatch({type: 'brush-at', at: null})
})
canvas.addEventListener('contextmenu', (event) => event.preventDefault())
// Where the middle button pastes, it does not after moving the picture.
canvas.addEventListener('auxclick', (event) => event.preventDefault())
canvas.addEventListener('dblclick', () => {
  if (isStrokeTool(getState().tool)) return // Two dabs.
  dispatch({type: 'draft-dropped'})
  dispatch({type: 'fitted'})
})
canvas.addEventListener('wheel', (event) => {
  event.preventDefault()
  // With Shift, some systems turn the wheel sideways.
  const turned = event.deltaY || event.deltaX
  const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? turned * 18 : turned
  if ((event.shiftKey || event.altKey) && isStrokeTool(getState().tool)) return dispatch({type: 'brush-sized', factor: Math.exp(-pixels * 0.0016)})
  if (gesture) return // It reckons from the picture as it lay at the press.
  dispatch({type: 'zoomed', factor: Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0016)), at: pointIn(event)})
}, {passive: false})

// Keys.
/** Where letters are written, or a key has its own meaning. @param {Element | null} node @returns {node is HTMLInputElement} */
const takesKeys = (node) => node instanceof HTMLInputElement && (node.type === 'text' || node.type === 'number')
/** A button that a pointer pressed keeps the focus, while keys go on to mean the picture; one that keys came to is pressed by them. */
let isPointed = false
/** What stood in the field before it was typed in. */
let written = ''
window.addEventListener('pointerdown', () => {
  isPointed = true
  byKeys = false
})
window.addEventListener('focusin', ({target}) => {
  const node = /** @type {HTMLInputElement} */ (target)
  isPointed = !node.matches(':focus-visible')
  if (takesKeys(node)) written = node.value
})
window.addEventListener('keydown', (event) => {
  if (event.isComposing || event.keyCode === 229) return // Enter confirms a word there; Safari tells it by the code alone.
  const focused = document.activeElement
  byKeys = true
  const isSave = (event.ctrlKey || event.metaKey) && event.key === 's'
  // A line of text has no pages, nor has a button of the bars.
  const hasNoPages = takesKeys(focused) || (!getState().menu && focused?.closest('.bar, .tools') != null)
  const isLeafing = /^Page(Up|Down)$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey && getState().series.length > 1 && hasNoPages
  if ((isSave || isLeafing) && takesKeys(focused)) focused.blur() // What was typed is taken first.
  else if (takesKeys(focused)) {
    if (event.key === 'Escape') {
      focused.value = written
      focused.dispatchEvent(new Event('change', {bubbles: true})) // Arrows may have changed a number already.
    }
    if (event.key === 'Enter' || event.key === 'Escape') canvas.focus()
    return
  }
  // A list looks for what begins with a letter.
  if (focused instanceof HTMLSelectElement && !event.ctrlKey && !event.metaKey && event.key !== 'Escape') return
  // A menu that has closed keeps the focus until the browser notices that it is hidden.
  const isNowhere = focused === null || focused === document.body || (focused.closest('.menu-list') !== null && !getState().menu)
  const onViewer = isNowhere || isLeafing || focused === canvas || (isPointed && focused.matches('button:not(dialog *, .menu *)'))
  // With others it is the system's: another input method, another window.
  if (event.key === ' ' && !event.ctrlKey && !event.metaKey && !event.altKey && onViewer && getState().study) {
    spaceHeld = true
    canvas.style.cursor = 'grab'
    return event.preventDefault()
  }
  const {key, shiftKey: shift, altKey: alt} = event
  // Which stands for the object, if it is the one that is chosen.
  const removes = (key === 'Delete' || key === 'Backspace') && focused?.matches('.object-swatch[aria-pressed="true"]') === true
  const leafs = (key === 'PageDown' || key === 'PageUp') && focused?.closest('.leaf') != null
  const action = keyAction(getState(), {key, ctrl: event.ctrlKey || event.metaKey, shift, alt, onViewer: onViewer || removes || leafs})
  if (action === null) return
  if (key === 'Escape') gesture = null // What is under the hand is let go.
  if (gesture) return event.preventDefault() // It reckons from the work and the tool at the press.
  event.preventDefault()
  if (action === 'open-file') fileInput.click()
  else dispatch(action)
})
const releaseSpace = () => {
  spaceHeld = false
  canvas.style.cursor = ''
}
window.addEventListener('keyup', (event) => {
  if (event.key !== ' ') return
  if (spaceHeld) event.preventDefault() // Some browsers press a button as the key comes up.
  releaseSpace()
})
window.addEventListener('blur', releaseSpace) // It comes up elsewhere.

// Files: chosen, dropped, pasted.
/** @param {readonly {blob: Blob, name: string}[]} files */
const give = (files) => dispatch({type: 'files-given', files})
fileInput.addEventListener('change', () => {
  const files = [...(fileInput.files ?? [])]
  if (files.length > 0) give(files.map((blob) => ({blob, name: blob.name})))
  fileInput.value = ''
})
/** @param {DragEvent} event  not a text, which may be dropped into a field only */
const bringsFiles = ({dataTransfer}) => dataTransfer?.types.includes('Files') ?? false
window.addEventListener('dragover', (event) => {
  if (bringsFiles(event)) dispatch({type: 'dropping', over: true})
  else if (takesKeys(/** @type {Element} */ (event.target))) return
  else if (event.dataTransfer) event.dataTransfer.dropEffect = 'none'
  event.preventDefault()
})
window.addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) dispatch({type: 'dropping', over: false})
})
window.addEventListener('drop', (event) => {
  if (!bringsFiles(event)) return
  event.preventDefault()
  if (takesKeys(document.activeElement)) document.activeElement.blur() // What was typed is of the picture that is there.
  dispatch({type: 'dropping', over: false})
  filesOf(event.dataTransfer).then(give)
})
window.addEventListener('paste', (event) => {
  if (!takesKeys(document.activeElement)) filesOf(event.clipboardData).then(give)
})

// Buttons.
/** @param {string} name @param {() => void} act */
const onClick = (name, act) => part(name).addEventListener('click', act)
/** @param {Event} event @param {string} selector @returns {HTMLElement | null} */
const within = (event, selector) => /** @type {Element} */ (event.target).closest(selector)

onClick('home', () => dispatch({type: 'closed'}))
onClick('resume', () => dispatch({type: 'resumed'}))
onClick('open', () => fileInput.click())
onClick('openButton', () => fileInput.click())
onClick('undo', () => dispatch({type: 'undo'}))
onClick('redo', () => dispatch({type: 'redo'}))
part('language').addEventListener('change', (event) =>
  dispatch({type: 'locale-chosen', locale: bestLocale([/** @type {HTMLSelectElement} */ (event.target).value])}))
onClick('theme', () => dispatch({type: 'theme-toggled'}))
onClick('help', () => dispatch({type: 'sheet-toggled', sheet: 'keys'}))
onClick('about', () => dispatch({type: 'sheet-toggled', sheet: 'about'}))
onClick('keysAbout', () => dispatch({type: 'sheet-toggled', sheet: 'about'}))
onClick('panelButton', () => dispatch({type: 'panel-toggled', open: !getState().panelOpen}))
onClick('panelClose', () => dispatch({type: 'panel-toggled', open: false}))
for (const name of ['modelButton', 'panelModel']) onClick(name, () => dispatch({type: 'menu-toggled', menu: 'model'}))
onClick('saveButton', () => dispatch({type: 'menu-toggled', menu: 'save'}))
onClick('classButton', () => {
  dispatch({type: 'panel-toggled', open: true})
  requestAnimationFrame(() => part('classSection').scrollIntoView({block: 'start'}))
})
onClick('zoomIn', () => dispatch({type: 'zoomed', factor: 1.25, at: null}))
onClick('zoomOut', () => dispatch({type: 'zoomed', factor: 0.8, at: null}))
onClick('fit', () => dispatch({type: 'fitted'}))
onClick('outline', () => dispatch({type: 'mask-style-toggled'}))
onClick('masks', () => dispatch({type: 'masks-toggled'}))
onClick('cancel', () => dispatch({type: 'cancelled'}))
onClick('retry', () => dispatch({type: 'retried'}))
onClick('failureClose', () => dispatch({type: 'failure-closed'}))
onClick('updateReload', () => dispatch({type: 'update-taken'}))
onClick('install', () => dispatch({type: 'install-asked'}))
onClick('clear', () => dispatch({type: 'all-removed'}))
part('closer').addEventListener('change', (event) =>
  dispatch({type: 'mode-chosen', mode: /** @type {HTMLInputElement} */ (event.target).checked ? 'default' : 'challenge'}))
listenToCorrect(part, dispatch, getState)
part('tools').addEventListener('click', (event) => {
  const tool = within(event, '[data-tool]')?.dataset.tool
  if (tool) dispatch({type: 'tool-chosen', tool: /** @type {State['tool']} */ (tool)})
})
part('tiles').addEventListener('click', (event) => {
  const demo = getState().demos[Number(within(event, '[data-demo]')?.dataset.demo)]
  if (demo) dispatch({type: 'demo-chosen', demo})
})
part('modelList').addEventListener('click', (event) => {
  const name = within(event, '[data-model]')?.dataset.model
  if (name) dispatch({type: 'model-chosen', name})
})
part('saveList').addEventListener('click', (event) => {
  const what = within(event, '[data-save]')?.dataset.save
  if (what) dispatch({type: 'save-asked', what: /** @type {import('./types.js').ExportKind} */ (what)})
})
onClick('leafBack', () => dispatch({type: 'leafed', step: -1}))
onClick('leafOn', () => dispatch({type: 'leafed', step: 1}))
onClick('noteClose', () => dispatch({type: 'note-closed'}))
part('noteAnswers').addEventListener('click', (event) => {
  if (event.detail > 1) return // The second click of two met what came after the answer to the first.
  const answer = within(event, '[data-answer]')?.dataset.answer
  if (answer) dispatch({type: 'note-answered', answer: /** @type {import('./types.js').NoteAnswer} */ (answer)})
})
onClick('chooseReference', () => referenceInput.click())
referenceInput.addEventListener('change', () => {
  const [file] = referenceInput.files ?? []
  if (file) dispatch({type: 'reference-given', blob: file, name: file.name})
  referenceInput.value = ''
})
part('referenceShown').addEventListener('change', () => dispatch({type: 'reference-toggled'}))
onClick('referenceRemove', () => dispatch({type: 'reference-removed'}))
part('scoreTable').addEventListener('click', (event) => {
  const id = idOf(event)
  if (id !== null) dispatch({type: 'selected', id})
})
onClick('copyMeasures', () => dispatch({type: 'copy-asked', words: measureTable(getState(), translator)}))
onClick('saveMeasures', () => dispatch({type: 'save-asked', what: 'csv'}))
part('measureTable').addEventListener('click', (event) => {
  const id = idOf(event)
  if (id !== null) dispatch({type: 'selected', id})
})
onClick('forget', () => dispatch({type: 'forget-asked'}))
part('classes').addEventListener('change', (event) =>
  dispatch({type: 'class-chosen', choice: /** @type {HTMLInputElement} */ (event.target).value}))
part('rivalChoice').addEventListener('change', (event) =>
  dispatch({type: 'rival-chosen', choice: /** @type {HTMLSelectElement} */ (event.target).value || null}))
onClick('rivalTake', () => {
  const choice = getState().rival?.choice
  if (choice) dispatch({type: 'class-chosen', choice})
})
window.addEventListener('pointerdown', (event) => {
  if (getState().menu && !within(event, '.menu, .panel-model')) dispatch({type: 'menu-toggled', menu: null})
})
for (const sheet of /** @type {const} */ (['keys', 'about'])) {
  const dialog = /** @type {HTMLDialogElement} */ (part(`${sheet}Sheet`))
  dialog.addEventListener('close', () => {
    if (getState().sheet === sheet) dispatch({type: 'sheet-toggled', sheet: null})
  })
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog || within(event, '[data-close]')) dialog.close()
  })
}

listenToView(part, dispatch, getState)

listenToMeasures(part, dispatch, getState)

listenToObjects(part('objects'), dispatch, getState)

part('boot').remove()
part('page').hidden = false
measure()
paint()
boot()
const src = query.get('src')
if (!(await reopen()) && src) dispatch({type: 'source-asked', url: src, name: nameOfAddress(src)})
