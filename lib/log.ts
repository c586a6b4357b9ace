import { type Logger, pino, stdTimeFunctions } from 'pino'
import { env, withoutPassword } from '#lib/config/env'

let logger: Logger | undefined

/**
 * The log: JSON lines on standard output, and readable lines in development. Never give it a token,
 * a cookie, a body or a connection string; errors go through `describeError`.
 */
export function log(): Logger {
  logger ??= pino({
    level: env().LOG_LEVEL,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    serializers: { err: describeError },
    ...(env().NODE_ENV === 'development' && {
      formatters: {},
      transport: { target: 'pino-pretty', options: { singleLine: true } },
    }),
  })
  return logger
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
      : error.message.replaceAll(/\S+:\/\/\S+/g, withoutPassword)
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
