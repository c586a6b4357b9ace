/** What `/metrics` says, in the text format of Prometheus. */
export interface Metrics {
  readonly text: string
  /** The value of `name{label="value"}`; 0 of what has not happened yet. */
  of(sample: string): number
}

export const metricsToken = 'a token for the tests'

/** Reads `/metrics` of a service that has `metricsToken`, as Prometheus does. */
export async function readMetrics(url: string): Promise<Metrics> {
  const headers = { authorization: `Bearer ${metricsToken}` }
  const response = await fetch(`${url}/metrics`, { headers })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/metrics: ${response.status} ${text}`)
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const [, sample, value] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
      return sample === undefined ? [] : [[sample, Number(value)] as const]
    }),
  )
  return { text, of: (sample) => values.get(sample) ?? 0 }
}
