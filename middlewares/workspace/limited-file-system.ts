import { close, type createWriteStream, open, write } from 'node:fs'
import type { WorkspaceDirectories } from './directories.ts'
import { isFull } from './root.ts'

type StreamOptions = Exclude<Parameters<typeof createWriteStream>[1], string | undefined>
type StreamFileSystem = NonNullable<StreamOptions['fs']>

type Callback = (error: unknown, result?: number, buffer?: Uint8Array) => void

/**
 * The file system a write stream is given: every chunk is allowed by `allow`, which is told the length the file is about
 * to have, and what finds the disk full is tried once more after making room.
 */
export const limitedFileSystem = (
  allow: (bytes: number) => void,
  directories: WorkspaceDirectories,
): StreamFileSystem => {
  let length = 0
  const withRoom = (action: (done: Callback) => void, done: Callback): void =>
    action((error, ...results) => {
      if (!isFull(error)) return done(error, ...results)
      directories.makeRoom()
      action((again, ...others) => done(again === null ? null : directories.explain(again), ...others))
    })
  const limited = {
    open: (path: string, flags: number, mode: number, done: Callback) =>
      withRoom((opened) => open(path, flags, mode, opened), done),
    close,
    write: (fd: number, buffer: Uint8Array, offset: number, size: number, at: number | null, done: Callback) => {
      try {
        allow(length + size)
      } catch (error) {
        process.nextTick(done, error, 0, buffer)
        return
      }
      withRoom(
        (attempted) => write(fd, buffer, offset, size, at, attempted),
        (error, written) => {
          length += written ?? 0
          done(error, written, buffer)
        },
      )
    },
  }
  // Node needs no more than these of a file system; its type asks for every overload of each.
  return limited as unknown as StreamFileSystem
}
