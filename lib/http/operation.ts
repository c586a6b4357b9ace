import type * as z from 'zod'
import type { Caller } from '#db/caller'
import type { Environment } from '#lib/config/env'
import type { ProblemCode } from '#lib/http/errors'
import type { Params, RequestContext } from '#lib/http/request-context'
import type { HeaderName } from '#lib/http/response-headers'
import { type Handler, type RouteHandler, withRequest } from '#lib/http/with-request'

/** What an input is read from. */
export interface InputSource {
  readonly request: Request
  readonly params: Params
  readonly caller: Caller
}

/**
 * One thing that an operation takes from a request: how it is read and validated, and what the API
 * document says of it.
 */
export interface Input<Value> {
  /** @throws Problem with one of the codes in `problems` */
  readonly read: (source: InputSource) => Value | Promise<Value>
  readonly problems: readonly ProblemCode[]
  readonly query?: z.ZodType
  readonly parameters?: readonly Parameter[]
  readonly body?: BodyDescription & { readonly required: boolean }
}

/** A part of the path or a header in the API document, where it is a component by its name. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'header'
  readonly required?: true
  readonly description: string
  readonly schema: object
  readonly example?: string
}

/** A body in the API document, by the name that its schema has there. */
export interface BodyDescription {
  readonly name: string
  readonly schema: z.ZodType
  readonly examples: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>
}

/** What an answer of 2xx or 3xx has. */
export interface AnswerDescription {
  readonly description: string
  readonly headers?: readonly HeaderName[]
  readonly body?: Content | ((envelope: Envelope) => Content)
}

/** The body of an answer in the API document: JSON unless it has another type. */
export interface Content {
  readonly type?: string
  /** Under this name the schema is a component of the document; without one it stands in its place. */
  readonly name?: string
  readonly schema: z.ZodType
  readonly example?: unknown
}

/** What lists are wrapped in. */
export type Envelope = Environment['LIST_ENVELOPE']

export type Inputs = Readonly<Record<string, Input<unknown>>>

/**
 * All that is to be said of an operation, said once: `withAuth` reads its inputs for the handler, and
 * the API document is built from it.
 */
export interface Operation<Taken extends Inputs = Inputs> {
  /** Unique in the API document; generators of clients make a function's name of it. */
  readonly id: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  /** Read in this order; the first that cannot be read decides the answer. */
  readonly inputs: Taken
  readonly answers: Readonly<Record<number, AnswerDescription>>
  readonly parameters?: readonly Parameter[]
  /** What it can fail with besides what its inputs do. */
  readonly problems?: readonly ProblemCode[]
  /** Whether it takes no credentials. */
  readonly isPublic?: boolean
}

/** The values that a handler is given, by the names in the declaration. */
export type ValuesOf<Taken extends Inputs> = {
  readonly [Name in keyof Taken]: Taken[Name] extends Input<infer Value> ? Value : never
}

/** What a route file exports for a method: a handler that tells what it does. */
export type OperationHandler = RouteHandler & { readonly operation: Operation }

/** The same handler under another operation, such as another method or another path. */
export function sameAs(handler: RouteHandler, operation: Operation): OperationHandler {
  return Object.assign<RouteHandler, { operation: Operation }>(
    (request, route) => handler(request, route),
    { operation },
  )
}

/** Makes a handler that needs no credentials, from its operation and what it does. */
export function withoutAuth(
  operation: Operation,
  handler: Handler<RequestContext>,
): OperationHandler {
  return Object.assign(withRequest(handler), { operation })
}
