/** Working without a network, new versions, and installing: what the browser offers, told as actions. */

/** @import {Action} from './types.js' */

/** @typedef {Event & {prompt: () => Promise<unknown>}} InstallPrompt  not every browser has it, so no type does */

/** @param {(action: Action) => void} dispatch @param {() => Promise<{version: string | null}>} fetchList  of this version of the page */
export function createOffline(dispatch, fetchList) {
  /** @type {InstallPrompt | null} */
  let prompt = null

  /** @param {ServiceWorker} first  being installed */
  const follow = (first) =>
    first.addEventListener('statechange', () => {
      if (first.state === 'activated') dispatch({type: 'offline-changed', offline: 'ready'})
      if (first.state === 'redundant') dispatch({type: 'offline-changed', offline: 'failed'})
    })

  const start = async () => {
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault()
      prompt = /** @type {InstallPrompt} */ (event)
      dispatch({type: 'installable', installable: true})
    })
    window.addEventListener('appinstalled', () => dispatch({type: 'installable', installable: false}))
    if (!isSecureContext) return dispatch({type: 'offline-changed', offline: 'insecure'})
    if (!('serviceWorker' in navigator)) return dispatch({type: 'offline-changed', offline: 'unsupported'})
    const {serviceWorker} = navigator
    serviceWorker.addEventListener('message', ({data}) => {
      if (data === 'newer') dispatch({type: 'update-found'})
    })
    // Before the service worker is there, which may have a newer one.
    const {version} = await fetchList()
    const look = async () => (await serviceWorker.ready).active?.postMessage({type: 'look', version})
    try {
      const {active, installing, waiting} = await serviceWorker.register('sw.js', {scope: './', updateViaCache: 'none'})
      dispatch({type: 'offline-changed', offline: active ? 'ready' : 'preparing'})
      const first = installing ?? waiting
      if (!active && first) follow(first)
    } catch {
      return dispatch({type: 'offline-changed', offline: 'failed'})
    }
    void look()
    // What comes back as it was left may be of a version that is kept no more.
    window.addEventListener('pageshow', ({persisted}) => { if (persisted) void look() })
  }

  return {
    start,
    async install() {
      await prompt?.prompt()
      prompt = null
      dispatch({type: 'installable', installable: false})
    },
  }
}
