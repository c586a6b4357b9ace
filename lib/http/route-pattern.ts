/** What the pattern of a request is computed from. */
interface Routed {
  readonly url: URL
  readonly params: object
}

/**
 * The pattern of a request's path, such as `/api/{userId}/tasks/{id}`, for logs and metrics. It has
 * only names of folders and parameters, and nothing that a client made up, so the number of
 * patterns is limited.
 */
export function routeOf({ url, params }: Routed): string {
  const segments = decode(url.pathname)
  if (segments === undefined) return unknownPath
  // From the right, because folders come first, and the id of a user may equal the name of a
  // folder.
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
    // The path has a malformed percent sign, so it belongs to no route.
    return undefined
  }
}
