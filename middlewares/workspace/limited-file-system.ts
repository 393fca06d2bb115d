import { close, type createWriteStream, open, write } from 'node:fs'

type StreamOptions = Exclude<Parameters<typeof createWriteStream>[1], string | undefined>
type StreamFileSystem = NonNullable<StreamOptions['fs']>

type WriteCallback = (error: unknown, written: number, buffer: Uint8Array) => void

/**
 * The file system a write stream is given: every chunk is allowed by `allow`, which is told the length the file is about
 * to have, and every error is what `explain` makes of it.
 */
export const limitedFileSystem = (
  allow: (bytes: number) => void,
  explain: (error: unknown) => unknown,
): StreamFileSystem => {
  let length = 0
  const limited = {
    open,
    close,
    write: (fd: number, buffer: Uint8Array, offset: number, size: number, at: number | null, done: WriteCallback) => {
      try {
        allow(length + size)
      } catch (error) {
        process.nextTick(done, error, 0, buffer)
        return
      }
      write(fd, buffer, offset, size, at, (error, written) => {
        length += written ?? 0
        done(error === null ? null : explain(error), written, buffer)
      })
    },
  }
  // Node needs no more than these of a file system; its type asks for every overload of each.
  return limited as unknown as StreamFileSystem
}
