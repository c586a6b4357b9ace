import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { newKey, startKeyServer } from '#tests/support/key-server'
import { newUser, tokenFor } from '#tests/support/tokens'

const issuer = await startKeyServer()
const user = newUser()
const first = await newKey('first')
const second = await newKey('second')
/** Of 1,024 bits, which jose refuses before it looks at a signature. */
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
const weakKey = { ...publicKey.export({ format: 'jwk' }), kty: 'RSA', kid: 'weak', alg: 'RS256' }
const rsa = await newKey('rsa', 'RS256')

/** Fresh modules, so that no test is served from the keys of another. */
beforeEach(() => {
  vi.useRealTimers()
  vi.resetModules()
  vi.stubEnv('BETTER_AUTH_URL', issuer.url)
  const usual = { keys: [first.jwk], status: 200, body: undefined, encoding: undefined }
  Object.assign(issuer.state, usual)
  issuer.requests.length = 0
})
afterAll(() => issuer.stop())

const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'accepted',
    (error) => error.code ?? String(error),
  )
const verify = async (token: string) => (await import('#lib/auth/jwt')).verifyJwt(token)
/** What becomes of a new token that this key has signed. */
const tryKey = async (key = first) => await codeOf(verify(await key.sign(user)))
/** What becomes of a new token that the secret has signed. */
const trySecret = async () => await codeOf(verify(await tokenFor(user)))
/** What becomes of the search for a key, without a token. */
const lookUp = async (kid: string, alg = 'EdDSA') =>
  await codeOf((await import('#lib/auth/key-set')).findPublicKey({ alg, kid }))

/** Lets time pass for the key set, which reads the clock, and for nothing else. */
function travel(minutes: number) {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + minutes * 60_000 })
}

/** Asks for a key that there is none of, whose answer is as the issuer is now, and comes late. */
async function askSlowly() {
  const held = Promise.withResolvers<void>()
  issuer.state.hold = held.promise
  const before = issuer.requests.length
  const answer = lookUp('nobody’s')
  await expect.poll(() => issuer.requests).toHaveLength(before + 1)
  issuer.state.hold = undefined
  return async () => {
    held.resolve()
    return await answer
  }
}

test('a hundred tokens at once cause one fetch of the key set', async () => {
  const token = await first.sign(user)
  const callers = await Promise.all(Array.from({ length: 100 }, () => verify(token)))
  expect(new Set(callers.map(({ caller }) => caller.userId))).toEqual(new Set([user]))
  expect(issuer.requests).toEqual(['/api/auth/jwks'])
})

test('a key that is rotated right after a fetch is picked up without a refused token', async () => {
  await tryKey()
  issuer.state.keys = [second.jwk, first.jwk]
  const startedAt = performance.now()
  const answers = await Promise.all(Array.from({ length: 20 }, () => tryKey(second)))
  expect(new Set(answers)).toEqual(new Set(['accepted']))
  // The cooldown is one second.
  expect(performance.now() - startedAt).toBeLessThan(4000)
  expect(issuer.requests).toHaveLength(2)
  expect(await tryKey()).toBe('accepted')
})

test('where the clock is set back, an issuer that was away is asked again, and its new keys stay', async () => {
  await tryKey()
  issuer.state.status = 500
  await sleep(1000)
  expect(await lookUp('second')).toBe('keys_unavailable')
  Object.assign(issuer.state, { status: 200, keys: [second.jwk] })
  travel(-60)
  expect(await lookUp('second')).toBe('accepted')
  const asked = issuer.requests.length
  expect(await lookUp('second')).toBe('accepted')
  expect(issuer.requests).toHaveLength(asked)
})

test('a flood of unknown key ids causes one fetch in a cooldown, and delays nobody else', async () => {
  await tryKey()
  const startedAt = Date.now()
  const flood: Promise<string>[] = []
  for (let wave = 0; wave < 20; wave += 1) {
    for (let index = 0; index < 25; index += 1) flood.push(lookUp(`unknown-${wave}-${index}`))
    await sleep(10)
  }
  expect(await tryKey()).toBe('accepted')
  const cooldowns = Math.ceil((Date.now() - startedAt) / 1000)
  expect(issuer.requests.length).toBeLessThanOrEqual(1 + cooldowns)
  expect(new Set(await Promise.all(flood))).toEqual(new Set(['ERR_JWKS_NO_MATCHING_KEY']))
})

test('a known key id with another algorithm is refused without a fetch', async () => {
  await tryKey()
  expect(await lookUp('first', 'RS256')).not.toBe('accepted')
  expect(issuer.requests).toHaveLength(1)
})

test.each([
  ['answers 500', { status: 500 }],
  ['redirects', { status: 302 }],
  ['answers with a page', { body: '<html>' }],
  ['answers with no keys', { keys: [] }],
  ['answers with something else', { body: '{"keys":"none"}' }],
  ['is larger than 256 KB', { keys: [{ ...first.jwk, padding: 'x'.repeat(2 ** 18) }] }],
  ['has a key that is none', { keys: [{ ...first.jwk, x: 'short' }] }],
  ['never answers', { status: 0 }],
])('a key set that %s is a 503 and no 401, and HS256 goes on', async (_, state) => {
  Object.assign(issuer.state, state)
  const startedAt = performance.now()
  const attempts = Array.from({ length: 20 }, () => tryKey())
  expect(await trySecret()).toBe('accepted')
  expect(new Set(await Promise.all(attempts))).toEqual(new Set(['keys_unavailable']))
  // The issuer is given five seconds, and a request ten.
  expect(performance.now() - startedAt).toBeLessThan(8000)
  expect(issuer.requests).toHaveLength(1)
})

const noKeys = [weakKey, { kid: 'weak' }, null, { kty: 'RSA', kid: 'weak', n: 5 }]
test.each(noKeys)('what is no key, or a weak one, is left out: %o', async (entry) => {
  issuer.state.body = JSON.stringify({ keys: [entry, first.jwk, rsa.jwk] })
  for (const key of [first, rsa]) expect(await tryKey(key)).toBe('accepted')
  expect(await tryKey(await newKey('weak', 'RS256'))).toBe('token_invalid')
  issuer.state.body = JSON.stringify({ keys: [entry] })
  await sleep(1000)
  expect(await lookUp('another')).toBe('keys_unavailable')
})

test('a key set that is small on the wire and grows without an end is given up while it is read', async () => {
  const oneOfSpaces = gzipSync(Buffer.alloc(2 ** 20, ' '))
  const body = Buffer.concat(Array.from({ length: 2048 }, () => oneOfSpaces))
  Object.assign(issuer.state, { body, encoding: 'gzip' })
  const before = process.memoryUsage().arrayBuffers
  const attempt = tryKey()
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }, 5)
  expect(await attempt).toBe('keys_unavailable')
  clearInterval(watch)
  expect(most).toBeLessThan(50 * 2 ** 20)
})

test('an issuer that fails is asked once in a cooldown, and nobody waits for it', async () => {
  issuer.state.status = 500
  // The cooldown lasts as long as the test.
  travel(0)
  for (let tries = 0; tries < 50; tries += 1) expect(await tryKey()).toBe('keys_unavailable')
  expect(issuer.requests).toHaveLength(1)
})

test('an issuer that comes back is believed again, and a key that is rotated at once is waited for', async () => {
  issuer.state.status = 500
  expect(await tryKey()).toBe('keys_unavailable')
  issuer.state.status = 200
  travel(1)
  expect(await tryKey()).toBe('accepted')
  issuer.state.keys = [second.jwk]
  expect(await tryKey(second)).toBe('accepted')
})

test('known keys are renewed in the background after ten minutes, and a withdrawn one is refused from then on', async () => {
  await tryKey()
  travel(9.9)
  expect(await lookUp('first')).toBe('accepted')
  // Long enough for a fetch on this machine to arrive.
  await sleep(100)
  expect(issuer.requests).toHaveLength(1)
  travel(0.2)
  issuer.state.keys = [second.jwk]
  expect(await lookUp('first')).toBe('accepted')
  await expect.poll(() => issuer.requests).toHaveLength(2)
  await vi.waitFor(async () => expect(await lookUp('second')).toBe('accepted'))
  travel(1)
  expect(await lookUp('first')).not.toBe('accepted')
})

test('where nobody has asked for hours, the first who does waits for the keys as they are now', async () => {
  await tryKey()
  issuer.state.keys = [second.jwk]
  travel(5 * 60)
  const answers = await Promise.all([tryKey(first), tryKey(second)])
  expect(answers).toEqual(['token_invalid', 'accepted'])
})

test('known keys serve for a day while the issuer is away, and no longer', async () => {
  await tryKey()
  issuer.state.status = 500
  travel(23 * 60)
  for (let tries = 0; tries < 20; tries += 1) expect(await tryKey()).toBe('accepted')
  await expect.poll(() => issuer.requests).toHaveLength(2)
  travel(61)
  expect(await tryKey()).toBe('keys_unavailable')
})

test('a key set of a thousand keys is taken', async () => {
  const others = Array.from({ length: 999 }, (_, index) => ({ ...second.jwk, kid: `key-${index}` }))
  issuer.state.keys = [...others, first.jwk]
  expect(await tryKey()).toBe('accepted')
})

test.each([
  ['answer', { keys: [first.jwk] }, 'ERR_JWKS_NO_MATCHING_KEY'],
  ['failure', { status: 500 }, 'keys_unavailable'],
])('a slow %s does not undo the success of a later question', async (_, slowly, code) => {
  await tryKey()
  Object.assign(issuer.state, slowly)
  const slow = await askSlowly()
  Object.assign(issuer.state, { status: 200, keys: [second.jwk] })
  expect(await lookUp('second')).toBe('accepted')
  expect(await slow()).toBe(code)
  expect(await lookUp('second')).toBe('accepted')
  expect(issuer.requests).toHaveLength(3)
  issuer.state.keys = [first.jwk, second.jwk]
  expect(await lookUp('first')).toBe('accepted')
})

test('a fetch that ends leaves a later one under way, which those who need keys share', async () => {
  await tryKey()
  const earlier = await askSlowly()
  const later = await askSlowly()
  expect(await earlier()).toBe('ERR_JWKS_NO_MATCHING_KEY')
  // By now the known keys may not be used any more.
  travel(25 * 60)
  const sharing = tryKey()
  await sleep(100)
  expect(issuer.requests).toHaveLength(3)
  expect(await later()).toBe('ERR_JWKS_NO_MATCHING_KEY')
  expect(await sharing).toBe('accepted')
})

test('the warning about keys that cannot be renewed comes once in 30 s, however many ask', async () => {
  await tryKey()
  const { log } = await import('#lib/log')
  const warn = vi.spyOn(log(), 'warn')
  issuer.state.status = 500
  for (const [minutes, warnings] of [
    [11, 1],
    [29 / 60, 1],
    [2 / 60, 2],
  ] as const) {
    travel(minutes)
    const asked = await Promise.all(Array.from({ length: 20 }, () => lookUp('first')))
    expect(new Set(asked)).toEqual(new Set(['accepted']))
    // Each warning follows its fetch at once.
    await expect.poll(() => warn).toHaveBeenCalledTimes(warnings)
    expect(issuer.requests).toHaveLength(1 + warnings)
  }
  expect(warn).toHaveBeenCalledWith(expect.objectContaining({ event: 'key_set_not_renewed' }))
})

test('without an issuer, an asymmetric token is refused and HS256 goes on', async () => {
  vi.stubEnv('BETTER_AUTH_URL', '')
  vi.stubEnv('NODE_ENV', 'production')
  vi.stubEnv('DATABASE_URL', 'postgres://127.0.0.1:9/none')
  expect(await tryKey()).toBe('token_invalid')
  expect(await trySecret()).toBe('accepted')
})

test.each([
  ['', '/api/auth/jwks'],
  ['/', '/api/auth/jwks'],
  ['/custom/auth', '/custom/auth/jwks'],
])('BETTER_AUTH_URL ending in "%s" has its key set at %s', async (path, wanted) => {
  vi.stubEnv('BETTER_AUTH_URL', issuer.url + path)
  await tryKey()
  expect(issuer.requests).toEqual([wanted])
})
