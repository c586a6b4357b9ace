import { tracingChannel } from 'node:diagnostics_channel'
import type { Permit } from '#db/rate-limit'
import type { Problem } from '#lib/http/errors'

export type Params = Readonly<Record<string, string | string[] | undefined>>

export interface RequestContext {
  readonly request: Request
  readonly params: Params
  readonly requestId: string
  /** By the clock of `performance.now()`. */
  readonly startedAt: number
  /** The user that the request turned out to come from, for the log. */
  userId?: string
  /** What the request left of the user's rate limit, once the database has counted it. */
  permit?: Permit
  /** How long its credentials took, in milliseconds. */
  authMs?: number
  /** What it is refused with. */
  problem?: Problem
  /** The ids of its span, for the log. */
  trace?: Readonly<Record<'trace_id' | 'span_id', string>>
}

/** A request with its answer, whose headers may still be added to. */
export type AnsweredRequest = RequestContext & { readonly result: Response }

/** Tells of every request, whoever watches. Nobody who watches, nothing paid. */
export const requests = tracingChannel<unknown, RequestContext>('todo-backend:request')
