import { readFileSync } from 'node:fs'

/** Those of each class that `docs/database.md` names by its first two characters. */
const members: Record<string, readonly string[]> = {
  '08': ['08006', '08000', '08001', '08003', '08004', '08007', '08P01'],
  '28': ['28000', '28P01'],
  '40': ['40001', '40P01', '40000', '40002', '40003'],
  '53': ['53200', '53000', '53100', '53400'],
  '57': ['57P03', '57000', '57P01', '57P02', '57P04', '57P05'],
  '58': ['58030', '58000', '58P01'],
  'any other': ['XX001', 'XX000', '42703', '23514', '22012', '25P02', '55P02', '54000'],
}

const row = /^\| (\d+) `(\w+)` \| (yes|no) \| (.*) \|$/gm
const page = readFileSync('docs/database.md', 'utf8')

/** What `docs/database.md` says of each SQLSTATE or class. */
export const documented = [...page.matchAll(row)].flatMap(
  ([, status, code, retried, states = '']) =>
    Array.from(states.matchAll(/`(\w+)`|any other/g), ([, name = 'any other']) => ({
      name,
      status: Number(status),
      code,
      isRetried: retried === 'yes',
    })),
)

/** The same, with each SQLSTATE that Postgres has in the classes. */
export const sqlStates = documented.flatMap(({ name, ...said }) =>
  (members[name] ?? [name]).map((sqlState) => ({ name, sqlState, ...said })),
)

/** SQLSTATEs after which nobody knows whether a statement was done. */
export const isInDoubt = (sqlState: string) => /^08|^40003$/.test(sqlState)
