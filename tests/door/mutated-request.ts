/** Requests that are almost HTTP, made at random from a seed. */
import { once } from 'node:events'
import { openSocket } from '#tests/support/send'

export interface MutatedRequest {
  readonly bytes: Buffer
  /** Whether the server has all it needs to answer. If not, the client must end its side. */
  readonly isWhole: boolean
}

export type Random = () => number

/** A generator of numbers from 0 to 1 (mulberry32), the same for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const words = (text: string) => text.split(/\s+/)
const methods = words('GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND')
const oddMethods = ['', ...words('get GETT CONNECT G\0T PRI SOURCE M-SEARCH QUERY')]
const versions = ['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'http/1.1', '']
const paths = words('/ /health /api/tasks /api/tasks/1/complete /api/alice /docs /nope')
const oddTargets = ['*', '', ' ', 'health', '/ /', '/\t', '?', '#', '\\', '.', '//']
const oddParts = words(
  `. .. /. /.. /./..// %2e %2E%2e %2f % %z %ff %00 \\ " ' < > \` { } | ^ # #a?b ? ?? ?a=% ?a=b&a=c
  ; // /// @ : :80 * \x7f \xe9 \xff\xfe ?__proto__=1 ?status=x ?cursor=%00 ?limit=1e9 /constructor
  /__proto__ /${'a'.repeat(5000)} ?&&&=`,
)
const absolutes = words(
  `http://localhost https://localhost HTTP://LOCALHOST http://1.2.3.4.5 http:// http://a:99999
  http://user:pw@localhost ftp://localhost javascript: localhost:80 http:/localhost
  http:\\\\localhost http://[::1 http://[::1] mailto:a@b data:,`,
)
const hosts = words('localhost localhost:8000 127.0.0.1 [::1] api.example.com LOCALHOST.')
const oddHosts = [
  ...words(
    `1.2.3.4.5 1.2.3.999 0x7f.1 a:99999 a: :80 a:b [::1 [1:2] ::1 [ a/b a@b a?b a#b a\\b a%2fb a%
    %00 xn-- xn--a .. . - a..b a_b ä.example \xff \x01 * a<b a|b a^b 9e9`,
  ),
  ...['', 'a b', 'localhost, evil'],
]
const headers = [
  ...`Accept: */* ~ Accept: \x00 ~ X-Request-Id: 1 ~ X-Request-Id: \xe9 ~ Expect: 100-continue
  ~ Expect: x ~ Origin: http://localhost:3000 ~ Origin: null ~ Origin: \x80 ~ Cookie: a=b; a="
  ~ Cookie: = ~ Authorization: Bearer ~ Authorization: Bearer x.y.z ~ Authorization: Basic eA==
  ~ Range: x ~ If-None-Match: * ~ If-Match: " ~ If-Match: W/"1" ~ Idempotency-Key: \xff
  ~ X-Forwarded-Host: [ ~ X-Forwarded-Proto: https, http ~ X-Forwarded-For: ,, ~ Forwarded: =
  ~ Upgrade: websocket ~ Upgrade: h2c ~ Connection: upgrade ~ Connection: close, x ~ TE: x
  ~ Content-Type: text/plain ~ Content-Type: application/json ~ Content-Encoding: gzip ~ : x
  ~ Access-Control-Request-Method: PUT ~ traceparent: 00-x ~ Bad Name: x ~ NoColon
  ~ Host: evil.example ~ Transfer-Encoding: gzip ~ Transfer-Encoding: chunked, x ~ Trailer: x
  ~ Content-Length: -1 ~ Content-Length: 1, 1 ~ Content-Length: 0x1 ~ Content-Length: +1`.split(
    /\s*~ /,
  ),
  ' folded',
]
const bodies = ['', ...words('{} {"title":"x"} {"title": [] \0 \xff\xfe " {"completed":1}')]
const chunked = [
  ['0\r\n\r\n', true],
  ['2\r\n{}\r\n0\r\n\r\n', true],
  ['D\r\n{"title":"x"}\r\n0\r\nTrailer: x\r\n\r\n', true],
  ['2;a=b\r\n{}\r\n0\r\n\r\n', true],
  ['2\n{}\n0\n\n', false],
  ['zz\r\n{}\r\n', false],
  ['-1\r\n', false],
  ['ffffffffffffffffff\r\n', false],
  ['5\r\n{}', false],
  ['2\r\n{}0\r\n\r\n', false],
] as const
const codings = ['Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED', 'TE: chunked']

/** Makes a request from pieces, of which each may be odd, and sometimes changes some of its bytes. */
export function mutatedRequest(random: Random, authorization: string): MutatedRequest {
  const pick = <Piece>(from: readonly Piece[]): Piece =>
    from[Math.floor(random() * from.length)] as Piece
  const chance = (share: number) => random() < share
  let target = pick(paths)
  while (chance(0.5)) target += pick(oddParts)
  if (chance(0.15)) target = pick(absolutes) + target
  if (chance(0.05)) target = pick(oddTargets)
  const method = pick(chance(0.9) ? methods : oddMethods)
  const lines = [`${method} ${target} ${chance(0.95) ? 'HTTP/1.1' : pick(versions)}`]
  if (chance(0.95)) lines.push(`Host: ${pick(chance(0.3) ? oddHosts : hosts)}`)
  if (chance(0.5)) lines.push(`Authorization: ${authorization}`)
  for (let added = 0; chance(0.5) && added < 6; added += 1) lines.push(pick(headers))
  let isWhole = true
  let body = ''
  if (chance(0.3)) {
    body = pick(bodies)
    const claimed = body.length + (chance(0.2) ? pick([-1, 1, 100, 1e9, 1e21]) : 0)
    isWhole = claimed <= body.length
    lines.push(`Content-Length: ${claimed}`)
  } else if (chance(0.2)) {
    ;[body, isWhole] = pick(chunked)
    lines.push(pick(codings))
  }
  const text = [...lines, '', body].join(chance(0.75) ? '\r\n' : '\n')
  const bytes = Buffer.from(text, 'latin1')
  return chance(0.15)
    ? { bytes: withOtherBytes(bytes, random), isWhole: false }
    : { bytes, isWhole }
}

/** Changes, removes or repeats up to three bytes. */
function withOtherBytes(bytes: Buffer, random: Random): Buffer {
  const changed = [...bytes]
  for (let left = 1 + Math.floor(random() * 3); left > 0; left -= 1) {
    const at = Math.floor(random() * changed.length)
    const removed = random() < 0.6 ? 1 : 0
    const added = random() < 0.6 ? [Math.floor(random() * 256)] : []
    changed.splice(at, removed, ...added)
  }
  return Buffer.from(changed)
}

/** How long an answer may take before it counts as missing. */
export const limitMs = 60_000

/** Sends a request, and returns everything that comes back until the connection is closed. */
export async function answersTo(url: string, { bytes, isWhole }: MutatedRequest): Promise<string> {
  const socket = await openSocket(url)
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    received += chunk
    // What is answered and kept open is closed by the client.
    if (withoutContinue(received) !== '') socket.end()
  })
  // A refusal resets the connection if something of the request is unread.
  socket.on('error', () => {})
  socket.setTimeout(limitMs, () => {
    received += '(nothing for a minute)'
    socket.destroy()
  })
  socket.write(bytes)
  if (!isWhole) socket.end()
  await once(socket, 'close')
  return received
}

/** The answers without what only asks for the body. */
export function withoutContinue(received: string): string {
  return received.replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '')
}
