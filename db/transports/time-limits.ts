import type { Statement } from '#db/transports/transport'

/** Of the time that the service waits for an answer: what all statements together may use. */
const statementsShare = 0.8
/** A request's own, and the one that takes its permit: its limit is the same without that one. */
const statementsOfRequest = 2
/** What the transaction may use, its waits for the rest of a message and for the commit included. */
const transactionShare = 0.85
/** When the service stops waiting and asks Postgres to cancel; the rest is for the answer to that. */
export const patienceShare = 0.9

/** The text of each first statement that sets the limits too; there are only so many. */
const merged = new Map<string, string>()

/**
 * The statements with their time limits in front. Postgres starts the clock of a statement when its
 * message arrives, with the limit of that moment: so the limits go in a message of their own, before
 * the first statement that can wait for a lock. They end with the transaction. See ADR 0048.
 *
 * @param timeoutMs how long the service waits for the answer
 * @returns as many statements where the first of them sets the limits too, else one more in front
 */
export function withTimeLimits(
  statements: readonly Statement[],
  timeoutMs: number,
): readonly Statement[] {
  const [first, ...others] = statements
  const isBound = first?.onlySets === true
  const count = isBound ? Math.max(statementsOfRequest, others.length) : statements.length
  const parameters = [
    limit((timeoutMs * statementsShare) / count),
    limit(timeoutMs * transactionShare),
  ]
  if (!isBound) {
    return [{ sql: `select ${setLimits(1)}`, parameters, onlySets: true }, ...statements]
  }
  const sql = merged.get(first.sql) ?? `${first.sql}, ${setLimits(first.parameters.length + 1)}`
  merged.set(first.sql, sql)
  return [{ sql, parameters: [...first.parameters, ...parameters], onlySets: true }, ...others]
}

function setLimits(parameter: number): string {
  return `set_config('statement_timeout', $${parameter}, true),
    case when current_setting('server_version_num')::integer >= 170000
      then set_config('transaction_timeout', $${parameter + 1}, true) end`
}

/** 0 would mean that there is no limit. */
function limit(ms: number): string {
  return String(Math.max(1, Math.floor(ms)))
}
