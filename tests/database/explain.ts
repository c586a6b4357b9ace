import { Client } from 'pg'
import type { Statement, Transport } from '#db/transports/transport'

/** `custom`: made for its values. `generic`: for any values, as a statement with a name may have it. */
type Plan = 'custom' | 'generic'

/** Sends each statement as it is sent for a request, and keeps its plan. */
export function explaining(transport: Transport, url: string, plan: Plan = 'custom') {
  const plans: string[] = []
  const explained: Transport = {
    ...transport,
    async transaction(statements, timeoutMs) {
      const [bind, statement] = statements as [Statement, Statement]
      plans.push(await planOf(url, plan, bind, statement))
      return await transport.transaction(statements, timeoutMs)
    },
  }
  return { transport: explained, plans }
}

/** The plan of a statement, as the role and the user of a request. */
async function planOf(url: string, plan: Plan, bind: Statement, { sql, parameters }: Statement) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('begin')
    await client.query(bind.sql, [...bind.parameters])
    await client.query(`set local plan_cache_mode = force_${plan}_plan`)
    await client.query(`prepare statement as ${sql}`)
    const values = parameters.map((value) =>
      value === null ? 'null' : client.escapeLiteral(String(value)),
    )
    const { rows } = await client.query(`explain (costs off) execute statement (${values})`)
    return rows.map((row) => String(row['QUERY PLAN'])).join('\n')
  } finally {
    await client.end()
  }
}
