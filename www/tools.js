/**
 * What a hand on the picture means. A press gives a gesture; each of its moves starts again from the state at the press,
 * so nothing adds up. Pure: points in, actions out.
 */

/** @import {Action, Item, Point, State, Study} from './types.js' */

import {isStrokeTool, target, verbOf} from './correct.js'
import {
  boxBetween, handleAt, handlePoint, HANDLES, imageFromView, isInside, isOnEdge, moveBox, panBy, resizeBox, viewFromImage, zoomAt,
} from './geometry.js'
import {dragWindow, wantedWindow} from './windowing.js'
import {currentItems, currentSlice} from './work.js'

/** A press that moves less than this many CSS pixels is a click. */
const CLICK_PX = 3

/** @typedef {{at: Point, button: number, space: boolean, alt?: boolean, touch?: boolean}} Press  at in view space; touch: by a finger */
/**
 * @typedef {object} Gesture
 * @property {string} cursor
 * @property {Action[]} [down]  what the press itself does
 * @property {(at: Point, trail?: readonly Point[]) => Action[]} move  trail: all places since the last move, `at` the last of them
 * @property {(at: Point) => Action[]} up
 */

/** Of a pen turned round. */
const ERASER_BUTTON = 5

/** How near a line a pointer must be, CSS pixels. @param {State} state */
const reachPx = (state) => (state.touch ? 16 : 7)

/** @param {State} state @param {Press} press @returns {Gesture | null} */
export function press(state, {at, button, space, alt = false, touch = false}) {
  const {study} = state
  if (!study) return null
  if (touch && state.pen) return fingerBesidePen(state, at)
  if (button === 2) return dragGreys(state, study, at)
  if (button === 1 || (button === 0 && (space || state.tool === 'pan'))) return pan(state, at)
  if (button === ERASER_BUTTON) return line(state, at, 'subtract')
  if (button !== 0) return null
  if (isStrokeTool(state.tool)) return line(state, at, verbOf(state, alt))
  if (state.anchor) return secondClick(state, state.anchor)
  if (alt && state.tool === 'box') return draw(state, at) // among boxes that lie close
  const aimed = aim(state, at)
  if (aimed?.kind === 'handle') return resize(state, aimed.item, aimed.handle, at)
  if (aimed?.kind === 'edge' || (aimed && state.tool === 'select')) return move(state, aimed.item, at)
  return state.tool === 'select' ? panOrClick(state, at) : draw(state, at)
}

/** What a pointer that is not pressed points at. @param {State} state @param {Point} at @returns {{cursor: string, actions: Action[]}} */
export function hover(state, at) {
  const {study} = state
  if (!study) return {cursor: 'default', actions: []}
  if (state.anchor) return {cursor: 'crosshair', actions: stretch(state, state.anchor, at)}
  if (state.tool === 'pan') return {cursor: 'grab', actions: []}
  if (isStrokeTool(state.tool)) {
    const over = /** @type {Action[]} */ ([{type: 'hovered', id: null}, {type: 'brush-at', at: imageFromView(state.view, state.viewport, at)}])
    return {cursor: target(state)?.locked ? 'not-allowed' : 'none', actions: over}
  }
  const aimed = aim(state, at)
  const actions = /** @type {Action[]} */ ([{type: 'hovered', id: aimed?.item.id ?? null}])
  if (aimed && aimed.kind !== 'inside' && aimed.item.locked) return {cursor: 'not-allowed', actions}
  if (aimed?.kind === 'handle') return {cursor: HANDLES[aimed.handle]?.cursor ?? 'move', actions}
  if (aimed?.kind === 'edge' || (aimed && state.tool === 'select')) return {cursor: 'move', actions}
  return {cursor: state.tool === 'select' ? 'default' : 'crosshair', actions}
}

/**
 * Two fingers: the picture follows them, and grows as they part.
 * @param {State} state @param {Point} a @param {Point} b where they came down
 * @returns {(a: Point, b: Point) => Action[]}
 */
export function pinch(state, a, b) {
  const {study, view, viewport} = state
  if (!study) return () => []
  const picture = currentSlice(study)
  const middle = (/** @type {Point} */ p, /** @type {Point} */ q) => /** @type {Point} */ ([(p[0] + q[0]) / 2, (p[1] + q[1]) / 2])
  const distance = (/** @type {Point} */ p, /** @type {Point} */ q) => Math.max(Math.hypot(p[0] - q[0], p[1] - q[1]), 1)
  return (toA, toB) => {
    const [from, to] = [middle(a, b), middle(toA, toB)]
    const grown = zoomAt(view, viewport, picture, distance(toA, toB) / distance(a, b), from)
    return [{type: 'view-changed', view: panBy(grown, picture, to[0] - from[0], to[1] - from[1])}]
  }
}

/**
 * The handle of the selected box, else the nearest side of any box, else the smallest box around the point.
 * @param {State} state @param {Point} at
 * @returns {{kind: 'handle', item: Item, handle: number} | {kind: 'edge' | 'inside', item: Item} | null}
 */
function aim(state, at) {
  if (!state.study) return null
  const point = imageFromView(state.view, state.viewport, at)
  const reach = reachPx(state) / state.view.zoom
  const items = currentItems(state.study).filter((item) => item.visible)
  const selected = items.find((item) => item.id === state.selected[0])
  if (selected) {
    const handle = handleAt(selected.box, point, reach)
    if (handle >= 0) return {kind: 'handle', item: selected, handle}
  }
  const area = (/** @type {Item} */ {box: [x0, y0, x1, y1]}) => (x1 - x0) * (y1 - y0)
  const bySize = [...items].sort((a, b) => area(a) - area(b))
  // A finger is too broad to tell a side of an unselected box from the picture beside it.
  const edge = bySize.find((item) => isOnEdge(item.box, point, reach) && (!state.touch || item === selected))
  if (edge) return {kind: 'edge', item: edge}
  const inside = bySize.find((item) => isInside(item.box, point))
  return inside ? {kind: 'inside', item: inside} : null
}

/** @param {Point} a @param {Point} b */
const isClick = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) <= CLICK_PX

/** @param {State} state @param {Point} from @returns {Gesture} */
function pan(state, from) {
  const picture = currentSlice(/** @type {NonNullable<State['study']>} */ (state.study))
  const move = (/** @type {Point} */ at) => /** @type {Action[]} */ ([
    {type: 'view-changed', view: panBy(state.view, picture, at[0] - from[0], at[1] - from[1])},
  ])
  return {cursor: 'grabbing', move, up: () => []}
}

/** @param {State} state @param {Point} from @returns {Gesture} */
function panOrClick(state, from) {
  const {move} = pan(state, from)
  return {
    cursor: 'grabbing',
    move: (at) => (isClick(from, at) ? [] : move(at)),
    up: (at) => (isClick(from, at) ? [{type: 'selected', id: null}] : []),
  }
}

/** The right button: wider to the right, darker downwards. @param {State} state @param {Study} study @param {Point} from @returns {Gesture} */
function dragGreys(state, study, from) {
  const start = wantedWindow(state, study)
  const slice = currentSlice(study)
  let dragged = false
  const move = (/** @type {Point} */ at) => {
    dragged ||= !isClick(from, at)
    if (!dragged) return []
    return /** @type {Action[]} */ ([{type: 'window-dragged', window: dragWindow(start, at[0] - from[0], at[1] - from[1], slice)}])
  }
  return {cursor: 'move', move, up: (at) => [...move(at), {type: 'window-kept', merge: false}]}
}

/** Where a pen draws, a finger moves the picture, and a tap of it chooses. @param {State} state @param {Point} from @returns {Gesture} */
function fingerBesidePen(state, from) {
  const {move} = pan(state, from)
  const tap = () => {
    const aimed = isStrokeTool(state.tool) ? null : aim(state, from)
    return /** @type {Action[]} */ (aimed ? [{type: 'selected', id: aimed.item.id}] : [])
  }
  return {cursor: 'grabbing', move: (at) => (isClick(from, at) ? [] : move(at)), up: (at) => (isClick(from, at) ? tap() : [])}
}

/** A line of brush, eraser or lasso. @param {State} state @param {Point} from @param {import('./types.js').Stroke['verb']} verb @returns {Gesture} */
function line(state, from, verb) {
  const onImage = (/** @type {Point} */ at) => imageFromView(state.view, state.viewport, at)
  const shape = state.tool === 'lasso' ? 'lasso' : 'brush'
  const move = (/** @type {Point} */ at, /** @type {readonly Point[]} */ trail = [at]) =>
    /** @type {Action[]} */ ([{type: 'stroke-moved', points: trail.map(onImage)}])
  return {
    cursor: 'none',
    down: [{type: 'stroke-begun', shape, verb, at: onImage(from)}],
    move,
    up: (at) => [...move(at), {type: 'stroke-kept'}],
  }
}

/** The box from an image point to the pointer. @param {State} state @param {Point} corner @param {Point} at @returns {Action[]} */
function stretch(state, corner, at) {
  const picture = currentSlice(/** @type {NonNullable<State['study']>} */ (state.study))
  const box = boxBetween(corner, imageFromView(state.view, state.viewport, at), picture)
  return [{type: 'drafted', id: null, verb: 'draw', box}]
}

/** @param {State} state @param {Point} from @returns {Gesture} */
function draw(state, from) {
  const corner = imageFromView(state.view, state.viewport, from)
  let dragged = false
  return {
    cursor: 'crosshair',
    move(at) {
      dragged ||= !isClick(from, at)
      return dragged ? stretch(state, corner, at) : []
    },
    up(at) {
      if (dragged) return [...stretch(state, corner, at), {type: 'draft-kept'}]
      const aimed = aim(state, from)
      const isOther = aimed && aimed.item.id !== state.selected[0]
      return [isOther ? {type: 'selected', id: aimed.item.id} : {type: 'anchor-set', at: corner}]
    },
  }
}

/**
 * The other corner of a box. Where the first one was set, as the hand of a double click does, it is none.
 * @param {State} state @param {Point} anchor @returns {Gesture}
 */
function secondClick(state, anchor) {
  const [x, y] = viewFromImage(state.view, state.viewport, anchor)
  return {
    cursor: 'crosshair',
    move: (at) => stretch(state, anchor, at),
    up: (at) => (Math.hypot(at[0] - x, at[1] - y) <= reachPx(state) ? [{type: 'draft-dropped'}] : [...stretch(state, anchor, at), {type: 'draft-kept'}]),
  }
}

/** @param {State} state @param {Item} item @param {Point} from @returns {Gesture} */
function move(state, item, from) {
  const picture = currentSlice(/** @type {NonNullable<State['study']>} */ (state.study))
  const moved = (/** @type {Point} */ at) => /** @type {Action[]} */ ([{
    type: 'drafted',
    id: item.id,
    verb: 'move',
    box: moveBox(item.box, (at[0] - from[0]) / state.view.zoom, (at[1] - from[1]) / state.view.zoom, picture),
  }])
  return dragOrSelect(item, from, 'move', moved)
}

/** The hand keeps its distance from the handle. @param {State} state @param {Item} item @param {number} handle @param {Point} from @returns {Gesture} */
function resize(state, item, handle, from) {
  const {at: share, cursor} = /** @type {(typeof HANDLES)[number]} */ (HANDLES[handle])
  const [x, y] = handlePoint(item.box, share)
  const {zoom} = state.view
  const picture = currentSlice(/** @type {NonNullable<State['study']>} */ (state.study))
  const resized = (/** @type {Point} */ at) => /** @type {Action[]} */ ([{
    type: 'drafted',
    id: item.id,
    verb: 'resize',
    box: resizeBox(item.box, handle, [x + (at[0] - from[0]) / zoom, y + (at[1] - from[1]) / zoom], picture),
  }])
  return dragOrSelect(item, from, cursor, resized)
}

/** @param {Item} item @param {Point} from @param {string} cursor @param {(at: Point) => Action[]} drag @returns {Gesture} */
function dragOrSelect(item, from, cursor, drag) {
  let dragged = false
  return {
    cursor,
    move(at) {
      dragged ||= !isClick(from, at)
      return dragged ? drag(at) : []
    },
    up: (at) => (dragged ? [...drag(at), {type: 'draft-kept'}] : [{type: 'selected', id: item.id}]),
  }
}
