import { crc32 } from 'node:zlib'

const stringHeader = 7
const preludeLength = 12
const checksumLength = 4

/**
 * One message of `application/vnd.amazon.eventstream`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html has the format of the frame.
 */
export function encodeEvent(eventType: string, contentType: string, payload: Uint8Array): Buffer {
  const headers = Buffer.concat([
    encodeHeader(':message-type', 'event'),
    encodeHeader(':event-type', eventType),
    encodeHeader(':content-type', contentType),
  ])
  const message = Buffer.alloc(preludeLength + headers.length + payload.length + checksumLength)
  message.writeUInt32BE(message.length, 0)
  message.writeUInt32BE(headers.length, 4)
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
  headers.copy(message, preludeLength)
  message.set(payload, preludeLength + headers.length)
  const end = message.length - checksumLength
  message.writeUInt32BE(crc32(message.subarray(0, end)), end)
  return message
}

function encodeHeader(name: string, value: string): Buffer {
  const header = Buffer.alloc(1 + name.length + 1 + 2 + value.length)
  header.writeUInt8(name.length, 0)
  header.write(name, 1, 'ascii')
  header.writeUInt8(stringHeader, 1 + name.length)
  header.writeUInt16BE(value.length, 2 + name.length)
  header.write(value, 4 + name.length, 'ascii')
  return header
}
