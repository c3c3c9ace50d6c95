/**
 * Colours of objects that people with any colour vision can tell apart: Okabe and Ito's without black, then Paul Tol's
 * muted set. The same list as the command line's overlays.
 */
export const OBJECT_COLOURS = /** @type {const} */ ([
  '#E69F00', '#56B4E9', '#009E73', '#F0E442', '#0072B2', '#D55E00', '#CC79A7',
  '#CC6677', '#332288', '#DDCC77', '#117733', '#88CCEE', '#882255', '#44AA99', '#999933', '#AA4499',
])

/** @param {number} colour index that may run past the end @returns {string} */
export const objectColour = (colour) => /** @type {string} */ (OBJECT_COLOURS[colour % OBJECT_COLOURS.length])
