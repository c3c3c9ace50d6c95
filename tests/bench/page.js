/** The browser's half of `./build.sh bench`: the page's module and onnxruntime-web on the same networks, by turns. */

import * as ort from '../../node_modules/onnxruntime-web/dist/ort.wasm.min.mjs'
import {sha256} from '../../www/sha256.js'

/** @import {Core} from '../../www/types.js' */

/**
 * @typedef {object} Job
 * @property {string} model address of the folder with manifest.json and both networks
 * @property {string} picture address of a picture
 * @property {number[]} box in pixels of the picture scaled to the networks' input
 * @property {number} nBoxes of the decoder's second measurement
 * @property {number} runs of which the median is taken
 */
/** @typedef {{encode: number, decode1: number, decodeN: number}} Times milliseconds */
/**
 * @typedef {{engine: string, loadMs: number | null, times: Times, agreement: number}} Row  loadMs: from the files' bytes to a
 *   model that is ready, as the page does it, the first time; agreement: share of pixels equal to onnxruntime's mask
 */
/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {number | null} loadMs
 * @property {() => Promise<number>} encode milliseconds of the network alone
 * @property {(boxes: number[][]) => Promise<{ms: number, mask: Uint8Array}>} decode mask of the first box, S×S
 */

/** @param {string} address */
const fetchBytes = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer())

/** @param {Job} job @returns {Promise<Row[]>} */
export async function measure(job) {
  const manifest = await (await fetch(`${job.model}/manifest.json`)).text()
  const {input, encoder, decoder} = JSON.parse(manifest)
  const files = [manifest, await fetchBytes(`${job.model}/${encoder.file}`), await fetchBytes(`${job.model}/${decoder.file}`)]
  const pixels = await squarePixels(job.picture, input.side)
  const engines = [
    await onnxruntime(files, pixels),
    await medbox('simd', files, pixels),
    await medbox('relaxed', files, pixels),
  ]
  // Boxes that differ, so that nothing can be kept from one to the next.
  const boxes = Array.from({length: job.nBoxes}, (_, index) => job.box.map((side, axis) => (axis < 2 ? side + index : side)))

  /** @type {Map<Engine, {encode: number[], decode1: number[], decodeN: number[], mask: Uint8Array}>} */
  const taken = new Map(engines.map((engine) => [engine, {encode: [], decode1: [], decodeN: [], mask: new Uint8Array()}]))
  for (let run = -1; run < job.runs; run++) {
    for (const [engine, times] of taken) {
      const encode = await engine.encode()
      const {ms: decode1, mask} = await engine.decode(boxes.slice(0, 1))
      const {ms: decodeN} = await engine.decode(boxes)
      times.mask = mask
      if (run < 0) continue // The first round warms up: the browser compiles hot code better while it runs.
      times.encode.push(encode)
      times.decode1.push(decode1)
      times.decodeN.push(decodeN)
    }
  }
  const expected = /** @type {{mask: Uint8Array}} */ ([...taken.values()][0]).mask
  return [...taken].map(([engine, {encode, decode1, decodeN, mask}]) => ({
    engine: engine.name,
    loadMs: engine.loadMs,
    times: {encode: median(encode), decode1: median(decode1), decodeN: median(decodeN)},
    agreement: mask.reduce((sum, bit, index) => sum + Number(bit === expected[index]), 0) / mask.length,
  }))
}

/** @param {string} build @param {any[]} files @param {ImageData} pixels @returns {Promise<Engine>} */
async function medbox(build, [manifest, encoder, decoder], pixels) {
  // The query makes a second instance of the glue, which holds one module.
  /** @type {Core} */
  const core = await import(`../../www/pkg/medbox.js?${build}`)
  const {body} = await fetch(`../../www/pkg/medbox_${build}.wasm.gz`)
  if (!body) throw new Error('the module is empty')
  const unpacked = new Response(body.pipeThrough(new DecompressionStream('gzip')))
  await core.default({module_or_path: await WebAssembly.compile(await unpacked.arrayBuffer())})
  const started = performance.now()
  core.loadModel(manifest, encoder, decoder, {encoder: await sha256(encoder), decoder: await sha256(decoder)})
  const loadMs = performance.now() - started
  const segment = (/** @type {number[][]} */ boxes) => core.segment(new Float64Array(boxes.flat()), {mode: 'challenge'})
  const side = pixels.width
  return {
    name: `medbox, ${build}, ${core.matrixKernel(256, 256, 1024).replace('wasm_f32_', '')}`,
    loadMs,
    async encode() {
      core.open(pixels)
      return segment([[0, 0, side, side]]).ms.encode
    },
    async decode(boxes) {
      const {objects, ms} = segment(boxes)
      const mask = new Uint8Array(side * side)
      const first = objects[0]
      if (first) {
        const [x, y, width, height] = first.region
        for (let row = 0; row < height; row++) {
          mask.set(first.mask.subarray(row * width, (row + 1) * width), (y + row) * side + x)
        }
      }
      return {ms: ms.decode, mask}
    },
  }
}

/** @param {any[]} files @param {ImageData} pixels @returns {Promise<Engine>} */
async function onnxruntime([text, encoderBytes, decoderBytes], pixels) {
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmPaths = new URL('../../node_modules/onnxruntime-web/dist/', import.meta.url).href
  const manifest = JSON.parse(text)
  const [encoder, decoder] = [await ort.InferenceSession.create(encoderBytes), await ort.InferenceSession.create(decoderBytes)]
  const side = pixels.width
  const image = new ort.Tensor('float32', minMax(pixels), [1, 3, side, side])
  /** @type {Record<string, any>} */
  let features = {}
  return {
    name: `onnxruntime-web ${ort.env.versions.web}`,
    loadMs: null, // It fetches its module meanwhile.
    async encode() {
      const started = performance.now()
      features = await encoder.run({[manifest.encoder.input]: image})
      return performance.now() - started
    },
    async decode(boxes) {
      /** @type {Record<string, any>} */
      const inputs = {[manifest.decoder.boxes]: new ort.Tensor('float32', Float32Array.from(boxes.flat()), [boxes.length, 4])}
      for (const {name} of manifest.encoder.features) inputs[name] = features[name]
      if (manifest.decoder.class_weights) {
        const n = manifest.classes.length
        inputs[manifest.decoder.class_weights] = new ort.Tensor('float32', classWeights(features, manifest, boxes.length), [boxes.length, n])
      }
      const started = performance.now()
      const outputs = await decoder.run(inputs)
      const ms = performance.now() - started
      const logits = /** @type {Float32Array} */ (outputs[manifest.decoder.logits]?.data)
      return {ms, mask: Uint8Array.from(logits.subarray(0, side * side), (logit) => Number(logit > 0))}
    },
  }
}

/** The predicted class's softmax for every box, as the core hands it to the decoder. @param {Record<string, any>} features @param {any} manifest @param {number} n */
function classWeights(features, manifest, n) {
  const logits = /** @type {Float32Array} */ (features[manifest.encoder.class_logits].data)
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)))
  const sum = powers.reduce((a, b) => a + b)
  return Float32Array.from({length: n * logits.length}, (_, index) => (powers[index % logits.length] ?? 0) / sum)
}

/** The picture as the networks take it without any letterbox. @param {string} address @param {number} side */
async function squarePixels(address, side) {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob())
  const context = new OffscreenCanvas(side, side).getContext('2d')
  if (!context) throw new Error('the browser has no canvas')
  context.drawImage(bitmap, 0, 0, side, side)
  return context.getImageData(0, 0, side, side)
}

/** Channels first, 0 to 1. @param {ImageData} pixels */
function minMax({data, width, height}) {
  const colours = data.filter((_, index) => index % 4 < 3)
  const [least, greatest] = colours.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [255, 0])
  const area = width * height
  return Float32Array.from({length: 3 * area}, (_, index) => {
    const [channel, pixel] = [Math.floor(index / area), index % area]
    return ((colours[3 * pixel + channel] ?? 0) - least) / Math.max(greatest - least, 1e-8)
  })
}

/** @param {number[]} numbers */
const median = (numbers) => /** @type {number} */ ([...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)])

Object.assign(globalThis, {measure})
