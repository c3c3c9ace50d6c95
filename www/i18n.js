/** Texts by key, filled in and counted the way the language counts. */

import {coreAdvice, coreErrors} from './locales/core.js'

/** @import {Demo, Failure, Label, Locale, MessageKey, Messages} from './types.js' */

/** Languages by their own names. Each has a table in locales/. */
export const LANGUAGES = /** @type {const} */ ({de: 'Deutsch', en: 'English', es: 'Español', fr: 'Français', zh: '中文'})

/** The first language of a list that there is a table for. @param {readonly string[]} wished tags such as `de-AT` @returns {Locale} */
export function bestLocale(wished) {
  const [best = 'en'] = wished.map((tag) => tag.toLowerCase().split('-')[0] ?? '').filter((language) => language in LANGUAGES)
  return /** @type {Locale} */ (best)
}

/** @param {Locale} locale @returns {Promise<Translator>} */
export async function loadTranslator(locale) {
  const {messages} = /** @type {{messages: Messages}} */ (await import(`./locales/${locale}.js`))
  return createTranslator(locale, messages)
}

/** @typedef {ReturnType<typeof createTranslator>} Translator */

/** @param {Locale} locale @param {Messages} table */
export function createTranslator(locale, table) {
  const plural = new Intl.PluralRules(locale)
  const integers = new Intl.NumberFormat(locale)
  const digits = new Intl.NumberFormat(locale, {maximumSignificantDigits: 4})
  const plain = new Intl.NumberFormat(locale, {useGrouping: false, maximumFractionDigits: 3})
  const three = new Intl.NumberFormat(locale, {maximumSignificantDigits: 3})
  const thousandths = new Intl.NumberFormat(locale, {minimumFractionDigits: 3, maximumFractionDigits: 3})
  const tenths = new Intl.NumberFormat(locale, {minimumFractionDigits: 1, maximumFractionDigits: 1})
  const moments = new Intl.DateTimeFormat(locale, {dateStyle: 'medium', timeStyle: 'short'})
  const shares = new Intl.NumberFormat(locale, {style: 'percent', maximumFractionDigits: 0})

  /** @param {MessageKey} key @param {Record<string, string | number>} [values] @returns {string} */
  const t = (key, values = {}) => table[key].replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name]
    return value === undefined ? whole : typeof value === 'number' ? integers.format(value) : value
  })

  /** @param {Demo} demo */
  const demoTitle = ({file, title}) => /** @type {Record<string, string>} */ (table)[`demo.${file.replace(/\.\w+$/, '')}`] ?? title

  return {
    locale,
    t,
    /** @param {Label} label */
    label: ({key, values}) => t(key, values),
    /**
     * Picks the form of a counted text: `stem.one`, `stem.other`.
     * @param {'status.masks' | 'status.closer' | 'view.otherWindow' | 'note.restored' | 'note.kept' | 'note.replaced' | 'compare.alone' | 'compare.missed'} stem @param {number} n @param {Record<string, string | number>} [values]
     */
    count: (stem, n, values) => t(`${stem}.${plural.select(n) === 'one' ? 'one' : 'other'}`, {n, ...values}),
    /** @param {number} share 0 to 1 */
    percent: (share) => shares.format(share),
    /** For a cell of a spreadsheet. @param {number} value */
    decimal: (value) => (Math.abs(value) < 1 ? digits : plain).format(value),
    /** 0 to 1, as such scores are given. @param {number} value */
    score: (value) => thousandths.format(value),
    /** With a tenth where that says something. @param {number} value */
    brief: (value) => (Number.isInteger(value) || Math.abs(value) >= 100 ? integers.format(Math.round(value)) : tenths.format(value)),
    /** A mean of stored values, which may be tiny: to three digits, from a hundred on whole. @param {number} value */
    few: (value) => (Math.abs(value) >= 100 ? integers.format(Math.round(value)) : three.format(value)),
    /** Day and time here. @param {number} ms since 1970 */
    moment: (ms) => moments.format(ms),
    /** @param {number} value */
    integer: (value) => integers.format(value),
    /** A modality as people call it. @param {string} name as models spell it */
    className: (name) => /** @type {Record<string, string>} */ (table)[`class.${name}`] ?? name,
    demoTitle,
    /** What a picture is called: a file by its name, a demo by its title. @param {{name: string, demo: Demo | null}} source */
    sourceName: ({name, demo}) => (demo ? demoTitle(demo) : name),
    /** A stored value: whole numbers as they are, others to four digits. @param {number} n */
    value: (n) => (Number.isInteger(n) ? integers : digits).format(n).replace('-', '−'),
    /** In tens of milliseconds, from a second on in tenths of a second. @param {number} ms */
    duration: (ms) =>
      ms < 995
        ? t('unit.milliseconds', {n: ms < 95 ? Math.round(ms) : Math.round(ms / 10) * 10})
        : t('unit.seconds', {s: tenths.format(ms / 1000)}),
    /** @param {number} bytes */
    size: (bytes) =>
      bytes < 1e6
        ? t('unit.kilobytes', {n: Math.max(1, Math.round(bytes / 1000))})
        : t('unit.megabytes', {n: tenths.format(bytes / 1e6)}),
    /**
     * What went wrong and what to do. A code that the table does not know is told in the words of the core.
     * @param {Failure} failure @returns {{message: string, hint: string}}
     */
    failure({code, message, hint}) {
      const texts = /** @type {Record<string, string>} */ (table)
      /** @type {readonly (string | undefined)[]} */
      const [said, advice] = coreErrors[locale]?.[code] ?? [texts[`error.${code}`], texts[`error.${code}.hint`]]
      return {
        // What a kind of file is called stands in brackets; the sentence around them says already that it cannot be read.
        message: said?.replace('{detail}', () => message.replace(', which medbox cannot read yet', '')) ?? sentence(message),
        hint: advice ?? coreAdvice[hint]?.[locale] ?? sentence(hint),
      }
    },
  }
}

/** The core speaks in clauses; the page in sentences. @param {string} clause */
function sentence(clause) {
  if (clause === '') return ''
  const [first = ''] = clause
  return first.toUpperCase() + clause.slice(first.length) + (/[.!?…]$/.test(clause) ? '' : '.')
}
