/**
 * Stands in for the wasm module (`Core` in www/types.js) where a test is about the page: pictures are made up, masks are
 * ellipses, and everything answers at once. Pictures are files of JSON: `{"width", "height", "kind"}`.
 */

/** @import {Box, CoreObject, GreyWindow} from '../../../www/types.js' */

/** @typedef {{width: number, height: number, kind?: 'ct' | 'grey' | 'colour', encodeMs?: number, breakFrom?: number}} Recipe  ct: Hounsfield units; breakFrom: boxes from this column on break the module */

const CLASSES = ['ct', 'mr', 'pet', 'us', 'xray', 'dermoscopy', 'endoscopy', 'fundus', 'microscopy', 'oct', 'mammography']
const PROBABILITIES = CLASSES.map((_, i) => (i === 1 ? 0.8 : 0.02))
const FULL = {level: 127.5, width: 255}
/** @type {{recipe: Recipe, window: GreyWindow} | null} */
let picture = null
/** Views of it that were looked at, or handed over. @type {Set<string>} */
let seen = new Set()
const WHOLE = 'whole'

/** @param {string} code @param {string} message @returns {never} */
function refuse(code, message) {
  throw Object.assign(new Error(message), {code, hint: 'open another file'})
}
const open_ = () => picture ?? refuse('segment.nothing-open', 'no picture is open')

/** A body in air: discs of bone, soft tissue and lung. @param {Recipe} recipe @param {number} x @param {number} y */
function storedValue({width, height, kind = 'grey'}, x, y) {
  const [u, v] = [x / width - 0.5, y / height - 0.5]
  const within = (/** @type {number} */ cx, /** @type {number} */ cy, /** @type {number} */ r) => (u - cx) ** 2 + (v - cy) ** 2 < r * r
  const hounsfield = within(0, 0.25, 0.06) ? 700 : within(-0.2, -0.05, 0.12) || within(0.2, -0.05, 0.12) ? -800 : within(0, 0, 0.42) ? 40 + 60 * u : -1000
  return kind === 'ct' ? Math.round(hounsfield) : Math.round((hounsfield + 1000) / 8)
}

export default async () => ({memory: new WebAssembly.Memory({initial: 1})})

/** @param {string} manifest */
export function loadModel(manifest) {
  const {name, title, licence, intended_use: intendedUse, bytes, takes_class: takesClass} = JSON.parse(manifest)
  return {name, title, licence, intendedUse, attribution: '', bytes, classes: takesClass ? CLASSES : null, takesClass}
}

/** @param {Uint8Array} bytes */
export function open(bytes) {
  /** @type {Recipe} */
  let recipe
  try {
    recipe = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    refuse('open.unknown-format', 'the file is none of the formats that medbox reads')
  }
  const {width, height, kind = 'grey'} = recipe
  const isCt = kind === 'ct'
  seen = new Set()
  picture = {recipe, window: isCt ? {level: -150, width: 1700} : FULL}
  const range = isCt ? {min: -1000, max: 700} : {min: 0, max: 255}
  return {width, height, format: 'stand-in', bits: isCt ? 16 : 8, window: isCt ? picture.window : null, valueRange: range, pixelMm: null}
}

/** @param {number} level @param {number} width */
export function setWindow(level, width) {
  open_().window = {level, width}
  seen = new Set()
}

export function pixels() {
  const {recipe, window} = open_()
  const {width, height, kind} = recipe
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255)
  const [low, scale] = [window.level - window.width / 2, 255 / window.width]
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const grey = (storedValue(recipe, x, y) - low) * scale
      rgba[at] = grey
      rgba[at + 1] = kind === 'colour' ? grey / 2 : grey
      rgba[at + 2] = kind === 'colour' ? 40 : grey
    }
  }
  return rgba
}

/** Takes its time, as a network does. */
function look() {
  const {recipe: {encodeMs = 0}} = open_()
  const until = performance.now() + encodeMs
  while (performance.now() < until);
  return encodeMs
}

export function encode() {
  const ms = look() || 1
  seen.add(WHOLE)
  return {probabilities: PROBABILITIES, ms}
}

/** @returns {import('../../../www/protocol.js').KeptView} */
export const keptView = () => ({probabilities: PROBABILITIES, features: []})
export const adoptView = () => void seen.add(WHOLE)

/**
 * Boxes under a sixteenth of the picture are looked at closer, each through a tile of its own.
 * @param {number} width @param {number} height @param {Float64Array} sides @returns {import('../../../www/protocol.js').Part[]}
 */
export function plan(width, height, sides) {
  const boxes = Array.from({length: sides.length / 4}, (_, i) => /** @type {[number, number, number, number]} */ ([...sides.slice(4 * i, 4 * i + 4)]))
  const isSmall = (/** @type {[number, number, number, number]} */ [x0, y0, x1, y1]) => Math.max(x1 - x0, y1 - y0) < Math.max(width, height) / 16
  const whole = boxes.flatMap((box, i) => (isSmall(box) ? [] : [i]))
  const tiles = boxes.flatMap((box, i) => (isSmall(box) ? [{view: /** @type {const} */ ([Math.round(box[0]), Math.round(box[1]), 2, 2]), boxes: [i]}] : []))
  return [...(whole.length > 0 ? [{view: /** @type {const} */ ([0, 0, width, height]), boxes: whole}] : []), ...tiles]
}

/** The one measure that stands in the picture itself. @param {readonly {region: readonly number[]}[]} masks */
export const measure = (masks) =>
  masks.map(({region: [x = 0, y = 0]}) => {
    const value = storedValue(open_().recipe, x, y)
    return {areaPx: 1, areaMm2: null, longest: null, perpendicular: null, mean: value, sd: 0, min: value, max: value}
  })

/** An ellipse in each box: the further down the list a class stands, the smaller. @param {Float64Array} sides @param {{class: string, view: readonly number[]}} options */
export function segment(sides, options) {
  const {recipe} = open_()
  if ((sides[0] ?? 0) >= (recipe.breakFrom ?? Infinity)) throw new WebAssembly.RuntimeError('broken by a test')
  const isTile = options.view.join() !== [0, 0, recipe.width, recipe.height].join()
  const key = isTile ? options.view.join() : WHOLE
  const encodes = seen.has(key) ? 0 : 1
  if (encodes) look()
  seen.add(key)
  const shrink = 1 - 0.04 * Math.max(0, CLASSES.indexOf(options.class))
  /** @type {CoreObject[]} */
  const objects = []
  for (let i = 0; i < sides.length; i += 4) {
    const [x0, y0, x1, y1] = /** @type {[number, number, number, number]} */ ([...sides.slice(i, i + 4)].map(Math.round))
    const [width, height] = [x1 - x0, y1 - y0]
    const mask = new Uint8Array(width * height)
    let areaPx = 0
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [u, v] = [(2 * x + 1) / width - 1, (2 * y + 1) / height - 1]
        if (u * u + v * v > shrink * shrink) continue
        mask[y * width + x] = 1
        areaPx++
      }
    }
    objects.push({box: /** @type {Box} */ ([x0, y0, x1, y1]), score: 0.9 * shrink, areaPx, region: [x0, y0, width, height], mask})
  }
  return {objects, probabilities: null, encodes, tiles: isTile ? 1 : 0}
}

/** @typedef {{region: readonly [number, number, number, number], mask: Uint8Array}} Pixels */
/** Scores but the surface ones. @param {number} width @param {number} height @param {Pixels} object @param {Pixels} reference */
export function compare(width, height, object, reference) {
  const [a, b] = [object, reference].map(({region: [x, y, w, h], mask}) => {
    const all = new Uint8Array(width * height)
    for (let row = 0; row < h; row++) all.set(mask.subarray(row * w, (row + 1) * w), (y + row) * width + x)
    return all
  })
  if (!a || !b) throw new Error('two masks are compared')
  let [shared, missedPx, extraPx] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    if (a[i] && b[i]) shared++
    else if (b[i]) missedPx++
    else if (a[i]) extraPx++
  }
  const total = 2 * shared + missedPx + extraPx
  return {dsc: total === 0 ? null : (2 * shared) / total, nsd: null, nsdContour: null, missedPx, extraPx}
}
