/**
 * One worker, brought to where the work needs it: a fresh one starts the core, loads the model, opens the picture and
 * shows it through the window. What it has to have is the pool's `subject`; what it has is forgotten with it.
 */

/** @import {Answer, Ask, Call, KeptView, ViewRect} from './protocol.js' */
/** @import {OnRead} from './reading.js' */
/** @import {WorkerClient} from './worker-client.js' */
/** @import {GreyWindow} from './types.js' */

import {readBytes} from './reading.js'

/** @typedef {{manifest: string, encoder: Blob, decoder: Blob}} ModelFiles */

/**
 * What all workers are to work on. `whole` is the encoding of the whole picture: it is handed to every worker that needs
 * it, so that none is made twice and none is lost with its worker.
 * @typedef {object} Subject
 * @property {Promise<WebAssembly.Module> | null} module
 * @property {ModelFiles | null} model
 * @property {Blob | null} picture
 * @property {GreyWindow | null} window  null for the one that the picture was opened with
 * @property {{view: ViewRect, kept: KeptView} | null} whole
 * @property {{core: number, model: number, picture: number}} ms  how long the steps to each took last, 0 while not known
 */

/** @returns {Subject} */
export const emptySubject = () =>
  ({module: null, model: null, picture: null, window: null, whole: null, ms: {core: 0, model: 0, picture: 0}})

/** @typedef {Exclude<Call, 'start' | 'load' | 'open' | 'setWindow' | 'adopt'>} PlainCall  that changes nothing of the subject */

/**
 * What a call needs of its worker: the core alone, a model in it, or the open picture too.
 * @type {Readonly<Record<PlainCall, 'core' | 'model' | 'picture'>>}
 */
export const NEEDS = {
  encode: 'picture',
  plan: 'model',
  segment: 'picture',
  export: 'core',
  overlay: 'picture',
  refine: 'core',
  measure: 'picture',
  compare: 'core',
  readLabels: 'core',
  readBoxes: 'core',
}

const LEVELS = /** @type {const} */ (['nothing', 'core', 'model', 'picture'])
/** @typedef {(typeof LEVELS)[number]} Level */
/** @param {Level} level */
export const rankOf = (level) => LEVELS.indexOf(level)

/** @type {ReadonlySet<string>} */
const NOTHING_SEEN = new Set()

/** @param {ViewRect} view */
export const viewKey = (view) => view.join(' ')

/** @typedef {ReturnType<typeof createEngine>} Engine */

/** @param {WorkerClient} client @param {Subject} subject */
export function createEngine(client, subject) {
  /** @typedef {{core: boolean, model: ModelFiles | null, picture: Blob | null, window: GreyWindow | null, views: Set<string>}} There */
  /** @type {There} */
  let there = {core: false, model: null, picture: null, window: null, views: new Set()}

  /** @template T @param {keyof Subject['ms']} step @param {Promise<T>} doing @returns {Promise<T>} */
  const timed = async (step, doing) => {
    const started = performance.now()
    const answer = await doing
    subject.ms[step] = performance.now() - started
    return answer
  }

  const prepareCore = async () => {
    if (there.core) return
    if (!subject.module) throw new Error('the pool has no module yet')
    const module = await subject.module
    await timed('core', client.request('start', {module}))
    there.core = true
  }

  const prepareModel = async () => {
    await prepareCore()
    if (!subject.model) throw new Error('the pool has no model yet')
    if (there.model !== subject.model) await loadModel(subject.model)
  }

  /** @param {ModelFiles} files */
  const loadModel = async (files) => {
    const [encoder, decoder] = await Promise.all([files.encoder.arrayBuffer(), files.decoder.arrayBuffer()])
    const info = await timed('model', client.request('load', {manifest: files.manifest, encoder, decoder}, [encoder, decoder]))
    // A model that is loaded closes the picture.
    there = {core: true, model: files, picture: null, window: null, views: new Set()}
    return info
  }

  const preparePicture = async () => {
    await prepareModel()
    const {picture, window} = subject
    if (!picture) throw new Error('the pool has no picture yet')
    // Back to the window that it was opened with leads only the opening.
    if (there.picture !== picture || (!window && there.window)) await openPicture(picture, false)
    if (window && there.window !== window) await showThrough(window, false)
  }

  /** @param {Blob} blob @param {boolean} pixels  whether the page wants to see it @param {OnRead} [onRead] */
  const openPicture = async (blob, pixels, onRead) => {
    const bytes = await readBytes(blob, onRead)
    const opened = await timed('picture', client.request('open', {bytes, pixels}, [bytes]))
    there = {...there, picture: blob, window: null, views: new Set()}
    return opened
  }

  /** @param {GreyWindow} window @param {boolean} pixels */
  const showThrough = async (window, pixels) => {
    const shown = await client.request('setWindow', {...window, pixels})
    there = {...there, window, views: new Set()}
    return shown
  }

  /** Whether what it has is what it is to work on, and not what it was before. */
  const isUpToDate = () =>
    subject.picture !== null && there.model === subject.model && there.picture === subject.picture && there.window === subject.window

  return {
    /** @returns {Level} how far it is with what it is to work on now */
    level: () => {
      if (!there.core) return 'nothing'
      if (!subject.model || there.model !== subject.model) return 'core'
      return isUpToDate() ? 'picture' : 'model'
    },
    /** Views that it need not encode. Those of another picture are places that this one may not even have. @returns {ReadonlySet<string>} */
    views: () => (isUpToDate() ? there.views : NOTHING_SEEN),
    /**
     * Makes a model the one in use, here and, unless a newer one was wished for meanwhile, for all.
     * @param {ModelFiles} files @param {() => boolean} isNewest @returns {Promise<Answer<'load'>>}
     */
    async load(files, isNewest) {
      await prepareCore()
      const info = await loadModel(files)
      if (isNewest()) Object.assign(subject, {model: files, whole: null})
      return info
    },
    /**
     * Opens another picture, here and for all. What cannot be opened leaves the one before where it was.
     * @param {Blob} blob @param {OnRead} [onRead] @returns {Promise<Answer<'open'>>}
     */
    async open(blob, onRead) {
      await prepareModel()
      const opened = await openPicture(blob, true, onRead)
      Object.assign(subject, {picture: blob, window: null, whole: null})
      return opened
    },
    /**
     * Shows the picture through another window, here and for all. Where another picture was opened since it was asked for, it is
     * not that one's.
     * @param {GreyWindow} window @param {Blob | null} picture @returns {Promise<Answer<'setWindow'>>}
     */
    async setWindow(window, picture) {
      await preparePicture()
      if (there.picture !== picture) throw new Error('another picture was opened')
      const shown = await showThrough(window, true)
      if (there.picture === subject.picture) Object.assign(subject, {window, whole: null})
      return shown
    },
    /** Encodes the whole picture, for all. @param {ViewRect} view  all of it @returns {Promise<Answer<'encode'>>} */
    async encode(view) {
      await preparePicture()
      const encoded = await client.request('encode', {})
      there.views.add(viewKey(view))
      if (isUpToDate()) subject.whole = {view, kept: encoded.kept}
      return encoded
    },
    /**
     * @template {PlainCall} K
     * @param {K} call @param {Ask<K>} ask @param {ViewRect | null} view  through which it is looked
     * @returns {Promise<Answer<K>>}
     */
    async ask(call, ask, view) {
      if (NEEDS[call] === 'picture') await preparePicture()
      else if (NEEDS[call] === 'model') await prepareModel()
      else await prepareCore()
      if (!view) return client.request(call, ask)
      const key = viewKey(view)
      const {whole} = subject
      if (whole && isUpToDate() && viewKey(whole.view) === key && !there.views.has(key)) await client.request('adopt', whole)
      const answer = await client.request(call, ask)
      there.views.add(key)
      return answer
    },
    end: () => client.end(),
    /** Of the core's memory, as it was last told. */
    bytes: () => client.bytes(),
  }
}
