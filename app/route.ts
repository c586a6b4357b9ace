import { json } from '#lib/http/answer'
import { otherMethods } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'
import { version } from '#lib/service/version'

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
