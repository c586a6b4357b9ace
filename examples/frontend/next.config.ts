import type { NextConfig } from 'next'

const config: NextConfig = {
  // Next would take the service for the project, because its lock file is in a folder above.
  turbopack: { root: import.meta.dirname },
  // Node loads it on the server, so that Next compiles the app in half the time.
  serverExternalPackages: ['better-auth'],
  // Keeps `next dev` from writing files of its own into this folder.
  agentRules: false,
}

export default config
