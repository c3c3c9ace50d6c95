/**
 * From one state to the next. Pure: no page, no worker, no clock, no chance.
 */

/** @import {State, Action, Effect, Source, Study, Work, Draft, Settings, Job, Box} from './types.js' */

import {askComparisons, compared, noReference, withReference} from './compare.js'
import {
  brushMoved, brushPressed, maskReset, refineAsked, refined, strokeBegun, strokeKept, strokeMoved, verbSwapped, withBrushBy,
} from './correct.js'
import {isSessionName} from './export-name.js'
import {isSaving, nextExport, savedNotice, saveAsked, withoutMasks, withoutSaving} from './exporting.js'
import {BOX_MIN_PX, boxBetween, clamp, fitView, isBigEnough, moveBox, sameBox, zoomAt} from './geometry.js'
import {changeEverywhere, commit, redo, undo} from './history.js'
import {batchOf, nextOfBatch, noneOpens, openedNotice, pictureAsked, readOn} from './intake.js'
import {allRemoved, duplicated, itemById, lockedNotice, lockToggled, removed, renamed, withBoxes, withWork} from './items.js'
import {canStop, changeJob, endJob, jobAnswered, jobOfKind, nextJobId, startJob, withoutJobs} from './jobs.js'
import {askMeasures, measured, pixelSized} from './measure.js'
import {lastingFailure, loadAsked, modelChosen, modelFailed, modelToRetry} from './model-choice.js'
import {boxesAlone, isWorthALook, lookAsked, looked, lookForRest} from './offer.js'
import {askProbe, pointed, probeAnswered} from './pointer.js'
import {
  allForgotten, asideForgotten, keepEffects, noteClosed, noteOfModel, noteStands, recognised, recogniseEffects, reopened, sessionRead, setAside, shownNote,
} from './reopen.js'
import {nextRival, rivalChosen, rivalMade} from './rival.js'
import {leafTarget, seriesThen, stayed, without} from './series.js'
import {withOwnMasks} from './session.js'
import {afterStop, isFinishing, isOpening, makeWay, makeWayForPicture, stopWork, withEncoding, withNothingSeen, withoutGone} from './stopping.js'
import {
  isWindowMoving, masksRenewed, nextWindow, presetChosen, sameWindow, wantedWindow, windowDragged, windowed, windowKept, windowSettled,
  WINDOW_8_BIT,
} from './windowing.js'
import {changeItem, currentItems, currentSlice, isEdited, itemFromDraft, maskKey, toldClass, wantedMasks} from './work.js'

/** @param {Partial<Settings>} settings as remembered @returns {State} */
export const initialState = (settings = {}) => ({
  locale: settings.locale ?? 'en',
  theme: settings.theme ?? 'dark',
  touch: false,
  pen: false,
  calm: false,
  viewport: {width: 0, height: 0},
  view: {fit: true, zoom: 1, centre: [0, 0]},
  tool: 'box',
  menu: null,
  sheet: null,
  panelOpen: false,
  dropping: false,
  maskStyle: 'fill',
  layers: 'both',
  opacity: settings.opacity ?? 0.35,
  invert: settings.invert ?? false,
  smooth: settings.smooth ?? true,
  pointer: null,
  probed: null,
  probing: null,
  windowDraft: null,
  settling: null,
  lastTurn: 0,
  models: [],
  modelName: settings.modelName ?? null,
  standsInFor: null,
  provenModel: null,
  model: null,
  modelComes: false,
  encodeMs: settings.encodeMs ?? {},
  mode: settings.mode ?? 'default',
  rival: null,
  demos: [],
  study: null,
  shelved: null,
  shelvedReference: null,
  pending: null,
  batch: null,
  series: [],
  reopening: null,
  note: null,
  aside: [],
  keeping: true,
  saving: [],
  selected: [],
  hovered: null,
  anchor: null,
  draft: null,
  stroke: null,
  brushPx: null,
  brushAt: null,
  lassoVerb: 'add',
  loading: null,
  jobs: [],
  workers: [],
  workersMax: 1,
  nowMs: 0,
  ticking: false,
  lastJobId: 0,
  measures: new Map(),
  measuring: null,
  ...noReference(),
  lastAsideId: 0,
  refused: [],
  lastRun: null,
  failure: null,
  fatal: false,
  notice: null,
  offline: 'unknown',
  files: 'waiting',
  hasUpdate: false,
  installable: false,
  hintSeen: settings.hintSeen ?? false,
})

/** @param {State} state @param {Action} action @returns {[State, Effect[]]} */
export function update(state, action) {
  const [acted, asked] = act(state, action)
  const [needed, drops] = withoutGone(acted)
  const [working, jobs] = assign(needed)
  const [measuring, measures] = askMeasures(working)
  const [assigned, comparisons] = askComparisons(measuring)
  const [probing, probes] = askProbe(assigned)
  const next = noteStands(state, probing) ? probing : {...probing, note: null}
  const effects = [...asked, ...drops, ...jobs, ...measures, ...comparisons, ...probes, ...keepEffects(state, next)]
  if (!sameSettings(state, next)) effects.push({type: 'remember', settings: settingsOf(next)})
  return [next, effects]
}

/** What the browser remembers. @param {State} state @returns {Settings} */
const settingsOf = ({locale, theme, mode, modelName, standsInFor, encodeMs, hintSeen, invert, smooth, opacity}) =>
  ({locale, theme, mode, modelName: standsInFor ?? modelName, encodeMs, hintSeen, invert, smooth, opacity})

/** @param {State} a @param {State} b */
function sameSettings(a, b) {
  const [before, after] = [settingsOf(a), settingsOf(b)]
  return /** @type {(keyof Settings)[]} */ (Object.keys(after)).every((key) => before[key] === after[key])
}

/**
 * Starts every job that can be started: the file that waits, then the picture's encoding, then masks, then what waits
 * for them. What is to be saved of a picture goes before the next file.
 * @param {State} state @returns {[State, Effect[]]}
 */
function assign(state) {
  /** @type {Effect[]} */
  const effects = []
  for (;;) {
    const started = nextJob(state)
    if (!started) return [state, effects]
    state = started[0]
    effects.push(...started[1])
  }
}

/** @param {State} state @returns {[State, Effect[]] | null} null when there is nothing to start */
function nextJob(state) {
  if (jobOfKind(state, 'open')) return null
  if (!state.model || state.fatal) return nextExport(state)
  const {study, pending} = state
  if (pending && !isSaving(state) && !isFinishing(state, pending)) return openPending(state, pending)
  if (!study) return null
  const id = nextJobId(state)
  const {encoding, window, width, height} = currentSlice(study)
  // Also where the wish went back meanwhile: the core has the other window then, or is about to.
  if (jobOfKind(state, 'window') || !sameWindow(window, wantedWindow(state, study))) return nextWindow(state)
  const wanted = wantedMasks(state)
  const size = {width, height}
  // A window that still moves, or has just moved, is not encoded yet, unless somebody waits for a mask. Nor is a picture
  // that the next one waits for.
  if (encoding === 'waiting' && !wanted && (pending || isWindowMoving(state, study))) return nextExport(state)
  if (encoding === 'waiting' || (encoding === 'stopped' && wanted)) {
    return startJob(withEncoding(state, 'running'), {kind: 'encode', id, startedMs: null, sliceIdx: study.sliceIdx}, {type: 'encode', id, size})
  }
  if (wanted && encoding !== 'done') return null
  if (wanted) {
    const {ids, keys, boxes, mode, isDraft} = wanted
    const job = /** @type {Job} */ ({kind: 'segment', id, startedMs: null, ids, keys, isDraft, left: ids.length, window})
    return startJob(state, job, {type: 'segment', id, size, boxes, mode, classChoice: toldClass(state), isDraft})
  }
  const rival = encoding === 'done' && !pending && !jobOfKind(state, 'segment') ? nextRival(state) : null
  return rival ?? nextExport(state)
}

/** What is still made of the picture before is of no use any more. @param {State} state @param {Source} source @returns {[State, Effect[]]} */
function openPending(state, source) {
  const [idle, effects] = makeWay(state, ({kind}) => kind === 'encode' || kind === 'segment')
  const id = nextJobId(idle)
  const [next, asked] = startJob({...idle, pending: null}, {kind: 'open', id, startedMs: null, source, read: null}, {type: 'open', id, source})
  return [next, [...effects, ...asked]]
}

/** What says that a file cannot be opened, and not that it cannot be now. */
const PASSED_OVER = /^(open\.|page\.(unreadable|crashed)$)/

/** A file to be opened as a picture. @param {State} state @param {Source} source @returns {[State, Effect[]]} */
function sourceGiven(state, source) {
  const [idle, effects] = makeWayForPicture(state, source)
  return [{...idle, pending: source, batch: null, failure: null, notice: null, dropping: false, menu: null}, effects]
}

/** @param {State} state @param {Action} action @returns {[State, Effect[]]} */
function act(state, action) {
  const {study} = state
  switch (action.type) {
    case 'listed': {
      const {models, demos} = action
      const wished = models.find(({name}) => name === state.modelName) ?? models.find((model) => model.default) ?? models[0]
      if (!wished) return [{...state, models, demos}, []]
      return loadAsked({...state, models, demos}, wished)
    }
    case 'loading':
      return [{...state, loading: action.loading}, []]
    case 'model-chosen':
      return modelChosen(state, action.name)
    case 'model-loaded':
      if (action.info.name !== state.modelName) return [state, []]
      return [withNothingSeen(withOwnMasks({
        ...state, model: action.info, modelComes: false, provenModel: action.info.name, loading: null, note: noteOfModel(state.note, action.info),
      })), []]
    case 'model-failed':
      return modelFailed(state, action)

    case 'file-given': {
      if (isSessionName(action.name)) return [{...state, failure: null, dropping: false, menu: null}, [{type: 'read-session', blob: action.blob}]]
      const source = {blob: action.blob, name: action.name, demo: action.demo}
      if (!action.as && !action.demo && isWorthALook(state, action.name)) return lookAsked(state, source, null)
      const failure = boxesAlone(state, action.name)
      if (failure) return [{...state, failure, dropping: false}, []]
      return sourceGiven(state, source)
    }
    case 'files-given': {
      const found = batchOf(action.files.map(({blob, name}) => ({blob, name, demo: null})))
      if (!found) return [{...state, failure: noneOpens(action.files.length), dropping: false}, []]
      if (!found.batch) return act(state, {type: 'file-given', ...found.first})
      const [given, effects] = sourceGiven(state, found.first)
      return [{...given, batch: found.batch}, effects]
    }
    case 'leafed': {
      const target = leafTarget(state, action.step)
      if (!target) return [state, []]
      if (target.source === study?.source) return stayed(state)
      if (!target.session) return sourceGiven({...state, reopening: null}, target.source)
      return act({...state, menu: null}, {type: 'session-read', session: target.session, from: 'series', savedMs: null, shelved: false})
    }
    case 'demo-chosen':
      return pictureAsked(state, {url: `demos/${action.demo.file}`, name: action.demo.file, demo: action.demo})
    case 'source-asked':
      return pictureAsked(state, {url: action.url, name: action.name, demo: null})
    case 'read-on':
      return [readOn(state, action), []]
    case 'fetched': {
      const job = jobAnswered(state, 'fetch', action.id)
      if (!job) return [state, []]
      return act(endJob(state, job.id), {type: 'file-given', blob: action.blob, name: job.name, demo: job.demo, as: 'picture'})
    }
    case 'session-read':
      return sessionRead(state, action)
    case 'opened': {
      const job = jobAnswered(state, 'open', action.id)
      if (!job) return [state, []]
      const {width, height, format, bits, hasMore, picture, window, valueRange, pixelMm} = action.opened
      const shown = {picture, opened: picture, window: window ?? WINDOW_8_BIT, openedWindow: window ?? WINDOW_8_BIT, stored: window !== null, valueRange, pixelMm}
      const opened = /** @type {Study} */ ({
        source: job.source,
        format,
        bits,
        slices: [{width, height, ...shown, encoding: 'waiting', probabilities: null}],
        sliceIdx: 0,
        work: {items: [], lastItemId: 0, classChoice: 'auto', window: null, pixelMm: null},
        past: [],
        future: [],
      })
      const view = fitView({width, height}, state.viewport)
      const series = seriesThen(state, job.source)
      const fresh = {
        shelved: null, shelvedReference: null, saving: [], selected: [], hovered: null, anchor: null, draft: null, stroke: null, brushAt: null, pointer: null,
        probed: null, probing: null, windowDraft: null, settling: null, lastRun: null, batch: null, rival: null, measures: new Map(), ...noReference(),
        notice: openedNotice(state.batch, series, job.source, hasMore), series,
        // That files were not saved is still to be read.
        aside: setAside(state, job.source), note: state.note?.kind === 'unsaved' ? state.note : null, tool: /** @type {const} */ ('box'),
      }
      const [next, effects] = lookForRest(reopened({...withoutJobs(state, 'open', 'window', 'look', 'rival'), ...fresh, study: opened, view, refused: []}))
      return [next, state.batch ? [...effects, ...recogniseEffects(next)] : effects]
    }
    case 'recognised': {
      const {state: next, session} = recognised(state, action.pairs)
      return session ? act(next, {type: 'session-read', session, from: 'series', savedMs: null, shelved: false}) : [next, []]
    }
    case 'encoded': {
      const job = jobAnswered(state, 'encode', action.id)
      if (!study || !job) return [state, []]
      const slices = study.slices.map((slice, i) =>
        i === job.sliceIdx ? {...slice, encoding: /** @type {const} */ ('done'), probabilities: action.probabilities} : slice,
      )
      const encodeMs = {...state.encodeMs, [state.modelName ?? '']: Math.round(action.ms)}
      return [{...endJob(state, job.id), study: {...study, slices}, encodeMs}, []]
    }
    case 'segmented':
      return [segmented(state, action), []]
    case 'measured':
      return [measured(state, action), []]
    case 'compared':
      return [compared(state, action), []]
    case 'reference-given':
      return lookAsked(state, {blob: action.blob, name: action.name, demo: null}, 'reference')
    case 'reference-toggled':
      return [state.reference ? {...state, reference: {...state.reference, isShown: !state.reference.isShown}} : state, []]
    case 'reference-removed':
      return [{...state, ...noReference()}, []]
    case 'looked': {
      const {state: next, open} = looked(state, action)
      return open ? act(next, {type: 'file-given', ...open, as: 'picture'}) : [next, []]
    }
    case 'copy-asked':
      return [state, [{type: 'copy', words: action.words}]]
    case 'copied':
      return [{...state, notice: {key: 'notice.copied'}}, []]
    case 'exported':
      if (!jobAnswered(state, 'export', action.id)) return [state, []]
      return [{...endJob(state, action.id), notice: savedNotice(state, action.name), failure: lastingFailure(state)}, []]
    case 'job-failed': {
      const job = state.jobs.find(({id}) => id === action.id)
      if (!job) return [state, []]
      const retried = job.kind === 'open' ? nextOfBatch(endJob(state, job.id), job.source, action.failure) : null
      if (retried) return [retried, []]
      const failure = job.kind === 'open' && state.batch && action.failure.code.startsWith('open.') ? noneOpens(state.batch.n) : action.failure
      const stopped = afterStop(state, job)
      const isPassedOver = job.kind === 'open' && PASSED_OVER.test(action.failure.code) && state.series.includes(job.source)
      const series = isPassedOver ? without(state.series, job.source) : state.series
      const told = isPassedOver && failure === action.failure ? {...failure, file: job.source.name} : failure
      return [{...(isMissed(job) ? withoutMasks(stopped) : stopped), failure: told, batch: null, series}, []]
    }
    case 'workers-changed':
      return [{...state, workers: action.bytes, workersMax: action.max}, []]
    case 'worker-restarted':
      // A question that waits for an answer stays.
      return [{...state, note: state.note ?? {kind: 'restarted'}}, []]
    case 'offline-changed':
      return [{...state, offline: action.offline}, []]
    case 'files-kept':
      return [{...state, files: action.kept ? 'kept' : 'refused'}, []]
    case 'update-found':
      return [{...state, hasUpdate: true}, []]
    case 'update-taken':
      return [state, [{type: 'reload'}]]
    case 'installable':
      return [{...state, installable: action.installable}, []]
    case 'install-asked':
      return [state, [{type: 'install'}]]
    case 'failed':
      return [{...state, failure: action.failure, fatal: state.fatal || action.fatal}, []]
    case 'failure-closed':
      return [{...state, failure: null}, []]
    case 'note-closed':
      return [noteClosed(state), []]
    case 'note-answered':
      return noteAnswered(state, action.answer)
    case 'forget-asked':
      return [allForgotten(state), [{type: 'forget'}]]
    case 'forgot':
      return [{...state, notice: {key: 'notice.forgot'}}, []]
    case 'cancelled':
      return stoppedByHand({...state, batch: null})
    case 'retried': {
      const missing = modelToRetry(state)
      if (missing !== null) return modelChosen(state, missing)
      const next = {...state, failure: null, refused: []}
      return [study && currentSlice(study).encoding === 'stopped' ? withEncoding(next, 'waiting') : next, []]
    }
    case 'tick': {
      if (state.jobs.length === 0) return [{...state, ticking: false}, []]
      const jobs = state.jobs.map((job) => (job.startedMs === null ? {...job, startedMs: action.nowMs} : job))
      return [{...state, jobs, nowMs: action.nowMs}, [{type: 'tick-later'}]]
    }
    case 'closed': {
      const [idle, effects] = makeWay(state)
      const shelved = idle.study ?? state.shelved
      const shelvedReference = idle.study ? state.reference : state.shelvedReference
      const nothing = {
        study: null, ...noReference(), pending: null, draft: null, stroke: null, brushAt: null, anchor: null, windowDraft: null, selected: [],
        failure: null, notice: null, panelOpen: false,
      }
      return [{...withoutJobs(withoutSaving(idle), 'refine', 'rival'), shelved, shelvedReference, ...nothing}, effects]
    }
    case 'resumed': {
      const {shelved} = state
      if (!shelved) return [state, []]
      // What was being opened meanwhile would take its place.
      const [idle, effects] = makeWay(state, isOpening)
      const view = fitView(currentSlice(shelved), state.viewport)
      const reference = state.shelvedReference
      return [{...idle, study: shelved, shelved: null, ...noReference(), reference, shelvedReference: null, view, pending: null, batch: null, reopening: null, refused: []}, effects]
    }

    case 'viewport-changed': {
      const {viewport} = action
      const view = study && state.view.fit ? fitView(currentSlice(study), viewport) : state.view
      return [{...state, viewport, view}, []]
    }
    case 'view-changed':
      return [{...state, view: action.view}, []]
    case 'zoomed': {
      if (!study || isHeld(state)) return [state, []]
      const at = action.at ?? /** @type {const} */ ([state.viewport.width / 2, state.viewport.height / 2])
      return [{...state, view: zoomAt(state.view, state.viewport, currentSlice(study), action.factor, at)}, []]
    }
    case 'fitted':
      return [study && !isHeld(state) ? {...state, view: fitView(currentSlice(study), state.viewport)} : state, []]

    case 'tool-chosen':
      // Said too: a key is pressed without a look at the tools, and a finger sees no tooltip.
      return [{...state, tool: action.tool, anchor: null, draft: null, stroke: null, notice: {key: `tool.${action.tool}.title`}}, []]
    case 'touch-used':
      return [state.touch === action.touch ? state : {...state, touch: action.touch}, []]
    case 'pen-used':
      return [state.pen ? state : {...state, pen: true}, []]
    case 'calm-wished':
      return [{...state, calm: action.calm}, []]
    case 'menu-toggled':
      return [{...state, menu: action.menu === state.menu ? null : action.menu}, []]
    case 'sheet-toggled':
      return [{...state, sheet: action.sheet === state.sheet ? null : action.sheet, menu: null}, []]
    case 'panel-toggled':
      return [{...state, panelOpen: action.open}, []]
    case 'dropping':
      return [state.dropping === action.over ? state : {...state, dropping: action.over}, []]
    case 'mask-style-toggled':
      return [{...state, maskStyle: state.maskStyle === 'fill' ? 'outline' : 'fill'}, []]
    case 'masks-toggled':
      return [{...state, layers: state.layers === 'both' || state.layers === 'masks' ? 'picture' : 'both'}, []]
    case 'picture-toggled':
      return [{...state, layers: state.layers === 'both' || state.layers === 'picture' ? 'masks' : 'both'}, []]
    case 'layers-chosen':
      return [{...state, layers: action.layers}, []]
    case 'opacity-chosen':
      return [{...state, opacity: clamp(action.opacity, 0, 1)}, []]
    case 'invert-toggled':
      return [{...state, invert: !state.invert}, []]
    case 'smooth-toggled':
      return [{...state, smooth: !state.smooth}, []]
    case 'pointed':
      return [pointed(state, action.at), []]
    case 'probed':
      return [probeAnswered(state, action), []]
    case 'window-dragged':
      return [windowDragged(state, action.window), []]
    case 'window-kept':
      return windowKept(state, action)
    case 'preset-chosen':
      return presetChosen(state, action.preset)
    case 'masks-renewed':
      return [masksRenewed(state), []]
    case 'pixel-sized':
      return [pixelSized(state, action.mm), []]
    case 'windowed':
      return [windowed(state, action), []]
    case 'window-settled':
      return [windowSettled(state, action.turn), []]
    case 'theme-toggled':
      return [{...state, theme: state.theme === 'dark' ? 'light' : 'dark'}, []]
    case 'locale-chosen':
      return [{...state, locale: action.locale}, []]
    case 'mode-chosen':
      return [{...state, mode: action.mode}, []]
    case 'class-chosen': {
      if (!study || study.work.classChoice === action.choice) return [{...state, menu: null}, []]
      const label = {key: /** @type {const} */ ('undo.class')}
      const work = {...study.work, classChoice: action.choice}
      return [{...state, menu: null, study: commit(study, work, label)}, []]
    }

    case 'rival-chosen':
      return [rivalChosen(state, action.choice), []]
    case 'rival-made':
      return [rivalMade(state, action), []]

    case 'anchor-set':
      return [{...state, anchor: action.at, notice: {key: 'hint.second'}}, []]
    case 'drafted':
      return [drafted(state, action), []]
    case 'draft-kept':
      return [draftKept(state), []]
    case 'draft-dropped':
      return [letGo(state), []]
    case 'box-placed': {
      if (!study) return [state, []]
      const {view, viewport} = state
      const reach = Math.min(viewport.width, viewport.height) / view.zoom / 6
      const [x, y] = view.centre
      const box = boxBetween([x - reach, y - reach], [x + reach, y + reach], currentSlice(study))
      return [draftKept(drafted(state, {id: null, verb: 'draw', box})), []]
    }
    case 'nudged': {
      const [id] = state.selected
      const item = study?.work.items.find((one) => one.id === id)
      if (!study || !item) return [state, []]
      const picture = currentSlice(study)
      const [x0, y0, x1, y1] = item.box
      const box = action.resize
        ? boxBetween([x0, y0], [Math.max(x1 + action.dx, x0 + 2), Math.max(y1 + action.dy, y0 + 2)], picture)
        : moveBox(item.box, action.dx, action.dy, picture)
      const next = changeBox(state, item.id, box, action.resize ? 'undo.resize' : 'undo.move', {isNudge: true})
      const [x, y, right, lower] = box.map(Math.round)
      const told = {key: /** @type {const} */ ('notice.box'), values: {n: item.id, x, y, width: right - x, height: lower - y}}
      return [next.notice === state.notice ? {...next, notice: told} : next, []]
    }
    case 'selected':
      // A box of which one corner is set ends here; one that a hand drags does not.
      return [{...(state.anchor ? letGo(state) : state), selected: action.id === null ? [] : [action.id]}, []]
    case 'hovered':
      return [state.hovered === action.id ? state : {...state, hovered: action.id}, []]
    case 'select-next': {
      if (!study) return [state, []]
      const items = currentItems(study)
      if (items.length === 0) return [state, []]
      const at = items.findIndex(({id}) => id === state.selected[0])
      const to = at < 0 ? (action.step > 0 ? 0 : items.length - 1) : (at + action.step + items.length) % items.length
      const {id} = /** @type {(typeof items)[number]} */ (items[to])
      // Said too, for those who do not see the list.
      return [{...state, selected: [id], notice: {key: 'object.name', values: {n: id}}}, []]
    }
    case 'removed':
      return [removed(state, action.id), []]
    case 'all-removed':
      return [allRemoved(state), []]
    case 'renamed':
      return [renamed(state, action.id, action.name.trim().slice(0, 80)), []]
    case 'lock-toggled':
      return [lockToggled(state, action.id), []]
    case 'duplicated':
      return [duplicated(state, action.id), []]
    case 'visibility-toggled': {
      if (!study) return [state, []]
      // Looking is not doing: it is no step of its own, and undo leaves it alone.
      const visible = !itemById(state, action.id)?.visible
      const change = (/** @type {Work} */ work) => changeItem(work, action.id, (item) => ({...item, visible}))
      return [{...state, study: changeEverywhere(study, change)}, []]
    }

    case 'brush-sized':
      return [withBrushBy(state, action.factor), []]
    case 'brush-chosen':
      return [{...state, brushPx: action.px}, []]
    case 'brush-at':
      return [state.brushAt === action.at ? state : {...state, brushAt: action.at}, []]
    case 'brush-moved':
      return [brushMoved(state, action.dx, action.dy), []]
    case 'brush-pressed':
      return [brushPressed(state), []]
    case 'verb-swapped':
      return [verbSwapped(state), []]
    case 'lasso-verb-chosen':
      return [{...state, lassoVerb: action.verb}, []]
    case 'stroke-begun':
      return [strokeBegun(state, action), []]
    case 'stroke-moved':
      return [strokeMoved(state, action.points), []]
    case 'stroke-kept':
      return [strokeKept(state), []]
    case 'refine-asked':
      return refineAsked(state, action.how)
    case 'refined':
      return [refined(state, action), []]
    case 'mask-reset':
      return [maskReset(state, action.id), []]

    case 'undo':
      return [study ? stepped(state, undo(study)) : state, []]
    case 'redo':
      return [study ? stepped(state, redo(study)) : state, []]

    case 'save-asked':
      return saveAsked(state, action.what)
    case 'escape': {
      if (state.menu) return [{...state, menu: null}, []]
      if (state.sheet) return [{...state, sheet: null}, []]
      if (state.draft || state.anchor || state.stroke || state.windowDraft) {
        return [letGo(state), []]
      }
      // The way back to what the browser kept is closed by its own button alone.
      if (state.note && state.note.kind !== 'kept') return [{...state, note: null}, []]
      if (state.panelOpen) return [{...state, panelOpen: false}, []]
      if (state.jobs.some(canStop)) return stoppedByHand(state)
      return [{...state, selected: []}, []]
    }
    default:
      return unreachable(action)
  }
}

/** @param {State} state @returns {State} */
const letGo = (state) => ({...state, draft: null, anchor: null, stroke: null, windowDraft: null, notice: state.anchor ? null : state.notice})

/** A line is drawn, and a box dragged, on the picture as it lies. Between two clicks nothing is held. @param {State} state */
const isHeld = ({stroke, draft, anchor}) => stroke !== null || (draft !== null && !anchor)

/** Without what these make, what waits to be saved would lack a mask, or have one of another box. @param {Job} job */
const isMissed = ({kind}) => kind === 'encode' || kind === 'segment' || kind === 'refine' || kind === 'window'

/** @param {State} state @returns {[State, Effect[]]} */
function stoppedByHand(state) {
  const [idle, effects] = stopWork(state)
  return [state.jobs.some((job) => canStop(job) && isMissed(job)) ? withoutMasks(idle) : idle, effects]
}

/** @param {State} state @param {import('./types.js').NoteAnswer} answer @returns {[State, Effect[]]} */
function noteAnswered(state, answer) {
  const note = shownNote(state)
  const closed = {...state, note: null}
  if (answer === 'forget' && note?.kind === 'replaced') return asideForgotten(closed, note.session)
  if (answer === 'forget') return act(closed, {type: 'forget-asked'})
  if (note?.kind === 'offer') {
    if (answer === 'reference') return [withReference(closed, note.source.name, note.structures), []]
    if (answer === 'boxes') return [withBoxes(closed, note.boxes), []]
    return act(closed, {type: 'file-given', ...note.source, as: 'picture'})
  }
  if (note?.kind === 'replaced') return act(closed, {type: 'session-read', session: note.session, from: 'file', savedMs: null, shelved: false})
  if (note?.kind !== 'kept') return [closed, []]
  // It was chosen now, and stands back behind nothing that was asked for before.
  const [idle, effects] = makeWay({...closed, pending: null}, isOpening)
  const [next, asked] = act(idle, {type: 'session-read', session: note.session, from: 'browser', savedMs: note.savedMs, shelved: false})
  return [next, [...effects, ...asked]]
}

/** @param {never} action @returns {never} */
function unreachable(action) {
  throw new Error(`no such action: ${JSON.stringify(action)}`)
}

/**
 * A late answer to an older box is shown under the pointer while that box still moves, and is dropped otherwise.
 * @param {State} state @param {Extract<Action, {type: 'segmented'}>} action @returns {State}
 */
function segmented(state, {id, at, masks, run}) {
  const {study, draft} = state
  const job = jobAnswered(state, 'segment', id)
  if (!study || !job) return state
  const left = job.left - at.length
  const rest = left > 0 ? changeJob(state, job, {left}) : endJob(state, id)
  // That a mask of a person's own gave way is told longer than its successor takes.
  const notice = state.notice?.key === 'notice.asksAgain' ? state.notice : null
  const next = {...rest, lastRun: run, hintSeen: true, failure: lastingFailure(state), notice}
  /** @type {Map<number, import('./types.js').Mask>} */
  const made = new Map()
  masks.forEach((mask, i) => {
    const place = /** @type {number} */ (at[i])
    made.set(/** @type {number} */ (job.ids[place]), {...mask, key: /** @type {string} */ (job.keys[place]), window: job.window})
  })
  if (job.isDraft) {
    const mask = draft && made.get(draft.id)
    return mask ? {...next, draft: {...draft, mask}} : next
  }
  const change = (/** @type {Work} */ work) => ({
    ...work,
    items: work.items.map((item) => {
      const mask = made.get(item.id)
      // What a person has changed meanwhile, or had changed in that version, stays as they made it. So does a mask that a
      // version wishes for and has: it may have been made while another window was set
      const isWished = mask && mask.key === maskKey(state, item.box, state.mode, toldClass(state, work.classChoice)) && mask.key !== item.mask?.key
      // So does the mask of a version in which it was locked.
      const isHeldFast = item.locked && item.mask !== null && work !== study.work
      return isWished && !isEdited(item) && !isHeldFast ? {...item, mask} : item
    }),
  })
  return {...next, study: changeEverywhere(study, change)}
}

/** Whoever draws sees what comes of it. @param {State} state @param {{id: number | null, verb: Draft['verb'], box: Box}} wish @returns {State} */
function drafted(state, {id, verb, box: wished}) {
  const {study, draft} = state
  if (!study) return state
  const [x0, y0, x1, y1] = wished
  const box = boxBetween([x0, y0], [x1, y1], currentSlice(study)) // A hand may have begun on another picture.
  if (draft && draft.verb === verb && (id === null ? draft.isNew : draft.id === id)) return {...state, draft: {...draft, box}}
  const layers = state.layers === 'picture' ? 'both' : state.layers
  if (id === null) {
    return {...state, layers, draft: {id: study.work.lastItemId + 1, isNew: true, verb, box, mask: null}, selected: []}
  }
  const item = itemById(state, id)
  const notice = item && lockedNotice(item)
  if (notice) return {...state, notice, selected: [id]}
  return item ? {...state, layers, draft: {id, isNew: false, verb, box, mask: item.mask}, selected: [id]} : state
}

/** @param {State} state @returns {State} */
function draftKept(state) {
  const {study, draft} = state
  const idle = letGo(state)
  if (!study || !draft) return idle
  if (!isBigEnough(draft.box)) return {...idle, notice: {key: 'notice.boxSmall', values: {n: BOX_MIN_PX}}}
  if (!draft.isNew) return changeBox(idle, draft.id, draft.box, draft.verb === 'resize' ? 'undo.resize' : 'undo.move', {mask: draft.mask})
  const item = itemFromDraft(study, draft)
  const work = {...study.work, items: [...study.work.items, item], lastItemId: item.id}
  return {...withWork(idle, work, {key: 'undo.draw', values: {n: item.id}}), selected: [item.id]}
}

/**
 * @param {State} state @param {number} id @param {Box} box @param {'undo.move' | 'undo.resize'} key
 * @param {{isNudge?: boolean, mask?: Draft['mask']}} options  isNudge: continues the nudges before it; mask: a preview to show until
 * the final one is there
 * @returns {State}
 */
function changeBox(state, id, box, key, {isNudge = false, mask}) {
  const {study} = state
  const item = itemById(state, id)
  if (!study || !item || sameBox(item.box, box)) return state
  const notice = lockedNotice(item)
  if (notice) return {...state, notice}
  const work = changeItem(study.work, id, (one) => ({...one, box, mask: mask === undefined ? one.mask : mask}))
  // By a name of their own, so that one undo takes back what the keys did and not what the mouse did before.
  const label = {key, values: isNudge ? {n: id, by: 'key'} : {n: id}}
  const next = {...state, study: commit(study, work, label, {merge: isNudge})}
  return isEdited(item) ? {...next, notice: {key: 'notice.asksAgain', values: {n: id}}} : next
}

/** After undo or redo, nothing that is gone stays selected, and one object that came back is. @param {State} state @param {Study} study @returns {State} */
function stepped(state, study) {
  const there = new Set(study.work.items.map(({id}) => id))
  const before = new Set(state.study?.work.items.map(({id}) => id))
  const back = study.work.items.filter(({id}) => !before.has(id)).map(({id}) => id)
  const selected = back.length === 1 ? back : state.selected.filter((id) => there.has(id))
  return {...state, study, selected, notice: null, draft: null, windowDraft: null, anchor: null, stroke: null, hovered: null, menu: null}
}
