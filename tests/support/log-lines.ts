/** A line of the service's log. */
export type LogLine = Readonly<Record<string, unknown>> & {
  readonly event: string
  readonly level: string
}

/** In production a line is JSON. */
const line = /^(\{.*"event":.*\})$/
/** `next dev` prints it for people: level, message, fields, and the error below them. */
const paragraph = /^\[[\d:.]+\] (\w+): [\s\S]*?(\{"event":.*\})$(?:\n {4}err: (\{[\s\S]*?^ {4}\}))?/
const either = new RegExp(`${line.source}|${paragraph.source}`, 'gm')

/** The lines of the log about a request. */
export function linesAbout(service: { output(): string }, requestId: string): LogLine[] {
  return logLines(service.output()).filter((line) => line['requestId'] === requestId)
}

/** The lines of the log in what a service has printed; what the host prints itself is none. */
export function logLines(printed: string): LogLine[] {
  return Array.from(printed.matchAll(either), ([, json, level = '', fields = '', err]) =>
    json === undefined
      ? {
          level: level.toLowerCase(),
          ...JSON.parse(fields),
          ...(err !== undefined && { err: JSON.parse(err) }),
        }
      : JSON.parse(json),
  )
}
