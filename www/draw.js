/** Draws the viewer's canvas from the state: picture, masks, boxes. Nothing is read back from it. */

/** @import {Box, Item, Mask, Point, Slice, State, Study} from './types.js' */
/** @import {Region} from './scroll.js' */

import {drawDifferences, isComparing} from './draw-compare.js'
import {drawDiameters} from './draw-measures.js'
import {drawRival} from './draw-rival.js'
import {drawBrush, drawStroke, isUnderBrush} from './draw-stroke.js'
import {HANDLES, handlePoint, viewFromImage} from './geometry.js'
import {outline} from './outline.js'
import {objectColour} from './palette.js'
import {drawPicture, ZOOM_GRID} from './picture.js'
import {rivalShown} from './rival.js'
import {movedBy, onWholePixels, uncovered} from './scroll.js'
import {currentSlice, draftId, progressOf, shownItems} from './work.js'

// The viewer is neutral and dark in both themes: colour beside a grey picture changes how it is seen.
const GROUND = '#0B0B0C'
const HAIRLINE = 'rgba(0, 0, 0, 0.6)' // outside each line, so that it reads on white and on black
const HANDLE_FILL = '#FFFFFF'
const HINT = 'rgba(255, 255, 255, 0.9)'

/** What a canvas shows. @type {WeakMap<HTMLCanvasElement, {state: State, pixelRatio: number}>} */
const drawn = new WeakMap()

/** What a canvas showed is gone: all of it is drawn next. @param {HTMLCanvasElement} canvas */
export const forget = (canvas) => drawn.delete(canvas)

/**
 * @param {HTMLCanvasElement} canvas @param {State} wished @param {number} pixelRatio device pixels for a CSS pixel
 */
export function draw(canvas, wished, pixelRatio) {
  const state = {...wished, view: onWholePixels(wished.view, wished.viewport, pixelRatio)}
  const {width, height} = state.viewport
  const [deviceWidth, deviceHeight] = [Math.round(width * pixelRatio), Math.round(height * pixelRatio)]
  if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
    canvas.width = deviceWidth
    canvas.height = deviceHeight
    forget(canvas)
  }
  const context = canvas.getContext('2d', {alpha: false})
  if (!context || !state.study) return
  const before = drawn.get(canvas)
  drawn.set(canvas, {state, pixelRatio})
  const whole = {x: 0, y: 0, width: deviceWidth, height: deviceHeight}
  const moved = before?.pixelRatio === pixelRatio ? movedBy(before.state, state, pixelRatio) : null
  context.setTransform(1, 0, 0, 1, 0, 0)
  if (!moved) return drawRegion(context, state, state.study, pixelRatio, whole)
  if (moved.x === 0 && moved.y === 0) return
  context.drawImage(canvas, moved.x, moved.y)
  for (const region of uncovered(moved, whole)) drawRegion(context, state, state.study, pixelRatio, region)
}

/**
 * @param {CanvasRenderingContext2D} context @param {State} state @param {Study} study @param {number} pixelRatio
 * @param {Region} region  device pixels
 */
function drawRegion(context, state, study, pixelRatio, region) {
  context.save()
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.beginPath()
  context.rect(region.x, region.y, region.width, region.height)
  context.clip()
  context.fillStyle = GROUND
  context.fillRect(region.x, region.y, region.width, region.height)

  const {zoom} = state.view
  const [originX, originY] = viewFromImage(state.view, state.viewport, [0, 0])
  const toImage = () =>
    context.setTransform(zoom * pixelRatio, 0, 0, zoom * pixelRatio, originX * pixelRatio, originY * pixelRatio)

  const slice = currentSlice(study)
  toImage()
  drawPicture(context, state, slice, pixelRatio)
  if (zoom >= ZOOM_GRID) drawGrid(context, state, slice)

  const items = shownItems(state).filter((item) => item.visible && touches(state, item, region, pixelRatio))
  const masksShown = state.layers !== 'picture'
  if (masksShown) {
    const rivalled = rivalShown(state)?.item.id
    for (const item of items) {
      if (item.mask && !isUnderBrush(state, item) && item.id !== rivalled) drawMask(context, state, item, item.mask)
    }
    drawDifferences(context, state)
    drawRival(context, state)
    drawStroke(context, state, pixelRatio, alphaChosen(state))
  }
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0)
  if (masksShown) drawDiameters(context, state)
  if (masksShown) for (const item of items) drawBox(context, state, item)
  drawHint(context, state)
  drawBrush(context, state)
  context.restore()
}

/** Lines and handles reach beyond their object by this much, CSS pixels. */
const LINES_PX = 10

/** Whether an object has something to draw in a region. @param {State} state @param {Item} item @param {Region} region  device pixels @param {number} pixelRatio */
function touches(state, {box: [x0, y0, x1, y1], mask}, region, pixelRatio) {
  const [x, y, width, height] = mask?.region ?? [x0, y0, 0, 0]
  const [left, top] = viewFromImage(state.view, state.viewport, [Math.min(x0, x), Math.min(y0, y)])
  const [right, bottom] = viewFromImage(state.view, state.viewport, [Math.max(x1, x + width), Math.max(y1, y + height)])
  return (
    (right + LINES_PX) * pixelRatio > region.x && (left - LINES_PX) * pixelRatio < region.x + region.width &&
    (bottom + LINES_PX) * pixelRatio > region.y && (top - LINES_PX) * pixelRatio < region.y + region.height
  )
}

/** How strongly the chosen mask is filled. @param {State} state */
const alphaChosen = ({opacity}) => Math.min(1, opacity + 0.15)

/** @param {CanvasRenderingContext2D} context @param {State} state @param {Item} item @param {Mask} mask */
function drawMask(context, state, item, mask) {
  const {zoom} = state.view
  const path = outline(mask, zoom)
  const isChosen = state.selected.includes(item.id) || state.hovered === item.id || draftId(state) === item.id
  const colour = objectColour(item.colour)
  if (state.maskStyle === 'fill' && !isComparing(state)) {
    context.globalAlpha = isChosen ? alphaChosen(state) : state.opacity
    context.fillStyle = colour
    context.fill(path, 'evenodd')
    context.globalAlpha = 1
  }
  context.lineJoin = 'round'
  context.strokeStyle = HAIRLINE
  context.lineWidth = 3 / zoom
  context.stroke(path)
  context.strokeStyle = colour
  context.lineWidth = 1.5 / zoom
  context.stroke(path)
}

/** @param {CanvasRenderingContext2D} context @param {State} state @param {Item} item */
function drawBox(context, state, item) {
  const isChosen = state.selected.includes(item.id) || draftId(state) === item.id
  const isHovered = state.hovered === item.id
  const isWaiting = draftId(state) !== item.id && progressOf(state, item) === 'pending'
  const colour = objectColour(item.colour)
  const [x, y, width, height] = boxInView(state, item.box)
  context.setLineDash([])
  context.strokeStyle = HAIRLINE
  context.lineWidth = isChosen ? 3.5 : 2.5
  context.strokeRect(x, y, width, height)
  context.strokeStyle = colour
  context.lineWidth = isChosen || isHovered ? 1.5 : 1
  if (isWaiting) {
    // A quiet shimmer runs along the edge until the mask is there. With reduced motion the clock does not move it.
    context.setLineDash([6, 4])
    context.lineDashOffset = state.calm ? 0 : -(state.nowMs / 40) % 10
  }
  context.strokeRect(x, y, width, height)
  context.setLineDash([])
  const isHandled = (state.tool === 'box' || state.tool === 'select') && !item.locked
  if (isChosen && isHandled && !state.anchor) drawHandles(context, state, item)
}

/** @param {CanvasRenderingContext2D} context @param {State} state @param {Item} item */
function drawHandles(context, state, item) {
  const half = state.touch ? 6 : 4
  const [, , width, height] = boxInView(state, item.box)
  for (const {at} of HANDLES) {
    // On a short side the handle in its middle would cover the corners.
    if ((at[0] === 0.5 && width < half * 7) || (at[1] === 0.5 && height < half * 7)) continue
    const [x, y] = viewFromImage(state.view, state.viewport, handlePoint(item.box, at))
    context.fillStyle = HAIRLINE
    context.fillRect(x - half - 1, y - half - 1, 2 * half + 2, 2 * half + 2)
    context.fillStyle = HANDLE_FILL
    context.fillRect(x - half, y - half, 2 * half, 2 * half)
    context.fillStyle = objectColour(item.colour)
    context.fillRect(x - half + 1.5, y - half + 1.5, 2 * half - 3, 2 * half - 3)
  }
}

/** Where the first hint points: the box that comes with a demo picture, and the first of two clicks. @param {CanvasRenderingContext2D} context @param {State} state */
function drawHint(context, state) {
  const demo = state.study?.source.demo
  const isFirst = !state.draft && !state.anchor && state.study?.work.items.length === 0
  if (demo && isFirst && state.tool === 'box') {
    const [x, y, width, height] = boxInView(state, demo.box)
    context.lineWidth = 1.5
    context.strokeStyle = HAIRLINE
    context.strokeRect(x, y, width, height)
    context.setLineDash([5, 5])
    context.strokeStyle = HINT
    context.strokeRect(x, y, width, height)
    context.setLineDash([])
  }
  if (state.anchor) {
    const [x, y] = viewFromImage(state.view, state.viewport, state.anchor)
    context.fillStyle = HAIRLINE
    context.fillRect(x - 5, y - 1.5, 10, 3)
    context.fillRect(x - 1.5, y - 5, 3, 10)
    context.fillStyle = HINT
    context.fillRect(x - 4, y - 0.5, 8, 1)
    context.fillRect(x - 0.5, y - 4, 1, 8)
  }
}

/** @param {CanvasRenderingContext2D} context @param {State} state @param {Slice} slice  in image space */
function drawGrid(context, state, slice) {
  const {view, viewport} = state
  const [halfX, halfY] = [viewport.width / 2 / view.zoom, viewport.height / 2 / view.zoom]
  const from = (/** @type {number} */ centre, /** @type {number} */ half) => Math.max(0, Math.floor(centre - half))
  const to = (/** @type {number} */ centre, /** @type {number} */ half, /** @type {number} */ end) => Math.min(end, Math.ceil(centre + half))
  const [x0, x1] = [from(view.centre[0], halfX), to(view.centre[0], halfX, slice.width)]
  const [y0, y1] = [from(view.centre[1], halfY), to(view.centre[1], halfY, slice.height)]
  context.beginPath()
  for (let x = x0; x <= x1; x++) {
    context.moveTo(x, y0)
    context.lineTo(x, y1)
  }
  for (let y = y0; y <= y1; y++) {
    context.moveTo(x0, y)
    context.lineTo(x1, y)
  }
  context.strokeStyle = 'rgba(128, 128, 128, 0.28)'
  context.lineWidth = 1 / view.zoom
  context.stroke()
}

/** @param {State} state @param {Box} box @returns {[number, number, number, number]} x, y, width, height */
function boxInView({view, viewport}, [x0, y0, x1, y1]) {
  const [x, y] = viewFromImage(view, viewport, /** @type {Point} */ ([x0, y0]))
  return [x, y, (x1 - x0) * view.zoom, (y1 - y0) * view.zoom]
}
