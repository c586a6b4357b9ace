import { expect, test } from 'vitest'
import { connectionFaultOf } from '#db/connection-faults'
import { toDatabaseError, withoutEffect } from '#db/errors'

const coded = (code: string, message = 'of the tests') =>
  Object.assign(new Error(message), { code })
const named = (name: string) => Object.assign(new Error('of the tests'), { name })

test.each([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET'].map(
    (code) => coded(code),
  ),
  new Error('Connection terminated unexpectedly'),
  new Error('connection error'),
  new Error('Client was closed and is not queryable'),
  new Error('Query read timeout'),
  new Error('timeout expired'),
  new Error('timeout exceeded when trying to connect'),
  ...['TimeoutError', 'AbortError', 'NeonDbError'].map(named),
  new AggregateError([new Error('x'), coded('ECONNREFUSED')], 'one of several'),
  new Error('a cause of a cause', { cause: new Error('y', { cause: coded('EPIPE') }) }),
])('the network is at fault, and it may pass: %s', (error) => {
  for (const mayHaveRun of [true, false]) {
    const meaning = { kind: 'unavailable', transient: true, mayHaveRun, sqlState: undefined }
    expect(toDatabaseError(error, mayHaveRun)).toMatchObject({ ...meaning, cause: error })
  }
})

test.each([
  new TypeError('x is not a function'),
  coded('ERR_INVALID_ARG_TYPE'),
  new AggregateError([new Error('x')]),
  'no error at all',
])('any other error is a fault of the service: %s', (error) => {
  expect(toDatabaseError(error, false)).toMatchObject({ kind: 'internal', transient: false })
})

test('an error is converted once, and keeps what it is without its effect', () => {
  const error = toDatabaseError(coded('08006'), true)
  expect(toDatabaseError(error, false)).toBe(error)
  expect(withoutEffect(error)).toMatchObject({
    ...{ kind: 'unavailable', transient: true, sqlState: '08006', mayHaveRun: false },
    ...{ message: error.message, cause: error.cause },
  })
})

test('the detail of an error is kept where it says how long to wait, and nowhere else', () => {
  const detailed = (code: string) => Object.assign(coded(code), { detail: '7' })
  expect(toDatabaseError(detailed('TD429'), false).detail).toBe('7')
  for (const code of ['23503', '22001', '40001', 'XX000']) {
    expect(toDatabaseError(detailed(code), false).detail).toBeUndefined()
  }
})

/**
 * What Node, pg and Postgres say of a connection, and whether a setting is to blame. What they say most
 * often is in `tests/database/start-faults.long.test.ts`.
 */
test.each([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', '', true, 'not signed by anybody'],
  ['CERT_UNTRUSTED', '', true, 'not signed by anybody'],
  ['CERT_HAS_EXPIRED', '', true, 'expired, or not valid yet'],
  ['CERT_NOT_YET_VALID', '', true, 'expired, or not valid yet'],
  ['28000', 'no pg_hba.conf entry for host "x", no encryption', true, 'encrypted connections only'],
  ['', 'connection is insecure (try using `sslmode=require`)', true, 'encrypted connections only'],
  ['', 'client password must be a non-empty string', true, 'asks for a password'],
  ['08P01', 'empty password returned by client', true, 'asks for a password'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', '', true, 'do not agree'],
  ['', 'unknown authentication type 99', true, 'do not agree'],
  ['', 'SASL: only SCRAM is supported', true, 'do not agree'],
  ['28000', '', false, 'does not let the login'],
  ['55000', '', false, 'takes no connections'],
  ['EAI_AGAIN', '', false, 'could not be looked up'],
])('why there is no connection, %s %s (a setting: %s), is said: %s', (...row) => {
  const [code, message, isSetting, says] = row
  const error = code === '' ? new Error(message) : coded(code, message)
  const kind = isSetting ? 'misconfigured' : 'unavailable'
  const converted = toDatabaseError(error, false)
  expect(converted).toMatchObject({ kind, message: expect.stringContaining(says) })
  if (isSetting) expect(converted.transient).toBe(false)
})

test('nothing of that is said for a message that repeats what a user sent', () => {
  for (const code of ['22P02', '23505', '42P01', 'XX000']) {
    expect(connectionFaultOf(coded(code, 'no encryption'))).toBeUndefined()
  }
})
