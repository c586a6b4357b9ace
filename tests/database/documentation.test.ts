import { expect, test } from 'vitest'
import { sqlStates } from '#db/errors'
import { problemTypes } from '#lib/http/errors'
import { sqlStates as documented } from '#tests/failures/sql-states'

const codes = {
  unavailable: 'database_unavailable',
  unknown_user: 'account_unknown',
  rate_limited: 'rate_limited',
} as const

test('the table of SQLSTATEs in docs/database.md is the one that the service uses', () => {
  const used = Object.entries(sqlStates).map(([name, { kind, transient }]) => {
    const code = codes[kind as keyof typeof codes]
    return [name, { status: problemTypes[code].status, code, retried: transient ? 'yes' : 'no' }]
  })
  const said = documented
    .filter(({ name }) => name !== 'any other')
    .map(({ name, status, code, retried }) => [name, { status, code, retried }])
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(used))
  expect(said).toHaveLength(used.length)
})
