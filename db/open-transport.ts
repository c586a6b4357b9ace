import { parseConnectionUrl } from '#db/connection-url'
import type { Transport, TransportOptions } from '#db/transports/transport'

/**
 * Opens the transport that the URL decides on. Each driver is loaded only where it is used: PGlite
 * alone is 20 MB of WebAssembly.
 */
export async function openTransport(options: TransportOptions): Promise<Transport> {
  switch (driverOf(options.url)) {
    case 'pglite':
      return (await import('#db/transports/pglite')).openPglite(options)
    case 'neon':
      return (await import('#db/transports/neon')).openNeon(options)
    case 'postgres':
      return (await import('#db/transports/postgres/postgres')).openPostgres(options)
  }
}

function driverOf(url: string): Transport['name'] {
  if (url.startsWith('pglite://')) return 'pglite'
  return parseConnectionUrl(url)?.hostname.endsWith('.neon.tech') === true ? 'neon' : 'postgres'
}
