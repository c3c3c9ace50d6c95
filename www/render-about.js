/** What the "about" sheet says of this device. */

/** @import {State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {element, show} from './dom.js'

/** @param {(name: string) => HTMLElement} part @param {State} state @param {Translator} translator */
export function renderDevice(part, state, translator) {
  part('deviceFacts').replaceChildren(...deviceTexts(state, translator).map((words) => element('li', {}, [words])))
  show(part('install'), state.installable)
}

/** @param {State} state @param {Translator} translator @returns {string[]} */
export function deviceTexts({workers, workersMax, offline, files}, {t, size, integer}) {
  const n = workers.length
  const sizes = workers.map((bytes) => (bytes > 0 ? size(bytes) : '…')).join(' + ')
  const works = n > 0 ? t('about.workers', {n: integer(n), max: integer(workersMax), sizes}) : t('about.workers.none', {max: integer(workersMax)})
  // The page alone is of no use without the engine and a model.
  return [works, t(`about.offline.${offline === 'ready' && files !== 'kept' ? files : offline}`)]
}
