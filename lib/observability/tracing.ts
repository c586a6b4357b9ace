import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { waitUntil } from '@vercel/functions'
import { isDatabaseError } from '#db/errors'
import { type Batch, batches } from '#db/retry'
import { env, isBuiltOnVercel } from '#lib/config/env'
import { outgoing } from '#lib/http/outgoing'
import { type AnsweredRequest, type RequestContext, requests } from '#lib/http/request-context'
import { routeOf } from '#lib/http/route-pattern'
import { log } from '#lib/log'

const propagator = new W3CTraceContextPropagator()

/**
 * From now on makes a span of each request, with a child for each transaction, and sends them by
 * OTLP. The exporter and the resource read OpenTelemetry's variables themselves. The provider is not
 * the global one, because then Next would add its own span of every request. Attributes are
 * numbers, patterns and codes, never a path, an id or a statement.
 *
 * @returns a function that sends the remaining spans and ends tracing
 */
export function startTracing(): () => Promise<void> {
  setGlobalErrorHandler(tellLoss)
  const defaults = resourceFromAttributes({ 'service.name': 'todo-backend' })
  const root = new TraceIdRatioBasedSampler(env().OTEL_TRACES_SAMPLER_ARG)
  const provider = new TracerProvider({
    resource: defaults.merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  const tracer = provider.getTracer('todo-backend')
  const current = new AsyncLocalStorage<Context>()
  const spans = new WeakMap<object, Span>()

  requests.start.bindStore(current, (context) => {
    const parent = propagator.extract(ROOT_CONTEXT, context.request.headers, readHeaders)
    const span = tracer.startSpan(...describeRequest(context), parent)
    spans.set(context, span)
    const { traceId, spanId } = span.spanContext()
    context.trace = { trace_id: traceId, span_id: spanId }
    return trace.setSpan(parent, span)
  })
  requests.asyncEnd.subscribe((message) => {
    const { result, problem } = message as AnsweredRequest
    const span = spans.get(message as object)
    span?.setAttribute('http.response.status_code', result.status)
    if (result.status >= 500) {
      span?.setAttribute('error.type', problem?.code ?? String(result.status))
      span?.setStatus({ code: SpanStatusCode.ERROR })
    }
    span?.end()
    // Vercel freezes a function after its answer, unless it waits for the spans to be sent.
    if (isBuiltOnVercel) waitUntil(provider.forceFlush().catch(tellLoss))
  })
  batches.start.subscribe((message) => {
    const parent = current.getStore()
    if (parent === undefined) return
    const { operation } = message as Batch
    const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': operation }
    spans.set(
      message as Batch,
      tracer.startSpan(operation, { kind: SpanKind.CLIENT, attributes }, parent),
    )
  })
  batches.asyncEnd.subscribe((message) => {
    const { error } = message as Batch
    const span = spans.get(message as Batch)
    if (isDatabaseError(error)) {
      if (error.sqlState !== undefined)
        span?.setAttribute('db.response.status_code', error.sqlState)
      span?.setAttribute('error.type', error.sqlState ?? error.kind)
      span?.setStatus({ code: SpanStatusCode.ERROR })
    }
    span?.end()
  })
  outgoing.subscribe((headers) => {
    const context = current.getStore()
    if (context !== undefined) propagator.inject(context, headers, writeHeader)
  })
  return () => provider.shutdown().catch(tellLoss)
}

/** Logs that spans were lost. That must not fail a request or the shutdown. */
function tellLoss(err: unknown): void {
  log().warn({ event: 'spans_not_exported', err })
}

function describeRequest(context: RequestContext) {
  const { request, url } = context
  const route = routeOf(context)
  const attributes = {
    'http.request.method': request.method,
    'http.route': route,
    'url.scheme': url.protocol.slice(0, -1),
  }
  return [`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }] as const
}

const readHeaders = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
}

const writeHeader = {
  set: (headers: unknown, name: string, value: string) => Reflect.set(Object(headers), name, value),
}
