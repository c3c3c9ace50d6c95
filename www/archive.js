/** Zip archives: session files, and everything that is saved at once. Loaded when first needed. */

/** @import {SavedPicture, Session} from './types.js' */

import {baseName} from './export-name.js'
import {PageError} from './protocol.js'
import {readSession, writeSession} from './session.js'
import {strFromU8, strToU8, unzipSync, zipSync} from './vendor/fflate.js'

/** More than any picture that medbox opens; a small archive that unpacks to more is made to do harm. */
const UNPACKED_MAX = 2 ** 31 - 1
const RECORD = 'session.json'
const PICTURE = 'picture/'

/** What is packed already: packing it again takes time and saves nothing. */
const PACKED = /\.(png|jpe?g|webp|gif|npz|gz|zip|medbox)$/i

/** What is larger is stored as it is: the page would stand still while it is packed, however lightly. */
const LARGE_BYTES = 4_000_000

/** @param {string} name @param {Uint8Array} bytes */
const levelOf = (name, {length}) => (PACKED.test(name) || length > LARGE_BYTES ? 0 : 6)

/**
 * @param {Record<string, Uint8Array>} files by name
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function zip(files) {
  /** @type {import('./vendor/fflate.js').Zippable} */
  const entries = {}
  for (const [name, bytes] of Object.entries(files)) entries[name] = [bytes, {level: levelOf(name, bytes)}]
  return zipSync(entries)
}

/** @param {Session} session @returns {Promise<Uint8Array<ArrayBuffer>>} */
export async function packSession(session) {
  const {blob, name} = session.source
  const picture = new Uint8Array(await blob.arrayBuffer())
  return zip({[RECORD]: strToU8(`${JSON.stringify(writeSession(session))}\n`), [PICTURE + baseName(name)]: picture})
}

/** Beside the label maps: of all pictures. */
const COCO = 'annotations_coco.json'

/**
 * Of many pictures: a label map for each, and one COCO file for all.
 * @param {readonly SavedPicture[]} pictures
 * @param {(picture: SavedPicture, what: 'label' | 'coco') => Promise<Uint8Array>} make  what the core writes of one of them
 */
export async function packSeries(pictures, make) {
  /** @type {Record<string, Uint8Array>} */
  const files = {}
  /** @type {Coco[]} */
  const parts = []
  for (const picture of pictures) {
    files[picture.maskPath] = await make(picture, 'label')
    const {images, ...part} = JSON.parse(strFromU8(await make(picture, 'coco')))
    parts.push({...part, images: images.map((/** @type {object} */ image) => ({...image, mask_file: picture.maskPath}))})
  }
  return zip({...files, [COCO]: strToU8(`${JSON.stringify(joined(parts))}\n`)})
}

/** @typedef {{images: {id: number}[], annotations: {id: number, image_id: number}[], categories: unknown[]}} Coco  of one picture each, as the core writes it */

/** One COCO file of many: pictures and objects get the numbers of the whole. @param {readonly Coco[]} parts */
function joined(parts) {
  let lastId = 0
  return {
    images: parts.flatMap(({images}, i) => images.map((image) => ({...image, id: i + 1}))),
    annotations: parts.flatMap(({annotations}, i) => annotations.map((one) => ({...one, id: ++lastId, image_id: i + 1}))),
    categories: parts[0]?.categories ?? [],
  }
}

/** @param {Blob} file @returns {Promise<Session>} */
export async function unpackSession(file) {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let total = 0
  /** @type {Record<string, Uint8Array<ArrayBuffer>>} */
  let files
  try {
    files = unzipSync(bytes, {
      filter({name, originalSize}) {
        const isOurs = name === RECORD || (name.startsWith(PICTURE) && !name.endsWith('/')) // Zip programs list the folder too.
        if (isOurs) total += originalSize
        if (total > UNPACKED_MAX) throw new Error(`it unpacks to more than ${UNPACKED_MAX} bytes`)
        return isOurs
      },
    })
  } catch (error) {
    throw new PageError('page.session', /** @type {Error} */ (error).message)
  }
  const {[RECORD]: record, ...pictures} = files
  const [picture] = Object.values(pictures)
  if (!record || !picture) throw new PageError('page.session', `it holds no ${record ? 'picture' : RECORD}`)
  return readSession(parse(strFromU8(record)), new Blob([picture]))
}

/** @param {string} json @returns {unknown} */
function parse(json) {
  try {
    return JSON.parse(json)
  } catch {
    throw new PageError('page.session', `${RECORD} is no JSON`)
  }
}
