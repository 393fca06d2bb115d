import type { Command, Packet } from './internals.ts'

/** {@link https://dev.mysql.com/doc/dev/mysql-server/latest/mysql__com_8h.html} */
export const inTransaction = 0x0001
export const autocommit = 0x0002
export const sessionChanged = 0x4000

const ok = 0x00
const failed = 0xff

/** The bytes a number with a length takes, by the first of them. */
const widthOf = (first: number): number => {
  if (first < 0xfb) return 1
  if (first === 0xfc) return 3
  return first === 0xfd ? 4 : 9
}

/** An OK packet can only come where mysql2 awaits one: rows begin with the same byte. */
const awaitsOk = ({ next, resultsetHeader, infileOk, pingResponse, resetConnectionResponse }: Command): boolean =>
  next === resultsetHeader || next === infileOk || next === pingResponse || next === resetConnectionResponse

/**
 * What a packet says of its session: the status flags, `'failed'` for an error, which hides them, or nothing.
 *
 * {@link https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html}
 */
export const statusOf = (packet: Packet, command: Command): number | 'failed' | undefined => {
  const { buffer, offset } = packet
  const first = buffer[offset]
  if (first === failed) return 'failed'
  if (packet.isEOF()) return packet.eofStatusFlags()
  if (first !== ok || !awaitsOk(command)) return undefined
  const affectedRows = offset + 1
  const insertId = affectedRows + widthOf(buffer[affectedRows] ?? 0)
  return buffer.readUInt16LE(insertId + widthOf(buffer[insertId] ?? 0))
}

/** The server, or its whole database, may not be written to: `--read-only`, or a writer of Aurora that is one no more. */
const readOnly = new Set([1290, 1836])

/** Whether a packet is the error of a server that has become read-only. */
export const isOfReadOnly = (packet: Packet): boolean => readOnly.has(errorOf(packet))

/** The server shuts down, or somebody has killed the session, on MariaDB or MySQL. */
const lastErrors = new Set([1053, 1927, 3169])

/** Whether a packet is the error of a query with which the session ends: all that waits behind it fails as well. */
export const endsSession = (packet: Packet): boolean => lastErrors.has(errorOf(packet))

const errorOf = ({ buffer, offset }: Packet): number => buffer.readUInt16LE(offset + 1)
