import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { PGliteDialect } from 'kysely'
import { lockFolder } from '#db/transports/folder-lock'
import { Transaction } from '#db/transports/postgres/transaction'
import { readError, readMessages } from '#db/transports/postgres/wire'
import { withTimeLimits } from '#db/transports/time-limits'
import { nobody, type Transport, type TransportOptions } from '#db/transports/transport'

/** It keeps to no time limit, and is sent the same as a server all the same. */
const sharing = { isAlone: true, isChecked: false }

/**
 * Postgres inside this process, kept in the folder that `pglite://<folder>` names, or in memory
 * for `pglite://`. One process at a time may open a folder: two would destroy the data.
 */
export async function openPglite({ url }: TransportOptions): Promise<Transport> {
  const folder = url.slice('pglite://'.length)
  const release = folder === '' ? () => {} : lockFolder(folder)
  // Not traced into the functions that Vercel runs: it is 20 MB, and they have a database server.
  const { PGlite } = await import(/* turbopackIgnore: true */ '@electric-sql/pglite')
  const create = (place: string) => PGlite.create(place)
  const opening = folder === '' ? create('memory://') : openFolder(folder, create)
  const pglite = await opening.catch((error) => {
    release()
    throw error
  })
  const close = pglite.close.bind(pglite)
  // Kysely closes what it was given when it is destroyed, and the transport outlives its sessions.
  pglite.close = async () => {}

  return {
    name: 'pglite',
    async transaction(statements, timeoutMs, place = nobody) {
      const transaction = new Transaction(statements, performance.now() + timeoutMs, place)
      try {
        const { number } = transaction
        const limited = withTimeLimits(transaction.statements, timeoutMs, sharing, number)
        const message = Buffer.concat(transaction.write(limited, undefined))
        // Both locks of PGlite: a session may have a transaction open, which this must not be in.
        const answer = await pglite._runExclusiveTransaction(() =>
          pglite.runExclusive(() => pglite.execProtocolRaw(message)),
        )
        const isOver = readAnswer(Buffer.from(answer), transaction)
        if (!isOver) throw new Error('an answer without its end')
      } catch (error) {
        transaction.fail(error)
      }
      return await transaction.outcome.promise
    },
    sessions: () => new PGliteDialect({ pglite }),
    async close() {
      await close()
      release()
    },
  }
}

/**
 * Reads what Postgres wrote, as over TCP. What PGlite itself reads loses a byte order mark at the
 * beginning of each text.
 *
 * @returns whether the transaction is over
 */
function readAnswer(answer: Buffer, transaction: Transaction): boolean {
  let isOver = false
  readMessages(answer, (type, bytes, start, end) => {
    if (type === 'E') transaction.failed(readError(bytes, start, end))
    else isOver = transaction.read(type, bytes, start, end)
  })
  return isOver
}

/**
 * Opens a folder.
 *
 * @throws Error that names the folder, the version of its data, and the way out
 */
async function openFolder(folder: string, create: (folder: string) => Promise<PGlite>) {
  try {
    return await create(folder)
  } catch (error) {
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
