/** Undo and redo: versions of a work, newest last. */

/** @import {Study, Work, Label} from './types.js' */

const VERSIONS_MAX = 300

/**
 * The study with a new work. What was there before can be brought back under the step's name.
 * With `merge`, a step of the same name continues the last one: ten nudges of a box are undone together.
 * @param {Study} study @param {Work} work @param {Label} label @param {{merge?: boolean}} [options] @returns {Study}
 */
export function commit(study, work, label, {merge = false} = {}) {
  const last = study.past.at(-1)
  if (merge && last && sameLabel(last.label, label)) return {...study, work, future: []}
  return {...study, work, past: [...study.past, {label, work: study.work}].slice(-VERSIONS_MAX), future: []}
}

/** @param {Study} study @returns {Study} */
export function undo(study) {
  const last = study.past.at(-1)
  if (!last) return study
  const future = [...study.future, {label: last.label, work: study.work}]
  return {...study, work: last.work, past: study.past.slice(0, -1), future}
}

/** @param {Study} study @returns {Study} */
export function redo(study) {
  const next = study.future.at(-1)
  if (!next) return study
  const past = [...study.past, {label: next.label, work: study.work}]
  return {...study, work: next.work, past, future: study.future.slice(0, -1)}
}

/** @param {Study} study @param {(work: Work) => Work} change  applied to what is, was and may be again @returns {Study} */
export function changeEverywhere(study, change) {
  const inVersion = (/** @type {Study['past'][number]} */ version) => ({...version, work: change(version.work)})
  return {...study, work: change(study.work), past: study.past.map(inVersion), future: study.future.map(inVersion)}
}

/** @param {Label} a @param {Label} b */
const sameLabel = (a, b) => a.key === b.key && JSON.stringify(a.values) === JSON.stringify(b.values)
