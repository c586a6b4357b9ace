/**
 * Sends what Neon's driver has for a stand-in to this machine. Tests import it, and `NODE_OPTIONS`
 * loads it into a service that is started, so that the service knows nothing of stand-ins.
 */
import { neonConfig } from '@neondatabase/serverless'

const suffix = 'stand-in.aws.neon.tech'
const fetchAsUsual = globalThis.fetch

/** The value of `NODE_OPTIONS` that loads this file. */
export const redirectToStandIn = `--import=${import.meta.url}`

/** The host in the URLs of the stand-in that listens on a port, with `tls` by HTTPS. */
export function standInHost(port: number, way: 'plain' | 'tls' = 'plain'): string {
  return `ep-test.${way}.port-${port}.${suffix}`
}

/** The port in such a host, or in the one of its region, to which the driver sends statements. */
function portIn(host: string): string | undefined {
  return host.endsWith(`.${suffix}`) ? /\.port-(\d+)\./.exec(host)?.[1] : undefined
}

// Replaced as a whole, because Vercel's function has a copy of the driver in its bundle.
globalThis.fetch = (input, init) => {
  const url = URL.parse(String(input))
  const port = portIn(url?.hostname ?? '')
  const scheme = url?.hostname.includes('.tls.') ? 'https' : 'http'
  const local = `${scheme}://127.0.0.1:${port}${url?.pathname}`
  return fetchAsUsual(port === undefined ? input : local, init)
}

// Only migrations open a WebSocket. The Postgres behind takes no password before it asks for one.
neonConfig.wsProxy = (host, port) => `127.0.0.1:${portIn(host)}/v2?address=${host}:${port}`
neonConfig.useSecureWebSocket = false
neonConfig.pipelineConnect = false
