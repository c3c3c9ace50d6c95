/**
 * Draws what is under the hand while a mask is corrected: the mask that a brush is changing, the line of a lasso, the
 * ring of the brush.
 *
 * The mask under a brush is kept as pixels of the viewer, and only those near the newest piece of the line are worked
 * out again. What a frame costs depends on the brush and the window, not on the size of the picture.
 */

/** @import {Extent, Item, Point, Slice, State, Stroke} from './types.js' */
/** @import {Raster, Region} from './raster.js' */

import {brushSize} from './correct.js'
import {viewFromImage} from './geometry.js'
import {objectColour} from './palette.js'
import {brushCentre, eachPiece, EMPTY, fillCapsule, recut, regionWithin, unionOf} from './raster.js'
import {currentSlice} from './work.js'

const LINE = '#FFFFFF'
const SHADE = 'rgba(0, 0, 0, 0.6)' // beside each line, so that it reads on white and on black
const SHADE_ALPHA = 153
/** The region under a brush grows by this much more than it must, image pixels. */
const ROOM_PX = 256
/** A ring under this radius on the screen says less than a cross does, CSS pixels. */
const RING_MIN = 3

/**
 * A mask under a brush. `done`: points of the stroke that are in its bytes; `shown`: what its layer was made for.
 * @typedef {{raster: Raster, done: number, layer: HTMLCanvasElement, shown: Look | null}} Live
 * @typedef {{view: State['view'], viewport: Extent, pixelRatio: number, style: State['maskStyle'], alpha: number}} Look
 */

/** Beside the object's copy that was made for the stroke, so that it goes when the stroke does. @type {WeakMap<Item, Live>} */
const lives = new WeakMap()

/** Whether an object's mask is drawn here, as it is under a brush. @param {State} state @param {Item} item */
export const isUnderBrush = ({stroke}, item) => stroke?.shape === 'brush' && !stroke.isNew && stroke.id === item.id

/** @param {CanvasRenderingContext2D} context @param {State} state @param {number} pixelRatio @param {number} alpha  of filled masks */
export function drawStroke(context, state, pixelRatio, alpha) {
  const {study, stroke} = state
  if (!study || !stroke) return
  if (stroke.shape === 'lasso') drawLasso(context, state, stroke, pixelRatio)
  else drawLive(context, stroke, currentSlice(study), {view: state.view, viewport: state.viewport, pixelRatio, style: state.maskStyle, alpha})
}

/** @param {CanvasRenderingContext2D} context @param {Stroke} stroke @param {Slice} slice @param {Look} look */
function drawLive(context, stroke, slice, look) {
  const {width, height} = context.canvas
  let live = lives.get(stroke.from)
  if (!live) {
    const {region, bytes} = stroke.from.mask ?? EMPTY
    lives.set(stroke.from, (live = {raster: {region, bytes: bytes.slice()}, done: 0, layer: document.createElement('canvas'), shown: null}))
  }
  const {layer} = live
  const paper = layer.getContext('2d', {willReadFrequently: true})
  if (!paper) return
  const fresh = advance(live, stroke, slice)
  if (layer.width !== width || layer.height !== height || !sameLook(live.shown, look)) {
    layer.width = width // Which clears it, too.
    layer.height = height
    live.shown = look
    paintPixels(paper, live.raster, live.raster.region, look, objectColour(stroke.from.colour))
  } else paintPixels(paper, live.raster, fresh, look, objectColour(stroke.from.colour))
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.drawImage(layer, 0, 0)
}

/** @param {Look | null} a @param {Look} b */
const sameLook = (a, b) =>
  a !== null && a.viewport === b.viewport && a.pixelRatio === b.pixelRatio && a.style === b.style && a.alpha === b.alpha &&
  // The view is made anew for each frame.
  a.view.zoom === b.view.zoom && a.view.centre[0] === b.view.centre[0] && a.view.centre[1] === b.view.centre[1]

/** Takes the stroke's new points into the bytes. @param {Live} live @param {Stroke} stroke @param {Slice} slice @returns {Region} where something may have changed */
function advance(live, stroke, slice) {
  const {radiusPx, verb} = stroke
  let changed = EMPTY.region
  eachPiece(stroke, live.done, (ax, ay, bx, by) => {
    const reach = radiusPx + 1
    const around = (/** @type {number} */ more) =>
      regionWithin(Math.min(ax, bx) - reach - more, Math.min(ay, by) - reach - more, Math.max(ax, bx) + reach + more, Math.max(ay, by) + reach + more, slice)
    const touched = around(0)
    const grown = unionOf(live.raster.region, touched)
    if (verb === 'add' && grown.some((side, i) => side !== live.raster.region[i])) {
      live.raster = recut(live.raster, unionOf(live.raster.region, around(ROOM_PX)))
    }
    fillCapsule(live.raster, ax, ay, bx, by, radiusPx, verb === 'add' ? 1 : 0)
    changed = unionOf(changed, touched)
  })
  live.done = stroke.points.length / 2
  return changed
}

/**
 * Paints the part of a mask that lies in a region, each pixel of the viewer as the image pixel under it: filled, with an
 * edge and a shade outside of it, as finished masks look.
 * @param {CanvasRenderingContext2D} paper @param {Raster} raster @param {Region} region @param {Look} look @param {string} colour #RRGGBB
 */
function paintPixels(paper, {region: [left, top, width, height], bytes}, region, {view, viewport, pixelRatio, style, alpha}, colour) {
  const scale = view.zoom * pixelRatio
  const [originX, originY] = viewFromImage(view, viewport, [0, 0]).map((side) => side * pixelRatio)
  const edge = Math.max(1, Math.round(1.5 * pixelRatio))
  const x0 = Math.max(0, Math.floor(/** @type {number} */ (originX) + region[0] * scale) - edge)
  const y0 = Math.max(0, Math.floor(/** @type {number} */ (originY) + region[1] * scale) - edge)
  const x1 = Math.min(paper.canvas.width, Math.ceil(/** @type {number} */ (originX) + (region[0] + region[2]) * scale) + edge)
  const y1 = Math.min(paper.canvas.height, Math.ceil(/** @type {number} */ (originY) + (region[1] + region[3]) * scale) + edge)
  if (region[2] === 0 || x1 <= x0 || y1 <= y0) return
  // One more edge all round, for the neighbours of the outermost pixels.
  const [across, down] = [x1 - x0 + 2 * edge, y1 - y0 + 2 * edge]
  const columns = Int32Array.from({length: across}, (_, i) => indexWithin((x0 + i - edge + 0.5 - /** @type {number} */ (originX)) / scale, left, width))
  const inside = new Uint8Array(across * down)
  for (let y = 0; y < down; y++) {
    const row = indexWithin((y0 + y - edge + 0.5 - /** @type {number} */ (originY)) / scale, top, height)
    if (row < 0) continue
    for (let x = 0; x < across; x++) {
      const column = /** @type {number} */ (columns[x])
      if (column >= 0) inside[y * across + x] = /** @type {number} */ (bytes[row * width + column])
    }
  }
  const image = paper.createImageData(x1 - x0, y1 - y0)
  const pixels = new Uint32Array(image.data.buffer)
  const [line, fill, shade] = [pixelOf(colour, 255), pixelOf(colour, style === 'fill' ? Math.round(alpha * 255) : 0), pixelOf('#000000', SHADE_ALPHA)]
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      const at = (y + edge) * across + x + edge
      const [far, near] = [edge * across, across]
      if (inside[at] === 1) {
        const isEdge = (inside[at - edge] & inside[at + edge] & inside[at - far] & inside[at + far]) === 0
        pixels[y * image.width + x] = isEdge ? line : fill
      } else if ((inside[at - 1] | inside[at + 1] | inside[at - near] | inside[at + near]) === 1) {
        pixels[y * image.width + x] = shade
      }
    }
  }
  paper.putImageData(image, x0, y0)
}

/** @param {number} at image space @param {number} start @param {number} length @returns {number} −1 where it is outside */
function indexWithin(at, start, length) {
  const index = Math.floor(at) - start
  return index >= 0 && index < length ? index : -1
}

/** As the bytes of ImageData are read by 32 bits. @param {string} colour #RRGGBB @param {number} alpha 0 to 255 */
function pixelOf(colour, alpha) {
  const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
  return new Uint32Array(Uint8Array.from([...rgb, alpha]).buffer)[0] ?? 0
}

/** @param {CanvasRenderingContext2D} context @param {State} state @param {Stroke} stroke @param {number} pixelRatio */
function drawLasso(context, {view, viewport}, {points, verb, from}, pixelRatio) {
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0)
  context.beginPath()
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = viewFromImage(view, viewport, /** @type {Point} */ ([points[i], points[i + 1]]))
    context.lineTo(x, y)
  }
  const colour = objectColour(from.colour)
  context.globalAlpha = 0.3
  context.fillStyle = verb === 'add' ? colour : '#000000'
  context.fill('nonzero')
  context.globalAlpha = 1
  context.lineJoin = 'round'
  context.strokeStyle = SHADE
  context.lineWidth = 3
  context.stroke()
  context.strokeStyle = verb === 'add' ? colour : LINE
  context.lineWidth = 1.5
  if (verb === 'subtract') context.setLineDash([5, 4])
  context.stroke()
  context.setLineDash([])
}

/** Where the brush hangs, and how large it is. In view space. @param {CanvasRenderingContext2D} context @param {State} state */
export function drawBrush(context, state) {
  const {tool, brushAt, view, viewport} = state
  if (!brushAt || !(tool === 'brush' || tool === 'eraser' || tool === 'lasso')) return
  const radiusPx = state.stroke?.radiusPx ?? brushSize(state) / 2
  const [x, y] = viewFromImage(view, viewport, tool === 'lasso' ? brushAt : brushCentre(brushAt, radiusPx))
  const radius = radiusPx * view.zoom
  context.beginPath()
  if (tool !== 'lasso' && radius >= RING_MIN) context.arc(x, y, radius, 0, 2 * Math.PI)
  else for (const [dx, dy] of /** @type {const} */ ([[1, 0], [0, 1], [-1, 0], [0, -1]])) {
    context.moveTo(x + 3 * dx, y + 3 * dy)
    context.lineTo(x + 8 * dx, y + 8 * dy)
  }
  context.strokeStyle = SHADE
  context.lineWidth = 3
  context.stroke()
  context.strokeStyle = LINE
  context.lineWidth = 1.25
  if (tool === 'eraser') context.setLineDash([4, 3])
  context.stroke()
  context.setLineDash([])
}
