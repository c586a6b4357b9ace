import { escapeLiteral } from 'pg'
import type { Statement, Transport } from '#db/transports/transport'
import { runSql } from '#tests/support/postgres'

/** `custom`: made for its values. `generic`: for any values, as a statement with a name may have it. */
type Plan = 'custom' | 'generic'

/** Sends each statement as it is sent for a request, and keeps its plan. */
export function explaining(transport: Transport, url: string, plan: Plan = 'custom') {
  const plans: string[] = []
  const explained: Transport = {
    ...transport,
    async transaction(statements, timeoutMs) {
      const [bind, statement] = statements as [Statement, Statement]
      const rows = await runSql(
        url,
        'begin',
        bind.sql.replace(/\$(\d)/g, (_, number) => literal(bind.parameters[number - 1])),
        `set local plan_cache_mode = force_${plan}_plan`,
        `prepare statement as ${statement.sql}`,
        `explain (costs off) execute statement (${statement.parameters.map(literal)})`,
      )
      plans.push(rows.map((row) => String(row['QUERY PLAN'])).join('\n'))
      return await transport.transaction(statements, timeoutMs)
    },
  }
  return { transport: explained, plans }
}

const literal = (value: unknown) => (value === null ? 'null' : escapeLiteral(String(value)))
