import { Problem } from '#lib/http/errors'
import { type RouteHandler, withRequest } from '#lib/http/with-request'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

type Method = (typeof methods)[number]
/** `OPTIONS` knows the path's methods, for a host that is asked for one that no file can export. */
export type OptionsHandler = RouteHandler & { readonly allow: string }
type OtherMethods<Own extends Method> = Record<Exclude<Method, Own>, RouteHandler> & {
  readonly OPTIONS: OptionsHandler
}

/**
 * The methods that a path does not have, as problem documents with `Allow`, and `OPTIONS`. Next's
 * own 405 has neither `Allow` nor a body.
 */
export function otherMethods<Own extends Method>(...own: Own[]): OtherMethods<Own> {
  const served: readonly Method[] = own
  const allow = methods
    .filter((method) => method === 'OPTIONS' || served.includes(method))
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method))
    .join(', ')

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

/** Answers 405 with `Allow`. */
export function methodNotAllowed(allow: string): RouteHandler {
  return withRequest(({ request }) => {
    throw new Problem('method_not_allowed', `${request.method} is not one of ${allow}.`, {
      headers: { allow },
    })
  })
}
