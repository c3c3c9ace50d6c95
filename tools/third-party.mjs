/**
 * `node tools/third-party.mjs FILE`: writes which crates are compiled into the page's wasm modules, under which licences,
 * with the texts that those licences want handed on. `--check` writes nothing and fails where a licence is not clear.
 *
 * It asks cargo for the crates that the wasm build links: no build scripts, no macros, no tests.
 */

import {execFileSync} from 'node:child_process'
import {existsSync, readFileSync, readdirSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

/** The build's own licence: where an author offers it among others, it is the one taken. */
const OURS = 'Apache-2.0'

/**
 * @typedef {{name: string, version: string, license: string | null, repository: string | null, authors: string[], manifest_path: string, id: string, targets: {kind: string[]}[]}} Crate
 * @typedef {{id: string, deps: {pkg: string, dep_kinds: {kind: string | null}[]}[]}} Node
 */

/** @returns {Crate[]} by name */
function linkedCrates() {
  const args = ['metadata', '--format-version', '1', '--locked', '--no-default-features', '--filter-platform', 'wasm32-unknown-unknown']
  /** @type {{packages: Crate[], resolve: {root: string, nodes: Node[]}}} */
  const {packages, resolve} = JSON.parse(execFileSync('cargo', args, {encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit']}))
  const crates = new Map(packages.map((crate) => [crate.id, crate]))
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  /** @type {Map<string, Crate>} */
  const linked = new Map()
  /** @param {string} id */
  const visit = (id) => {
    const crate = /** @type {Crate} */ (crates.get(id))
    if (linked.has(id) || crate.targets.some(({kind}) => kind.includes('proc-macro'))) return
    linked.set(id, crate)
    for (const {pkg, dep_kinds} of nodes.get(id)?.deps ?? []) if (dep_kinds.some(({kind}) => kind === null)) visit(pkg)
  }
  visit(resolve.root)
  linked.delete(resolve.root)
  return [...linked.values()].sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version))
}

/**
 * The licences that a crate is taken under: of a choice, ours where it is offered, else the first.
 * @param {string} expression as SPDX writes it; old crates write `/` for OR @returns {string[]}
 */
export function taken(expression) {
  return expression.replaceAll('/', ' OR ').split(' AND ').map((part) => {
    const choice = part.replace(/^\s*\(|\)\s*$/g, '').split(' OR ').map((name) => name.trim())
    return choice.includes(OURS) ? OURS : /** @type {string} */ (choice[0])
  })
}

/** The texts of the licences that a crate is taken under, where they have to be handed on with it. @param {Crate} crate @returns {string[]} */
function texts({name, license, authors, manifest_path}) {
  const folder = dirname(manifest_path)
  const files = readdirSync(folder).filter((file) => /^(licen[sc]e|copying|unlicense|notice)/i.test(file) && !/\.(rs|toml)$/.test(file)).sort()
  const read = (/** @type {string} */ file) => readFileSync(join(folder, file), 'utf8').trim()
  const others = taken(license ?? '').filter((one) => one !== OURS)
  const notices = files.filter((file) => /^notice/i.test(file)).map(read)
  if (others.length === 0) return notices
  const licences = files.filter((file) => !/^notice/i.test(file) && !/apache/i.test(file)).map(read)
  if (licences.length > 0) return [...licences, ...notices]
  if (others.every((one) => one === 'MIT')) return [mit(authors.length > 0 ? authors.join(', ') : `the authors of ${name}`), ...notices]
  throw new Error(`${name} is under ${others.join(', ')} and brings no text of it`)
}

/** For crates that name the licence and leave its text out. @param {string} holder */
const mit = (holder) => `Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

/** @returns {{n: number, text: string}} */
function notices() {
  const crates = linkedCrates()
  const unclear = crates.filter(({license}) => !license).map(({name}) => name)
  if (unclear.length > 0) throw new Error(`no licence is named by: ${unclear.join(', ')}`)
  const rows = crates.map(({name, version, license, repository}) =>
    `| ${name} | ${version} | ${license} | ${taken(license ?? '').join(' and ')} | ${repository ?? ''} |`)
  /** @type {Map<string, string[]>} text → crates */
  const byText = new Map()
  for (const crate of crates) for (const text of texts(crate)) byText.set(text, [...(byText.get(text) ?? []), `${crate.name} ${crate.version}`])
  const bodies = [...byText].map(([text, names]) => `### ${names.join(', ')}\n\n${text.replaceAll(/^/gm, '    ').replaceAll(/[ \t]+$/gm, '')}\n`)
  const text = `# Third-party software in the wasm modules

The wasm modules (\`pkg/\`) are compiled from medbox, from the Rust standard library (MIT or Apache-2.0) and from the
crates below. Where a crate offers Apache-2.0 among other licences, it is taken under that one; its text is in \`LICENSE\`.
The page's own packages are in \`vendor/NOTICE.txt\`, the models in \`NOTICE\`, the demo pictures in \`demos/index.json\`.

| crate | version | licence | taken under | source |
|---|---|---|---|---|
${rows.join('\n')}

## Licences other than Apache-2.0, and notices

${bodies.join('\n')}`
  return {n: crates.length, text}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync('Cargo.lock')) throw new Error('run it in the repository')
  const [to = '--check'] = process.argv.slice(2)
  const {n, text} = notices()
  if (to !== '--check') writeFileSync(to, text)
  console.log(`third-party software: ${n} crates, all under licences that are named`)
}
