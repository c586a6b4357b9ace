import { PGliteDialect } from 'kysely'
import { openFolder } from '#db/pglite-folder'
import { Transaction } from '#db/transports/postgres/transaction'
import { readError, readMessages } from '#db/transports/postgres/wire'
import { unconnected } from '#db/transports/time-limits'
import { nobody, type Transport, type TransportOptions } from '#db/transports/transport'

/**
 * Postgres inside this process, kept in the folder that `pglite://<folder>` names, or in memory
 * for `pglite://`. One process at a time may open a folder: two would destroy the data.
 */
export async function openPglite({ url }: TransportOptions): Promise<Transport> {
  const folder = url.slice('pglite://'.length)
  // Not traced into the functions that Vercel runs: it is 20 MB, and they have a database server.
  const { PGlite } = await import(/* turbopackIgnore: true */ '@electric-sql/pglite')
  const create = (place: string) => PGlite.create(place)
  const isKept = folder !== ''
  const { pglite, release } = isKept
    ? await openFolder(folder, create)
    : { pglite: await create('memory://'), release: () => {} }
  const close = pglite.close.bind(pglite)
  // Kysely closes what it was given when it is destroyed, and the transport outlives its sessions.
  pglite.close = async () => {}

  return {
    name: 'pglite',
    async transaction(statements, timeoutMs, place = nobody) {
      const transaction = new Transaction(statements, performance.now() + timeoutMs, place)
      try {
        // It keeps to no limit, and is sent what a server is sent.
        const message = Buffer.concat(transaction.write(unconnected))
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
    if (type === 'E') transaction.takeError(readError(bytes, start, end))
    else isOver = transaction.read(type, bytes, start, end)
  })
  return isOver
}
