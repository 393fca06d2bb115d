import { DriverMissingError } from './errors.ts'

/** What `load` imports; a package that is missing is named with its remedy. */
export const loadDriver = async <M>(feature: string, packageName: string, load: () => Promise<M>): Promise<M> => {
  try {
    return await load()
  } catch (error) {
    const { code, message = '' } = error as { code?: string; message?: string }
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    // One of the driver's own dependencies may be what is missing.
    if (missing && message.includes(`'${packageName}'`)) throw new DriverMissingError(feature, packageName, error)
    throw error
  }
}
