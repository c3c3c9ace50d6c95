/**
 * The workers: what is asked is spread over them, each step by `schedule.js`. A step that is cancelled ends its worker and
 * no other; one whose worker breaks down is done once more by a fresh one.
 */

/** @import {Answer, Ask, Part, ViewRect} from './protocol.js' */
/** @import {Engine, ModelFiles, PlainCall} from './engine.js' */
/** @import {Waiting} from './schedule.js' */
/** @import {WorkerClient} from './worker-client.js' */
/** @import {Box, ClassChoice, Extent, Failure, GreyWindow, LastRun, Mask, Mode} from './types.js' */

import {createEngine, emptySubject, NEEDS, viewKey} from './engine.js'
import {failureFrom} from './protocol.js'
import {cut, expectedMs, nextStep, RANK} from './schedule.js'
import {Ended} from './worker-client.js'

/**
 * @typedef {Waiting & {job: number, tries: number, perform: (engine: Engine) => Promise<unknown>, resolve: (answer: any) => void, reject: (reason: unknown) => void}} Task
 * @typedef {{engine: Engine, task: Task | null, turns: number}} Slot
 * @typedef {{job: number, size: Extent, boxes: readonly Box[], mode: Mode, classChoice: ClassChoice, isPreview: boolean}} Request
 * @typedef {{at: readonly number[], masks: readonly Omit<Mask, 'key'>[], run: LastRun}} Masks  of some boxes of a request, by their places
 */

/**
 * @param {object} options
 * @param {number} options.size  most workers at a time
 * @param {number} options.bytesMax  a worker with more memory is not kept for another picture
 * @param {number} [options.idleMs]  a second worker that had nothing to do for so long is ended: its memory is of more use elsewhere
 * @param {() => WorkerClient} options.createClient
 * @param {(failure: Failure) => void} options.onRestart  a worker broke down, and its step is done again
 * @param {(bytes: readonly number[]) => void} options.onChange  memory of each worker that runs
 */
export function createPool({size, bytesMax, idleMs = 60_000, createClient, onRestart, onChange}) {
  const subject = emptySubject()
  /** @type {Slot[]} */
  let slots = []
  /** @type {Task[]} */
  let queue = []
  const ms = {encode: 0, box: 0}
  let held = false
  let lastLoad = 0
  /** Jobs that are being cut into parts. @type {Set<number>} */
  const planning = new Set()

  /**
   * @template T
   * @param {Pick<Task, 'job' | 'rank' | 'needs'> & Partial<Pick<Task, 'view' | 'encodes' | 'boxes'>>} what
   * @param {(engine: Engine) => Promise<T>} perform @returns {Promise<T>}
   */
  const add = (what, perform) =>
    new Promise((resolve, reject) => {
      queue.push({view: null, encodes: false, boxes: 0, ...what, tries: 0, perform, resolve, reject})
      pump()
    })

  const pump = () => {
    for (;;) {
      const costs = {...ms, start: subject.ms.core + subject.ms.model + subject.ms.picture}
      const runners = slots.map(({engine, task}) => ({
        busy: task !== null, level: engine.level(), views: engine.views(), making: task?.view ?? null, ms: task ? expectedMs(task, engine.views(), costs) : 0,
      }))
      const step = nextStep(queue, runners, {free: size - slots.length, costs, held})
      if (!step) break
      const [task] = /** @type {[Task]} */ (queue.splice(step.task, 1))
      const slot = step.worker === null ? freshSlot() : /** @type {Slot} */ (slots[step.worker])
      slot.task = task
      void work(slot, task)
    }
    onChange(slots.map(({engine}) => engine.bytes()))
  }

  const freshSlot = () => {
    const slot = {engine: createEngine(createClient(), subject), task: null, turns: 0}
    slots.push(slot)
    return slot
  }

  /** @param {Slot} slot */
  const drop = (slot) => {
    slots = slots.filter((one) => one !== slot)
    slot.engine.end()
  }

  /** @param {Slot} slot @param {Task} task */
  const work = async (slot, task) => {
    try {
      task.resolve(await task.perform(slot.engine))
    } catch (error) {
      if (slot.task !== task) return // It was cancelled, and whoever waited knows.
      const failure = failureFrom(error)
      if (failure.code === 'page.crashed') retry(slot, task, failure)
      else task.reject(error)
    }
    if (slot.task !== task) return
    slot.task = null
    const turn = ++slot.turns
    setTimeout(() => {
      if (slots.length > 1 && slots.includes(slot) && slot.task === null && slot.turns === turn) forget(slot)
    }, idleMs)
    pump()
  }

  /** @param {Slot} slot */
  const forget = (slot) => {
    drop(slot)
    pump()
  }

  /** An instance that trapped cannot be trusted again. @param {Slot} slot @param {Task} task @param {Failure} failure */
  const retry = (slot, task, failure) => {
    drop(slot)
    if (task.tries > 0) return task.reject(failure)
    queue.unshift({...task, tries: 1})
    onRestart(failure)
  }

  /** What waits for these jobs is dropped; what is being done for them is done. @param {readonly number[]} jobs @returns {Ended} what is told to those who waited */
  const dropWaiting = (jobs) => {
    const ended = new Ended()
    for (const job of jobs) planning.delete(job)
    const [gone, stay] = [queue.filter(({job}) => jobs.includes(job)), queue.filter(({job}) => !jobs.includes(job))]
    queue = stay
    for (const task of gone) task.reject(ended)
    return ended
  }

  /** @param {Extent} extent @returns {ViewRect} */
  const wholeOf = ({width, height}) => [0, 0, width, height]

  /** @param {Request} request @returns {Promise<readonly Part[]>} */
  const plan = async ({job, size: extent, boxes, mode}) => {
    if (mode === 'challenge') return [{view: wholeOf(extent), boxes: boxes.map((_, i) => i)}]
    return add({job, rank: RANK.light, needs: NEEDS.plan}, (engine) => {
      const known = new Set(slots.flatMap((slot) => [...slot.engine.views()]))
      const rects = [...known].map((key) => /** @type {ViewRect} */ (/** @type {unknown} */ (key.split(' ').map(Number))))
      return engine.ask('plan', {size: extent, boxes, mode, known: rects}, null)
    })
  }

  return {
    /** @param {Promise<WebAssembly.Module>} compiled */
    setModule(compiled) {
      subject.module = compiled
      compiled.catch(() => {}) // Whoever needs it is told.
    },
    /**
     * Makes a model the one in use; the memory that others took goes with their workers. Of several that load at a time
     * the newest is used, whichever is there last.
     * @param {ModelFiles} files @returns {Promise<Answer<'load'>>}
     */
    load(files) {
      const turn = ++lastLoad
      slots.filter(({task}) => task === null).slice(1).forEach(drop)
      return add({job: 0, rank: RANK.picture, needs: 'core'}, (engine) => engine.load(files, () => turn === lastLoad))
    },
    /** @param {number} job @param {Blob} blob @param {import('./reading.js').OnRead} [onRead] @returns {Promise<Answer<'open'>>} */
    open(job, blob, onRead) {
      slots.filter(({task, engine}) => task === null && engine.bytes() > bytesMax).forEach(drop)
      return add({job, rank: RANK.picture, needs: 'model'}, (engine) => engine.open(blob, onRead))
    },
    /** What was encoded of the picture is out of date then. @param {number} job @param {GreyWindow} window @returns {Promise<Answer<'setWindow'>>} */
    setWindow(job, window) {
      const {picture} = subject
      return add({job, rank: RANK.light, needs: 'picture'}, (engine) => engine.setWindow(window, picture))
    },
    /** @param {number} job @param {Extent} extent  of the picture @returns {Promise<Answer<'encode'>>} */
    async encode(job, extent) {
      const view = wholeOf(extent)
      const encoded = await add({job, rank: RANK.picture, needs: 'picture', view: viewKey(view), encodes: true}, (engine) => engine.encode(view))
      ms.encode = encoded.ms
      return encoded
    },
    /**
     * The masks of boxes, in parts as they come; done when all have come.
     * @param {Request} request @param {(part: Masks) => void} onPart @returns {Promise<void>}
     */
    async segment(request, onPart) {
      const {job, size: extent, boxes, mode, classChoice, isPreview} = request
      planning.add(job)
      const parts = await plan(request)
      if (!planning.delete(job)) throw new Ended()
      let started = 0 // Not while others were before it.
      const whole = viewKey(wholeOf(extent))
      const tiles = parts.filter(({view}) => viewKey(view) !== whole).length
      let encodes = 0
      /** @param {Part} part */
      const ask = async ({view, boxes: places}) => {
        const isTile = viewKey(view) !== whole
        const what = {job, rank: isPreview ? RANK.preview : RANK.masks, needs: /** @type {const} */ ('picture'), view: viewKey(view), encodes: isTile, boxes: places.length}
        const {masks, run} = await add(what, (engine) => {
          started ||= performance.now()
          const probabilities = subject.whole?.kept.probabilities ?? null
          return engine.ask('segment', {boxes: places.map((i) => /** @type {Box} */ (boxes[i])), mode, classChoice, view, probabilities}, view)
        })
        encodes += run.encodes
        if (run.encodes === 0) ms.box = run.ms / places.length
        onPart({at: places, masks, run: {ms: performance.now() - started, encodes, tiles}})
      }
      try {
        await Promise.all(cut(parts).map(ask))
      } catch (error) {
        queue = queue.filter((task) => task.job !== job)
        throw error
      }
    },
    /**
     * Anything that takes a moment only: it goes before long steps, to a worker that is idle.
     * @template {Exclude<PlainCall, 'encode' | 'segment'>} K
     * @param {number} job @param {K} call @param {Ask<K>} ask @returns {Promise<Answer<K>>}
     */
    ask(job, call, ask) {
      return add({job, rank: RANK.light, needs: NEEDS[call]}, (engine) => engine.ask(call, ask, null))
    },
    /** While a person draws, many masks leave one worker free for previews. @param {boolean} wished */
    hold(wished) {
      if (held === wished) return
      held = wished
      pump()
    },
    drop: dropWaiting,
    /** What waits for these jobs is dropped, what does them is ended. @param {readonly number[]} jobs */
    cancel(jobs) {
      const ended = dropWaiting(jobs)
      for (const slot of slots.filter(({task}) => task && jobs.includes(task.job))) {
        slot.task?.reject(ended)
        slot.task = null
        drop(slot)
      }
      pump()
    },
  }
}
