/** Draws the diameters of the selected object. */

/** @import {Segment, State} from './types.js' */

import {viewFromImage} from './geometry.js'
import {measuresOf} from './measure.js'
import {shownItems} from './work.js'

const LINE = '#FFFFFF'
const HAIRLINE = 'rgba(0, 0, 0, 0.7)' // around each line, so that it reads on white and on black
/** Half of the stroke across each end, CSS pixels. */
const END_PX = 4

/** @param {CanvasRenderingContext2D} context in view space @param {State} state */
export function drawDiameters(context, state) {
  if (state.draft) return
  const item = shownItems(state).find(({id}) => id === state.selected[0])
  const measures = item?.visible ? measuresOf(state, item) : null
  const segments = [measures?.longest, measures?.perpendicular].filter((segment) => segment != null)
  const path = new Path2D()
  for (const segment of segments) addSegment(path, state, segment)
  context.lineCap = 'round'
  context.setLineDash([])
  context.strokeStyle = HAIRLINE
  context.lineWidth = 3.5
  context.stroke(path)
  context.strokeStyle = LINE
  context.lineWidth = 1.5
  context.stroke(path)
}

/** A line with a short stroke across each end. @param {Path2D} path @param {State} state @param {Segment} segment */
function addSegment(path, {view, viewport}, {from, to}) {
  const [ax, ay] = viewFromImage(view, viewport, from)
  const [bx, by] = viewFromImage(view, viewport, to)
  const length = Math.hypot(bx - ax, by - ay)
  if (length === 0) return
  const [acrossX, acrossY] = [(-(by - ay) / length) * END_PX, ((bx - ax) / length) * END_PX]
  path.moveTo(ax, ay)
  path.lineTo(bx, by)
  for (const [x, y] of /** @type {const} */ ([[ax, ay], [bx, by]])) {
    path.moveTo(x - acrossX, y - acrossY)
    path.lineTo(x + acrossX, y + acrossY)
  }
}
