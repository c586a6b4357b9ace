/** `npm run db:adopt` brings over the tasks of the backend that this one replaces; see docs/adopting.md. */
import { parseArgs } from 'node:util'
import { quoteTableName } from '#db/table-name'
import { env, withoutPassword } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { openFromEnvironment } from '#lib/service/database'
import { isOutage } from '#lib/service/outage'
import { type Adoption, adopt } from '#tools/adopt/adopt'
import { readAskedColumn } from '#tools/adopt/asked-columns'
import { targets } from '#tools/adopt/column-names'
import { shellWord } from '#tools/adopt/decisions'
import {
  isProblemKind,
  type ProblemKind,
  problemKinds,
  repairableKinds,
} from '#tools/adopt/problems'
import { describeDone, describePlan } from '#tools/adopt/report'

const usage = `npm run db:adopt                       shows what it would do, and changes nothing
npm run db:adopt -- --yes              does it

--table <name>      the old table, if several look like tasks, or none
--column <…=…>      which of its columns fills one of tasks: title=name, completed=status:done|closed,
                    created_at=ts:epoch; for ${targets.join(', ')}
--timezone <zone>   of timestamps that have none, such as Europe/Berlin; UTC unless given
--repair <kinds>    mends rows that cannot be brought over as they are: ${repairableKinds.join(',')}
--leave <kinds>     leaves such rows in the old table: ${problemKinds.join(',')}`

const { values: given } = parseArgs({
  options: {
    yes: { type: 'boolean', default: false },
    table: { type: 'string' },
    timezone: { type: 'string', default: 'UTC' },
    column: { type: 'string', multiple: true, default: [] },
    repair: { type: 'string', multiple: true, default: [] },
    leave: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
})

if (given.help) {
  console.log(usage)
  process.exit(0)
}
loadEnvFiles(true)
try {
  await adoptDatabase()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}

async function adoptDatabase(): Promise<void> {
  const request = {
    table: given.table,
    columns: given.column.map(readAskedColumn),
    usersTable: env().USERS_TABLE,
    usersIdType: env().USERS_ID_TYPE,
    timeZone: given.timezone,
    repair: toKinds('--repair', given.repair, repairableKinds),
    leave: toKinds('--leave', given.leave, problemKinds),
  }
  const opened = await openFromEnvironment()
  try {
    const adoption = await adopt(opened.transport, request, given.yes)
    print(adoption)
    if (adoption.done === undefined) return
    // Proves isolation, as every start does. It comes after the report, so that a failure does not
    // hide what was done.
    await opened.makeReady()
    console.log('Requests find the tasks, and isolation holds.')
  } finally {
    await opened.close()
  }
}

function print({ plan, done }: Adoption): void {
  if (plan === undefined) {
    console.log(
      'There is nothing to adopt: no table of another backend looks like tasks. If there is one, name it with --table.',
    )
  } else if (done === undefined) {
    const { lines, isPossible } = describePlan(plan, givenOptions())
    console.log([`${withoutPassword(env().DATABASE_URL)}:`, ...lines].join('\n'))
    if (!isPossible) process.exitCode = 1
  } else {
    console.log(describeDone(plan, done).join('\n'))
  }
}

/** The options of this run as one types them, with the users table if it is not the usual one. */
function givenOptions(): string[] {
  const users = quoteTableName(env().USERS_TABLE)
  const words = process.argv.slice(2).filter((word) => word !== '--yes')
  return [
    ...(users === '"users"' ? [] : [`USERS_TABLE=${shellWord(users)}`]),
    ...(words.length > 0 ? [words.map(shellWord).join(' ')] : []),
  ]
}

function toKinds(
  option: string,
  texts: readonly string[],
  allowed: readonly ProblemKind[],
): ProblemKind[] {
  return texts
    .join()
    .split(',')
    .flatMap((part) => {
      const word = part.trim()
      if (word === '') return []
      if (isProblemKind(word) && allowed.includes(word)) return word
      throw new Error(`${option}: ${word} is none of ${allowed.join(', ')}.`)
    })
}

/** The message of an error. For an outage it has the network's own message too. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!isOutage(error)) return error.message
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${withoutPassword(env().DATABASE_URL)}: ${error.message}${cause}`
}
