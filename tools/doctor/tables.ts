import { madeFunctions, madeTables } from '#db/schema'
import { env } from '#lib/config/env'
import { type Check, failed, failedAsTold, passed } from '#tools/doctor/check'
import type { FoundTable, Inspection } from '#tools/doctor/inspection'

/** Whether `USERS_TABLE` and `SESSIONS_TABLE` are the tables that Better Auth keeps. */
export function checkTables(inspection: Inspection): Check[] {
  return [checkUsers(inspection), checkSessions(inspection)]
}

/** The command that makes the tables. `USERS_TABLE` comes first: changing it later takes SQL. */
export function migrationRemedy({ users, sessions, issuers }: Inspection): string {
  const right = findIssuerTables({ sessions, issuers })?.users
  const command = 'npm run db:migrate'
  return right === undefined || right.name === users?.name
    ? command
    : `${setting('USERS_TABLE', right.name)}, and then: ${command}`
}

function checkUsers({ users, sessions, owners, issuers, isMigrated }: Inspection): Check {
  const name = 'users'
  const issuer = findIssuerTables({ sessions, issuers })
  const known = owners?.name === 'no table' ? users : owners
  const right = issuer?.users ?? known
  if (right === undefined && isMigrated) {
    const remedy = 'Have your frontend make it again, and then run: npm run doctor'
    return failed(name, 'the users table is gone, so nobody can create a task', remedy)
  }
  if (right === undefined) {
    const found = users === undefined ? 'there is no users table yet' : `${typed(users)} is there`
    return passed(name, `${found}; the migration makes what is missing`)
  }
  const sql = rebinding(owners, right, issuer !== undefined)
  if (users?.name !== right.name) {
    const found = `USERS_TABLE is ${users?.name ?? 'not in this database'}, and the users are in ${right.name}`
    return failed(name, found, `${setting('USERS_TABLE', right.name)}${sql}`)
  }
  if (isMigrated && owners?.name !== right.name) {
    const found = `USERS_TABLE is ${right.name}, and tasks belong to the users in ${owners?.name}`
    return failed(name, found, sql.replace(/^, then /, ''))
  }
  const whose = issuer === undefined ? "the service's own" : "Better Auth's"
  return passed(name, `${typed(users)}, ${whose}`)
}

function checkSessions({ sessions, sessionsFault, issuers }: Inspection): Check {
  const name = 'sessions'
  const there = issuers.map((issuer) => issuer.sessions)
  if (!env().SESSION_TOKENS) {
    return passed(name, `not looked up: SESSION_TOKENS is off (found ${there.join() || 'none'})`)
  }
  if (sessions !== undefined && sessionsFault === undefined) return passed(name, typed(sessions))
  const check = failedAsTold(name, sessionsFault ?? '')
  const right = there.find((each) => each !== sessions?.name)
  return sessions?.idType !== undefined || right === undefined
    ? check
    : failed(name, check.found, setting('SESSIONS_TABLE', right))
}

/** Several frontends may share a database. `SESSIONS_TABLE` tells which of them is meant. */
function findIssuerTables({ sessions, issuers }: Pick<Inspection, 'sessions' | 'issuers'>) {
  return issuers.find((each) => each.sessions === sessions?.name) ?? issuers[0]
}

/**
 * SQL that makes `tasks` refer to the right users table, if the migrations ran with another. It may
 * lack a user who has tasks, such as the one of the first try.
 *
 * @param isIssuers whether Better Auth keeps that table, so that the service adds no user to it
 */
function rebinding(owners: FoundTable | undefined, right: FoundTable, isIssuers: boolean): string {
  if (owners === undefined || owners.name === right.name) return ''
  const type = owners.idType
  // Policies keep Postgres from changing the type of the column.
  if (right.idType !== undefined && kindOf(type) !== kindOf(right.idType)) {
    return `, then, as ids of the type ${type} cannot be made ${right.idType}, make the tables anew, if no task is worth keeping, because it deletes them all: DROP TABLE ${madeTables.join(', ')}; DROP FUNCTION ${madeFunctions.join(', ')}; and then: npm run db:migrate`
  }
  const adding = isIssuers
    ? ` CREATE OR REPLACE FUNCTION todo_owner(owner ${type}, owner_email text, owner_name text) RETURNS ${type} LANGUAGE sql AS 'SELECT owner';`
    : ''
  return `, then run: ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_user_id_fkey, ADD CONSTRAINT tasks_user_id_fkey FOREIGN KEY (user_id) REFERENCES ${right.name} (id) ON DELETE CASCADE NOT VALID;${adding}`
}

/** A foreign key may lead from varchar to text, and from integer to bigint. */
function kindOf(type = ''): string {
  return type.replace(/^character varying.*/, 'text').replace(/^(?:small|big)int$/, 'integer')
}

/** A line for `.env.local`. Its loader removes double quotes. */
function setting(variable: string, table: string): string {
  const bare = /^"([a-z_][a-z0-9_]*)"$/.exec(table)?.[1] ?? table
  return `${variable}=${bare.includes('"') ? `'${bare}'` : bare}`
}

function typed({ name, idType }: FoundTable): string {
  return `${name} with ids of type ${idType ?? 'unknown'}`
}
