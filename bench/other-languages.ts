import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '#bench/servers'

/** A peer that `npm ci` does not bring: it is left out where its language is not installed. */
type OtherLanguage = Pick<Target, 'command' | 'folder' | 'build'> &
  Required<Pick<Target, 'missing' | 'versions'>>

const root = join(import.meta.dirname, '..')
const peers = join(import.meta.dirname, 'peers')

const python = '/usr/bin/python3'
const modules = 'fastapi, sqlmodel, asyncpg, uvicorn, uvloop, httptools, jwt'
const pythonVersions = `import sys, ${modules}
print(f'Python {sys.version.split()[0]}, FastAPI {fastapi.__version__}, SQLModel {sqlmodel.__version__}')`

export const fastapi: OtherLanguage = {
  command: [
    // Nothing is written beside the sources.
    ...[python, '-B', '-m', 'uvicorn', 'main:app', '--loop', 'uvloop', '--http', 'httptools'],
    ...['--no-access-log', '--log-level', 'warning', '--port', '$PORT'],
  ],
  folder: join(peers, 'fastapi'),
  missing: () => {
    if (runs(python, '-c', `import ${modules}`)) return undefined
    return `FastAPI is left out. To have it: apt install ${modules.replaceAll(/(\w+),?/g, 'python3-$1')}`
  },
  versions: () => [output(python, '-c', pythonVersions)],
}

/** Where Debian puts the sources of libraries in Go. */
const goPath = '/usr/share/gocode'
const goPackages = ['golang-github-jackc-pgx-v4-dev', 'golang-github-golang-jwt-jwt-dev']
const goProgram = join(root, '.data', 'bench', 'go')

export const go: OtherLanguage = {
  command: [goProgram],
  missing: () => {
    const libraries = ['jackc/pgx/v4', 'golang-jwt/jwt'].map((name) => `src/github.com/${name}`)
    const isThere = libraries.every((path) => existsSync(join(goPath, path)))
    if (isThere && runs('go', 'version')) return undefined
    return `Go is left out. To have it: apt install golang-go ${goPackages.join(' ')}`
  },
  build: () => {
    mkdirSync(join(goProgram, '..'), { recursive: true })
    execFileSync('go', ['build', '-o', goProgram, '.'], {
      cwd: join(peers, 'go'),
      env: { ...process.env, GO111MODULE: 'off', GOPATH: goPath },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  },
  versions: () => {
    const [, pgx] = output('dpkg-query', '--show', goPackages[0] ?? '').split('\t')
    return [output('go', 'env', 'GOVERSION').replace('go', 'Go '), `pgx ${pgx}`]
  },
}

/** The program itself, which a package brings for each platform. */
const [bunProgram = ''] = globSync(join(root, '.data/bun/node_modules/@oven/*/bin/bun'))

export const bun: OtherLanguage = {
  command: [bunProgram, 'bench/peers/bun.ts'],
  missing: () =>
    bunProgram === '' ? 'Bun is left out. To have it: npm run bun:install' : undefined,
  versions: () => [`Bun ${output(bunProgram, '--version')}`],
}

function runs(program: string, ...parameters: string[]): boolean {
  return spawnSync(program, parameters).status === 0
}

function output(program: string, ...parameters: string[]): string {
  return execFileSync(program, parameters, { encoding: 'utf8' }).trim()
}
