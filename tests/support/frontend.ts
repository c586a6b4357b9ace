import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killGroup, startChild } from '#tests/support/child'
import { guideBlock, patched } from '#tests/support/guide'

/** The guide's ways to get a token beside the one of the example. */
export const tokenWays = ['with a route of your own', 'with the session cookie']
const example = resolve('examples/frontend')
const read = (path: string) => readFileSync(join(example, path), 'utf8')

/** What makes `examples/frontend` the frontend of the guide that shares the service's database. */
export function guideFiles(apiUrl: string): Record<string, string> {
  const root = 'turbopack: { root: import.meta.dirname },'
  const config = guideBlock('next.config.ts').replace('export default {', `$& ${root}`)
  return {
    'next.config.ts': config.replace('http://localhost:8000', apiUrl),
    'lib/auth.ts': patched(read('lib/auth.ts'), guideBlock('lib/auth.ts')),
    'app/api/token/route.ts': guideBlock('app/api/token/route.ts'),
    'lib/token-0.ts': guideBlock('lib/token.ts, with a route of your own'),
    'lib/token-1.ts': guideBlock('lib/token.ts, with the session cookie'),
    'lib/token.ts': `const ways = [import('./token-0'), import('./token-1')]
export async function fetchToken() {
  return await (await ways[Number(localStorage.getItem('way'))])?.fetchToken()
}
`,
  }
}

/**
 * Copies `examples/frontend` to a folder inside of the repository, where it finds the packages.
 *
 * @param changed files that are written over those of the example
 */
export function copyExample(name: string, changed: Record<string, string> = {}): string {
  const folder = resolve('.data', name)
  rmSync(folder, { recursive: true, force: true })
  cpSync(example, folder, {
    recursive: true,
    filter: (path) => !/\/(?:node_modules|\.next|auth\.sqlite.*|\.env.*)$/.test(path),
  })
  const config = changed['next.config.ts'] ?? read('next.config.ts')
  const files = {
    ...changed,
    'next-env.d.ts': '/// <reference types="next" />\n',
    'next.config.ts': config.replace('import.meta.dirname', JSON.stringify(resolve('.'))),
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

/** Starts `next dev` in a copy of the example. @returns what stops it */
export async function startExample(folder: string, port: number, env: Record<string, string>) {
  const { PATH = '', HOME = '' } = process.env
  const next = resolve('node_modules/next/dist/bin/next')
  const child = startChild(process.execPath, [next, 'dev', '-p', String(port)], {
    cwd: folder,
    env: { PATH, HOME, NODE_ENV: 'development', NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      printed += chunk
    })
  }
  // Next compiles what is asked for: the first answer says that the tables are there too.
  for (let waited = 0; waited < 120_000 && child.exitCode === null; waited += 200) {
    const isUp = await fetch(`http://localhost:${port}/api/auth/ok`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return () => killGroup(child)
    await sleep(200)
  }
  killGroup(child)
  throw new Error(`The example did not come up:\n${printed}`)
}
