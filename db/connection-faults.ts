/** Why a connection could not be made. */
export interface ConnectionFault {
  /** The reason and the remedy, without any part of the URL, which has a password. */
  readonly says: string
  /** Whether it lasts until somebody changes a setting, here or at the database. */
  readonly isSetting: boolean
}

const untrusted =
  'its certificate is not signed by anybody whom this service trusts. Name its CA: sslrootcert=<file> in DATABASE_URL, or NODE_EXTRA_CA_CERTS=<file>. sslmode=require encrypts without checking the certificate'

/** The faults, by what Node and pg write into the code or the message of an error. */
const faults: readonly (readonly [pattern: RegExp, isSetting: boolean, says: string])[] = [
  [/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|CERT_UNTRUSTED/, true, untrusted],
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    true,
    'its certificate is expired, or not valid yet. Renew it, and check the clock of this machine',
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    true,
    'its certificate is for another host name. Use the name in it in DATABASE_URL. sslmode=verify-ca does not compare names',
  ],
  [
    /does not support SSL connections/,
    true,
    'the server does not speak TLS. Turn it on there (ssl = on), or take sslmode out of DATABASE_URL',
  ],
  [
    /no encryption$|connection is insecure/,
    true,
    'the server takes encrypted connections only. Add ?sslmode=require to DATABASE_URL',
  ],
  [
    /password must be a (?:non-empty )?string|empty password returned/,
    true,
    'the server asks for a password, and DATABASE_URL has none: postgres://<login>:<password>@…',
  ],
  [/^ERR_SSL|^EPROTO|unknown authentication|SASL/, true, 'the two do not agree on how to connect'],
  [
    /^28P01/,
    false,
    'the server refused the password of the login in DATABASE_URL. Correct the user and the password in DATABASE_URL. In a password, write # as %23, / as %2F, : as %3A and @ as %40',
  ],
  [
    /^28000/,
    false,
    'the server does not let the login in DATABASE_URL in from here. Correct the user in DATABASE_URL, or let it in (pg_hba.conf)',
  ],
  [
    /^3D000/,
    false,
    'the database in DATABASE_URL does not exist on the server. Correct the name at the end of DATABASE_URL, or create it',
  ],
  [/^55000/, false, 'the database takes no connections now (ALLOW_CONNECTIONS)'],
  [
    /^ENOTFOUND/,
    false,
    'the host in DATABASE_URL is not known here. Correct the host in DATABASE_URL',
  ],
  [/^EAI_AGAIN/, false, 'the host in DATABASE_URL could not be looked up'],
  [
    /^ECONNREFUSED/,
    false,
    'nothing listens at the host and port in DATABASE_URL. Start the database, or correct the host and port in DATABASE_URL',
  ],
]

/** SQLSTATEs that refuse a connection. Messages with other SQLSTATEs may repeat what users sent. */
const ofConnecting = /^(?:08|28|3D|55000)/
const sqlState = /^[0-9A-Z]{5}$/

/** Of Neon, `fetch` says it in a cause. @returns undefined if the error is none of these */
export function connectionFaultOf(error: unknown): ConnectionFault | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (sqlState.test(code) && !ofConnecting.test(code)) return undefined
  const text = `${code} ${error.message}`
  const found = faults.find(([pattern]) => pattern.test(text))
  if (found === undefined) return connectionFaultOf(error.cause)
  return { says: found[2], isSetting: found[1] }
}
