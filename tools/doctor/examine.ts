import { tokenLimitBytes } from '#lib/auth/jwt'
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
      ...(looksUpSession(credential) ? await checkSession(credential, opened) : []),
    ]
    const evidence: Evidence = { frontend, opened, inspection, checks: [...ofToken, ...all] }
    return [...all, ...ofToken, ...(await judge(credential, evidence))]
  } finally {
    await closeDatabase()
  }
}

function looksUpSession({ kind }: Credential): boolean {
  if (kind === 'unsigned session token') return env().SESSION_TOKENS === 'unsigned'
  return kind === 'session token' || kind === 'cookie'
}

function describe(credential: Credential): Check {
  const name = 'token'
  switch (credential.kind) {
    case 'JWT':
      return describeJwt(credential)
    case 'session token':
      return passed(name, 'a session token of Better Auth, not a JWT')
    case 'cookie':
      return passed(name, 'a Cookie header')
    case 'unsigned session token': {
      const found = 'a session token of Better Auth without its signature'
      const remedy =
        'Send a JWT, authClient.token(); or with SESSION_TOKENS=true the header set-auth-token of a sign-in, or the cookie. SESSION_TOKENS=unsigned takes it as it is: the guide says what that means.'
      return looksUpSession(credential) ? passed(name, found) : failed(name, found, remedy)
    }
    case 'unreadable': {
      const remedy = 'Paste the JWT, the session token, or the whole Cookie header of a request.'
      return failed(name, 'no JWT, no session token and no Cookie header', remedy)
    }
  }
}

/** Names what makes a JWT too long: by default Better Auth puts the whole user into it. */
function describeJwt({ headers, payload }: Extract<Credential, { kind: 'JWT' }>): Check {
  const name = 'token'
  const { length } = headers['authorization']?.replace(/^Bearer /, '') ?? ''
  if (length <= tokenLimitBytes) return passed(name, 'a JWT')
  const [longest = ''] = Object.keys(payload).sort((one, other) => sizeOf(other) - sizeOf(one))
  return failed(
    name,
    `a JWT of ${length} characters, and ${tokenLimitBytes} are taken: its longest claim is ${longest}`,
    `Leave ${longest} out: jwt({ jwt: { definePayload: ({ user }) => ({ email: user.email, name: user.name }) } }).`,
  )

  function sizeOf(claim: string): number {
    return JSON.stringify(payload[claim])?.length ?? 0
  }
}
