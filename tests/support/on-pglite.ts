import type { TestProject } from 'vitest/node'
import { buildNext } from '#tests/support/build'
import type { Host } from '#tests/support/service'
import { target } from '#tests/support/target'
import { hasVercel } from '#tests/support/vercel-build'

/** `next start` where Vercel's CLI is missing: otherwise its function shows what Next serves. */
export const hostOnPglite: Host = hasVercel ? 'node' : 'next'

export default async function setUp(project: TestProject) {
  if (hostOnPglite === 'next') await buildNext()
  return await target(hostOnPglite, async () => ({ DATABASE_URL: 'pglite://' }))(project)
}
