import { constantTask } from '#bench/peers/constant-task'

/** What Next itself costs: a route handler that has nothing to do. */
export const GET = () => Response.json(constantTask)

/** Asked anew for each request, like the service's own routes. */
export const dynamic = 'force-dynamic'
