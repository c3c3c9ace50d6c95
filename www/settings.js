/** What the browser remembers of the last visit. */

/** @import {Settings} from './types.js' */

import {LANGUAGES} from './i18n.js'

export const SETTINGS_KEY = 'medbox.settings'

const isBoolean = (/** @type {unknown} */ value) => typeof value === 'boolean'

/** What each may be: another version of the page, or another page of this origin, may have written something else. @type {Record<keyof Settings, (value: any) => boolean>} */
const MAY_BE = {
  locale: (value) => Object.hasOwn(LANGUAGES, value),
  theme: (value) => value === 'dark' || value === 'light',
  mode: (value) => value === 'default' || value === 'challenge',
  modelName: (value) => value === null || typeof value === 'string',
  encodeMs: (value) => Object.values(value ?? [NaN]).every((ms) => Number.isFinite(ms)),
  hintSeen: isBoolean,
  invert: isBoolean,
  smooth: isBoolean,
  opacity: (value) => value >= 0 && value <= 1,
}

/** @param {string | null} json @returns {Partial<Settings>} without what is none */
export function settingsFrom(json) {
  try {
    const found = Object.entries(JSON.parse(json ?? '{}') ?? {})
    return Object.fromEntries(found.filter(([key, value]) => Object.hasOwn(MAY_BE, key) && MAY_BE[/** @type {keyof Settings} */ (key)](value)))
  } catch {
    return {}
  }
}

/** @returns {Partial<Settings>} */
export function readSettings() {
  try {
    return settingsFrom(localStorage.getItem(SETTINGS_KEY))
  } catch {
    return {} // Storage may be forbidden; the page works without.
  }
}
