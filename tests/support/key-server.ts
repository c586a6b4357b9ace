import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { listen } from '#tests/support/service'

/** A key pair of an issuer, under an id of its own. */
export async function newKey(kid: string, alg = 'EdDSA') {
  const { publicKey, privateKey } = await generateKeyPair(alg)
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg },
    sign: (sub: string) =>
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
  const state = {
    keys: [] as JWK[],
    status: 200,
    body: undefined as string | Buffer | undefined,
    /** How the body is compressed. */
    encoding: undefined as string | undefined,
    /** What an answer waits for. It is the answer of the time when it was asked for. */
    hold: undefined as Promise<void> | undefined,
  }
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(request.url ?? '')
    // A status of 0 stands for a server that never answers.
    if (state.status === 0) return
    const { status, encoding, body = JSON.stringify({ keys: state.keys }) } = state
    await state.hold
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(encoding !== undefined && { 'content-encoding': encoding }),
      ...(status === 302 && { location: '/elsewhere' }),
    })
    response.end(body)
  })
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    state,
    requests,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
