/** What is said beside the picture, with what can be done about it. */

/** @import {MessageKey, Note, NoteAnswer} from './types.js' */
/** @import {Translator} from './i18n.js' */

import {element, show, text} from './dom.js'

/** @param {(name: string) => HTMLElement} part @param {Note | null} note @param {Translator} translator */
export function renderNote(part, note, translator) {
  show(part('note'), note !== null)
  if (!note) return
  const {words, answers} = noteTexts(note, translator)
  text(part('noteText'), words)
  // What takes something away is never the first thing that the eye meets.
  const buttons = answers.map(({answer, key}, i) =>
    element('button', {class: i === 0 && answer !== 'forget' ? 'button' : 'button button-quiet', 'data-answer': answer}, [translator.t(key)]))
  const shown = [...part('noteAnswers').children]
  // A button that is pressed stays the same one: else the click would be lost.
  if (shown.length === buttons.length && buttons.every((button, i) => shown[i]?.isEqualNode(button))) return
  part('noteAnswers').replaceChildren(...buttons)
}

/** Whether the browser keeps what is made. @param {(name: string) => HTMLElement} part @param {boolean} keeping */
export function renderKeeping(part, keeping) {
  show(part('kept'), keeping)
  show(part('keptNone'), !keeping)
  show(part('forget'), keeping)
}

/**
 * @param {Note} note @param {Translator} translator
 * @returns {{words: string, answers: readonly {answer: NoteAnswer, key: MessageKey}[]}}
 */
export function noteTexts(note, {t, count, moment, sourceName}) {
  switch (note.kind) {
    case 'kept':
      return {
        words: count('note.kept', note.session.work.items.length, {name: sourceName(note.session.source), when: moment(note.savedMs)}),
        answers: [{answer: 'reopen', key: 'note.reopen'}, {answer: 'forget', key: 'note.forget'}],
      }
    case 'reopened': {
      const model = note.model === 'same' ? [] : [t(`note.model.${note.model}`, {name: note.modelName})]
      const when = note.savedMs === null ? [] : [count('note.restored', note.n, {when: moment(note.savedMs)})]
      return {words: [...when, ...model].join(' '), answers: note.from === 'browser' ? [{answer: 'forget', key: 'note.forget'}] : []}
    }
    case 'restarted':
      return {words: t('note.restarted'), answers: []}
    case 'unsaved':
      return {words: t('note.unsaved', {names: note.names}), answers: []}
    case 'replaced':
      return {
        words: count('note.replaced', note.session.work.items.length, {name: sourceName(note.session.source)}),
        answers: [{answer: 'reopen', key: 'note.reopen'}, {answer: 'forget', key: 'note.forget'}],
      }
    case 'offer':
      return {words: offerWords(note, t), answers: note.ways.map((way) => ({answer: way, key: `note.offer.${way}`}))}
  }
}

/** @param {Extract<Note, {kind: 'offer'}>} note @param {Translator['t']} t */
function offerWords({source: {name}, ways}, t) {
  if (!ways.includes('picture')) return t('note.rest', {name})
  return ways.includes('boxes') ? t('note.offer.several', {name}) : t('note.offer', {name})
}
