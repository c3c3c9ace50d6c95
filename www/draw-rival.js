/** Draws what a second class would make of the selected object: over the picture, and the two side by side in the panel. */

/** @import {State, View} from './types.js' */

import {outline} from './outline.js'
import {objectColour} from './palette.js'
import {drawPicture} from './picture.js'
import {rivalShown} from './rival.js'
import {currentSlice} from './work.js'

/** The other class has white and dashes: it is told from every object's colour, by colour-blind eyes too. */
const OTHER = '#FFFFFF'
const HAIRLINE = 'rgba(0, 0, 0, 0.6)'
const GROUND = '#0B0B0C'
/** How much of what surrounds the box is shown beside it, as a share of its longer side. */
const MARGIN = 0.2

/**
 * Both outlines; what only one of the two classes takes in is filled.
 * @param {CanvasRenderingContext2D} context in image space @param {State} state
 */
export function drawRival(context, state) {
  const shown = rivalShown(state)
  if (!shown) return
  const {zoom} = state.view
  const [mine, others] = [outline(shown.item.mask, zoom), outline(shown.mask, zoom)]
  const colour = objectColour(shown.item.colour)
  const both = new Path2D(mine)
  both.addPath(others)
  fillWithin(context, mine, both, colour, 0.6)
  fillWithin(context, others, both, OTHER, 0.45)
  stroke(context, mine, colour, zoom)
  stroke(context, others, OTHER, zoom, [5, 4])
}

/** Filled by even and odd, two masks in one path leave out what they share. @param {CanvasRenderingContext2D} context @param {Path2D} inside @param {Path2D} both @param {string} colour @param {number} alpha */
function fillWithin(context, inside, both, colour, alpha) {
  context.save()
  context.clip(inside, 'evenodd')
  context.globalAlpha = alpha
  context.fillStyle = colour
  context.fill(both, 'evenodd')
  context.restore()
}

/** @param {CanvasRenderingContext2D} context @param {Path2D} path @param {string} colour @param {number} zoom @param {number[]} [dash] CSS pixels */
function stroke(context, path, colour, zoom, dash = []) {
  context.lineJoin = 'round'
  context.strokeStyle = HAIRLINE
  context.lineWidth = 3 / zoom
  context.stroke(path)
  context.setLineDash(dash.map((length) => length / zoom))
  context.strokeStyle = colour
  context.lineWidth = 1.5 / zoom
  context.stroke(path)
  context.setLineDash([])
}

/** What the two small pictures were drawn from. @type {WeakMap<HTMLCanvasElement, readonly unknown[]>} */
const drawn = new WeakMap()

/**
 * The object as each of the two classes has it.
 * @param {readonly [HTMLCanvasElement, HTMLCanvasElement]} canvases @param {State} state @param {number} pixelRatio
 */
export function drawPair(canvases, state, pixelRatio) {
  const shown = rivalShown(state)
  if (!shown || !state.study) return
  const slice = currentSlice(state.study)
  const {item, mask} = shown
  const looks = [slice.picture, state.invert, state.smooth, state.opacity, state.windowDraft, state.study.work.window, pixelRatio]
  const sides = /** @type {const} */ ([[canvases[0], item.mask, objectColour(item.colour), []], [canvases[1], mask, OTHER, [5, 4]]])
  for (const [canvas, made, colour, dash] of sides) {
    const {clientWidth: width, clientHeight: height} = canvas
    const inputs = [...looks, made, width, height]
    const before = drawn.get(canvas)
    if (width === 0 || (before && inputs.every((input, i) => input === before[i]))) continue
    drawn.set(canvas, inputs)
    canvas.width = Math.round(width * pixelRatio)
    canvas.height = Math.round(height * pixelRatio)
    const context = canvas.getContext('2d', {alpha: false})
    if (!context) continue
    const near = {...state, viewport: {width, height}, view: viewOf(item.box, {width, height}), layers: /** @type {const} */ ('both')}
    const {zoom, centre} = near.view
    context.fillStyle = GROUND
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.setTransform(zoom * pixelRatio, 0, 0, zoom * pixelRatio, (width / 2 - centre[0] * zoom) * pixelRatio, (height / 2 - centre[1] * zoom) * pixelRatio)
    drawPicture(context, near, slice, pixelRatio)
    const path = outline(made, zoom)
    context.globalAlpha = state.opacity
    context.fillStyle = colour
    context.fill(path, 'evenodd')
    context.globalAlpha = 1
    stroke(context, path, colour, zoom, [...dash])
  }
}

/** @param {readonly [number, number, number, number]} box @param {{width: number, height: number}} viewport @returns {View} */
function viewOf([x0, y0, x1, y1], {width, height}) {
  const margin = 2 * MARGIN * Math.max(x1 - x0, y1 - y0)
  const zoom = Math.min(width / (x1 - x0 + margin), height / (y1 - y0 + margin))
  return {fit: false, zoom, centre: [(x0 + x1) / 2, (y0 + y1) / 2]}
}
