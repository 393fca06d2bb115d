import { realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { HandlerFileMissingError } from './errors.ts'

/** Where the handler is, in the words of the runtime client. */
export interface HandlerFile {
  /** The file itself, absolute. */
  readonly file: string
  /** `LAMBDA_TASK_ROOT`. */
  readonly taskRoot: string
  /** `_HANDLER`: no extension, no `..`. */
  readonly handler: string
  /**
   * The file for the client's first probe, which has no extension, when it is TypeScript or was named with an extension and the client's
   * own search would not lead to it: that looks for `.js`, `.mjs` and `.cjs` alone, in this order.
   */
  readonly redirect: { readonly probe: string; readonly url: string } | undefined
}

const clientExtensions = ['.js', '.mjs', '.cjs']
const extensions = [...clientExtensions, '.ts', '.mts', '.cts']

export function findHandler(handler: string, cwd: string): HandlerFile {
  const directory = path.resolve(cwd, path.dirname(handler))
  const [name = '', first = '', ...nested] = path.basename(handler).split('.')
  const stem = path.join(directory, name)
  const named = nested.length > 0 && extensions.includes(`.${first}`) && isFile(`${stem}.${first}`)
  const exported = (named ? nested : [first, ...nested]).join('.')
  const tried = named ? [`${stem}.${first}`] : [stem, ...extensions.map((extension) => stem + extension)]
  const file = name === '' || exported === '' ? undefined : tried.find(isFile)
  if (file === undefined) throw new HandlerFileMissingError(handler, tried)

  // The client refuses `..` anywhere in the handler's name.
  const relative = path.relative(cwd, directory)
  const inside = !relative.includes('..') && !path.isAbsolute(relative)
  const forced = named || !clientExtensions.includes(path.extname(file))
  const clientFinds = [stem, ...clientExtensions.map((extension) => stem + extension)].find(exists)
  return {
    file,
    taskRoot: inside ? path.resolve(cwd) : directory,
    handler: `${inside && relative !== '' ? `${relative.split(path.sep).join('/')}/` : ''}${name}.${exported}`,
    redirect:
      !forced || clientFinds === file ? undefined : { probe: stem, url: pathToFileURL(realpathSync(file)).href },
  }
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
