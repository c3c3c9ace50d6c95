/** The worker's end: one wasm instance with one model and one open picture. Answers requests in order. */

/** @import {Request, Reply, Calls, Call} from './protocol.js' */
/** @import {Mask} from './types.js' */

import init, * as core from './pkg/medbox.js'
import {failureFrom} from './protocol.js'

/** @type {{[K in Call]: (ask: Calls[K]['ask']) => Promise<Calls[K]['answer']> | Calls[K]['answer']}} */
const answers = {
  async start({module}) {
    await init({module_or_path: module})
    return null
  },
  load({manifest, encoder, decoder}) {
    return core.loadModel(manifest, new Uint8Array(encoder), new Uint8Array(decoder))
  },
  open({bytes}) {
    const {width, height, format, bits} = core.open(new Uint8Array(bytes))
    const pixels = /** @type {Uint8ClampedArray<ArrayBuffer>} */ (core.pixels())
    return {width, height, format, bits, pixels}
  },
  encode: () => core.encode(),
  segment({boxes, mode, classChoice}) {
    const started = performance.now()
    const {objects, encodes, tiles} = core.segment(new Float64Array(boxes.flat()), {mode, class: classChoice})
    /** @type {Array<{region: Mask['region'], mask: Uint8Array, areaPx: number, score: number}>} */
    const drawn = objects
    const masks = drawn.map(({region, mask, areaPx, score}) => ({region, bytes: mask, areaPx, score}))
    return {masks, run: {ms: performance.now() - started, encodes, tiles}}
  },
  export({what, fileName, size: {width, height}, objects}) {
    const list = [...objects]
    const make = {
      label: () => core.labelPng(width, height, list),
      overlay: () => core.overlayPng(list),
      coco: () => core.cocoJson(width, height, fileName, list),
      npz: () => core.npzSegs(width, height, list),
    }
    return {bytes: /** @type {Uint8Array<ArrayBuffer>} */ (make[what]())}
  },
}

/** What of an answer is handed over rather than copied. @param {unknown} answer @returns {Transferable[]} */
function transferred(answer) {
  const {pixels, bytes, masks} = /** @type {{pixels?: Uint8ClampedArray<ArrayBuffer>, bytes?: Uint8Array<ArrayBuffer>, masks?: {bytes: Uint8Array<ArrayBuffer>}[]}} */ (answer ?? {})
  return [pixels, bytes, ...(masks ?? []).map((mask) => mask.bytes)].flatMap((array) => (array ? [array.buffer] : []))
}

/** @type {Promise<void>} */
let last = Promise.resolve()

self.addEventListener('message', (/** @type {MessageEvent<Request>} */ {data: request}) => {
  const answerOne = async () => {
    /** @type {Reply} */
    let reply
    try {
      const answer = /** @type {(ask: Request) => Promise<Calls[Call]['answer']>} */ (answers[request.call])
      reply = {id: request.id, answer: await answer(request)}
    } catch (error) {
      reply = {id: request.id, failure: failureFrom(error)}
    }
    self.postMessage(reply, {transfer: 'answer' in reply ? transferred(reply.answer) : []})
  }
  last = last.then(answerOne)
})
