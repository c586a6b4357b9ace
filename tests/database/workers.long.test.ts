import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { endOf, launch, type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
let service: Service | undefined

afterEach(async () => {
  await service?.stop('SIGKILL')
})

function workersOf({ process: { pid } }: Service): number[] {
  const found = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return found.trim().split(/\s+/).map(Number)
}

test('workers share the port, one that dies is replaced, and SIGTERM ends them all with 0', async () => {
  const url = server.url(await createDatabase(server))
  service = await startService('node', { DATABASE_URL: url, WORKERS: '2' })
  // No connection outlives the worker that is killed.
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}`, connection: 'close' }
  const list = async () => (await fetch(`${service?.url}/api/tasks`, { headers })).status
  expect(await Promise.all(Array.from({ length: 20 }, list))).toEqual(Array(20).fill(200))

  // One that dies before it listens would end the service, which could not start then.
  await expect.poll(() => service?.output().match(/Todo API on/g)).toHaveLength(2)
  const before = workersOf(service)
  expect(before).toHaveLength(2)
  const [victim = 0] = before
  process.kill(victim, 'SIGKILL')
  let after = workersOf(service)
  const isReplaced = () => after.length === 2 && !after.includes(victim)
  for (let waited = 0; waited < 10_000 && !isReplaced(); waited += 50) {
    await sleep(50)
    after = workersOf(service)
  }
  expect(after).not.toContain(victim)
  expect(after).toHaveLength(2)
  expect(await list()).toBe(200)

  const leaving = service
  service = undefined
  expect(await leaving.stop('SIGTERM')).toBe(0)
  for (const pid of after) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('a wrong environment stops the service, also with several workers', async () => {
  const refused = launch('node', {
    PORT: '0',
    WORKERS: '2',
    DATABASE_URL: 'postgres://postgres:wrong@127.0.0.1:1/none',
    BETTER_AUTH_SECRET: 'too short',
  })
  expect(await endOf(refused)).toBe(1)
  expect(refused.output()).toContain('BETTER_AUTH_SECRET is shorter')
})
