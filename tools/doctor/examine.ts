import { env } from '#lib/config/env'
import { closeDatabase } from '#lib/service/database'
import { type Check, failed, passed } from '#tools/doctor/check'
import { type Credential, needsKeySet, readCredential } from '#tools/doctor/credential'
import { checkDatabase } from '#tools/doctor/database'
import { checkEnvironment } from '#tools/doctor/environment'
import { checkJwt } from '#tools/doctor/jwt'
import { checkKeySet, findIssuer } from '#tools/doctor/key-set'
import { checkOrigin } from '#tools/doctor/running-service'
import { checkSession } from '#tools/doctor/session'
import { checkTables } from '#tools/doctor/tables'
import { type Evidence, judge } from '#tools/doctor/verdict'

/** What the doctor examines besides the settings of the service. */
export interface Question {
  /** The origin of the frontend's pages. */
  readonly frontend?: string | undefined
  /** What the frontend sends: a JWT, a session token, or a `Cookie` header. */
  readonly token?: string | undefined
}

/** Finds out why a frontend is refused. A check comes after those that it depends on. */
export async function examine({ frontend, token }: Question): Promise<Check[]> {
  const environment = checkEnvironment()
  if (environment.some(({ ok }) => !ok)) return environment
  const credential = token === undefined ? undefined : readCredential(token)
  try {
    const { checks, opened, inspection } = await checkDatabase()
    const iss = credential?.kind === 'JWT' ? credential.payload.iss : undefined
    const issuer = findIssuer(frontend, iss)
    const keys = await checkKeySet(credential && needsKeySet(credential), issuer)
    const all = [
      ...environment,
      ...checks,
      ...(inspection === undefined ? [] : checkTables(inspection)),
      keys.check,
      await checkOrigin(frontend),
    ]
    if (credential === undefined) return all
    const ofToken = [
      describe(credential),
      ...(credential.kind === 'JWT' ? checkJwt(credential, keys, issuer) : []),
      ...(credential.kind === 'session token' || credential.kind === 'cookie'
        ? await checkSession(credential, opened)
        : []),
    ]
    const evidence: Evidence = { frontend, opened, inspection, checks: [...ofToken, ...all] }
    return [...all, ...ofToken, ...(await judge(credential, evidence))]
  } finally {
    await closeDatabase()
  }
}

function describe(credential: Credential): Check {
  const name = 'token'
  switch (credential.kind) {
    case 'JWT':
      return passed(name, 'a JWT')
    case 'session token':
      return passed(name, 'a session token of Better Auth, not a JWT')
    case 'cookie':
      return passed(name, 'a Cookie header')
    case 'unsigned session token': {
      const remedy = `Send a JWT, authClient.token(); or with SESSION_TOKENS=${env().SESSION_TOKENS || 'true'} the header set-auth-token of a sign-in, or the cookie.`
      return failed(name, 'a session token of Better Auth without its signature', remedy)
    }
    case 'unreadable': {
      const remedy = 'Paste the JWT, the session token, or the whole Cookie header of a request.'
      return failed(name, 'no JWT, no session token and no Cookie header', remedy)
    }
  }
}
