import { readFileSync } from 'node:fs'
import type { OutcomeCode } from '#tests/failures/outcomes'
import type { Failure } from '#tests/failures/table'

/** One of each class that `docs/database.md` names by its first two characters. */
const members: Record<string, string> = {
  '08': '08006',
  '28': '28000',
  '53': '53200',
  '57': '57P03',
}

const row = /^\| (\d+) `(\w+)` \| (yes|no) \| (.*) \|$/gm
const page = readFileSync('docs/database.md', 'utf8')

/** What `docs/database.md` says of each SQLSTATE. */
export const sqlStates = [...page.matchAll(row)].flatMap(([, status, code, retried, states = '']) =>
  Array.from(states.matchAll(/`(\w+)`|any other/g), ([, name = 'any other']) => ({
    name,
    sqlState: members[name] ?? (name === 'any other' ? 'XX001' : name),
    status: Number(status),
    code: code as OutcomeCode,
    retried,
  })),
)

/** A create during which Postgres fails with a SQLSTATE, and which counts how often it is sent. */
export function failureWith(sqlState: string, outcome: OutcomeCode): Failure {
  return {
    name: `Postgres fails with ${sqlState}`,
    async provoke({ sql }) {
      await sql(
        'drop sequence if exists attempts',
        'create sequence attempts',
        `create function fail() returns trigger language plpgsql security definer as $$ begin
          perform nextval('attempts');
          raise exception 'planted' using errcode = '${sqlState}', detail = '7';
        end $$`,
        'create trigger planted before insert on tasks for each row execute function fail()',
      )
      return () => sql('drop trigger planted on tasks', 'drop function fail')
    },
    requests: ['create'],
    outcome,
  }
}
