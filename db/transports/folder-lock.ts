import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

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
  writeFileSync(owner, String(process.pid))
  return () => {
    rmSync(owner, { force: true })
    file.close()
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
