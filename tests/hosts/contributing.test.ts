import { execFile } from 'node:child_process'
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patched } from '#tests/support/guide'
import { serve } from '#tests/support/serve'
import { tokenFor } from '#tests/support/tokens'

const execute = promisify(execFile)
const page = readFileSync('CONTRIBUTING.md', 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'todo-contributing-'))
const sources = '{app,bench,db,lib,scripts,server,tests,tools}/**/*.{ts,js,json}'

/** A copy of the sources in which the guide was followed. */
beforeAll(() => {
  for (const path of [
    ...globSync(sources),
    ...globSync('*.{ts,json}'),
    'docs/architecture.md',
    'examples/frontend/package.json',
    'redocly.yaml',
  ]) {
    cpSync(path, join(folder, path), { recursive: true })
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  for (const [, kind, path = '', code = ''] of page.matchAll(
    /^```(ts|diff) title="([^"]+)"\n(.*?)^```$/gms,
  )) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, kind === 'ts' ? code : patched(readFileSync(file, 'utf8'), code))
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

test.concurrent('what CONTRIBUTING.md adds compiles, and lint has nothing to say', async () => {
  await run('node_modules/typescript/bin/tsc', '--noEmit')
  const files = [...page.matchAll(/ title="([^"]+)"/g)].map(([, file = '']) => file)
  await run('node_modules/@biomejs/biome/bin/biome', 'check', '--vcs-enabled=false', ...files)
})

test.concurrent('it keeps to the architecture, and its document to its route files', async () => {
  const suites = ['--project', 'unit', 'architecture', 'openapi']
  await run('node_modules/vitest/vitest.mjs', 'run', ...suites)
})

/** Runs a program in the copy. @throws with all that it printed, where it fails */
async function run(...command: string[]): Promise<void> {
  await execute(process.execPath, command, { cwd: folder }).catch(({ stdout, stderr }) => {
    throw new Error(stdout + stderr)
  })
}

test.concurrent('its calls work as they stand there', async () => {
  const [, calls = ''] = /Then `npm run dev`[\s\S]*?```sh\n([\s\S]*?)```/.exec(page) ?? []
  await using service = await serve('node', {}, folder)
  expect((await fetch(`${service.url}/health/ready`)).status).toBe(200)
  const script = calls.replaceAll('http://localhost:8000', service.url)
  const env = { ...process.env, TOKEN: await tokenFor('alice') }
  const { stdout } = await execute('bash', ['-ceu', script], { env })
  expect(stdout).toMatch(/^(\{"user_id":"alice","id":"[\w-]+","name":"Home"\})\[\1\]$/)
})
