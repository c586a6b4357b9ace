import { type NextRequest, NextResponse } from 'next/server'
import { answerPreflight, isPreflight } from '#lib/http/cors'

/** Answers CORS preflights. `lib/http/with-request.ts` adds the CORS headers to other answers. */
export function middleware(request: NextRequest): Response {
  return isPreflight(request) ? answerPreflight(request) : NextResponse.next()
}

/**
 * Only preflights run this middleware, so that other requests do not pay for it. Requests with a
 * body are left out, because Next would buffer up to 10 MB of it before credentials are checked.
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
