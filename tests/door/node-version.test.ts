import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }

const [needed = ''] = /\d+/.exec(packageJson.engines.node) ?? []

/** A Node of this machine, if there is one, that is too old for the service. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .filter((path) => !path.includes('node_modules') && existsSync(path))
  .find((path) => Number(run(path, '-p', 'process.versions.node.split(".")[0]').stdout) < +needed)

function run(program: string, ...parameters: string[]) {
  return spawnSync(program, parameters, { encoding: 'utf8', timeout: 10_000 })
}

test('npm start, systemd and Docker run one program', () => {
  const { start } = packageJson.scripts
  const unit = readFileSync('deploy/todo-backend.service', 'utf8')
  expect(unit).toContain(`\nExecStart=/usr/bin/${start}\n`)
  const words = start.split(' ').map((word) => `"${word}"`)
  expect(readFileSync('Dockerfile', 'utf8')).toContain(`\nCMD [${words.join(', ')}]\n`)
})

const commands = Object.values(packageJson.scripts).filter((script) => /^node /.test(script))

// Skipped, and counted as such, where every Node is new enough.
test.skipIf(oldNode === undefined).each(commands)(
  `on an older Node, %s says that it needs Node ${needed}, and ends with 1`,
  (command) => {
    const { status, stderr } = run(oldNode ?? '', ...command.split(' ').slice(1))
    expect(stderr).toMatch(new RegExp(`^This needs Node ${needed} or later, and .* is Node \\d`))
    expect(stderr).toContain(`Install Node ${needed}`)
    expect(stderr).not.toContain('ERR_')
    expect(status).toBe(1)
  },
)

test('every command that runs TypeScript is among them', () => {
  const all = Object.values(packageJson.scripts).filter((script) => script.includes('.ts'))
  expect(commands).toEqual(expect.arrayContaining(all))
  expect(commands.length).toBeGreaterThan(5)
})
