import fc from 'fast-check'

/** A request that is almost HTTP. */
export interface MutatedRequest {
  readonly bytes: Buffer
  /** Whether the server has all it needs to answer. If not, the client must end its side. */
  readonly isWhole: boolean
}

const words = (text: string) => text.split(/\s+/)
const methods = words('GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND')
const oddMethods = ['', ...words('get GETT CONNECT G\0T PRI SOURCE M-SEARCH QUERY')]
const oddVersions = ['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'http/1.1', '']
const paths = words('/ /health /api/tasks /api/tasks/1/complete /api/alice /docs /nope')
const oddPaths = ['*', '', ' ', 'health', '/ /', '/\t', '?', '#', '\\', '.', '//']
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
const headers = `Accept: */* ~ Accept: \x00 ~ X-Request-Id: 1 ~ X-Request-Id: \xe9 ~ Expect: x
  ~ Expect: 100-continue ~ Origin: http://localhost:3000 ~ Origin: null ~ Origin: \x80 ~ Cookie: =
  ~ Cookie: a=b; a=" ~ Authorization: Bearer ~ Authorization: Bearer x.y.z ~ Range: x
  ~ Authorization: Basic eA== ~ If-None-Match: * ~ If-Match: " ~ If-Match: W/"1" ~ Forwarded: =
  ~ Idempotency-Key: \xff ~ X-Forwarded-Host: [ ~ X-Forwarded-Proto: https, http ~ NoColon
  ~ X-Forwarded-For: ,, ~ Upgrade: websocket ~ Upgrade: h2c ~ Connection: upgrade ~ TE: x ~ : x
  ~ Connection: close, x ~ Content-Type: text/plain ~ Content-Type: application/json ~ Trailer: x
  ~ Content-Encoding: gzip ~ Access-Control-Request-Method: PUT ~ traceparent: 00-x ~ Bad Name: x
  ~ Host: evil.example ~ Transfer-Encoding: gzip ~ Transfer-Encoding: chunked, x
  ~ Content-Length: -1 ~ Content-Length: 1, 1 ~ Content-Length: 0x1 ~ Content-Length: +1`.split(
  /\s*~ /,
)
const bodies = ['', ...words('{} {"title":"x"} {"title": [] \0 \xff\xfe " {"completed":1}')]
const chunked = [
  ...['0\r\n\r\n', '2\r\n{}\r\n0\r\n\r\n', 'D\r\n{"title":"x"}\r\n0\r\nTrailer: x\r\n\r\n'],
  ...['2;a=b\r\n{}\r\n0\r\n\r\n', '2\n{}\n0\n\n', 'zz\r\n{}\r\n', '-1\r\n', '5\r\n{}'],
  ...['ffffffffffffffffff\r\n', '2\r\n{}0\r\n\r\n'],
]
const codings = ['Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED', 'TE: chunked']

const from = (values: readonly string[]) => fc.constantFrom(...values)
const mostly = (usual: readonly string[], odd: readonly string[], weight = 9) =>
  fc.oneof({ arbitrary: from(usual), weight }, { arbitrary: from(odd), weight: 1 })

const target = fc
  .tuple(
    fc.option(from(absolutes), { freq: 1, nil: '' }),
    mostly(paths, oddPaths),
    fc.array(from(oddParts), { maxLength: 3 }),
  )
  .map(([origin, path, parts]) => origin + path + parts.join(''))
const nobody = { lines: [] as string[], body: '', isWhole: true }
const measured = fc
  .tuple(from(bodies), fc.constantFrom(0, 0, 0, -1, 1, 100, 1e9, 1e21))
  .map(([body, more]) => ({
    lines: [`Content-Length: ${body.length + more}`],
    ...{ body, isWhole: more <= 0 },
  }))
const inChunks = fc
  .tuple(from(chunked), from(codings))
  .map(([body, line]) => ({ lines: [line], body, isWhole: false }))
/** Bytes that are put in place of others: none, one or two. */
const change = fc.record({
  at: fc.nat(),
  removed: fc.nat(1),
  added: fc.array(fc.nat(255), { maxLength: 1 }),
})

/** Requests of pieces, of which each may be odd, and some of which have other bytes. */
export const mutatedRequests = (authorization: string): fc.Arbitrary<MutatedRequest> =>
  fc
    .record({
      method: mostly(methods, oddMethods),
      target,
      version: mostly(['HTTP/1.1'], oddVersions, 19),
      host: fc.option(
        mostly(hosts, oddHosts, 2).map((host) => `Host: ${host}`),
        { freq: 19 },
      ),
      token: fc.option(fc.constant(`Authorization: ${authorization}`), { freq: 1 }),
      others: fc.array(from([...headers, ' folded']), { maxLength: 5 }),
      content: fc.oneof(fc.constant(nobody), measured, inChunks),
      lineEnd: mostly(['\r\n'], ['\n'], 3),
      changes: fc.option(fc.array(change, { minLength: 1, maxLength: 3 }), { freq: 1, nil: [] }),
    })
    .map(({ method, target, version, host, token, others, content, lineEnd, changes }) => {
      const sent = [host, token, ...others, ...content.lines].filter((line) => line !== null)
      const lines = [`${method} ${target} ${version}`, ...sent, '', content.body]
      const bytes = [...Buffer.from(lines.join(lineEnd), 'latin1')]
      for (const { at, removed, added } of changes) {
        bytes.splice(at % bytes.length, removed, ...added)
      }
      return { bytes: Buffer.from(bytes), isWhole: content.isWhole && changes.length === 0 }
    })
