/** Working without a network, new versions, and installing: what the browser offers, told as actions. */

/** @import {Action} from './types.js' */

/**
 * A browser lets the old version finish what it does, within a second or two. Chromium at times waits for as long as it runs at
 * all; a reload ends that.
 */
const TAKE_OVER_MS = 4000
/** Tells the page, once it was reloaded so, what was asked for: the old version may be served once more. */
const ASKED_KEY = 'medbox.update-asked'

/** @typedef {Event & {prompt: () => Promise<unknown>}} InstallPrompt  not every browser has it, so no type does */

/** Where the browser lets nothing be kept, a person asks again. */
const askAgain = () => {
  try {
    sessionStorage.setItem(ASKED_KEY, '1')
  } catch {}
}
const wasAsked = () => {
  try {
    const found = sessionStorage.getItem(ASKED_KEY) !== null
    sessionStorage.removeItem(ASKED_KEY)
    return found
  } catch {
    return false
  }
}

/** @param {(action: Action) => void} dispatch */
export function createOffline(dispatch) {
  /** @type {ServiceWorkerRegistration | null} */
  let registration = null
  /** @type {InstallPrompt | null} */
  let prompt = null
  let isReloading = false

  const tellUpdate = () => dispatch({type: 'update-found'})

  // From the first moment on: another tab may let a new version in while this one is still being opened.
  const {serviceWorker} = navigator
  let wasClaimed = serviceWorker?.controller != null
  serviceWorker?.addEventListener('controllerchange', () => {
    if (isReloading) return location.reload()
    // The first version takes this page over silently; a later one was asked for in another tab.
    if (wasClaimed) tellUpdate()
    wasClaimed = true
  })

  /** @param {ServiceWorker} fresh  being installed @param {boolean} isFirst */
  const follow = (fresh, isFirst) =>
    fresh.addEventListener('statechange', () => {
      if (fresh.state === 'installed' && !isFirst) tellUpdate()
      if (fresh.state === 'activated' && isFirst) dispatch({type: 'offline-changed', offline: 'ready'})
      if (fresh.state === 'redundant' && isFirst) dispatch({type: 'offline-changed', offline: 'failed'})
    })

  /** @param {ServiceWorker} waiting @param {() => void} late  what is done where the browser does not let it in */
  const takeOver = (waiting, late) => {
    isReloading = true
    waiting.postMessage('take-over')
    setTimeout(late, TAKE_OVER_MS)
  }

  const start = async () => {
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault()
      prompt = /** @type {InstallPrompt} */ (event)
      dispatch({type: 'installable', installable: true})
    })
    window.addEventListener('appinstalled', () => dispatch({type: 'installable', installable: false}))
    if (!isSecureContext) return dispatch({type: 'offline-changed', offline: 'insecure'})
    if (!('serviceWorker' in navigator)) return dispatch({type: 'offline-changed', offline: 'unsupported'})
    try {
      registration = await serviceWorker.register('sw.js', {scope: './', updateViaCache: 'none'})
    } catch {
      return dispatch({type: 'offline-changed', offline: 'failed'})
    }
    const {active, installing, waiting} = registration
    dispatch({type: 'offline-changed', offline: active ? 'ready' : 'preparing'})
    const isAsked = wasAsked()
    if (waiting && active) {
      tellUpdate()
      if (isAsked) takeOver(waiting, () => { isReloading = false })
    }
    if (installing) follow(installing, active === null)
    registration.addEventListener('updatefound', () => {
      if (registration?.installing) follow(registration.installing, registration.active === null)
    })
  }

  return {
    start,
    /** Reloads the page in its new version; where another tab took that over already, at once. */
    takeUpdate() {
      const waiting = registration?.waiting
      if (!waiting) return location.reload()
      takeOver(waiting, () => {
        askAgain()
        location.reload()
      })
    },
    async install() {
      await prompt?.prompt()
      prompt = null
      dispatch({type: 'installable', installable: false})
    },
  }
}
