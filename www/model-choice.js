/** Which model the page works with, and what stands in for one that cannot be loaded. Pure, like `update`, which it belongs to. */

/** @import {Action, Effect, ModelEntry, State} from './types.js' */

import {withoutMasks} from './exporting.js'
import {jobOfKind} from './jobs.js'
import {makeWay, withEncoding} from './stopping.js'

/** Masks are made by it from now on. @param {State} state @param {string} name @returns {[State, Effect[]]} */
export function modelChosen(state, name) {
  const entry = state.models.find((model) => model.name === name)
  if (!entry) return [{...state, menu: null}, []]
  // What stands in is wished now, and nothing else any more.
  if (entry.name === state.modelName && state.model) {
    return [{...state, menu: null, standsInFor: null, failure: state.standsInFor === null ? state.failure : null}, []]
  }
  const opening = jobOfKind(state, 'open')
  // What a file holds, no model says.
  const [idle, effects] = makeWay(state, ({kind}) => kind !== 'fetch' && kind !== 'look')
  const pending = opening?.source ?? state.pending
  // What waited for masks of the model before would have them of two.
  const free = state.model ? withoutMasks(idle) : idle
  const [next, asked] = loadAsked({...free, pending, standsInFor: null, model: null, menu: null, failure: null, refused: []}, entry)
  return [withEncoding(next, 'waiting'), [...effects, ...asked]]
}

/** A model is to be loaded, and masks wait for it. @param {State} state @param {ModelEntry} entry @returns {[State, Effect[]]} */
export const loadAsked = (state, entry) => [{...state, modelName: entry.name, modelComes: true}, [{type: 'load-model', entry}]]

/**
 * Another one is loaded in its place, once: the last that worked, or the default. What was to be saved waited for masks of
 * the one that failed, and is told.
 * @param {State} state @param {Extract<Action, {type: 'model-failed'}>} action @returns {[State, Effect[]]}
 */
export function modelFailed(state, {name, failure, fatal}) {
  if (name !== state.modelName) return [state, []]
  const told = {...withoutMasks(state), failure: {...failure, model: name}, fatal: state.fatal || fatal, loading: null, modelComes: false}
  const entry = told.fatal || state.standsInFor !== null ? undefined : standIn(state, name)
  return entry ? loadAsked({...told, standsInFor: name}, entry) : [told, []]
}

/** @param {State} state @param {string} failed @returns {ModelEntry | undefined} */
function standIn({models, provenModel}, failed) {
  const others = models.filter(({name}) => name !== failed)
  return others.find(({name}) => name === provenModel) ?? others.find((model) => model.default)
}

/** The model that “Try again” is about, if it is about one. @param {Pick<State, 'failure' | 'model' | 'modelName' | 'standsInFor'>} state */
export const modelToRetry = ({failure, model, modelName, standsInFor}) =>
  failure?.model ? standsInFor ?? failure.model : model ? null : modelName

/** What a success of another kind does not settle: that a model could not be loaded. @param {Pick<State, 'failure'>} state */
export const lastingFailure = ({failure}) => (failure?.model ? failure : null)
