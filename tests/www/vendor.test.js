import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import {test} from 'node:test'

const ROOT = new URL('../../', import.meta.url)
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, ROOT), 'utf8')
/** @type {{dependencies: Record<string, string>}} */
const {dependencies} = JSON.parse(read('package.json'))
/** @type {string[]} */
const served = JSON.parse(read('www/vendor/index.json'))

test('what is served of other people is what package.json names, pinned to a version', () => {
  assert.deepEqual(served, Object.keys(dependencies).map((name) => `${name}.js`))
  for (const version of Object.values(dependencies)) assert.match(version, /^\d+\.\d+\.\d+$/)
  const scripts = readdirSync(new URL('www/vendor/', ROOT)).filter((name) => name.endsWith('.js'))
  assert.deepEqual(scripts.sort(), [...served].sort())
})

test('everything that the page imports from there is there', () => {
  const modules = readdirSync(new URL('www/', ROOT)).filter((name) => name.endsWith('.js'))
  const asked = modules.flatMap((name) => [...read(`www/${name}`).matchAll(/['"]\.\/vendor\/([^'"]+)['"]/g)].map(([, file]) => String(file)))
  assert.deepEqual(asked.filter((file) => !served.includes(file)), [])
})

test('their licences and versions go with the page', () => {
  const notice = read('www/vendor/NOTICE.txt')
  for (const [name, version] of Object.entries(dependencies)) assert.ok(notice.includes(`${name} ${version}\n`), name)
  assert.match(notice, /Copyright \(c\) \d+ Arjun Barrett/)
  assert.match(notice, /Copyright \(c\) 2016, Jake Archibald/)
})
