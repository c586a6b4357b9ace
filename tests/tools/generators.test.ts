import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { document } from '#tests/support/document'

/** Where `npm run generators:install` puts them: 100 MB are too much for dependencies. */
const folder = resolve('.data/generators')
const packages = join(folder, 'node_modules')

const generators: Record<string, readonly string[]> = {
  'hey-api': ['@hey-api/openapi-ts/bin/run.js', '-i', 'openapi.json', '-o', 'client'],
  oazapfts: ['oazapfts/dist/cli.js', 'openapi.json', 'client.ts'],
  'openapi-zod-client': ['openapi-zod-client/bin.js', 'openapi.json', '-o', 'client.ts'],
}

const settings = {
  compilerOptions: {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    ...{ target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler' },
    lib: ['ES2023', 'DOM', 'DOM.Iterable'],
  },
}

function run(cwd: string, [program = '', ...parameters]: readonly string[]): void {
  const command = [join(packages, program), ...parameters]
  const ended = spawnSync(process.execPath, command, { cwd, encoding: 'utf8' })
  expect(ended.status, ended.stdout + ended.stderr).toBe(0)
}

// `tests/frontend/documented-calls.test.ts` has the generator of the guide.
test.skipIf(!existsSync(packages)).each(Object.entries(generators))(
  '%s makes a client of the document that compiles',
  (_, command) => {
    const made = mkdtempSync(join(folder, 'made-'))
    onTestFinished(() => rmSync(made, { recursive: true }))
    writeFileSync(join(made, 'openapi.json'), JSON.stringify(document))
    writeFileSync(join(made, 'tsconfig.json'), JSON.stringify(settings))
    run(made, command)
    expect(['client', 'client.ts'].some((name) => existsSync(join(made, name)))).toBe(true)
    run(made, ['typescript/bin/tsc', '--project', '.'])
  },
)
