import { type NextRequest, NextResponse } from 'next/server'
import { answerPreflight, isPreflight } from '#lib/http/cors'

/** CORS: answers the browser's own question. Its headers on other answers: `lib/http/with-request.ts`. */
export function middleware(request: NextRequest): Response {
  return isPreflight(request) ? answerPreflight(request) : NextResponse.next()
}

/**
 * Browsers ask once in two hours; other requests need not pay for what middleware costs. None with
 * a body gets here: Next would keep up to 10 MB of it, before anybody asks for credentials.
 */
export const config = {
  runtime: 'nodejs',
  matcher: [
    {
      source: '/:path*',
      has: [{ type: 'header', key: 'access-control-request-method' }],
      missing: [
        { type: 'header', key: 'content-length', value: '.*[^0].*' },
        { type: 'header', key: 'transfer-encoding' },
      ],
    },
  ],
}
