import { Client } from 'undici'

export interface BenchRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: string
}

export interface BenchAnswer {
  readonly status: number
  readonly text: string
}

/** One kept-alive connection that carries one request after the other, as a browser tab's would. */
export class Connection {
  readonly #client: Client

  constructor(url: string) {
    const noTimeout = { headersTimeout: 0, bodyTimeout: 0, connectTimeout: 60_000 }
    this.#client = new Client(url, { pipelining: 1, keepAliveTimeout: 600_000, ...noTimeout })
  }

  /** Sends a request. @throws what broke the connection */
  send(request: BenchRequest): Promise<BenchAnswer> {
    const { method, path, headers, body = null } = request
    return new Promise((resolve, reject) => {
      let status = 0
      const chunks: Buffer[] = []
      this.#client.dispatch(
        { method, path, headers, body },
        {
          onRequestStart() {},
          onResponseStart(_controller, code) {
            status = code
          },
          onResponseData(_controller, chunk) {
            chunks.push(chunk)
          },
          onResponseEnd() {
            resolve({
              status,
              get text() {
                return Buffer.concat(chunks).toString()
              },
            })
          },
          onResponseError: (_controller, error) => reject(error),
        },
      )
    })
  }

  async close(): Promise<void> {
    await this.#client.destroy()
  }
}
