/** What both browsers' journeys share: the command line's answer, label maps, and where a box lies on the screen. */

import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {deflateSync, inflateSync} from 'node:zlib'

import {chromium} from 'playwright-core'

import {fitView, viewFromImage} from '../../www/geometry.js'

/** @import {Box, Demo, Mode, ModelEntry} from '../../www/types.js' */

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
/** The folder that is served: the first argument, else www. */
export const ROOT = resolve(process.argv[2] ?? join(REPOSITORY, 'www'))
/** Chromium as all journeys start it; CHROMIUM names it. @param {...string} more  further flags */
export const launchChromium = (...more) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', ...more],
})

/**
 * Asserts until it holds, as a person looks twice: what was done is shown with a later frame.
 * @param {() => Promise<void>} assertion @param {number} [withinMs]
 */
export async function soon(assertion, withinMs = 15_000) {
  const end = Date.now() + withinMs
  for (;;) {
    try {
      return await assertion()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
}

const MEDBOX = process.env.MEDBOX_BIN ?? join(REPOSITORY, 'target/release/medbox')

/** @param {string} path below the served folder */
const json = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
/** @type {Demo[]} */
export const DEMOS = json('demos/index.json')
/** @type {ModelEntry[]} */
export const MODELS = json('models/index.json')

/** @param {string} modality @returns {Demo} */
export function demoOf(modality) {
  const demo = DEMOS.find((one) => one.modality === modality)
  if (!demo) throw new Error(`there is no ${modality} demo`)
  return demo
}

/** @typedef {{width: number, height: number, labels: Uint16Array}} LabelMap */

/**
 * The label map that the command line makes of the same picture and boxes.
 * @param {{picture: string, boxes: readonly Box[], mode: Mode, model?: string}} job @returns {LabelMap}
 */
export function labelsByCommandLine({picture, boxes, mode, model}) {
  const out = join(mkdtempSync(join(tmpdir(), 'medbox-')), 'mask.png')
  const name = model ?? MODELS.find((entry) => entry.default)?.name ?? ''
  const args = ['segment', picture, ...boxes.flatMap((box) => ['--box', box.join(',')]), '--mode', mode, '--model', join(ROOT, 'models', name), '-o', out]
  execFileSync(MEDBOX, args, {stdio: ['ignore', 'ignore', 'inherit']})
  return readLabels(readFileSync(out))
}

/**
 * Share of the pixels with an object, in either map, that have the same one in both: ground, of which there is most, does
 * not count. 1 where there is no object.
 * @param {LabelMap} a @param {LabelMap} b
 */
export function agreement(a, b) {
  assert.deepEqual([a.width, a.height], [b.width, b.height])
  let [either, equal] = [0, 0]
  for (let i = 0; i < a.labels.length; i++) {
    if (!a.labels[i] && !b.labels[i]) continue
    either++
    if (a.labels[i] === b.labels[i]) equal++
  }
  return either === 0 ? 1 : equal / either
}

/** Pixels of an object. @param {LabelMap} map @param {number} id */
export const areaOf = (map, id) => map.labels.reduce((sum, label) => sum + (label === id ? 1 : 0), 0)

/**
 * Reads a grey PNG of 8 or 16 bit without interlacing, which is what label maps are.
 * @param {Buffer} bytes @returns {LabelMap}
 */
export function readLabels(bytes) {
  assert.equal(bytes.toString('latin1', 1, 4), 'PNG')
  const [width, height, bits, colourType, interlace] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24] ?? 0, bytes[25], bytes[28]]
  assert.deepEqual([colourType, interlace], [0, 0], 'grey, not interlaced')
  const data = []
  for (let at = 8; at < bytes.length; at += bytes.readUInt32BE(at) + 12) {
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)))
  }
  const raw = inflateSync(Buffer.concat(data))
  const size = bits / 8
  const stride = width * size
  let above = new Uint8Array(stride)
  const labels = new Uint16Array(width * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0
    const row = new Uint8Array(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)))
    for (let i = 0; i < stride; i++) {
      const [left, up, corner] = [i < size ? 0 : row[i - size] ?? 0, above[i] ?? 0, i < size ? 0 : above[i - size] ?? 0]
      row[i] = (row[i] ?? 0) + predicted(filter, left, up, corner)
    }
    for (let x = 0; x < width; x++) labels[y * width + x] = size === 1 ? row[x] ?? 0 : ((row[2 * x] ?? 0) << 8) | (row[2 * x + 1] ?? 0)
    above = row
  }
  return {width, height, labels}
}

/** The PNG standard's sum (annex D); Node.js has one from 20.15 on. @param {Buffer} bytes */
function crc32(bytes) {
  let sum = -1
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

/** A grey PNG of 8 bit. @param {LabelMap} map @returns {Buffer} */
export function writeLabels({width, height, labels}) {
  const chunk = (/** @type {string} */ type, /** @type {Buffer} */ data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 8
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) rows.set(Uint8Array.from(labels.subarray(y * width, (y + 1) * width)), y * (width + 1) + 1)
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

/** The PNG standard's filters (section 9.2). @param {number} filter @param {number} left @param {number} up @param {number} corner */
function predicted(filter, left, up, corner) {
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  if (filter !== 4) return 0
  const estimate = left + up - corner
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/**
 * Where the corners of a box lie on the screen while the picture fits the viewer.
 * @param {Box} box @param {{width: number, height: number}} picture
 * @param {{x: number, y: number, width: number, height: number}} viewer on the screen
 */
export function cornersOnScreen([x0, y0, x1, y1], picture, viewer) {
  const view = fitView(picture, viewer)
  const place = (/** @type {number} */ x, /** @type {number} */ y) => {
    const [u, v] = viewFromImage(view, viewer, [x, y])
    return {x: viewer.x + u, y: viewer.y + v}
  }
  return [place(x0, y0), place(x1, y1)]
}

/** Width and height of a demo picture, from its file. @param {string} file below demos/ */
export function sizeOfDemo(file) {
  const bytes = readFileSync(join(ROOT, 'demos', file))
  if (file.endsWith('.png')) return {width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20)}
  // JPEG: the first start-of-frame segment (0xFFC0 … 0xFFC2) holds height and width.
  for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1] ?? 0
    if (marker >= 0xc0 && marker <= 0xc2) return {width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5)}
  }
  throw new Error(`${file} has no size`)
}
