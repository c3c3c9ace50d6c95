/**
 * `node tools/serve.mjs FOLDER PORT`: serves a folder on this machine and prints the address. What the service worker
 * keeps is listed anew for each request, so that a file that was edited is a new version of the page.
 */

import {serve} from '../tests/e2e/server.mjs'
import {precacheList} from './precache.mjs'

const [root = 'www', port = '8765'] = process.argv.slice(2)
try {
  const {url} = await serve(root, {port: Number(port), made: {'pkg/precache.json': () => precacheList(root)}})
  console.log(`medbox is at ${url} (Ctrl+C ends it)`)
} catch (error) {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE') throw error
  console.error(`error: port ${port} is in use\nhint: name another: ./build.sh serve 8766`)
  process.exitCode = 1
}
