import { type NextRequest, NextResponse } from 'next/server'
import { addCorsHeaders, answerPreflight, isPreflight } from '#lib/cors'

/** CORS, on every response to a browser. The rules are in `lib/cors.ts`. */
export function middleware(request: NextRequest): Response {
  if (isPreflight(request)) return answerPreflight(request)
  const response = NextResponse.next()
  addCorsHeaders(request, response.headers)
  return response
}

/** Only browsers send `Origin`; other clients need not pay for what middleware costs. */
export const config = {
  runtime: 'nodejs',
  matcher: [{ source: '/:path*', has: [{ type: 'header', key: 'origin' }] }],
}
