import { type Kysely, sql } from 'kysely'
import { migrateWithin } from '#db/migrate'
import { quoteTableName, type TableName } from '#db/table-name'
import { type Judgement, judgedRows, taskColumns, taskValues } from '#tools/adopt/judged-rows'
import { keepTable } from '#tools/adopt/keep-table'
import { dropOwnTables } from '#tools/adopt/own-tables'
import type { AdoptRequest, Plan } from '#tools/adopt/plan'
import type { Survey } from '#tools/adopt/survey'

/** What an adoption has done. */
export interface Done {
  readonly migrations: readonly string[]
  readonly copied: number
  readonly left: number
  readonly addedUsers: number
}

/**
 * Carries out a plan, in a transaction that has locked the old table.
 *
 * @param limits `before` sets the time limits of the migrations, and `after` sets the others again
 * @throws Error if the counts do not agree, so that the transaction is rolled back
 */
export async function carryOut(
  db: Kysely<unknown>,
  plan: Plan,
  { judgement, survey }: { judgement: Judgement; survey: Survey },
  { usersTable, usersIdType }: AdoptRequest,
  limits: { before(): Promise<void>; after(): Promise<void> },
): Promise<Done> {
  await keepTable(db, plan)
  await limits.before()
  const admitLogins = plan.renewed && (await dropOwnTables(db, plan.renewed))
  const migrations = await migrateWithin(db, usersTable, usersIdType)
  await admitLogins?.()
  await limits.after()
  const by = { ...judgement, old: plan.kept, users: usersTable }
  const users = sql.raw(quoteTableName(usersTable))
  const kept = sql.raw(quoteTableName(plan.kept))
  const ids = sql.raw(quoteTableName(plan.ids))
  const idType = sql.raw(plan.users.idType)
  for (const column of plan.users.missing) {
    await sql`alter table ${users} add column ${sql.id(column)} text`.execute(db)
  }
  const addedUsers = by.repair.includes('owner_unknown') ? await addUsers(db, by, plan) : 0
  await sql`create table ${ids} (
    old_id ${sql.raw(judgement.mapping.id.type)} primary key, user_id ${idType}, id uuid, left_because text
  )`.execute(db)
  for (const table of [plan.kept, plan.ids]) await closeTable(db, table)
  await sql`alter table tasks no force row level security`.execute(db)
  const before = await count(db, sql`tasks`)
  await sql`with ${judgedRows(by)}, copied as (
      insert into tasks (${taskColumns}) select ${taskValues} from judged where fate = 'copied'
    )
    insert into ${ids} select old_id,
      case fate when 'copied' then user_id end, case fate when 'copied' then id end,
      case fate when 'left' then array_to_string(problems, ', ') end
    from judged where fate <> 'stuck'`.execute(db)
  const stored = (await count(db, sql`tasks`)) - before
  await sql`alter table tasks force row level security`.execute(db)

  const [rows, mapped] = [await count(db, kept), await count(db, ids)]
  const { copied, left } = survey
  if (rows !== survey.rows || mapped !== rows || stored !== copied || copied + left !== rows) {
    throw new Error(
      `The counts do not agree: ${rows} old rows, ${mapped} of them accounted for, ${copied} to copy, ${stored} stored, ${left} to leave. Nothing was changed.`,
    )
  }
  await sql`analyze tasks`.execute(db)
  return { migrations, copied: stored, left, addedUsers }
}

/**
 * Takes all rights to a table from everybody but its owner. A new table has those of the default
 * privileges, by which on Supabase everybody on the internet may read and write it.
 */
async function closeTable(db: Kysely<unknown>, table: TableName): Promise<void> {
  const name = quoteTableName(table)
  const { rows } = await sql<{ grantee: string }>`
    select distinct case grantee when 0 then 'public' else grantee::regrole::text end as "grantee"
    from pg_class, lateral (select relacl as acl union all select attacl from pg_attribute
      where attrelid = pg_class.oid and attacl is not null) as acls, aclexplode(acl)
    where pg_class.oid = ${name}::regclass and grantee <> relowner`.execute(db)
  for (const { grantee } of rows) {
    await sql`revoke all on ${sql.raw(name)} from ${sql.raw(grantee)} cascade`.execute(db)
  }
}

/** Adds each missing owner to the users table, with an id and nothing else. @returns how many */
async function addUsers(
  db: Kysely<unknown>,
  by: Judgement & { users: TableName },
  { users }: Plan,
): Promise<number> {
  const { rows } = await sql`with ${judgedRows(by)}
    insert into ${sql.raw(quoteTableName(by.users))} (id)
    select distinct owner_key::${sql.raw(users.idType)} from judged
    where fate = 'copied' and problems @> '{owner_unknown}' returning id`.execute(db)
  return rows.length
}

async function count(db: Kysely<unknown>, table: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql<{ count: string }>`select count(*) from ${table}`.execute(db)
  return Number(rows[0]?.count)
}
