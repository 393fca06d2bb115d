import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** What a TLS server on loopback shows, and its clients trust: both as PEM. */
export interface Certificate {
  readonly key: string
  readonly certificate: string
}

const lengthOf = ({ length }: Uint8Array): number[] => {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}

/** One value in DER: its tag, its length and its content. */
const der = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Uint8Array.of(tag, ...lengthOf(content)), content])
}
const sequence = (...parts: Uint8Array[]): Uint8Array => der(0x30, ...parts)
const text = (tag: number, value: string): Uint8Array => der(tag, Buffer.from(value))
const oid = (hexadecimal: string): Uint8Array => der(0x06, Buffer.from(hexadecimal, 'hex'))

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const commonName = oid('550403')
const subjectAltName = oid('551d11')

const name = sequence(der(0x31, sequence(commonName, text(0x0c, 'localhost'))))
const alternatives = sequence(text(0x82, 'localhost'), der(0x87, Uint8Array.of(127, 0, 0, 1)))
const extensions = der(0xa3, sequence(sequence(subjectAltName, der(0x04, alternatives))))

const utcTime = (time: number): Uint8Array =>
  text(0x17, `${new Date(time).toISOString().slice(2, 19).replaceAll(/\D/g, '')}Z`)

const day = 24 * 60 * 60 * 1000

/** A key and a certificate that it signs itself, for `localhost` and 127.0.0.1 and for two days; Node.js can make no other. */
export const makeCertificate = (): Certificate => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const version3 = der(0xa0, der(0x02, Uint8Array.of(2)))
  const serial = der(0x02, Uint8Array.of(1), randomBytes(8))
  const validity = sequence(utcTime(Date.now() - day), utcTime(Date.now() + day))
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const signed = sequence(version3, serial, ecdsaWithSha256, name, validity, name, key, extensions)
  const signature = der(0x03, Uint8Array.of(0), sign('sha256', signed, privateKey))
  const encoded = Buffer.from(sequence(signed, ecdsaWithSha256, signature)).toString('base64')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: `-----BEGIN CERTIFICATE-----\n${encoded.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}
