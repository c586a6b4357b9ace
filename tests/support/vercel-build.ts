import { execFile, execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { shortHash } from '#lib/tasks/short-hash'
import { changedAt, modifiedAt } from '#tests/support/build'
import { layOut } from '#tests/support/vercel-output'

const root = resolve(import.meta.dirname, '../..')
/** Where `npm run vercel:install` puts the CLI: 175 MB are too much for a dependency. */
const cli = join(root, '.data/vercel/node_modules/vercel/dist/vc.js')

/** Whether Vercel's CLI is installed beside the project. Suites that need it skip without it. */
export const hasVercel = existsSync(cli)

/** The copy of the sources that is built. */
export const vercelBuild = join(root, '.data/vercel-build')

/**
 * The output of the build with each function as Vercel unpacks it. It is outside of the repository:
 * inside, Node would find a file that was not traced in the repository's own `node_modules`.
 */
export const deployment = join(tmpdir(), `todo-backend-vercel-${shortHash(root)}`)

/**
 * Builds a copy of the sources, committed or not, with Vercel's own builder, and lays out its
 * functions in `deployment`. Does nothing where that is newer than every source.
 *
 * @returns the folder of the deployment
 */
export async function buildOnVercel(): Promise<string> {
  const builtAt = modifiedAt(join(deployment, 'config.json'))
  if (existsSync(vercelBuild) && builtAt > changedAt()) return deployment
  rmSync(vercelBuild, { recursive: true, force: true })
  copyClone(vercelBuild)
  linkPackages(vercelBuild)
  await runBuilder(vercelBuild)
  layOut(vercelBuild, deployment)
  return deployment
}

/** Runs Vercel's builder, which needs no network, in a folder with a Next app and its packages. */
export async function runBuilder(folder: string): Promise<void> {
  // An empty command to install keeps the builder from the registry, and from changing the links.
  const settings = { framework: 'nextjs', nodeVersion: '24.x', installCommand: '' }
  const project = { projectId: 'prj_test', orgId: 'team_test', settings }
  mkdirSync(join(folder, '.vercel'), { recursive: true })
  writeFileSync(join(folder, '.vercel/project.json'), JSON.stringify(project))
  // A home of its own: the CLI looks for a login there, and writes its settings.
  const { PATH = '' } = process.env
  const env = {
    ...{ PATH, HOME: join(folder, '.vercel'), NODE_ENV: 'production' as const, CI: '1' },
    ...{ NO_UPDATE_NOTIFIER: '1', VERCEL_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1' },
  }
  const build = [cli, 'build', '--yes', '--token', 'none']
  await promisify(execFile)(process.execPath, build, { cwd: folder, env, maxBuffer: 2 ** 26 })
}

/** Copies what a clone has and what is new in this one. */
function copyClone(target: string): void {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0')
  for (const file of files.filter((name) => name !== '' && existsSync(join(root, name)))) {
    cpSync(join(root, file), join(target, file))
  }
}

/** The installed packages as hard links, because Next refuses a link that leads out of its root. */
export function linkPackages(target: string, folder = 'node_modules'): void {
  mkdirSync(join(target, folder), { recursive: true })
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    const [from, to] = [join(root, path), join(target, path)]
    if (entry.isDirectory()) linkPackages(target, path)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else linkSync(from, to)
  }
}
