/** `npm run db:adopt` brings over the tasks of the backend that this one replaces; see docs/adopting.md. */
import { parseArgs } from 'node:util'
import { readTableName } from '#db/table-name'
import { env, withoutPassword } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { openFromEnvironment } from '#lib/service/database'
import { isOutage } from '#lib/service/outage'
import { type Adoption, adopt } from '#tools/adopt/adopt'
import {
  isProblemKind,
  type ProblemKind,
  problemKinds,
  repairableKinds,
} from '#tools/adopt/problems'
import { describeDone, describePlan } from '#tools/adopt/report'

const usage = `npm run db:adopt                       shows what it would do, and changes nothing
npm run db:adopt -- --yes              does it

--table <name>      the old table, where it is neither tasks nor task
--timezone <zone>   of timestamps that have none, such as Europe/Berlin; UTC unless given
--repair <kinds>    mends rows that cannot be brought over as they are: ${repairableKinds.join(',')}
--leave <kinds>     leaves such rows in the old table: ${problemKinds.join(',')}
--ids               lists the ids of all such rows, and not the first twenty of a kind`

const { values: given } = parseArgs({
  options: {
    yes: { type: 'boolean', default: false },
    table: { type: 'string' },
    timezone: { type: 'string', default: 'UTC' },
    repair: { type: 'string', default: '' },
    leave: { type: 'string', default: '' },
    ids: { type: 'boolean', default: false },
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
    table: given.table === undefined ? undefined : toTableName(given.table),
    usersTable: env().USERS_TABLE,
    usersIdType: env().USERS_ID_TYPE,
    timeZone: given.timezone,
    repair: toKinds('--repair', given.repair, repairableKinds),
    leave: toKinds('--leave', given.leave, problemKinds),
    mostIds: given.ids ? 1_000_000_000 : 20,
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
    console.log('There is nothing to adopt: no table tasks or task that another backend made.')
  } else if (done === undefined) {
    const { lines, isPossible } = describePlan(plan)
    console.log([`${withoutPassword(env().DATABASE_URL)}:`, ...lines].join('\n'))
    if (!isPossible) process.exitCode = 1
  } else {
    console.log(describeDone(plan, done).join('\n'))
  }
}

function toTableName(text: string) {
  const name = readTableName(text)
  if (name === undefined) throw new Error(`--table: ${text} is no table name.`)
  return name
}

function toKinds(option: string, text: string, allowed: readonly ProblemKind[]): ProblemKind[] {
  return text.split(',').flatMap((part) => {
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
