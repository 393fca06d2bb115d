/**
 * Calls back when a signal aborts; what is returned ends that. It listens with a function: of an object with
 * `handleEvent`, Node.js makes one that V8 keeps in old space, with the whole request it leads to.
 */
export const whenAborted = (signal: AbortSignal, callback: () => void): (() => void) => {
  signal.addEventListener('abort', callback)
  return () => signal.removeEventListener('abort', callback)
}
