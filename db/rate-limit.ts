import { DatabaseError, type DatabaseErrorKind, isDatabaseError } from '#db/errors'
import { setLatest, since, startStopwatch } from '#db/remembered'
import type { Row } from '#db/transports/transport'

/** How many requests a user may make in how many seconds. */
export interface Quota {
  readonly requests: number
  readonly seconds: number
}

/** What is left after a request: more requests, and the seconds until all of them are back. */
export interface Permit {
  readonly remaining: number
  readonly resetSeconds: number
}

/** The rate limit of a request: the quota, and who is told what is left of it. */
export interface RateLimit {
  readonly quota: Quota
  readonly onPermit: (permit: Permit) => void
}

/**
 * How long a user counts as active, how long spare permits are kept, and how much of the window all
 * spare permits of a user stand for: what a process loses with them is back that soon.
 */
const spareMs = 10_000
/** How long a refusal is remembered at most: `rate_limits` may be emptied meanwhile. */
const rememberedMs = 10_000
/** Users that are remembered at most; the one that has been quiet longest goes first. */
const rememberedUsers = 10_000
/** Failures that a user can cause again and again; see ADR 0050. */
const countedFailures: readonly DatabaseErrorKind[] = ['unknown_user', 'internal']

/** A user who was let through, and the spare permits that are left. */
interface Known {
  spare: number
  readonly at: number
  /** How long after that the share of the last spare permit has passed. */
  readonly untilPassedMs: number
}

/** Stands for a user while a request brings spare permits: others take one each. */
const asking: Known = { spare: 0, at: Number.POSITIVE_INFINITY, untilPassedMs: 0 }

/** Sends a request's transaction, or an empty one, that takes so many permits at most. */
type Send = (permits: number, isEmpty?: boolean) => Promise<readonly Row[][]>

/**
 * Counts the requests of users. For an active user the process takes spare permits, so that most
 * requests are counted without a write; ADR 0059 says why nobody gets more than the limit by it. A
 * user who was refused costs the database nothing until a permit is back (ADR 0067).
 */
export class Permits {
  readonly #users = new Map<string, Known>()
  /** Users who were refused: how long ago, and how long after that no permit is back. */
  readonly #refused = new Map<string, { passedMs: () => number; waitMs: number }>()

  /** Sends a request with a spare permit, else with one that it takes. @throws DatabaseError */
  async count(user: string, limit: RateLimit, send: Send): Promise<readonly Row[][]> {
    const spare = this.#spend(user, limit.quota)
    if (spare !== undefined) return await this.#sendWith(spare, user, limit, send)
    this.#refuse(user, limit.quota)
    try {
      return await this.#take(user, limit, send)
    } catch (error) {
      // The rollback gave the permit back. A failure that the user can cause must still cost one.
      if (isCounted(error)) {
        const own = this.#spend(user, limit.quota)
        if (own !== undefined) limit.onPermit(own)
        else await this.#take(user, limit, (permits) => send(permits, true))
      }
      // Another request may have brought spare permits meanwhile.
      const brought = isRefusal(error) ? this.#spend(user, limit.quota) : undefined
      if (brought === undefined) throw error
      return await this.#sendWith(brought, user, limit, send)
    }
  }

  /** @throws DatabaseError where the database would refuse the user too */
  #refuse(user: string, { requests, seconds }: Quota): void {
    const refused = this.#refused.get(user)
    if (refused === undefined) return
    const passedMs = refused.passedMs()
    const leftMs = refused.waitMs - passedMs
    if (leftMs > 0 && passedMs < rememberedMs) throw refusal(Math.ceil(leftMs / 1000))
    const nextMs = refused.waitMs + (seconds * 1000) / requests
    // One permit is back, which this request is to have. The next comes a share later.
    if (leftMs <= 0 && passedMs < nextMs) refused.waitMs = nextMs
    else this.#refused.delete(user)
  }

  #spend(user: string, { requests, seconds }: Quota): Permit | undefined {
    const known = this.#users.get(user)
    if (known === undefined || known.spare === 0) return undefined
    const shareMs = (seconds * 1000) / requests
    const passedMs = since(known.at)
    const leftMs = known.untilPassedMs - passedMs
    // Once its share begins to pass, the database gives a permit back to the user by itself.
    const usable = passedMs > spareMs ? 0 : Math.floor(leftMs / shareMs)
    known.spare = Math.max(0, Math.min(known.spare, usable))
    if (known.spare === 0) return undefined
    known.spare -= 1
    const resetMs = leftMs - known.spare * shareMs
    const remaining = Math.floor(requests - resetMs / shareMs + 0.000001)
    return { remaining, resetSeconds: Math.ceil(resetMs / 1000) }
  }

  async #sendWith(permit: Permit, user: string, { onPermit }: RateLimit, send: Send) {
    const known = this.#users.get(user)
    try {
      const results = await send(0)
      onPermit(permit)
      return results
    } catch (error) {
      if (isCounted(error)) onPermit(permit)
      else if (isDatabaseError(error) && !error.mayHaveRun && known !== undefined) known.spare += 1
      throw error
    }
  }

  /** Notes a refusal. After any other failure the permit is there still, for whoever comes. */
  #remember(user: string, error: unknown): void {
    if (!isRefusal(error)) this.#refused.delete(user)
    const waitMs = isRefusal(error) ? waitOf(error) : 0
    if (waitMs === 0) return
    setLatest(this.#refused, user, { passedMs: startStopwatch(), waitMs }, rememberedUsers)
  }

  /** Spare permits come only for a user who was let through of late, and with one request at a time. */
  async #take(user: string, { quota, onPermit }: RateLimit, send: Send) {
    const known = this.#users.get(user)
    const at = Date.now()
    const most = known !== undefined && since(known.at) <= spareMs ? mostSpare(quota) : 0
    if (most > 0) this.#users.set(user, asking)
    try {
      const results = await send(1 + most)
      const answer = String(results[1]?.[0]?.['permit']).split(' ').map(Number)
      const [remaining = 0, resetSeconds = 0, spare = 0, untilPassedMs = 0] = answer
      const latest = this.#users.get(user)
      // What another request brings, or has brought meanwhile, stays.
      if (most > 0 || latest === undefined || (latest !== asking && latest.spare === 0)) {
        setLatest(this.#users, user, { spare, at, untilPassedMs }, rememberedUsers)
      }
      onPermit({ remaining, resetSeconds })
      return results
    } catch (error) {
      if (known !== undefined && most > 0) setLatest(this.#users, user, known, rememberedUsers)
      this.#remember(user, error)
      throw error
    }
  }
}

/** None where a single permit stands for more time: so strict a limit leaves nothing to save. */
function mostSpare({ requests, seconds }: Quota): number {
  return Math.min(requests, Math.floor((requests * spareMs) / (seconds * 1000)))
}

function isCounted(error: unknown): boolean {
  return isDatabaseError(error) && countedFailures.includes(error.kind)
}

const isRefusal = (error: unknown): error is DatabaseError =>
  isDatabaseError(error) && error.kind === 'rate_limited'

/** Milliseconds until a permit is back, as a refusal of the database says. */
function waitOf({ cause }: DatabaseError): number {
  return cause instanceof Error && 'hint' in cause ? Number(cause.hint) || 0 : 0
}

function refusal(leftSeconds: number): DatabaseError {
  // A stack trace is most of the work here, and nobody would read it.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const meaning = { kind: 'rate_limited', transient: false, mayHaveRun: false } as const
  const error = new DatabaseError('no permit is back yet', { ...meaning, detail: `${leftSeconds}` })
  Error.stackTraceLimit = stackTraceLimit
  return error
}
