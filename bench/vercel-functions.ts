import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
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
const constant = `${deployment}-constant`

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
  layOut(constantApp, constant)
  const main = (folder: string, name: string) => join(folder, 'functions', `${name}.func`)
  return {
    service: main(deployment, largest(deployment).name),
    constant: main(constant, largest(constant).name),
  }
}

/** The functions that are deployed. */
export function sizeTable(): string {
  const rows = [deployment, constant].flatMap((folder) =>
    vercelFunctions(folder).map(({ name, files, bytes }) => [
      `${folder === constant ? 'constant route' : 'service'}: \`${name}\``,
      ...[whole(files.size), (bytes / 1e6).toFixed(2)],
    ]),
  )
  return toTable(['function', 'files', 'MB'], rows)
}

/** Each route is a link to it. */
function largest(folder: string): VercelFunction {
  const [first, ...others] = vercelFunctions(folder)
  if (first === undefined) throw new Error(`Vercel's builder left no function in ${folder}.`)
  return others.reduce((most, each) => (each.bytes > most.bytes ? each : most), first)
}
