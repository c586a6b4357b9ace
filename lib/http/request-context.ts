import { tracingChannel } from 'node:diagnostics_channel'
import type { Permit } from '#db/rate-limit'
import type { Problem } from '#lib/http/errors'

export type Params = Readonly<Record<string, string | string[] | undefined>>

export interface RequestContext {
  readonly request: Request
  /** The URL of the request, parsed where it entered: parsing it again could fail. */
  readonly url: URL
  readonly params: Params
  readonly requestId: string
  /** In milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** The user who sent the request, once authenticated. For the log. */
  userId?: string
  /** What is left of the user's rate limit, once the database has counted the request. */
  permit?: Permit
  /** How long the verification of the credentials took, in milliseconds. */
  authMs?: number
  /** The error that the request is answered with. */
  problem?: Problem
  /** The ids of its span, for the log. */
  trace?: Readonly<Record<'trace_id' | 'span_id', string>>
}

/** A request and its answer. Subscribers may still add headers. */
export type AnsweredRequest = RequestContext & { readonly result: Response }

/** A channel with every request. It costs nothing without subscribers. */
export const requests = tracingChannel<unknown, RequestContext>('todo-backend:request')
