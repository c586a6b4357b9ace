import { Client } from 'pg'

/** Watches how many connections to a database there are, and how many of them have work. */
export async function watchConnections(databaseUrl: string) {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  let isOver = false
  const most = { open: 0, busy: 0 }
  const watching = (async () => {
    while (!isOver) {
      const { rows } = await client.query(`
        select count(*)::int as open, count(*) filter (where state = 'active')::int as busy
        from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend'
          and pid <> pg_backend_pid() and application_name <> 'test'`)
      most.open = Math.max(most.open, rows[0].open)
      most.busy = Math.max(most.busy, rows[0].busy)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return {
    /** Stops watching, and returns the most that there were at once. */
    async stop() {
      isOver = true
      await watching
      await client.end()
      return most
    },
  }
}
