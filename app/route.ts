import { json } from '#lib/answer'
import { otherMethods } from '#lib/methods'
import { version } from '#lib/version'
import { withRequest } from '#lib/with-request'

/** What this service is, and where its parts are. */
export const GET = withRequest(() =>
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
