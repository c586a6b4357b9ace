import { fetchKeySet, keySetUrl, redirectTarget } from '#lib/auth/fetch-key-set'
import { env } from '#lib/config/env'
import { type Check, codesOf, failed, passed } from '#tools/doctor/check'

/** The keys that the issuer publishes now, undefined if they cannot be fetched. */
export interface Keys {
  readonly check: Check
  readonly ids?: ReadonlySet<unknown>
}

/** Where Better Auth seems to be, and the setting that says so. */
export interface Issuer {
  readonly url: string | undefined
  readonly setting: string
}

const name = 'keys'
const untrusted =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_)|ALTNAME|CERT_/

/**
 * The frontend on the command line, or else the `iss` of the token. Anybody can write a URL into a
 * token, so the person must judge that one.
 */
export function findIssuer(frontend: string | undefined, iss: string | undefined): Issuer {
  if (frontend !== undefined) return { url: frontend, setting: `BETTER_AUTH_URL=${frontend}` }
  return iss !== undefined && URL.canParse(iss)
    ? { url: iss, setting: `BETTER_AUTH_URL=${iss}, if that is your frontend` }
    : { url: undefined, setting: 'BETTER_AUTH_URL=<where your frontend is>' }
}

/**
 * Whether the issuer's key set can be fetched.
 *
 * @param isNeeded whether the token is signed with one of its keys. It is undefined without a
 *   token: then it is no failure if the issuer lacks the jwt plugin
 */
export async function checkKeySet(isNeeded: boolean | undefined, issuer: Issuer): Promise<Keys> {
  const url = keySetUrl()
  if (url === undefined) {
    const found =
      'Neither BETTER_AUTH_URL nor JWKS_URL is set, so only HS256 tokens and sessions count'
    return { check: isNeeded ? failed(name, found, issuer.setting) : passed(name, found) }
  }
  try {
    const { keys } = await fetchKeySet(url)
    const algorithms = [...new Set(keys.map(({ alg, crv, kty }) => alg ?? crv ?? kty))].join()
    const found = `${url} publishes ${keys.length} (${algorithms})`
    return { check: passed(name, found), ids: new Set(keys.map(({ kid }) => kid)) }
  } catch (error) {
    const codes = codesOf(error)
    const hasAnswered = error instanceof Error && !/^(TypeError|TimeoutError)$/.test(error.name)
    const reason = codes.join(', ') || (error instanceof Error ? error.message : String(error))
    const found = `the key set ${url} cannot be fetched: ${reason.replaceAll(/\s+/g, ' ')}`
    if (isNeeded === false) return { check: passed(name, `${found}, and this token needs no key`) }
    if (hasAnswered && isNeeded === undefined) return { check: passed(name, found) }
    const target = redirectTarget(error)
    if (target !== undefined) {
      return { check: failed(name, found, `JWKS_URL=${target}, if the key set is there`) }
    }
    const { BETTER_AUTH_URL, JWKS_URL } = env()
    if (JWKS_URL !== undefined) {
      const remedy =
        'Set JWKS_URL to the key set of your frontend, or unset it for BETTER_AUTH_URL/api/auth/jwks.'
      return { check: failed(name, found, remedy) }
    }
    if (issuer.url !== undefined && issuer.url !== BETTER_AUTH_URL) {
      return { check: failed(name, found, issuer.setting) }
    }
    return { check: failed(name, found, remedyFor(codes, hasAnswered)) }
  }
}

function remedyFor(codes: readonly string[], hasAnswered: boolean): string {
  if (codes.some((code) => untrusted.test(code))) {
    return 'NODE_EXTRA_CA_CERTS=<the certificate of your CA, a PEM file>, in the environment that starts the service: Node reads it before any .env file.'
  }
  return hasAnswered
    ? 'Add the jwt() plugin to Better Auth, and name its basePath in BETTER_AUTH_URL where that is not /api/auth. With jwks.jwksPath, name the whole URL in JWKS_URL.'
    : 'Start the frontend, or set BETTER_AUTH_URL to where it can be reached from here.'
}
