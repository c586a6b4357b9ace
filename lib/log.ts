import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { env, withoutPassword } from '#lib/config/env'

/** What may wait to be written. Only an output that takes nothing lets so much come together. */
const waitingBytes = 4 * 1024 * 1024
/** How long the end of the process waits until its last lines are read. */
const lastLinesMs = 1000

let logger: Logger | undefined

/**
 * The log: JSON lines on standard output, and readable lines in development. Never give it a token,
 * a cookie, a body or a connection string; errors go through `describeError`.
 */
export function log(): Logger {
  if (logger !== undefined) return logger
  const options = {
    level: env().LOG_LEVEL,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: describeError },
    // By itself pino repeats the message of `err` as `msg`, as it is.
    errorKey: 'none',
  }
  const transport = { target: 'pino-pretty', options: { singleLine: true } }
  logger =
    env().NODE_ENV === 'development'
      ? pino({ ...options, transport })
      : pino({ ...options, formatters: { level: (level) => ({ level }) } }, standardOutput())
  return logger
}

/**
 * Standard output, where its disk may be full, and whoever reads it may have stopped. Then lines wait
 * up to a limit, and those beyond are lost. By itself pino would end the process with the first line
 * that cannot be written, keep all lines in memory, and at the exit try for ever to write them.
 */
function standardOutput(): DestinationStream {
  let isBroken = false
  let giveUpAt = Number.POSITIVE_INFINITY
  const output = destination({
    ...{ dest: process.stdout.fd, sync: false, maxLength: waitingBytes },
    retryEAGAIN: () => performance.now() < giveUpAt,
  })
  output.on('error', () => {
    isBroken = true
  })
  output.on('write', () => {
    isBroken = false
  })
  const flushSync = output.flushSync.bind(output)
  output.flushSync = () => {
    giveUpAt = performance.now() + lastLinesMs
    try {
      if (!isBroken) flushSync()
    } catch {
      // Nobody reads them, and there is no other place to say so.
    }
  }
  return output
}

/** SQLSTATE classes whose messages repeat what a user sent: 22 (data), 23 (constraints). */
const quotesInput = /^2[23]/

/** What the log may have of an error: no value that a user sent, and no password of a URL. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const { code, constraint, routine } = error as Error & Record<string, unknown>
  const message =
    typeof code === 'string' && quotesInput.test(code)
      ? '(withheld: it repeats what was sent)'
      : error.message.replaceAll(/:\/\/\S+/g, withoutPassword)
  return {
    type: error.name,
    message,
    ...(code !== undefined && { code }),
    ...(constraint !== undefined && { constraint, routine }),
    stack: callsOf(error),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  }
}

/** The calls in a stack, without the message in front of them, which may have several lines. */
function callsOf({ stack = '', message }: Error): string[] {
  const lines = stack.replace(message, () => '').split('\n')
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '))
}
