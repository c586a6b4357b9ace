import { execFileSync } from 'node:child_process'
import { type CorePlan, moveToCores, planCores } from '#bench/cores'
import type { Options } from '#bench/options'
import { type BenchPostgres, startPostgres } from '#bench/postgres'
import { type RunningServer, startServer } from '#bench/running'
import { type Target, targetsFor } from '#bench/servers'

/** Everything that a run stands on: Postgres, migrated, and the servers, each started when asked for. */
export interface Rig {
  readonly postgres: BenchPostgres
  readonly cores: CorePlan | undefined
  readonly targets: readonly Target[]
  /** The server of a target; targets may share one. */
  running(target: Target): Promise<RunningServer>
  stopServers(): Promise<void>
}

export interface RigOptions extends Pick<Options, 'only' | 'settings' | 'base'> {
  /** The targets where `only` names none; all where this does not either. */
  readonly standard?: readonly string[]
  /** Whether commits reach the disk. */
  readonly durable?: boolean
}

/** Sets a rig up for as long as `use` takes, for the targets that are chosen by their names. */
export async function withRig(
  { only, settings, base, standard, durable = false }: RigOptions,
  use: (rig: Rig) => Promise<void>,
): Promise<void> {
  const cores = planCores()
  const postgres = await startPostgres(durable)
  const servers = new Map<string, Promise<RunningServer>>()
  const stopServers = async () => {
    const running = await Promise.allSettled(servers.values())
    servers.clear()
    for (const result of running) if (result.status === 'fulfilled') await result.value.stop()
  }
  try {
    execFileSync(process.execPath, ['scripts/migrate.ts'], {
      env: { ...process.env, DATABASE_URL: postgres.url, BETTER_AUTH_SECRET: 'x'.repeat(32) },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const all = targetsFor(postgres.url, settings, base)
    const targets = chosen(all, only, standard).filter(isPresent)
    for (const build of new Set(targets.map(({ server }) => server.build))) await build?.()
    moveToCores(process.pid, cores?.generator)
    moveToCores(postgres.pid, cores?.postgres)
    await use({
      ...{ postgres, cores, targets, stopServers },
      running(target) {
        const { server } = target
        const running = servers.get(server.name) ?? startServer(server, cores?.server)
        servers.set(server.name, running)
        return running
      },
    })
  } finally {
    await stopServers()
    await postgres.stop()
  }
}

/** Those of the things that `--only` names; where it names none of them, the standard ones. */
export function chosen<Thing extends { name: string }>(
  things: readonly Thing[],
  only: readonly string[],
  standard: readonly string[] = [],
): Thing[] {
  const named = things.filter(({ name }) => only.includes(name))
  if (named.length > 0) return named
  return things.filter(({ name }) => standard.length === 0 || standard.includes(name))
}

function isPresent({ server }: Target): boolean {
  const missing = server.missing?.()
  if (missing !== undefined) console.log(missing)
  return missing === undefined
}
