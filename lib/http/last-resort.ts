import { STATUS_CODES } from 'node:http'
import { type Answer, standingHeaders } from '#lib/http/answer'
import { openToAll } from '#lib/http/cors'
import { Problem, problemAnswer } from '#lib/http/errors'
import { log } from '#lib/log'

/**
 * The answer where even the answer to an error has failed. It reads nothing of the request, because
 * reading the request may be what failed, and logs what was thrown under an id of its own.
 */
export function lastResort(thrown: unknown): Required<Answer> & { readonly statusText: string } {
  const requestId = crypto.randomUUID()
  try {
    log().error({ event: 'fault', code: 'internal_error', requestId, err: thrown })
  } catch (error) {
    // `next dev` has read a setting that is not valid, and only the terminal is left to say so.
    console.error(error)
  }
  return answerToAll(new Problem('internal_error', 'Something went wrong on our side.'), requestId)
}

/** The answer with an error that every page can read, where the request cannot be read or asked. */
export function answerToAll(
  problem: Problem,
  requestId: string,
): Required<Answer> & { readonly statusText: string } {
  const { status = problem.status, headers, body = '' } = problemAnswer(problem, requestId)
  const all = { ...standingHeaders, ...openToAll, ...headers, 'x-request-id': requestId }
  return { status, statusText: STATUS_CODES[status] ?? '', headers: all, body }
}
