import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Target } from '#bench/servers'

const python = '/usr/bin/python3'
const modules = 'fastapi, sqlmodel, asyncpg, uvicorn, uvloop, httptools, jwt'
const versions = `import sys, ${modules}
print(f'Python {sys.version.split()[0]}, FastAPI {fastapi.__version__}, SQLModel {sqlmodel.__version__}')`

/** The peer in Python, which `npm ci` does not bring: it is left out where it is not installed. */
export const fastapi: Omit<Target, 'name' | 'title' | 'env'> = {
  command: [
    // Nothing is written beside the sources.
    ...[python, '-B', '-m', 'uvicorn', 'main:app', '--loop', 'uvloop', '--http', 'httptools'],
    ...['--no-access-log', '--log-level', 'warning', '--port', '$PORT'],
  ],
  folder: join(import.meta.dirname, 'peers', 'fastapi'),
  missing: () => {
    if (spawnSync(python, ['-c', `import ${modules}`]).status === 0) return undefined
    return `FastAPI is left out. To have it: apt install ${modules.replaceAll(/(\w+),?/g, 'python3-$1')}`
  },
  versions: () => [execFileSync(python, ['-c', versions], { encoding: 'utf8' }).trim()],
}
