import { Counter, collectDefaultMetrics, Gauge, Histogram, register } from 'prom-client'
import { isDatabaseError } from '#db/errors'
import { type Batch, batches, retries } from '#db/retry'
import type { PoolLoad } from '#db/transports/transport'
import { problemTypes } from '#lib/http/errors'
import { type AnsweredRequest, requests } from '#lib/http/request-context'
import { routeOf } from '#lib/http/route-pattern'

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const requestLabels = ['method', 'route', 'status'] as const
const knownMethods = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/

/**
 * Starts to count for `/metrics`. Call it once, before the first request.
 *
 * @param poolLoad called with each scrape: how busy the pool of the database is
 */
export function startMetrics(poolLoad: () => PoolLoad | undefined): void {
  collectDefaultMetrics()
  countRequests()
  countDatabase(poolLoad)
}

function countRequests(): void {
  const total = new Counter({
    name: 'http_requests_total',
    help: 'Requests that were answered.',
    labelNames: requestLabels,
  })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the request to its answer.',
    labelNames: requestLabels,
    buckets: seconds,
  })
  const faults = new Counter({
    name: 'faults_total',
    help: 'Answers of 5xx, by error code.',
    labelNames: ['code'],
  })
  const refused = new Counter({
    name: 'credentials_refused_total',
    help: 'Requests that were refused for their credentials, by error code.',
    labelNames: ['reason'],
  })
  const limited = new Counter({
    name: 'rate_limited_total',
    help: 'Requests that were refused by a rate limit, by policy.',
    labelNames: ['policy'],
  })
  // Prometheus sees no increase in a series that starts at its first event, so each starts at zero.
  for (const code of codesOf((status) => status >= 500)) faults.inc({ code }, 0)
  for (const reason of codesOf(isRefusal)) refused.inc({ reason }, 0)
  for (const policy of ['user', 'address']) limited.inc({ policy }, 0)
  requests.asyncEnd.subscribe((message) => {
    const context = message as AnsweredRequest
    const { request, startedAt, result, problem } = context
    const route = routeOf(context)
    if (route === '/metrics') return
    // A client can send any word as a method, and each would become a series of its own.
    const method = knownMethods.test(request.method) ? request.method : '_OTHER'
    const labels = { method, route, status: result.status }
    total.inc(labels)
    duration.observe(labels, (performance.now() - startedAt) / 1000)
    if (problem === undefined) return
    if (problem.status >= 500) faults.inc({ code: problem.code })
    if (isRefusal(problem.status)) refused.inc({ reason: problem.code })
    for (const policy of [problem.members['violated-policies'] ?? []].flat()) {
      limited.inc({ policy: String(policy) })
    }
  })
}

const isRefusal = (status: number) => status === 401 || status === 403

function codesOf(isMeant: (status: number) => boolean): string[] {
  const entries = Object.entries(problemTypes)
  return entries.flatMap(([code, { status }]) => (isMeant(status) ? code : []))
}

function countDatabase(poolLoad: () => PoolLoad | undefined): void {
  const duration = new Histogram({
    name: 'db_batch_duration_seconds',
    help: 'A transaction, the wait for a connection included.',
    labelNames: ['operation', 'outcome'],
    buckets: seconds,
  })
  const retried = new Counter({
    name: 'db_retries_total',
    help: 'Transactions that were sent again, by SQLSTATE or network.',
    labelNames: ['reason'],
  })
  batches.asyncEnd.subscribe((message) => {
    const { operation, startedAt, error } = message as Batch
    const outcome = isDatabaseError(error) ? error.kind : 'ok'
    duration.observe({ operation, outcome }, (performance.now() - startedAt) / 1000)
  })
  retries.subscribe((error) => {
    retried.inc({ reason: (isDatabaseError(error) && error.sqlState) || 'network' })
  })
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections that are open, by state. With Neon over HTTP: requests under way.',
    labelNames: ['state'],
    collect() {
      const load = poolLoad()
      if (load === undefined) return
      this.set({ state: 'in_use' }, load.inUse)
      this.set({ state: 'idle' }, load.idle)
    },
  })
  new Gauge({
    name: 'db_pool_waiting',
    help: 'Requests that wait for a connection.',
    collect() {
      this.set(poolLoad()?.waiting ?? 0)
    },
  })
}

/** What has been counted in this process, as Prometheus reads it. */
export function readMetrics(): Promise<string> {
  return register.metrics()
}
