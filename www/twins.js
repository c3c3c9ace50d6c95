/** Which files are the same, by what is in them. Loaded when first needed. */

/** @import {Source} from './types.js' */

import {baseName} from './export-name.js'

/**
 * The pictures that were given again, each with the file that it is now. Only what is called alike and is as long is read.
 * @param {{old: readonly Source[], files: readonly Source[]}} sources @returns {Promise<[Source, Source][]>}
 */
export async function twinsOf({old, files}) {
  /** @type {[Source, Source][]} */
  const pairs = []
  const left = new Set(files)
  for (const one of old) {
    for (const file of left) {
      if (baseName(file.name) !== baseName(one.name) || !(await isSame(file.blob, one.blob))) continue
      pairs.push([one, file])
      left.delete(file)
      break
    }
  }
  return pairs
}

/** Whether two files hold the same; not of one that is gone. @param {Blob} a @param {Blob} b */
async function isSame(a, b) {
  if (a.size !== b.size) return false
  try {
    const [left, right] = await Promise.all([a, b].map(async (blob) => new Uint8Array(await blob.arrayBuffer())))
    return left?.every((byte, i) => byte === right?.[i]) ?? false
  } catch {
    return false
  }
}
