import { connect, createServer, type Socket } from 'node:net'
import { postgresAt } from '#tests/support/postgres'
import { listen } from '#tests/support/service'

/** What the proxy does with what passes. */
export type ProxyMode =
  | 'pass'
  /** New connections are reset at once. */
  | 'refuse'
  /** Connections stay open, and nothing passes any more in either direction. */
  | 'stall'
  /** What is sent in either direction arrives once the mode is another. */
  | 'hold'
  /** What the client sends arrives; what the server answers is lost, and the connection ends. */
  | 'cut answers'

/** A network between the service and Postgres that can be made as bad as needed. */
export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>

/** Starts a proxy in front of a Postgres, or of anything else that listens on this machine. */
export async function startFaultProxy(targetPort: number) {
  const open = new Set<Socket>()
  const held: (() => void)[] = []
  let mode: ProxyMode = 'pass'

  const server = createServer({ allowHalfOpen: true }, (client) => {
    proxy.connections += 1
    if (proxy.mode === 'refuse') return client.resetAndDestroy()
    const upstream = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    let isListening = true
    forward(client, upstream, (data) => {
      if (isListening) proxy.exchanges += 1
      isListening = false
      pass(data, upstream)
    })
    return forward(upstream, client, (data) => {
      isListening = true
      if (proxy.mode !== 'cut answers') return pass(data, client)
      // An answer may arrive in several pieces.
      if (!client.destroyed) proxy.lostAnswers += 1
      return client.resetAndDestroy()
    })
  })

  function forward(from: Socket, to: Socket, handle: (data: Buffer) => void): void {
    open.add(from)
    from.setNoDelay(true)
    from.on('data', handle)
    // On a dead network nobody learns that the other side has ended.
    from.on('end', () => {
      if (proxy.mode === 'stall') return
      to.end()
      from.end()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      open.delete(from)
      to.destroy()
    })
  }

  function pass(data: Buffer, to: Socket): void {
    if (proxy.mode === 'stall') return
    if (proxy.mode === 'hold') held.push(() => to.write(data))
    else if (proxy.delayMs === 0) to.write(data)
    else setTimeout(() => to.write(data), proxy.delayMs)
  }

  const proxy = {
    ...postgresAt(await listen(server)),
    get mode() {
      return mode
    },
    set mode(next) {
      mode = next
      if (next !== 'hold') for (const release of held.splice(0)) release()
    },
    /** Added to each direction. */
    delayMs: 0,
    /** Connections so far, with those that were refused. */
    connections: 0,
    /** Request-response exchanges so far: how often the client spoke after having listened. */
    exchanges: 0,
    /** Answers that were lost by `cut answers` so far. */
    lostAnswers: 0,
    /** Ends every open connection with a reset. */
    reset() {
      for (const socket of open) socket.resetAndDestroy()
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
