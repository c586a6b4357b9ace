import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sqlStates } from '#db/errors'
import { problemTypes } from '#lib/http/errors'

const rows = [...readFileSync('docs/database.md', 'utf8').matchAll(/^\| `(\w{2,5})` \|(.*)\|$/gm)]
const codes = {
  unavailable: 'database_unavailable',
  unknown_user: 'account_unknown',
  rate_limited: 'rate_limited',
} as const

test('the table of SQLSTATEs in docs/database.md is the one that the service uses', () => {
  const documented = rows.map(([, state = '', rest = '']) => {
    const [, answer, retried] = rest.split('|').map((cell) => cell.trim())
    return [state, { answer, retried }] as const
  })
  const used = Object.entries(sqlStates).map(([state, { kind, transient }]) => {
    const code = codes[kind as keyof typeof codes]
    const answer = `${problemTypes[code].status} \`${code}\``
    return [state, { answer, retried: transient ? 'yes' : 'no' }] as const
  })
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(used))
})
