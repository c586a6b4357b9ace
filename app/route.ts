import { json } from '#lib/http/answer'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { getIndex } from '#lib/service/operations'
import { version } from '#lib/service/version'

/** Tells the name and the version of the service, and links to its parts. */
export const GET = withoutAuth(getIndex, () =>
  json({
    name: 'todo-backend',
    version,
    links: {
      tasks: '/api/tasks',
      document: '/openapi.json',
      reference: '/docs',
      errors: '/docs/errors',
      health: '/health',
      ready: '/health/ready',
    },
  }),
)

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
