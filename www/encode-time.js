/** How long one look at a picture takes on this device. */

/** @import {ModelEntry, State} from './types.js' */

/**
 * As it was measured here; for a model that was not used yet, from the one that was measured and how much more or less
 * there is to compute. Null as long as nothing was measured.
 * @param {Pick<State, 'models' | 'encodeMs'>} state @param {ModelEntry} model @returns {{ms: number, isMeasured: boolean} | null}
 */
export function encodeTime({models, encodeMs}, model) {
  const own = encodeMs[model.name]
  if (own !== undefined) return {ms: own, isMeasured: true}
  const known = models.find(({name, encodeGmac}) => encodeMs[name] !== undefined && encodeGmac > 0)
  const ms = known && encodeMs[known.name]
  return known && ms !== undefined && model.encodeGmac > 0 ? {ms: (ms * model.encodeGmac) / known.encodeGmac, isMeasured: false} : null
}
