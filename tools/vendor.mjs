/**
 * `node tools/vendor.mjs`: copies the packages that the page uses (package.json, "dependencies") from node_modules to
 * www/vendor, with their types for tsc and their licences for whoever gets the page. index.json lists what is served.
 *
 * `--check`: as above, but says nothing and fails when a package is missing or not of the pinned version.
 */

import {cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'

const TO = 'www/vendor'
/** The one file of each package that a browser imports. */
const MODULES = {fflate: 'esm/browser.js', idb: 'build/index.js'}

/** @param {string} path */
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** @type {Record<string, string>} */
const pinned = json('package.json').dependencies
const packages = Object.entries(pinned).map(([name, version]) => ({name, version, folder: `node_modules/${name}`}))
const absent = packages.filter(({folder, version}) => !existsSync(`${folder}/package.json`) || json(`${folder}/package.json`).version !== version)

if (absent.length > 0) {
  const names = absent.map(({name, version}) => `${name} ${version}`).join(', ')
  if (!process.argv.includes('--check')) console.error(`error: not in node_modules: ${names}\nhint: npm ci`)
  process.exit(1)
}

const served = packages.map(({name}) => `${name}.js`)
rmSync(TO, {recursive: true, force: true})
mkdirSync(TO, {recursive: true})
for (const {name, folder} of packages) {
  const module = MODULES[/** @type {keyof typeof MODULES} */ (name)]
  if (!module) throw new Error(`tools/vendor.mjs does not know which file of ${name} the page imports`)
  cpSync(`${folder}/${module}`, `${TO}/${name}.js`)
  writeFileSync(`${TO}/${name}.d.ts`, `export * from '${name}'\n`)
}
const notices = packages.map(({name, version, folder}) => `${name} ${version}\n\n${readFileSync(`${folder}/LICENSE`, 'utf8').trim()}\n`)
writeFileSync(`${TO}/NOTICE.txt`, `The page uses these packages, unchanged.\n\n${notices.join('\n----\n\n')}`)
writeFileSync(`${TO}/index.json`, `${JSON.stringify(served)}\n`)
