import { cpSync, globSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A function of a deployment. */
export interface VercelFunction {
  /** Such as `_middleware`. */
  readonly name: string
  /** The paths in it of what is deployed. */
  readonly files: ReadonlySet<string>
  readonly bytes: number
}

const configs = 'functions/**/*.func/.vc-config.json'

/** The functions of a deployment, as `layOut` makes it. Most routes are links to one of them. */
export function vercelFunctions(deployment: string): VercelFunction[] {
  const folders = globSync(configs, { cwd: deployment }).map(dirname).sort()
  return folders.map((folder) => {
    const own = join(deployment, folder)
    const files = readdirSync(own, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && entry.name !== '.vc-config.json')
      .map((entry) => join(entry.parentPath, entry.name))
    const bytes = files.reduce((sum, file) => sum + lstatSync(file).size, 0)
    const name = folder.slice('functions/'.length, -'.func'.length)
    return { name, files: new Set(files.map((file) => file.slice(own.length + 1))), bytes }
  })
}

/**
 * Copies the output of the build in a folder, and into each function the files that it takes from the
 * sources and their packages.
 */
export function layOut(folder: string, target: string): void {
  const options = { recursive: true, verbatimSymlinks: true }
  const fresh = `${target}-${process.pid}`
  rmSync(fresh, { recursive: true, force: true })
  cpSync(join(folder, '.vercel/output'), fresh, options)
  for (const config of globSync(configs, { cwd: fresh })) {
    const text = readFileSync(join(fresh, config), 'utf8')
    const { filePathMap }: { filePathMap: Record<string, string> } = JSON.parse(text)
    for (const [path, from] of Object.entries(filePathMap)) {
      const file = join(folder, from)
      // The builder names folders, links to them, and the files in them.
      if (lstatSync(file).isDirectory()) continue
      cpSync(file, join(fresh, dirname(config), path), options)
    }
  }
  rmSync(target, { recursive: true, force: true })
  renameSync(fresh, target)
}
