import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { newDatabase, server } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import {
  asymmetric,
  base64url,
  claims,
  forge,
  hmac,
  hs256,
  jwks,
  newEs256,
  now,
  signed,
  signers,
  trusted,
} from '#tests/support/forgery'
import { startIssuer } from '#tests/support/issuer'
import { startKeyServer } from '#tests/support/key-server'
import { postgresAt } from '#tests/support/postgres'
import { readRaw } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'
import { signUp } from '#tests/support/visitor'

const keyServer = await startKeyServer()
keyServer.state.keys = jwks
/** A database that refuses everybody, and counts who came. */
const database = await startFaultProxy(server.port)
database.mode = 'refuse'
const service = await startService('node', {
  DATABASE_URL: postgresAt(database.port).url('none'),
  DATABASE_TIMEOUT_MS: '500',
  BETTER_AUTH_URL: keyServer.url,
  JWT_ISSUER: trusted.iss,
  JWT_AUDIENCE: trusted.aud,
  SESSION_TOKENS: 'true',
})
afterAll(async () => {
  await service.stop('SIGKILL')
  await database.close()
  await keyServer.stop()
})

const invalid = 'Bearer error="invalid_token", error_description='
/** The challenge of a 401, by its code (RFC 6750, 3). */
const challenges = {
  token_invalid: `${invalid}"The token is invalid`,
  token_expired: `${invalid}"The token is expired"\r\n`,
  credentials_missing: 'Bearer\r\n',
}

const listWith = (...headers: string[]) => ['GET /api/tasks HTTP/1.1', ...headers]
const withToken = (token: string) => listWith(`Authorization: Bearer ${token}`)

/** Sends the attack, and checks that it ends at the door. */
async function expectRefused(
  lines: readonly string[],
  code: keyof typeof challenges = 'token_invalid',
): Promise<void> {
  const visitsBefore = database.connections
  const { status, head, body } = await readRaw(service.url, lines)
  expect(status, `${lines.join('\n')}\n${head}${body}`).toBe(401)
  expect(head).toMatch(/\r\ncontent-type: application\/problem\+json/i)
  expect(head).toContain(`\r\nwww-authenticate: ${challenges[code]}`)
  expect(JSON.parse(body)).toMatchObject({ status, code })
  expect(database.connections).toBe(visitsBefore)
}

const good = [hs256(claims()), signed('EdDSA')] as const
const latest = Date.UTC(9999, 11, 31) / 1000

test.each([
  // These two are remembered, while the attacks come that are spelt almost like them.
  ['HS256', good[0]],
  ['EdDSA', good[1]],
  ['ES256', signed('ES256')],
  ['RS256', signed('RS256')],
  ['the type JWT', hs256(claims(), { typ: 'JWT' })],
  ['the type jwt', hs256(claims(), { typ: 'jwt' })],
  ['a user with 255 characters', hs256(claims({ sub: '🎉'.repeat(255) }))],
  ['good until the end of the year 9999', hs256(claims({ exp: latest }))],
  ['a kid beside HS256', hs256(claims(), { kid: '../../dev/null' })],
  ['expired within the tolerance', hs256(claims({ exp: now() - 1 }))],
  ['a list of audiences', hs256(claims({ aud: ['other', trusted.aud] }))],
])('nothing is refused but for its fault: %s goes through to the database', async (_, token) => {
  const visitsBefore = database.connections
  const answer = await readRaw(service.url, withToken(token))
  expect(answer.status, answer.body).toBe(503)
  expect(database.connections).toBeGreaterThan(visitsBefore)
})

const withHeader = (name: string, value: unknown) => [
  signed('EdDSA', { [name]: value }),
  hs256(claims(), { [name]: value }),
]
const withClaim = (name: string, values: readonly unknown[]) =>
  values.flatMap((value) => [
    hs256(claims({ [name]: value })),
    signed('EdDSA', {}, claims({ [name]: value })),
  ])

const es256 = { alg: 'ES256', kid: 'ES256' }
const stranger = await newEs256()
const zeros = (bytes: number) => Buffer.alloc(bytes).toString('base64url')
const soon = now() + 600

/** Tokens of which each must be refused, by what is wrong with them. */
const attacks: Record<string, readonly string[]> = {
  'the algorithm none': ['none', 'None', 'NONE', 'nOnE'].flatMap((alg) => {
    const input = `${base64url({ alg })}.${base64url(claims())}`
    return [`${input}.`, input, `${input}.${hmac()(input)}`]
  }),
  'a public key as the secret of HS256': asymmetric.flatMap((kid) => {
    const { pem, jwk } = signers[kid]
    const raw = jwk.x ?? jwk.n ?? ''
    const texts = [pem, pem.trim(), JSON.stringify(jwk), JSON.stringify({ keys: jwks }), raw]
    return [...texts, Buffer.from(raw, 'base64url')].flatMap((key) => [
      forge({ alg: 'HS256' }, claims(), hmac(key)),
      forge({ alg: 'HS256', kid }, claims(), hmac(key)),
    ])
  }),
  'an algorithm that is switched after signing': (
    [
      ['HS256', 'EdDSA'],
      ['EdDSA', 'HS256'],
      ['EdDSA', 'ES256'],
      ['RS256', 'HS256'],
      ['RS256', 'PS256'],
      ['ES256', 'ES512'],
    ] as const
  ).flatMap(([real, claimed]) => {
    const sign = real === 'HS256' ? hmac() : signers[real].sign
    const kids = [real, claimed].filter((kid) => kid in signers)
    return kids.flatMap((kid) => {
      const before = (input: string) => input.replace(/^[^.]+/, base64url({ alg: real, kid }))
      const header = { alg: claimed, kid }
      return [sign, (input: string) => sign(before(input))].map((by) => forge(header, claims(), by))
    })
  }),
  'an algorithm that is none of ours': [
    ...['HS384', 'HS512', 'RS384', 'ES256K', 'RSA1_5', 'dir', 'hs256', '', 1, null, ['HS256']],
  ].map((alg) => hs256(claims(), { alg })),

  'its own key in the header': [
    forge({ alg: 'ES256', jwk: stranger.jwk }, claims(), stranger.sign),
    forge({ ...es256, jwk: stranger.jwk }, claims(), stranger.sign),
  ],
  'an extension in the header': [
    ...withHeader('crit', ['exp']),
    ...withHeader('b64', false),
    ...withHeader('zip', 'DEF'),
    ...withHeader('x5c', ['MIIB']),
  ],
  'another type in the header': [
    ...withHeader('typ', 'better-auth.session-cache+jwt'),
    ...withHeader('typ', 'at+jwt'),
  ],
  'a key id that is a path, SQL, long or no text': [
    ...['../../../../dev/null', "' union select 'secret' --", 'k'.repeat(10_000), 7, { $ne: null }],
  ].map((kid) => signed('EdDSA', { kid })),
  'a header that is no object': ['{alg', '[]', 'null', '"HS256"'].map((header) => {
    const input = `${base64url(header)}.${base64url(claims())}`
    return `${input}.${hmac()(input)}`
  }),

  'a signature that is empty, null or zero': ['HS256', ...asymmetric].flatMap((alg) =>
    ['', 'null', base64url('null'), zeros(32), zeros(64), zeros(256)].map((signature) =>
      forge({ alg, kid: alg }, claims(), () => signature),
    ),
  ),
  'a signature over other claims': [
    hs256(claims()).replace(/\..*\./, `.${base64url(claims({ sub: newUser() }))}.`),
  ],
  'another secret': ['', `${testSecret} `, 'another secret, of 32 characters or more'].map(
    (secret) => forge({ alg: 'HS256' }, claims(), hmac(secret)),
  ),

  'a good token that is spelt in another way': good.flatMap((token) => [
    token.slice(0, -1),
    token.replace(/.$/, (end) => String.fromCharCode(end.charCodeAt(0) + 1)),
    `${token}=`,
    token.replace('.', '=.'),
    `${token.slice(0, -4)}+/+/`,
    token.replace('.', ' .'),
    token.replace('.', '%00.'),
    `${token.slice(0, -1)}\u00e9`,
    `"${token}"`,
  ]),
  'a good token that is cut or followed by something': good.flatMap((token) => [
    token.split('.').slice(0, 2).join('.'),
    `${token}.x`,
    `${token}.x.y`,
    `${token},${token}`,
    `${token} ${token}`,
    `Bearer ${token}`,
  ]),
  'what is no token at all': ['', 'token', 'a.b', 'a.b.c'],
  'more than 14 KiB': [hs256(claims({ padding: 'x'.repeat(10_800) }))],

  'a subject that is no user id': withClaim('sub', [
    ...[1, ['anna'], { id: 'anna' }, '', '\0', '\ud800', true, null, 'x'.repeat(256), undefined],
  ]),
  'an expiry that is none': withClaim('exp', [
    ...['9999999999', 1e300, 1e16, latest + 1, null, true, [soon], undefined],
  ]),
  'a beginning that has not come, or is none': withClaim('nbf', [soon, '0', null, 1e300]),
  'an issue in the future, or at no time': withClaim('iat', [soon, '0', null, 1e300]),
  'another audience': withClaim('aud', [
    ...['other', [], ['other'], 7, null, '', undefined, 'better-auth:session-cache'],
    // Beside the audience that counts here, for a list is right where one of it is.
    [trusted.aud, 'better-auth:session-cache'],
    ['better-auth:session-cache', trusted.aud],
    ['other', trusted.aud, 'better-auth:session-cache'],
  ]),
  'another issuer': withClaim('iss', [
    ...['https://evil.example', `${trusted.iss}/`, [trusted.iss], '', null, undefined],
  ]),
  'claims that are no object': ['null', '[]', '"text"', '7', '{', ''].map((text) => hs256(text)),
}

describe('a token is refused at the door with', () => {
  test.each(Object.entries(attacks))('%s', async (_, tokens) => {
    for (const token of tokens) await expectRefused(withToken(token))
  })

  test.each(['jku', 'x5u'])('an address of keys (%s), and none is fetched', async (name) => {
    const attacker = await startKeyServer()
    attacker.state.keys = jwks
    const address = `${attacker.url}/keys`
    const token = signed('ES256', { [name]: address })
    for (const each of [token, ...withHeader(name, address)]) await expectRefused(withToken(each))
    expect(attacker.requests).toEqual([])
    await attacker.stop()
  })

  test('an expiry that is over, and the code says so: a frontend then fetches another', async () => {
    for (const token of withClaim('exp', [-1, 0, now() - 11])) {
      await expectRefused(withToken(token), 'token_expired')
    }
  })
})

test('what Better Auth signs for something else is no token: of a mail, and of its session cache', async () => {
  const issuer = await startIssuer({
    databaseUrl: (await newDatabase()).url,
    session: { cookieCache: { enabled: true, strategy: 'jwt', maxAge: 300 } },
  })
  onTestFinished(issuer.stop)
  await issuer.migrate()
  const { cookies } = await signUp(issuer.url, 'victim')
  const [mail = ''] = issuer.mails
  const cache = cookies.get('better-auth.session_data') ?? ''
  for (const token of [mail, cache]) {
    expect(token.split('.')).toHaveLength(3)
    await expectRefused(withToken(token))
  }
  const cookie = `Cookie: better-auth.session_token=${cache}`
  await expectRefused(listWith(cookie, 'Origin: http://localhost:3000'))
})

describe('the request', () => {
  test.each(['Basic', 'Token', 'JWT', 'BearerX', ''])('with a token under "%s"', async (scheme) => {
    const line = `Authorization: ${scheme} ${hs256(claims())}`
    await expectRefused(listWith(line), 'credentials_missing')
  })

  test.each(['token', 'access_token'])('with a token in its query as %s', async (name) => {
    const line = `GET /api/tasks?${name}=${hs256(claims())} HTTP/1.1`
    await expectRefused([line], 'credentials_missing')
  })

  test('with two Authorization headers, in either order', async () => {
    const own = `Authorization: Bearer ${hs256(claims())}`
    const other = `Authorization: Bearer ${await tokenFor(newUser(), trusted)}`
    const forged = 'Authorization: Bearer forged'
    await expectRefused(listWith(own, forged))
    await expectRefused(listWith(forged, own))
    await expectRefused(listWith(own, other))
  })

  test('with a line feed in its token is no request at all', async () => {
    const { status } = await readRaw(service.url, withToken(`${hs256(claims())}\nX: y\n\u0001`))
    expect(status).toBe(400)
  })

  test('that leaves nothing of a token in the log', async () => {
    await expect.poll(() => service.output()).toContain('"event":"refused"')
    expect(service.output()).not.toMatch(/eyJ[A-Za-z0-9]/)
  })
})
