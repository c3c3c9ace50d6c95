/** Runs what `update` asked for; what comes of it returns as actions. Nothing is decided here. */

/** @import {Action, Effect, Demo, Failure, ModelEntry} from './types.js' */

import {fetchJson, fetchList, fetchModel, fetchModule, hashesOf} from './assets.js'
import {createOffline} from './offline.js'
import {createPool} from './pool.js'
import {failureFrom, PageError} from './protocol.js'
import {createFetching} from './reading.js'
import {copyText, createSaving, download} from './saving.js'
import {SETTINGS_KEY} from './settings.js'
import {createWorkerClient, Ended, startWorker} from './worker-client.js'

const TICK_MS = 100
/** A window that has not moved for so long is encoded: who leafs through the presets does not start an encode for each. */
const SETTLE_MS = 400
/** Of requests that no job stands for: they are never cancelled. */
const NO_JOB = 0

/** @param {(action: Action) => void} dispatch @param {{workers: number, bytesMax: number}} options  workers: most at a time, and how large one may be when a picture is opened */
export function createEffects(dispatch, {workers, bytesMax}) {
  let told = ''
  let version = ''
  void fetchList().then((list) => { version = list.version ?? '' })
  const pool = createPool({
    size: workers,
    bytesMax,
    createClient: () => createWorkerClient(() => startWorker(new URL(`worker.js?${version}`, import.meta.url).href)),
    onRestart: () => dispatch({type: 'worker-restarted'}),
    onChange(bytes) {
      if (told === bytes.join()) return
      told = bytes.join()
      dispatch({type: 'workers-changed', bytes, max: workers})
    },
  })
  const saving = createSaving(dispatch, pool)
  const offline = createOffline(dispatch, fetchList)
  /** @type {ReturnType<typeof fetchModule> | null} */
  let engine = null
  let lastModelLoad = 0

  /** @param {unknown} error @param {(failure: Failure) => void} tell */
  const fail = (error, tell) => {
    if (error instanceof Ended) return // It was cancelled, and `update` knows.
    tell(failureFrom(error))
  }
  /** @param {unknown} error @param {boolean} [fatal] */
  const failed = (error, fatal = false) => fail(error, (failure) => dispatch({type: 'failed', failure, fatal}))

  const fetching = createFetching()
  /** @param {number} id of the job @returns {import('./reading.js').OnRead} */
  const onRead = (id) => (loaded, total) => dispatch({type: 'read-on', id, loaded, total})

  /** @param {number} id @param {() => Promise<Action | void>} work */
  const answer = async (id, work) => {
    try {
      const action = await work()
      if (action) dispatch(action)
    } catch (error) {
      fail(error, (failure) => dispatch({type: 'job-failed', id, failure}))
    }
  }

  /** @param {ModelEntry} entry */
  const loadModel = async (entry) => {
    const turn = ++lastModelLoad
    const isLatest = () => turn === lastModelLoad
    try {
      engine ??= fetchModule((loading) => dispatch({type: 'loading', loading}))
      pool.setModule(engine.then(({module}) => module))
      const [{files, kept}, {kept: engineKept}] = await Promise.all([
        fetchModel(entry.name, (loading) => isLatest() && dispatch({type: 'loading', loading})),
        engine,
      ])
      if (!isLatest()) return
      dispatch({type: 'files-kept', kept: kept && engineKept})
      dispatch({type: 'loading', loading: {kind: 'start', loaded: 0, total: 0}})
      const info = await pool.load(files)
      if (isLatest()) dispatch({type: 'model-loaded', info: {...info, sha256: hashesOf(files)}})
    } catch (error) {
      if (engine && (await engine.catch(() => null)) === null) engine = null // Trying again fetches it again.
      const noEngine = error instanceof PageError && error.code === 'page.no-simd'
      if (isLatest()) fail(error, (failure) => dispatch({type: 'model-failed', name: entry.name, failure, fatal: noEngine}))
    }
  }

  /** No job waits for it, and what cannot be measured is left open. @param {Extract<Effect, {type: 'measure'}>} effect */
  const measure = async ({id, masks}) => {
    const measures = await pool.ask(NO_JOB, 'measure', {masks}).catch(() => null)
    dispatch({type: 'measured', id, masks, measures})
  }

  /** One after the other, so that what a person waits for goes between. @param {Extract<Effect, {type: 'compare'}>} effect */
  const compare = async ({id, size, pairs}) => {
    const comparisons = []
    for (const {mask, structure} of pairs) {
      comparisons.push(await pool.ask(NO_JOB, 'compare', {size, mask, reference: structure}).catch(() => null))
    }
    dispatch({type: 'compared', id, pairs, comparisons})
  }

  /** @param {Extract<Effect, {type: 'rival'}>} effect @returns {Promise<Action>} */
  const makeRival = async ({id, size, box, mode, choice, mask: reference}) => {
    /** @type {Omit<import('./types.js').Mask, 'key'> | undefined} */
    let made
    await pool.segment({job: id, size, boxes: [box], mode, classChoice: choice, isPreview: false}, ({masks}) => ([made] = masks))
    if (!made) throw new Error('the box came without its mask')
    const agreement = await pool.ask(id, 'compare', {size, mask: {region: made.region, bytes: made.bytes}, reference})
    return {type: 'rival-made', id, mask: made, agreement}
  }

  /** @param {import('./types.js').Point} at */
  const probe = async (at) => {
    const masks = [{region: /** @type {const} */ ([at[0], at[1], 1, 1]), bytes: new Uint8Array([1])}]
    const found = await pool.ask(NO_JOB, 'measure', {masks}).catch(() => null)
    dispatch({type: 'probed', at, value: found?.[0]?.mean ?? null})
  }

  /** @param {string} words */
  const copy = async (words) => {
    try {
      await copyText(words)
      dispatch({type: 'copied'})
    } catch (error) {
      failed(new PageError('page.copy', String(error instanceof Error ? error.message : error).replace(/\.$/, '')))
    }
  }

  /** @param {Effect} effect */
  const run = (effect) => {
    switch (effect.type) {
      case 'load-model':
        return loadModel(effect.entry)
      case 'fetch-picture':
        return answer(effect.id, async () => ({type: 'fetched', id: effect.id, blob: await fetching.bring(effect.id, effect.url, onRead(effect.id))}))
      case 'open':
        return answer(effect.id, async () => {
          const {pixels, ...opened} = await pool.open(effect.id, effect.source.blob, onRead(effect.id))
          if (!pixels) throw new Error('the picture came without its pixels')
          const picture = new ImageData(pixels, opened.width, opened.height)
          return {type: 'opened', id: effect.id, opened: {...opened, picture}}
        })
      case 'window': {
        const {id, window, size} = effect
        return answer(id, async () => {
          const {pixels} = await pool.setWindow(id, window)
          if (!pixels) throw new Error('the picture came without its pixels')
          return {type: 'windowed', id, picture: new ImageData(pixels, size.width, size.height)}
        })
      }
      case 'encode':
        return answer(effect.id, async () => {
          const {probabilities, ms} = await pool.encode(effect.id, effect.size)
          return {type: 'encoded', id: effect.id, probabilities, ms}
        })
      case 'segment': {
        const {id, size, boxes, mode, classChoice, isDraft} = effect
        return answer(id, () =>
          pool.segment({job: id, size, boxes, mode, classChoice, isPreview: isDraft}, (part) => dispatch({type: 'segmented', id, ...part})))
      }
      case 'refine': {
        const {id, size, how, mask: {region, bytes}} = effect
        return answer(id, async () => ({type: 'refined', id, mask: await pool.ask(id, 'refine', {size, how, mask: {region, bytes}})}))
      }
      case 'export': {
        const {id, name} = effect
        return answer(id, async () => {
          download(await saving.make(effect), name)
          return {type: 'exported', id, name}
        })
      }
      case 'measure':
        return measure(effect)
      case 'compare':
        return compare(effect)
      case 'look':
        return answer(effect.id, async () => {
          const {id, source, picture, wish} = effect
          const {contentsOf} = await import('./looking.js') // With its archives, for the few visits that need it.
          return {type: 'looked', id, ...(await contentsOf(pool, id, source, picture, wish))}
        })
      case 'copy':
        return copy(effect.words)
      case 'read-session':
        return saving.readSession(effect.blob)
      case 'keep':
        return saving.keepSoon(effect)
      case 'forget':
        return saving.forget()
      case 'let-go':
        return saving.letGo()
      case 'recognise':
        return import('./twins.js').then(({twinsOf}) => twinsOf(effect)).then((pairs) => dispatch({type: 'recognised', pairs}), () => {}) // Then they are other files.
      case 'drop':
        return void pool.drop(effect.ids)
      case 'cancel':
        fetching.cancel(effect.ids)
        return pool.cancel(effect.ids)
      case 'reload':
        return location.reload()
      case 'install':
        return offline.install()
      case 'tick-later':
        return void setTimeout(() => dispatch({type: 'tick', nowMs: performance.now()}), TICK_MS)
      case 'rival':
        return answer(effect.id, () => makeRival(effect))
      case 'probe':
        return probe(effect.at)
      case 'settle-later':
        return void setTimeout(() => dispatch({type: 'window-settled', turn: effect.turn}), SETTLE_MS)
      case 'remember':
        try {
          localStorage.setItem(SETTINGS_KEY, JSON.stringify(effect.settings))
        } catch {
          // Forbidden or full: then the next visit starts afresh.
        }
        return
      default:
        throw new Error(`no such effect: ${/** @type {{type: string}} */ (effect).type}`)
    }
  }

  /** The lists of models and demo pictures, which stand beside the page. */
  const boot = async () => {
    dispatch({type: 'workers-changed', bytes: [], max: workers})
    try {
      const [models, demos] = await Promise.all([fetchJson('models/index.json'), fetchJson('demos/index.json')])
      dispatch({type: 'listed', models: /** @type {ModelEntry[]} */ (models), demos: /** @type {Demo[]} */ (demos)})
    } catch (error) {
      failed(error, true)
    }
    await offline.start()
  }

  return {run, boot, hold: pool.hold, reopen: saving.reopen}
}
