/** What saved files are called. */

/** @import {ExportKind} from './types.js' */

/** @type {Record<Exclude<ExportKind, 'series'>, string>} */
const ENDINGS = {label: '_mask.png', overlay: '_overlay.png', coco: '_coco.json', npz: '_segs.npz', csv: '_measures.csv', zip: '_all.zip', session: '.medbox'}

/** A name without folders, so that what is saved, or unpacked by hand, lies where it belongs. @param {string} name */
export const baseName = (name) => name.split(/[/\\]/).at(-1)?.replace(/^\.+$/, '') || 'picture'

/** Of many pictures, none of which gives it its name. */
const OF_ALL = 'medbox_pictures.zip'

/** @param {string} name @param {ExportKind} what */
export const exportName = (name, what) => (what === 'series' ? OF_ALL : `${baseName(name).replace(/\.[^.]{1,5}$/, '') || 'picture'}${ENDINGS[what]}`)

/**
 * Where the label maps of a series lie in its zip: each in the folders that its picture lies in. Names that would be the same, for some
 * systems or all, hold the pictures' endings too.
 * @param {readonly string[]} names @returns {string[]}
 */
export function maskPaths(names) {
  const short = names.map((name) => beside(name, exportName(name, 'label')))
  /** @type {Map<string, number>} */
  const shared = new Map()
  for (const path of short) shared.set(path.toLowerCase(), (shared.get(path.toLowerCase()) ?? 0) + 1)
  const taken = new Set()
  return short.map((path, i) => {
    const name = names[i] ?? ''
    const wished = shared.get(path.toLowerCase()) === 1 ? path : beside(name, baseName(name) + ENDINGS.label)
    let free = wished
    for (let n = 2; taken.has(free.toLowerCase()); n++) free = wished.replace(/_mask\.png$/, `_${n}$&`)
    taken.add(free.toLowerCase())
    return free
  })
}

/** A file in the folder of another, if that leads somewhere below where it is unpacked. @param {string} path @param {string} file */
const beside = (path, file) => [...path.split(/[/\\]/).slice(0, -1).filter((folder) => !/^\.*$/.test(folder)), file].join('/')

/** @param {string} name */
export const isSessionName = (name) => name.toLowerCase().endsWith(ENDINGS.session)
