/**
 * What the page and its worker say to each other. Every request has an id and gets one reply with that id; a worker
 * answers in the order it was asked. Bytes are transferred where noted: the sender's copy is emptied.
 */

/** @import {Box, Comparison, CoreExportKind, ExportObject, Extent, Failure, Mask, Measures, Mode, ClassChoice, ModelInfo, LastRun, PixelMm, Refinement, ValueRange, GreyWindow} from './types.js' */

/** @typedef {readonly [number, number, number, number]} ViewRect  x, y, width, height of a part of the picture, or all of it */
/** @typedef {{probabilities: readonly number[] | null, features: readonly {shape: number[], values: Float32Array<ArrayBuffer>}[]}} KeptView  an encoding, to be adopted by other workers */
/** @typedef {Pick<Mask, 'region' | 'bytes'>} MaskPixels  what a mask is, without what the page knows about it */
/** @typedef {{view: ViewRect, boxes: readonly number[]}} Part  of a list of boxes: those that are looked at through one view */

/**
 * @typedef {object} Calls  what can be asked, and what each answers
 *
 * A call that is added here says in `engine.js` what it needs of its worker.
 * @property {{ask: {module: WebAssembly.Module}, answer: null}} start
 * @property {{ask: {manifest: string, encoder: ArrayBuffer, decoder: ArrayBuffer}, answer: Omit<ModelInfo, 'sha256'>}} load  transferred
 * @property {{ask: {bytes: ArrayBuffer, pixels: boolean}, answer: {width: number, height: number, format: string, bits: number, hasMore: boolean, window: GreyWindow | null, valueRange: ValueRange, pixelMm: PixelMm | null, pixels: Uint8ClampedArray<ArrayBuffer> | null}}} open  both transferred; pixels are RGBA, null unless asked for
 * @property {{ask: GreyWindow & {pixels: boolean}, answer: {pixels: Uint8ClampedArray<ArrayBuffer> | null}}} setWindow  of the open picture, in stored units; what was encoded through another window is forgotten
 * @property {{ask: {}, answer: {probabilities: number[] | null, ms: number, kept: KeptView}}} encode  the whole picture; kept is transferred
 * @property {{ask: {view: ViewRect, kept: KeptView}, answer: null}} adopt  copied, as others may need it
 * @property {{ask: {size: Extent, boxes: readonly Box[], mode: Mode, known: readonly ViewRect[]}, answer: Part[]}} plan  known: views that are encoded already
 * @property {{ask: {boxes: readonly Box[], mode: Mode, classChoice: ClassChoice, view: ViewRect, probabilities: readonly number[] | null}, answer: {masks: Omit<Mask, 'key'>[], run: LastRun}}} segment  masks in the order of the boxes, transferred
 * @property {{ask: {what: Exclude<CoreExportKind, 'overlay'>, fileName: string, size: Extent, objects: readonly ExportObject[]}, answer: {bytes: Uint8Array<ArrayBuffer>}}} export  the answer is transferred
 * @property {{ask: {objects: readonly ExportObject[]}, answer: {bytes: Uint8Array<ArrayBuffer>}}} overlay  on the open picture; the answer is transferred
 * @property {{ask: {size: Extent, mask: MaskPixels, how: Refinement}, answer: MaskPixels & {areaPx: number}}} refine
 * @property {{ask: {masks: readonly MaskPixels[]}, answer: Measures[]}} measure  on the open picture, in the order of the masks
 * @property {{ask: {size: Extent, mask: MaskPixels, reference: MaskPixels}, answer: Comparison}} compare
 * @property {{ask: {bytes: ArrayBuffer, size: Extent}, answer: {masks: (MaskPixels & {id: number, areaPx: number})[]}}} readLabels  ids ascending; masks are transferred
 * @property {{ask: {bytes: ArrayBuffer, size: Extent, name: string}, answer: {boxes: [number, number, number, number][], takenFrom: string | null}}} readBoxes  inside the picture, with fractions where the file has them
 */

/** @typedef {keyof Calls} Call */
/**
 * @template {Call} K
 * @typedef {Calls[K]['ask']} Ask
 */
/**
 * @template {Call} K
 * @typedef {Calls[K]['answer']} Answer
 */
/**
 * @template {Call} K
 * @typedef {{call: K, id: number} & Calls[K]['ask']} RequestOf
 */
/** @typedef {{[K in Call]: RequestOf<K>}[Call]} Request */
/** @typedef {{id: number, bytes: number} & ({answer: Calls[Call]['answer']} | {failure: Failure})} Reply  bytes: of the core's memory */

/**
 * An error as the page shows it, whoever threw it.
 * @param {unknown} error @returns {Failure}
 */
export function failureFrom(error) {
  const {code, message, hint} = /** @type {Partial<Failure>} */ (error instanceof Object ? error : {})
  if (typeof code === 'string' && typeof message === 'string') return {code, message, hint: hint ?? ''}
  if (error instanceof WebAssembly.RuntimeError) return {code: 'page.crashed', message: error.message, hint: ''}
  return {code: 'page.unexpected', message: message ?? String(error), hint: ''}
}

/** An error of the page itself: `code` is a text of the locales, which says what, why and what to do. */
export class PageError extends Error {
  /** @param {string} code @param {string} [detail] */
  constructor(code, detail = '') {
    super(detail)
    this.name = 'PageError'
    this.code = code
    this.hint = ''
  }
}
