import { env } from '#lib/config/env'
import { allowedOrigin } from '#lib/http/cors'
import { type Check, failed, passed } from '#tools/doctor/check'

const timeoutMs = 5000

const serviceUrl = () => `http://localhost:${env().PORT}`

/** Whether the service runs on `PORT` and is ready. */
export async function isServiceReady(): Promise<boolean> {
  return (await ask('/health/ready'))?.ok === true
}

/** Whether pages of the frontend may call, by the settings and by a preflight to the service. */
export async function checkOrigin(frontend: string | undefined): Promise<Check> {
  const name = 'origin'
  const origins = env().CORS_ORIGINS.join(',')
  if (frontend === undefined) return passed(name, `CORS_ORIGINS has ${origins}`)
  const headers = {
    origin: frontend,
    'access-control-request-method': 'PATCH',
    'access-control-request-headers': 'authorization, content-type',
  }
  if (allowedOrigin(new Request(serviceUrl(), { headers })) === undefined) {
    const remedy = `CORS_ORIGINS=${[...env().CORS_ORIGINS, frontend].join(',')}`
    return failed(name, `CORS_ORIGINS has ${origins}, and not ${frontend}`, remedy)
  }
  const preflight = (await isService())
    ? await ask('/api/tasks', { method: 'OPTIONS', headers })
    : undefined
  if (preflight === undefined) {
    const found = `CORS_ORIGINS has ${frontend}; the service does not run on ${serviceUrl()}`
    return passed(name, found)
  }
  return preflight.headers.get('access-control-allow-origin') === frontend
    ? passed(name, `a preflight from ${frontend} is answered`)
    : failed(
        name,
        `the service on ${serviceUrl()} refuses ${frontend}, which CORS_ORIGINS has`,
        'Start the service again: it runs with an earlier CORS_ORIGINS.',
      )
}

/** Whether it is this service that listens on the port, and no other program. */
async function isService(): Promise<boolean> {
  const body = await (await ask('/health'))?.text()
  return body === '{"status":"ok"}'
}

/** @returns undefined if nothing answers */
async function ask(path: string, init: RequestInit = {}): Promise<Response | undefined> {
  const signal = AbortSignal.timeout(timeoutMs)
  return await fetch(serviceUrl() + path, { ...init, signal }).catch(() => undefined)
}
