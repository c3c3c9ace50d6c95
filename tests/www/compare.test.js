import assert from 'node:assert/strict'
import {test} from 'node:test'

import {matched, meanOf, overlapPx, pairsOf, unmatched} from '../../www/compare.js'
import {openedState, play, studyOf, mask, types, withObject} from './support.js'

/** @import {Comparison, Effect, Mask, State, Structure} from '../../www/types.js' */

/** @param {number} id @param {string[]} rows @param {number} [x] @param {number} [y] @returns {Structure} */
function structure(id, rows, x, y) {
  const cut = mask(rows, x, y)
  return {...cut, id, areaPx: cut.bytes.reduce((sum, bit) => sum + bit, 0)}
}
/** @param {readonly Effect[]} effects */
const asked = (effects) => effects.flatMap((effect) => (effect.type === 'compare' ? [effect] : []))
/** @param {number} dsc @returns {Comparison} */
const scores = (dsc) => ({dsc, nsd: dsc / 2, nsdContour: dsc / 4, missedPx: 1, extraPx: 2})

/** Two objects with masks of 3 × 3 at (10, 10) and (30, 10). @returns {State} */
function twoObjects() {
  const state = withObject(withObject(openedState(), [10, 10, 13, 13]), [30, 10, 33, 13])
  const study = studyOf(state)
  const items = study.work.items.map((item, i) => {
    const square = mask(['###', '###', '###'], 10 + 20 * i, 10)
    return {...item, mask: /** @type {Mask} */ ({...square, areaPx: 9, score: 0.9, key: item.mask?.key ?? ''})}
  })
  return {...state, study: {...study, work: {...study.work, items}}}
}
/** @param {State} state @param {Structure[]} structures */
function withReference(state, structures) {
  const looking = play(state, {type: 'reference-given', blob: new Blob(), name: 'expert.png'}).state
  return play(looking, {type: 'looked', id: looking.lastJobId, structures, boxes: null, isPicture: true})
}

test('going back to a picture goes back to what it is compared with', () => {
  const {state} = withReference(twoObjects(), [structure(7, ['###', '###', '###'], 10, 10)])
  assert.deepEqual(state.notice, {key: 'notice.compared', values: {name: 'expert.png', n: 1}})
  const {state: closed} = play(state, {type: 'closed'})
  assert.equal(closed.reference, null)
  const back = play(closed, {type: 'resumed'})
  assert.equal(back.state.reference, state.reference)
  assert.equal(asked(back.effects).length, 1, 'the scores are made again')
})

test('shared pixels are counted where the regions meet', () => {
  const a = mask(['##.', '###'], 5, 5)
  assert.equal(overlapPx(a, mask(['#.', '##'], 6, 6)), 1) // (6, 6); (7, 6) is not in b
  assert.equal(overlapPx(a, mask(['##', '##'], 6, 5)), 3) // (6, 5), (6, 6), (7, 6)
  assert.equal(overlapPx(a, mask(['#'], 8, 5)), 0)
  assert.equal(overlapPx(a, mask(['#'], 50, 50)), 0)
})

test('the pair that shares most comes first, and a structure is taken once', () => {
  const masks = [mask(['####']), mask(['..##'])]
  const [large, small] = [structure(1, ['####']), structure(2, ['#...'])]
  // Mask 1 shares 4 with large and 1 with small; mask 2 shares 2 with large, which is taken.
  assert.deepEqual(matched(masks, [small, large]), [large, null])
  assert.deepEqual(matched([masks[1] ?? masks[0], masks[0]].flatMap((one) => (one ? [one] : [])), [small, large]), [null, large])
  assert.deepEqual(matched(masks, []), [null, null])
})

test('a reference is compared at once, each object with its own structure', () => {
  const [left, right] = [structure(4, ['##', '##'], 10, 10), structure(9, ['###'], 30, 12)]
  const {state, effects} = withReference(twoObjects(), [right, left, structure(11, ['#'], 90, 90)])
  const [effect] = asked(effects)
  assert.deepEqual(effect?.pairs.map(({structure: {id}}) => id), [4, 9])
  assert.deepEqual(effect?.size, {width: 200, height: 100})
  assert.deepEqual(unmatched(state).map(({id}) => id), [11])
  const done = play(state, {type: 'compared', id: state.comparing ?? -1, pairs: effect?.pairs ?? [], comparisons: [scores(0.8), scores(0.4)]})
  assert.equal(asked(done.effects).length, 0)
  const pairs = pairsOf(done.state)
  assert.deepEqual(pairs.map(({comparison}) => comparison?.dsc), [0.8, 0.4])
  assert.deepEqual(meanOf(pairs), {n: 2, dsc: (0.8 + 0.4) / 2, nsd: (0.4 + 0.2) / 2, nsdContour: (0.2 + 0.1) / 2})
})

test('only the object that changed is compared again', () => {
  const {state, effects} = withReference(twoObjects(), [structure(4, ['##'], 10, 10), structure(9, ['###'], 30, 12)])
  const pairs = asked(effects)[0]?.pairs ?? []
  const done = play(state, {type: 'compared', id: state.comparing ?? -1, pairs, comparisons: [scores(0.8), scores(0.4)]}).state
  const study = studyOf(done)
  const [first, second] = study.work.items
  assert.ok(first?.mask && second)
  const changed = {...first, mask: {...first.mask, bytes: Uint8Array.from(first.mask.bytes)}}
  const next = play({...done, study: {...study, work: {...study.work, items: [changed, second]}}}, {type: 'fitted'})
  assert.deepEqual(asked(next.effects)[0]?.pairs.map(({structure: {id}}) => id), [4])
  assert.equal(pairsOf(next.state)[0]?.comparison, null, 'an old score is not shown for a new mask')
})

test('what cannot be compared is not asked for again, and has no part in the mean', () => {
  const {state, effects} = withReference(twoObjects(), [structure(4, ['##'], 10, 10), structure(9, ['###'], 30, 12)])
  const pairs = asked(effects)[0]?.pairs ?? []
  const done = play(state, {type: 'compared', id: state.comparing ?? -1, pairs, comparisons: [null, scores(0.4)]})
  assert.equal(asked(done.effects).length, 0)
  assert.deepEqual(meanOf(pairsOf(done.state)), {n: 1, dsc: 0.4, nsd: 0.2, nsdContour: 0.1})
  assert.deepEqual(meanOf([]), {n: 0, dsc: null, nsd: null, nsdContour: null})
})

test('the reference is hidden, removed, and gone with its picture', () => {
  const {state} = withReference(twoObjects(), [structure(4, ['##'], 10, 10)])
  assert.equal(state.reference?.isShown, true)
  assert.equal(play(state, {type: 'reference-toggled'}).state.reference?.isShown, false)
  for (const action of /** @type {const} */ (['reference-removed', 'closed'])) {
    const {reference, comparisons} = play(state, {type: action}).state
    assert.deepEqual([reference, comparisons.size], [null, 0], action)
  }
})

test('saving waits for the scores, and has them', () => {
  const {state, effects} = withReference(twoObjects(), [structure(4, ['##'], 10, 10)])
  const waiting = play(state, {type: 'save-asked', what: 'csv'})
  assert.ok(!types(waiting.effects).includes('export'))
  const pairs = asked(effects)[0]?.pairs ?? []
  let {state: next, effects: rest} = play(waiting.state, {type: 'compared', id: state.comparing ?? -1, pairs, comparisons: [scores(0.8)]})
  if (next.measuring !== null) ({state: next, effects: rest} = play(next, {type: 'measured', id: next.measuring, masks: [], measures: null}))
  while (next.measuring !== null) {
    const masks = studyOf(next).work.items.flatMap((item) => (item.mask ? [item.mask] : []))
    ;({state: next, effects: rest} = play(next, {type: 'measured', id: next.measuring, masks, measures: null}))
  }
  const saved = rest.find((effect) => effect.type === 'export')
  assert.equal(saved?.rows[0]?.pair?.comparison?.dsc, 0.8)
  assert.equal(saved?.rows[1]?.pair?.structure, null)
})
