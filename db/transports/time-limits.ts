import type { Statement } from '#db/transports/transport'

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

/** A transaction on a connection that carries others too. */
export interface Shared {
  /** Returned as the last column of the first statement: it tells whose answer this is. */
  readonly number: string
  /** Whether nobody is behind it, so that it may wait for a lock as long as it has time. */
  readonly isLast: boolean
  /** Whether this server can look after its connections. */
  readonly isChecked: boolean
}

/** The text of each first statement, by what it sets besides; there are only so many. */
const texts = new Map<string, Map<string, string>>()

/**
 * The statements with their time limits in front. Postgres starts the clock of a statement when its
 * message arrives, with the limit of that moment: so the limits go in a message of their own, before
 * the first statement that can wait for a lock. They end with the transaction. See ADR 0048.
 *
 * @param timeoutMs how long the service waits for the answer
 * @param shared where others use the connection too
 * @returns as many statements where the first of them sets the limits too, else one more in front
 */
export function withTimeLimits(
  statements: readonly Statement[],
  timeoutMs: number,
  shared?: Shared,
): readonly Statement[] {
  const [first, ...others] = statements
  const isBound = first?.onlySets === true
  const sql = isBound ? `${first.sql},` : 'select'
  const parameters = isBound ? first.parameters : []
  const rest = isBound ? others : statements
  const count = isBound ? Math.max(statementsOfRequest, rest.length) : rest.length
  const limits = [limit((timeoutMs * statementsShare) / count), limit(timeoutMs * transactionShare)]
  const number = shared === undefined ? [] : [shared.number]
  return [
    {
      sql: textOf(sql, parameters.length, shared === undefined ? '' : besides(shared)),
      parameters: [...parameters, ...limits, ...number],
      onlySets: true,
    },
    ...rest,
  ]
}

/** Lets Postgres 14 and up look, while it works, whether its connection is still there. */
export const checkSetting = 'client_connection_check_interval'

/** What the first statement returns and sets besides, on a connection that others use too. */
function besides({ isLast, isChecked }: Shared): string {
  const lock = isLast ? '' : `, set_config('lock_timeout', '${noticeMs}', true)`
  const check = isChecked ? `, set_config('${checkSetting}', '${noticeMs}', true)` : ''
  return `${lock}${check}, $number::text`
}

function textOf(first: string, parameters: number, last: string): string {
  const known = texts.get(last) ?? new Map<string, string>()
  texts.set(last, known)
  const text = known.get(first) ?? write(first, parameters, last)
  known.set(first, text)
  return text
}

function write(first: string, parameters: number, last: string): string {
  const [statement, transaction, number] = [1, 2, 3].map((next) => `$${parameters + next}`)
  return `${first} set_config('statement_timeout', ${statement}, true),
    case when current_setting('server_version_num')::integer >= 170000
      then set_config('transaction_timeout', ${transaction}, true) end${last.replace('$number', String(number))}`
}

/** 0 would mean that there is no limit. */
function limit(ms: number): string {
  return String(Math.max(1, Math.floor(ms)))
}

/** Calls back at the earliest of the instants that it is given, and then has to be given the next. */
export class Alarm {
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined
  #at = Number.POSITIVE_INFINITY

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** @param at by `performance.now()` */
  setAt(at: number): void {
    if (at >= this.#at) return
    this.stop()
    this.#at = at
    const ring = () => {
      this.#at = Number.POSITIVE_INFINITY
      this.#ring()
    }
    // Answers that are there already are read before.
    this.#timer = setTimeout(() => setImmediate(ring), at - performance.now())
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
