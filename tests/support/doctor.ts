import { type Environment, migrateHere, takeEnvironment } from '#tests/support/in-process'
import { runSql } from '#tests/support/postgres'
import type { Question } from '#tools/doctor/examine'

/** Has the doctor look, in this process, which is the service's own with these variables. */
export async function diagnose(env: Environment, question: Question) {
  await takeEnvironment({ NODE_ENV: 'production', ...env })
  const { examine } = await import('#tools/doctor/examine')
  const checks = await examine(question)
  return { checks, failures: checks.filter(({ ok }) => !ok) }
}

/**
 * Does what a remedy says: sets the variable, runs the script or the SQL. Where it can only name a
 * value, `<…>`, that is the one of `right`.
 *
 * @returns the environment of the next run
 */
export async function follow(
  remedy: string,
  env: Environment,
  right: Environment,
  adminUrl: string,
): Promise<Environment> {
  const next = { ...env }
  const [, variable, value = ''] = /^([A-Z_]+)=(\S+)/.exec(remedy) ?? []
  const [named] = /\b(?:DATABASE_URL|BETTER_AUTH_SECRET)\b/.exec(remedy) ?? []
  if (variable !== undefined) {
    next[variable] = value.startsWith('<') ? right[variable] : value.replace(/,$/, '')
  } else if (named !== undefined) next[named] = right[named]
  for (const statement of statementsIn(remedy)) {
    await runSql(adminUrl, statement).catch((error) => {
      if (!/already exists/.test(error.message)) throw error
    })
  }
  if (remedy.endsWith('npm run db:migrate')) await migrateHere(next)
  return next
}

function statementsIn(remedy: string): string[] {
  return remedy.match(/\b(?:ALTER|CREATE|DROP|GRANT|REVOKE) (?:'[^']*'|[^;'])+(?=;)/g) ?? []
}
