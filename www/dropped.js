/** Files out of a drop or a paste, also those in folders. */

/** So that a folder of a whole disk does not stop the page. */
const FILES_MAX = 2000
const DEPTH_MAX = 8

/**
 * All files, those of folders in the order of their names, each named by its path below what was dropped. Call it
 * within the event: afterwards the browser has forgotten what was dropped.
 * @param {DataTransfer | null} transfer @returns {Promise<{name: string, blob: File}[]>}
 */
export async function filesOf(transfer) {
  if (!transfer) return []
  const entries = [...transfer.items].flatMap((item) => (item.kind === 'file' ? [item.webkitGetAsEntry?.() ?? null] : []))
  const files = [...transfer.files]
  // A picture that is pasted, and any file of a browser without folders, has no entry.
  if (entries.length === 0 || entries.includes(null)) return files.map((blob) => ({name: blob.name, blob}))
  /** @type {{name: string, blob: File}[]} */
  const found = []
  for (const entry of entries) if (entry) await collect(entry, DEPTH_MAX, found)
  return found
}

/** @param {FileSystemEntry} entry @param {number} depth @param {{name: string, blob: File}[]} found */
async function collect(entry, depth, found) {
  if (found.length >= FILES_MAX) return
  if (entry.isFile) {
    const file = /** @type {FileSystemFileEntry} */ (entry)
    // What cannot be had, as a link to nowhere, is none.
    const blob = await new Promise((/** @type {(blob: File | null) => void} */ resolve) => file.file(resolve, () => resolve(null)))
    if (blob) found.push({name: entry.fullPath.replace(/^\//, ''), blob})
    return
  }
  if (depth === 0) return
  // What lies there unseen, as a program's own records, was not meant.
  const inside = (await entriesIn(/** @type {FileSystemDirectoryEntry} */ (entry))).filter(({name}) => !name.startsWith('.'))
  inside.sort((a, b) => a.name.localeCompare(b.name, undefined, {numeric: true}))
  for (const one of inside) await collect(one, depth - 1, found)
}

/** Browsers give a folder in parts; an empty part is the end. @param {FileSystemDirectoryEntry} folder @returns {Promise<FileSystemEntry[]>} */
async function entriesIn(folder) {
  const reader = folder.createReader()
  /** @type {FileSystemEntry[]} */
  const all = []
  for (;;) {
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve) => reader.readEntries(resolve, () => resolve([])))
    if (some.length === 0) return all
    all.push(...some)
  }
}
