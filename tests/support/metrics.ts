export const metricsToken = 'a token for the tests'

/**
 * Reads `/metrics` of a service that has `metricsToken`, as Prometheus does.
 *
 * @returns its text, and the value of `name{label="value"}`: 0 of what has not happened yet
 */
export async function readMetrics(url: string) {
  const headers = { authorization: `Bearer ${metricsToken}` }
  const response = await fetch(`${url}/metrics`, { headers })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/metrics: ${response.status} ${text}`)
  const samples = text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)
  const values = new Map(Array.from(samples, ([, sample, value]) => [sample, Number(value)]))
  return { text, of: (sample: string) => values.get(sample) ?? 0 }
}
