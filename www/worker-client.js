/** The page's end of one worker: starts it when it is first needed, pairs replies with requests, ends it for good. */

/** @import {Call, Calls, Reply} from './protocol.js' */

import {PageError} from './protocol.js'

/** A request whose worker was ended before it answered. */
export class Ended extends Error {
  constructor() {
    super('the worker was ended')
    this.name = 'Ended'
  }
}

/**
 * A worker that is fetched by its URL would not be bound by the page's Content-Security-Policy; one that starts from a
 * blob inherits it. The blob imports the real script by its absolute URL, and not before it runs: what a blob imports
 * statically does not pass the service worker in Firefox. What comes in the meantime waits.
 * @param {string} scriptUrl @returns {Worker}
 */
export function startWorker(scriptUrl) {
  const source = `
    const early = []
    const keep = (event) => early.push(event.data)
    addEventListener('message', keep)
    import(${JSON.stringify(new URL(scriptUrl, document.baseURI).href)}).then(() => {
      removeEventListener('message', keep)
      for (const data of early) dispatchEvent(new MessageEvent('message', {data}))
    }, (error) => setTimeout(() => { throw error }))
  `
  const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}))
  const worker = new Worker(url, {type: 'module'})
  const release = () => URL.revokeObjectURL(url)
  worker.addEventListener('message', release, {once: true})
  worker.addEventListener('error', release, {once: true})
  return worker
}

/** @typedef {ReturnType<typeof createWorkerClient>} WorkerClient */

/** @param {() => Worker} create */
export function createWorkerClient(create) {
  /** @type {Worker | null} */
  let worker = null
  /** @type {unknown} why it is over, once it is */
  let over = null
  let lastId = 0
  let bytes = 0
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (reason: unknown) => void}>} */
  const open = new Map()

  /** @param {unknown} reason */
  const end = (reason) => {
    worker?.terminate()
    worker = null
    over ??= reason
    for (const {reject} of open.values()) reject(reason)
    open.clear()
  }

  const started = () => {
    if (worker) return worker
    const fresh = create()
    fresh.addEventListener('message', (/** @type {MessageEvent<Reply>} */ {data: reply}) => {
      const call = open.get(reply.id)
      open.delete(reply.id)
      bytes = reply.bytes
      if ('failure' in reply) call?.reject(reply.failure)
      else call?.resolve(reply.answer)
    })
    fresh.addEventListener('error', (event) => {
      event.preventDefault()
      end(new PageError('page.crashed', event.message))
    })
    fresh.addEventListener('messageerror', () => end(new PageError('page.crashed', 'a message could not be read')))
    worker = fresh
    return fresh
  }

  return {
    /**
     * @template {Call} K
     * @param {K} call @param {Calls[K]['ask']} ask @param {Transferable[]} [transfer]
     * @returns {Promise<Calls[K]['answer']>} rejects with a Failure, or with Ended
     */
    request(call, ask, transfer = []) {
      if (over) return Promise.reject(over)
      const id = ++lastId
      return new Promise((resolve, reject) => {
        open.set(id, {resolve, reject})
        started().postMessage({call, id, ...ask}, transfer)
      })
    },
    /** Stops whatever it does, and refuses what is asked of it from then on. */
    end: () => end(new Ended()),
    /** Of the core's memory, as the last reply told. */
    bytes: () => bytes,
  }
}
