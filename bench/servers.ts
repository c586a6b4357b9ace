import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { secret } from '#bench/data'
import { buildNext } from '#tests/support/build'

/** One row of the tables: a program to measure, and what is sent along with each request. */
export interface Target {
  readonly name: string
  readonly title: string
  /** Targets with the same one share a process. */
  readonly server: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly folder?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Answers the same to everybody, so only `read` is asked of it. */
  readonly constant?: boolean
  readonly build?: () => void | Promise<void>
  /** What to install where something is missing; the target is left out then. */
  readonly missing?: () => string | undefined
}

const node = process.execPath
/** A limit that counts each request and refuses none. */
export const counting = { RATE_LIMIT: '1000000/60' }
const nextBin = join(import.meta.dirname, '..', 'node_modules', 'next', 'dist', 'bin', 'next')
const constantApp = join(import.meta.dirname, 'peers', 'next-constant')
const python = '/usr/bin/python3'
const pythonModules = 'fastapi, sqlmodel, asyncpg, uvicorn, uvloop, httptools, jwt'
const pythonPackages = pythonModules.replaceAll(/(\w+),?/g, 'python3-$1')
const uvicorn = [
  ...[python, '-m', 'uvicorn', 'main:app', '--loop', 'uvloop', '--http', 'httptools'],
  ...['--no-access-log', '--log-level', 'warning', '--port', '$PORT'],
]

/**
 * Every row, in the order of the tables.
 *
 * @param settings variables for the service beside its usual ones
 * @param base another checkout of this repository, to be measured beside this one
 */
export function targetsFor(
  databaseUrl: string,
  settings: Readonly<Record<string, string>>,
  base: string | undefined,
): Target[] {
  const database = { DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: '10' }
  const peer = { ...database, JWT_SECRET: secret }
  const env = {
    ...{ ...database, DATABASE_NAMED_STATEMENTS: 'true', RATE_LIMIT: 'off' },
    ...{ BETTER_AUTH_SECRET: secret, LOG_LEVEL: 'error', ...settings },
  }
  const onNode = { server: 'node', command: [node, 'server/main.ts'], env }
  const onNext = {
    ...{ server: 'next', command: [node, 'server/main.ts', 'next'], env },
    build: buildNext,
  }
  const onBase = { ...onNode, server: 'base', folder: base ?? '' }
  const onCounting = { ...onNode, server: 'node-counting', env: { ...env, ...counting } }
  const onFastify = { server: 'fastify', command: [node, 'bench/peers/fastify.ts'], env: peer }
  const onFastapi = {
    ...{ server: 'fastapi', command: uvicorn, env: { ...peer, PYTHONDONTWRITEBYTECODE: '1' } },
    folder: join(import.meta.dirname, 'peers', 'fastapi'),
    missing: missingPython,
  }
  const constantNext = {
    ...{ server: 'next-constant', command: [node, nextBin, 'start', constantApp], env: {} },
    ...{ build: buildConstantNext, constant: true },
  }
  const bare = { server: 'node-http', command: [node, 'bench/peers/node-http.ts'], env: {} }
  const origin = { origin: 'http://localhost:3000' }
  const targets: Target[] = [
    { ...onNode, name: 'node', title: '**this service**, Node host' },
    { ...onBase, name: 'base', title: `Node host of ${base}` },
    { ...onCounting, name: 'node-counting', title: 'the same, with `RATE_LIMIT`' },
    { ...onNext, name: 'next', title: '**this service**, Next host' },
    { ...onNext, name: 'next-origin', title: 'the same, with `Origin`', headers: origin },
    { ...onFastify, name: 'fastify', title: 'Fastify, SQL by hand' },
    { ...onFastapi, name: 'fastapi', title: 'FastAPI, SQLModel' },
    { ...constantNext, name: 'next-constant', title: 'Next, a constant' },
    { ...bare, name: 'node-http', title: '`node:http`, a constant', constant: true },
  ]
  return targets.filter(({ name }) => name !== 'base' || base !== undefined)
}

/** Builds it, unless the build that is there is newer than what it is made of. */
function buildConstantNext(): void {
  const parts = globSync(['bench/peers/**/*.ts', 'package-lock.json'])
  const modifiedAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const builtAt = modifiedAt(join(constantApp, '.next', 'BUILD_ID'))
  if (parts.every((path) => modifiedAt(path) < builtAt)) return
  execFileSync(node, [nextBin, 'build', constantApp], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Which versions were measured. */
export function versionsOf(targets: readonly Target[]): string {
  const measured = (...names: string[]) => targets.some(({ name }) => names.includes(name))
  const versions = [`Node ${process.versions.node}`]
  if (measured('next', 'next-origin', 'next-constant')) versions.push(`Next ${versionOf('next')}`)
  if (measured('fastify')) {
    versions.push(`Fastify ${versionOf('fastify')}`, `pg ${versionOf('pg')}`)
  }
  if (measured('fastapi')) {
    const script = `import sys, ${pythonModules}
print(f'Python {sys.version.split()[0]}, FastAPI {fastapi.__version__}, SQLModel {sqlmodel.__version__}')`
    versions.push(execFileSync(python, ['-c', script], { encoding: 'utf8' }).trim())
  }
  return versions.join(', ')
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const path = join(import.meta.dirname, '..', 'node_modules', name, 'package.json')
  return JSON.parse(readFileSync(path, 'utf8')).version
}

function missingPython(): string | undefined {
  const { status } = spawnSync(python, ['-c', `import ${pythonModules}`])
  return status === 0 ? undefined : `FastAPI is left out. To have it: apt install ${pythonPackages}`
}
