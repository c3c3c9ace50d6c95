/** `node tools/dist.mjs`: copies what the page needs to dist/medbox and prints what a first visit downloads. */

import {cpSync, readdirSync, rmSync, statSync} from 'node:fs'
import {join} from 'node:path'

const to = 'dist/medbox'
rmSync('dist', {recursive: true, force: true})
cpSync('www', to, {recursive: true, filter: (path) => !path.endsWith('.inputs')})

/** @param {string} folder @returns {string[]} */
const files = (folder) => readdirSync(folder, {withFileTypes: true}).flatMap((entry) =>
  entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)])

let total = 0
for (const file of files(to)) total += statSync(file).size
console.log(`${to}: ${(total / 1e6).toFixed(1)} MB in all; serve it from anywhere, under any path`)
