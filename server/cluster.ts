import type { ChildProcess } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { env } from '#lib/config/env'

/** What keeps one worker from starting may pass; what keeps several of them does not. */
const mostFailedStarts = 3

/**
 * Runs this program in `WORKERS` processes that share the port, to use as many cores. A worker that
 * dies is replaced. If workers cannot start, several times in a row, all of them end with that code.
 */
export async function superviseWorkers(): Promise<void> {
  const { METRICS_TOKEN, WORKERS } = env()
  const hasListened = new WeakSet<Worker>()
  let failedStarts = 0
  let stopping = false
  // It imports prom-client, so it is loaded only if metrics are wanted.
  if (METRICS_TOKEN !== undefined) {
    const { answerForAll } = await import('#server/cluster-metrics')
    answerForAll()
  }
  // Otherwise, as on Windows, what workers are sent is the socket that all of them accept from.
  if (cluster.schedulingPolicy === cluster.SCHED_RR) cluster.on('fork', closeUntaken)
  for (let started = 0; started < WORKERS; started += 1) cluster.fork()

  cluster.on('listening', (worker) => {
    hasListened.add(worker)
    failedStarts = 0
  })
  cluster.on('exit', (worker, code) => {
    if (stopping) return
    if (!hasListened.has(worker)) failedStarts += 1
    if (failedStarts < mostFailedStarts) {
      cluster.fork()
      return
    }
    // One that was killed has no code, and an exit with 0 would be taken for a stop that was asked for.
    process.exitCode = code || 1
    void stop()
  })

  async function stop(): Promise<void> {
    if (stopping) return
    stopping = true
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
    const ended = workers.map((worker) => once(worker, 'exit'))
    for (const worker of workers) worker.process.kill('SIGTERM')
    await Promise.all(ended)
    process.exit()
  }
  process.on('SIGTERM', stop)
  process.once('SIGINT', stop)
}

/**
 * Closes the connection that a worker was sent last, once it has ended. Node keeps its own copy until
 * the worker has taken it: if the worker was killed before, the client would wait for ever.
 */
function closeUntaken({ process: child }: Worker): void {
  const { send } = child
  let latest: { close(): unknown } | undefined
  Object.assign(child, {
    send(...sent: Parameters<ChildProcess['send']>) {
      const [, connection] = sent
      if (connection && 'close' in connection) latest = connection
      return send.apply(child, sent)
    },
  })
  child.once('exit', () => latest?.close())
}
