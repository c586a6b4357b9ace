import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const folder = resolve('.data/rewriting-frontend')

/**
 * Starts a Next app on a port, whose rewrites pass `/api/proxy/…` on to the `/api/…` of the service,
 * as the guide says, and everything else to a frontend. What Next forwards of a request is its own.
 *
 * @returns what stops it
 */
export async function startRewritingFrontend(port: number, apiUrl: string, frontendUrl: string) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'app'), { recursive: true })
  const layout =
    "import { createElement as h } from 'react'\nexport default ({ children }) => h('html', {}, h('body', {}, children))\n"
  writeFileSync(join(folder, 'app/layout.js'), layout)
  writeFileSync(join(folder, 'app/not-found.js'), 'export default () => null\n')
  const rewrites = [
    { source: '/api/proxy/:path*', destination: `${apiUrl}/api/:path*` },
    { source: '/:path*', destination: `${frontendUrl}/:path*` },
  ]
  const config = `export default { agentRules: false, turbopack: { root: ${JSON.stringify(resolve('.'))} }, rewrites: async () => ({ beforeFiles: ${JSON.stringify(rewrites)} }) }\n`
  writeFileSync(join(folder, 'next.config.mjs'), config)

  const child = spawn(
    process.execPath,
    [resolve('node_modules/next/dist/bin/next'), 'dev', folder, '-p', String(port)],
    {
      cwd: folder,
      env: { ...process.env, NODE_ENV: 'development', NEXT_TELEMETRY_DISABLED: '1' },
      // Next serves from a process below this one, so that both are ended as a group.
      detached: true,
      stdio: 'ignore',
    },
  )
  const ended = once(child, 'close')
  const stop = async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended
  }
  for (let waited = 0; waited < 60_000; waited += 200) {
    const isUp = await fetch(`http://localhost:${port}/api/proxy/tasks`).then(
      ({ status }) => status === 401,
      () => false,
    )
    if (isUp) return stop
    await sleep(200)
  }
  await stop()
  throw new Error('The rewriting frontend did not come up.')
}
