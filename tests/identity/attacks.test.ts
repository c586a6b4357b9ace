import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
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
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { readRaw } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'
import { signUp } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

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

/** Sends the attack, and checks that it ends at the door. */
async function expectRefused(lines: readonly string[], status = 401): Promise<string> {
  const visitsBefore = database.connections
  const answer = await readRaw(service.url, lines)
  expect(answer.status, answer.head + answer.body).toBe(status)
  expect(answer.head).toMatch(/\r\ncontent-type: application\/problem\+json/i)
  const problem: { status: number; detail: string } = JSON.parse(answer.body)
  expect(problem.status).toBe(status)
  if (status === 401) expect(answer.head).toMatch(/\r\nwww-authenticate: Bearer/i)
  expect(database.connections).toBe(visitsBefore)
  return problem.detail
}
const withToken = (token: string) => ['GET /api/tasks HTTP/1.1', `Authorization: Bearer ${token}`]

describe('what is refused is refused for its fault alone', () => {
  test.each([
    ['HS256', () => hs256(claims())],
    ['EdDSA', () => signed('EdDSA')],
    ['ES256', () => signed('ES256')],
    ['RS256', () => signed('RS256')],
    ['a kid beside HS256', () => hs256(claims(), { kid: '../../dev/null' })],
    ['expired within the tolerance', () => hs256(claims({ exp: now() - 5 }))],
    ['a list of audiences', () => hs256(claims({ aud: ['other', trusted.aud] }))],
  ])('%s goes through to the database', async (_, token) => {
    const visitsBefore = database.connections
    const answer = await readRaw(service.url, withToken(token()))
    expect(answer.status, answer.body).toBe(503)
    expect(database.connections).toBeGreaterThan(visitsBefore)
  })
})

describe('the algorithm', () => {
  test.each(['none', 'None', 'NONE', 'nOnE'])('%s, without a signature', async (alg) => {
    const input = `${base64url({ alg })}.${base64url(claims())}`
    await expectRefused(withToken(`${input}.`))
    await expectRefused(withToken(input))
    await expectRefused(withToken(`${input}.${hmac()(input)}`))
  })

  test.each(asymmetric)('HS256 with the public %s key as its secret', async (alg) => {
    const spellings = [
      signers[alg].pem,
      signers[alg].pem.trim(),
      JSON.stringify(signers[alg].jwk),
      JSON.stringify({ keys: jwks }),
      Buffer.from(signers[alg].jwk.x ?? signers[alg].jwk.n ?? '', 'base64url'),
      signers[alg].jwk.x ?? signers[alg].jwk.n ?? '',
    ]
    for (const key of spellings) {
      for (const header of [{ alg: 'HS256' }, { alg: 'HS256', kid: alg }]) {
        await expectRefused(withToken(forge(header, claims(), hmac(key))))
      }
    }
  })

  test.each([
    ['HS256', 'EdDSA'],
    ['HS256', 'RS256'],
    ['EdDSA', 'HS256'],
    ['EdDSA', 'ES256'],
    ['EdDSA', 'RS256'],
    ['ES256', 'EdDSA'],
    ['ES256', 'HS256'],
    ['RS256', 'ES256'],
    ['RS256', 'HS256'],
    ['RS256', 'PS256'],
    ['ES256', 'ES512'],
  ] as const)('%s switched to %s after signing', async (real, claimed) => {
    const sign = real === 'HS256' ? hmac() : signers[real].sign
    const kids = [real, claimed].filter((kid) => kid in signers)
    for (const kid of kids) {
      const input = `${base64url({ alg: real, kid })}.${base64url(claims())}`
      const switched = `${base64url({ alg: claimed, kid })}.${base64url(claims())}`
      await expectRefused(withToken(`${switched}.${sign(input)}`))
      await expectRefused(withToken(`${switched}.${sign(switched)}`))
    }
  })

  test.each([
    'HS384',
    'HS512',
    'RS384',
    'ES256K',
    'RSA1_5',
    'dir',
    'hs256',
    '',
    1,
    null,
    ['HS256'],
  ])('%j is none of ours', async (alg) => {
    await expectRefused(withToken(hs256(claims(), { alg })))
  })
})

describe('the header', () => {
  test('with its own key inline (jwk)', async () => {
    const { jwk, sign } = await newEs256()
    for (const header of [{ jwk }, { jwk, kid: 'ES256' }]) {
      await expectRefused(withToken(forge({ alg: 'ES256', ...header }, claims(), sign)))
    }
  })

  test.each(['jku', 'x5u'])(
    'with an address to fetch keys from (%s) fetches nothing',
    async (name) => {
      const attacker = await startKeyServer()
      attacker.state.keys = jwks
      for (const token of [
        signed('ES256', { [name]: `${attacker.url}/keys` }),
        hs256(claims(), { [name]: `${attacker.url}/keys` }),
      ]) {
        await expectRefused(withToken(token))
      }
      expect(attacker.requests).toEqual([])
      await attacker.stop()
    },
  )

  test.each([
    ['crit', ['exp']],
    ['b64', false],
    ['zip', 'DEF'],
    ['x5c', ['MIIB']],
    ['typ', 'better-auth.session-cache+jwt'],
    ['typ', 'at+jwt'],
  ])('with %s %j', async (name, value) => {
    await expectRefused(withToken(signed('EdDSA', { [name]: value })))
    await expectRefused(withToken(hs256(claims(), { [name]: value })))
  })

  test.each([
    ['a path', '../../../../dev/null'],
    ['SQL', "' union select 'secret' --"],
    ['10 KB', 'k'.repeat(10_000)],
    ['a number', 7],
    ['an object', { $ne: null }],
  ])('with a kid that is %s', async (_, kid) => {
    await expectRefused(withToken(signed('EdDSA', { kid })))
  })

  test.each([
    ['no JSON', '{alg'],
    ['a list', '[]'],
    ['null', 'null'],
    ['text', '"HS256"'],
  ])('that is %s', async (_, header) => {
    const input = `${base64url(header)}.${base64url(claims())}`
    await expectRefused(withToken(`${input}.${hmac()(input)}`))
  })
})

describe('the signature', () => {
  test.each(['HS256', 'EdDSA', 'ES256', 'RS256'])(
    'of %s that is empty, null or zero',
    async (alg) => {
      const zeros = (bytes: number) => Buffer.alloc(bytes).toString('base64url')
      for (const signature of ['', 'null', base64url('null'), zeros(32), zeros(64), zeros(256)]) {
        await expectRefused(withToken(forge({ alg, kid: alg }, claims(), () => signature)))
      }
    },
  )

  test('of ES256 with r or s at their limits (CVE-2022-21449)', async () => {
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
    const zero = '0'.repeat(64)
    const one = `${'0'.repeat(63)}1`
    for (const [r, s] of [
      [zero, one],
      [one, zero],
      [order, order],
      [order, one],
      [one, order],
    ]) {
      const bytes = Buffer.from(`${r}${s}`, 'hex').toString('base64url')
      await expectRefused(withToken(forge({ alg: 'ES256', kid: 'ES256' }, claims(), () => bytes)))
    }
  })

  test('of ES256 in DER', async () => {
    const der = (input: string) => signers.ES256.sign(input, 'der')
    await expectRefused(withToken(forge({ alg: 'ES256', kid: 'ES256' }, claims(), der)))
  })

  test('over other claims', async () => {
    const [header, , signature] = hs256(claims()).split('.')
    await expectRefused(
      withToken(`${header}.${base64url(claims({ sub: newUser() }))}.${signature}`),
    )
  })

  test('of another secret', async () => {
    await expectRefused(withToken(forge({ alg: 'HS256' }, claims(), hmac(''))))
    await expectRefused(withToken(forge({ alg: 'HS256' }, claims(), hmac(`${testSecret} `))))
  })
})

describe('the spelling', () => {
  const respell: Record<string, (token: string) => string> = {
    'cut by a character': (token) => token.slice(0, -1),
    'cut to its claims': (token) => token.split('.').slice(0, 2).join('.'),
    'with a fourth part': (token) => `${token}.x`,
    'of five parts, as if it were encrypted': (token) => `${token}.x.y`,
    'padded with =': (token) => `${token}=`,
    'with padding in its claims': (token) => token.replace('.', '=.'),
    'with stray bits at its end': (token) =>
      token.replace(/.$/, (end) => String.fromCharCode(end.charCodeAt(0) + 1)),
    'in the standard alphabet': (token) => `${token.slice(0, -4)}+/+/`,
    'with a space inside': (token) => token.replace('.', ' .'),
    'with a tab inside': (token) => token.replace('.', '\t.'),
    'with a null byte inside': (token) => token.replace('.', '%00.'),
    'with a character of another script': (token) => `${token.slice(0, -1)}\u00e9`,
    'in quotes': (token) => `"${token}"`,
    'twice, with a comma': (token) => `${token},${token}`,
    'twice, with a space': (token) => `${token} ${token}`,
    'with its scheme twice': (token) => `Bearer ${token}`,
  }
  test.each(Object.entries(respell))('%s', async (_, change) => {
    await expectRefused(withToken(change(hs256(claims()))))
    await expectRefused(withToken(change(signed('EdDSA'))))
  })

  test.each(['Basic', 'Token', 'JWT', 'BearerX', ''])('under the scheme "%s"', async (scheme) => {
    const line = `Authorization: ${scheme} ${hs256(claims())}`
    await expectRefused(['GET /api/tasks HTTP/1.1', line])
  })
})

describe('the claims', () => {
  test.each([
    [
      'sub',
      [1, ['anna'], { id: 'anna' }, '', '\0', '\ud800', true, null, 'x'.repeat(300), undefined],
    ],
    ['exp', ['9999999999', -1, 0, 1e300, 1e16, null, true, [now() + 60], undefined, now() - 12]],
    ['nbf', [now() + 60, '0', null, 1e300]],
    ['iat', [now() + 60, '0', null, 1e300]],
    ['aud', ['other', [], ['other'], 7, null, '', undefined, 'better-auth:session-cache']],
    ['iss', ['https://evil.example', `${trusted.iss}/`, [trusted.iss], '', null, undefined]],
  ])('%s of a wrong kind or value', async (name, values) => {
    for (const value of values) {
      await expectRefused(withToken(hs256(claims({ [name]: value }))))
      await expectRefused(withToken(signed('EdDSA', {}, claims({ [name]: value }))))
    }
  })

  test('that are no object', async () => {
    for (const payload of ['null', '[]', '"text"', '7', '{', '']) {
      await expectRefused(withToken(hs256(payload)))
    }
  })

  test('expired a moment ago says expired, so that a frontend knows to fetch another', async () => {
    const detail = await expectRefused(withToken(hs256(claims({ exp: now() - 11 }))))
    expect(detail).toBe('The token is expired.')
  })
})

describe('what Better Auth signs for something else', () => {
  let issuer: Awaited<ReturnType<typeof startIssuer>>
  beforeAll(async () => {
    const databaseUrl = server.url(await createDatabase(server))
    issuer = await startIssuer({
      databaseUrl,
      session: { cookieCache: { enabled: true, strategy: 'jwt', maxAge: 300 } },
    })
    await issuer.migrate()
  })
  afterAll(() => issuer.stop())

  test('its email verification token, which names any address', async () => {
    await signUp(issuer.url, 'victim')
    const [token = ''] = issuer.mails
    expect(token.split('.')).toHaveLength(3)
    await expectRefused(withToken(token))
  })

  test('its session-cache cookie', async () => {
    const visitor = await signUp(issuer.url, 'victim')
    const cache = /better-auth\.session_data=([^;]+)/.exec(visitor.cookieHeader())?.[1] ?? ''
    expect(cache.split('.')).toHaveLength(3)
    await expectRefused(withToken(cache))
    // Beside the audience that counts here, for a list is right where one of it is.
    for (const aud of [
      'better-auth:session-cache',
      [trusted.aud, 'better-auth:session-cache'],
      ['better-auth:session-cache', trusted.aud],
      ['other', trusted.aud, 'better-auth:session-cache'],
    ]) {
      await expectRefused(withToken(hs256(claims({ aud }))))
      await expectRefused(withToken(signed('EdDSA', {}, claims({ aud: aud as string }))))
    }
    const cookie = `Cookie: better-auth.session_token=${cache}`
    await expectRefused(['GET /api/tasks HTTP/1.1', cookie, 'Origin: http://localhost:3000'])
  })
})

describe('the request', () => {
  test('with the token in its query', async () => {
    for (const name of ['token', 'access_token', 'authorization', 'jwt']) {
      await expectRefused([`GET /api/tasks?${name}=${hs256(claims())} HTTP/1.1`])
    }
  })

  test('with two Authorization headers, in either order', async () => {
    const headers = [`Authorization: Bearer ${hs256(claims())}`, 'Authorization: Bearer forged']
    await expectRefused(['GET /api/tasks HTTP/1.1', ...headers])
    await expectRefused(['GET /api/tasks HTTP/1.1', ...headers.reverse()])
    const other = `Authorization: Bearer ${await tokenFor(newUser(), trusted)}`
    await expectRefused(['GET /api/tasks HTTP/1.1', headers[0] ?? '', other])
  })

  test('with a line feed in its token', async () => {
    await expectRefused(withToken(`${hs256(claims())}\nX: y\n\u0001`), 400)
  })

  test('that leaves nothing of a token in the log', async () => {
    await expect.poll(() => service.output()).toContain('"event":"refused"')
    expect(service.output()).not.toMatch(/eyJ[A-Za-z0-9]/)
  })
})
