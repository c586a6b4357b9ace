import { execFileSync } from 'node:child_process'
import { type CorePlan, moveToCores, planCores } from '#bench/machine'
import { type Network, startNetwork } from '#bench/network'
import type { Options } from '#bench/options'
import { type BenchPostgres, startPostgres } from '#bench/postgres'
import { type RunningServer, startServer } from '#bench/running'
import { type Target, targetsFor } from '#bench/servers'

/** Everything that a run stands on: Postgres, migrated, and the servers, each started when asked for. */
export interface Rig {
  readonly postgres: BenchPostgres
  readonly cores: CorePlan | undefined
  readonly targets: readonly Target[]
  readonly network: Network | undefined
  running(target: Target): Promise<RunningServer>
}

export interface RigOptions extends Options {
  /** The targets where `only` names none; all where this does not either. */
  readonly standard?: readonly string[]
}

/** Sets a rig up for as long as `use` takes, for the targets that are chosen by their names. */
export async function withRig(
  { only, settings, base, commitMs, networkMs, standard }: RigOptions,
  use: (rig: Rig) => Promise<void>,
): Promise<void> {
  const cores = planCores()
  const postgres = await startPostgres(commitMs)
  const network = networkMs && (await startNetwork(postgres.url, networkMs))
  const servers = new Map<string, Promise<RunningServer>>()
  try {
    execFileSync(process.execPath, ['scripts/migrate.ts'], {
      env: { ...process.env, DATABASE_URL: postgres.url, BETTER_AUTH_SECRET: 'x'.repeat(32) },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const all = targetsFor(network?.url ?? postgres.url, settings, base)
    const targets = chosen(all, only, standard).filter(isPresent)
    for (const build of new Set(targets.map((target) => target.build))) await build?.()
    moveToCores(process.pid, cores?.generator)
    moveToCores(postgres.pid, cores?.postgres)
    await use({
      ...{ postgres, cores, targets, network },
      running(target) {
        const running = servers.get(target.name) ?? startServer(target, cores?.server)
        servers.set(target.name, running)
        return running
      },
    })
  } finally {
    for (const running of await Promise.allSettled(servers.values())) {
      if (running.status === 'fulfilled') await running.value.stop()
    }
    await network?.close()
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

function isPresent({ missing }: Target): boolean {
  const hint = missing?.()
  if (hint !== undefined) console.log(hint)
  return hint === undefined
}
