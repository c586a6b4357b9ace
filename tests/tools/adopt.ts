import type { OpenDatabase } from '#db/database'
import { readTableName } from '#db/table-name'
import type { TestDatabase } from '#tests/support/databases'
import { startScript } from '#tests/support/script'
import { statementsOf } from '#tests/support/statements'
import { testSecret } from '#tests/support/tokens'
import { type Adoption, adopt } from '#tools/adopt/adopt'
import { readAskedColumn } from '#tools/adopt/asked-columns'
import type { AdoptRequest } from '#tools/adopt/plan'
import { isProblemKind } from '#tools/adopt/problems'

/** Starts `npm run db:adopt` on a database, without waiting for it. */
export function startAdopt(url: string, parameters: readonly string[]) {
  const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: testSecret }
  return startScript('db:adopt', env, parameters)
}

/** Runs `npm run db:adopt` to its end. */
export async function runAdopt(url: string, parameters: readonly string[] = []) {
  return await startAdopt(url, parameters).ended
}

const request: AdoptRequest = {
  table: undefined,
  usersTable: { table: 'users' },
  usersIdType: 'text',
  timeZone: 'UTC',
  repair: [],
  leave: [],
  columns: [],
}

/** Looks at what a database has, or adopts it, in this process. */
export async function adoptIn(
  { transport }: OpenDatabase,
  how: 'look' | 'yes',
  overrides: Partial<AdoptRequest> = {},
): Promise<Adoption> {
  return await adopt(transport, { ...request, ...overrides }, how === 'yes')
}

/** What the options of the command and `USERS_TABLE` ask for, as a shell would read them. */
export function parseOptions(options: readonly string[]): Partial<AdoptRequest> {
  const values = (option: string) =>
    options
      .filter((text) => text.startsWith(option))
      .map((text) => text.slice(option.length).replace(/^'(.*)'$/, '$1'))
  const [usersTable] = values('USERS_TABLE=').map(readTableName)
  const [timeZone] = values('--timezone ')
  return {
    ...(usersTable && { usersTable }),
    ...(timeZone !== undefined && { timeZone }),
    table: values('--table ')[0],
    columns: values('--column ').map(readAskedColumn),
    repair: values('--repair ').filter(isProblemKind),
    leave: values('--leave ').filter(isProblemKind),
  }
}

/** The tasks that a user finds after an adoption, by their titles. */
export async function tasksOf({ database }: Pick<TestDatabase, 'database'>, userId: string) {
  const { json } = await statementsOf(database.forUser(userId), userId).list({
    sort: 'title',
    order: 'asc',
  })
  return JSON.parse(json)
}
