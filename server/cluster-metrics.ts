import cluster from 'node:cluster'
import { AggregatorRegistry } from 'prom-client'

const kind = 'todo-backend:metrics'
const timeoutMs = 5000

interface Message {
  readonly kind?: string
  readonly id?: string
  readonly text?: string
}

/** In the supervisor: answers a worker that asks for the metrics of all workers. */
export function answerForAll(): void {
  const registry = new AggregatorRegistry()
  cluster.on('message', async (worker, { kind: asked, id }: Message) => {
    if (asked !== kind) return
    // If a worker ends meanwhile, the sum fails, and the worker that asked runs into its time
    // limit.
    const text = await registry.clusterMetrics().catch(() => undefined)
    if (text !== undefined && worker.isConnected()) worker.send({ kind, id, text })
  })
}

// In a worker, the constructor makes it answer when the supervisor collects the metrics.
if (cluster.isWorker) new AggregatorRegistry()

/** The metrics of all workers together, undefined if this process is not a worker. */
export function clusterMetrics(): Promise<string> | undefined {
  if (!cluster.isWorker) return undefined
  const id = crypto.randomUUID()
  return new Promise((resolve, reject) => {
    const stop = () => process.off('message', receive)
    const timer = setTimeout(() => {
      stop()
      reject(new Error('The supervisor did not answer with the metrics.'))
    }, timeoutMs)
    function receive(message: Message): void {
      if (message.kind !== kind || message.id !== id || message.text === undefined) return
      clearTimeout(timer)
      stop()
      resolve(message.text)
    }
    process.on('message', receive)
    process.send?.({ kind, id })
  })
}
