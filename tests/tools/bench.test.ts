import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { aimsTable } from '#bench/aims'
import { Connection } from '#bench/connection'
import { loadData } from '#bench/data'
import { startNetwork } from '#bench/network'
import { operations, readOne } from '#bench/operations'
import { counting, targetsFor } from '#bench/servers'
import { postgresAt, runSql } from '#tests/support/postgres'
import { serve } from '#tests/support/serve'

test('an aim counts as met only where it is met with every number of connections', () => {
  const targets = targetsFor('postgresql://localhost/bench', {}, undefined)
  const result = (name: string, connections: number, serverMs: number) => {
    const target = targets.find((one) => one.name === name)
    if (target === undefined) throw new Error(`There is no row ${name}.`)
    const rates = { perSecond: 1, p50: 1, p95: 1, p99: 1, postgresMs: 1, memoryMb: 1, busy: 1 }
    const median = { ...rates, serverMs }
    return { operation: readOne, target, connections, median, rounds: [median] }
  }
  const met = [result('node', 8, 1), result('fastify', 8, 1.2)]
  const missed = [result('node', 64, 1), result('fastify', 64, 1.1)]
  const row = /Node host against Fastify with `pg`, read one *\| *≥ 1\.15 *\|(.*)/
  const cells = (results: typeof met) => row.exec(aimsTable(results))?.[1]?.match(/[\w.]+/g)
  expect(cells(met)).toEqual(['1.20', 'yes'])
  expect(cells([...met, ...missed])).toEqual(['1.20', '1.10', 'no'])
})

test('the service answers each operation with the status that it is measured with', async () => {
  await using service = await serve('node', counting)
  const client = new Client({ connectionString: service.databaseUrl })
  await client.connect()
  const query = async (sql: string, values?: unknown[]) => (await client.query(sql, values)).rows
  const users = await loadData({ query }, 2, 3)
  const connection = new Connection(service.url)
  for (const { title, status, prepare } of operations) {
    const next = await prepare(users, service.url)
    const answer = await connection.send(next())
    expect(answer.status, `${title}: ${answer.text}`).toBe(status)
  }
  await connection.close()
  await client.end()
})

test('from half of a measurement on, a round trip takes what the network is told last', async () => {
  const { url } = postgresAt(inject('postgresPort'))
  const network = await startNetwork(url('postgres'), [0, 500])
  const ask = async () => {
    const startedAt = performance.now()
    await runSql(network.url, 'select 1')
    return performance.now() - startedAt
  }
  const atFirst = await ask()
  network.begin(0.1)
  await expect.poll(ask).toBeGreaterThan(atFirst + 500)
  await network.close()
})
