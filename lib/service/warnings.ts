import type { DatabaseOptions } from '#db/database'
import { log } from '#lib/log'

/** What the log says of a database that serves, but not as somebody may think. */
export const warnings = {
  onFault: (err) => log().warn({ event: 'idle_connection_lost', err }),
  onMismatch: (err) => log().error({ event: 'fault', code: 'database_unavailable', err }),
  onUnchecked: (err) => log().warn({ event: 'connections_unchecked', err }),
  onOtherLogins: (logins) =>
    log().warn({
      event: 'other_logins',
      detail: `These logins may serve the database too: ${logins}. Take it from one that should not: REVOKE EXECUTE ON FUNCTION todo_service() FROM <the login>;`,
    }),
  onOtherTasks: (tables) =>
    log().warn({
      event: 'other_tasks',
      detail: `These tables look like tasks of another backend, which the service does not show: ${tables.join(', ')}. To see what bringing them over would do, which changes nothing, run: npm run db:adopt`,
    }),
} satisfies Partial<DatabaseOptions>
