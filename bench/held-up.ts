import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { Connection } from '#bench/connection'
import { type BenchUser, loadData } from '#bench/data'
import { type Measurement, measure } from '#bench/measure'
import { readOne, toggleOf } from '#bench/operations'
import type { Options } from '#bench/options'
import type { Rig } from '#bench/rig'
import type { RunningServer } from '#bench/running'
import { figure, toTable, whole } from '#bench/tables'

/** Requests of one user that wait at the same time for a row that somebody has locked. */
const waitingCounts = [0, 1, 8]

/** How long everybody else waits for a task, on the Node host, while one user's requests wait for a locked row. */
export async function measureHeldUp(rig: Rig, { seconds, connections }: Options): Promise<string> {
  const node = rig.targets.find(({ name }) => name === 'node')
  const [user, ...others] = await loadData(rig.postgres, 1000, 20)
  const [taskId] = user?.taskIds ?? []
  if (node === undefined || user === undefined || taskId === undefined) {
    throw new Error('The Node host is needed: take it into --only.')
  }
  const server = await rig.running(node)
  const next = await readOne.prepare(others, server.url)
  const slot = { server, postgresPid: rig.postgres.pid, status: readOne.status, next }
  const lock = new Client({ connectionString: rig.postgres.url })
  await lock.connect()
  try {
    await lock.query('begin')
    await lock.query('select from tasks where user_id = $1 and id = $2 for update', [
      ...[user.id, taskId],
    ])
    const rows: string[][] = []
    for (const waiting of waitingCounts) {
      const figures = await whileWaiting(server, user, taskId, waiting, () =>
        measure({ ...slot, seconds, connections: connections[0] ?? 64 }),
      )
      const { perSecond, p50, p95, p99 } = figures
      rows.push([whole(waiting), whole(perSecond), figure(p50), figure(p95), figure(p99)])
    }
    const described = `Reads of all other users on the Node host, ${connections[0]} at a time, while one user's requests wait for a row that another session has locked.`
    const head = ['requests that wait', 'requests/s of the others', 'p50 ms', 'p95 ms', 'p99 ms']
    return `${described}\n\n${toTable(head, rows)}`
  } finally {
    await lock.end()
  }
}

/** Has a user's requests wait for a task, each sent again when it is refused, for as long as `act` takes. */
async function whileWaiting(
  { url }: RunningServer,
  user: BenchUser,
  taskId: string,
  waiting: number,
  act: () => Promise<Measurement>,
): Promise<Measurement> {
  const lines = Array.from({ length: waiting }, () => new Connection(url))
  let isOver = false
  // Each ends with its connection.
  const ends = Promise.allSettled(
    lines.map(async (line) => {
      while (!isOver) {
        await line.send(toggleOf(user, taskId))
        await sleep(100)
      }
    }),
  )
  try {
    // Until they wait.
    await sleep(200)
    return await act()
  } finally {
    isOver = true
    await Promise.all(lines.map((line) => line.close()))
    await ends
  }
}
