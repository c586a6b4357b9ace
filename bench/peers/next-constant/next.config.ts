import { join } from 'node:path'
import type { NextConfig } from 'next'

const config: NextConfig = {
  poweredByHeader: false,
  agentRules: false,
  // Turbopack looks for middleware and instrumentation in the folders above too, and would find the
  // service's own; these names it does not have.
  pageExtensions: ['peer.ts'],
  // The packages are those of the repository, three folders up.
  turbopack: { root: join(import.meta.dirname, '..', '..', '..') },
}

export default config
