import type { Statement } from '#db/transports/transport'

/** Of the time that the service waits for an answer: what all statements together may use. */
const statementsShare = 0.8
/** What the transaction may use, its waits for the rest of a message and for the commit included. */
const transactionShare = 0.85
/** When the service stops waiting and asks Postgres to cancel; the rest is for the answer to that. */
export const patienceShare = 0.9

const setLimits = `select set_config('statement_timeout', $1, true),
  case when current_setting('server_version_num')::integer >= 170000
    then set_config('transaction_timeout', $2, true) end`

/**
 * The statements with their time limits in front. Postgres starts the clock of a statement when its
 * message arrives, with the limit of that moment: so the limits go in a message of their own, before
 * the first statement that can wait for a lock. They end with the transaction. See ADR 0048.
 *
 * @param timeoutMs how long the service waits for the answer
 */
export function withTimeLimits(statements: readonly Statement[], timeoutMs: number): Statement[] {
  // 0 would mean that there is no limit.
  const limit = (ms: number) => String(Math.max(1, Math.floor(ms)))
  const parameters = [
    limit((timeoutMs * statementsShare) / statements.length),
    limit(timeoutMs * transactionShare),
  ]
  return [{ sql: setLimits, parameters }, ...statements]
}
