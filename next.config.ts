import type { NextConfig } from 'next'

const config: NextConfig = {
  // A redirected preflight fails in every browser; with a trailing slash the same route answers.
  skipTrailingSlashRedirect: true,
  // X-Powered-By says which framework to attack.
  poweredByHeader: false,
  // A compressed answer would need another ETag, and costs memory and time that a proxy or a platform
  // in front has. Plain Node compresses nothing either.
  compress: false,
  // PGlite and Swagger UI find files beside their own, and pino starts workers from theirs.
  // OpenTelemetry stays out of the bundles: most services never load it.
  serverExternalPackages: [
    '@electric-sql/pglite',
    'pino',
    'pino-pretty',
    'swagger-ui-dist',
    '@opentelemetry/core',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-trace',
    '@opentelemetry/exporter-trace-otlp-http',
    '@opentelemetry/exporter-trace-otlp-proto',
  ],
  // No module imports these files: the reference page reads them.
  outputFileTracingIncludes: {
    '/docs/\\[file\\]': ['./node_modules/swagger-ui-dist/{swagger-ui.css,swagger-ui-bundle.js}'],
  },
  // `npm run typecheck` is stricter, and covers the tests too; a build is for building.
  typescript: { ignoreBuildErrors: true },
  // Next would answer a request that has the header `RSC` by a redirect.
  experimental: { validateRSCRequestHeaders: false },
  // Keeps `next dev` from writing files of its own into the repository.
  agentRules: false,
}

export default config
