import { createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { newUser, testSecret } from '#tests/support/tokens'

const makers = {
  EdDSA: () => generateKeyPairSync('ed25519'),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
}

/** The keys of an issuer, by the algorithm that is their id too. */
function newSigner(alg: keyof typeof makers) {
  const { publicKey, privateKey: key } = makers[alg]()
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: alg, alg },
    pem: String(publicKey.export({ type: 'spki', format: 'pem' })),
    sign(input: string): string {
      const hash = alg === 'EdDSA' ? null : 'sha256'
      const signature = signBytes(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
      return signature.toString('base64url')
    },
  }
}

export const asymmetric = ['EdDSA', 'ES256', 'RS256'] as const
export const signers = {
  EdDSA: newSigner('EdDSA'),
  ES256: newSigner('ES256'),
  RS256: newSigner('RS256'),
}
export const newEs256 = () => newSigner('ES256')
export const jwks = asymmetric.map((alg) => signers[alg].jwk)

const user = newUser()
export const trusted = { iss: 'http://localhost:3000', aud: 'http://localhost:3000' }
export const now = () => Math.floor(Date.now() / 1000)
/** Claims that are accepted, with those that are given in their place. */
export const claims = (others: object = {}) => ({
  ...{ sub: user, iat: now(), exp: now() + 900, ...trusted },
  ...others,
})

export const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Writes down what no library would, as long as it can be written. */
export function forge(header: object, payload: unknown, sign: (input: string) => string): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${sign(input)}`
}
export const hmac =
  (key: string | Buffer = testSecret) =>
  (input: string) =>
    createHmac('sha256', key).update(input).digest('base64url')

export const hs256 = (payload: unknown, header: object = {}) =>
  forge({ alg: 'HS256', ...header }, payload, hmac())
export const signed = (alg: keyof typeof signers, header: object = {}, payload = claims()) =>
  forge({ alg, kid: alg, ...header }, payload, signers[alg].sign)
