/** What tells where a request goes. */
interface Routed {
  readonly request: Request
  readonly params: object
}

/**
 * The pattern of a request's path, such as `/api/{userId}/tasks/{id}`, for logs and figures. Of the
 * path it keeps the names of folders and nothing that a client made up, so there are only so many.
 */
export function routeOf({ request, params }: Routed): string {
  const segments = decode(URL.parse(request.url)?.pathname)
  if (segments === undefined) return unknownPath
  // From the right, because a user may be called like a folder, and folders come first.
  const pattern = segments.toReversed()
  for (const [name, value] of Object.entries(params).toReversed()) {
    const index = pattern.findIndex((part) => part === value || part === decode(value)?.[0])
    if (typeof value !== 'string' || index < 0) return unknownPath
    pattern[index] = `{${name}}`
  }
  return pattern.toReversed().join('/') || '/'
}

const unknownPath = '(unknown path)'

function decode(path: unknown): string[] | undefined {
  if (typeof path !== 'string') return undefined
  try {
    return path
      .replace(/\/$/, '')
      .split('/')
      .map((part) => decodeURIComponent(part))
  } catch {
    // A percent sign that encodes nothing: no route has one.
    return undefined
  }
}
