import type { NextConfig } from 'next'

const isOnVercel = process.env['VERCEL'] === '1'

/**
 * Packages that Next would leave out of the bundles. A new function would read a hundred files of
 * them. Pino starts threads from its own, which only development does, so it has none there.
 */
const bundledOnVercel: NextConfig = {
  transpilePackages: ['pg', 'pino'],
  turbopack: { resolveAlias: { 'thread-stream': './lib/observability/no-threads.ts' } },
}

const config: NextConfig = {
  // A redirected preflight fails in every browser; with a trailing slash the same route answers.
  skipTrailingSlashRedirect: true,
  // X-Powered-By says which framework to attack.
  poweredByHeader: false,
  // A compressed answer would need another ETag, and costs memory and time that a proxy or a platform
  // in front has. Plain Node compresses nothing either.
  compress: false,
  // PGlite and Swagger UI find files beside their own, and pino starts workers from theirs.
  serverExternalPackages: ['@electric-sql/pglite', 'pino-pretty', 'swagger-ui-dist'],
  ...(isOnVercel && bundledOnVercel),
  // No module imports these files: the reference page of Vercel's function reads them.
  outputFileTracingIncludes: { '/docs/\\[file\\]': ['./.data/reference/*'] },
  // Next has a copy of OpenTelemetry's interface; tracing has its packages in a bundle of its own.
  outputFileTracingExcludes: {
    '**': ['node_modules/swagger-ui-dist/**', 'node_modules/@opentelemetry/**'],
  },
  env: { BUILT_ON_VERCEL: isOnVercel ? '1' : '' },
  // `npm run typecheck` is stricter, and covers the tests too; a build is for building.
  typescript: { ignoreBuildErrors: true },
  // Next would answer a request that has the header `RSC` by a redirect.
  experimental: { validateRSCRequestHeaders: false },
  // Keeps `next dev` from writing files of its own into the repository.
  agentRules: false,
}

export default config
