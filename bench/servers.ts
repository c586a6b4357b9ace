import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { secret } from '#bench/data'
import { fastapi } from '#bench/fastapi'
import { buildNext, modifiedAt } from '#tests/support/build'

/** One row of the tables: a program to measure. */
export interface Target {
  readonly name: string
  readonly title: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly folder?: string
  /** Answers the same to everybody, so only `read` is asked of it. */
  readonly constant?: boolean
  readonly isOurs?: boolean
  readonly build?: () => void | Promise<void>
  /** What to install where something is missing; the target is left out then. */
  readonly missing?: () => string | undefined
  /** Of what it is made of, beside Node. */
  readonly versions?: () => string[]
}

const node = process.execPath
/** A limit that counts each request and refuses none. */
export const counting = { RATE_LIMIT: '1000000/60' }
const nextBin = join(import.meta.dirname, '..', 'node_modules', 'next', 'dist', 'bin', 'next')
/** Where the service is built for Next. */
const nextBuild = join(import.meta.dirname, '..', '.data', 'next-build')
const constantApp = join(import.meta.dirname, 'peers', 'next-constant')

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
  const peer = { DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: '10', JWT_SECRET: secret }
  // The best that a peer can do whose requests share connections.
  const sharing = { ...peer, DATABASE_POOL_SIZE: '1' }
  const env = {
    ...{ DATABASE_URL: databaseUrl, RATE_LIMIT: 'off' },
    ...{ BETTER_AUTH_SECRET: secret, LOG_LEVEL: 'error', ...settings },
  }
  const onNode = { command: [node, 'server/main.js'], env, isOurs: true }
  // Before version 0.2.0 the program had another name.
  const ofBase = ['server/main.js', 'server/main.ts'].find((file) =>
    existsSync(join(`${base}`, file)),
  )
  const onNext = {
    ...{ command: [node, nextBin, 'start'], env, isOurs: true },
    ...{ build: async () => void (await buildNext(nextBuild)), folder: nextBuild },
    versions: () => [`Next ${versionOf('next')}`],
  }
  const onBase = { ...onNode, command: [node, ofBase ?? ''], folder: base ?? '' }
  const onCounting = { ...onNode, env: { ...env, ...counting } }
  const fastify = (name: string, driver: string, env: Target['env']) => ({
    ...{ name, title: `Fastify, \`${driver}\``, env },
    command: [node, `bench/peers/${name}.ts`],
    versions: () => [`Fastify ${versionOf('fastify')}`, `${driver} ${versionOf(driver)}`],
  })
  const constantNext = {
    ...{ command: [node, nextBin, 'start', constantApp], env: {} },
    ...{ build: buildConstantNext, constant: true, versions: onNext.versions },
  }
  const targets: Target[] = [
    { ...onNode, name: 'node', title: '**this service**, Node host' },
    { ...onBase, name: 'base', title: `Node host of ${base}` },
    { ...onCounting, name: 'node-counting', title: 'the same, with `RATE_LIMIT`' },
    { ...onNext, name: 'next', title: '**this service**, Next host' },
    fastify('fastify', 'pg', peer),
    fastify('fastify-postgresjs', 'postgres', sharing),
    { ...fastapi, env: peer, name: 'fastapi', title: 'FastAPI, SQLModel' },
    { ...constantNext, name: 'next-constant', title: 'Next, a constant' },
  ]
  return targets.filter(({ name }) => name !== 'base' || base !== undefined)
}

/** Builds it, unless the build that is there is newer than what it is made of. */
function buildConstantNext(): void {
  const parts = globSync(['bench/peers/**/*.ts', 'package-lock.json'])
  const builtAt = modifiedAt(join(constantApp, '.next', 'BUILD_ID'))
  if (parts.every((path) => modifiedAt(path) < builtAt)) return
  execFileSync(node, [nextBin, 'build', constantApp], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Which versions were measured. */
export function versionsOf(targets: readonly Target[]): string {
  const others = new Set(targets.flatMap(({ versions }) => versions?.() ?? []))
  return [`Node ${process.versions.node}`, ...others].join(', ')
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const path = join(import.meta.dirname, '..', 'node_modules', name, 'package.json')
  return JSON.parse(readFileSync(path, 'utf8')).version
}
