import type { NextConfig } from 'next'

const config: NextConfig = {
  // A redirected preflight fails in every browser; with a trailing slash the same route answers.
  skipTrailingSlashRedirect: true,
  // X-Powered-By says which framework to attack.
  poweredByHeader: false,
  // PGlite and Swagger UI find files beside their own, and pino starts workers from theirs.
  serverExternalPackages: ['@electric-sql/pglite', 'pino', 'pino-pretty', 'swagger-ui-dist'],
  // Next would leave it out of the bundles, and a new process would read thirty files.
  transpilePackages: ['pg'],
  // No module imports these files: the reference page of Vercel's function reads them.
  outputFileTracingIncludes: { '/docs/\\[file\\]': ['./.data/reference/*'] },
  // Next has a copy of OpenTelemetry's interface; tracing has its packages in a bundle of its own.
  outputFileTracingExcludes: {
    '**': [
      'node_modules/swagger-ui-dist/**',
      'node_modules/@opentelemetry/**',
      'node_modules/thread-stream/{bench,test}*/**',
    ],
  },
  env: { BUILT_ON_VERCEL: process.env['VERCEL'] ?? '' },
  // `npm run typecheck` is stricter, and covers the tests too; a build is for building.
  typescript: { ignoreBuildErrors: true },
  // Keeps `next dev` from writing files of its own into the repository.
  agentRules: false,
}

export default config
