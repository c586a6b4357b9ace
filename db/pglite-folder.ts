import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { PGlite } from '@electric-sql/pglite'

/** The files that are locked: one that nobody refers to is closed, and its lock is gone. */
const locked = new Set<DatabaseSync>()

/** SQLite's code for a file that is locked already. */
const busy = 5

/**
 * Takes the lock of a database folder for this process. SQLite has the operating system lock the
 * file `<folder>.flock`, which Node itself cannot. So of several processes one gets it, and it is
 * free as soon as that one has ended, however it ended. The file is never removed: somebody else may
 * have it open already. `<folder>.lock` only says who has it.
 *
 * @returns a function that gives it back
 * @throws Error if another process has the folder open
 */
export function lockFolder(folder: string): () => void {
  const path = folder.replace(/\/+$/, '')
  const owner = `${path}.lock`
  mkdirSync(dirname(path), { recursive: true })
  const file = new DatabaseSync(`${path}.flock`)
  try {
    file.exec('begin exclusive')
  } catch (error) {
    file.close()
    if (!(error instanceof Error && 'errcode' in error && error.errcode === busy)) throw error
    throw new Error(
      `The database folder ${folder} is open in process ${readOwner(owner)}, and PGlite allows one at a time: stop that process, or give DATABASE_URL another folder.`,
      { cause: error },
    )
  }
  locked.add(file)
  writeFileSync(owner, String(process.pid))
  return () => {
    rmSync(owner, { force: true })
    file.close()
    locked.delete(file)
  }
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // The process has the lock, and has not said yet who it is.
    return '(starting)'
  }
}

/**
 * Opens a folder, which no other process may have open.
 *
 * @returns the database, and what gives the folder back once it is closed
 * @throws Error that names the folder, the version of its data, and the way out
 */
export async function openFolder(folder: string, create: (folder: string) => Promise<PGlite>) {
  const release = lockFolder(folder)
  try {
    return { pglite: await create(folder), release }
  } catch (error) {
    release()
    const found = versionOf(folder)
    const own = found && (await ownVersion(create))
    const reason =
      found === undefined
        ? `The folder ${folder} cannot hold a database: see that it is a folder, and that this user may write into it.`
        : found === own
          ? `The database folder ${folder} is damaged: it has data of Postgres ${found}, as this PGlite does, which cannot open it.`
          : `The database folder ${folder} has data of Postgres ${found}, and this PGlite is Postgres ${own}.`
    const wayOut =
      found === own
        ? 'Bring back a copy of it, or move it away to start with an empty database'
        : 'Start the version of this service that made it, or move it away to start with an empty database'
    throw new Error(`${reason} ${wayOut}: mv ${folder} ${folder}.old`, { cause: error })
  }
}

/** The version that made the data in a folder, undefined if there is none. */
function versionOf(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim()
  } catch {
    // Whatever keeps it from being read, it does not say its version.
    return undefined
  }
}

/** The version of PGlite's Postgres. Only an open database tells. */
async function ownVersion(create: (folder: string) => Promise<PGlite>): Promise<string> {
  const pglite = await create('memory://')
  const { rows } = await pglite.query<{ server_version: string }>('show server_version')
  await pglite.close()
  return rows[0]?.server_version.split('.')[0] ?? ''
}
