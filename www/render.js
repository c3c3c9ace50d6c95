/** From the state to the page. Reads nothing back; a part is touched only when what it shows has changed. */

/** @import {Label, MessageKey, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {attribute, check, element, enable, icon, show, text} from './dom.js'
import {viewFromImage} from './geometry.js'
import {LANGUAGES} from './i18n.js'
import {encodeTime} from './encode-time.js'
import {waitingNames} from './exporting.js'
import {canStop as isStoppable, foremostJob} from './jobs.js'
import {createComparison} from './render-compare.js'
import {modelToRetry} from './model-choice.js'
import {createMeasures} from './render-measures.js'
import {renderDevice} from './render-about.js'
import {shownNote} from './reopen.js'
import {hasSeriesToSave, placeIn} from './series.js'
import {renderKeeping, renderNote} from './render-note.js'
import {renderCorrect} from './render-correct.js'
import {createObjects} from './render-objects.js'
import {classText, predictedClass, renderClasses} from './render-classes.js'
import {renderView, valueFacts} from './render-view.js'
import {wantedWindow} from './windowing.js'
import {currentItems, currentSlice, progressOf} from './work.js'

/** A wait under this is not worth a word. */
const QUIET_MS = 150
/** From here on a wait can be stopped, and says how long it takes. */
const LONG_MS = 2000

/** Failures that trying again does not mend: they are of what was given. */
const OF_A_FILE = /^(open\.|labels\.|boxes\.|page\.(session|not-kept|copy|no-picture|cross-origin|none-opens|not-a-file|unreadable))/

/** @typedef {Readonly<Record<string, HTMLElement>>} Parts */

/**
 * Every element with `data-part`, by that name.
 * @param {ParentNode} root @returns {(name: string) => HTMLElement}
 */
export function findParts(root) {
  const parts = new Map([...root.querySelectorAll('[data-part]')].map((node) => [/** @type {HTMLElement} */ (node).dataset.part, /** @type {HTMLElement} */ (node)]))
  return (name) => {
    const part = parts.get(name)
    if (!part) throw new Error(`index.html has no part "${name}"`)
    return part
  }
}

/** Texts that do not depend on the state. @param {Document} root @param {Translator} translator */
export function renderTexts(root, {t, locale}) {
  root.documentElement.lang = locale
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-t], [data-t-title], [data-t-label]'))) {
    const {t: text, tTitle, tLabel, key} = /** @type {Record<string, MessageKey | undefined>} */ (node.dataset)
    if (text) node.textContent = t(text)
    if (tLabel) node.setAttribute('aria-label', t(tLabel))
    if (tTitle) node.title = key ? `${t(tTitle)} (${key})` : t(tTitle)
    if (key) node.setAttribute('aria-keyshortcuts', key)
  }
}

/**
 * @param {(name: string) => HTMLElement} part @param {Translator} translator
 * @returns {(state: State, previous: State | null) => void}
 */
export function createRenderer(part, translator) {
  const {t} = translator
  const renderObjects = createObjects(part, translator)
  const renderMeasures = createMeasures(part, translator)
  const renderComparison = createComparison(part, translator)
  part('classes').replaceChildren()
  part('language').replaceChildren(...Object.entries(LANGUAGES).map(([value, name]) => element('option', {value, lang: value}, [name])))
  return (state, previous) => {
    const changed = (/** @type {(keyof State)[]} */ ...keys) => !previous || keys.some((key) => state[key] !== previous[key])
    renderPage(part, state)
    if (changed('locale')) /** @type {HTMLSelectElement} */ (part('language')).value = state.locale
    if (changed('demos')) renderTiles(part, state, translator)
    if (changed('models', 'modelName', 'model', 'menu', 'encodeMs')) renderModels(part, state, translator)
    if (changed('study', 'draft', 'selected', 'hovered', 'refused', 'model', 'mode')) {
      renderObjects(state, previous)
    }
    if (changed('study', 'model', 'rival', 'selected', 'draft', 'stroke', 'mode')) renderClasses(part, state, translator)
    if (changed('study', 'windowDraft')) renderFacts(part, state, translator)
    renderView(part, state, previous, translator)
    if (changed('mode', 'encodeMs', 'modelName', 'lastRun')) renderCloser(part, state, translator)
    if (state.shelved && changed('shelved')) text(part('resume'), t('empty.resume', {name: translator.sourceName(state.shelved.source)}))
    if (changed('sheet')) for (const name of /** @type {const} */ (['keys', 'about'])) renderSheet(part(`${name}Sheet`), state.sheet === name)
    renderBar(part, state, translator)
    if (changed('study', 'tool', 'selected', 'brushPx', 'lassoVerb', 'jobs', 'refused', 'model', 'mode')) renderCorrect(part, state, translator)
    if (changed('series', 'study', 'pending', 'jobs')) renderLeaf(part, state, translator)
    renderHint(part, state, translator)
    renderFailure(part, state, translator)
    if (changed('study', 'measures', 'selected')) renderMeasures(state)
    if (changed('study', 'reference', 'comparisons', 'selected', 'layers')) renderComparison(state)
    if (changed('note', 'aside', 'series', 'study')) renderNote(part, shownNote(state), translator)
    if (changed('keeping')) renderKeeping(part, state.keeping)
    if (changed('workers', 'workersMax', 'offline', 'files', 'installable')) renderDevice(part, state, translator)
    if (changed('hasUpdate')) {
      show(part('update'), state.hasUpdate)
      text(part('updateText'), state.hasUpdate ? t('update.ready') : '')
    }
    renderStatus(part, state, previous, translator)
  }
}

/** @param {(name: string) => HTMLElement} part @param {State} state */
function renderPage(part, state) {
  attribute(document.documentElement, 'data-theme', state.theme)
  const page = part('page')
  attribute(page, 'data-study', state.study ? 'open' : 'none')
  attribute(page, 'data-panel', state.panelOpen ? 'open' : 'closed')
  show(part('canvas'), state.study !== null)
  // Nothing is shown before all of it can be: what is read does not jump.
  show(part('empty'), state.study === null && (state.models.length > 0 || state.failure !== null))
  show(part('resume'), state.shelved !== null)
  show(part('drop'), state.dropping)
  attribute(part('panelButton'), 'aria-expanded', state.panelOpen)
  for (const node of part('tools').querySelectorAll('[data-tool]')) {
    const tool = /** @type {HTMLElement} */ (node)
    attribute(tool, 'aria-pressed', tool.dataset.tool === state.tool)
  }
  attribute(part('outline'), 'aria-pressed', state.maskStyle === 'outline')
  attribute(part('masks'), 'aria-pressed', state.layers !== 'picture')
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderLeaf(part, state, {t}) {
  const [i, n] = [placeIn(state), state.series.length]
  show(part('leaf'), state.study !== null && i >= 0 && n > 1)
  // They keep the focus at either end.
  attribute(part('leafBack'), 'aria-disabled', i <= 0)
  attribute(part('leafOn'), 'aria-disabled', i >= n - 1)
  text(part('leafPlace'), t('series.place', {i: i + 1, n}))
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderTiles(part, state, {t, demoTitle, className}) {
  text(part('emptyTitle'), t('empty.drop'))
  const tiles = state.demos.map((demo, i) => {
    const picture = element('img', {src: `demos/${demo.file}`, alt: '', loading: 'eager', decoding: 'async', draggable: 'false'})
    const [title, modality] = [demoTitle(demo), className(demo.modality.toLowerCase())]
    const label = t('empty.demo', {title, modality, source: demo.source, licence: demo.licence})
    const caption = element('span', {class: 'tile-caption'}, [element('b', {}, [modality]), element('span', {}, [title])])
    const source = element('small', {class: 'tile-source'}, [`${demo.source} · ${demo.licence.replaceAll(' ', '\u00A0')}`])
    return element('li', {}, [element('button', {class: 'tile', 'data-demo': String(i), title: label}, [picture, caption, source])])
  })
  part('tiles').replaceChildren(...tiles)
  part('demoCredits').replaceChildren(...state.demos.map((demo) =>
    element('li', {}, [element('b', {}, [`${className(demo.modality.toLowerCase())}: ${demoTitle(demo)}. `]), `${demo.attribution} ${demo.licence}.`])))
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderModels(part, state, translator) {
  const {t} = translator
  const chosen = state.models.find(({name}) => name === state.modelName)
  text(part('modelName'), chosen?.title ?? '')
  show(part('modelMenu'), state.models.length > 0)
  const words = `${t('bar.model')}: ${chosen?.title ?? ''}`
  attribute(part('modelButton'), 'aria-label', words)
  text(part('panelModel'), words)
  for (const name of ['modelButton', 'panelModel']) attribute(part(name), 'aria-expanded', state.menu === 'model')
  show(part('modelList'), state.menu === 'model')
  const told = state.models.map((model) => {
    const expected = encodeTime(state, model)
    const facts = [t('model.bytes', {size: translator.size(model.bytes)})]
    if (expected) facts.push(t(expected.isMeasured ? 'model.perPicture' : 'model.perPictureAbout', {time: translator.duration(expected.ms)}))
    // Manifests are English. The sheet about medbox has their own words, and the licence.
    const use = model.intendedUse.startsWith('Research and teaching') ? t('empty.disclaimer') : model.intendedUse
    return {name: model.name, title: model.title, facts: facts.join(' · '), use, isChosen: model.name === state.modelName}
  })
  renderModelList(part('modelList'), told)
  part('modelCredits').replaceChildren(...state.models.map((model) =>
    element('li', {}, [element('b', {}, [`${model.title}. `]), `${model.licence}. ${model.intendedUse}`])))
}

/**
 * Made anew only when it tells something else: the focus may stand in it.
 * @param {HTMLElement} list @param {readonly {name: string, title: string, facts: string, use: string, isChosen: boolean}[]} told
 */
function renderModelList(list, told) {
  const words = JSON.stringify(told)
  if (list.dataset.told === words) return
  list.dataset.told = words
  list.replaceChildren(...told.map(({name, title, facts, use, isChosen}) =>
    element('button', {'data-model': name, 'aria-pressed': String(isChosen)}, [
      element('b', {}, isChosen ? [title, icon('check')] : [title]),
      element('span', {}, [facts]),
      element('span', {}, [use]),
    ])))
}

/** Looking closer, and what it costs. @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderCloser(part, state, translator) {
  const {t, duration, count} = translator
  const {mode, lastRun} = state
  const ms = state.encodeMs[state.modelName ?? '']
  check(part('closer'), mode === 'default')
  const cost = ms ? t('panel.closer.note', {time: duration(ms)}) : t('panel.closer.noteUntimed')
  const run = mode === 'default' && lastRun && lastRun.tiles > 0
    ? ` ${t('panel.closer.last', {looks: count('status.closer', lastRun.tiles), n: lastRun.encodes, time: duration(lastRun.ms)})}`
    : ''
  text(part('closerNote'), cost + run)
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderBar(part, state, translator) {
  const {t} = translator
  const {study} = state
  text(part('file'), study ? translator.sourceName(study.source) : '')
  document.title = study ? `${translator.sourceName(study.source)} · medbox` : t('app.title')
  const undo = study?.past.at(-1)?.label
  const redo = study?.future.at(-1)?.label
  renderStep(part('undo'), undo ? t('bar.undo.what', {what: translator.label(undo)}) : t('bar.undo'), `${t('key.ctrl')}+Z`, undo)
  renderStep(part('redo'), redo ? t('bar.redo.what', {what: translator.label(redo)}) : t('bar.redo'), `${t('key.ctrl')}+Y`, redo)
  const isOfSeries = hasSeriesToSave(state)
  enable(part('saveButton'), isOfSeries || (study?.work.items.length ?? 0) > 0)
  show(part('saveSeries'), isOfSeries)
  attribute(part('saveButton'), 'aria-expanded', state.menu === 'save')
  show(part('saveList'), state.menu === 'save')
  show(part('classButton'), study !== null && state.model?.takesClass === true)
  if (!study) return
  text(part('className'), classText(state, translator))
  const {width, height} = currentSlice(study)
  attribute(part('canvas'), 'aria-label', t('viewer.label', {name: translator.sourceName(study.source), width, height}))
}

/** @param {HTMLElement} button @param {string} words @param {string} keys @param {Label | undefined} label */
function renderStep(button, words, keys, label) {
  attribute(button, 'aria-label', words)
  attribute(button, 'title', `${words} (${keys})`)
  enable(button, label !== undefined)
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderFacts(part, state, translator) {
  const {study} = state
  if (!study) return
  const {t} = translator
  const slice = currentSlice(study)
  const {width, height} = slice
  const {demo} = study.source
  const facts = [
    element('dd', {class: 'facts-name'}, [translator.sourceName(study.source)]),
    element('dd', {}, [t('panel.picture.size', {width, height})]),
    element('dd', {}, [t('panel.picture.format', {format: study.format, bits: study.bits})]),
    ...valueFacts(slice, wantedWindow(state, study), translator),
  ]
  if (demo) {
    facts.push(element('dt', {}, [t('panel.picture.source')]), element('dd', {}, [demo.attribution]))
    facts.push(element('dt', {}, [t('panel.picture.licence')]), element('dd', {}, [demo.licence]))
  }
  part('facts').replaceChildren(...facts)
}

/** One hint at a time, beside what it speaks of, gone after the first success. @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderHint(part, state, {t}) {
  const hint = part('hint')
  const {study} = state
  const demo = study?.source.demo
  const isFirst = study !== null && study.work.items.length === 0 && !state.draft && !state.failure && state.tool === 'box'
  const wanted = study && state.anchor && !state.hintSeen ? t('hint.second') : isFirst && (!state.hintSeen || demo) ? t('hint.draw') : ''
  show(hint, wanted !== '')
  if (wanted === '' || !study) return
  text(hint, wanted)
  const picture = currentSlice(study)
  const [x0, y0, x1] = demo?.box ?? [picture.width * 0.25, 0, picture.width * 0.75]
  const [x, y] = viewFromImage(state.view, state.viewport, state.anchor ?? [(x0 + x1) / 2, y0])
  hint.style.setProperty('--x', `${Math.round(Math.min(Math.max(x, 120), state.viewport.width - 120))}px`)
  hint.style.setProperty('--y', `${Math.round(Math.min(Math.max(y - 12, 44), state.viewport.height - 16))}px`)
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
function renderFailure(part, state, translator) {
  const {failure} = state
  show(part('failure'), failure !== null)
  if (!failure) return
  const {message, hint} = translator.failure(failure)
  text(part('failureMessage'), failure.file ? translator.t('error.ofFile', {name: failure.file, message}) : message)
  const standIn = failure.model && state.standsInFor ? state.models.find(({name}) => name === state.modelName) : undefined
  text(part('failureHint'), standIn ? `${hint} ${translator.t('error.standsIn', {title: standIn.title})}` : hint)
  const {study, refused} = state
  const isMissing = modelToRetry(state) !== null || refused.length > 0 || (study !== null && currentSlice(study).encoding === 'stopped')
  const canRetry = !state.fatal && !OF_A_FILE.test(failure.code) && isMissing
  show(part('retry'), canRetry)
}

/** @param {HTMLElement} node @param {boolean} open */
function renderSheet(node, open) {
  const dialog = /** @type {HTMLDialogElement} */ (node)
  if (open && !dialog.open) dialog.showModal()
  if (!open && dialog.open) dialog.close()
}

/** @param {(name: string) => HTMLElement} part @param {State} state @param {State | null} previous @param {Translator} translator */
function renderStatus(part, state, previous, translator) {
  const {t} = translator
  const {words, share, canStop} = progress(state, translator)
  const isBusy = share !== null
  text(part('statusText'), words)
  attribute(part('statusText'), 'title', words) // Where it does not fit.
  // What is heard changes with the stage, not with every tick of the clock.
  const isNews = !previous || stageOf(previous) !== stageOf(state) || progress(previous, translator).share === null
  if (!isBusy || isNews) text(part('live'), words)
  show(part('progress'), isBusy)
  attribute(part('progress'), 'data-known', isBusy && share > 0)
  if (isBusy) {
    attribute(part('progress'), 'aria-label', words)
    if (share > 0) attribute(part('progress'), 'aria-valuenow', String(Math.round(share * 100)))
    else part('progress').removeAttribute('aria-valuenow')
    part('progressBar').style.setProperty('--share', String(share))
  }
  show(part('cancel'), canStop)
  const {lastRun, study} = state
  const looks = lastRun && lastRun.tiles > 0 ? ` · ${translator.count('status.closer', lastRun.tiles)}` : ''
  text(part('lastRun'), lastRun && study ? t('status.lastRun', {time: translator.duration(lastRun.ms)}) + looks : '')
  text(part('zoom'), study ? translator.percent(state.view.zoom) : '')
}

/** What is under way, without its numbers. @param {State} state */
const stageOf = (state) => foremostJob(state)?.kind ?? state.loading?.kind

/**
 * What happens now, in words and as a share (0: not known) of what there is to do; null when nothing is under way.
 * @param {State} state @param {Translator} translator @returns {{words: string, share: number | null, canStop: boolean}}
 */
export function progress(state, translator) {
  const {t, duration, size, percent} = translator
  const {loading, study} = state
  const job = foremostJob(state)
  const elapsed = job?.startedMs == null ? 0 : state.nowMs - job.startedMs
  const canStop = elapsed > LONG_MS / 4 && job !== undefined && isStoppable(job)
  if (job && elapsed >= QUIET_MS) {
    switch (job.kind) {
      case 'fetch': case 'open':
        return {...readingWords(job.read, translator), canStop}
      case 'encode': {
        const expected = state.encodeMs[state.modelName ?? '']
        if (!expected) return {words: t('status.encode', {time: duration(elapsed)}), share: 0, canStop}
        const left = expected - elapsed
        const words = expected > LONG_MS && left > 0 ? t('status.encode.left', {time: duration(left)}) : t('status.encode', {time: duration(elapsed)})
        return {words, share: Math.min(0.97, elapsed / expected), canStop}
      }
      case 'window':
        return {words: t('status.window'), share: 0, canStop}
      case 'segment': {
        const {n, done} = masksDone(state)
        const isOne = job.isDraft || n - done < 2
        const words = isOne ? t('status.segment', {time: duration(elapsed)}) : t('status.segment.many', {done, n})
        return {words: [words, ...saveWaits(state, translator)].join(' · '), share: isOne ? 1 - job.left / job.ids.length : done / n, canStop}
      }
      case 'look':
        return {words: t('status.open'), share: 0, canStop}
      case 'export':
        return {words: t('status.export'), share: 0, canStop: false}
    }
  }
  if (loading) {
    const share = loading.total > 0 ? loading.loaded / loading.total : 0
    const values = {size: size(loading.kind === 'model' ? loading.total : loading.loaded), percent: percent(share)}
    const waits = [...(state.pending ? [t('status.waitModel')] : []), ...saveWaits(state, translator)]
    return {words: [t(`status.loading.${loading.kind}`, values), ...waits].join(' · '), share, canStop: false}
  }
  return {words: idleWords(state, translator), share: job && job.startedMs !== null && elapsed >= QUIET_MS && study ? 0 : null, canStop: false}
}

/** What is to be saved, and needs masks that are being made or a model that is not there. @param {State} state @param {Translator} translator @returns {string[]} */
const saveWaits = (state, {t}) =>
  (state.saving.length === 0 ? [] : [t(state.model ? 'status.waitMasks' : 'status.waitSave', {names: waitingNames(state)})])

/** How many objects there are that the model draws or has drawn, and how many of them have their masks. @param {State} state */
function masksDone(state) {
  const all = state.study ? currentItems(state.study).map((item) => progressOf(state, item)) : []
  return {n: all.filter((progress) => progress !== 'refused').length, done: all.filter((progress) => progress === 'done').length}
}

/** @param {import('./types.js').Progress | null} read @param {Translator} translator @returns {{words: string, share: number}} */
function readingWords(read, {t, percent, size}) {
  if (!read) return {words: t('status.open'), share: 0}
  const {loaded, total} = read
  if (total === 0) return {words: t('status.loading.read', {size: size(loaded)}), share: 0}
  if (loaded >= total) return {words: t('status.opening'), share: 0}
  return {words: t('status.reading', {percent: percent(loaded / total), size: size(total)}), share: loaded / total}
}

/** @param {State} state @param {Translator} translator */
function idleWords(state, translator) {
  const {t, percent, count} = translator
  if (state.notice) return translator.label(state.notice)
  if (!state.study) return state.model ? t('status.ready') : ''
  const [waits] = state.model ? [] : saveWaits(state, translator)
  if (waits) return waits
  const {encoding} = currentSlice(state.study)
  if (encoding === 'stopped') return t('status.stopped')
  if (encoding !== 'done') return state.model ? t('status.encode.start') : ''
  const n = state.study.work.items.filter((item) => item.mask).length
  if (n === 0) return state.tool === 'box' ? t('status.readyForBox') : t(`tool.${state.tool}.title`)
  const seen = predictedClass(state)
  return count('status.masks', n) + (seen ? `, ${t('status.class', {name: translator.className(seen.name), percent: percent(seen.share)})}` : '')
}
