/** The worker's end: one wasm instance with one model and one open picture. Answers requests in order. */

/** @import {Request, Reply, Calls, Call, MaskPixels} from './protocol.js' */
/** @import {Core, CoreMask} from './types.js' */

import {failureFrom} from './protocol.js'

/** @type {Core} set by `start`, which is always the first request */
let core

/** The core calls a mask's bytes `mask`. @param {MaskPixels} pixels @returns {CoreMask} */
const toCore = ({region, bytes}) => ({region, mask: bytes})

/** @type {{[K in Call]: (ask: Calls[K]['ask']) => Promise<Calls[K]['answer']> | Calls[K]['answer']}} */
const answers = {
  async start({module}) {
    // The address is built here so that the types come from types.js and not from a file that exists after a build only.
    core = await import(new URL('pkg/medbox.js', import.meta.url).href)
    await core.default({module_or_path: module})
    return null
  },
  load({manifest, encoder, decoder}) {
    return core.loadModel(manifest, new Uint8Array(encoder), new Uint8Array(decoder))
  },
  open({bytes}) {
    return {...core.open(new Uint8Array(bytes)), pixels: core.pixels()}
  },
  encode: () => core.encode(),
  segment({boxes, mode, classChoice}) {
    const started = performance.now()
    const {objects, encodes, tiles} = core.segment(new Float64Array(boxes.flat()), {mode, class: classChoice})
    const masks = objects.map(({region, mask, areaPx, score}) => ({region, bytes: mask, areaPx, score}))
    return {masks, run: {ms: performance.now() - started, encodes, tiles}}
  },
  export({what, fileName, size: {width, height}, objects}) {
    const make = {
      label: () => core.labelPng(width, height, objects),
      overlay: () => core.overlayPng(objects),
      coco: () => core.cocoJson(width, height, fileName, objects),
      npz: () => core.npzSegs(width, height, objects),
    }
    return {bytes: make[what]()}
  },
  setWindow({level, width}) {
    core.setWindow(level, width)
    return {pixels: core.pixels()}
  },
  refine({size: {width, height}, mask, how}) {
    const {region, mask: bytes, areaPx} = core.refine(width, height, toCore(mask), how)
    return {region, bytes, areaPx}
  },
  measure: ({masks}) => core.measure(masks.map(toCore)),
}

/** What of an answer is handed over rather than copied. @param {unknown} answer @returns {Transferable[]} */
function transferred(answer) {
  const {pixels, bytes, masks = []} = /** @type {{pixels?: Uint8ClampedArray<ArrayBuffer>, bytes?: Uint8Array<ArrayBuffer>, masks?: {bytes: Uint8Array<ArrayBuffer>}[]}} */ (answer ?? {})
  return [pixels, bytes, ...masks.map((mask) => mask.bytes)].flatMap((array) => (array ? [array.buffer] : []))
}

/** @param {Request} request @returns {Promise<Reply>} */
async function answer(request) {
  try {
    // Each function takes the request of its own name, which the compiler cannot follow through the table.
    const make = /** @type {(ask: Request) => Promise<Calls[Call]['answer']>} */ (answers[request.call])
    return {id: request.id, answer: await make(request)}
  } catch (error) {
    return {id: request.id, failure: failureFrom(error)}
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
