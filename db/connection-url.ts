import { getCACertificates } from 'node:tls'
import type { ClientConfig } from 'pg'

/** An authority without a host, which libpq allows and the URL parser does not. */
const withoutHost = /^([a-z]+:\/\/[^/?#@]*@)(\/[^@]*)$/

/**
 * Parses the URL of a database as libpq does. Its host may be missing, because a parameter names it:
 * `postgres://login:password@/database?host=/folder/of/the/socket`.
 *
 * @returns undefined if it is no URL
 */
export function parseConnectionUrl(text: string): URL | undefined {
  return URL.parse(text) ?? URL.parse(text.replace(withoutHost, '$1localhost$2')) ?? undefined
}

/** What is wrong with the URL of a Postgres, and what to do; else undefined. */
export function faultInConnectionUrl(text: string): string | undefined {
  const [, hosts = ''] = /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(text) ?? []
  const url = parseConnectionUrl(text)
  if (`${hosts}${url?.searchParams.get('host')}`.includes(',')) {
    return 'names several hosts, and one is meant. Name the primary, or an address that always leads to it.'
  }
  return url === undefined
    ? 'is no URL. In a password, write # as %23, / as %2F, : as %3A and @ as %40.'
    : undefined
}

/**
 * What `pg` needs for the URL, with its parameters as libpq and the providers mean them.
 *
 * - `sslmode=require` encrypts without checking the certificate. `pg` takes it for `verify-full`.
 * - `sslmode=no-verify` is Heroku's name for the same.
 * - `sslrootcert=system` trusts the authorities of the machine, and checks the name too.
 * - On a Unix socket nothing is encrypted.
 */
export function toClientConfig(text: string): Pick<ClientConfig, 'connectionString' | 'ssl'> {
  const url = parseConnectionUrl(text)
  if (url === undefined) throw new TypeError('The URL of the database cannot be read.')
  const parameters = url.searchParams
  const host = parameters.get('host') ?? decodeURIComponent(url.hostname)
  const isSocket = host.startsWith('/')
  const trustsSystem = !isSocket && parameters.get('sslrootcert') === 'system'
  if (isSocket || trustsSystem) {
    for (const name of ['sslmode', 'sslrootcert', 'uselibpqcompat']) parameters.delete(name)
  } else if (parameters.get('sslmode') === 'no-verify') {
    parameters.delete('uselibpqcompat')
  } else if (parameters.has('sslmode') && !parameters.has('uselibpqcompat')) {
    parameters.set('uselibpqcompat', 'true')
  }
  const connectionString = url.toString()
  return trustsSystem
    ? { connectionString, ssl: { ca: getCACertificates('system') } }
    : { connectionString }
}

/**
 * The URL without `sslrootcert`, for Neon's driver. It speaks TLS with Node's own `fetch` and
 * WebSockets, and cannot read files.
 */
export function withoutRootCertificate(text: string): string {
  const url = parseConnectionUrl(text)
  url?.searchParams.delete('sslrootcert')
  return url?.toString() ?? text
}
