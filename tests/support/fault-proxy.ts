import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

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
export interface FaultProxy {
  readonly port: number
  mode: ProxyMode
  /** Added to each direction. */
  delayMs: number
  /** Answers that were lost by `cut answers` so far. */
  readonly lostAnswers: number
  /** Request-response exchanges so far: how often the client spoke after having listened. */
  readonly exchanges: number
  /** Connections so far, with those that were refused. */
  readonly connections: number
  /** Ends every open connection with a reset. */
  reset(): void
  close(): Promise<void>
}

/** Starts a proxy in front of a port of this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const open = new Set<Socket>()
  const held: (() => void)[] = []
  let connections = 0
  let exchanges = 0
  let lostAnswers = 0
  let mode: ProxyMode = 'pass'

  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections += 1
    if (proxy.mode === 'refuse') return client.resetAndDestroy()
    const upstream = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    let isListening = true
    forward(client, upstream, () => {
      if (isListening) exchanges += 1
      isListening = false
      return true
    })
    forward(upstream, client, () => {
      isListening = true
      if (proxy.mode === 'cut answers') {
        // An answer may arrive in several pieces.
        if (!client.destroyed) lostAnswers += 1
        client.resetAndDestroy()
      }
      return proxy.mode !== 'cut answers'
    })
    return undefined
  })

  function forward(from: Socket, to: Socket, mayPass: () => boolean): void {
    open.add(from)
    from.setNoDelay(true)
    from.on('data', (data) => {
      if (!mayPass() || proxy.mode === 'stall') return
      if (proxy.mode === 'hold') {
        held.push(() => to.write(data))
        return
      }
      if (proxy.delayMs === 0) to.write(data)
      else setTimeout(() => to.write(data), proxy.delayMs)
    })
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

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy = {
    port,
    get mode() {
      return mode
    },
    set mode(next) {
      mode = next
      if (next !== 'hold') for (const pass of held.splice(0)) pass()
    },
    get lostAnswers() {
      return lostAnswers
    },
    delayMs: 0,
    get exchanges() {
      return exchanges
    },
    get connections() {
      return connections
    },
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
