import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What the proxy does with what passes. */
export type ProxyMode =
  | 'pass'
  /** New connections are reset at once. */
  | 'refuse'
  /** Connections stay open, and nothing passes any more in either direction. */
  | 'stall'
  /** What the client sends arrives; what the server answers is lost, and the connection ends. */
  | 'cut answers'
  /** The same for one answer, and then everything passes. */
  | 'lose one answer'

/** A network between the service and Postgres that can be made as bad as needed. */
export interface FaultProxy {
  readonly port: number
  mode: ProxyMode
  /** Added to each direction. */
  delayMs: number
  /** Request-response exchanges so far: how often the client spoke after having listened. */
  readonly exchanges: number
  /** Answers that were cut off so far, one for each connection that ended by it. */
  readonly lost: number
  /** Ends every open connection with a reset. */
  reset(): void
  close(): Promise<void>
}

/** Starts a proxy in front of a port of this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const open = new Set<Socket>()
  let exchanges = 0
  let lost = 0

  const server = createServer((client) => {
    if (proxy.mode === 'refuse') return client.resetAndDestroy()
    const upstream = connect(targetPort, '127.0.0.1')
    let isListening = true
    forward(client, upstream, () => {
      if (isListening) exchanges += 1
      isListening = false
      return true
    })
    forward(upstream, client, () => {
      isListening = true
      if (proxy.mode !== 'cut answers' && proxy.mode !== 'lose one answer') return true
      if (!client.destroyed) lost += 1
      if (proxy.mode === 'lose one answer') proxy.mode = 'pass'
      client.resetAndDestroy()
      return false
    })
    return undefined
  })

  function forward(from: Socket, to: Socket, mayPass: () => boolean): void {
    open.add(from)
    from.setNoDelay(true)
    from.on('data', (data) => {
      if (!mayPass() || proxy.mode === 'stall') return
      if (proxy.delayMs === 0) to.write(data)
      else setTimeout(() => to.write(data), proxy.delayMs)
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
    mode: 'pass' as ProxyMode,
    delayMs: 0,
    get exchanges() {
      return exchanges
    },
    get lost() {
      return lost
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
