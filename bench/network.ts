import { startFaultProxy } from '#tests/support/fault-proxy'

export type Network = Awaited<ReturnType<typeof startNetwork>>

/**
 * Starts a network in front of Postgres, whose round trips take a time.
 *
 * @param laterMs how long they take from half of a measurement on
 */
export async function startNetwork(
  postgresUrl: string,
  [roundTripMs = 0, laterMs = roundTripMs]: readonly number[],
) {
  const url = new URL(postgresUrl)
  const proxy = await startFaultProxy(Number(url.port))
  url.port = String(proxy.port)
  proxy.delayMs = roundTripMs / 2
  let half: NodeJS.Timeout | undefined
  return {
    url: url.href,
    /** To be called where a measurement begins. */
    begin(seconds: number) {
      clearTimeout(half)
      proxy.delayMs = roundTripMs / 2
      half = setTimeout(() => Object.assign(proxy, { delayMs: laterMs / 2 }), seconds * 500)
    },
    close: () => proxy.close(),
  }
}
