/**
 * Writes one structured line. A log stream whose reader is stalled makes `console` throw EAGAIN on Managed Instances:
 * that must not reach a request.
 */
export const logLine = (level: 'WARN' | 'ERROR', fields: object): void => {
  try {
    console[level === 'WARN' ? 'warn' : 'error'](JSON.stringify({ level, ...fields }))
  } catch {}
}
