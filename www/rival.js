/**
 * A second class beside the one that is told: the mask that the selected object would have by it. Pure, like `update`,
 * which it belongs to.
 */

/** @import {ClassChoice, Comparison, Effect, Item, Mask, State} from './types.js' */

import {endJob, jobAnswered, jobOfKind, nextJobId, startJob} from './jobs.js'
import {classChoices, currentItems, currentSlice, isUpToDate, maskKey, toldClass} from './work.js'

/** The class that is compared with, where comparing makes sense. @param {State} state @returns {ClassChoice | null} */
export function rivalChoice(state) {
  const choice = state.rival?.choice ?? null
  return choice !== null && choice !== toldClass(state) && classChoices(state).includes(choice) ? choice : null
}

/** @param {State} state @param {ClassChoice | null} choice  null: nothing is compared @returns {State} */
export const rivalChosen = (state, choice) => ({...state, rival: choice === null ? null : {choice, made: null}})

/** The object whose masks are compared: the selected one, once it has its own. @param {State} state @returns {(Item & {mask: Mask}) | null} */
export function rivalledItem(state) {
  const {study, draft, stroke} = state
  if (!study || draft || stroke || rivalChoice(state) === null) return null
  const item = currentItems(study).find(({id}) => id === state.selected[0])
  return item?.mask && item.visible && isUpToDate(state, item) ? {...item, mask: item.mask} : null
}

/** @param {State} state @param {Item} item @param {ClassChoice} choice */
const keyOf = (state, item, choice) => maskKey(state, item.box, state.mode, choice)

/**
 * What is shown side by side; null until there is something.
 * @param {State} state @returns {{item: Item & {mask: Mask}, choice: ClassChoice, mask: Mask, agreement: Comparison} | null}
 */
export function rivalShown(state) {
  const item = rivalledItem(state)
  const choice = rivalChoice(state)
  const made = state.rival?.made
  if (!item || choice === null || !made || made.of !== item.mask.bytes || made.mask.key !== keyOf(state, item, choice)) return null
  return {item, choice, mask: made.mask, agreement: made.agreement}
}

/**
 * Asks for the other mask, once the object has its own.
 * @param {State} state @returns {[State, Effect[]] | null}
 */
export function nextRival(state) {
  const {study, mode} = state
  const item = rivalledItem(state)
  const choice = rivalChoice(state)
  if (!study || !item || choice === null || rivalShown(state) || jobOfKind(state, 'rival')) return null
  const id = nextJobId(state)
  const {width, height} = currentSlice(study)
  const {box, mask: {region, bytes}} = item
  const job = /** @type {const} */ ({kind: 'rival', id, startedMs: null, of: bytes, key: keyOf(state, item, choice)})
  return startJob(state, job, {type: 'rival', id, size: {width, height}, box, mode, choice, mask: {region, bytes}})
}

/** @param {State} state @param {{id: number, mask: Omit<Mask, 'key'>, agreement: Comparison}} answer @returns {State} */
export function rivalMade(state, {id, mask, agreement}) {
  const job = jobAnswered(state, 'rival', id)
  if (!job) return state
  const idle = endJob(state, id)
  return state.rival ? {...idle, rival: {...state.rival, made: {of: job.of, mask: {...mask, key: job.key}, agreement}}} : idle
}
