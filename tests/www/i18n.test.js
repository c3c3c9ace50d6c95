import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {test} from 'node:test'

import {bestLocale, createTranslator, LANGUAGES, loadTranslator} from '../../www/i18n.js'
import {coreAdvice, coreErrors} from '../../www/locales/core.js'
import {messages as en} from '../../www/locales/en.js'

/** @import {Demo, Locale, MessageKey} from '../../www/types.js' */

const translator = createTranslator('en', en)

test('the first language that is spoken is taken, English otherwise', () => {
  assert.equal(bestLocale(['pt-BR', 'de-AT', 'en']), 'de')
  assert.equal(bestLocale(['pt']), 'en')
  assert.equal(bestLocale(['zh-Hant-TW']), 'zh')
})

test('every language says everything, with the same places to fill in', async () => {
  const keys = /** @type {MessageKey[]} */ (Object.keys(en))
  const places = (/** @type {string} */ text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join()
  for (const locale of /** @type {Locale[]} */ (Object.keys(LANGUAGES))) {
    const {t} = await loadTranslator(locale)
    for (const key of keys) assert.equal(places(t(key)), places(en[key]), `${locale}: ${key}`)
  }
})

test('what the core refuses is told in every language, with its own words behind', async () => {
  const codes = Object.keys(coreErrors.de ?? {})
  const core = [...'formats/mod import prompt pipeline model'.split(' ')].map((name) => readFileSync(new URL(`../../src/${name}.rs`, import.meta.url), 'utf8')).join()
  // What a person's files and boxes cannot cause, but only a developer's mistake, is told in the core's words.
  const ours = ['segment.nothing-open', 'segment.view', 'segment.foreign-encoding', 'prompt.unknown-class', 'prompt.no-class-prompt', 'model.manifest', 'model.not-loaded', 'model.schema', 'model.contract', 'model.tensor']
  const theirs = [...core.matchAll(/=> "((?:open|labels|boxes|prompt|segment|model)\.[a-z-]+)"/g)].map(([, code = '']) => code)
  assert.deepEqual([...codes, ...ours].sort(), theirs.sort())
  for (const locale of Object.keys(LANGUAGES).filter((name) => name !== 'en')) {
    assert.deepEqual(Object.keys(coreErrors[locale] ?? {}), codes, locale)
    for (const [said, advice] of Object.values(coreErrors[locale] ?? {})) assert.match(said + (advice ?? ''), /[.。]$/)
  }
  const {failure} = await loadTranslator('de')
  assert.deepEqual(failure({code: 'open.damaged', message: 'the PNG file is damaged: no IDAT', hint: 'copy or download the file again'}), {
    message: 'Die Datei ist beschädigt (the PNG file is damaged: no IDAT).',
    hint: 'Kopieren Sie die Datei noch einmal oder laden Sie sie neu herunter.',
  })
})

test('what to do with a file of another kind is said in every language', async () => {
  const rust = ['sniff', 'labels'].map((name) => readFileSync(new URL(`../../src/formats/${name}.rs`, import.meta.url), 'utf8').split('#[cfg(test)]')[0])
  const said = [...rust.join().matchAll(/(?:&str = |", (?:hint: )?)"([^"]+)"/g)].map(([, advice = '']) => advice)
  assert.deepEqual(Object.keys(coreAdvice).sort(), said.sort())
  for (const locale of Object.keys(LANGUAGES).filter((name) => name !== 'en')) {
    for (const advice of Object.values(coreAdvice)) assert.match(advice[locale] ?? '', /[.。]$/, locale)
  }
  const hint = 'save one slice of it as PNG or TIFF and open that'
  const failure = {code: 'open.other-kind', message: 'this looks like a DICOM file, which medbox cannot read yet', hint}
  assert.deepEqual((await loadTranslator('fr')).failure(failure), {
    message: 'medbox ne sait pas encore lire ce type de fichier (this looks like a DICOM file).',
    hint: 'Enregistrez une coupe en PNG ou TIFF et ouvrez-la.',
  })
  assert.equal(translator.failure(failure).hint, 'Save one slice of it as PNG or TIFF and open that.')
})

test('the demos have titles in every language, in English those of their list', async () => {
  const demos = /** @type {Demo[]} */ (JSON.parse(readFileSync(new URL('../../www/demos/index.json', import.meta.url), 'utf8')))
  const german = await loadTranslator('de')
  for (const demo of demos) {
    assert.equal(translator.demoTitle(demo), demo.title)
    assert.ok(`class.${demo.modality.toLowerCase()}` in en, demo.modality)
    assert.notEqual(german.demoTitle(demo), demo.title)
  }
  assert.equal(german.sourceName({name: 'a.png', demo: null}), 'a.png')
})

test('numbers are written as the language writes them', async () => {
  const {duration, percent} = await loadTranslator('de')
  assert.equal(duration(3649), '3,6 s')
  assert.equal(percent(0.97), '97\u00A0%')
})

test('stored values are whole numbers, or have four digits', () => {
  assert.deepEqual([-1024, 65535, 0.123456, 1234.56].map(translator.value), ['−1,024', '65,535', '0.1235', '1,235'])
})

test('values are filled in, numbers the way the language writes them', () => {
  assert.equal(translator.t('notice.saved.other', {name: 'a.png', n: 1200, width: 512, height: 64}), 'Saved a.png: 1,200 objects, 512 × 64')
})

test('counted texts follow the plural', () => {
  assert.equal(translator.count('status.masks', 1), '1 mask')
  assert.equal(translator.count('status.masks', 3), '3 masks')
})

test('tiny stored values keep their digits', () => {
  assert.deepEqual([0.0014567, 2.19e-7, 12.34, 127.4, 0].map(translator.few), ['0.00146', '0.000000219', '12.3', '127', '0'])
  assert.deepEqual([0.0014567, 7.0625, 1234].map(translator.decimal), ['0.001457', '7.063', '1234'])
})

test('sizes and times have one sensible digit', () => {
  assert.equal(translator.size(20_340_000), '20.3 MB')
  assert.equal(translator.size(45_400), '45 kB')
  assert.equal(translator.duration(3649), '3.6 s')
  assert.equal(translator.duration(847), '850 ms')
  assert.equal(translator.duration(41.6), '42 ms')
})

test('an error that has a text is told in it, any other in the words of the core', () => {
  assert.deepEqual(translator.failure({code: 'page.fetch', message: 'models/x (404)', hint: ''}), {
    message: 'A file of medbox could not be loaded: models/x (404).',
    hint: 'Check the connection and reload the page.',
  })
  assert.deepEqual(translator.failure({code: 'open.unknown', message: 'the file is empty', hint: 'choose another one'}), {
    message: 'The file is empty.',
    hint: 'Choose another one.',
  })
})

test('every text that the page asks for by name is there', () => {
  const html = readFileSync(new URL('../../www/index.html', import.meta.url), 'utf8')
  const asked = [...html.matchAll(/data-t(?:-label|-title)?="([^"]+)"/g)].map(([, key]) => /** @type {string} */ (key))
  assert.ok(asked.length > 50)
  assert.deepEqual(asked.filter((key) => !(key in en)), [])
})
