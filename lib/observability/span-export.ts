import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import { env } from '#lib/config/env'

/**
 * The exporter that `OTEL_EXPORTER_OTLP_PROTOCOL` or its variant for traces names. It reads the
 * endpoint and the headers itself.
 */
export async function openExporter() {
  const { OTEL_EXPORTER_OTLP_PROTOCOL: all, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: own = all } = env()
  const { OTLPTraceExporter } =
    own === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter()
}

/** The sampler of `OTEL_TRACES_SAMPLER`, a variable that the SDK itself no longer reads. */
export function openSampler(): Sampler {
  const name = env().OTEL_TRACES_SAMPLER
  const root = rootSampler(name.replace('parentbased_', ''))
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

function rootSampler(name: string): Sampler {
  if (name === 'traceidratio') return new TraceIdRatioBasedSampler(env().OTEL_TRACES_SAMPLER_ARG)
  return name === 'always_off' ? new AlwaysOffSampler() : new AlwaysOnSampler()
}
