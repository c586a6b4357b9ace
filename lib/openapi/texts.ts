import { commonHeaders, headerComponents } from '#lib/http/response-headers'

const headers = commonHeaders.map((name) => `- \`${name}\`: ${headerComponents[name].description}`)

/** What a reader must know before the first call. */
export const description = `Tasks of many users, each of whom sees their own.

**Sign in.** Send \`Authorization: Bearer <token>\` with the token that Better Auth issued. A token says who you are; the paths with a user in them accept that user only.

**Errors** are problem documents (RFC 9457) with a stable \`code\`; a page explains all of them. Repeat a request after a 503, not after a 4xx.

**Do not lose updates.** Every task comes with an \`ETag\`. Send it as \`If-Match\` when you write: if somebody changed the task meanwhile, nothing happens and you get a 412.

**Do not create twice.** Send an \`Idempotency-Key\` with a create, and send the request again with the same key when the answer was lost.

**Do not download twice.** Send the \`ETag\` of what you have as \`If-None-Match\`, and get an empty 304 while it is the latest.

Every path also answers \`HEAD\` like \`GET\` without the body, and \`OPTIONS\` with \`Allow\`; any other method is a 405. A request that does not arrive in time is a 408, and one whose headers are over 16 KiB a 431. A slash at the end of a path makes no difference. Every answer has security headers, and CORS headers for the origins that the service allows.

**Headers.** Answers have these, and those that stand at the operation:

${headers.join('\n')}`

/**
 * Paths that name a user repeat the operations of `/api/tasks`. They get another tag, and a suffix
 * that keeps the operation ids unique.
 */
export const families = [
  {
    ...{ start: '/api/{userId}/tasks', suffix: 'OfUser', tag: 'Tasks of a user' },
    description: 'The same with the user in the path. It must be the one in the token.',
  },
  {
    ...{ start: '/api/{userId}', suffix: 'Of', tag: 'Tasks of a user, short' },
    description: 'The same, for frontends that leave `tasks` out.',
  },
]

/** The families, and before them the paths that `TASKS_PATH` adds. */
export function familiesWith(tasksPath: string | undefined) {
  if (tasksPath === undefined) return families
  const start = tasksPath.replace('{user_id}', '{userId}')
  const [tag, description] = ['Tasks by the name in TASKS_PATH', 'The same, under that name.']
  return [{ start, suffix: 'ByName', tag, description }, ...families]
}

/** The tags of all operations, in the order in which they are shown. */
export function tagsWith(tasksPath: string | undefined) {
  return [
    { name: 'Tasks', description: 'The user is the one in the token.' },
    ...familiesWith(tasksPath).map(({ tag: name, description }) => ({ name, description })),
    { name: 'Service', description: 'The service itself. No credentials are needed.' },
  ]
}
