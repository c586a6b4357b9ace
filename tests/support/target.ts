import type { TestProject } from 'vitest/node'
import { type Host, startService } from '#tests/support/service'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the service under test is. */
    baseUrl: string
  }
}

/**
 * Sets up what the HTTP suite of one project talks to: the service that `API_URL` names, or one
 * that is started for it.
 */
export function target(host: Host, env: () => Promise<Record<string, string>>) {
  return async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
    const given = process.env['API_URL']
    if (given !== undefined) {
      project.provide('baseUrl', given)
      return undefined
    }
    const service = await startService(host, await env())
    project.provide('baseUrl', service.url)
    return async () => {
      await service.stop()
    }
  }
}
