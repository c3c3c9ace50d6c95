/** What is asked of the model: which masks are out of date, and what a mask was made from. */

/** @import {State, Study, Slice, Item, Box, ClassChoice, Mask, Mode, Work} from './types.js' */

/** Classes that can be told, in the order in which they are listed. @param {Pick<State, 'model'>} state @returns {ClassChoice[]} none for models that take no class */
export const classChoices = ({model}) => (model?.takesClass && model.classes ? ['auto', ...model.classes, 'unknown'] : [])

/**
 * What the model is told of a choice. One that it does not take is kept for the model that does, and not told to this one.
 * @param {State} state @param {ClassChoice} [choice] @returns {ClassChoice}
 */
export const toldClass = (state, choice = state.study?.work.classChoice ?? 'auto') =>
  choice !== 'auto' && classChoices(state).includes(choice) ? choice : 'auto'

/**
 * What a mask depends on. Two equal keys mean equal masks.
 * @param {State} state @param {Box} box @param {Mode} [mode] @param {ClassChoice} [told]
 */
export function maskKey(state, box, mode = state.mode, told = toldClass(state)) {
  return [state.model?.name ?? '', mode, told, state.study?.sliceIdx ?? 0, ...box].join(' ')
}

const EDITED = 'edited'

/** The key of a mask that a person has changed. It belongs to its box, whatever model, class or mode are chosen. @param {Box} box */
export const editedKey = (box) => [EDITED, ...box].join(' ')

/** Whether a person has made a mask, for this box or for another one. @param {Pick<Mask, 'key'>} mask */
export const isHandMade = ({key}) => key.startsWith(`${EDITED} `)

/** Whether a person has changed the mask. @param {Item} item */
export const isEdited = ({box, mask}) => mask?.key === editedKey(box)

/** Whether an object has the mask that it should have. @param {State} state @param {Item} item */
export const isUpToDate = (state, item) =>
  item.mask !== null && (item.locked || item.mask.key === maskKey(state, item.box) || isEdited(item))

/**
 * How far an object's mask is. Refused: it failed or a person stopped it, and it is not asked for again by itself.
 * @param {State} state @param {Item} item @returns {'done' | 'pending' | 'refused'}
 */
export function progressOf(state, item) {
  if (isUpToDate(state, item)) return 'done'
  return state.refused.includes(maskKey(state, item.box)) ? 'refused' : 'pending'
}

/** @param {Study} study @returns {Slice} */
export const currentSlice = (study) => /** @type {Slice} */ (study.slices[study.sliceIdx])

/** The study with another state of the slice that is shown. @param {Study} study @param {Partial<Slice>} change @returns {Study} */
export const changeSlice = (study, change) => ({
  ...study,
  slices: study.slices.map((slice, i) => (i === study.sliceIdx ? {...slice, ...change} : slice)),
})

/** Items of the slice that is shown. @param {Study} study @returns {readonly Item[]} */
export const currentItems = (study) => study.work.items.filter((item) => item.sliceIdx === study.sliceIdx)

/**
 * Items as they look while one of them is under the pointer.
 * @param {State} state @returns {readonly Item[]}
 */
export function shownItems(state) {
  if (!state.study) return []
  const items = currentItems(state.study)
  const {draft} = state
  if (!draft) return items
  if (!draft.isNew) return items.map((item) => (item.id === draft.id ? {...item, box: draft.box, mask: draft.mask} : item))
  return [...items, itemFromDraft(state.study, draft)]
}

/** The number under which the box that is drawn is shown: others may have come meanwhile. @param {State} state @returns {number | null} */
export function draftId({study, draft}) {
  if (!study || !draft) return null
  return draft.isNew ? study.work.lastItemId + 1 : draft.id
}

/** The object that a new box becomes, under the next number that is free by now. @param {Study} study @param {import('./types.js').Draft} draft @returns {Item} */
export const itemFromDraft = ({work: {lastItemId}, sliceIdx}, {box, mask}) => ({
  id: lastItemId + 1,
  name: '',
  colour: lastItemId,
  sliceIdx,
  box,
  visible: true,
  locked: false,
  mask,
})

/**
 * The masks to ask for next: that of the box under the pointer, through the whole picture so that it comes at once;
 * without one, all that are missing or out of date. While an answer for a box is under way, no other is asked for the
 * same one: what it has become by then is asked for next, and what it was in between never.
 * @param {State} state
 * @returns {{ids: number[], boxes: Box[], keys: string[], mode: Mode, isDraft: boolean} | null}
 */
export function wantedMasks(state) {
  if (!state.study || !state.model) return null
  const {draft} = state
  if (draft) {
    const key = maskKey(state, draft.box, 'challenge')
    const [width, height] = [draft.box[2] - draft.box[0], draft.box[3] - draft.box[1]]
    const isAsked = state.jobs.some((job) => job.kind === 'segment' && job.isDraft)
    if (isAsked || draft.mask?.key === key || state.refused.includes(key) || width < 1 || height < 1) return null
    return {ids: [draft.id], boxes: [draft.box], keys: [key], mode: 'challenge', isDraft: true}
  }
  const asked = new Set(state.jobs.flatMap((job) => (job.kind === 'segment' && !job.isDraft ? job.ids : [])))
  const stale = currentItems(state.study).filter((item) => !asked.has(item.id) && progressOf(state, item) === 'pending')
  if (stale.length === 0) return null
  return {
    ids: stale.map((item) => item.id),
    boxes: stale.map((item) => item.box),
    keys: stale.map((item) => maskKey(state, item.box)),
    mode: state.mode,
    isDraft: false,
  }
}

/** @param {Work} work @param {number} id @param {(item: Item) => Item} change @returns {Work} */
export const changeItem = (work, id, change) => ({
  ...work,
  items: work.items.map((item) => (item.id === id ? change(item) : item)),
})
