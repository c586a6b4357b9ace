import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { PGliteDialect } from 'kysely'
import { toDatabaseError } from '#db/errors'
import type { Row, Transport, TransportOptions } from '#db/transports/transport'

/**
 * Postgres inside this process, kept in the folder that `pglite://<folder>` names, or in memory
 * for `pglite://`. One process at a time may open a folder: two would destroy the data.
 */
export async function openPglite({ url }: TransportOptions): Promise<Transport> {
  const folder = url.slice('pglite://'.length)
  const release = folder === '' ? () => {} : lockFolder(folder)
  // Not traced into the functions that Vercel runs: it is 20 MB, and they have a database server.
  const { PGlite } = await import(/* turbopackIgnore: true */ '@electric-sql/pglite')
  const pglite = await PGlite.create(folder === '' ? 'memory://' : folder).catch((error) => {
    release()
    throw error
  })

  return {
    name: 'pglite',
    async transaction(statements) {
      try {
        return await pglite.transaction(async (transaction) => {
          const results: Row[][] = []
          for (const { sql, parameters } of statements) {
            results.push((await transaction.query<Row>(sql, [...parameters])).rows)
          }
          return results
        })
      } catch (error) {
        throw toDatabaseError(error, false)
      }
    },
    sessions: () => new PGliteDialect({ pglite: keptOpen(pglite) }),
    async close() {
      await pglite.close()
      release()
    },
  }
}

/** Kysely closes what it was given when it is destroyed; the transport outlives its sessions. */
function keptOpen(pglite: PGlite): PGlite {
  return new Proxy(pglite, {
    get(target, property) {
      if (property === 'close') return async () => {}
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Takes `<folder>.lock` for this process and returns the function that gives it back. */
function lockFolder(folder: string): () => void {
  const lock = `${folder.replace(/\/+$/, '')}.lock`
  mkdirSync(dirname(lock), { recursive: true })
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
  } catch (error) {
    const owner = Number(readFileSync(lock, 'utf8'))
    if (owner !== process.pid && isRunning(owner)) {
      throw new Error(
        `The database folder ${folder} is open in process ${owner}, and PGlite allows one at a time: stop that process, or give DATABASE_URL another folder.`,
        { cause: error },
      )
    }
    writeFileSync(lock, String(process.pid))
  }
  const release = () => rmSync(lock, { force: true })
  process.once('exit', release)
  return release
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It runs and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
