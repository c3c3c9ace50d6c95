/** The panel's section on the modality: what the model sees, what it is told, and what another class would change. */

/** @import {ClassChoice, Mask, State} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {attribute, check, element, show, text} from './dom.js'
import {objectColour} from './palette.js'
import {rivalChoice, rivalledItem, rivalShown} from './rival.js'
import {classChoices, currentSlice, toldClass} from './work.js'

/** @typedef {(name: string) => HTMLElement} Part */

/** @param {State} state @returns {{name: ClassChoice, share: number} | null} the class that the model sees */
export function predictedClass(state) {
  const probabilities = state.study && currentSlice(state.study).probabilities
  const classes = state.model?.classes
  if (!probabilities || !classes) return null
  const best = probabilities.indexOf(Math.max(...probabilities))
  return {name: classes[best] ?? '', share: probabilities[best] ?? 0}
}

/** What the model is told, for the bar. @param {State} state @param {Translator} translator */
export function classText(state, {t, percent, className}) {
  const choice = toldClass(state)
  if (choice === 'unknown') return t('bar.class.unknown')
  if (choice !== 'auto') return t('bar.class.chosen', {name: className(choice)})
  const predicted = predictedClass(state)
  return predicted ? t('bar.class.auto', {name: className(predicted.name), percent: percent(predicted.share)}) : t('bar.class.autoWait')
}

/** @param {ClassChoice} choice @param {Translator} translator */
const choiceWords = (choice, {t, className}) =>
  choice === 'auto' ? t('panel.class.auto') : choice === 'unknown' ? t('panel.class.unknown') : className(choice)

/** @param {Part} part @param {State} state @param {Translator} translator */
export function renderClasses(part, state, translator) {
  const {study, model} = state
  const choices = classChoices(state)
  const list = part('classes')
  show(list, choices.length > 0)
  show(part('noClass'), model !== null && choices.length === 0)
  show(part('classSection'), study !== null)
  show(part('rival'), choices.length > 0)
  if (!study || choices.length === 0) return
  if (list.children.length !== choices.length) {
    list.replaceChildren(...choices.map((choice) => element('label', {class: 'class'}, [
      element('input', {type: 'radio', name: 'class', value: choice}),
      element('span', {class: 'class-name'}, [choiceWords(choice, translator)]),
      element('span', {class: 'class-bar'}),
      element('span', {class: 'class-share'}),
    ])))
  }
  const {probabilities} = currentSlice(study)
  const best = predictedClass(state)?.name
  const told = toldClass(state)
  choices.forEach((choice, i) => {
    const row = /** @type {HTMLElement} */ (list.children[i])
    const [input, , bar, share] = /** @type {HTMLElement[]} */ ([...row.children])
    check(/** @type {HTMLElement} */ (input), told === choice)
    const value = probabilities?.[i - 1]
    const isClass = choice !== 'auto' && choice !== 'unknown'
    attribute(row, 'data-best', choice === best)
    bar?.style.setProperty('--share', String(isClass ? value ?? 0 : 0))
    text(/** @type {HTMLElement} */ (share), isClass && value !== undefined ? translator.percent(value) : '')
  })
  renderRival(part, state, translator)
}

/** The classes to compare with, as they are called. @param {State} state @param {Translator} translator @returns {{value: string, words: string}[]} */
export function rivalOptions(state, translator) {
  const told = toldClass(state)
  const others = classChoices(state).filter((choice) => choice !== told)
  return [{value: '', words: translator.t('rival.none')}, ...others.map((choice) => ({value: choice, words: choiceWords(choice, translator)}))]
}

/** @param {Part} part @param {State} state @param {Translator} translator */
function renderRival(part, state, translator) {
  const {t, score, percent} = translator
  const told = toldClass(state)
  const wished = rivalChoice(state)
  const select = /** @type {HTMLSelectElement} */ (part('rivalChoice'))
  const options = rivalOptions(state, translator)
  // Their words count too: the language may be another.
  const shownOptions = JSON.stringify(options)
  if (select.dataset.options !== shownOptions) {
    select.dataset.options = shownOptions
    select.replaceChildren(...options.map(({value, words}) => element('option', {value}, [words])))
  }
  if (select.value !== (wished ?? '')) select.value = wished ?? ''
  const shown = rivalShown(state)
  show(part('rivalNote'), shown === null)
  const waits = rivalledItem(state) ? t('rival.wait') : t('rival.select')
  text(part('rivalNote'), wished === null ? t('rival.note') : waits)
  show(part('rivalPair'), shown !== null)
  if (!shown) return
  const predicted = predictedClass(state)
  const mine = told === 'auto' && predicted ? translator.className(predicted.name) : choiceWords(told, translator)
  const other = choiceWords(shown.choice, translator)
  const facts = (/** @type {Mask} */ mask) => t('object.facts', {area: mask.areaPx, score: percent(mask.score)})
  part('rivalPair').style.setProperty('--object', objectColour(shown.item.colour))
  text(part('rivalMine'), mine)
  text(part('rivalMineFacts'), facts(shown.item.mask))
  text(part('rivalOther'), other)
  text(part('rivalOtherFacts'), facts(shown.mask))
  const {dsc, missedPx, extraPx} = shown.agreement
  text(part('rivalScore'), dsc === null ? t('rival.bothEmpty') : t('rival.score', {dsc: score(dsc)}))
  text(part('rivalOnly'), t('rival.only', {mine, minePx: missedPx, other, otherPx: extraPx}))
  text(part('rivalTake'), t('rival.take', {name: other}))
}
