/** `node tools/models.mjs`: copies models/ to www/models and lists them in www/models/index.json for the page. */

import {copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs'

const [from, to] = ['models', 'www/models']
const defaultName = readFileSync(`${from}/default`, 'utf8').trim()
rmSync(to, {recursive: true, force: true})
const entries = readdirSync(from)
  .filter((name) => existsSync(`${from}/${name}/manifest.json`))
  .sort((a, b) => Number(b === defaultName) - Number(a === defaultName) || a.localeCompare(b))
  .map((name) => {
    const manifest = JSON.parse(readFileSync(`${from}/${name}/manifest.json`, 'utf8'))
    mkdirSync(`${to}/${name}`, {recursive: true})
    const files = ['manifest.json', manifest.encoder.file, manifest.decoder.file]
    for (const file of files) copyFileSync(`${from}/${name}/${file}`, `${to}/${name}/${file}`)
    return {
      name,
      title: manifest.title,
      bytes: manifest.encoder.bytes + manifest.decoder.bytes,
      encodeGmac: manifest.gmac.encode,
      licence: manifest.licence,
      intendedUse: manifest.intended_use,
      default: name === defaultName,
    }
  })
if (!entries.some((entry) => entry.default)) throw new Error(`models/default names “${defaultName}”, which is not there`)
writeFileSync(`${to}/index.json`, `${JSON.stringify(entries, null, 1)}\n`)
