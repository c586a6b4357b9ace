import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export interface SigningKey {
  readonly jwk: JWK
  sign(sub: string): Promise<string>
}

/** A key pair of an issuer, under an id of its own. */
export async function newKey(kid: string, alg = 'EdDSA'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg)
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg },
    sign: (sub) =>
      new SignJWT({ sub })
        .setProtectedHeader({ alg, kid })
        // No two alike, so that none is remembered from an earlier request.
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .setExpirationTime('15m')
        .sign(privateKey),
  }
}

/** An issuer's key set over HTTP, whose answer a test changes as it goes. */
export async function startKeyServer() {
  const state = { keys: [] as JWK[], status: 200, body: undefined as string | undefined }
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    // A status of 0 stands for a server that never answers.
    if (state.status === 0) return
    response.writeHead(state.status, {
      'content-type': 'application/json',
      ...(state.status === 302 && { location: '/elsewhere' }),
    })
    response.end(state.body ?? JSON.stringify({ keys: state.keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    requests,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
