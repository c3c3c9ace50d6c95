/**
 * A worker that can always be rebuilt: keeps the compiled module, the model's files and the picture's source, and
 * brings a fresh worker to where the last one was before it asks anything of it.
 */

/** @import {Call, Calls} from './protocol.js' */
/** @import {Window} from './types.js' */
/** @import {WorkerClient} from './worker-client.js' */

/** @typedef {{manifest: string, encoder: Blob, decoder: Blob}} ModelFiles */

/** @param {WorkerClient} client */
export function createEngine(client) {
  /** @type {Promise<WebAssembly.Module> | null} */
  let module = null
  /** @type {ModelFiles | null} */
  let model = null
  /** @type {Blob | null} */
  let picture = null
  /** The one chosen for the picture; null until one is. @type {Window | null} */
  let window = null
  /** What the worker that runs now has. @type {{started: boolean, model: ModelFiles | null, picture: Blob | null}} */
  let there = {started: false, model: null, picture: null}

  const checkAlive = () => {
    if (!client.isRunning()) there = {started: false, model: null, picture: null}
  }

  const prepare = async () => {
    checkAlive()
    if (!there.started) {
      if (!module) throw new Error('the engine has no module yet')
      await client.request('start', {module: await module})
      there.started = true
    }
  }

  const prepareModel = async () => {
    await prepare()
    if (!model) throw new Error('the engine has no model yet')
    if (there.model === model) return null
    const files = model
    const [encoder, decoder] = await Promise.all([files.encoder.arrayBuffer(), files.decoder.arrayBuffer()])
    const info = await client.request('load', {manifest: files.manifest, encoder, decoder}, [encoder, decoder])
    // A model that is loaded closes the picture.
    there = {started: true, model: files, picture: null}
    return info
  }

  const preparePicture = async () => {
    await prepareModel()
    if (!picture) throw new Error('the engine has no picture yet')
    if (there.picture === picture) return null
    const blob = picture
    const bytes = await blob.arrayBuffer()
    const opened = await client.request('open', {bytes}, [bytes])
    if (window) await client.request('setWindow', window)
    there.picture = blob
    return opened
  }

  return {
    /** @param {Promise<WebAssembly.Module>} compiled */
    setModule(compiled) {
      module = compiled
    },
    /** @param {ModelFiles} files @returns {Promise<Calls['load']['answer']>} */
    async load(files) {
      model = files
      there.model = null
      return /** @type {Calls['load']['answer']} */ (await prepareModel())
    },
    /** @param {Blob} blob @returns {Promise<Calls['open']['answer']>} */
    async open(blob) {
      const previous = {picture, window, there: there.picture}
      picture = blob
      window = null
      there.picture = null
      try {
        return /** @type {Calls['open']['answer']} */ (await preparePicture())
      } catch (error) {
        // What cannot be opened leaves the picture that was open before where it was, in the worker too.
        if (picture === blob) {
          picture = previous.picture
          window = previous.window
          if (client.isRunning()) there.picture = previous.there
        }
        throw error
      }
    },
    /**
     * @template {Exclude<Call, 'start' | 'load' | 'open'>} K
     * @param {K} call @param {Calls[K]['ask']} ask @returns {Promise<Calls[K]['answer']>}
     */
    async ask(call, ask) {
      await preparePicture()
      const answer = await client.request(call, ask)
      // The compiler does not see that this call's request is a window.
      if (call === 'setWindow') window = /** @type {Window} */ (ask)
      return answer
    },
    end() {
      client.end()
    },
  }
}
