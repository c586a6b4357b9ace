import { createHash, timingSafeEqual } from 'node:crypto'
import { env } from '#lib/config/env'
import { Problem } from '#lib/http/errors'
import { otherMethods, type RouteFile } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'
import { readMetrics, startMetrics } from '#lib/observability/metrics'
import { poolLoad } from '#lib/service/database'
import { clusterMetrics } from '#server/cluster-metrics'

startMetrics(poolLoad)

/** Serves `/metrics` for Prometheus to callers that send `METRICS_TOKEN`. */
export const metricsFile: RouteFile = {
  GET: withRequest(async ({ request }) => {
    if (!mayRead(request)) {
      throw new Problem('token_invalid', 'Send METRICS_TOKEN as a Bearer token.')
    }
    const text = await (clusterMetrics() ?? readMetrics())
    return { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body: text }
  }),
  ...otherMethods('GET'),
}

/**
 * Compares hashes in constant time. Otherwise the delay of an answer would tell an attacker how
 * much of a guessed token is right.
 */
function mayRead(request: Request): boolean {
  const [, token = ''] = /^bearer +(.*)$/i.exec(request.headers.get('authorization') ?? '') ?? []
  return timingSafeEqual(hash(token), hash(env().METRICS_TOKEN ?? crypto.randomUUID()))
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
