/** A page of which there comes another version, for the tests of both browsers. */

import {execFileSync} from 'node:child_process'
import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

import {serve} from './server.mjs'
import {REPOSITORY} from './support.mjs'

/**
 * Hands the page out from a folder of its own, where a test may change it.
 * @param {string} site  that is copied @param {(script: string) => string} [change] of the service worker
 */
export async function serveCopy(site, change = (script) => script) {
  const copy = join(mkdtempSync(join(tmpdir(), 'medbox-update-')), 'medbox')
  cpSync(site, copy, {recursive: true, dereference: true})
  /** @param {string} path @param {(text: string) => string} change */
  const edit = (path, change) => writeFileSync(join(copy, path), change(readFileSync(join(copy, path), 'utf8')))
  edit('sw.js', change)
  const server = await serve(copy, {prefix: '/sub/'})
  return {
    server,
    edit,
    /** Another version of the page, of which document, script, words and workers can be told from those before. */
    renew() {
      edit('index.html', (text) => text.replace('<html', '<html data-version="2"'))
      edit('main.js', (text) => `${text}\ndocument.documentElement.dataset.script = '2'\n`)
      edit('locales/en.js', (text) => text.replace("'Nothing leaves this tab'", "'Nothing at all leaves this tab'"))
      edit('worker.js', (text) => `${text}\nself.isRenewed = true\n`)
      // The same engine, packed at another time.
      for (const build of ['relaxed', 'simd']) {
        const path = join(copy, `pkg/medbox_${build}.wasm.gz`)
        const bytes = readFileSync(path)
        bytes.writeUInt32LE(bytes.readUInt32LE(4) + 1, 4)
        writeFileSync(path, bytes)
      }
      execFileSync(process.execPath, ['tools/precache.mjs', copy], {cwd: REPOSITORY, stdio: 'ignore'})
    },
    async close() {
      await server.close()
      rmSync(copy, {recursive: true, force: true})
    },
  }
}

/** What a tab runs: document, script, words, and words that it asks for now. @param {{evaluate: (work: () => Promise<string>) => Promise<string>}} page */
export const versionsOf = (page) => page.evaluate(async () => {
  const {version = '1', script = '1'} = document.documentElement.dataset
  const isNew = (/** @type {string} */ text) => (/Nothing at all leaves/.test(text) ? '2' : '1')
  return [version, script, isNew(document.body.textContent ?? ''), isNew(await (await fetch('locales/en.js')).text())].join('')
})
