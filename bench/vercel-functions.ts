import { lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constantTask } from '#bench/peers/constant-task'
import { versionOf } from '#bench/servers'
import { toTable, whole } from '#bench/tables'
import {
  buildOnVercel,
  deployment,
  linkPackages,
  runBuilder,
  vercelBuild,
} from '#tests/support/vercel-build'
import { layOut, type VercelFunction, vercelFunctions } from '#tests/support/vercel-output'

const constantApp = join(vercelBuild, '..', 'vercel-constant')

/** The functions to start: the service's, and a Next app's that has one route with a constant. */
export async function buildFunctions(): Promise<{ service: string; constant: string }> {
  await buildOnVercel()
  rmSync(constantApp, { recursive: true, force: true })
  mkdirSync(join(constantApp, 'app/api/tasks'), { recursive: true })
  const body = JSON.stringify(constantTask)
  const files = {
    'package.json': JSON.stringify({ dependencies: { next: versionOf('next') } }),
    'app/api/tasks/route.js': `export const dynamic = 'force-dynamic'
export const GET = () => Response.json(${body})`,
  }
  for (const [path, content] of Object.entries(files))
    writeFileSync(join(constantApp, path), content)
  linkPackages(constantApp)
  // A dependency of the service's own, which Next would load in its server where it finds it.
  rmSync(join(constantApp, 'node_modules/@opentelemetry'), { recursive: true })
  await runBuilder(constantApp)
  const constant = `${deployment}-constant`
  layOut(constantApp, constant)
  const main = (folder: string, name: string) => join(folder, 'functions', `${name}.func`)
  return {
    service: main(deployment, largest(vercelBuild).name),
    constant: main(constant, largest(constantApp).name),
  }
}

/** The functions that are deployed, and what the one with the routes is made of. */
export function sizeTables(): string {
  const functions = [vercelBuild, constantApp].flatMap((folder) =>
    vercelFunctions(folder).map(({ name, files, bytes }) => [
      `${folder === constantApp ? 'constant route' : 'service'}: \`${name}\``,
      ...[whole(files.size), megabytes(bytes)],
    ]),
  )
  const groups = new Map<string, number[]>()
  for (const [path, file] of largest(vercelBuild).files) {
    const name = groupOf(path)
    groups.set(name, [...(groups.get(name) ?? []), lstatSync(file).size])
  }
  const parts = [...groups]
    .map(([name, sizes]) => ({ name, sizes, bytes: sizes.reduce((sum, size) => sum + size, 0) }))
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ name, sizes, bytes }) => [name, whole(sizes.length), megabytes(bytes)])
  return [
    toTable(['function', 'files', 'MB'], functions),
    toTable(["the service's routes are", 'files', 'MB'], parts),
  ].join('\n\n')
}

function groupOf(path: string): string {
  if (path.startsWith('.next/server/chunks/ssr/')) return "Next's own error pages, built"
  if (path.startsWith('.next/server/')) return 'our modules with their packages, built'
  if (path.startsWith('.data/reference/')) return 'Swagger UI, compressed'
  if (/^node_modules\/(next|react|styled-jsx|@swc|client-only)\//.test(path)) return "Next's server"
  return path.startsWith('node_modules/') ? 'other packages' : 'manifests, launcher'
}

/** Each route is a link to it. */
function largest(folder: string): VercelFunction {
  const [first, ...others] = vercelFunctions(folder)
  if (first === undefined) throw new Error(`Vercel's builder left no function in ${folder}.`)
  return others.reduce((most, each) => (each.bytes > most.bytes ? each : most), first)
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2)
}
