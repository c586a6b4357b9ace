import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/**
 * Stands between the service and its database and counts round trips: how often the service spoke
 * after the database had.
 */
export async function countFlights(databaseUrl: string) {
  const target = new URL(databaseUrl)
  let count = 0
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname)
    let isAnswered = true
    client.on('data', (bytes) => {
      if (isAnswered) count += 1
      isAnswered = false
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      isAnswered = true
      client.write(bytes)
    })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const url = new URL(databaseUrl)
  url.port = String((proxy.address() as AddressInfo).port)
  return {
    url: url.href,
    /** The round trips while `work` runs. */
    async during(work: () => Promise<unknown>): Promise<number> {
      const before = count
      await work()
      return count - before
    },
    stop: () => new Promise((resolve) => proxy.close(resolve)),
  }
}
