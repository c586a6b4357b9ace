import { randomBytes } from 'node:crypto'
import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api'
import { SamplingDecision } from '@opentelemetry/sdk-trace'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => vi.unstubAllEnvs())

async function samplerOf(name: string, share = '1') {
  vi.resetModules()
  vi.stubEnv('OTEL_TRACES_SAMPLER', name)
  vi.stubEnv('OTEL_TRACES_SAMPLER_ARG', share)
  const { openSampler } = await import('#lib/observability/span-export')
  const sampler = openSampler()
  return (parentFlags?: TraceFlags): boolean => {
    const traceId = randomBytes(16).toString('hex')
    const parent = { traceId, spanId: 'b7ad6b7169203331', isRemote: true }
    const context =
      parentFlags === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags: parentFlags })
    const { decision } = sampler.shouldSample(context, traceId, 'name', SpanKind.SERVER, {}, [])
    return decision === SamplingDecision.RECORD_AND_SAMPLED
  }
}

test.each([
  ['always_on', '1', { alone: true, sampled: true, unsampled: true }],
  ['always_off', '1', { alone: false, sampled: false, unsampled: false }],
  ['traceidratio', '0', { alone: false, sampled: false, unsampled: false }],
  ['traceidratio', '1', { alone: true, sampled: true, unsampled: true }],
  ['parentbased_always_on', '1', { alone: true, sampled: true, unsampled: false }],
  ['parentbased_always_off', '1', { alone: false, sampled: true, unsampled: false }],
  ['parentbased_traceidratio', '0', { alone: false, sampled: true, unsampled: false }],
])(
  'the sampler %s with %s decides as the standard says, alone and below a caller',
  async (...row) => {
    const [name, share, expected] = row
    const isSampled = await samplerOf(name, share)
    expect({
      alone: isSampled(),
      sampled: isSampled(TraceFlags.SAMPLED),
      unsampled: isSampled(TraceFlags.NONE),
    }).toEqual(expected)
  },
)

test('traceidratio traces the share that it is given', async () => {
  const isSampled = await samplerOf('traceidratio', '0.25')
  const traced = Array.from({ length: 2000 }, () => isSampled()).filter(Boolean)
  expect(traced.length).toBeGreaterThan(350)
  expect(traced.length).toBeLessThan(650)
})
