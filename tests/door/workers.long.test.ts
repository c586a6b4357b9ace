import { execFileSync } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { metricsToken } from '#tests/support/metrics'
import { readRaw } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { endOf, launch, listen, type Service } from '#tests/support/service'

function workersOf({ process: { pid } }: Pick<Service, 'process'>): number[] {
  const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const found = all.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return found.flatMap(([worker = 0, parent]) => (parent === pid ? [worker] : []))
}

/** A service of which both workers listen: one that dies before would end it, as a failed start. */
async function serveWithTwo(settings: Record<string, string> = {}) {
  const service = await serve('node', { WORKERS: '2', ...settings })
  await expect.poll(() => service.output().match(/Todo API on/g)).toHaveLength(2)
  return service
}

test.each(['rr', 'none'])(
  'a worker that dies is replaced, and SIGTERM ends all that are there: scheduled by %s',
  async (NODE_CLUSTER_SCHED_POLICY) => {
    await using service = await serveWithTwo({ NODE_CLUSTER_SCHED_POLICY })
    const [victim = 0, other = 0, ...more] = workersOf(service)
    expect(more).toEqual([])
    process.kill(victim, 'SIGKILL')
    const newWorkers = () => workersOf(service).filter((pid) => ![victim, other].includes(pid))
    await expect.poll(newWorkers).toHaveLength(1)
    await expect.poll(() => service.output().match(/Todo API on/g)).toHaveLength(3)
    const workers = [other, ...newWorkers()]
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200)

    expect(await service.stop('SIGTERM')).toBe(0)
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  },
)

test('a worker that is killed while metrics are read leaves those of the others', async () => {
  await using service = await serveWithTwo({ METRICS_TOKEN: metricsToken })
  const [victim = 0] = workersOf(service)
  process.kill(victim, 'SIGSTOP')
  const authorization = `Authorization: Bearer ${metricsToken}`
  // On connections of their own, which the workers get in turn. The one that is killed answers none.
  const reading = Array.from({ length: 2 }, async () => {
    expect((await readRaw(service.url, ['GET /metrics HTTP/1.1', authorization])).status).toBe(200)
  })
  const first = Promise.any(reading)
  await sleep(500)
  process.kill(victim, 'SIGKILL')
  await first
})

test('a connection that a worker was handed but killed before it took it is closed', async () => {
  await using service = await serveWithTwo()
  const [victim = 0] = workersOf(service)
  process.kill(victim, 'SIGSTOP')
  const sockets = Array.from({ length: 4 }, () => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    socket.on('error', () => {})
    return socket.resume()
  })
  for (const socket of sockets) socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
  // The one that stands still is handed one connection, and the other worker all others.
  const waiting = () => sockets.filter(({ bytesRead }) => bytesRead === 0)
  await expect.poll(waiting).toHaveLength(1)
  const ended = new Promise((resolve) => waiting()[0]?.once('close', resolve))
  process.kill(victim, 'SIGKILL')
  await ended
  for (const socket of sockets) socket.destroy()
})

test('where workers are killed before they listen, as without memory, the service ends with 1', async () => {
  // It takes the connection and says nothing, so that no worker comes to listen.
  const silent = createServer()
  const DATABASE_URL = `postgres://todo:todo@127.0.0.1:${await listen(silent)}/todo`
  const ending = launch('node', { DATABASE_URL, WORKERS: '2', PORT: '0' })
  for (let killed = 0; killed < 3; killed += 1) {
    await expect.poll(() => workersOf(ending)).toHaveLength(2)
    const [victim = 0] = workersOf(ending)
    process.kill(victim, 'SIGKILL')
    await expect.poll(() => workersOf(ending)).not.toContain(victim)
  }
  expect(await endOf(ending)).toBe(1)
  silent.close()
})
