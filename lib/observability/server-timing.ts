import { AsyncLocalStorage } from 'node:async_hooks'
import { type Batch, batches } from '#db/retry'
import { type AnsweredRequest, type RequestContext, requests } from '#lib/http/request-context'

/**
 * Adds `Server-Timing` to all answers from now on: the milliseconds for the credentials, the
 * database, and the whole request. The look-up of a session counts as both `auth` and `db`.
 */
export function startServerTiming(): void {
  const current = new AsyncLocalStorage<RequestContext>()
  const databaseMs = new WeakMap<RequestContext, number>()
  requests.start.bindStore(current, (context) => context)
  batches.asyncEnd.subscribe((message) => {
    const { startedAt } = message as Batch
    const context = current.getStore()
    if (context === undefined) return
    const before = databaseMs.get(context) ?? 0
    databaseMs.set(context, before + performance.now() - startedAt)
  })
  requests.asyncEnd.subscribe((message) => {
    const context = message as AnsweredRequest
    const parts = [
      describe('auth', context.authMs),
      describe('db', databaseMs.get(context)),
      describe('total', performance.now() - context.startedAt),
    ]
    context.result.headers.set('server-timing', parts.flat().join(', '))
  })
}

function describe(name: string, durationMs: number | undefined): string[] {
  return durationMs === undefined ? [] : [`${name};dur=${durationMs.toFixed(2)}`]
}
