import { setLatest } from '#db/bounded-map'
import { type DatabaseErrorKind, isDatabaseError } from '#db/errors'
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
const spareSeconds = 10

/** Users that are remembered at most; the one that has been quiet longest goes first. */
const rememberedUsers = 10_000

/** Failures that a user can cause again and again; see ADR 0050. */
const countedFailures: readonly DatabaseErrorKind[] = ['unknown_user', 'internal']

/** A user who was let through. */
interface Known {
  /** Spare permits that are left. */
  spare: number
  /** Whether a request under way brings more. */
  isAsking: boolean
  readonly asked: Instant
  /** How long after that the share of the last spare permit has passed. */
  readonly untilPassedMs: number
}

/** An instant by both clocks. */
interface Instant {
  readonly at: number
  readonly on: number
}

/**
 * Sends a request's transaction, or an empty one. Its first statement binds it to the user. Its
 * second takes so many permits at most, and is left out for none.
 */
type Send = (permits: number, isEmpty?: boolean) => Promise<readonly Row[][]>

/**
 * Counts the requests of users. For an active user the process takes spare permits, so that most
 * requests are counted without a write; ADR 0059 says why nobody gets more than the limit by it.
 */
export class Permits {
  readonly #users = new Map<string, Known>()

  /**
   * Sends a user's request with a spare permit, where there is one, else with one that the
   * transaction takes.
   *
   * @throws DatabaseError also where the limit is reached
   */
  count(user: string, limit: RateLimit, send: Send): Promise<readonly Row[][]> {
    const spare = this.#spend(user, limit.quota)
    return spare === undefined
      ? this.#takeAndSend(user, limit, send)
      : this.#sendWith(spare, user, limit, send)
  }

  async #takeAndSend(user: string, limit: RateLimit, send: Send): Promise<readonly Row[][]> {
    try {
      return await this.#take(user, limit, send)
    } catch (error) {
      if (!isDatabaseError(error)) throw error
      // The rollback gave the permit back. A failure that the user can cause must still cost one.
      if (isCounted(error)) await this.#take(user, limit, (permits) => send(permits, true))
      // Another request may have brought spare permits meanwhile.
      const brought = error.kind === 'rate_limited' ? this.#spend(user, limit.quota) : undefined
      if (brought === undefined) throw error
      return await this.#sendWith(brought, user, limit, send)
    }
  }

  #spend(user: string, quota: Quota): Permit | undefined {
    const known = this.#users.get(user)
    if (known === undefined || known.spare === 0) return undefined
    const windowMs = quota.seconds * 1000
    const shareMs = windowMs / quota.requests
    const passedMs = sinceInstant(known.asked)
    const untilPassedMs = known.untilPassedMs - passedMs
    // Once its share begins to pass, the database gives a permit back to the user by itself.
    const usable = passedMs > spareSeconds * 1000 ? 0 : Math.floor(untilPassedMs / shareMs)
    known.spare = Math.max(0, Math.min(known.spare, usable))
    if (known.spare === 0) return undefined
    known.spare -= 1
    const resetMs = untilPassedMs - known.spare * shareMs
    return {
      remaining: Math.floor((windowMs - resetMs) / shareMs + 0.000001),
      resetSeconds: Math.ceil(resetMs / 1000),
    }
  }

  async #sendWith(permit: Permit, user: string, { onPermit }: RateLimit, send: Send) {
    const known = this.#users.get(user)
    try {
      const results = await send(0)
      onPermit(permit)
      return results
    } catch (error) {
      if (isDatabaseError(error) && isCounted(error)) onPermit(permit)
      else if (isDatabaseError(error) && !error.mayHaveRun && known !== undefined) known.spare += 1
      throw error
    }
  }

  /** Spare permits come only for a user who was let through of late, and with one request at a time. */
  async #take(user: string, { quota, onPermit }: RateLimit, send: Send) {
    const known = this.#users.get(user)
    const asked = { at: performance.now(), on: Date.now() }
    const isActive = known !== undefined && sinceInstant(known.asked) <= spareSeconds * 1000
    const most = isActive && !known.isAsking ? mostSpare(quota) : 0
    if (known !== undefined && most > 0) known.isAsking = true
    try {
      const results = await send(1 + most)
      const answer = String(results[1]?.[0]?.['permit']).split(' ').map(Number)
      const [remaining = 0, resetSeconds = 0, spare = 0, untilPassedMs = 0] = answer
      const latest = this.#users.get(user)
      // What another request brings, or has brought meanwhile, stays.
      if (most > 0 || latest === undefined || !(latest.isAsking || latest.spare > 0)) {
        const brought = { spare, isAsking: false, asked, untilPassedMs }
        setLatest(this.#users, user, brought, rememberedUsers)
      }
      onPermit({ remaining, resetSeconds })
      return results
    } finally {
      if (known !== undefined && most > 0) known.isAsking = false
    }
  }
}

/** None where a single permit stands for more time: so strict a limit leaves nothing to save. */
function mostSpare({ requests, seconds }: Quota): number {
  return Math.min(requests, Math.floor((requests * spareSeconds) / seconds))
}

/**
 * Milliseconds since an instant. While a function is frozen one clock may stand still, and the other
 * can be set back, so the one that says more is right.
 */
function sinceInstant({ at, on }: Instant): number {
  return Math.max(performance.now() - at, Date.now() - on)
}

function isCounted({ kind }: { kind: DatabaseErrorKind }): boolean {
  return countedFailures.includes(kind)
}
