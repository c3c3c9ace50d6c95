/** The worker's end: one wasm instance with one model and one open picture. Answers requests in order. */

/** @import {Request, Reply, Calls, Call, KeptView, MaskPixels} from './protocol.js' */
/** @import {Core, CoreMask, Extent} from './types.js' */

import {failureFrom} from './protocol.js'
import {sha256} from './sha256.js'

/** @type {Core} set by `start`, which is always the first request */
let core
/** @type {WebAssembly.Memory | null} */
let memory = null

/** @type {Extent} of the open picture */
let size

/** The core calls a mask's bytes `mask`. @param {MaskPixels} pixels @returns {CoreMask} */
const toCore = ({region, bytes}) => ({region, mask: bytes})

const bytesHeld = () => memory?.buffer.byteLength ?? 0

/** @type {{[K in Call]: (ask: Calls[K]['ask']) => Promise<Calls[K]['answer']> | Calls[K]['answer']}} */
const answers = {
  async start({module}) {
    // The address is built here so that the types come from types.js and not from a file that exists after a build only.
    core = await import(new URL('pkg/medbox.js', import.meta.url).href)
    memory = (await core.default({module_or_path: module})).memory
    return null
  },
  async load({manifest, encoder, decoder}) {
    // Outside a secure context the browser computes no sums; then the core does.
    const sums = isSecureContext ? {encoder: await sha256(encoder), decoder: await sha256(decoder)} : undefined
    return core.loadModel(manifest, new Uint8Array(encoder), new Uint8Array(decoder), sums)
  },
  open({bytes, pixels}) {
    const opened = core.open(new Uint8Array(bytes))
    size = opened
    return {...opened, pixels: pixels ? core.pixels() : null}
  },
  setWindow({level, width, pixels}) {
    core.setWindow(level, width)
    return {pixels: pixels ? core.pixels() : null}
  },
  encode() {
    const {probabilities, ms} = core.encode()
    const kept = core.keptView([0, 0, size.width, size.height])
    if (!kept) throw new Error('the core has not kept what it encoded last')
    return {probabilities, ms, kept}
  },
  adopt({view, kept}) {
    core.adoptView(view, kept)
    return null
  },
  plan: ({size: {width, height}, boxes, mode, known}) => core.plan(width, height, new Float64Array(boxes.flat()), mode, known),
  segment({boxes, mode, classChoice, view, probabilities}) {
    const started = performance.now()
    const options = probabilities ? {mode, class: classChoice, view, probabilities} : {mode, class: classChoice, view}
    const {objects, encodes, tiles} = core.segment(new Float64Array(boxes.flat()), options)
    const masks = objects.map(({region, mask, areaPx, score}) => ({region, bytes: mask, areaPx, score}))
    return {masks, run: {ms: performance.now() - started, encodes, tiles}}
  },
  export({what, fileName, size: {width, height}, objects}) {
    const make = {
      label: () => core.labelPng(width, height, objects),
      coco: () => core.cocoJson(width, height, fileName, objects),
      npz: () => core.npzSegs(width, height, objects),
    }
    return {bytes: make[what]()}
  },
  overlay: ({objects}) => ({bytes: core.overlayPng(objects)}),
  refine({size: {width, height}, mask, how}) {
    const {region, mask: bytes, areaPx} = core.refine(width, height, toCore(mask), how)
    return {region, bytes, areaPx}
  },
  measure: ({masks}) => core.measure(masks.map(toCore)),
  compare: ({size: {width, height}, mask, reference}) => core.compare(width, height, toCore(mask), toCore(reference)),
  readLabels({bytes, size: {width, height}}) {
    const objects = core.readLabels(new Uint8Array(bytes), width, height)
    return {masks: objects.map(({id, region, mask, areaPx}) => ({id, region, bytes: mask, areaPx}))}
  },
  readBoxes: ({bytes, size: {width, height}, name}) => core.readBoxes(new Uint8Array(bytes), width, height, name),
}

/** What of an answer is handed over rather than copied. @param {unknown} answer @returns {Transferable[]} */
function transferred(answer) {
  const {pixels, bytes, masks = [], kept} = /** @type {{pixels?: Uint8ClampedArray<ArrayBuffer> | null, bytes?: Uint8Array<ArrayBuffer>, masks?: {bytes: Uint8Array<ArrayBuffer>}[], kept?: KeptView}} */ (answer ?? {})
  const features = kept?.features.map(({values}) => values) ?? []
  // A model's `bytes` are a number.
  return [pixels, bytes, ...masks.map((mask) => mask.bytes), ...features].flatMap((array) => (ArrayBuffer.isView(array) ? [array.buffer] : []))
}

/** @param {Request} request @returns {Promise<Reply>} */
async function answer(request) {
  try {
    // Each function takes the request of its own name, which the compiler cannot follow through the table.
    const make = /** @type {(ask: Request) => Promise<Calls[Call]['answer']>} */ (answers[request.call])
    return {id: request.id, answer: await make(request), bytes: bytesHeld()}
  } catch (error) {
    return {id: request.id, failure: failureFrom(error), bytes: bytesHeld()}
  }
}

/** @type {Promise<void>} */
let last = Promise.resolve()

self.addEventListener('message', (/** @type {MessageEvent<Request>} */ {data: request}) => {
  last = last.then(async () => {
    const reply = await answer(request)
    self.postMessage(reply, {transfer: 'answer' in reply ? transferred(reply.answer) : []})
  })
})
