import type { Statement, TransportOptions } from '#db/transports/transport'

/** Of the time that the service waits for an answer: what all statements together may use. */
const statementsShare = 0.8
/** A request's own, and the one that takes its permit: its limit is the same without that one. */
const statementsOfRequest = 2
/** What the transaction may use, its waits for the rest of a message and for the commit included. */
const transactionShare = 0.85
/** When the service closes the connection: what Postgres still does is over before the answer. */
export const patienceShare = 0.9

/**
 * How soon Postgres ends what it does for a connection that is closed, and how long others on the
 * connection of a transaction wait while it waits for a lock. Nothing of ours holds one for longer.
 */
const noticeMs = 100
/** How long Postgres takes at most to end what it does for a connection that was cut. */
export const goneMs = 1.5 * noticeMs
/** How long a connection without transactions stays open. */
export const idleMs = 10_000
/** How long no further connection is opened beside others that have room. */
export const stepMs = 100
/** How long after a read writes leave the first connection to those that may follow. */
export const readsMs = 1000
/** What has less time left, or less than this part of all that a request has, is not sent. */
const least = { ms: 1000, share: 1 / 8 }
/** Of the time that a request has left, what it may wait to be sent. */
const waitShare = 1 / 2

/** How long what has time until `end` may wait to be sent; with 0 or less, it is not sent. */
export function longestWaitMs(
  end: number,
  { requestTimeoutMs }: Pick<TransportOptions, 'requestTimeoutMs'>,
): number {
  const timeLeftMs = end - performance.now()
  const leastMs = Math.min(least.ms, requestTimeoutMs * least.share)
  return Math.min(timeLeftMs - leastMs, timeLeftMs * waitShare)
}

/** Lets Postgres 14 and up look, while it works, whether its connection is still there. */
export const checkSetting = 'client_connection_check_interval'

/** How a transaction is sent on its connection. */
export interface Sending {
  /** Whether nobody is sent behind it, so that it may wait for a lock as long as it has time. */
  readonly isAlone: boolean
  /** Whether this server can look after its connections. */
  readonly isChecked: boolean
  /** The id of the backend that the connection was opened to. */
  readonly backend: string
}

/** How it is sent where there are no connections. */
export const unconnected: Sending = { isAlone: true, isChecked: false, backend: '0' }

/**
 * The statements with their time limits in front, which end with the transaction. See ADR 0048.
 *
 * @param timeoutMs how long the service waits for the answer
 * @param number returned as the last column of the first statement; see ADR 0063. In front of it is
 *   whether the backend is the one of the connection, so that no pooler stands between; see ADR 0073
 * @returns as many statements where the first of them sets the limits too, else one more in front
 */
export function withTimeLimits(
  statements: readonly Statement[],
  timeoutMs: number,
  sending: Sending,
  number: string,
): readonly Statement[] {
  const [first, ...others] = statements
  const isBound = first?.onlySets === true
  const { sql, parameters } = isBound ? first : nothing
  const rest = isBound ? others : statements
  const count = isBound ? Math.max(statementsOfRequest, rest.length) : rest.length
  const limits = [limit((timeoutMs * statementsShare) / count), limit(timeoutMs * transactionShare)]
  return [
    {
      sql: textOf(sql, parameters.length, sending),
      parameters: [...parameters, ...limits, sending.backend, number],
      onlySets: true,
    },
    ...rest,
  ]
}

const nothing = { sql: 'select null', parameters: [] }

/** The texts of each first statement, by what they set besides. */
const texts = new Map<string, string[]>()

function textOf(first: string, parameters: number, sending: Sending): string {
  const known = texts.get(first) ?? []
  texts.set(first, known)
  const kind = (sending.isAlone ? 1 : 0) + (sending.isChecked ? 2 : 0)
  known[kind] ??= write(first, parameters, sending)
  return known[kind]
}

function write(first: string, parameters: number, { isAlone, isChecked }: Sending): string {
  const parts = [
    first,
    `set_config('statement_timeout', $${parameters + 1}, true)`,
    `case when current_setting('server_version_num')::integer >= 170000
      then set_config('transaction_timeout', $${parameters + 2}, true) end`,
  ]
  const setToNotice = (name: string) => parts.push(`set_config('${name}', '${noticeMs}', true)`)
  if (!isAlone) setToNotice('lock_timeout')
  if (isChecked) setToNotice(checkSetting)
  parts.push(`pg_backend_pid() = $${parameters + 3}::integer`, `$${parameters + 4}::text`)
  return parts.join(', ')
}

/** 0 would mean that there is no limit. */
function limit(ms: number): string {
  return String(Math.max(1, Math.floor(ms)))
}

/** How often somebody looks whether time is over. */
const lookMs = 50

/** Lets somebody look, each time once what has arrived already is read. */
export function startClock(look: () => void): NodeJS.Timeout {
  return setInterval(() => setImmediate(look), lookMs)
}
