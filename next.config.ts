import type { NextConfig } from 'next'

/** `TASKS_PATH` as a pattern of Next, and what it stands for, as in `lib/tasks/tasks-path.ts`. */
const tasksPath = (process.env['TASKS_PATH'] ?? '').replace('{user_id}', ':userId')
const servedPath = tasksPath.includes(':userId') ? '/api/:userId/tasks' : '/api/tasks'

const isOnVercel = process.env['VERCEL'] === '1'

/**
 * Bundles two packages that Next leaves outside by default, because a new function would read a
 * hundred files of them. Pino starts threads from files of its own. Only development uses those
 * threads, so a stub replaces them here.
 */
const bundledOnVercel: NextConfig = {
  transpilePackages: ['pg', 'pino'],
  turbopack: { resolveAlias: { 'thread-stream': './lib/observability/no-threads.ts' } },
}

const config: NextConfig = {
  // Browsers fail a preflight that is redirected, so a trailing slash is served as it is.
  skipTrailingSlashRedirect: true,
  // X-Powered-By tells attackers which framework this is.
  poweredByHeader: false,
  // Compression needs another ETag, and costs memory and time. A proxy or platform in front can do
  // it. Plain Node does not compress either.
  compress: false,
  // These packages load files from their own folders, which a bundle would not have.
  serverExternalPackages: ['@electric-sql/pglite', 'pino-pretty', 'swagger-ui-dist'],
  ...(isOnVercel && bundledOnVercel),
  // Vercel's function reads these files for the reference page, and no module imports them.
  outputFileTracingIncludes: { '/docs/\\[file\\]': ['./.data/reference/*'] },
  // Next has its own copy of OpenTelemetry's API, and the packages of our traces are in a bundle.
  outputFileTracingExcludes: {
    '**': ['node_modules/swagger-ui-dist/**', 'node_modules/@opentelemetry/**'],
  },
  env: { BUILT_ON_VERCEL: isOnVercel ? '1' : '' },
  // Before the files, because `/api/[userId]` would take a path such as `/api/todos`; see ADR 0069.
  rewrites: async () => ({
    beforeFiles: (tasksPath === '' ? [] : ['', '/:path*']).map((part) => ({
      source: tasksPath + part,
      destination: servedPath + part,
    })),
  }),
  // `npm run typecheck` checks the types, of the tests too.
  typescript: { ignoreBuildErrors: true },
  // Otherwise Next redirects a request that has the header `RSC`.
  experimental: { validateRSCRequestHeaders: false },
  // Keeps `next dev` from writing files of its own into the repository.
  agentRules: false,
}

export default config
