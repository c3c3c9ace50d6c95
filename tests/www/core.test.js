/**
 * The core as the worker calls it, in Node: what crosses the boundary, in both directions. Needs the modules of
 * `./build.sh wasm`.
 */

import assert from 'node:assert/strict'
import {existsSync, readFileSync} from 'node:fs'
import {test} from 'node:test'
import {gunzipSync} from 'node:zlib'

import {objectColour} from '../../www/palette.js'

/** @import {Core, CoreMask} from '../../www/types.js' */

const www = new URL('../../www/', import.meta.url)
/** @param {string} path */
const read = (path) => new Uint8Array(readFileSync(new URL(path, www)))
const skip = !existsSync(new URL('pkg/medbox_simd.wasm.gz', www)) && 'the wasm modules are not built'

/** @type {Promise<Core> | null} one for all tests, with the default model */
let starting = null
const started = () => (starting ??= start())
async function start() {
  // The address is built here so that the types come from types.js and not from a file that exists after a build only.
  /** @type {Core} */
  const core = await import(new URL('pkg/medbox.js', www).href)
  const module = new WebAssembly.Module(new Uint8Array(gunzipSync(read('pkg/medbox_simd.wasm.gz'))))
  await core.default({module_or_path: module})
  return core
}

/** A mask from rows of `#` and `.`, of the whole picture. @param {string[]} rows @returns {CoreMask} */
const drawn = (...rows) => ({
  region: [0, 0, rows[0]?.length ?? 0, rows.length],
  mask: Uint8Array.from(rows.join(''), (mark) => (mark === '#' ? 1 : 0)),
})

/** A black TIFF of 4 × 2 pixels as ImageJ writes it, with so many pixels a micrometre. @param {number} perMicron @returns {Uint8Array<ArrayBuffer>} */
function tiffOfImagej(perMicron) {
  const words = new TextEncoder().encode('ImageJ=1.54f\nunit=micron\n\0')
  const [SHORT, LONG, ASCII, RATIONAL] = [3, 4, 2, 5]
  const tags = [[256, SHORT, 1, 4], [257, SHORT, 1, 2], [258, SHORT, 1, 8], [259, SHORT, 1, 1], [262, SHORT, 1, 1], [270, ASCII, words.length, 32],
    [273, LONG, 1, 8], [279, LONG, 1, 8], [282, RATIONAL, 1, 16], [283, RATIONAL, 1, 16]]
  const start = 32 + words.length
  const view = new DataView(new ArrayBuffer(start + 2 + 12 * tags.length + 4))
  view.setUint32(0, 0x49492a00)
  view.setUint32(4, start, true)
  view.setUint32(16, perMicron, true)
  view.setUint32(20, 1, true)
  new Uint8Array(view.buffer).set(words, 32)
  view.setUint16(start, tags.length, true)
  tags.forEach(([tag = 0, kind = 0, n = 0, value = 0], i) => {
    const at = start + 2 + 12 * i
    view.setUint16(at, tag, true)
    view.setUint16(at + 2, kind, true)
    view.setUint32(at + 4, n, true)
    view.setUint32(at + 8, value, true)
  })
  return new Uint8Array(view.buffer)
}

test('large products take the kernel that fits the registers of the processor', {skip}, async () => {
  const core = await started()
  const expected = process.arch === 'x64' ? 'wasm_f32_32x1' : 'wasm_f32_8x8'
  assert.equal(core.matrixKernel(256, 256, 1024), expected)
  assert.equal(core.matrixKernel(64, 64, 2), expected)
  for (const [m, k, n] of [[256, 32, 1024], [48, 256, 1024]]) {
    assert.equal(core.matrixKernel(m, k, n), 'wasm_f32_8x8', `${m} × ${k} by ${n}`)
  }
  assert.equal(core.matrixKernel(256, 256, 1), 'wasm_f32_32x1', 'by a vector the choice is the engine\'s')
})

test('SiLU is computed by code of ours', {skip}, async () => {
  const core = await started()
  assert.equal(core.siluKernel(), 'medbox_silu')
})

test('a corrected mask comes back cut to its own region', {skip}, async () => {
  const core = await started()
  const ring = drawn('.....', '.###.', '.#.#.', '.###.')
  assert.deepEqual(core.refine(5, 4, ring, 'fill-holes'), {region: [1, 1, 3, 3], mask: new Uint8Array(9).fill(1), areaPx: 9})
  assert.deepEqual(core.refine(4, 1, drawn('#.##'), 'largest-part').region, [2, 0, 2, 1])
  assert.equal(core.refine(4, 3, drawn('....', '.#..', '####'), 'smooth').areaPx, 4)
  assert.throws(() => core.refine(5, 4, {...ring, region: [1, 0, 5, 4]}, 'smooth'), {
    name: 'TypeError',
    message: 'each object is {region, mask} inside the picture, with one byte a pixel',
  })
})

test('a comparison has null scores where both masks are empty', {skip}, async () => {
  const core = await started()
  const {dsc, missedPx, extraPx} = core.compare(4, 1, drawn('.###'), drawn('##..'))
  assert.deepEqual({dsc, missedPx, extraPx}, {dsc: 0.4, missedPx: 1, extraPx: 2})
  const nothing = {dsc: null, nsd: null, nsdContour: null, missedPx: 0, extraPx: 0}
  assert.deepEqual(core.compare(2, 1, drawn('..'), drawn('..')), nothing)
})

test('the label map and the boxes that the core writes are those that it reads', {skip}, async () => {
  const core = await started()
  const objects = [drawn('##..', '....'), drawn('...#', '...#')].map((mask) => ({...mask, box: /** @type {const} */ ([0, 0, 4, 2]), score: 1, areaPx: 2}))
  for (const file of [core.labelPng(4, 2, objects), core.npzSegs(4, 2, objects)]) {
    const found = core.readLabels(file, 4, 2).map(({id, region, areaPx}) => ({id, region, areaPx}))
    assert.deepEqual(found, [{id: 1, region: [0, 0, 2, 1], areaPx: 2}, {id: 2, region: [3, 0, 1, 2], areaPx: 2}])
    assert.throws(() => core.readLabels(file, 2, 4), {
      name: 'MedboxError',
      code: 'labels.other-size',
      message: 'the label map is 4 × 2 pixels, and the picture 2 × 4',
      hint: 'choose the label map that was made for this picture',
    })
  }
  assert.deepEqual(core.readBoxes(core.cocoJson(4, 2, undefined, objects), 4, 2, 'a.png').boxes, [[0, 0, 4, 2], [0, 0, 4, 2]])
  const images = ['a.png', 'b.png'].map((file_name, id) => ({id, file_name, width: 4, height: 2}))
  const ofTwo = new TextEncoder().encode(JSON.stringify({images, annotations: images.map(({id}) => ({image_id: id, bbox: [id, 0, 2, 2]}))}))
  assert.deepEqual(core.readBoxes(ofTwo, 4, 2, 'b.png').boxes, [[1, 0, 3, 2]], 'of the picture that is called so')
  const ofOne = new TextEncoder().encode(JSON.stringify({images: images.slice(0, 1), annotations: [{image_id: 0, bbox: [0, 0, 2, 2]}]}))
  assert.deepEqual(core.readBoxes(ofOne, 4, 2, 'c.png').takenFrom, 'a.png')
})

test('a name and a score are written where an object has them, and the file still gives its boxes', {skip}, async () => {
  const core = await started()
  const box = /** @type {const} */ ([0, 0, 4, 2])
  const objects = [{name: 'cyst', score: null}, {name: '', score: 0.5}].map((told) => ({...drawn('##..', '....'), box, colour: 7, ...told}))
  const file = core.cocoJson(4, 2, undefined, objects)
  const [byHand, unnamed] = JSON.parse(new TextDecoder().decode(file)).annotations
  assert.deepEqual([byHand.id, byHand.name, 'score' in byHand], [1, 'cyst', false])
  assert.deepEqual([unnamed.id, 'name' in unnamed, unnamed.score], [2, false, 0.5])
  assert.deepEqual(core.readBoxes(file, 4, 2, 'a.png').boxes, [box, box])
})

/** @param {Awaited<ReturnType<typeof started>>} core */
function loadFirstModel(core) {
  const [entry] = JSON.parse(new TextDecoder().decode(read('models/index.json')))
  const folder = `models/${entry.name}/`
  const manifest = new TextDecoder().decode(read(`${folder}manifest.json`))
  core.loadModel(manifest, read(`${folder}encoder.onnx`), read(`${folder}decoder.onnx`))
}

test('what one instance has seen of a picture is handed to another', {skip}, async () => {
  const core = await started()
  loadFirstModel(core)
  const {width, height} = core.open(read('demos/us-fetal-head.jpg'))
  const view = /** @type {const} */ ([0, 0, width, height])
  const ask = () => core.segment(new Float64Array([216, 113, 604, 422]), {mode: 'challenge', class: 'auto', view})
  assert.equal(ask().encodes, 1)
  const before = ask()
  assert.equal(before.encodes, 0)
  const kept = core.keptView(view)
  assert.ok(kept)
  core.open(read('demos/us-fetal-head.jpg'))
  core.adoptView(view, kept)
  const after = ask()
  assert.equal(after.encodes, 0, 'it looks no second time')
  assert.ok((after.objects[0]?.areaPx ?? 0) > 1000)
  assert.deepEqual(after.objects[0]?.mask, before.objects[0]?.mask)
})

test('the open picture is measured and shown in its stored units', {skip}, async () => {
  const core = await started()
  loadFirstModel(core)
  // A grey picture of 4 × 2: what the core writes as a label map is a picture too.
  const objects = [drawn('####', '####'), drawn('..##', '....')].map((mask) => ({...mask, box: /** @type {const} */ ([0, 0, 4, 2]), score: 1, areaPx: 2}))
  const {window, valueRange} = core.open(core.labelPng(4, 2, objects))
  assert.deepEqual({window, valueRange}, {window: null, valueRange: {min: 0, max: 255}})
  core.setWindow(1.5, 1)
  assert.deepEqual([...core.pixels()].filter((_, i) => i % 4 === 0), [0, 0, 255, 255, 0, 0, 0, 0])
  const [all, none] = core.measure([drawn('.##.', '....'), drawn('....', '....')])
  assert.equal(all?.longest?.px, Math.hypot(2, 1))
  assert.equal(all?.longest?.mm, null)
  const {areaPx, areaMm2, mean, sd, min, max} = /** @type {NonNullable<typeof all>} */ (all)
  assert.deepEqual({areaPx, areaMm2, mean, sd, min, max}, {areaPx: 2, areaMm2: null, mean: 1.5, sd: 0.5, min: 1, max: 2})
  assert.deepEqual(none, {areaPx: 0, areaMm2: null, longest: null, perpendicular: null, mean: null, sd: null, min: null, max: null})
  assert.throws(() => core.setWindow(40, 0), {code: 'window.empty'})
})

test('where a file says how large a pixel is, measures are in mm too', {skip}, async () => {
  const core = await started()
  loadFirstModel(core)
  assert.equal(core.open(core.labelPng(4, 2, [])).pixelMm, null)
  assert.deepEqual(core.open(tiffOfImagej(4)).pixelMm, {x: 2.5e-4, y: 2.5e-4})
  const [two] = core.measure([drawn('.##.', '....')])
  assert.equal(two?.areaMm2, 2 * 2.5e-4 ** 2)
  assert.ok(Math.abs((two?.longest?.mm ?? 0) - Math.hypot(2, 1) * 2.5e-4) < 1e-15)
})

test('masks on the picture have the page’s colours, or those of their places in the list where none is told', {skip}, async () => {
  const core = await started()
  loadFirstModel(core)
  const objects = [drawn('#...', '#...'), drawn('..##', '..##')].map((mask, i) => ({...mask, box: /** @type {const} */ ([2 * i, 0, 2 * i + 2, 2]), score: 1}))
  core.open(core.labelPng(4, 2, []))
  /** The colour of the last pixel, which is the second object's. @param {Parameters<Core['overlayPng']>} ask */
  const last = (...ask) => {
    const png = core.overlayPng(...ask)
    core.open(png)
    return `#${Buffer.from(core.pixels().slice(-4, -1)).toString('hex').toUpperCase()}`
  }
  assert.equal(last(objects.map((object, i) => ({...object, colour: i + 20}))), objectColour(21))
  assert.equal(last(objects), objectColour(1))
})
