/** The page with a core that stands in for the wasm module: for what is about the page and not about masks. */

import {createHash} from 'node:crypto'
import {copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

import {precacheList} from '../../tools/precache.mjs'
import {serve} from './server.mjs'
import {REPOSITORY, ROOT} from './support.mjs'

/** @import {Recipe} from './standin/core.mjs' */

/** An empty module: "\0asm", version 1. */
const WASM = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])

/**
 * Serves the page with a model that takes a class prompt, and one that does not.
 * @param {Readonly<Record<string, string | Buffer>>} [files] more, by name @param {{trickle?: RegExp}} [options]
 * @returns {Promise<{url: string, broken: string[], close: () => Promise<void>}>}
 */
export async function serveStandIn(files = {}, options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'medbox-page-'))
  const made = ['pkg', 'models']
  for (const name of readdirSync(ROOT)) if (!made.includes(name)) symlinkSync(join(ROOT, name), join(folder, name))
  for (const name of made) mkdirSync(join(folder, name))
  copyFileSync(join(REPOSITORY, 'tests/e2e/standin/core.mjs'), join(folder, 'pkg/medbox.js'))
  for (const build of ['relaxed', 'simd']) writeFileSync(join(folder, `pkg/medbox_${build}.wasm.gz`), WASM)
  const entries = [{name: 'classy', takesClass: true}, {name: 'plain', takesClass: false}].map(({name, takesClass}) => {
    const file = Buffer.from(`the weights of ${name}`)
    const part = {bytes: file.length, sha256: createHash('sha256').update(file).digest('hex')}
    const facts = {name, title: `Stand-in ${name}`, licence: 'CC0-1.0', bytes: 2 * file.length}
    const manifest = {
      ...facts, intended_use: 'tests', takes_class: takesClass, encoder: {file: 'encoder.onnx', ...part}, decoder: {file: 'decoder.onnx', ...part},
    }
    mkdirSync(join(folder, 'models', name))
    writeFileSync(join(folder, 'models', name, 'manifest.json'), JSON.stringify(manifest))
    for (const {file: path} of [manifest.encoder, manifest.decoder]) writeFileSync(join(folder, 'models', name, path), file)
    return {...facts, intendedUse: 'tests', default: takesClass, encodeGmac: takesClass ? 1 : 30}
  })
  writeFileSync(join(folder, 'models/index.json'), JSON.stringify(entries))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes)
  const {url, broken, close} = await serve(folder, {...options, made: {'pkg/precache.json': () => precacheList(folder)}})
  return {
    url,
    broken,
    async close() {
      await close()
      rmSync(folder, {recursive: true})
    },
  }
}

/** A picture file of the stand-in. @param {string} name @param {Recipe} recipe */
export const pictureFile = (name, recipe) => ({name, mimeType: 'image/png', buffer: Buffer.from(JSON.stringify(recipe))})
