import { env, hasValue, withoutPassword } from '#lib/config/env'
import { hasEdges } from '#lib/config/env-values'
import { type Check, failedAsTold, passed } from '#tools/doctor/check'

const name = 'environment'

/** Whether the service would start with these variables. All other checks need them. */
export function checkEnvironment(): Check[] {
  try {
    const url = withoutPassword(env().DATABASE_URL)
    const sessions = env().SESSION_TOKENS || 'off'
    const mode = hasValue('NODE_ENV', 'production') ? 'production' : 'development'
    const edges = hasEdges(env().BETTER_AUTH_SECRET)
      ? '; BETTER_AUTH_SECRET has quotes or white space at its ends, which count'
      : ''
    const found = `complete, read as in ${mode}: database ${url}, session tokens ${sessions}${edges}`
    return [passed(name, found)]
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return message.split('\n').map(toCheck)
  }
}

/** A remedy that is a whole value becomes the line to write into `.env.local`. */
function toCheck(line: string): Check {
  const [variable] = line.split(' ')
  const check = failedAsTold(name, line)
  return {
    ...check,
    remedy: (check.remedy ?? line).replace(/^Set it to (\S+)$/, `${variable}=$1`),
  }
}
