import { createServer, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
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

function sendBomb(response: ServerResponse, state: { bombBytes: number }): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  const spaces = Buffer.alloc(2 ** 20, ' ')
  const gzip = createGzip()
  gzip.on('data', (chunk: Buffer) => {
    state.bombBytes += chunk.byteLength
  })
  Readable.from(Array.from({ length: 2048 }, () => spaces))
    .pipe(gzip)
    .pipe(response)
  response.on('close', () => gzip.destroy())
}

/** An issuer's key set over HTTP, whose answer a test changes as it goes. */
export async function startKeyServer() {
  const state = {
    keys: [] as JWK[],
    status: 200,
    body: undefined as string | undefined,
    /** Whether it answers with 2 GB of spaces in 2 MB of gzip, and how much of that went out. */
    bomb: false,
    bombBytes: 0,
    /** What an answer waits for. It is the answer of the time when it was asked for. */
    hold: undefined as Promise<void> | undefined,
  }
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(request.url ?? '')
    // A status of 0 stands for a server that never answers.
    if (state.status === 0) return
    if (state.bomb) return sendBomb(response, state)
    const { status, body = JSON.stringify({ keys: state.keys }) } = state
    await state.hold
    response.writeHead(status, {
      'content-type': 'application/json',
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
