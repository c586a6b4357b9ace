import { Client } from 'pg'
import type { Statement, Transport } from '#db/transports/transport'

/** Sends each statement as it is sent for a request, and keeps its plan. */
export function explaining(transport: Transport, url: string) {
  const plans: string[] = []
  const explained: Transport = {
    ...transport,
    async transaction(statements, timeoutMs) {
      const [bind, statement] = statements as [Statement, Statement]
      plans.push(await planOf(url, bind, statement))
      return await transport.transaction(statements, timeoutMs)
    },
  }
  return { transport: explained, plans }
}

/** The plan of a statement, as the role and the user of a request. */
async function planOf(url: string, bind: Statement, { sql, parameters }: Statement) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('begin')
    await client.query(bind.sql, [...bind.parameters])
    const { rows } = await client.query(`explain (costs off) ${sql}`, [...parameters])
    return rows.map((row) => String(row['QUERY PLAN'])).join('\n')
  } finally {
    await client.end()
  }
}
