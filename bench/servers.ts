import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { secret } from '#bench/data'
import { buildNext } from '#tests/support/build'

/** A program to measure. */
export interface Server {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly folder?: string
  /** Asked for until it answers anything at all. */
  readonly path: string
  readonly build?: () => void | Promise<void>
  /** What to install where something is missing; the server is left out then. */
  readonly missing?: () => string | undefined
}

/** One row of the tables: a server, and what is sent along with each request. */
export interface Target {
  readonly name: string
  readonly title: string
  readonly server: Server
  readonly headers?: Readonly<Record<string, string>>
  /** Answers the same to everybody, so only `read` is asked of it. */
  readonly constant?: boolean
}

const node = process.execPath
/** Connections that each server may have to Postgres. */
export const poolSize = 10
/** A limit that counts each request and refuses none. */
export const counting = { RATE_LIMIT: '1000000/60' }
const nextBin = join(import.meta.dirname, '..', 'node_modules', 'next', 'dist', 'bin', 'next')
const constantApp = join(import.meta.dirname, 'peers', 'next-constant')
const python = '/usr/bin/python3'
const pythonModules = 'fastapi, sqlmodel, asyncpg, uvicorn, uvloop, httptools, jwt'
const pythonPackages = pythonModules.replaceAll(/(\w+),?/g, 'python3-$1')

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
  const service = {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: String(poolSize),
    DATABASE_NAMED_STATEMENTS: 'true',
    RATE_LIMIT: 'off',
    BETTER_AUTH_SECRET: secret,
    LOG_LEVEL: 'error',
    ...settings,
  }
  const peer = {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: String(poolSize),
    JWT_SECRET: secret,
  }
  const path = '/api/tasks'
  const onNode: Server = { name: 'node', command: [node, 'server/main.ts'], env: service, path }
  const onNodeCounting: Server = {
    ...onNode,
    name: 'node-counting',
    env: { ...service, ...counting },
  }
  const onNext: Server = {
    name: 'next',
    command: [node, 'server/main.ts', 'next'],
    env: service,
    path,
    build: buildNext,
  }
  const fastify = { name: 'fastify', command: [node, 'bench/peers/fastify.ts'], env: peer, path }
  const fastapi: Server = {
    name: 'fastapi',
    command: [
      ...[python, '-m', 'uvicorn', 'main:app', '--loop', 'uvloop', '--http', 'httptools'],
      ...['--no-access-log', '--log-level', 'warning', '--port', '$PORT'],
    ],
    env: { ...peer, PYTHONDONTWRITEBYTECODE: '1' },
    folder: join(import.meta.dirname, 'peers', 'fastapi'),
    path,
    missing: missingPython,
  }
  const constantNext: Server = {
    name: 'next-constant',
    command: [node, nextBin, 'start', constantApp],
    env: {},
    path: '/api/tasks/1',
    build: buildConstantNext,
  }
  const bare = { name: 'node-http', command: [node, 'bench/peers/node-http.ts'], env: {}, path }
  const origin = { origin: 'http://localhost:3000' }
  const onBase = base === undefined ? [] : [{ ...onNode, name: 'base', folder: base }]
  return [
    { name: 'node', title: '**this service**, Node host', server: onNode },
    ...onBase.map((server) => ({ name: 'base', title: `Node host of ${base}`, server })),
    { name: 'node-counting', title: 'the same, with `RATE_LIMIT`', server: onNodeCounting },
    { name: 'next', title: '**this service**, Next host', server: onNext },
    { name: 'next-origin', title: 'the same, with `Origin`', server: onNext, headers: origin },
    { name: 'fastify', title: 'Fastify, SQL by hand', server: fastify },
    { name: 'fastapi', title: 'FastAPI, SQLModel', server: fastapi },
    { name: 'next-constant', title: 'Next, a constant', server: constantNext, constant: true },
    { name: 'node-http', title: '`node:http`, a constant', server: bare, constant: true },
  ]
}

/** Builds it, unless the build that is there is newer than what it is made of. */
function buildConstantNext(): void {
  const parts = globSync(['bench/peers/**/*.ts', 'package-lock.json'])
  const modifiedAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const builtAt = modifiedAt(join(constantApp, '.next', 'BUILD_ID'))
  if (parts.every((path) => modifiedAt(path) < builtAt)) return
  const stdio = ['ignore', 'ignore', 'inherit'] as const
  execFileSync(node, [nextBin, 'build', constantApp], { stdio: [...stdio] })
}

/** Which versions were measured. */
export function versionsOf(targets: readonly Target[]): string {
  const servers = new Set(targets.map(({ server }) => server.name))
  const versions = [`Node ${process.versions.node}`]
  if (servers.has('next') || servers.has('next-constant'))
    versions.push(`Next ${versionOf('next')}`)
  if (servers.has('fastify'))
    versions.push(`Fastify ${versionOf('fastify')}`, `pg ${versionOf('pg')}`)
  if (servers.has('fastapi')) {
    const script = `import sys, ${pythonModules}
print(f'Python {sys.version.split()[0]}, FastAPI {fastapi.__version__}, SQLModel {sqlmodel.__version__}')`
    versions.push(execFileSync(python, ['-c', script], { encoding: 'utf8' }).trim())
  }
  return versions.join(', ')
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const path = join(import.meta.dirname, '..', 'node_modules', name, 'package.json')
  return execFileSync(node, ['-p', `require(${JSON.stringify(path)}).version`], {
    encoding: 'utf8',
  }).trim()
}

function missingPython(): string | undefined {
  const { status } = spawnSync(python, ['-c', `import ${pythonModules}`])
  return status === 0 ? undefined : `FastAPI is left out. To have it: apt install ${pythonPackages}`
}
