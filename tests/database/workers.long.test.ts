import { execFileSync } from 'node:child_process'
import { expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

function workersOf({ process: { pid } }: Service): number[] {
  const found = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return found.trim().split(/\s+/).map(Number)
}

test('workers share the port, one that dies is replaced, and SIGTERM ends them all with 0', async () => {
  const url = server.url(await createDatabase(server))
  await using service = await startService('node', { DATABASE_URL: url, WORKERS: '2' })
  // No connection outlives the worker that is killed.
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}`, connection: 'close' }
  const list = async () => (await fetch(`${service.url}/api/tasks`, { headers })).status
  expect(await Promise.all(Array.from({ length: 20 }, list))).toEqual(Array(20).fill(200))

  // One that dies before it listens would end the service, which could not start then.
  await expect.poll(() => service.output().match(/Todo API on/g)).toHaveLength(2)
  const before = workersOf(service)
  expect(before).toHaveLength(2)
  const [victim = 0] = before
  process.kill(victim, 'SIGKILL')
  const isReplaced = () => {
    const after = workersOf(service)
    return after.length === 2 && !after.includes(victim)
  }
  await expect.poll(isReplaced).toBe(true)
  const after = workersOf(service)
  expect(await list()).toBe(200)

  expect(await service.stop('SIGTERM')).toBe(0)
  for (const pid of after) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
