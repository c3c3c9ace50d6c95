/** `node tools/dist.mjs [FOLDER]`: copies what the page needs to dist/medbox, with the licences of all that is in it, and prints what it weighs. */

import {execFileSync} from 'node:child_process'
import {cpSync, readdirSync, rmSync, statSync} from 'node:fs'
import {join} from 'node:path'

const [to = 'dist/medbox'] = process.argv.slice(2)
rmSync(to, {recursive: true, force: true})
const isServed = (/** @type {string} */ path) => !path.endsWith('.inputs') && !path.endsWith('.d.ts')
cpSync('www', to, {recursive: true, dereference: true, filter: isServed})
// Whoever gets the folder gets the licences; those of the packages lie in vendor/NOTICE.txt.
for (const file of ['LICENSE', 'NOTICE']) cpSync(file, join(to, file))
/** @param {...string} args */
const node = (...args) => execFileSync(process.execPath, args, {stdio: 'inherit'})
node('tools/third-party.mjs', join(to, 'THIRD-PARTY.md'))
node('tools/precache.mjs', to)

/** @param {string} folder @returns {string[]} */
const files = (folder) => readdirSync(folder, {withFileTypes: true}).flatMap((entry) =>
  entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)])

let total = 0
for (const file of files(to)) total += statSync(file).size
console.log(`${to}: ${(total / 1e6).toFixed(1)} MB in all; serve it from anywhere, under any path`)
