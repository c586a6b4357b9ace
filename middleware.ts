import { type NextRequest, NextResponse } from 'next/server'
import { answerPreflight, isPreflight } from '#lib/http/cors'

/** CORS: answers the browser's own question. Its headers on other answers: `lib/http/with-request.ts`. */
export function middleware(request: NextRequest): Response {
  return isPreflight(request) ? answerPreflight(request) : NextResponse.next()
}

/** Browsers ask once in two hours; other requests need not pay for what middleware costs. */
export const config = {
  runtime: 'nodejs',
  matcher: [{ source: '/:path*', has: [{ type: 'header', key: 'access-control-request-method' }] }],
}
