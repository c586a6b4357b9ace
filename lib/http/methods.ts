import { Problem } from '#lib/http/errors'
import type { Operation } from '#lib/http/operation'
import type { RequestContext } from '#lib/http/request-context'
import { type Handler, type RouteHandler, withRequest } from '#lib/http/with-request'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

type Method = (typeof methods)[number]
/** `allow` has the methods of the path, for a 405 of a method that no route file can export. */
type OptionsHandler = RouteHandler & { readonly allow: string }
/** What a route file exports: a handler for each method. */
export type RouteFile = Readonly<Record<string, RouteHandler | undefined>> & {
  readonly OPTIONS?: OptionsHandler
}

type OtherMethods<Own extends Method> = Record<Exclude<Method, Own>, RouteHandler> & {
  readonly OPTIONS: OptionsHandler
}

/** A handler that a route file exports for a method, with its operation. */
export type OperationHandler = RouteHandler & { readonly operation: Operation }

/** The same handler with another operation, for another method or path. */
export function sameAs(handler: RouteHandler, operation: Operation): OperationHandler {
  return Object.assign<RouteHandler, { operation: Operation }>(
    (request, route) => handler(request, route),
    { operation },
  )
}

/** Makes a handler without credentials, from an operation and a function. */
export function withoutAuth(
  operation: Operation,
  handler: Handler<RequestContext>,
): OperationHandler {
  return Object.assign(withRequest(handler), { operation })
}

/**
 * Handlers for the methods that a path does not have, which answer 405 with `Allow`, and for
 * `OPTIONS`. Next's own 405 has neither `Allow` nor a body.
 */
export function otherMethods<Own extends Method>(...own: Own[]): OtherMethods<Own> {
  const served: readonly Method[] = own
  const allow = allowOf([...own, 'OPTIONS'])

  const refuse = methodNotAllowed(allow)
  const options = Object.assign(
    withRequest(() => ({ status: 204, headers: { allow } })),
    { allow },
  )

  const others = methods
    .filter((method) => !served.includes(method))
    .map((method) => [method, method === 'OPTIONS' ? options : refuse] as const)
  return Object.fromEntries(others) as OtherMethods<Own>
}

/** The value of `Allow`. A path with `GET` also has `HEAD`. */
function allowOf(served: readonly Method[]): string {
  return methods
    .filter((method) => served.includes(method))
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method))
    .join(', ')
}

/** `Allow` of the service as a whole. */
export const everyMethod = allowOf(methods)

/** Answers `OPTIONS *`, which asks about the service and not about a path (RFC 9110, 9.3.7). */
export const serviceOptions = withRequest(() => ({ status: 204, headers: { allow: everyMethod } }))

/** Answers 405 with `Allow`. */
export function methodNotAllowed(allow: string): RouteHandler {
  return withRequest(({ request }) => {
    throw new Problem('method_not_allowed', `${request.method} is not one of ${allow}.`, {
      headers: { allow },
    })
  })
}

/** A 404 for a path that the service does not have. */
export function pathNotFound(): Problem {
  return new Problem('path_not_found', 'There is nothing at this path.')
}
