/** Which files are the same, by what is in them. Loaded when first needed. */

/** @import {Source} from './types.js' */

import {baseName} from './export-name.js'

/**
 * The pictures that were given again, each with the file that it is now. Only what is called alike and is as long is read.
 * @param {{old: readonly Source[], files: readonly Source[]}} sources @returns {Promise<[Source, Source][]>}
 */
export async function twinsOf({old, files}) {
  /** @type {Map<string, Source[]>} */
  const alike = new Map()
  for (const file of files) alike.set(looksOf(file), [...(alike.get(looksOf(file)) ?? []), file])
  /** @type {[Source, Source][]} */
  const pairs = []
  for (const one of old) {
    const candidates = alike.get(looksOf(one)) ?? []
    for (const [i, file] of candidates.entries()) {
      if (!(await isSame(file.blob, one.blob))) continue
      pairs.push([one, file])
      candidates.splice(i, 1)
      break
    }
  }
  return pairs
}

/** What can be seen of a file without reading it. @param {Source} source */
const looksOf = ({name, blob}) => `${blob.size} ${baseName(name)}`

/** Whether two files that are as long hold the same; not of one that is gone. @param {Blob} a @param {Blob} b */
async function isSame(a, b) {
  try {
    const [left, right] = await Promise.all([a, b].map(async (blob) => new Uint8Array(await blob.arrayBuffer())))
    return left?.every((byte, i) => byte === right?.[i]) ?? false
  } catch {
    return false
  }
}
