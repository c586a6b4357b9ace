import cluster from 'node:cluster'
import { once } from 'node:events'
import { AggregatorRegistry, type RegistryContentType } from 'prom-client'

const kind = 'todo-backend:metrics'
const timeoutMs = 5000

interface Message {
  readonly kind?: string
  readonly id?: string
  readonly text?: string
}

/**
 * Asks all workers. One that ends meanwhile never answers, nor one that is still starting: when either
 * is over, all are asked again.
 */
async function sumOf(registry: AggregatorRegistry<RegistryContentType>): Promise<string> {
  const enough = new AbortController()
  const changes = ['disconnect', 'listening'].map((event) =>
    once(cluster, event, enough).then(() => undefined),
  )
  try {
    return (await Promise.race([registry.clusterMetrics(), ...changes])) ?? (await sumOf(registry))
  } finally {
    enough.abort()
  }
}

/** In the supervisor: answers a worker that asks for the metrics of all workers. */
export function answerForAll(): void {
  const registry = new AggregatorRegistry()
  cluster.on('message', async (worker, { kind: asked, id }: Message) => {
    if (asked !== kind) return
    // If it fails, the worker that asked runs into its time limit.
    const text = await sumOf(registry).catch(() => undefined)
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
