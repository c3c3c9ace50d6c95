/** @import {State, Action, Effect} from './types.js' */

/**
 * Holds the one state. Actions go through `update`; the effects it asks for are run after the subscribers have seen
 * the new state.
 *
 * @param {(state: State, action: Action) => [State, Effect[]]} update
 * @param {State} initial
 */
export function createStore(update, initial) {
  let state = initial
  /** @type {Array<(state: State, previous: State) => void>} */
  const subscribers = []
  /** @type {(effect: Effect) => void} */
  let run = () => {}

  return {
    getState: () => state,
    /** @param {Action} action */
    dispatch(action) {
      const previous = state
      const [next, effects] = update(state, action)
      state = next
      if (next !== previous) for (const subscriber of subscribers) subscriber(next, previous)
      for (const effect of effects) run(effect)
    },
    /** @param {(state: State, previous: State) => void} subscriber */
    subscribe(subscriber) {
      subscribers.push(subscriber)
    },
    /** @param {(effect: Effect) => void} runner */
    onEffect(runner) {
      run = runner
    },
  }
}
