import { execFileSync } from 'node:child_process'
import { expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'

function workersOf({ process: { pid } }: Service): number[] {
  const found = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return found.trim().split(/\s+/).map(Number)
}

test('a worker that dies is replaced, and SIGTERM ends all that are there', async () => {
  const server = postgresAt(inject('postgresPort'))
  const url = server.url(await createDatabase(server))
  await using service = await startService('node', { DATABASE_URL: url, WORKERS: '2' })
  // One that dies before it listens would end the service, which could not start then.
  await expect.poll(() => service.output().match(/Todo API on/g)).toHaveLength(2)
  const [victim = 0, other = 0, ...more] = workersOf(service)
  expect(more).toEqual([])
  process.kill(victim, 'SIGKILL')
  const newWorkers = () => workersOf(service).filter((pid) => ![victim, other].includes(pid))
  await expect.poll(newWorkers).toHaveLength(1)
  const workers = [other, ...newWorkers()]
  expect((await fetch(`${service.url}/health/ready`)).status).toBe(200)

  expect(await service.stop('SIGTERM')).toBe(0)
  for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
