import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { runSql } from '#tests/support/postgres'
import { tokenFor } from '#tests/support/tokens'

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly text: string
  readonly durationMs: number
  /** The body as what the test expects it to be. */
  json<T = Body>(): T
}

export interface CallOptions {
  /** The user whose token is sent. */
  readonly as?: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is. */
  readonly raw?: BodyInit
  readonly headers?: Record<string, string>
}

/**
 * Sends a request as a client does, without following a redirect.
 *
 * @param ask who answers it: by default the server of its URL
 */
export async function request<Body>(
  url: string,
  method: string,
  options: CallOptions,
  ask: (url: string, init: RequestInit) => Promise<Response> = fetch,
): Promise<Answer<Body>> {
  const headers = new Headers(options.headers)
  if (options.as !== undefined) headers.set('authorization', `Bearer ${await tokenFor(options.as)}`)
  let body = options.raw
  if (options.body !== undefined) {
    body = JSON.stringify(options.body)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
  }
  const init = { method, headers, redirect: 'manual', duplex: 'half' } as const
  const startedAt = performance.now()
  const response = await ask(url, body === undefined ? init : { ...init, body })
  const text = await response.text()
  const durationMs = performance.now() - startedAt
  const { status, statusText, headers: answered } = response
  return { status, statusText, headers: answered, text, durationMs, json: () => JSON.parse(text) }
}

/** Sends a request to a service that a test has started itself. */
export function send(
  url: string,
  method: string,
  path: string,
  as?: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return request(url + path, method, { ...(as !== undefined && { as }), body, headers })
}

/** Creates a task by a service that a test has started itself, and returns its id. */
export async function createBy(url: string, as: string, title = 'Buy milk'): Promise<string> {
  const sent = await send(url, 'POST', '/api/tasks', as, { title })
  if (sent.status !== 201) throw new Error(`No task was created: ${sent.status} ${sent.text}`)
  return String(sent.json()['id'])
}

/** The same, with 1 for the version that it starts at, which is otherwise any number. */
export async function createAtOne(url: string, databaseUrl: string, as: string): Promise<string> {
  const id = await createBy(url, as)
  await runSql(databaseUrl, `update tasks set version = 1 where id = '${id}'`)
  return id
}

/** The head of a request, of a line without its version and of headers without the host. */
export function headOf(line: string, ...headers: string[]): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')
}

/** The same with a user's token. */
export async function headBy(user: string, line: string, ...headers: string[]): Promise<string> {
  return headOf(line, `Authorization: Bearer ${await tokenFor(user)}`, ...headers)
}

/** Sends a request line and headers that no client library would send; returns the whole answer. */
export async function sendRaw(url: string, lines: readonly string[]): Promise<string> {
  const socket = await openSocket(url)
  const head = [...lines, 'Host: localhost', 'Connection: close', '', '']
  socket.write(head.join('\r\n'), 'latin1')
  return await text(socket)
}

/** The same, with the answer taken apart. */
export async function readRaw(url: string, lines: readonly string[]) {
  const [head = '', body = ''] = (await sendRaw(url, lines)).split(/\r\n\r\n(.*)/s)
  return { status: Number(head.split(' ')[1]), head, body }
}

/** A connection to the service. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}
