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

/** @param {string} name */
export const isSessionName = (name) => name.toLowerCase().endsWith(ENDINGS.session)
