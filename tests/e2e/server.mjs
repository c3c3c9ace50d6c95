/** A plain static server, as simple as the simplest that medbox is served by: no compression, no special headers. */

import {createServer} from 'node:http'
import {readFile, stat} from 'node:fs/promises'
import {extname, join, normalize, sep} from 'node:path'

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
}

/**
 * Serves a folder on 127.0.0.1, below `prefix`; on a free port when none is named.
 * @param {string} root @param {{prefix?: string, port?: number, trickle?: RegExp, made?: Record<string, () => string>}} [options]
 *   trickle: paths that come in a hundred pieces, slowly; made: texts in place of files
 * @returns {Promise<{url: string, paths: string[], broken: string[], close: () => Promise<void>}>}
 *   paths: everything that was asked for; broken: of those, what was given up by the one who asked
 */
export async function serve(root, {prefix = '/', port: asked = 0, trickle, made = {}} = {}) {
  /** @type {string[]} */
  const paths = []
  /** @type {string[]} */
  const broken = []
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://server').pathname)
    paths.push(path)
    response.on('close', () => response.writableFinished || broken.push(path))
    const inside = normalize(path.slice(prefix.length) || 'index.html')
    const file = join(root, inside.endsWith(sep) ? `${inside}index.html` : inside)
    const text = path.startsWith(prefix) ? made[inside]?.() : undefined
    const found = path.startsWith(prefix) && !inside.startsWith('..') && (text !== undefined || (await stat(file).catch(() => null))?.isFile())
    if (!found) return void response.writeHead(404).end()
    const length = trickle?.test(path) ? {'Content-Length': (await stat(file)).size} : {}
    response.writeHead(200, {...length, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Cache-Control': 'no-cache'})
    const bytes = text === undefined ? await readFile(file) : Buffer.from(text)
    if (!trickle?.test(path)) return void response.end(bytes)
    const step = Math.ceil(bytes.length / 100)
    for (let at = 0; at < bytes.length && !response.destroyed; at += step) {
      response.write(bytes.subarray(at, at + step))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    response.end()
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(asked, '127.0.0.1', () => resolve(null)))
  const {port} = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    paths,
    broken,
    close: () => new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    }),
  }
}
