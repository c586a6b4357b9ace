import { CompiledQuery, type Kysely, sql } from 'kysely'
import { sqlStateOf, toDatabaseError } from '#db/errors'
import { lockSchema, openSessions, retryRaces } from '#db/migrate'
import { plainNames, refuseUnsuitable, suitability } from '#db/suitability'
import { quoteTableName } from '#db/table-name'
import type { Row, Transport } from '#db/transports/transport'
import { carryOut, type Done } from '#tools/adopt/carry-out'
import { findOldTable } from '#tools/adopt/find-old-table'
import { type AdoptRequest, makePlan, type Plan } from '#tools/adopt/plan'
import { findTable, type TableFacts } from '#tools/adopt/table-facts'

/** The limit for one statement. 100,000 rows take seconds, and a person watches the command. */
const statementMs = 30 * 60_000
/** How long to wait for a lock. A program that holds it for longer is a backend that still runs. */
const lockMs = 10_000
/**
 * The same for the migrations. They lock the role of the requests, which belongs to the whole cluster,
 * and another database that migrates or adopts may hold it. Less than their `statement_timeout`.
 */
const migrationLockMs = 50_000
/** Another database of the cluster may migrate at the same moment: see `retryRaces`. */
const attempts = 3

/** What `adopt` found, and what it did. */
export interface Adoption {
  /** Undefined if there is no table to adopt. */
  readonly plan: Plan | undefined
  /** Undefined if nothing was changed: it only looked, or rows are in the way. */
  readonly done: Done | undefined
}

/**
 * Brings over the tasks of another backend, in one transaction. The transaction holds the lock of
 * the migrations, and exclusive locks on the old table and on the service's own.
 *
 * @param isMeant false: only look, and roll back
 * @throws DatabaseError in an outage, an Error that says what to do, or what Postgres refused
 */
export async function adopt(
  transport: Transport,
  request: AdoptRequest,
  isMeant: boolean,
): Promise<Adoption> {
  const db = openSessions(transport)
  try {
    return await retryRaces(() => attempt(db, request, isMeant), attempts)
  } catch (error) {
    throw explain(error)
  } finally {
    await db.destroy()
  }
}

async function attempt(
  db: Kysely<unknown>,
  request: AdoptRequest,
  isMeant: boolean,
): Promise<Adoption> {
  const transaction = await db.startTransaction().execute()
  let adoption: Adoption
  try {
    adoption = await run(transaction, request, isMeant)
  } catch (error) {
    // This fails too if the connection broke. Then Postgres has rolled back already.
    await transaction
      .rollback()
      .execute()
      .catch(() => {})
    throw error
  }
  if (adoption.done === undefined) await transaction.rollback().execute()
  else await transaction.commit().execute().catch(doubt)
  return adoption
}

async function run(
  db: Kysely<unknown>,
  request: AdoptRequest,
  isMeant: boolean,
): Promise<Adoption> {
  await db.executeQuery(CompiledQuery.raw(plainNames.sql))
  const suited = await db.executeQuery<Row>(CompiledQuery.raw(suitability.sql))
  refuseUnsuitable(suited.rows[0])
  if (isMeant) await lockSchema(db)
  await setLimits(db)
  const old = await findOldTable(db, request.table)
  if (old === undefined) return { plan: undefined, done: undefined }
  // The service may run: what it stores behind a look at its empty tasks would be dropped with them.
  for (const table of [old, await findTable(db, { table: 'tasks' })]) {
    const isChanged = table === old || table?.isOurs === true
    if (isMeant && isChanged && table.isOwned && table.isTable) {
      await sql`lock table ${name(table)} in access exclusive mode`.execute(db)
    }
    await showRows(db, table)
  }
  const plan = await makePlan(db, old, request)
  if (!isMeant || plan.rows === undefined || plan.rows.survey.stuck > 0) {
    return { plan, done: undefined }
  }
  const done = await carryOut(db, plan, plan.rows, request, {
    before: () => limitLocks(db, migrationLockMs),
    after: () => setLimits(db),
  })
  if (old.isHidden) {
    await sql`alter table ${name(plan.kept)} force row level security`.execute(db)
  }
  return { plan, done }
}

async function setLimits(db: Kysely<unknown>): Promise<void> {
  await sql`select set_config('statement_timeout', ${String(statementMs)}, true)`.execute(db)
  await limitLocks(db, lockMs)
}

async function limitLocks(db: Kysely<unknown>, timeoutMs: number): Promise<void> {
  await sql`select set_config('lock_timeout', ${String(timeoutMs)}, true)`.execute(db)
}

/**
 * Turns off forced row-level security, which hides rows even from the owner of the table. Until the
 * transaction ends, nobody else sees the change.
 */
async function showRows(db: Kysely<unknown>, table: TableFacts | undefined): Promise<void> {
  if (!table?.isHidden || !table.isOwned) return
  await sql`alter table ${name(table)} no force row level security`.execute(db)
}

function name(table: { readonly schema?: string; readonly table: string }) {
  return sql.raw(quoteTableName(table))
}

/** Explains a commit whose answer was lost: nobody knows whether it happened. */
function doubt(error: unknown): never {
  if (sqlStateOf(error) !== undefined) throw error
  throw new Error(
    'The connection was lost as the adoption was committed. Run npm run db:adopt again: it says whether there is still something to adopt.',
    { cause: error },
  )
}

function explain(error: unknown): unknown {
  const sqlState = sqlStateOf(error)
  const reason = error instanceof Error ? error.message : String(error)
  if (sqlState === '42501') {
    return new Error(
      `The login in DATABASE_URL lacks a right: ${reason}. Use the URL of the role that owns the tables and may create a role. Nothing was changed.`,
      { cause: error },
    )
  }
  if (sqlState === '55P03') {
    return new Error(
      'Another program uses the table, or migrates another database of this server: stop the old backend, and run this again. Nothing was changed.',
      { cause: error },
    )
  }
  const meaning = toDatabaseError(error, true)
  return meaning.kind === 'unavailable' ? meaning : error
}
