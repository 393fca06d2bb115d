import { statfsSync } from 'node:fs'

// Of statfs(2).
const names: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlayfs'],
  [0x1a, 'apfs'],
])

/** The kind of file system a directory is on. */
export const fileSystemOf = (directory: string): string => {
  const { type } = statfsSync(directory)
  return names.get(type) ?? `file system 0x${type.toString(16)}`
}
